/* SPDX-License-Identifier: MIT */
/* http_side.h - the client's side of an HTTP line: its connection, and what is done to it from several places. */
#ifndef PROXY_HTTP_SIDE_H
#define PROXY_HTTP_SIDE_H

#include "proxy/http_exchange.h"
#include "proxy/http_gate.h"

#define HTTP_SIDE_LINGER (2 * FL_SEC)
#define HTTP_SIDE_HELD_MAX (SLAB_BLOCK_MAX / 2)

/* States of a connection. */
enum { AT_GREETING, AT_READING, AT_EXCHANGE, AT_LINGER, AT_CLOSING, AT_GONE };

struct http_conn {
	struct sink sink;
	struct wtimer timer;
	struct io_sock *sock;
	struct wline *wline;
	struct list link;               /* of wline->https */
	struct list settle;             /* of the worker's, when something is left to be done */
	struct http_exchange *ex;
	struct io_addr *peer;           /* slab; NULL: not needed so far */
	struct proxy_header *said;      /* slab: its PROXY header, to be passed on; NULL: none */
	char *held;                     /* what came and was not used yet */
	uint32_t held_n, held_room;
	uint32_t behind;                /* bytes in hand behind the head that is being looked at */
	struct h1_scan scan;
	struct http_out out;
	uint64_t ordinal, key;
	fl_ns opened, since;            /* since: the state's, or of the last byte */
	uint32_t requests, dropped;
	uint8_t state, reason;
	bool eof, tls, close_next, spoken, shut;
	bool till_end;                  /* the answer ends where the connection does */
	bool reading;                   /* receiving is wanted: what does not come is the client's fault */
};

/* One writer: a plain add that readers may see at any time. */
static inline void
http_side_count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Something is left to be done when the event is over. */
void http_side_later(struct worker *w, struct http_conn *c);
void http_side_close(struct worker *w, struct http_conn *c, enum line_close reason, bool reset);
/* Bytes for the client. A broken connection shows itself when it is read. */
void http_side_put(struct worker *w, struct http_conn *c, const void *p, size_t n);
/* More of an answer must wait. Is it a fault that makes it wait? Is all that was put out? */
bool http_side_busy(const struct http_conn *c);
static inline bool http_side_held(const struct http_exchange *ex) { return ex->gate != NULL && http_gate_busy(ex->gate); }
bool http_side_idle(const struct http_conn *c);
/* When its next time limit passes; arm the timer for it, but not before `least`: a limit that has passed is not looked at twice. */
fl_ns http_side_due(const struct http_conn *c);
void http_side_arm(struct worker *w, struct http_conn *c, fl_ns least);
/* Does a limit of the client's body apply, and when does it end? */
/* When a client that has closed its side, and whose answer has not begun, counts as gone. FL_NEVER: it has not, or may wait. */
fl_ns http_side_gone_due(const struct http_exchange *ex);
fl_ns http_side_body_due(const struct http_exchange *ex);
/* Receive while there is use for it. */
void http_side_flow(struct worker *w, struct http_conn *c);
/* Keep what could not be used yet, behind what is held. */
void http_side_hold(struct worker *w, struct http_conn *c, const char *p, size_t n);
/* After the answer of this exchange the connection ends. */
bool http_side_must_close(const struct http_exchange *ex);

#endif
