/* SPDX-License-Identifier: MIT */
/*
 * http_out.h - bytes on their way to a socket: what it takes is sent at once, the rest waits in the worker's memory. Where faults of
 * the line's stream apply to the connection, bytes go through a chain (fault/chain.h) first.
 *
 * Invariants
 *  (1) first is lent to io exactly while there is one (an io_send is in flight).
 *  (2) Whoever feeds it stops when http_out_busy(): then at most what was in hand waits.
 *  (3) What a chain ends (a reset, a limit, ...) is told once: by the result of a call, or by told().
 */
#ifndef PROXY_HTTP_OUT_H
#define PROXY_HTTP_OUT_H

#include "proxy/worker.h"

struct http_blob;
struct http_bend;
struct http_out {
	struct http_blob *first, *last;
	struct http_bend *bend;         /* what faults do to the bytes; NULL: nothing */
	uint32_t bytes;                 /* waiting, behind the chain */
};

/* A connection, to its faults and in events. */
struct http_who {
	const struct wline *wline;
	uint64_t ordinal, key;
	uint64_t number;                /* of the request on it; 0: the connection itself */
};
/* Note that a fault did something. */
void http_out_tell(struct worker *w, const struct http_who *who, const struct fault_spec *f, const char *what, enum fl_dir dir,
    uint64_t offset, int64_t value);
/* What a chain of an HTTP line works with. who must live until the chain was run. */
struct chain_env http_out_env(struct worker *w, const struct http_who *who);

/* From a timer: res 0: there may be room again; -ECONNRESET, -EPIPE: a fault ends the connection, with a reset or without. */
typedef void http_out_told(struct worker *w, void *ud, int res);

/*
 * http_out_faults - the faults of a direction's stream, now: from the start of a connection, or changed later.
 * returns  0, -ENOMEM, or -ECONNRESET, -EPIPE: what was removed had struck, which ends the connection
 */
int http_out_faults(struct worker *w, struct http_out *o, struct io_sock *sock, struct fault_set *set, enum fl_dir dir,
    const struct decide_conn *key, const struct http_who *who, http_out_told *told, void *ud);
bool http_out_has_faults(const struct fault_set *set, enum fl_dir dir);         /* any of the stream's? */

/* Send, or keep. 0; -ENOMEM: some of it is lost, the connection is of no use; -errno: it is broken, or a fault ends it. */
int http_out_put(struct worker *w, struct http_out *o, struct io_sock *sock, const void *p, size_t n);
/* IO_SENT came. 0 or -errno. */
int http_out_sent(struct worker *w, struct http_out *o, struct io_sock *sock, int res);
/* No more comes. true: all is out, and the stream's end may follow now; else ask again when some was sent. */
bool http_out_end(struct worker *w, struct http_out *o, struct io_sock *sock);
/* The connection is being closed: nothing more is sent. */
void http_out_stop(struct worker *w, struct http_out *o);
/* Give the memory back. Only when nothing is in flight any more: after IO_CLOSED. */
void http_out_free(struct worker *w, struct http_out *o);
bool http_out_bend_busy(const struct http_bend *b);
bool http_out_bend_idle(const struct http_bend *b);
/* Did a fault end it? */
bool http_out_struck(const struct http_out *o);
/* For reports: the i-th fault in force. false: no more. */
bool http_out_report(const struct http_out *o, unsigned i, fl_ns now, struct chain_report *ret);

static inline bool http_out_busy(const struct http_out *o) { return o->first != NULL || (o->bend != NULL && http_out_bend_busy(o->bend)); }
/* Has everything been sent? */
static inline bool http_out_idle(const struct http_out *o) { return o->first == NULL && (o->bend == NULL || http_out_bend_idle(o->bend)); }

#endif
