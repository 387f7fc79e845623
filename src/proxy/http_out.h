/* SPDX-License-Identifier: MIT */
/*
 * http_out.h - bytes on their way to a socket: what it takes is sent at once, the rest waits in the worker's memory.
 *
 * Invariants
 *  (1) first is lent to io exactly while there is one (an io_send is in flight).
 *  (2) Whoever feeds it stops when http_out_busy(): then at most what was in hand waits.
 */
#ifndef PROXY_HTTP_OUT_H
#define PROXY_HTTP_OUT_H

#include "proxy/worker.h"

struct http_blob;
struct http_out {
	struct http_blob *first, *last;
	uint32_t bytes;                 /* waiting */
};

/* Send, or keep. 0; -ENOMEM: some of it is lost, the connection is of no use; -errno: it is broken. */
int http_out_put(struct worker *w, struct http_out *o, struct io_sock *sock, const void *p, size_t n);
/* IO_SENT came. 0 or -errno. */
int http_out_sent(struct worker *w, struct http_out *o, struct io_sock *sock, int res);
/* Give the memory back. Only when nothing is in flight any more: after IO_CLOSED. */
void http_out_free(struct worker *w, struct http_out *o);
static inline bool http_out_busy(const struct http_out *o) { return o->first != NULL; }

#endif
