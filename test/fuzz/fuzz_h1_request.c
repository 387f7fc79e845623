/* SPDX-License-Identifier: MIT */
/*
 * fuzz_h1_request.c - any bytes as requests: texts lie within the head, what is accepted is written and read again with the same
 * meaning, and every way of cutting the bytes has the same outcome.
 */
#include "h1_check.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first `first` bytes, then `piece` more with each call. */
static enum h1_verdict
run(const char *p, size_t n, size_t first, size_t piece, const struct h1_limits *lim, struct h1_head *h)
{
	struct h1_scan scan = { 0 };
	size_t have = FL_MIN(first, n);
	enum h1_verdict v;

	while ((v = h1_request(p, have, lim, &scan, h)) == H1_MORE && have < n)
		have = FL_MIN(have + piece, n);
	return v;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct h1_head whole, cut;
	struct h1_limits lim = { 0 };
	const char *p = (const char *)data;
	enum h1_verdict v;

	if (size > 0 && data[size - 1] % 8 == 7)        /* some with limits that are met */
		lim = (struct h1_limits){ .head_bytes_max = 256, .fields_max = 4, .target_bytes_max = 32, .body_bytes_max = 1000 };
	v = run(p, size, size, 1, &lim, &whole);
	fl_assert(v != H1_BAD || (whole.error != NULL && whole.status >= 400 && whole.status <= 505));
	for (size_t first = 0; first <= size; first += 1 + size / 16) {
		fl_assert(run(p, size, first, 1 + first % 7, &lim, &cut) == v);
		fl_assert(v != H1_BAD || (cut.status == whole.status && cut.error == whole.error));
		fl_assert(v != H1_OK || memcmp(&cut, &whole, offsetof(struct h1_head, first)) == 0);
	}
	if (v == H1_OK) {
		h1_check_bounds(p, &whole);
		h1_check_rewrite(p, &whole, true);
	}
	return 0;
}
