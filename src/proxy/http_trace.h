/* SPDX-License-Identifier: MIT */
/* http_trace.h - what the messages of an HTTP line are, for its trace: ids and hashes of their bodies. Nothing when it is not traced. */
#ifndef PROXY_HTTP_TRACE_H
#define PROXY_HTTP_TRACE_H

#include "proxy/http_exchange.h"
#include "proxy/http_record.h"

/* A request begins; its head is at p. */
void http_trace_begin(struct http_exchange *ex, const char *p, const struct h1_head *h);
/* Bytes of a body, as on the wire: of the request as it came, of the answer before faults act on it. */
void http_trace_body(struct http_exchange *ex, enum fl_dir dir, const char *p, size_t n);
/* Fill in what its record says of it. */
void http_trace_record(const struct http_exchange *ex, struct http_record *r);

#endif
