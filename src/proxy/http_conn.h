/* SPDX-License-Identifier: MIT */
/*
 * http_conn.h - a client's connection on an HTTP line: requests one after the other, each an exchange.
 */
#ifndef PROXY_HTTP_CONN_H
#define PROXY_HTTP_CONN_H

#include "proxy/http_line.h"
#include "proxy/proxy.h"

struct http_conn;

/* The worker's part for HTTP lines. 0 or -ENOMEM. */
int http_conn_worker(struct worker *w, uint32_t conns_max, uint32_t records_max);
/* An accepted connection. The token is taken over in any case. */
void http_conn_open(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key);
/* What the last event left to be done: at the end of each dispatch, after the worker's mail. */
void http_conn_settle(struct worker *w);

/* The one that a link of wline->https belongs to. */
struct http_conn *http_conn_of(struct list *link);
/* End it now. */
void http_conn_stop(struct worker *w, struct http_conn *c, enum line_close reason, bool reset);
/* No more requests after the one in hand. */
void http_conn_drain(struct worker *w, struct http_conn *c);
/* The line's faults have changed. */
void http_conn_faults(struct worker *w, struct http_conn *c);
void http_conn_report(struct worker *w, struct http_conn *c, struct proxy_conn *ret);
/* Free at the end of the worker: its sockets are closed by io_free(). */
void http_conn_abandon(struct worker *w, struct http_conn *c);

#endif
