/* SPDX-License-Identifier: MIT */
/*
 * http_call.c - exchanges.
 *
 * Invariants
 *  (1) Every attempt that the call asked for is reported to it once; every try votes once.
 *  (2) Nothing is freed here: what has ended is marked, and http_conn_settle() frees it when the event is over.
 *  (3) The head of an answer is forwarded within the event that brought it, while its bytes are in hand (head_p).
 */
#include "proxy/http_call.h"
#include "base/assert.h"
#include "proxy/cluster_pick.h"
#include "proxy/http_msg.h"
#include "proxy/http_peer.h"
#include "proxy/http_reply.h"
#include "proxy/http_shape.h"
#include "proxy/http_trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEPT_SMALL 16384                /* bodies up to this are kept even if nothing will be repeated: one push with the head */

/* The gate goes on; with the whole answer in its hands, if that is so. */
static void
shaped_more(struct worker *w, struct http_exchange *ex, const struct http_try *t)
{
	if (t->body_done && !t->tunnel)
		http_gate_finish(ex->gate);
	http_gate_run(w, ex->gate);
}

/* Bytes of the answer's body, for the gate. */
static void
shaped_body(struct worker *w, struct http_exchange *ex, const struct http_try *t, const char *p, size_t n)
{
	ex->response_bytes += n;
	http_trace_body(ex, FL_S2C, p, n);
	if (http_gate_put(w, ex->gate, p, n) < 0)
		http_side_close(w, ex->conn, LINE_CLOSE_OVERLOAD, true);
	else
		shaped_more(w, ex, t);
}

/* The answer of t goes to the client: its head now, its body as it comes. */
static void
forward(struct worker *w, struct http_exchange *ex, struct http_try *t, const char *p, bool more)
{
	struct http_worker *h = w->http;
	const struct h1_head *a = &h->answer;
	fl_assert(!ex->answering && p != NULL);
	ex->winner = t;
	ex->answering = true;
	ex->answer_at = http_now(w);
	ex->status = t->status;
	ex->first_byte = t->first_byte;
	ex->dechunk = ex->version_minor == 0 && t->framing == H1_CHUNKED;
	if (ex->dechunk)
		h1_body_start(&ex->payload, a, 0);
	ex->close_after = http_side_must_close(ex) || ex->dechunk || t->framing == H1_CLOSE || t->tunnel;
	ex->conn->till_end = ex->dechunk || t->framing == H1_CLOSE;
	struct http_frame frame = { .reframe = ex->dechunk, .framing = H1_CLOSE };
	if (ex->plan != NULL) {
		if (ex->plan->abort != NULL) {
			http_reply_abort(w, ex);        /* and what the instance answers goes nowhere */
			return;
		}
		frame = http_gate_frame(ex->plan, a, ex->dechunk);
		ex->close_after |= frame.lies;
	}
	size_t n = http_msg_answer(ex, p, a, &frame, ex->close_after, t->fallback, h->compose, sizeof(h->compose) - HTTP_REPLY_COPY_MAX);
	if (n > sizeof(h->compose) - HTTP_REPLY_COPY_MAX) {
		http_side_close(w, ex->conn, LINE_CLOSE_SERVER_ERROR, true);
		return;
	}
	if (ex->plan != NULL) {
		ex->response_bytes += n;
		if (http_reply_shape(w, ex, a, &frame, h->compose, n))
			shaped_more(w, ex, t);
		return;
	}
	ex->composed = (uint32_t)n;
	if (!more)
		http_reply_put(w, ex, NULL, 0);
}

/* The winner's answer will not be whole: the client must see that. */
static void
answer_cut(struct worker *w, struct http_exchange *ex)
{
	ex->answered = true;
	http_side_count(&ex->cell->upstream_broke, 1);
	http_side_close(w, ex->conn, LINE_CLOSE_SERVER_ERROR, true);
}

static bool
status_listed(const struct http_policies *p, unsigned status)
{
	for (unsigned i = 0; i < p->retry_status_count; i++)
		if (p->retry_status[i] == status)
			return true;
	return false;
}

static bool
status_retryable(const struct http_policies *p, unsigned status)
{
	unsigned on = p->retry_on;
	return ((on & HTTP_RETRY_5XX) && status >= 500 && status != 501 && status != 505) ||
	    ((on & HTTP_RETRY_GATEWAY) && status >= 502 && status <= 504) || ((on & HTTP_RETRY_429) && status == 429) ||
	    ((on & HTTP_RETRY_STATUS) && status_listed(p, status));
}

/* What a status says of the instance: not every 5xx is its fault, and to have too much to do is not to be broken. */
static enum fl_outcome
status_outcome(unsigned status, bool retry_after)
{
	if (status == 429 || (status == 503 && retry_after))
		return FL_OVERLOADED;
	return status >= 500 && status != 501 && status != 505 ? FL_FAILED : FL_OK;
}

static bool
fail_retryable(const struct http_policies *p, enum http_fail why)
{
	switch (why) {
	case HTTP_FAIL_CONNECT: return (p->retry_on & HTTP_RETRY_CONNECT) != 0;
	case HTTP_FAIL_BROKE: case HTTP_FAIL_BAD: return (p->retry_on & HTTP_RETRY_RESET) != 0;
	case HTTP_FAIL_TIMEOUT: return (p->retry_on & HTTP_RETRY_TIMEOUT) != 0;
	case HTTP_FAIL_OVERLOAD: case HTTP_FAIL_POOL: return false;
	}
	return false;
}

/* Can the request be sent again: is all that was sent of it still here? */
static bool
is_whole(const struct http_exchange *ex)
{
	return ex->body_bytes == ex->kept_n;
}

/* It could not connect, and what was sent of it, if anything, may be sent twice: another instance, within the same attempt. */
static bool
goes_elsewhere(struct worker *w, struct http_exchange *ex, struct http_try *t)
{
	const struct http_policies *p = ex->route->policies;
	bool may = (p->retry_on & HTTP_RETRY_CONNECT) && p->plan.retry.attempts_max > 1 && !t->fallback && !ex->call.info.no_retry && is_whole(ex) &&
	    (ex->call.info.idempotent || !t->any_sent);
	if (!may || ex->call.end != FL_END_OPEN || http_try_elsewhere(w, t) < 0)
		return false;
	http_side_count(&ex->cell->resent, 1);
	return true;
}

/* Would another attempt be refused by the breakers of all instances? Asked only when there may be another. */
static bool
all_shut(struct worker *w, const struct http_exchange *ex, bool retryable)
{
	const struct http_policies *p = ex->route->policies;
	return retryable && ex->call.attempts < p->plan.retry.attempts_max && !cluster_pick_ready(w, ex->route->cluster, http_now(w));
}

/* An attempt came to nothing: tell the call, which decides what follows. */
static void
attempt_failed(struct worker *w, struct http_exchange *ex, unsigned index, enum http_fail why, enum fl_sent sent, const struct fl_refusal *refusal)
{
	const struct http_policies *p = ex->route->policies;
	struct fl_attempt_result r = { .outcome = FL_FAILED, .sent = sent, .retryable = fail_retryable(p, why) && is_whole(ex) };
	if (refusal != NULL) {
		r.outcome = FL_CANCELLED;
		r.refused = true;
		r.why = refusal;
		r.retryable = (p->retry_on & HTTP_RETRY_REFUSED) != 0;
	}
	r.breaker_open = all_shut(w, ex, r.retryable);
	fl_call_done(&ex->call, index, &r, http_now(w));
}

static void
start_attempt(struct worker *w, struct http_exchange *ex, unsigned index, bool hedge)
{
	struct fl_refusal why = { .by = FL_WHO_NONE };
	http_side_count(&ex->cell->attempts, 1);
	if (index > 0)
		http_side_count(hedge ? &ex->cell->hedges : &ex->cell->retries, 1);
	int r = http_try_start(w, ex, index, false, &why, &ex->tries[index]);
	struct http_try *t = ex->tries[index];
	if (r == -EAGAIN) {
		attempt_failed(w, ex, index, HTTP_FAIL_CONNECT, FL_NEVER_SENT, &why);
	} else if (r < 0) {
		attempt_failed(w, ex, index, HTTP_FAIL_OVERLOAD, FL_NEVER_SENT, NULL);
	} else if (t->phase == HTTP_TRY_OVER) {
		/* The connection was dead already, or none could even be begun. */
		if (!(t->reused && http_try_again(w, t) == 0) && !goes_elsewhere(w, ex, t)) {
			http_try_vote(w, t, FL_FAILED, HTTP_FAIL_CONNECT);
			attempt_failed(w, ex, index, HTTP_FAIL_CONNECT, http_try_sent(t), NULL);
		}
	}
}

static void
cancel_attempt(struct worker *w, struct http_exchange *ex, unsigned index)
{
	struct http_try *t = ex->tries[index];
	struct fl_attempt_result r = { .outcome = FL_CANCELLED };
	if (t != NULL) {
		bool late = ex->call.limit != FL_LIMIT_NONE;
		http_try_vote(w, t, late ? FL_FAILED : FL_CANCELLED, late ? HTTP_FAIL_TIMEOUT : HTTP_FAIL_BROKE);
		http_try_drop(w, t);
	}
	fl_call_done(&ex->call, index, &r, http_now(w));
}

static void
take_fallback(struct worker *w, struct http_exchange *ex)
{
	struct fl_refusal why = { .by = FL_WHO_NONE };
	http_side_count(&ex->cell->fallbacks, 1);
	if (ex->route->policies->fallback_cluster != NULL && is_whole(ex) &&
	    http_try_start(w, ex, FL_CALL_ATTEMPTS_MAX, true, &why, &ex->fallback) == 0 && ex->fallback->phase != HTTP_TRY_OVER)
		return;
	bool good = http_reply_stale(w, ex) || http_reply_canned(w, ex);
	fl_call_fallback_done(&ex->call, good, http_now(w));
}

/* Only the payload of an answer: for a client that knows no chunks, and for the copy. */
static void
put_payload(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct h1_span span;
	enum h1_verdict v = H1_MORE;
	for (size_t at = 0; at < n && v == H1_MORE; at += span.bytes) {
		v = h1_body_next(&ex->payload, p + at, n - at, &span);
		if (v == H1_BAD)
			break;
		if (span.kind != H1_SPAN_PAYLOAD || span.bytes == 0)
			continue;
		if (ex->dechunk && ex->gate == NULL)
			http_reply_put(w, ex, p + at, span.bytes);
		if (ex->copy != NULL)
			http_reply_copy_more(w, ex, p + at, span.bytes);
	}
}

static void
on_interim(struct worker *w, struct http_try *t, const char *p)
{
	struct http_exchange *ex = t->ex;
	struct http_worker *h = w->http;
	struct h1_out o = { 0 };
	/* Not to a client of HTTP/1.0 (RFC 9110 15.2); not from two attempts; not to one that does not read, or a flood of them would fill us. */
	if (ex->version_minor == 0 || ex->answering || ex->call.flying > 1 || http_out_busy(&ex->conn->out))
		return;
	size_t n = h1_write_response(p, &h->answer, &o, h->compose, sizeof(h->compose));
	if (n <= sizeof(h->compose))
		http_side_put(w, ex->conn, h->compose, n);
}

/* The server's Retry-After in seconds, as a time; 0: none (a date is not read: clocks differ). */
static fl_ns
retry_after(const struct h1_head *a, const char *p)
{
	const struct h1_field *f = h1_field(a, H1_ID_RETRY_AFTER);
	fl_ns s = 0;
	if (f == NULL || f->value.len == 0 || f->value.len > 6)
		return 0;
	for (uint32_t i = 0; i < f->value.len; i++) {
		char c = p[f->value.at + i];
		if (c < '0' || c > '9')
			return 0;
		s = s * 10 + (c - '0');
	}
	return s * FL_SEC;
}

/* No attempt has an answer for the client. */
static void
reply_failed(struct worker *w, struct http_exchange *ex)
{
	char say[512], text[640];
	bool late = ex->call.limit != FL_LIMIT_NONE;
	const char *more = late ? fl_limit_text((enum fl_limit)ex->call.limit) : ex->broke;
	fl_call_explain(&ex->call, say, sizeof(say));
	snprintf(text, sizeof(text), more[0] == '\0' ? "%s" : "%s (%s)", say, more);
	http_reply_own(w, ex, late ? 504 : 502, text, NULL);
}

/* The outcome is known: tell the client. */
static void
deliver(struct worker *w, struct http_exchange *ex, const struct fl_todo *todo)
{
	const struct http_policies *p = ex->route->policies;
	struct http_try *t = todo->attempt < FL_CALL_ATTEMPTS_MAX ? ex->tries[todo->attempt] : NULL;
	char say[512];
	ex->finished = true;
	if (ex->answered)
		return;                                 /* the client has left, or got as much of an answer as there is */
	switch (todo->end) {
	case FL_END_ANSWERED:
		forward(w, ex, t, ex->head_p, ex->head_more);
		break;
	case FL_END_FAILED:
		if (t != NULL && t->phase == HTTP_TRY_BODY && ex->head_p != NULL && ex->winner == t) {
			ex->holds = true;
			forward(w, ex, t, ex->head_p, ex->head_more);
			break;
		}
		reply_failed(w, ex);
		break;
	case FL_END_REFUSED:
		http_reply_own(w, ex, ex->call.refusal.by == FL_WHO_RATE_LIMIT ? 429 : p->refuse_status,
		    fl_refusal_say(&ex->call.refusal, say, sizeof(say)),
		    &ex->call.refusal);
		break;
	case FL_END_TIMED_OUT:
		http_reply_own(w, ex, 504, fl_call_explain(&ex->call, say, sizeof(say)), ex->call.attempts == 0 ? &ex->call.refusal : NULL);
		break;
	case FL_END_FALLBACK:
		break;                                  /* it has answered, or does */
	default:
		ex->answered = true;                    /* nobody is there */
	}
}

/* The winner's answer is whole. */
static void
answer_done(struct worker *w, struct http_exchange *ex, struct http_try *t)
{
	fl_ns now = http_now(w);
	ex->answered = true;
	http_stats_time(&ex->cell->times[HTTP_PHASE_BODY], now - ex->answer_at);
	if (t->fallback) {
		http_try_vote(w, t, t->status >= 500 ? FL_FAILED : FL_OK, HTTP_FAIL_BAD);
		http_try_end(w, t);
		fl_call_fallback_done(&ex->call, true, now);
	} else {
		http_try_vote(w, t, FL_OK, HTTP_FAIL_BAD);
		http_try_end(w, t);
		if (ex->committed) {
			struct fl_attempt_result r = { .outcome = FL_OK, .sent = FL_ANSWERED, .latency = t->first_byte };
			fl_call_done(&ex->call, t->index, &r, now);
		}
	}
	ex->holds = false;
	http_call_drive(w, ex);
}

/* Pass the ends of a tunnel's two directions on, each behind the bytes that came before it; the last one ends the exchange. */
void
http_call_tunnel(struct worker *w, struct http_exchange *ex)
{
	struct http_conn *c = ex->conn;
	struct http_try *t = ex->winner;
	fl_assert(t->tunnel && t->conn != NULL && c->state == AT_EXCHANGE);
	if (c->eof && !t->shut && c->held_n == 0 && http_out_end(w, &t->conn->out, t->conn->sock)) {
		t->shut = true;
		io_shutdown(w->io, t->conn->sock);
	}
	if (t->body_done && !c->shut && http_side_idle(c) && http_out_end(w, &c->out, c->sock)) {
		c->shut = true;
		io_shutdown(w->io, c->sock);
	}
	if (!t->shut || !c->shut) {
		http_side_flow(w, c);
		return;
	}
	if (ex->gate != NULL) {
		http_gate_finish(ex->gate);
		http_gate_run(w, ex->gate);
	}
	answer_done(w, ex, t);
}

/* What the call is to think of an answer: good, and another attempt's chance is over; or not, and maybe there is another. */
static void
judge(struct worker *w, struct http_exchange *ex, struct http_try *t, const char *p)
{
	const struct h1_head *a = &w->http->answer;
	fl_ns now = http_now(w), after = retry_after(a, p);
	enum fl_outcome outcome = status_outcome(t->status, after > 0);
	bool again = status_retryable(ex->route->policies, t->status);
	if (outcome == FL_OK && !again) {
		http_reply_copy_begin(w, ex, t, p);
		ex->committed = true;
		fl_call_commit(&ex->call, t->index, now);
		return;
	}
	struct fl_attempt_result r = { .outcome = outcome == FL_OK ? FL_FAILED : outcome, .sent = FL_ANSWERED,
		.retryable = again && is_whole(ex), .no_retry = h1_has(a, H1_ID_X_NO_RETRY), .retry_after = after, .latency = t->first_byte };
	http_try_vote(w, t, outcome, HTTP_FAIL_BAD);
	r.breaker_open = all_shut(w, ex, r.retryable);
	fl_call_done(&ex->call, t->index, &r, now);
	/* Something else may still answer: then this one is not for the client. */
	t->unwanted = ex->call.end == FL_END_OPEN;
}

static void
on_head(struct worker *w, struct http_try *t, const char *p, bool more)
{
	struct http_exchange *ex = t->ex;
	http_stats_time(&ex->cell->times[HTTP_PHASE_FIRST_BYTE], t->first_byte);
	if (t->fallback) {
		ex->degraded = true;
		forward(w, ex, t, p, more);
	} else {
		judge(w, ex, t, p);
		if (t->unwanted)
			return;
		ex->winner = t;                         /* for now: http_call_drive() asks for its bytes (3) */
		ex->head_p = p;
		ex->head_more = more;
		http_call_drive(w, ex);
		ex->head_p = NULL;
		if (!ex->answering || ex->winner != t) {
			if (ex->winner == t)
				ex->winner = NULL;
			t->unwanted = true;
			return;
		}
	}
	if (t->body_done && t->phase != HTTP_TRY_OVER) {
		http_reply_copy_end(w, ex);
		answer_done(w, ex, t);
	} else if (t->tunnel) {
		http_side_later(w, ex->conn);           /* the client may have sent more already */
	}
	http_side_arm(w, ex->conn, 0);
}

static void
on_given_back(struct worker *w, struct http_try *t)
{
	struct http_conn *c = t->ex->conn;
	http_call_drive(w, t->ex);
	if (c->state == AT_EXCHANGE)
		http_side_arm(w, c, 0);
}

static void
on_body(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	struct http_exchange *ex = t->ex;
	struct http_conn *c = ex->conn;
	if (ex->winner != t || !ex->answering)
		return;
	if (ex->composed > 0 && ex->dechunk)
		http_reply_put(w, ex, NULL, 0);
	if (ex->dechunk || ex->copy != NULL)
		put_payload(w, ex, p, n);
	if (ex->gate != NULL)
		shaped_body(w, ex, t, p, n);
	else if (!ex->dechunk)
		http_reply_put(w, ex, p, n);
	if (c->state >= AT_CLOSING)
		return;
	if (t->tunnel) {
		http_call_tunnel(w, ex);
	} else if (t->body_done) {
		http_reply_copy_end(w, ex);
		answer_done(w, ex, t);
	}
	if (t->phase != HTTP_TRY_OVER && http_side_busy(c))
		http_try_flow(w, t, false);
	http_side_arm(w, c, 0);
}

static void
on_failed(struct worker *w, struct http_try *t, enum http_fail why)
{
	struct http_exchange *ex = t->ex;
	struct http_conn *c = ex->conn;
	/* A kept connection that was closed at the same moment: nobody has seen the request, or it may be repeated. */
	if (why == HTTP_FAIL_BROKE && ex->winner != t && is_whole(ex) && (ex->call.info.idempotent || !t->any_sent) && http_try_again(w, t) == 0) {
		http_side_count(&ex->cell->resent, 1);
		http_side_arm(w, c, 0);
		return;
	}
	if (why == HTTP_FAIL_CONNECT && ex->winner != t && goes_elsewhere(w, ex, t)) {
		http_side_arm(w, c, 0);
		return;
	}
	http_try_vote(w, t, FL_FAILED, why);
	if (t == ex->winner && ex->answering) {
		answer_cut(w, ex);
		if (t->fallback) {
			fl_call_fallback_done(&ex->call, false, http_now(w));
		} else if (ex->committed) {
			struct fl_attempt_result r = { .outcome = FL_FAILED, .sent = FL_ANSWERED };
			fl_call_done(&ex->call, t->index, &r, http_now(w));
		}
		ex->holds = false;
	} else if (t->fallback) {
		bool good = http_reply_stale(w, ex) || http_reply_canned(w, ex);
		fl_call_fallback_done(&ex->call, good, http_now(w));
	} else {
		struct fl_refusal full;
		if (why == HTTP_FAIL_POOL)
			http_try_pool_full(t, &full);
		attempt_failed(w, ex, t->index, why, http_try_sent(t), why == HTTP_FAIL_POOL ? &full : NULL);
	}
	http_call_drive(w, ex);
	http_side_arm(w, c, 0);
}

static void
on_writable(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	struct http_conn *c = ex->conn;
	if (t->phase > HTTP_TRY_CONNECTING && !t->reused && ex->connect < 0 && t->head_sent) {
		ex->connect = http_now(w) - t->started;
		http_stats_time(&ex->cell->times[HTTP_PHASE_CONNECT], ex->connect);
	}
	if (t->tunnel && t->conn != NULL && c->state == AT_EXCHANGE)
		http_call_tunnel(w, ex);
	if (c->held_n > 0)
		http_side_later(w, c);
	else
		http_side_flow(w, c);
	http_side_arm(w, c, 0);
}

const struct http_try_ops http_call_ops = { .interim = on_interim, .head = on_head, .given_back = on_given_back, .body = on_body,
	.failed = on_failed, .writable = on_writable };

/* Somebody takes the body now: what is held of it goes on, though no event of a new connection says so. */
static void
feed_later(struct worker *w, struct http_exchange *ex)
{
	if (ex->has_body && ex->conn->held_n > 0)
		http_side_later(w, ex->conn);
}

void
http_call_drive(struct worker *w, struct http_exchange *ex)
{
	struct fl_todo todo;
	if (ex->released)
		return;
	for (;;) {
		if (ex->holds || (ex->degraded && ex->fallback != NULL && ex->answering && !ex->answered))
			return;                         /* until the answer is out */
		switch (fl_call_next(&ex->call, http_now(w), &todo)) {
		case FL_DO_ATTEMPT:
			if (ex->queue < 0) {
				ex->queue = http_now(w) - ex->start;
				http_stats_time(&ex->cell->times[HTTP_PHASE_QUEUE], ex->queue);
			}
			start_attempt(w, ex, todo.attempt, todo.hedge);
			feed_later(w, ex);
			break;
		case FL_DO_CANCEL:
			cancel_attempt(w, ex, todo.attempt);
			break;
		case FL_DO_FALLBACK:
			take_fallback(w, ex);
			feed_later(w, ex);
			break;
		case FL_DO_FINISH:
			deliver(w, ex, &todo);
			break;
		case FL_DO_WAIT:
			ex->until = todo.until;
			return;
		case FL_DO_RELEASE:
			ex->released = true;
			http_side_later(w, ex->conn);
			return;
		}
	}
}

void
http_call_abandon(struct worker *w, struct http_exchange *ex)
{
	fl_ns now = http_now(w);
	ex->answered = true;
	if (ex->fallback != NULL && ex->call.fallback_on) {
		http_try_vote(w, ex->fallback, FL_CANCELLED, HTTP_FAIL_BROKE);
		http_try_drop(w, ex->fallback);
		fl_call_fallback_done(&ex->call, false, now);
	}
	fl_call_abandon(&ex->call, now);
	http_call_drive(w, ex);
}

void
http_call_take_grant(struct worker *w, struct http_exchange *ex)
{
	if (atomic_exchange(&ex->grant_state, 0) == 0)
		return;
	fl_call_granted(&ex->call, ex->grant_res, &ex->grant_why, http_now(w));
	http_call_drive(w, ex);
}

static void
granted_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct http_conn *c = pool_get(&w->http->conns, m->words[0]);
	if (c == NULL || c->ex == NULL || atomic_load(&c->ex->grant_state) == 0)
		return;
	http_call_take_grant(w, c->ex);
	if (c->state == AT_EXCHANGE)
		http_side_arm(w, c, 0);
}

/* In the thread that gave a permit back. */
static void
granted(struct fl_call *call, int res, const struct fl_refusal *why, fl_ns now)
{
	struct http_exchange *ex = FL_CONTAINER_OF(call, struct http_exchange, call);
	struct worker *w = ex->conn->wline->worker;
	(void)now;
	ex->grant_res = res;
	ex->grant_why = *why;
	struct message m = { .call = granted_message, .words = { pool_handle(&w->http->conns, ex->conn) } };
	atomic_store(&ex->grant_state, 1);              /* ex may be gone after this, once its worker has seen it */
	if (!mailbox_post(&w->mail, &m)) {
		atomic_store(&w->http->grants_lost, true);
		io_wake(w->io);
	}
}

/* A mailbox was full: look for answers that were not told. */
void
http_call_find_grants(struct worker *w)
{
	if (!atomic_exchange(&w->http->grants_lost, false))
		return;
	for (uint32_t i = 0; i < w->http->conns.touched; i++) {
		struct http_conn *c = pool_at(&w->http->conns, i);
		if (c == NULL || c->ex == NULL || atomic_load(&c->ex->grant_state) == 0)
			continue;
		struct message m = { .words = { pool_handle(&w->http->conns, c) } };
		granted_message(w, &m);
	}
}

static bool
needs_peer(const struct http_conf *conf, const struct http_route *r)
{
	const struct cluster_conf *c = cluster_conf_of(r->cluster);
	return conf->forwarded || conf->log_share > 0 || (c->balance.kind == FL_RING_HASH && c->hash_header[0] == '\0');
}

static void
read_request(struct worker *w, struct http_exchange *ex, const char *p, const struct h1_head *h)
{
	struct http_conn *c = ex->conn;
	const struct http_conf *conf = ex->line->conf;
	ex->method = h->method;
	ex->version_minor = h->version_minor;
	ex->client_keeps = h->keep_alive;
	ex->expects = h->expect_continue;
	ex->upgrade = h->upgrade;
	ex->framing = h->framing;
	ex->has_body = h->framing != H1_NONE;
	h1_body_start(&ex->body, h, conf->limits.body_bytes_max);
	ex->body_done = h1_body_done(&ex->body);
	const struct fl_plan *plan = &ex->route->policies->plan;
	bool repeats = plan->retry.attempts_max > 1 || plan->hedge != NULL || ex->route->policies->fallback_cluster != NULL;
	ex->keeps = ex->has_body && (repeats || (h->framing == H1_LENGTH && h->length <= KEPT_SMALL));
	ex->number = c->requests;
	ex->ordinal = c->ordinal * 0x100000000u + c->requests;
	ex->draws = conf->seed;
	if (conf->trace)
		http_msg_read_trace(ex, p, h, ex->draws);
	ex->client = needs_peer(conf, ex->route) ? http_peer(w, c) : NULL;
	ex->tls = c->tls;
	http_reply_key(ex, p, h);
	http_trace_begin(ex, p, h);
}

static bool
is_unsafe_twice(const struct http_exchange *ex, const struct h1_head *h)
{
	return !h1_method_idempotent((enum h1_method)ex->method) && !h1_has(h, H1_ID_IDEMPOTENCY_KEY);
}

/* Keep bytes of the body for (another) attempt. false: no memory. */
static bool
keep_body(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	if (ex->kept_n + n > ex->kept_room) {
		size_t room = FL_MAX(1024, ex->kept_room);
		while (room < ex->kept_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL)
			return false;
		if (ex->kept_n > 0)
			memcpy(more, ex->kept, ex->kept_n);
		if (ex->kept != NULL)
			slab_give(w->mem, ex->kept, ex->kept_room);
		ex->kept = more;
		ex->kept_room = (uint32_t)room;
	}
	memcpy(ex->kept + ex->kept_n, p, n);
	ex->kept_n += (uint32_t)n;
	return true;
}

/* The attempt that runs; the fallback's when there is none. NULL: nothing runs. */
static struct http_try *
running_try(const struct http_exchange *ex)
{
	for (unsigned i = 0; i < ex->call.attempts; i++)
		if (ex->tries[i] != NULL && ex->tries[i]->phase != HTTP_TRY_OVER)
			return ex->tries[i];
	return ex->fallback != NULL && ex->fallback->phase != HTTP_TRY_OVER ? ex->fallback : NULL;
}

/* The body could not be given to the try. */
static void
not_given(struct worker *w, struct http_try *t, int res)
{
	if (res != -ENOMEM) {
		http_try_flow(w, t, true);              /* the connection is broken: reading tells why */
		return;
	}
	/* Some of it is lost, and what follows must not close the gap. */
	http_try_drop(w, t);
	on_failed(w, t, HTTP_FAIL_OVERLOAD);
}

/* Give all that run what has come of the body and was kept. */
static void
pump_all(struct worker *w, struct http_exchange *ex)
{
	for (unsigned i = 0; i <= ex->call.attempts; i++) {
		struct http_try *t = i < ex->call.attempts ? ex->tries[i] : ex->fallback;
		int r = t != NULL && t->conn != NULL ? http_try_pump(w, t) : 0;
		if (r < 0)
			not_given(w, t, r);
	}
}

/* Bytes of the request's body. returns how many were used. */
size_t
http_call_body(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct http_conn *c = ex->conn;
	struct http_try *t = ex->winner;
	size_t taken = 0;
	if (t != NULL && t->tunnel) {
		if (!http_try_wants(t))
			return 0;
		int r = http_try_feed(w, t, p, n);
		ex->body_bytes += n;
		ex->request_bytes += n;
		if (r < 0)
			not_given(w, t, r);
		return n;
	}
	if (ex->body_done)
		return 0;
	if (ex->keeps && ex->kept_n + n > ex->route->policies->replay_bytes_max) {
		ex->keeps = false;
		ex->call.info.no_retry = true;
		ex->call.info.idempotent = false;       /* no more hedges either */
	}
	if (!ex->keeps) {
		if (t == NULL)
			t = running_try(ex);
		if (t == NULL && ex->answered) {
			/* Nobody wants it: it is dropped, and the connection ends behind the answer. */
			enum h1_verdict v = h1_body_feed(&ex->body, p, n, &taken);
			ex->body_done = v == H1_OK;
			return v == H1_BAD ? n : taken;
		}
		if (t == NULL || !http_try_wants(t) || t->body_at < ex->body_bytes)
			return 0;
	}
	enum h1_verdict v = h1_body_feed(&ex->body, p, n, &taken);
	if (v == H1_BAD) {
		ex->client_keeps = false;
		c->close_next = true;
		if (ex->answering && !ex->answered) {
			http_side_close(w, c, LINE_CLOSE_CLIENT_ERROR, true);
			return n;
		}
		if (!ex->answering)
			http_reply_own(w, ex, h1_body_status(&ex->body), h1_body_error(&ex->body), NULL);
		http_call_abandon(w, ex);
		return n;
	}
	ex->body_done = v == H1_OK;
	ex->body_bytes += taken;
	ex->request_bytes += taken;
	http_trace_body(ex, FL_C2S, p, taken);
	if (!ex->keeps) {
		int r = http_try_feed(w, t, p, taken);
		if (r < 0)
			not_given(w, t, r);
		return taken;
	}
	if (!keep_body(w, ex, p, taken)) {
		http_side_close(w, c, LINE_CLOSE_OVERLOAD, true);
		return n;
	}
	pump_all(w, ex);
	return taken;
}

/* What faults on the way to the client do to this one; one that answers at once leaves nothing to be asked. */
static void
shape(struct worker *w, struct http_exchange *ex)
{
	http_shape_begin(w, ex);
	if (ex->faults == NULL)
		return;
	fl_assert(w->http->head_of == ex);
	ex->plan = http_shape_draw(w, ex, ex->head, &w->http->head, FL_S2C, 0);
	if (ex->plan == NULL || ex->plan->abort == NULL || ex->plan->abort_when != HTTP_FAULT_BEFORE)
		return;
	ex->own = ex->answered = true;
	http_reply_abort(w, ex);
	fl_call_abandon(&ex->call, http_now(w));
}

/* A whole head is there: w->http->head, at p; n bytes in hand from p. returns how many were used. */
size_t
http_call_begin(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	struct http_worker *hw = w->http;
	const struct h1_head *h = &hw->head;
	fl_ns now = http_now(w);
	size_t used = h->head_bytes;
	struct http_exchange *ex = slab_alloc(w->mem, sizeof(*ex));
	char *head = slab_alloc(w->mem, h->head_bytes);
	if (ex == NULL || head == NULL) {
		if (ex != NULL)
			slab_give(w->mem, ex, sizeof(*ex));
		if (head != NULL)
			slab_give(w->mem, head, h->head_bytes);
		http_reply_bad(w, c, 503, "no memory for another request", h->method == H1_HEAD);
		return n;
	}
	memset(ex, 0, sizeof(*ex));
	memcpy(head, p, h->head_bytes);
	ex->head = head;
	ex->head_bytes = h->head_bytes;
	hw->head_of = ex;
	ex->conn = c;
	ex->line = c->wline->http;
	http_line_hold(ex->line);
	ex->route = http_line_route(ex->line->conf, p, h);
	ex->cell = &ex->route->stats->cells[w->index];
	ex->start = now;
	ex->queue = ex->connect = ex->first_byte = -1;
	ex->request_bytes = h->head_bytes;
	c->ex = ex;
	c->state = AT_EXCHANGE;
	c->since = now;
	c->requests++;
	read_request(w, ex, p, h);
	http_side_count(&ex->cell->requests, 1);
	http_side_count(&ex->cell->active, 1);
	const struct http_policies *pol = ex->route->policies;
	struct fl_call_info info = { .key = ex->ordinal, .cell = w->index, .priority = http_msg_read_priority(p, h, pol->priority),
		.idempotent = !is_unsafe_twice(ex, h), .no_retry = h1_has(h, H1_ID_X_NO_RETRY),
		.deadline = pol->pass_deadline ? http_msg_read_deadline(ex, p, h, now) : 0 };
	fl_call_start(&ex->call, &pol->plan, &info, granted, now);
	if (h->upgrade)
		ex->call.info.idempotent = false;
	if (h->method == H1_CONNECT) {
		ex->client_keeps = false;
		http_reply_own(w, ex, 501, "this line does not tunnel", NULL);
		fl_call_abandon(&ex->call, now);
	} else if (http_msg_hops(p, h) == 0) {
		http_reply_own(w, ex, h->method == H1_OPTIONS ? 200 : 501, "the request goes no further than to this line", NULL);
		fl_call_abandon(&ex->call, now);
	}
	/* What is in hand of a small body goes out in one piece with the head. */
	if (ex->keeps && used < n)
		used += http_call_body(w, ex, p + used, n - used);
	if (!ex->answered)
		shape(w, ex);
	http_call_drive(w, ex);
	return used;
}

void
http_call_faults(struct worker *w, struct http_exchange *ex)
{
	const struct line_conf *conf = ex->conn->wline->conf;
	struct http_who who = http_shape_who(ex);
	if (ex->gate != NULL)
		http_gate_renew(w, ex->gate, conf->http_faults);
	for (unsigned i = 0; i <= ex->call.attempts; i++) {
		struct http_try *t = i < ex->call.attempts ? ex->tries[i] : ex->fallback;
		if (t == NULL || t->conn == NULL)
			continue;
		if (t->gate != NULL)
			http_gate_renew(w, t->gate, conf->http_faults);
		if (t->conn->out.bend == NULL && !http_out_has_faults(conf->faults, FL_C2S))
			continue;
		struct decide_conn key = http_shape_attempt(w, ex, i);
		int r = upconn_faults(w, t->conn, conf->faults, &key, &who);
		bool moves = r == 0 && t->head_sent && !http_out_busy(&t->conn->out);
		if (moves)
			r = http_try_pump(w, t);
		if (r < 0) {
			http_try_drop(w, t);
			on_failed(w, t, HTTP_FAIL_BROKE);
			return;                         /* the exchange may be over */
		}
		if (moves)
			on_writable(w, t);              /* what waited for a fault that is gone goes on */
	}
}

/* Time limits of tries, of the call, and of the answer that goes out. */
void
http_call_timer(struct worker *w, struct http_conn *c, fl_ns now)
{
	struct http_exchange *ex = c->ex;
	enum fl_limit limit = FL_LIMIT_NONE;
	for (unsigned i = 0; i <= ex->call.attempts; i++) {
		struct http_try *t = i < ex->call.attempts ? ex->tries[i] : ex->fallback;
		if (t == NULL || http_try_due(t, &limit) > now)
			continue;
		fl_call_limit(&ex->call, limit);
		http_try_drop(w, t);
		on_failed(w, t, HTTP_FAIL_TIMEOUT);
		if (c->state != AT_EXCHANGE)
			return;
	}
	if (ex->answering && !ex->answered && ex->winner != NULL && !ex->winner->tunnel && !ex->winner->fallback && !http_side_held(ex) &&
	    now >= ex->call.deadline.at) {
		fl_call_limit(&ex->call, ex->call.deadline.limit);
		http_side_close(w, c, LINE_CLOSE_SERVER_ERROR, true);
		return;
	}
	if (now >= http_side_body_due(ex)) {
		ex->client_keeps = false;
		if (ex->answering && !ex->answered) {
			http_side_close(w, c, LINE_CLOSE_CLIENT_ERROR, true);
			return;
		}
		if (!ex->answering)
			http_reply_own(w, ex, 408, "the request's body did not come in time", NULL);
		http_call_abandon(w, ex);
	}
	http_call_drive(w, ex);
}
