/* SPDX-License-Identifier: MIT */
/* http_reply.h - what goes to the client: answers of our own, fallbacks, and the pieces of an instance's answer. */
#ifndef PROXY_HTTP_REPLY_H
#define PROXY_HTTP_REPLY_H

#include "proxy/http_gate.h"
#include "proxy/http_side.h"
#include "proxy/http_try.h"

#define HTTP_REPLY_COPY_MAX (32 * 1024)  /* a piece of a body up to this goes out in one push with the head before it */

/* An answer of ours; why: who refused, or NULL. */
void http_reply_own(struct worker *w, struct http_exchange *ex, unsigned status, const char *text, const struct fl_refusal *why);
/* A request that is not even one, or that there is no room for: say so, and end the connection. head_only: it was HEAD. */
void http_reply_bad(struct worker *w, struct http_conn *c, unsigned status, const char *text, bool head_only);
/* Faults shape the answer whose head is `message`, at p: its head, composed, of n bytes, goes through a gate. false: no memory */
bool http_reply_shape(struct worker *w, struct http_exchange *ex, const struct h1_head *message, const struct http_frame *frame, const char *head,
    size_t n);
/* A fault answers in place of whoever was asked. */
void http_reply_abort(struct worker *w, struct http_exchange *ex);
/* Bytes of an answer, behind the head that was composed. */
void http_reply_put(struct worker *w, struct http_exchange *ex, const char *p, size_t n);
/* What an answer is kept under, and whether it may be: of the request's head, at p. */
void http_reply_key(struct http_exchange *ex, const char *p, const struct h1_head *h);
/* Fallbacks: the last good answer, a fixed one. false: there is none. */
bool http_reply_stale(struct worker *w, struct http_exchange *ex);
bool http_reply_canned(struct worker *w, struct http_exchange *ex);
/* Gather an answer for later: begin with its head (w->http->answer, at p), add payload, keep it. */
void http_reply_copy_begin(struct worker *w, struct http_exchange *ex, const struct http_try *t, const char *p);
void http_reply_copy_more(struct worker *w, struct http_exchange *ex, const char *p, size_t n);
void http_reply_copy_end(struct worker *w, struct http_exchange *ex);
void http_reply_copy_drop(struct worker *w, struct http_exchange *ex);

#endif
