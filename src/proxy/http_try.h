/* SPDX-License-Identifier: MIT */
/*
 * http_try.h - one attempt of an exchange: an instance, a connection to it, the request on its way there, the answer on its way back.
 *
 * What happens is told through the ops; a try does nothing by itself that the exchange did not ask for.
 */
#ifndef PROXY_HTTP_TRY_H
#define PROXY_HTTP_TRY_H

#include "proxy/http_exchange.h"

/* Why a try came to nothing. */
enum http_fail {
	HTTP_FAIL_CONNECT,              /* could not connect, or not in time */
	HTTP_FAIL_BROKE,                /* the connection ended before the answer was whole */
	HTTP_FAIL_BAD,                  /* the answer is not HTTP */
	HTTP_FAIL_TIMEOUT,              /* call.limit says which */
	HTTP_FAIL_OVERLOAD,             /* no memory here */
	HTTP_FAIL_POOL,                 /* as many connections as the instance may have, all in use */
};

/* Called from within the events of a try's connection. After failed() and any call that drops it, the try is not touched again. */
struct http_try_ops {
	/* The head of the answer is in w->http->answer, its bytes begin at p. Interim ones (1xx but 101) come one by one before it. */
	void (*interim)(struct worker *w, struct http_try *t, const char *p);
	void (*head)(struct worker *w, struct http_try *t, const char *p, bool more);     /* more: body() follows at once */
	/* head() said that the answer is unwanted, and the connection was given back or closed. */
	void (*given_back)(struct worker *w, struct http_try *t);
	/* n bytes of the body, as on the wire; the body walker has taken them. t->body_done: those were the last. */
	void (*body)(struct worker *w, struct http_try *t, const char *p, size_t n);
	void (*failed)(struct worker *w, struct http_try *t, enum http_fail why);
	/* More of the request's body may be given. */
	void (*writable)(struct worker *w, struct http_try *t);
};

/*
 * http_try_start - pick an instance and begin.
 * returns  0; -EAGAIN: no instance, *ret_why says why; -ENOMEM
 * The head is sent at once when there is an idle connection, with what has been kept of the body.
 */
int http_try_start(struct worker *w, struct http_exchange *ex, unsigned index, bool fallback, struct fl_refusal *ret_why,
    struct http_try **ret_try);
/* Give it what has been kept of the body and was not sent yet. 0 or -errno: the connection is broken, failed() was not called. */
int http_try_pump(struct worker *w, struct http_try *t);
/* Bytes of the request's body that are not kept. 0 or -errno. */
int http_try_feed(struct worker *w, struct http_try *t, const char *p, size_t n);
/* May more of the body be given? */
bool http_try_wants(const struct http_try *t);
/* Stop or go on receiving the answer. */
void http_try_flow(struct worker *w, struct http_try *t, bool on);
/* The whole answer is there, or nobody wants it: give the connection back, or close it. */
void http_try_end(struct worker *w, struct http_try *t);
void http_try_drop(struct worker *w, struct http_try *t);
/* Tell breaker, ejection and balancing what came of it; once, later calls do nothing. */
void http_try_vote(struct worker *w, struct http_try *t, enum fl_outcome outcome, enum http_fail why);
/* The connection was used before and died before a byte of the answer: once more on another one. 0, or it cannot. */
int http_try_again(struct worker *w, struct http_try *t);
/*
 * It could not connect: the same attempt at an instance that was not tried yet. 0, or there is none; the one that failed has its vote.
 * Whoever could not be reached has no work by it, so it is not a retry.
 */
int http_try_elsewhere(struct worker *w, struct http_try *t);
/* How far the request got, for retries. */
enum fl_sent http_try_sent(const struct http_try *t);
/* When the next time limit ends it, and which. */
fl_ns http_try_due(const struct http_try *t, enum fl_limit *ret_limit);
/* Why HTTP_FAIL_POOL. */
void http_try_pool_full(const struct http_try *t, struct fl_refusal *ret_why);
/* Dropped or ended, and voted. */
void http_try_free(struct worker *w, struct http_try *t);

#endif
