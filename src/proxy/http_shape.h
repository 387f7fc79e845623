/* SPDX-License-Identifier: MIT */
/* http_shape.h - what the faults of a line do to a request: plans drawn for it, noted, and the answers that aborts give. */
#ifndef PROXY_HTTP_SHAPE_H
#define PROXY_HTTP_SHAPE_H

#include "proxy/http_side.h"
#include "proxy/http_gate.h"

#define HTTP_SHAPE_ABORT_BYTES 4096     /* the longest answer of an abort */

/* Hold the line's faults for this exchange, if there are any of HTTP messages; its number on the line is drawn. */
void http_shape_begin(struct worker *w, struct http_exchange *ex);
/*
 * The plan of one side: h is the request's head, at p. What acts is noted.
 * returns  NULL: nothing acts (or there is no memory). Given back with http_shape_drop()
 */
struct http_fault_plan *http_shape_draw(struct worker *w, struct http_exchange *ex, const char *p, const struct h1_head *h, enum fl_dir dir,
    uint32_t attempt);
void http_shape_drop(struct worker *w, struct http_fault_plan *plan);  /* NULL is fine */

/* The whole answer that an abort gives; out has HTTP_SHAPE_ABORT_BYTES. returns its bytes. */
size_t http_shape_abort(const struct http_fault_plan *plan, bool head_only, char *out);

/* Who the exchange's connection, and a connection made for one of its attempts, are to faults of streams and connections. */
struct http_who http_shape_who(const struct http_exchange *ex);
struct decide_conn http_shape_attempt(struct worker *w, struct http_exchange *ex, unsigned attempt);

#endif
