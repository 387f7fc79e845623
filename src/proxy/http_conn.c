/* SPDX-License-Identifier: MIT */
/*
 * http_conn.c - a client's connection on an HTTP line, and the exchanges on it.
 *
 *      client bytes -> conn_input() -> exchange_begin() -> drive() -> tries -> ops -> forward() -> client
 *
 * An exchange asks its struct fl_call what to do (drive()), and tells it what happened. Everything that ends an exchange only marks
 * it; http_conn_settle() frees it when the event is over, so nothing is freed underfoot.
 *
 * Invariants
 *  (1) One exchange at a time: bytes behind a request wait in `held`, unread or here, until its answer is out.
 *  (2) An exchange is freed when its call was released and its answer is in the out queue whole, or will never be.
 *  (3) A connection is freed when IO_CLOSED was seen and its exchange is gone.
 */
#include "proxy/http_conn.h"
#include "base/assert.h"
#include "base/rng.h"
#include "io/tls.h"
#include "proto/proxy_header.h"
#include "proxy/http_msg.h"
#include "proxy/http_try.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LINGER (2 * FL_SEC)
#define LINGER_BYTES (1 << 20)          /* dropped at most, before the connection is closed all the same */
#define KEPT_SMALL 16384                /* bodies up to this are kept even if nothing will be repeated: one push with the head */
#define HELD_MAX (SLAB_BLOCK_MAX / 2)
#define COPY_WITH_HEAD (32 * 1024)

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
	char *held;                     /* what came and was not used yet */
	uint32_t held_n, held_room;
	struct h1_scan scan;
	struct http_out out;
	uint64_t ordinal, key;
	fl_ns opened, since;            /* since: the state's, or of the last byte */
	uint32_t requests, dropped;
	uint8_t state, reason;
	bool eof, tls, close_next, spoken, shut;
};

/* ---- small parts ---- */

static void drive(struct worker *w, struct http_exchange *ex);
static void conn_advance(struct worker *w, struct http_conn *c);

static void
later(struct worker *w, struct http_conn *c)
{
	if (list_empty(&c->settle))
		list_add_tail(&w->http->settle, &c->settle);
}

static void
count(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static void
conn_close(struct worker *w, struct http_conn *c, enum line_close reason, bool reset)
{
	if (c->state >= AT_CLOSING)
		return;
	c->state = AT_CLOSING;
	c->reason = (uint8_t)reason;
	io_close(w->io, c->sock, reset);
	later(w, c);
}

/* Bytes for the client. A broken connection shows itself when it is read. */
static void
conn_put(struct worker *w, struct http_conn *c, const void *p, size_t n)
{
	if (c->state >= AT_CLOSING || n == 0)
		return;
	int r = http_out_put(w, &c->out, c->sock, p, n);
	line_count(&c->wline->cell->sent_bytes[FL_S2C], n);
	if (r == -ENOMEM)
		conn_close(w, c, LINE_CLOSE_OVERLOAD, true);
	else if (r < 0)
		conn_close(w, c, r == -EPIPE || r == -ECONNRESET ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_CLIENT_ERROR, true);
}

/* ---- times ---- */

static fl_ns
exchange_due(const struct http_exchange *ex)
{
	const struct http_conn *c = ex->conn;
	const struct http_limits *l = &ex->line->conf->limits;
	enum fl_limit limit;
	fl_ns due = ex->finished ? FL_NEVER : ex->until;
	if (ex->answering && !ex->answered && (ex->winner == NULL || !ex->winner->tunnel))
		due = FL_MIN(due, ex->call.deadline.at);
	for (unsigned i = 0; i < ex->call.attempts; i++)
		if (ex->tries[i] != NULL)
			due = FL_MIN(due, http_try_due(ex->tries[i], &limit));
	if (ex->fallback != NULL)
		due = FL_MIN(due, http_try_due(ex->fallback, &limit));
	if (!ex->body_done && l->body_timeout > 0)
		due = FL_MIN(due, c->since + l->body_timeout);
	return due;
}

static fl_ns
conn_due(const struct http_conn *c)
{
	const struct http_limits *l = &c->wline->http->conf->limits;
	switch (c->state) {
	case AT_GREETING: return c->opened + (c->wline->conf->wire != NULL ? c->wline->conf->wire->greeting_timeout : 10 * FL_SEC);
	case AT_READING: return c->held_n > 0 ? c->since + l->head_timeout : l->idle_timeout > 0 ? c->since + l->idle_timeout : FL_NEVER;
	case AT_EXCHANGE: return exchange_due(c->ex);
	case AT_LINGER: return c->since + LINGER;
	default: return FL_NEVER;
	}
}

/* Lazily: a timer that is early asks again when it fires. */
static void
conn_arm(struct worker *w, struct http_conn *c)
{
	fl_ns due = conn_due(c);
	if (!heap_armed(&c->timer.node) || due < c->timer.node.at)
		worker_timer(w, &c->timer, due);
}

/* ---- what the client sends ---- */

/* Receive while there is use for it. */
static void
conn_flow(struct worker *w, struct http_conn *c)
{
	const struct http_exchange *ex = c->ex;
	bool want = true;
	if (c->state >= AT_CLOSING)
		return;
	if (c->state == AT_READING) {
		want = !http_out_busy(&c->out) && c->held_n < HELD_MAX;
	} else if (c->state == AT_EXCHANGE) {
		bool relays = ex->winner != NULL && ex->winner->tunnel;
		want = (relays || !ex->body_done) && c->held_n == 0;
	}
	if (want && !c->eof)
		io_recv_start(w->io, c->sock, HTTP_RECV_BYTES);
	else
		io_recv_stop(w->io, c->sock);
}

/* Keep what could not be used yet, in place of what was held. */
static void
conn_hold(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (c->held_n + n > c->held_room) {
		size_t room = FL_MAX(512, c->held_room);
		while (room < c->held_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL) {
			conn_close(w, c, LINE_CLOSE_OVERLOAD, true);
			return;
		}
		if (c->held_n > 0)
			memcpy(more, c->held, c->held_n);
		if (c->held != NULL)
			slab_give(w->mem, c->held, c->held_room);
		c->held = more;
		c->held_room = (uint32_t)room;
		worker_trim_later(w, io_now(w->io));
	}
	memcpy(c->held + c->held_n, p, n);
	c->held_n += (uint32_t)n;
}

/* ---- answers of our own ---- */

/* After this answer the connection ends: what the client still sends is not wanted. */
static bool
must_close(const struct http_exchange *ex)
{
	const struct http_conn *c = ex->conn;
	const struct http_limits *l = &c->wline->http->conf->limits;
	return !ex->client_keeps || !ex->body_done || c->close_next || c->eof || c->wline->draining || c->wline->closing ||
	    (l->requests_max > 0 && c->requests >= l->requests_max);
}

static void
own_answer(struct worker *w, struct http_exchange *ex, unsigned status, const char *text, const struct fl_refusal *why)
{
	struct http_conn *c = ex->conn;
	struct http_worker *h = w->http;
	ex->close_after = must_close(ex);
	size_t n = http_msg_own(ex, status, text, why, ex->close_after, ex->method == H1_HEAD, h->compose, sizeof(h->compose));
	ex->status = (uint16_t)status;
	ex->own = true;
	ex->answering = ex->answered = true;
	ex->response_bytes += n;
	ex->answer_at = http_now(w);
	conn_put(w, c, h->compose, n);
}

/* A request that is not even one. */
static void
bad_request(struct worker *w, struct http_conn *c, unsigned status, const char *text)
{
	struct http_worker *h = w->http;
	size_t n = http_msg_own(NULL, status, text, NULL, true, false, h->compose, sizeof(h->compose));
	const struct http_route *r = &c->wline->http->conf->routes[c->wline->http->conf->route_count - 1];
	struct http_cell *cell = &r->stats->cells[w->index];
	count(&cell->requests, 1);
	count(&cell->status[status / 100], 1);
	conn_put(w, c, h->compose, n);
	c->close_next = true;
	if (c->state < AT_LINGER) {
		c->state = AT_LINGER;
		c->since = http_now(w);
	}
}

/* ---- forwarding an answer ---- */

static void
put_composed(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct http_worker *h = w->http;
	uint32_t head = ex->composed;
	ex->composed = 0;
	ex->response_bytes += head + n;
	if (n <= sizeof(h->compose) - head && (head == 0 || n <= COPY_WITH_HEAD)) {
		if (head == 0) {
			conn_put(w, ex->conn, p, n);
			return;
		}
		if (n > 0)
			memcpy(h->compose + head, p, n);
		conn_put(w, ex->conn, h->compose, head + n);
		return;
	}
	conn_put(w, ex->conn, h->compose, head);
	conn_put(w, ex->conn, p, n);
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
	ex->close_after = must_close(ex) || ex->dechunk || t->framing == H1_CLOSE;
	size_t n = http_msg_answer(ex, p, a, ex->close_after, t->fallback, h->compose, sizeof(h->compose) - COPY_WITH_HEAD);
	if (n > sizeof(h->compose) - COPY_WITH_HEAD) {
		conn_close(w, ex->conn, LINE_CLOSE_SERVER_ERROR, true);
		return;
	}
	ex->composed = (uint32_t)n;
	if (!more)
		put_composed(w, ex, NULL, 0);
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
	drive(w, ex);
}

/* The winner's answer will not be whole: the client must see that. */
static void
answer_cut(struct worker *w, struct http_exchange *ex)
{
	ex->answered = true;
	count(&ex->cell->upstream_broke, 1);
	conn_close(w, ex->conn, LINE_CLOSE_SERVER_ERROR, true);
}

/* ---- attempts ---- */

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
	case HTTP_FAIL_OVERLOAD: return false;
	}
	return false;
}

/* Can the request be sent again: is all that was sent of it still here? */
static bool
is_whole(const struct http_exchange *ex)
{
	return ex->body_bytes == ex->kept_n;
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
	fl_call_done(&ex->call, index, &r, http_now(w));
}

static void
start_attempt(struct worker *w, struct http_exchange *ex, unsigned index, bool hedge)
{
	struct fl_refusal why = { .by = FL_WHO_NONE };
	count(&ex->cell->attempts, 1);
	if (index > 0)
		count(hedge ? &ex->cell->hedges : &ex->cell->retries, 1);
	int r = http_try_start(w, ex, index, false, &why, &ex->tries[index]);
	struct http_try *t = ex->tries[index];
	if (r == -EAGAIN) {
		attempt_failed(w, ex, index, HTTP_FAIL_CONNECT, FL_NEVER_SENT, &why);
	} else if (r < 0) {
		attempt_failed(w, ex, index, HTTP_FAIL_OVERLOAD, FL_NEVER_SENT, NULL);
	} else if (t->phase == HTTP_TRY_OVER) {
		/* The connection was dead already, or none could even be begun. */
		if (!(t->reused && http_try_again(w, t) == 0)) {
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

/* ---- fallback ---- */

static void
stale_key(const struct http_exchange *ex, uint64_t key[2])
{
	const char *end = memchr(ex->head, '\r', ex->head_bytes);
	size_t n = end != NULL ? (size_t)(end - ex->head) : ex->head_bytes;
	struct rng128 k = { 0 };
	uint64_t a = 0x9e3779b97f4a7c15u, b = 0;
	for (size_t i = 0; i < n; i++) {
		a = (a ^ (uint8_t)ex->head[i]) * 0x100000001b3u;
		b = rng_key(b, (uint8_t)ex->head[i] + a);
	}
	(void)k;
	key[0] = a;
	key[1] = b;
}

/* The last good answer to the same request line, from the cache. */
static bool
stale_answer(struct worker *w, struct http_exchange *ex)
{
	const struct http_policies *p = ex->route->policies;
	struct http_worker *h = w->http;
	uint64_t key[2];
	size_t n;
	fl_ns age, now = http_now(w);
	if (p->stale == NULL || (ex->method != H1_GET && ex->method != H1_HEAD))
		return false;
	stale_key(ex, key);
	if (fl_stale_get(p->stale, key[0], key[1], h->compose, sizeof(h->compose) / 2, now, &n, &age) != 0)
		return false;
	struct h1_scan scan = { 0 };
	struct h1_edit edits[2];
	char text[32], *out = h->compose + sizeof(h->compose) / 2;
	if (h1_response(h->compose, n, &(struct h1_limits){ 0 }, &scan, H1_GET, &h->answer) != H1_OK)
		return false;
	ex->close_after = must_close(ex);
	snprintf(text, sizeof(text), "%lld", (long long)(age / FL_SEC));
	h1_edit_init(&edits[0], H1_EDIT_SET, "age", text);
	h1_edit_init(&edits[1], H1_EDIT_SET, "x-faultline-degraded", "stale");
	size_t body = n - h->answer.head_bytes;
	struct h1_out o = { .edits = edits, .edit_count = 2, .close = ex->close_after, .keep_alive = !ex->close_after && ex->version_minor == 0,
		.reframe = true, .framing = H1_LENGTH, .length = body };
	size_t k = h1_write_response(h->compose, &h->answer, &o, out, sizeof(h->compose) / 2);
	if (k > sizeof(h->compose) / 2)
		return false;
	ex->status = h->answer.status;
	ex->answering = ex->answered = ex->degraded = true;
	ex->answer_at = now;
	ex->response_bytes += k + body;
	conn_put(w, ex->conn, out, k);
	if (ex->method != H1_HEAD)
		conn_put(w, ex->conn, h->compose + h->answer.head_bytes, body);
	return true;
}

static bool
canned_answer(struct worker *w, struct http_exchange *ex)
{
	const struct http_canned *k = ex->route->policies->canned;
	struct http_worker *h = w->http;
	if (k == NULL)
		return false;
	ex->close_after = must_close(ex);
	size_t n = http_msg_canned(k, ex->close_after, ex->method == H1_HEAD, ex->version_minor == 0, h->compose, sizeof(h->compose));
	if (n > sizeof(h->compose))
		return false;
	ex->status = k->status;
	ex->answering = ex->answered = ex->degraded = true;
	ex->answer_at = http_now(w);
	ex->response_bytes += n;
	conn_put(w, ex->conn, h->compose, n);
	return true;
}

static void
take_fallback(struct worker *w, struct http_exchange *ex)
{
	struct fl_refusal why = { .by = FL_WHO_NONE };
	count(&ex->cell->fallbacks, 1);
	if (ex->route->policies->fallback_cluster != NULL && is_whole(ex) &&
	    http_try_start(w, ex, FL_CALL_ATTEMPTS_MAX, true, &why, &ex->fallback) == 0 && ex->fallback->phase != HTTP_TRY_OVER)
		return;
	bool good = stale_answer(w, ex) || canned_answer(w, ex);
	fl_call_fallback_done(&ex->call, good, http_now(w));
}

/* Gather what may be given again later. */
static void
copy_begin(struct worker *w, struct http_exchange *ex, const struct http_try *t, const char *p)
{
	const struct http_policies *pol = ex->route->policies;
	const struct h1_head *a = &w->http->answer;
	if (pol->stale == NULL || ex->method != H1_GET || t->fallback || a->status != 200 || a->framing == H1_CLOSE || a->framing == H1_TUNNEL)
		return;
	size_t n = a->head_bytes;
	size_t room = FL_MAX(4096, n * 2);
	ex->copy = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
	if (ex->copy == NULL)
		return;
	ex->copy_room = (uint32_t)room;
	struct h1_out o = { .reframe = true, .framing = H1_LENGTH };
	size_t k = h1_write_response(p, a, &o, ex->copy, room);
	if (k > room) {
		slab_give(w->mem, ex->copy, ex->copy_room);
		ex->copy = NULL;
		return;
	}
	ex->copy_n = (uint32_t)k;
	h1_body_start(&ex->payload, a, 0);
}

static void
copy_drop(struct worker *w, struct http_exchange *ex)
{
	if (ex->copy != NULL)
		slab_give(w->mem, ex->copy, ex->copy_room);
	ex->copy = NULL;
}

static void
copy_more(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	if (ex->copy_n + n > ex->copy_room) {
		size_t room = ex->copy_room;
		while (room < ex->copy_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL) {
			copy_drop(w, ex);
			return;
		}
		memcpy(more, ex->copy, ex->copy_n);
		slab_give(w->mem, ex->copy, ex->copy_room);
		ex->copy = more;
		ex->copy_room = (uint32_t)room;
	}
	memcpy(ex->copy + ex->copy_n, p, n);
	ex->copy_n += (uint32_t)n;
}

static void
copy_end(struct worker *w, struct http_exchange *ex)
{
	uint64_t key[2];
	if (ex->copy == NULL)
		return;
	stale_key(ex, key);
	(void)fl_stale_put(ex->route->policies->stale, key[0], key[1], ex->copy, ex->copy_n, http_now(w));
	copy_drop(w, ex);
}

/* ---- what tries tell ---- */

static void
on_interim(struct worker *w, struct http_try *t, const char *p)
{
	struct http_exchange *ex = t->ex;
	struct http_worker *h = w->http;
	struct h1_out o = { 0 };
	/* Not to a client of HTTP/1.0 (RFC 9110 15.2); not from two attempts. */
	if (ex->version_minor == 0 || ex->answering || ex->call.flying > 1)
		return;
	size_t n = h1_write_response(p, &h->answer, &o, h->compose, sizeof(h->compose));
	if (n <= sizeof(h->compose))
		conn_put(w, ex->conn, h->compose, n);
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

static void
on_head(struct worker *w, struct http_try *t, const char *p, bool more)
{
	struct http_exchange *ex = t->ex;
	const struct http_policies *pol = ex->route->policies;
	const struct h1_head *a = &w->http->answer;
	fl_ns now = http_now(w);
	http_stats_time(&ex->cell->times[HTTP_PHASE_FIRST_BYTE], t->first_byte);
	if (t->fallback) {
		ex->degraded = true;
		forward(w, ex, t, p, more);
	} else {
		fl_ns after = retry_after(a, p);
		enum fl_outcome outcome = status_outcome(t->status, after > 0);
		bool again = status_retryable(pol, t->status);
		if (outcome == FL_OK && !again) {
			copy_begin(w, ex, t, p);
			ex->committed = true;
			fl_call_commit(&ex->call, t->index, now);
		} else {
			struct fl_attempt_result r = { .outcome = outcome == FL_OK ? FL_FAILED : outcome, .sent = FL_ANSWERED,
				.retryable = again && is_whole(ex), .no_retry = h1_has(a, H1_ID_X_NO_RETRY), .retry_after = after,
				.latency = t->first_byte };
			http_try_vote(w, t, outcome, HTTP_FAIL_BAD);
			fl_call_done(&ex->call, t->index, &r, now);
		}
		ex->winner = t;                         /* for now: drive() asks for its bytes */
		ex->head_p = p;
		ex->head_more = more;
		drive(w, ex);
		ex->head_p = NULL;
		if (!ex->answering || ex->winner != t) {
			if (ex->winner == t)
				ex->winner = NULL;
			http_try_end(w, t);             /* its answer is not wanted */
			return;
		}
	}
	if (t->body_done && t->phase != HTTP_TRY_OVER) {
		copy_end(w, ex);
		answer_done(w, ex, t);
	}
	conn_arm(w, ex->conn);
}

/* Only the payload of a chunked answer. */
static void
put_payload(struct worker *w, struct http_exchange *ex, const char *p, size_t n, bool to_client)
{
	struct h1_span span;
	enum h1_verdict v = H1_MORE;
	for (size_t at = 0; at < n && v == H1_MORE; at += span.bytes) {
		v = h1_body_next(&ex->payload, p + at, n - at, &span);
		if (v == H1_BAD)
			break;
		if (span.kind != H1_SPAN_PAYLOAD || span.bytes == 0)
			continue;
		if (to_client)
			put_composed(w, ex, p + at, span.bytes);
		else if (ex->copy != NULL)
			copy_more(w, ex, p + at, span.bytes);
	}
}

static void
on_body(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	struct http_exchange *ex = t->ex;
	struct http_conn *c = ex->conn;
	if (ex->winner != t || !ex->answering)
		return;
	if (ex->copy != NULL)
		put_payload(w, ex, p, n, false);
	if (ex->dechunk) {
		if (ex->composed > 0)
			put_composed(w, ex, NULL, 0);
		put_payload(w, ex, p, n, true);
	} else {
		put_composed(w, ex, p, n);
	}
	if (c->state >= AT_CLOSING)
		return;
	if (t->body_done) {
		copy_end(w, ex);
		answer_done(w, ex, t);
	} else if (http_out_busy(&c->out)) {
		http_try_flow(w, t, false);
	}
	conn_arm(w, c);
}

static void
on_failed(struct worker *w, struct http_try *t, enum http_fail why)
{
	struct http_exchange *ex = t->ex;
	struct http_conn *c = ex->conn;
	/* A kept connection that was closed at the same moment: nobody has seen the request, or it may be repeated. */
	if (why == HTTP_FAIL_BROKE && ex->winner != t && is_whole(ex) && (ex->call.info.idempotent || !t->any_sent) && http_try_again(w, t) == 0) {
		count(&ex->cell->resent, 1);
		conn_arm(w, c);
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
		bool good = stale_answer(w, ex) || canned_answer(w, ex);
		fl_call_fallback_done(&ex->call, good, http_now(w));
	} else {
		attempt_failed(w, ex, t->index, why, http_try_sent(t), NULL);
	}
	drive(w, ex);
	conn_arm(w, c);
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
	if (c->held_n > 0)
		later(w, c);
	else
		conn_flow(w, c);
	conn_arm(w, c);
}

static const struct http_try_ops try_ops = { .interim = on_interim, .head = on_head, .body = on_body, .failed = on_failed, .writable = on_writable };

/* ---- the call ---- */

/* The outcome is known: tell the client. */
static void
deliver(struct worker *w, struct http_exchange *ex, const struct fl_todo *todo)
{
	const struct http_policies *p = ex->route->policies;
	struct http_try *t = todo->attempt < FL_CALL_ATTEMPTS_MAX ? ex->tries[todo->attempt] : NULL;
	char say[512];
	ex->finished = true;
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
		own_answer(w, ex, ex->call.limit != FL_LIMIT_NONE ? 504 : 502, fl_call_explain(&ex->call, say, sizeof(say)), NULL);
		break;
	case FL_END_REFUSED:
		own_answer(w, ex, ex->call.refusal.by == FL_WHO_RATE_LIMIT ? 429 : p->refuse_status, fl_refusal_say(&ex->call.refusal, say, sizeof(say)),
		    &ex->call.refusal);
		break;
	case FL_END_TIMED_OUT:
		own_answer(w, ex, 504, fl_call_explain(&ex->call, say, sizeof(say)), ex->call.attempts == 0 ? &ex->call.refusal : NULL);
		break;
	case FL_END_FALLBACK:
		break;                                  /* it has answered, or does */
	default:
		ex->answered = true;                    /* nobody is there */
	}
}

static void
drive(struct worker *w, struct http_exchange *ex)
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
			break;
		case FL_DO_CANCEL:
			cancel_attempt(w, ex, todo.attempt);
			break;
		case FL_DO_FALLBACK:
			take_fallback(w, ex);
			break;
		case FL_DO_FINISH:
			deliver(w, ex, &todo);
			break;
		case FL_DO_WAIT:
			ex->until = todo.until;
			return;
		case FL_DO_RELEASE:
			ex->released = true;
			later(w, ex->conn);
			return;
		}
	}
}

/* ---- bulkheads of several workers ---- */

static void
granted_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct http_conn *c = pool_get(&w->http->conns, m->words[0]);
	if (c == NULL || c->ex == NULL || atomic_exchange(&c->ex->grant_state, 0) == 0)
		return;
	struct http_exchange *ex = c->ex;
	fl_call_granted(&ex->call, ex->grant_res, &ex->grant_why, http_now(w));
	drive(w, ex);
	if (c->state == AT_EXCHANGE)
		conn_arm(w, c);
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
static void
find_grants(struct worker *w)
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

/* ---- requests ---- */

static const struct io_addr *
peer_of(struct worker *w, struct http_conn *c)
{
	if (c->peer == NULL && (c->peer = slab_alloc(w->mem, sizeof(*c->peer))) != NULL && io_peer_addr(c->sock, c->peer) < 0)
		c->peer->len = 0;
	return c->peer;
}

static bool
needs_peer(const struct http_conf *conf, const struct http_route *r)
{
	const struct cluster_conf *c = cluster_conf_of(r->cluster);
	return conf->forwarded || c->send_proxy != 0 || (c->balance.kind == FL_RING_HASH && c->hash_header[0] == '\0');
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
	ex->client = needs_peer(conf, ex->route) ? peer_of(w, c) : NULL;
	ex->tls = c->tls;
}

static bool
is_unsafe_twice(const struct http_exchange *ex, const struct h1_head *h)
{
	return !h1_method_idempotent((enum h1_method)ex->method) && !h1_has(h, H1_ID_IDEMPOTENCY_KEY);
}

/* Bytes of the request's body. returns how many were used. */
static size_t
exchange_body(struct worker *w, struct http_exchange *ex, const char *p, size_t n)
{
	struct http_conn *c = ex->conn;
	struct http_try *t = ex->winner;
	size_t taken = 0;
	if (t != NULL && t->tunnel) {
		if (!http_try_wants(t))
			return 0;
		if (http_try_feed(w, t, p, n) < 0)
			return 0;
		ex->body_bytes += n;
		ex->request_bytes += n;
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
		for (unsigned i = 0; i < ex->call.attempts && t == NULL; i++)
			if (ex->tries[i] != NULL && ex->tries[i]->phase != HTTP_TRY_OVER)
				t = ex->tries[i];
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
		if (!ex->answering)
			own_answer(w, ex, h1_body_status(&ex->body), h1_body_error(&ex->body), NULL);
		ex->answered = true;
		fl_call_abandon(&ex->call, http_now(w));
		drive(w, ex);
		return n;
	}
	ex->body_done = v == H1_OK;
	ex->body_bytes += taken;
	ex->request_bytes += taken;
	if (!ex->keeps) {
		if (http_try_feed(w, t, p, taken) < 0)
			http_try_flow(w, t, true);      /* reading tells why */
		return taken;
	}
	if (ex->kept_n + taken > ex->kept_room) {
		size_t room = FL_MAX(1024, ex->kept_room);
		while (room < ex->kept_n + taken)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL) {
			conn_close(w, c, LINE_CLOSE_OVERLOAD, true);
			return n;
		}
		if (ex->kept_n > 0)
			memcpy(more, ex->kept, ex->kept_n);
		if (ex->kept != NULL)
			slab_give(w->mem, ex->kept, ex->kept_room);
		ex->kept = more;
		ex->kept_room = (uint32_t)room;
	}
	memcpy(ex->kept + ex->kept_n, p, taken);
	ex->kept_n += (uint32_t)taken;
	for (unsigned i = 0; i < ex->call.attempts; i++)
		if (ex->tries[i] != NULL && ex->tries[i]->conn != NULL && http_try_pump(w, ex->tries[i]) < 0)
			http_try_flow(w, ex->tries[i], true);
	return taken;
}

/* A whole head is there: w->http->head, at p; n bytes in hand from p. returns how many were used. */
static size_t
exchange_begin(struct worker *w, struct http_conn *c, const char *p, size_t n)
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
		bad_request(w, c, 503, "no memory for another request");
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
	count(&ex->cell->requests, 1);
	count(&ex->cell->active, 1);
	const struct http_policies *pol = ex->route->policies;
	struct fl_call_info info = { .key = ex->ordinal, .cell = w->index, .priority = http_msg_read_priority(p, h, pol->priority),
		.idempotent = !is_unsafe_twice(ex, h), .no_retry = h1_has(h, H1_ID_X_NO_RETRY),
		.deadline = pol->pass_deadline ? http_msg_read_deadline(ex, p, h, now) : 0 };
	fl_call_start(&ex->call, &pol->plan, &info, granted, now);
	if (h->upgrade)
		ex->call.info.idempotent = false;
	if (h->method == H1_CONNECT) {
		own_answer(w, ex, 501, "this line does not tunnel", NULL);
		fl_call_abandon(&ex->call, now);
	}
	/* What is in hand of a small body goes out in one piece with the head. */
	if (ex->keeps && used < n)
		used += exchange_body(w, ex, p + used, n - used);
	drive(w, ex);
	return used;
}

/* Use bytes from the client. returns how many were used. */
static size_t
conn_input(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	struct http_worker *h = w->http;
	size_t at = 0;
	while (at < n) {
		if (c->state == AT_LINGER || c->state >= AT_CLOSING)
			return n;
		if (c->state == AT_EXCHANGE) {
			size_t k = exchange_body(w, c->ex, p + at, n - at);
			if (k == 0)
				return at;
			at += k;
			continue;
		}
		if (http_out_busy(&c->out))
			return at;                      /* the client is to read its answers first */
		const struct http_limits *l = &c->wline->http->conf->limits;
		struct h1_limits lim = { .head_bytes_max = l->head_bytes_max, .fields_max = l->fields_max, .body_bytes_max = l->body_bytes_max };
		h->head_of = NULL;
		enum h1_verdict v = h1_request(p + at, n - at, &lim, &c->scan, &h->head);
		if (v == H1_MORE)
			return at;
		c->scan = (struct h1_scan){ 0 };
		if (v == H1_BAD) {
			bad_request(w, c, h->head.status, h->head.error);
			return n;
		}
		at += exchange_begin(w, c, p + at, n - at);
	}
	return at;
}

/* Use what is held, as far as possible. */
static void
conn_advance(struct worker *w, struct http_conn *c)
{
	if (c->held_n > 0 && c->state < AT_CLOSING) {
		char *p = c->held;
		uint32_t n = c->held_n, room = c->held_room;
		c->held = NULL;
		c->held_n = c->held_room = 0;
		size_t used = conn_input(w, c, p, n);
		if (used < n && c->held == NULL && c->state < AT_LINGER) {
			memmove(p, p + used, n - used);
			c->held = p;
			c->held_n = (uint32_t)(n - used);
			c->held_room = room;
		} else {
			slab_give(w->mem, p, room);
		}
	}
	if (c->state == AT_READING && c->eof && c->held_n == 0)
		conn_close(w, c, LINE_CLOSE_FINISHED, false);
}

/* ---- ends ---- */

static void
record(struct worker *w, const struct http_exchange *ex, fl_ns now)
{
	struct http_worker *h = w->http;
	const struct http_conf *conf = ex->line->conf;
	bool bad = ex->status >= 500 || ex->status == 0 || ex->call.refusal.by != FL_WHO_NONE;
	uint64_t draw = h->ring == NULL ? 0 : rng_draw(ex->draws, ex->ordinal, 0x7265636f);
	struct http_record *r;
	if (h->ring == NULL || (!bad && (draw & 65535) >= conf->record_share) || (r = http_ring_next(h->ring)) == NULL)
		return;
	const struct http_try *t = ex->winner != NULL ? ex->winner : ex->call.attempts > 0 ? ex->tries[ex->call.attempts - 1] : NULL;
	*r = (struct http_record){ .start = ex->start, .conn = ex->conn->ordinal, .number = ex->number, .request_bytes = ex->request_bytes,
		.response_bytes = ex->response_bytes, .total = now - ex->start, .queue = ex->queue, .connect = ex->connect, .first_byte = ex->first_byte,
		.status = ex->status, .upstream_status = t != NULL ? t->status : 0, .attempts = ex->call.attempts, .hedged = ex->call.hedges > 0,
		.degraded = ex->degraded, .log = bad || ((draw >> 16) & 65535) < conf->log_share, .end = ex->call.end,
		.refused = (uint8_t)(ex->call.end == FL_END_ANSWERED ? FL_WHO_NONE : ex->call.refusal.by), .limit = ex->call.limit,
		.verdict = ex->call.verdict, .worker = (uint8_t)w->index, .fault = ex->fault_id,
		.route = (uint64_t)(ex->route - conf->routes) };
	memcpy(r->trace, ex->trace, sizeof(r->trace));
	memcpy(r->span, ex->span, sizeof(r->span));
	memcpy(r->parent, ex->parent, sizeof(r->parent));
	snprintf(r->line, sizeof(r->line), "%.31s", ex->conn->wline->line->name);
	snprintf(r->route_name, sizeof(r->route_name), "%.31s", ex->route->name);
	if (ex->tried_count > 0)
		snprintf(r->instance, sizeof(r->instance), "%.47s", ex->tried[ex->tried_count - 1]->text);
	if (ex->client != NULL)
		addr_format(ex->client, r->client, sizeof(r->client));
	const char *sp = memchr(ex->head, ' ', ex->head_bytes), *q = sp != NULL ? memchr(sp + 1, ' ', ex->head_bytes - (size_t)(sp + 1 - ex->head)) : NULL;
	if (q != NULL) {
		snprintf(r->method, sizeof(r->method), "%.*s", (int)FL_MIN(sp - ex->head, 7), ex->head);
		snprintf(r->path, sizeof(r->path), "%.*s", (int)FL_MIN(q - sp - 1, 63), sp + 1);
	}
	http_ring_put(h->ring);
}

static void
count_end(struct http_exchange *ex, fl_ns now)
{
	struct http_cell *k = ex->cell;
	count(&k->active, (uint64_t)-1);
	count(&k->status[ex->status / 100 < 6 ? ex->status / 100 : 0], 1);
	count(&k->ends[ex->call.end], 1);
	if (ex->call.end == FL_END_REFUSED)
		count(&k->refused[ex->call.refusal.by], 1);
	if (ex->call.limit != FL_LIMIT_NONE)
		count(&k->limits[ex->call.limit], 1);
	if (ex->call.verdict != FL_RETRY_YES)
		count(&k->retry_stops[ex->call.verdict], 1);
	if (ex->degraded)
		count(&k->degraded, 1);
	count(&k->request_bytes, ex->request_bytes);
	count(&k->response_bytes, ex->response_bytes);
	http_stats_time(&k->times[HTTP_PHASE_TOTAL], now - ex->start);
}

static void
exchange_free(struct worker *w, struct http_exchange *ex)
{
	struct http_conn *c = ex->conn;
	fl_ns now = http_now(w);
	for (unsigned i = 0; i < ex->call.attempts; i++) {
		if (ex->tries[i] == NULL)
			continue;
		http_try_drop(w, ex->tries[i]);
	}
	if (ex->fallback != NULL)
		http_try_drop(w, ex->fallback);
	count_end(ex, now);
	record(w, ex, now);
	for (unsigned i = 0; i < ex->call.attempts; i++)
		http_try_free(w, ex->tries[i]);
	http_try_free(w, ex->fallback);
	for (unsigned i = 0; i < ex->tried_count; i++)
		cluster_let_go(ex->tried[i]);
	copy_drop(w, ex);
	if (ex->kept != NULL)
		slab_give(w->mem, ex->kept, ex->kept_room);
	slab_give(w->mem, ex->head, ex->head_bytes);
	if (w->http->head_of == ex)
		w->http->head_of = NULL;
	http_line_let_go(w, ex->line);
	c->ex = NULL;
	slab_give(w->mem, ex, sizeof(*ex));
}

static void
conn_free(struct worker *w, struct http_conn *c)
{
	struct line_cell *cell = c->wline->cell;
	line_count(&cell->closed[c->reason], 1);
	line_count(&cell->active, (uint64_t)-1);
	atomic_fetch_sub_explicit(&c->wline->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	heap_del(&w->wtimers, &c->timer.node);
	list_del(&c->link);
	list_del(&c->settle);
	http_out_free(w, &c->out);
	if (c->held != NULL)
		slab_give(w->mem, c->held, c->held_room);
	if (c->peer != NULL)
		slab_give(w->mem, c->peer, sizeof(*c->peer));
	pool_give(&w->http->conns, c);
}

/* The answer is out: the next request, or the end. */
static void
exchange_over(struct worker *w, struct http_conn *c)
{
	struct http_exchange *ex = c->ex;
	bool close_after = ex->close_after, whole = ex->body_done;
	exchange_free(w, ex);
	if (c->state >= AT_CLOSING)
		return;
	c->since = http_now(w);
	c->state = AT_READING;
	if (close_after || c->close_next) {
		c->state = AT_LINGER;
		if (whole && c->held_n == 0)
			c->dropped = LINGER_BYTES;      /* nothing is unread: no need to wait */
	}
}

/* Say that no more comes, when all of it is sent; then drop what the client still sends, so that it can read the answer. */
static void
linger(struct worker *w, struct http_conn *c)
{
	if (http_out_busy(&c->out))
		return;
	if (c->dropped >= LINGER_BYTES || c->eof) {
		conn_close(w, c, LINE_CLOSE_FINISHED, false);
		return;
	}
	if (!c->shut) {
		c->shut = true;
		io_shutdown(w->io, c->sock);
	}
}

static void
settle_one(struct worker *w, struct http_conn *c)
{
	/* A connection that is gone takes its exchange along: what still runs is called off. */
	if (c->ex != NULL && c->state >= AT_CLOSING && !c->ex->released) {
		c->ex->holds = false;
		c->ex->answered = true;
		if (c->ex->fallback != NULL && c->ex->call.fallback_on)
			fl_call_fallback_done(&c->ex->call, false, http_now(w));
		fl_call_abandon(&c->ex->call, http_now(w));
		drive(w, c->ex);
	}
	if (c->ex != NULL && c->ex->released && c->ex->answered)
		exchange_over(w, c);                    /* (2) */
	if (c->state == AT_GONE && c->ex == NULL) {
		conn_free(w, c);                        /* (3) */
		return;
	}
	if (c->state < AT_CLOSING)
		conn_advance(w, c);
	if (c->state == AT_LINGER)
		linger(w, c);
	if (c->state < AT_CLOSING) {
		conn_flow(w, c);
		conn_arm(w, c);
	}
}

void
http_conn_settle(struct worker *w)
{
	struct http_worker *h = w->http;
	if (h == NULL)
		return;
	if (atomic_load_explicit(&h->grants_lost, memory_order_relaxed))
		find_grants(w);
	for (unsigned n = 0; !list_empty(&h->settle) && n < 1024; n++) {
		struct http_conn *c = list_entry(h->settle.next, struct http_conn, settle);
		list_del(&c->settle);
		settle_one(w, c);
	}
}

/* ---- greeting ---- */

/* After the PROXY header, or at once: TLS, or the first request. */
static void
greeted(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	const struct line_wire *wire = c->wline->conf->wire;
	if (wire != NULL && wire->tls_server != NULL && !c->tls) {
		c->tls = true;
		io_recv_stop(w->io, c->sock);
		if (io_start_tls_server(w->io, c->sock, wire->tls_server, p, n) < 0)
			conn_close(w, c, LINE_CLOSE_CLIENT_TLS, true);
		return;
	}
	c->state = AT_READING;
	c->since = http_now(w);
	conn_hold(w, c, p, n);
	later(w, c);
}

static void
read_proxy_header(struct worker *w, struct http_conn *c, const char *p, size_t n)
{
	struct proxy_header head;
	size_t bytes;
	conn_hold(w, c, p, n);
	if (c->state >= AT_CLOSING)
		return;
	switch (proxy_header_parse((const uint8_t *)c->held, c->held_n, &head, &bytes)) {
	case PROXY_HEADER_MORE:
		return;
	case PROXY_HEADER_BAD:
		conn_close(w, c, LINE_CLOSE_BAD_PROXY_HEADER, true);
		return;
	case PROXY_HEADER_OK:
		break;
	}
	if (head.family == PROXY_HEADER_IP4 || head.family == PROXY_HEADER_IP6) {
		const struct io_addr *a = peer_of(w, c);
		if (a != NULL) {
			memset(c->peer, 0, sizeof(*c->peer));
			if (head.family == PROXY_HEADER_IP4) {
				c->peer->len = sizeof(c->peer->in);
				c->peer->in.sin_family = AF_INET;
				memcpy(&c->peer->in.sin_addr, head.client.ip, 4);
				c->peer->in.sin_port = htons(head.client.port);
			} else {
				c->peer->len = sizeof(c->peer->in6);
				c->peer->in6.sin6_family = AF_INET6;
				memcpy(&c->peer->in6.sin6_addr, head.client.ip, 16);
				c->peer->in6.sin6_port = htons(head.client.port);
			}
		}
	}
	c->spoken = true;
	char *held = c->held;
	uint32_t room = c->held_room, rest = c->held_n - (uint32_t)bytes;
	c->held = NULL;
	c->held_n = c->held_room = 0;
	greeted(w, c, held + bytes, rest);
	slab_give(w->mem, held, room);
}

/* ---- events ---- */

static void
conn_ended(struct worker *w, struct http_conn *c, int res)
{
	struct http_exchange *ex = c->ex;
	c->eof = true;
	if (res < 0) {
		if (ex != NULL)
			count(&ex->cell->client_gone, 1);
		conn_close(w, c, res == -ECONNRESET || res == -EPIPE ? LINE_CLOSE_CLIENT_RESET : LINE_CLOSE_CLIENT_ERROR, true);
		return;
	}
	if (c->state == AT_EXCHANGE && ex->winner != NULL && ex->winner->tunnel) {
		if (ex->winner->conn != NULL && !http_out_busy(&ex->winner->conn->out))
			io_shutdown(w->io, ex->winner->conn->sock);
		return;
	}
	if (c->state == AT_EXCHANGE && !ex->body_done && c->held_n == 0) {
		/* It will never be whole. */
		count(&ex->cell->client_gone, 1);
		conn_close(w, c, LINE_CLOSE_FINISHED, true);
		return;
	}
	if (c->state == AT_READING && c->held_n > 0) {
		bad_request(w, c, 400, "the request ended early");
	} else if (c->state == AT_GREETING || c->state == AT_READING) {
		conn_close(w, c, LINE_CLOSE_FINISHED, false);
		return;
	}
	/* A client that sends no more may still want its answer. */
	c->close_next = true;
	later(w, c);
}

static void
conn_received(struct worker *w, struct http_conn *c, const struct io_event *ev)
{
	const char *p = (const char *)ev->data;
	size_t n = (size_t)ev->res;
	if (ev->res <= 0) {
		conn_ended(w, c, ev->res);
		return;
	}
	line_count(&c->wline->cell->received_bytes[FL_C2S], n);
	if (c->state == AT_LINGER) {
		c->dropped += (uint32_t)n;
		later(w, c);
		return;
	}
	if (c->state == AT_GREETING) {
		read_proxy_header(w, c, p, n);
		return;
	}
	if (c->state == AT_READING && c->held_n == 0)
		c->since = http_now(w);
	if (c->state == AT_EXCHANGE)
		c->since = http_now(w);
	if (c->held_n > 0) {
		conn_hold(w, c, p, n);
		conn_advance(w, c);
	} else {
		size_t used = conn_input(w, c, p, n);
		if (used < n && c->state < AT_CLOSING && c->state != AT_LINGER)
			conn_hold(w, c, p + used, n - used);
	}
	if (c->state == AT_LINGER)
		later(w, c);
}

static void
conn_event(struct worker *w, struct sink *sink, const struct io_event *ev)
{
	struct http_conn *c = FL_CONTAINER_OF(sink, struct http_conn, sink);
	switch (ev->kind) {
	case IO_CLOSED:
		c->state = AT_GONE;
		c->sock = NULL;
		later(w, c);
		return;
	case IO_CONNECT:                                /* the TLS handshake */
		if (ev->res < 0) {
			conn_close(w, c, LINE_CLOSE_CLIENT_TLS, true);
			return;
		}
		c->state = AT_READING;
		c->since = http_now(w);
		break;
	case IO_RECV:
		if (c->state < AT_CLOSING)
			conn_received(w, c, ev);
		break;
	case IO_SENT:
		if (c->state >= AT_CLOSING)
			return;
		if (http_out_sent(w, &c->out, c->sock, ev->res) < 0) {
			conn_close(w, c, LINE_CLOSE_CLIENT_RESET, true);
		} else if (!http_out_busy(&c->out)) {
			if (c->ex != NULL && c->ex->winner != NULL)
				http_try_flow(w, c->ex->winner, true);
			later(w, c);
		}
		break;
	default:
		fl_assert(!"event of a client's connection");
	}
	if (c->state < AT_CLOSING) {
		conn_flow(w, c);
		conn_arm(w, c);
	}
}

/* Time limits of tries, of the call, and of the answer that goes out. */
static void
exchange_timer(struct worker *w, struct http_conn *c, fl_ns now)
{
	struct http_exchange *ex = c->ex;
	const struct http_limits *l = &ex->line->conf->limits;
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
	if (ex->answering && !ex->answered && (ex->winner == NULL || !ex->winner->tunnel) && now >= ex->call.deadline.at) {
		fl_call_limit(&ex->call, ex->call.deadline.limit);
		conn_close(w, c, LINE_CLOSE_SERVER_ERROR, true);
		return;
	}
	if (!ex->body_done && l->body_timeout > 0 && now >= c->since + l->body_timeout && c->held_n == 0) {
		if (!ex->answering)
			own_answer(w, ex, 408, "the request's body did not come in time", NULL);
		ex->answered = true;
		fl_call_abandon(&ex->call, now);
	}
	drive(w, ex);
}

static void
conn_timer(struct worker *w, struct wtimer *timer, fl_ns now)
{
	struct http_conn *c = FL_CONTAINER_OF(timer, struct http_conn, timer);
	if (c->state >= AT_CLOSING)
		return;
	if (conn_due(c) <= now) {
		switch (c->state) {
		case AT_GREETING:
			conn_close(w, c, LINE_CLOSE_GREETING_TIMEOUT, true);
			break;
		case AT_READING:
			if (c->held_n > 0)
				bad_request(w, c, 408, "the request's head did not come in time");
			else
				conn_close(w, c, LINE_CLOSE_FINISHED, false);
			break;
		case AT_EXCHANGE:
			exchange_timer(w, c, now);
			break;
		default:
			conn_close(w, c, LINE_CLOSE_FINISHED, true);
		}
		later(w, c);
	}
	if (c->state < AT_CLOSING)
		conn_arm(w, c);
}

/* ---- life ---- */

int
http_conn_worker(struct worker *w, uint32_t conns_max, uint32_t records_max)
{
	int r = http_line_worker_new(conns_max, sizeof(struct http_conn), records_max, &w->http);
	if (r == 0)
		w->http->ops = &try_ops;
	return r;
}

struct http_conn *
http_conn_of(struct list *link)
{
	return list_entry(link, struct http_conn, link);
}

static void
refuse(struct worker *w, struct wline *wl, int token, enum line_close reason)
{
	line_count(&wl->cell->closed[reason], 1);
	atomic_fetch_sub_explicit(&wl->line->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->crew->open, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&w->active, 1, memory_order_relaxed);
	io_discard(token, true);
}

void
http_conn_open(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key)
{
	const struct line_wire *wire = wl->conf->wire;
	struct http_conn *c = pool_take(&w->http->conns, NULL);
	bool tls = wire != NULL && wire->tls_server != NULL && !wire->accept_proxy;
	int r = -ENFILE;
	if (c != NULL) {
		c->sink.event = conn_event;
		c->timer.fire = conn_timer;
		r = tls ? io_attach_tls(w->io, token, wire->tls_server, worker_sink_ud(&c->sink), &c->sock)
		        : io_attach(w->io, token, worker_sink_ud(&c->sink), &c->sock);
	}
	if (r < 0) {
		if (c != NULL)
			pool_give(&w->http->conns, c);
		refuse(w, wl, token, c == NULL ? LINE_CLOSE_FULL : LINE_CLOSE_OVERLOAD);
		return;
	}
	c->wline = wl;
	c->ordinal = ordinal;
	c->key = key;
	c->opened = c->since = http_now(w);
	c->tls = tls;
	c->state = tls || (wire != NULL && wire->accept_proxy) ? AT_GREETING : AT_READING;
	list_init(&c->settle);
	list_add_tail(&wl->https, &c->link);
	line_count(&wl->cell->active, 1);
	if (!tls)
		io_recv_start(w->io, c->sock, HTTP_RECV_BYTES);
	conn_arm(w, c);
}

void
http_conn_stop(struct worker *w, struct http_conn *c, enum line_close reason, bool reset)
{
	conn_close(w, c, reason, reset);
}

void
http_conn_drain(struct worker *w, struct http_conn *c)
{
	c->close_next = true;
	if (c->state == AT_READING && c->held_n == 0)
		conn_close(w, c, LINE_CLOSE_DRAINED, false);
}

void
http_conn_report(struct worker *w, struct http_conn *c, struct proxy_conn *ret)
{
	static const char *const names[] = { "greeting", "idle", "exchange", "lingering", "closing", "closing" };
	(void)w;
	*ret = (struct proxy_conn){ .ordinal = c->ordinal, .key = c->key, .opened_ns = c->opened, .state = names[c->state] };
	if (c->sock == NULL)
		return;
	io_peer_addr(c->sock, &ret->client);
	io_local_addr(c->sock, &ret->proxy_client_side);
	ret->held_bytes[FL_C2S] = c->held_n;
	ret->held_bytes[FL_S2C] = c->out.bytes;
}

void
http_conn_abandon(struct worker *w, struct http_conn *c)
{
	c->state = AT_CLOSING;
	c->reason = LINE_CLOSE_LINE_STOPPED;
	for (int n = 0; n < 64 && c->ex != NULL; n++)
		settle_one(w, c);
	c->state = AT_GONE;
	conn_free(w, c);
}
