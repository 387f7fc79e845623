/* SPDX-License-Identifier: MIT */
/* fuzz_body.c - any bytes as the body of a request to the API: refused with a reason, or read; what is read prints as JSON that reads the same. */
#include "base/assert.h"
#include "control/line_body.h"
#include "control/line_json.h"
#include "proto/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read prints as something that reads again, and prints the same. */
static void
check_toxic(const struct fault_spec *f)
{
	char error[JSON_ERROR_MAX];
	struct lines_error e;
	struct fault_spec again;
	struct buf first, second;
	struct jsonw w;
	struct doc *doc;

	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	jsonw_init(&w, &first);
	line_json_toxic(&w, f);
	fl_assert(json_parse(buf_data(&first), buf_len(&first), error, &doc) == 0);
	fl_assert(line_body_toxic(doc->root, NULL, &again, &e) == 0);
	jsonw_init(&w, &second);
	line_json_toxic(&w, &again);
	fl_assert(strcmp(buf_str(&first), buf_str(&second)) == 0);
	spec_samples_unref(again.samples);
	doc_free(doc);
	buf_fini(&first);
	buf_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[JSON_ERROR_MAX] = "";
	struct lines_error e = { .status = 0 };
	struct lines_ask ask, *asks;
	struct fault_spec f;
	struct doc *doc;
	uint32_t count;
	bool lease;

	if (json_parse((const char *)data, size, error, &doc) != 0) {
		fl_assert(error[0] != '\0');
		return 0;
	}
	line_body_init(&ask);
	fl_assert(line_body_line(doc->root, "Proxy", "toxiproxy.Proxy", &ask, &e) == 0 || e.status >= 400);
	line_body_free(&ask);
	if (line_body_list(doc->root, &asks, &count, &e) == 0)
		line_body_list_free(asks, count);
	if (line_body_toxic(doc->root, NULL, &f, &e) == 0) {
		check_toxic(&f);
		spec_samples_unref(f.samples);
	}
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
		spec_init(&f, (enum fault_kind)k);
		if (line_body_toxic_update(doc->root, &f, &lease, &e) == 0)
			spec_samples_unref(f.samples);
	}
	doc_free(doc);
	return 0;
}
