/* SPDX-License-Identifier: MIT */
/* http_out.c - bytes on their way to a socket. */
#include "proxy/http_out.h"
#include "base/assert.h"

#include <errno.h>
#include <string.h>

struct http_blob {
	struct http_blob *next;
	uint32_t n, room;               /* room: what was asked of the slab */
	char bytes[];
};

static int
keep(struct worker *w, struct http_out *o, const char *p, size_t n)
{
	while (n > 0) {
		size_t take = FL_MIN(n, SLAB_BLOCK_MAX - sizeof(struct http_blob));
		uint32_t room = (uint32_t)(sizeof(struct http_blob) + take);
		struct http_blob *b = slab_alloc(w->mem, room);
		if (b == NULL)
			return -ENOMEM;
		*b = (struct http_blob){ .n = (uint32_t)take, .room = room };
		memcpy(b->bytes, p, take);
		if (o->last != NULL)
			o->last->next = b;
		else
			o->first = b;
		o->last = b;
		o->bytes += (uint32_t)take;
		p += take;
		n -= take;
	}
	worker_trim_later(w, io_now(w->io));
	return 0;
}

int
http_out_put(struct worker *w, struct http_out *o, struct io_sock *sock, const void *p, size_t n)
{
	const char *at = p;
	bool idle = o->first == NULL;
	if (n == 0)
		return 0;
	if (idle) {
		int64_t k = io_push(w->io, sock, at, n);
		if (k < 0)
			return (int)k;
		at += k;
		n -= (size_t)k;
		if (n == 0)
			return 0;
	}
	int r = keep(w, o, at, n);
	if (r == 0 && idle)
		io_send(w->io, sock, o->first->bytes, o->first->n);     /* (1) */
	return r;
}

int
http_out_sent(struct worker *w, struct http_out *o, struct io_sock *sock, int res)
{
	struct http_blob *b = o->first;
	fl_assert(b != NULL);
	o->first = b->next;
	o->bytes -= b->n;
	if (o->first == NULL)
		o->last = NULL;
	slab_give(w->mem, b, b->room);
	if (res < 0)
		return res;
	if (o->first != NULL)
		io_send(w->io, sock, o->first->bytes, o->first->n);
	return 0;
}

void
http_out_free(struct worker *w, struct http_out *o)
{
	while (o->first != NULL) {
		struct http_blob *b = o->first;
		o->first = b->next;
		slab_give(w->mem, b, b->room);
	}
	o->last = NULL;
	o->bytes = 0;
}
