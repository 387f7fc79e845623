/* SPDX-License-Identifier: MIT */
/*
 * fuzz_h1_body.c - any bytes as bodies: every cut has the same outcome, and a chunked body that is accepted means the same to a
 * second reader that was written without regard to the first.
 */
#include "base/assert.h"
#include "proto/h1_body.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum h1_verdict v;
	size_t taken;
	uint64_t payload;
	unsigned status;
	uint32_t sum;           /* of the payload */
};

static struct outcome
run(const char *p, size_t n, size_t first, size_t piece, struct h1_body b)
{
	struct outcome o = { .v = H1_MORE };
	struct h1_span span;
	size_t end = FL_MIN(first, n);

	o.v = h1_body_next(&b, p, 0, &span);
	for (;;) {
		while (o.taken < end && o.v == H1_MORE) {
			o.v = h1_body_next(&b, p + o.taken, end - o.taken, &span);
			for (size_t i = 0; span.kind == H1_SPAN_PAYLOAD && i < span.bytes; i++)
				o.sum = o.sum * 31 + (uint8_t)p[o.taken + i];
			o.payload += span.kind == H1_SPAN_PAYLOAD ? span.bytes : 0;
			o.taken += span.bytes;
		}
		if (o.v != H1_MORE || end == n)
			break;
		end = FL_MIN(end + piece, n);
	}
	fl_assert(o.taken <= n && (o.v == H1_BAD) == h1_body_bad(&b) && (o.v == H1_OK) == h1_body_done(&b));
	o.status = h1_body_status(&b);
	return o;
}

/* A plain reader of whole chunked bodies that are well formed: sizes by strtoul, lines up to CRLF. */
static void
read_plainly(const char *p, size_t n, const struct outcome *o)
{
	uint32_t sum = 0;
	uint64_t payload = 0;
	size_t at = 0, bytes;

	do {
		const char *eol = memmem(p + at, n - at, "\r\n", 2);

		fl_assert(eol != NULL);
		bytes = strtoul(p + at, NULL, 16);
		at = (size_t)(eol - p) + 2;
		fl_assert(n - at >= bytes);
		for (size_t i = 0; i < bytes; i++)
			sum = sum * 31 + (uint8_t)p[at + i];
		payload += bytes;
		at += bytes;
		fl_assert(bytes == 0 || memcmp(p + at, "\r\n", 2) == 0);
		at += bytes > 0 ? 2 : 0;
	} while (bytes > 0);
	while (memcmp(p + at, "\r\n", 2) != 0)
		at = (size_t)((const char *)memmem(p + at, n - at, "\r\n", 2) - p) + 2;
	fl_assert(at + 2 == n && sum == o->sum && payload == o->payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + (size > 0);
	size_t n = size - (size > 0);
	unsigned how = size > 0 ? data[0] : 0;
	enum h1_framing framing = how % 4 == 1 ? H1_LENGTH : how % 4 == 2 ? H1_CLOSE : H1_CHUNKED;
	struct outcome whole, cut;
	struct h1_body b;

	h1_body_begin(&b, framing, how / 4, how % 8 == 7 ? 64 : 0);
	whole = run(p, n, n, 1, b);
	for (size_t first = 0; first <= n; first += 1 + n / 16) {
		cut = run(p, n, first, 1 + first % 5, b);
		fl_assert(cut.v == whole.v && cut.taken == whole.taken && cut.payload == whole.payload && cut.status == whole.status &&
		    cut.sum == whole.sum);
	}
	if (whole.v == H1_OK && framing == H1_CHUNKED)
		read_plainly(p, whole.taken, &whole);
	return 0;
}
