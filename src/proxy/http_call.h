/* SPDX-License-Identifier: MIT */
/* http_call.h - an exchange from the head of its request to the end of its answer: its struct fl_call is asked what to do, and told what happened. */
#ifndef PROXY_HTTP_CALL_H
#define PROXY_HTTP_CALL_H

#include "proxy/http_side.h"
#include "proxy/http_try.h"

extern const struct http_try_ops http_call_ops;

/* A whole head is there: w->http->head, at p; n bytes in hand from p. returns how many were used. */
size_t http_call_begin(struct worker *w, struct http_conn *c, const char *p, size_t n);
/* Bytes of the request's body. returns how many were used. */
size_t http_call_body(struct worker *w, struct http_exchange *ex, const char *p, size_t n);
/* Do what the call asks for. Nothing is freed: http_conn_settle() does that. */
void http_call_drive(struct worker *w, struct http_exchange *ex);
/* The client has left, or has got all that it gets: what still runs is called off. */
void http_call_abandon(struct worker *w, struct http_exchange *ex);
/* Of a tunnel: an end of it has said that no more comes, or all that waited was sent. */
void http_call_tunnel(struct worker *w, struct http_exchange *ex);
/* The line's faults have changed: what is on its way follows. */
void http_call_faults(struct worker *w, struct http_exchange *ex);
/* Look at its time limits. */
void http_call_timer(struct worker *w, struct http_conn *c, fl_ns now);
/* The answer of the bulkhead, if there is one that was not heard yet. */
void http_call_take_grant(struct worker *w, struct http_exchange *ex);
/* Answers of bulkheads that a full mailbox did not take. */
void http_call_find_grants(struct worker *w);

#endif
