/* SPDX-License-Identifier: MIT */
/* outgo.c - see outgo.h. */
#include "stream/outgo.h"

#include "base/assert.h"

#define PIECE_BYTES_MAX ((uint64_t)1 << 30)

void
outgo_init(struct outgo *o, size_t head_max)
{
	*o = (struct outgo){ .left = 0 };
	buf_init(&o->head, head_max + OUTGO_TOGETHER_MAX);
}

void
outgo_fini(struct outgo *o)
{
	buf_fini(&o->head);
}

void
outgo_begin(struct outgo *o)
{
	fl_assert(!o->sending);
	buf_clear(&o->head);
	o->left = 0;
}

void
outgo_body(struct outgo *o, const char *block, uint64_t block_bytes, uint64_t bytes)
{
	fl_assert(!o->sending && (bytes == 0 || block_bytes > 0));
	o->block = block;
	o->block_bytes = block_bytes;
	o->left = bytes;
	if (bytes <= OUTGO_TOGETHER_MAX && bytes <= block_bytes) {
		buf_append(&o->head, block, (size_t)bytes);
		o->left = 0;
	}
}

static uint64_t
piece(const struct outgo *o)
{
	return FL_MIN(FL_MIN(o->left, o->block_bytes), PIECE_BYTES_MAX);
}

int
outgo_run(struct outgo *o, struct io *io, struct io_sock *sock)
{
	fl_assert(!o->sending);
	while (buf_len(&o->head) > 0 || o->left > 0) {
		bool head = buf_len(&o->head) > 0;
		const char *p = head ? buf_data(&o->head) : o->block;
		uint64_t n = head ? buf_len(&o->head) : piece(o);
		int64_t sent = io_push(io, sock, p, n);
		if (sent < 0)
			return (int)sent;
		if (head)
			buf_consume(&o->head, (size_t)sent);
		else
			o->left -= (uint64_t)sent;
		if ((uint64_t)sent == n)
			continue;
		o->sending = true;      /* (1) the rest of it, or as much of the body, in the background */
		if (head) {
			io_send(io, sock, buf_data(&o->head), buf_len(&o->head));
		} else {
			n = piece(o);
			o->left -= n;
			io_send(io, sock, o->block, n);
		}
		return 0;
	}
	return 1;
}

int
outgo_sent(struct outgo *o, struct io *io, struct io_sock *sock)
{
	fl_assert(o->sending);
	o->sending = false;
	buf_clear(&o->head);
	return outgo_run(o, io, sock);
}
