/* SPDX-License-Identifier: MIT */
/* fuzz_jaeger.c - any text as traces of Jaeger: read or refused with a place, never past its end; what is read makes lines between named ends. */
#include "spans_check.h"

#include "proto/jaeger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jaeger *w = malloc(sizeof(*w));
	struct spans *s = check_new();
	struct span_sink sink = { .resource = spans_resource, .span = check_span, .arg = s };

	fl_assert(w != NULL);
	spans_begin(s, 0);
	int rc = jaeger_read(w, (const char *)data, size, &sink);

	fl_assert(rc == 0 || rc == -EINVAL);
	fl_assert((rc == 0) == (w->error == NULL) && w->error_at <= size);
	check_finish(s, rc, w->counts.spans);
	free(w);
	return 0;
}
