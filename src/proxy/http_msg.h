/* SPDX-License-Identifier: MIT */
/* http_msg.h - heads that an HTTP line writes: the request for an instance, the answer for the client, answers of its own. */
#ifndef PROXY_HTTP_MSG_H
#define PROXY_HTTP_MSG_H

#include "proxy/http_exchange.h"
#include "proxy/http_gate.h"

/* What the request says about its trace and its deadline, and new ids where it says nothing. draws: random bits of its own. */
void http_msg_read_trace(struct http_exchange *ex, const char *p, const struct h1_head *h, uint64_t draws);
fl_ns http_msg_read_deadline(struct http_exchange *ex, const char *p, const struct h1_head *h, fl_ns now);
/* How many more hops a TRACE or OPTIONS may make (RFC 9110 7.6.2); -1: as many as it likes. */
int http_msg_hops(const char *p, const struct h1_head *h);
unsigned http_msg_read_priority(const char *p, const struct h1_head *h, unsigned priority);

/*
 * The request's head for an instance, into out. returns its bytes; more than cap: it does not fit. plan: what faults change in it, with
 * its framing; NULL: nothing
 */
size_t http_msg_request(const struct http_exchange *ex, const char *p, const struct h1_head *h, const struct instance *i,
    const struct http_fault_plan *plan, const struct http_frame *frame, fl_ns now, char *out, size_t cap);
/* The answer's head for the client. close: the connection ends behind it. */
size_t http_msg_answer(const struct http_exchange *ex, const char *p, const struct h1_head *h, const struct http_frame *frame, bool close,
    bool degraded, char *out, size_t cap);
/* An answer of our own, with a short text. why: NULL, or who refused. */
size_t http_msg_own(const struct http_exchange *ex, unsigned status, const char *text, const struct fl_refusal *why, bool close, bool head_only,
    char *out, size_t cap);
/* Does the answer (101) switch to nothing but protocols that the request offered? */
bool http_msg_switches(const char *p, const struct h1_head *request, const char *q, const struct h1_head *answer);
size_t http_msg_canned(const struct http_canned *c, bool close, bool head_only, bool old_client, char *out, size_t cap);

#endif
