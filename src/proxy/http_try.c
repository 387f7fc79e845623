/* SPDX-License-Identifier: MIT */
/*
 * http_try.c - one attempt of an exchange.
 *
 * Invariants
 *  (1) conn is NULL exactly in phase OVER.
 *  (2) A try that picked an instance votes once: in flight there until then.
 */
#include "proxy/http_try.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "proxy/http_msg.h"

#include <errno.h>
#include <string.h>

#define TUNNEL_IDLE (3600 * FL_SEC)     /* WebSockets are quiet for long */
#define COPY_MAX (32 * 1024)            /* a body up to this goes out in one piece with its head */

static void try_event(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev);

/* ---- sending ---- */

/* The head of the exchange's request, parsed, in w->http->head. */
static const struct h1_head *
request_head(struct worker *w, struct http_exchange *ex)
{
	struct http_worker *h = w->http;
	if (h->head_of != ex) {
		struct h1_scan scan = { 0 };
		const struct http_limits *l = &ex->line->conf->limits;
		struct h1_limits lim = { .head_bytes_max = l->head_bytes_max, .fields_max = l->fields_max };
		enum h1_verdict v = h1_request(ex->head, ex->head_bytes, &lim, &scan, &h->head);
		fl_assert(v == H1_OK);
		h->head_of = ex;
	}
	return &h->head;
}

static const struct io_addr nobody = { .len = 0 };

static void
enter(struct http_try *t, enum http_try_phase p, fl_ns now)
{
	t->phase = (uint8_t)p;
	t->phase_at = t->moved_at = now;
}

static bool
all_sent(const struct http_try *t)
{
	return t->ex->body_done && t->body_at >= t->ex->body_bytes;
}

/* The head, and what is kept of the body, in one push where they fit. */
static int
send_request(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	struct http_worker *h = w->http;
	fl_ns now = http_now(w);
	const struct h1_head *head = request_head(w, ex);
	size_t n = http_msg_request(w, ex, ex->head, head, t->instance, ex->client != NULL ? ex->client : &nobody, ex->tls, now, h->compose,
	    sizeof(h->compose) - COPY_MAX);
	if (n > sizeof(h->compose) - COPY_MAX)
		return -ENOMEM;
	uint32_t with = ex->kept_n <= COPY_MAX ? ex->kept_n : 0;
	if (with > 0)
		memcpy(h->compose + n, ex->kept, with);
	t->head_sent = true;
	t->any_sent = true;
	t->body_at = with;
	int r = http_out_put(w, &t->conn->out, t->conn->sock, h->compose, n + with);
	if (r < 0)
		return r;
	enter(t, all_sent(t) ? HTTP_TRY_WAITING : HTTP_TRY_SENDING, now);
	io_recv_start(w->io, t->conn->sock, HTTP_RECV_BYTES);
	return http_try_pump(w, t);
}

int
http_try_pump(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	int r = 0;
	if (t->conn == NULL || !t->head_sent)
		return 0;
	if (ex->kept_n > t->body_at && !http_out_busy(&t->conn->out)) {
		size_t n = ex->kept_n - (size_t)t->body_at;
		r = http_out_put(w, &t->conn->out, t->conn->sock, ex->kept + t->body_at, n);
		t->body_at += n;
		t->moved_at = http_now(w);
	}
	if (r == 0 && t->phase == HTTP_TRY_SENDING && all_sent(t))
		enter(t, HTTP_TRY_WAITING, http_now(w));
	return r;
}

int
http_try_feed(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	fl_assert(t->conn != NULL && t->head_sent);
	int r = http_out_put(w, &t->conn->out, t->conn->sock, p, n);
	t->body_at += n;
	t->moved_at = http_now(w);
	if (r == 0 && t->phase == HTTP_TRY_SENDING && all_sent(t))
		enter(t, HTTP_TRY_WAITING, t->moved_at);
	return r;
}

bool
http_try_wants(const struct http_try *t)
{
	return t->conn != NULL && t->head_sent && !http_out_busy(&t->conn->out);
}

void
http_try_flow(struct worker *w, struct http_try *t, bool on)
{
	if (t->conn == NULL || t->phase < HTTP_TRY_SENDING)
		return;
	if (on)
		io_recv_start(w->io, t->conn->sock, HTTP_RECV_BYTES);
	else
		io_recv_stop(w->io, t->conn->sock);
}

/* ---- start and end ---- */

/* What ring hash goes by: a header, or the client's address. */
static uint64_t
hash_of(struct worker *w, struct http_exchange *ex, const char *header)
{
	uint8_t ip[16];
	if (header[0] != '\0') {
		const struct h1_field *f = h1_field_named(request_head(w, ex), ex->head, header, strlen(header), NULL);
		return f == NULL ? 0 : hash_bytes(0, 0, ex->head + f->value.at, f->value.len);
	}
	return ex->client != NULL && addr_ip16(ex->client, ip) ? hash_bytes(0, 0, ip, sizeof(ip)) : 0;
}

static void
ask_of(struct worker *w, struct http_exchange *ex, const struct cluster *c, unsigned index, fl_ns now, struct cluster_ask *ask)
{
	const struct cluster_conf *conf = cluster_conf_of(c);
	*ask = (struct cluster_ask){ .now = now, .draw = rng_draw(ex->draws, ex->ordinal, 0x7069636b + index), .tried = ex->tried,
		.tried_count = ex->tried_count };
	if (conf->balance.kind == FL_RING_HASH)
		ask->hash = hash_of(w, ex, conf->hash_header);
}

static int
connect_it(struct worker *w, struct http_try *t)
{
	int r = upconn_get(w, t->instance, &t->user, t->ex->client, &t->conn);
	if (r < 0)
		return r;
	t->reused = r == 1;
	return r;
}

int
http_try_start(struct worker *w, struct http_exchange *ex, unsigned index, bool fallback, struct fl_refusal *ret_why, struct http_try **ret_try)
{
	struct cluster *c = fallback ? ex->route->policies->fallback_cluster : ex->route->cluster;
	fl_ns now = http_now(w);
	struct cluster_ask ask;
	struct http_try *t = slab_alloc(w->mem, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	memset(t, 0, sizeof(*t));
	t->user.event = try_event;
	t->ex = ex;
	t->index = (uint8_t)index;
	t->fallback = fallback;
	t->phase = HTTP_TRY_OVER;
	t->started = now;
	ask_of(w, ex, c, index, now, &ask);
	int r = cluster_pick(w, c, &ask, &t->permit, &t->instance, ret_why);
	if (r < 0) {
		slab_give(w->mem, t, sizeof(*t));
		return r;
	}
	if (ex->tried_count < CLUSTER_TRIED_MAX)
		ex->tried[ex->tried_count++] = cluster_hold(t->instance);
	*ret_try = t;
	enter(t, HTTP_TRY_CONNECTING, now);
	r = connect_it(w, t);
	if (r < 0)
		t->phase = HTTP_TRY_OVER;               /* (1); the owner reports it as HTTP_FAIL_CONNECT */
	else if (r == 1 && send_request(w, t) < 0)
		http_try_drop(w, t);
	return 0;
}

void
http_try_drop(struct worker *w, struct http_try *t)
{
	if (t->conn != NULL)
		upconn_drop(w, t->conn, true);
	t->conn = NULL;
	t->phase = HTTP_TRY_OVER;
}

void
http_try_end(struct worker *w, struct http_try *t)
{
	if (t->conn == NULL)
		return;
	/* For another request only if both messages are whole, and nothing is left over. */
	bool reusable = t->body_done && t->keep_alive && !t->tunnel && all_sent(t) && !http_out_busy(&t->conn->out);
	upconn_release(w, t->conn, reusable);
	t->conn = NULL;
	t->phase = HTTP_TRY_OVER;
}

void
http_try_vote(struct worker *w, struct http_try *t, enum fl_outcome outcome, enum http_fail why)
{
	fl_ns now = http_now(w);
	if (t->voted)
		return;
	t->voted = true;
	struct cluster_result r = { .outcome = outcome, .connect_failed = why == HTTP_FAIL_CONNECT, .timed_out = why == HTTP_FAIL_TIMEOUT,
		.began = t->started, .latency = t->first_byte > 0 ? t->first_byte : now - t->started };
	cluster_done(w, t->instance, &t->permit, &r, now);
	t->instance = NULL;
}

int
http_try_again(struct worker *w, struct http_try *t)
{
	if (!t->reused || t->any_received || t->voted)
		return -EPERM;
	t->head_sent = false;
	t->body_at = 0;
	enter(t, HTTP_TRY_CONNECTING, http_now(w));
	int r = connect_it(w, t);
	if (r == 1 && send_request(w, t) < 0) {
		http_try_drop(w, t);
		r = -EPIPE;
	}
	if (r < 0)
		t->phase = HTTP_TRY_OVER;
	return r < 0 ? r : 0;
}

enum fl_sent
http_try_sent(const struct http_try *t)
{
	return t->any_received ? FL_ANSWERED : t->any_sent ? FL_SENT_UNKNOWN : FL_NEVER_SENT;
}

fl_ns
http_try_due(const struct http_try *t, enum fl_limit *ret_limit)
{
	static const enum fl_phase phases[] = { [HTTP_TRY_CONNECTING] = FL_PHASE_CONNECT, [HTTP_TRY_SENDING] = FL_PHASE_SEND,
		[HTTP_TRY_WAITING] = FL_PHASE_FIRST_BYTE, [HTTP_TRY_BODY] = FL_PHASE_BODY };
	struct fl_deadline none = { FL_NEVER, FL_LIMIT_NONE };
	if (t->phase == HTTP_TRY_OVER)
		return FL_NEVER;
	struct fl_timeouts limits = t->ex->route->policies->plan.timeouts;
	if (t->tunnel) {
		limits.per_try = 0;
		limits.idle = limits.idle > 0 ? FL_MAX(limits.idle, TUNNEL_IDLE) : 0;
	}
	/* While the client keeps the request's body back, the instance cannot move. */
	if (t->phase == HTTP_TRY_SENDING && http_try_wants(t))
		limits.idle = 0;
	return fl_deadline_next(&limits, none, phases[t->phase], t->started, t->phase_at, t->moved_at, ret_limit);
}

void
http_try_free(struct worker *w, struct http_try *t)
{
	if (t == NULL)
		return;
	fl_assert(t->conn == NULL);
	http_try_vote(w, t, FL_CANCELLED, HTTP_FAIL_BROKE);     /* (2) */
	if (t->held != NULL)
		slab_give(w->mem, t->held, t->held_room);
	slab_give(w->mem, t, sizeof(*t));
}

/* ---- receiving ---- */

static void
fail(struct worker *w, struct http_try *t, enum http_fail why)
{
	http_try_drop(w, t);
	w->http->ops->failed(w, t, why);
}

/* Put bytes of a head that is not whole yet behind those that came before. */
static bool
hold(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	if (t->held_n + n > t->held_room) {
		size_t room = FL_MAX(1024, t->held_room * 2);
		while (room < t->held_n + n)
			room *= 2;
		char *more = room <= SLAB_BLOCK_MAX ? slab_alloc(w->mem, room) : NULL;
		if (more == NULL)
			return false;
		if (t->held_n > 0)
			memcpy(more, t->held, t->held_n);
		if (t->held != NULL)
			slab_give(w->mem, t->held, t->held_room);
		t->held = more;
		t->held_room = (uint32_t)room;
	}
	memcpy(t->held + t->held_n, p, n);
	t->held_n += (uint32_t)n;
	return true;
}

static void
take_body(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	size_t taken = n;
	enum h1_verdict v = H1_MORE;
	if (!t->tunnel)
		v = h1_body_feed(&t->body, p, n, &taken);
	t->body_done = v == H1_OK;
	/* Bytes behind the answer were not asked for: the connection is not to be trusted with another request. */
	if (v == H1_OK && taken < n)
		t->keep_alive = false;
	if (taken > 0 || t->body_done)
		w->http->ops->body(w, t, p, taken);
	if (v == H1_BAD && t->phase != HTTP_TRY_OVER)
		fail(w, t, HTTP_FAIL_BAD);
}

/* What is in hand of an answer's body that nobody wants: if it is all of it, the connection is as good as before. */
static void
end_unwanted(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	size_t taken = n;
	if (!t->body_done && !t->tunnel && n > 0)
		t->body_done = h1_body_feed(&t->body, p, n, &taken) == H1_OK;
	t->keep_alive = t->keep_alive && taken == n;
	http_try_end(w, t);
	w->http->ops->given_back(w, t);
}

/* The head is whole: w->http->answer, at p. */
static void
take_head(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	const struct h1_head *a = &w->http->answer;
	uint32_t head_bytes = a->head_bytes;
	size_t rest = n - head_bytes;
	t->status = a->status;
	t->framing = a->framing;
	t->tunnel = a->framing == H1_TUNNEL;
	t->keep_alive = a->keep_alive && a->framing != H1_CLOSE && !t->tunnel;
	t->first_byte = FL_MAX(http_now(w) - t->started, 1);
	h1_body_start(&t->body, a, 0);
	t->body_done = h1_body_done(&t->body) && !t->tunnel;
	if (t->body_done && rest > 0)
		t->keep_alive = false;
	enter(t, HTTP_TRY_BODY, http_now(w));
	w->http->ops->head(w, t, p, rest > 0 && !t->body_done);
	if (t->unwanted)
		end_unwanted(w, t, p + head_bytes, rest);
	else if (t->phase != HTTP_TRY_OVER && rest > 0 && !t->body_done)
		take_body(w, t, p + head_bytes, rest);
}

/* Bytes of the answer, before its body. */
static void
take_answer(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	struct http_exchange *ex = t->ex;
	struct h1_limits lim = { .head_bytes_max = HTTP_COMPOSE_BYTES / 2 };
	char *held = NULL;
	uint32_t held_room = 0;
	if (t->held_n > 0) {
		if (!hold(w, t, p, n)) {
			fail(w, t, HTTP_FAIL_OVERLOAD);
			return;
		}
		/* Ours for this turn: what happens may end the try. */
		p = held = t->held;
		n = t->held_n;
		held_room = t->held_room;
		t->held = NULL;
		t->held_n = t->held_room = 0;
	}
	for (;;) {
		enum h1_verdict v = h1_response(p, n, &lim, &t->scan, (enum h1_method)ex->method, &w->http->answer);
		if (v == H1_MORE) {
			if (n > 0 && !hold(w, t, p, n))
				fail(w, t, HTTP_FAIL_OVERLOAD);
			break;
		}
		if (v == H1_BAD) {
			fail(w, t, HTTP_FAIL_BAD);
			break;
		}
		t->scan = (struct h1_scan){ 0 };
		if (!h1_is_interim(&w->http->answer)) {
			take_head(w, t, p, n);
			break;
		}
		uint32_t k = w->http->answer.head_bytes;
		w->http->ops->interim(w, t, p);
		if (t->phase == HTTP_TRY_OVER)
			break;
		p += k;
		n -= k;
	}
	if (held != NULL)
		slab_give(w->mem, held, held_room);
}

static void
try_received(struct worker *w, struct http_try *t, const struct io_event *ev)
{
	t->moved_at = http_now(w);
	if (ev->res > 0) {
		t->any_received = true;
		if (t->phase == HTTP_TRY_BODY)
			take_body(w, t, (const char *)ev->data, (size_t)ev->res);
		else
			take_answer(w, t, (const char *)ev->data, (size_t)ev->res);
		return;
	}
	t->keep_alive = false;
	if (t->phase == HTTP_TRY_BODY && ev->res == 0 && (t->tunnel || h1_body_eof(&t->body) == H1_OK)) {
		t->body_done = true;
		w->http->ops->body(w, t, "", 0);
		return;
	}
	fail(w, t, HTTP_FAIL_BROKE);
}

static void
try_event(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev)
{
	struct http_try *t = FL_CONTAINER_OF(u, struct http_try, user);
	fl_assert(t->conn == c);
	switch (ev->kind) {
	case IO_CONNECT:
		if (ev->res < 0)
			fail(w, t, HTTP_FAIL_CONNECT);
		else if (send_request(w, t) < 0)
			fail(w, t, HTTP_FAIL_BROKE);
		else
			w->http->ops->writable(w, t);
		break;
	case IO_SENT:
		t->moved_at = http_now(w);
		if (http_out_sent(w, &c->out, c->sock, ev->res) < 0) {
			/* The answer may be there already: reading says so, or that it broke. */
			if (t->phase != HTTP_TRY_BODY)
				io_recv_start(w->io, c->sock, HTTP_RECV_BYTES);
		} else if (!http_out_busy(&c->out)) {
			if (http_try_pump(w, t) < 0)
				fail(w, t, HTTP_FAIL_BROKE);
			else
				w->http->ops->writable(w, t);
		}
		break;
	case IO_RECV:
		try_received(w, t, ev);
		break;
	default:
		fl_assert(!"event of an instance's connection");
	}
}
