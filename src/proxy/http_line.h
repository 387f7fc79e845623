/* SPDX-License-Identifier: MIT */
/*
 * http_line.h - an HTTP line's configuration as one worker uses it, and what a worker has for all its HTTP lines.
 *
 * Invariants
 *  (1) A configuration is used (its clusters are) from http_line_set() until the last exchange that began with it has ended.
 */
#ifndef PROXY_HTTP_LINE_H
#define PROXY_HTTP_LINE_H

#include "proto/h1.h"
#include "proxy/http_conf.h"
#include "proxy/http_record.h"
#include "proxy/worker.h"

#define HTTP_COMPOSE_BYTES (160 * 1024)         /* a head of the largest size that may be asked for, and what goes with it */

struct http_line {
	struct http_conf *conf;         /* a reference */
	unsigned users;                 /* exchanges, and one while it is the wline's */
};

struct http_try_ops;

/* A worker's. */
struct http_worker {
	struct pool conns;              /* of struct http_conn */
	struct http_ring *ring;         /* NULL: nobody wants records */
	struct list settle;             /* connections whose exchange has ended in this event */
	atomic_bool grants_lost;        /* an answer of a bulkhead could not be posted: look for it */
	const struct http_try_ops *ops; /* http_conn.c's, for http_try.c */
	const void *head_of;            /* whose request's head stands in head; NULL: nobody's */
	struct h1_head head;            /* of the message in hand: used and done with within one event */
	struct h1_head answer;          /* likewise of an answer */
	char compose[HTTP_COMPOSE_BYTES];
};
int http_line_worker_new(uint32_t conns_max, size_t conn_bytes, uint32_t records_max, struct http_worker **ret);  /* 0 or -ENOMEM */
void http_line_worker_free(struct http_worker *h);              /* NULL is fine */

/* Begin to use a configuration. NULL: no memory. */
struct http_line *http_line_begin(struct worker *w, struct http_conf *conf);
static inline void http_line_hold(struct http_line *l) { l->users++; }
void http_line_let_go(struct worker *w, struct http_line *l);

/* The route of a request. */
const struct http_route *http_line_route(const struct http_conf *c, const char *p, const struct h1_head *h);

#endif
