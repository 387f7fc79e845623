/* SPDX-License-Identifier: MIT */
/* fuzz_h1_response.c - the same as fuzz_h1_request.c for answers; the first byte says which method they answer. */
#include "h1_check.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum h1_verdict
run(const char *p, size_t n, size_t first, size_t piece, enum h1_method m, struct h1_head *h)
{
	static const struct h1_limits lim;
	struct h1_scan scan = { 0 };
	size_t have = FL_MIN(first, n);
	enum h1_verdict v;

	while ((v = h1_response(p, have, &lim, &scan, m, h)) == H1_MORE && have < n)
		have = FL_MIN(have + piece, n);
	return v;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h1_head whole, cut;
	enum h1_method m = size > 0 ? (enum h1_method)(data[0] % H1_METHOD_COUNT) : H1_GET;
	const char *p = (const char *)data + (size > 0);
	size_t n = size - (size > 0);
	enum h1_verdict v = run(p, n, n, 1, m, &whole);

	fl_assert(v != H1_BAD || (whole.error != NULL && whole.status == 502));
	for (size_t first = 0; first <= n; first += 1 + n / 16) {
		fl_assert(run(p, n, first, 1 + first % 7, m, &cut) == v);
		fl_assert(v != H1_BAD || cut.error == whole.error);
		fl_assert(v != H1_OK || memcmp(&cut, &whole, offsetof(struct h1_head, first)) == 0);
	}
	if (v == H1_OK) {
		h1_check_bounds(p, &whole);
		h1_check_rewrite(p, &whole, false);
	}
	return 0;
}
