/* SPDX-License-Identifier: MIT */
/* fuzz_http1.c - any bytes as requests and answers: fed whole and in pieces, the outcome is the same; targets are cut safely. */
#include "base/assert.h"
#include "proto/http1.h"
#include "proto/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Feed all, message after message; returns how many were complete, and in *ret_used what was taken. */
static unsigned
feed(struct http1 *h, const char *p, size_t n, size_t piece, size_t *ret_used)
{
	unsigned done = 0;
	size_t used = 0;

	while (used < n && h->state != HTTP1_BAD) {
		used += http1_feed(h, p + used, FL_MIN(piece, n - used));
		if (h->state == HTTP1_DONE) {
			done++;
			http1_next(h);
		}
	}
	*ret_used = used;
	return done;
}

static void
look_at_target(const struct http1 *h)
{
	struct url_path path;
	struct buf out;

	if (h->target == NULL || url_path_parse(h->target, &path) != 0)
		return;
	buf_init(&out, 65536);
	url_path_clean(&path, &out);
	fl_assert(buf_str(&out)[0] == '/');
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http1 whole, pieces;
	size_t used, used_pieces;
	enum http1_kind kind = size > 0 && data[0] % 2 == 0 ? HTTP1_RESPONSE : HTTP1_REQUEST;
	const char *p = (const char *)data + (size > 0);
	size_t n = size - (size > 0);

	http1_init(&whole, kind, 4096);
	http1_init(&pieces, kind, 4096);
	fl_assert(feed(&whole, p, n, n + 1, &used) == feed(&pieces, p, n, 1, &used_pieces));
	fl_assert(whole.state == pieces.state && whole.status == pieces.status);
	if (whole.state != HTTP1_BAD) {
		fl_assert(used == used_pieces && buf_len(&whole.body) == buf_len(&pieces.body));
		look_at_target(&whole);
	}
	http1_eof(&whole);
	fl_assert(whole.state == HTTP1_DONE || whole.state == HTTP1_BAD);
	http1_fini(&whole);
	http1_fini(&pieces);
	return 0;
}
