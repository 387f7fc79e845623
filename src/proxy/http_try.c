/* SPDX-License-Identifier: MIT */
/*
 * http_try.c - one attempt of an exchange.
 *
 * Invariants
 *  (1) conn is NULL in phase OVER, and where a fault holds the attempt back or answers in the instance's place.
 *  (2) A try that picked an instance votes once: in flight there until then.
 */
#include "proxy/http_try.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "proxy/cluster_pick.h"
#include "proxy/http_gate.h"
#include "proxy/http_msg.h"
#include "proxy/http_peer.h"
#include "proxy/http_shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WAITS_MAX 100                   /* looks, for a connection that another worker closes */
#define TUNNEL_IDLE (3600 * FL_SEC)     /* WebSockets are quiet for long */
#define COPY_MAX (32 * 1024)            /* a body up to this goes out in one piece with its head */

/* What a fault does to an attempt, but later. */
struct http_hold {
	struct wtimer timer;
	struct http_try *t;
};

static void try_event(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev);
static void fault_answers(struct worker *w, struct wtimer *timer, fl_ns now);
static void fault_ends(struct worker *w, struct wtimer *timer, fl_ns now);
static const struct http_gate_ops gate_ops;

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

static int
run_gate(struct worker *w, struct http_try *t)
{
	bool good = http_gate_run(w, t->gate);
	t->any_sent |= http_gate_begun(t->gate);
	return good ? 0 : -EPIPE;
}

static int
feed_gate(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	int r = http_gate_put(w, t->gate, p, n);
	t->body_at += n;
	if (all_sent(t))
		http_gate_finish(t->gate);
	return r < 0 ? r : run_gate(w, t);
}

/* The head, as faults want it: it and the body go through a gate. */
static int
send_shaped(struct worker *w, struct http_try *t, const struct h1_head *head, const struct http_frame *frame, const char *p, size_t n)
{
	struct http_who who = http_shape_who(t->ex);
	t->gate = http_gate_new(w, t->plan, t->ex->faults, &who, p, n, head, frame);
	if (t->gate == NULL)
		return -ENOMEM;
	http_gate_open(t->gate, &t->conn->out, t->conn->sock, &gate_ops, t);
	t->head_sent = true;
	t->spent = frame->lies;
	enter(t, all_sent(t) ? HTTP_TRY_WAITING : HTTP_TRY_SENDING, http_now(w));
	if (all_sent(t))
		http_gate_finish(t->gate);
	io_recv_start(w->io, t->conn->sock, HTTP_RECV_BYTES);
	return http_try_pump(w, t);
}

/* The head, and what is kept of the body, in one push where they fit. */
static int
send_request(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	struct http_worker *h = w->http;
	fl_ns now = http_now(w);
	const struct h1_head *head = request_head(w, ex);
	struct http_frame frame = { .reframe = false };
	if (t->plan != NULL)
		frame = http_gate_frame(t->plan, head, false);
	size_t n = http_msg_request(ex, ex->head, head, t->instance, t->plan, &frame, now, h->compose, sizeof(h->compose) - COPY_MAX);
	if (n > sizeof(h->compose) - COPY_MAX)
		return -ENOMEM;
	if (t->plan != NULL)
		return send_shaped(w, t, head, &frame, h->compose, n);
	uint32_t with = ex->kept_n <= COPY_MAX ? ex->kept_n : 0;
	if (with > 0)
		memcpy(h->compose + n, ex->kept, with);
	t->head_sent = true;
	t->any_sent = true;
	t->body_at = with;
	line_count(&ex->conn->wline->cell->sent_bytes[FL_C2S], n + with);
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
	if (ex->kept_n > t->body_at && http_try_wants(t))
		r = http_try_feed(w, t, ex->kept + t->body_at, ex->kept_n - (size_t)t->body_at);
	else if (t->gate != NULL)
		r = run_gate(w, t);
	if (r == 0 && t->phase == HTTP_TRY_SENDING && all_sent(t))
		enter(t, HTTP_TRY_WAITING, http_now(w));
	return r;
}

int
http_try_feed(struct worker *w, struct http_try *t, const char *p, size_t n)
{
	int r;
	fl_assert(t->conn != NULL && t->head_sent);
	if (t->gate != NULL && !t->tunnel) {
		r = feed_gate(w, t, p, n);
	} else {
		line_count(&t->ex->conn->wline->cell->sent_bytes[FL_C2S], n);
		r = http_out_put(w, &t->conn->out, t->conn->sock, p, n);
		t->body_at += n;
	}
	t->moved_at = http_now(w);
	if (r == 0 && t->phase == HTTP_TRY_SENDING && all_sent(t))
		enter(t, HTTP_TRY_WAITING, t->moved_at);
	return r;
}

bool
http_try_wants(const struct http_try *t)
{
	if (t->conn == NULL || !t->head_sent || http_out_busy(&t->conn->out))
		return false;
	return t->gate == NULL || (t->tunnel ? http_gate_over(t->gate) : !http_gate_busy(t->gate));
}

void
http_try_flow(struct worker *w, struct http_try *t, bool on)
{
	if (t->conn == NULL || t->phase < HTTP_TRY_SENDING)
		return;
	if (on && t->paused)
		t->moved_at = http_now(w);              /* it could not move meanwhile */
	t->paused = !on;
	if (on)
		io_recv_start(w->io, t->conn->sock, HTTP_RECV_BYTES);
	else
		io_recv_stop(w->io, t->conn->sock);
}

/* ---- start and end ---- */

/* Why it broke, for people: what TLS says, or else the system; or what is wrong with the answer. */
static void
say_broke(struct worker *w, struct http_try *t, enum http_fail why, int res)
{
	const char *tls = t->conn != NULL && t->conn->sock != NULL ? io_tls_error(t->conn->sock) : "";
	const char *at = t->phase == HTTP_TRY_BODY ? "the answer's body" : "an answer";
	char *to = t->ex->broke;
	size_t n = sizeof(t->ex->broke);
	if (why == HTTP_FAIL_BAD)
		snprintf(to, n, "not HTTP: %s", t->phase == HTTP_TRY_BODY ? h1_body_error(&t->body) : w->http->answer.error);
	else if (why == HTTP_FAIL_POOL)
		snprintf(to, n, "all connections to it are in use");
	else if (why == HTTP_FAIL_OVERLOAD)
		snprintf(to, n, "no memory for an answer");
	else if (tls[0] != '\0')
		snprintf(to, n, "TLS: %s", tls);
	else if (why == HTTP_FAIL_CONNECT)
		snprintf(to, n, "no connection: %s", strerror(-res));
	else
		snprintf(to, n, "%s within %s", res < 0 ? strerror(-res) : "the connection ended", at);
}


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

static int hold_back(struct worker *w, struct http_try *t, fl_ns delay, void (*then)(struct worker *w, struct wtimer *timer, fl_ns now));
static void connect_again(struct worker *w, struct wtimer *timer, fl_ns now);

/* 1: there, the request may be sent; 0: on its way; -EAGAIN: the instance has as many as it may; -errno. */
static int
connect_now(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	struct fault_set *faults = ex->conn->wline->conf->faults;
	struct proxy_header whose;
	bool told = cluster_conf_of(t->instance->cluster)->send_proxy != 0;
	if (told)
		http_peer_header(t->ex->conn, &whose);
	int r = upconn_get(w, t->instance, &t->user, told ? &whose : NULL, &t->conn);
	if (r == -EBUSY)                        /* another worker closes one: look again when it has */
		return t->waits++ < WAITS_MAX ? hold_back(w, t, FL_MS, connect_again) : -EAGAIN;
	if (r < 0)
		return r;
	t->reused = r == 1;
	if (t->conn->out.bend == NULL && !http_out_has_faults(faults, FL_C2S))
		return r;
	struct decide_conn key = http_shape_attempt(w, ex, t->index);
	struct http_who who = http_shape_who(ex);
	int bad = upconn_faults(w, t->conn, faults, &key, &who);
	if (bad < 0)
		http_try_drop(w, t);
	return bad < 0 ? bad : r;
}

/* 0 or -ENOMEM. */
static int
hold_back(struct worker *w, struct http_try *t, fl_ns delay, void (*then)(struct worker *w, struct wtimer *timer, fl_ns now))
{
	struct http_hold *h = slab_alloc(w->mem, sizeof(*h));
	fl_ns now = http_now(w);
	if (h == NULL)
		return -ENOMEM;
	*h = (struct http_hold){ .timer.fire = then, .t = t };
	t->hold = h;
	worker_timer(w, &h->timer, delay >= FL_NEVER - now ? FL_NEVER : now + delay);
	return 0;
}

static void
let_go(struct worker *w, struct http_try *t)
{
	if (t->hold == NULL)
		return;
	heap_del(&w->wtimers, &t->hold->timer.node);
	slab_give(w->mem, t->hold, sizeof(*t->hold));
	t->hold = NULL;
}

/* An idle connection, or a new one: to that, faults of connections apply. As connect_now(). */
static int
connect_it(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	const struct fault_set *faults = ex->conn->wline->conf->faults;
	if (faults->count == 0 || upconn_has_idle(w, t->instance))
		return connect_now(w, t);
	struct decide_conn key = http_shape_attempt(w, ex, t->index);
	struct decide_connect c = decide_connect(faults, &key, http_now(w));
	struct http_who who = http_shape_who(ex);
	const struct fault_spec *by = c.refuse ? c.refuse_by : c.delay_ns > 0 ? c.delay_by : NULL;
	if (by == NULL)
		return connect_now(w, t);
	if (ex->fault_id == 0)
		ex->fault_id = by->id;
	http_out_tell(w, &who, by, c.refuse ? "refuse" : "connect_delay", FL_C2S, ex->number, c.refuse ? c.refuse_reset : c.delay_ns);
	return c.refuse ? -ECONNREFUSED : hold_back(w, t, c.delay_ns, connect_again);
}

/* The first step: what faults want before anything is done, or a connection. As connect_now(). */
static int
begin(struct worker *w, struct http_try *t)
{
	struct http_exchange *ex = t->ex;
	if (http_fault_has(ex->faults, FL_C2S))
		t->plan = http_shape_draw(w, ex, ex->head, request_head(w, ex), FL_C2S, t->index);
	if (t->plan != NULL && t->plan->abort != NULL && t->plan->abort_when == HTTP_FAULT_BEFORE)
		return hold_back(w, t, t->plan->head_delay, fault_answers);
	return connect_it(w, t);
}

/* Pick the instance, for this attempt. */
static int
pick(struct worker *w, struct http_try *t, bool others, struct fl_refusal *ret_why)
{
	struct http_exchange *ex = t->ex;
	struct cluster *c = t->fallback ? ex->route->policies->fallback_cluster : ex->route->cluster;
	struct cluster_ask ask;
	ask_of(w, ex, c, t->index, http_now(w), &ask);
	ask.others = others;
	if (others)
		ask.draw = rng_key(ask.draw, ex->tried_count);
	int r = cluster_pick(w, c, &ask, &t->permit, &t->instance, ret_why);
	if (r == 0 && ex->tried_count < CLUSTER_TRIED_MAX)
		ex->tried[ex->tried_count++] = cluster_hold(t->instance);
	return r;
}

void
http_try_pool_full(const struct http_try *t, struct fl_refusal *ret_why)
{
	const struct instance *i = t->ex->tried[t->ex->tried_count - 1];
	*ret_why = (struct fl_refusal){ .by = FL_WHO_POOL, .reason = FL_REASON_POOL_FULL,
		.n = { (double)atomic_load(&i->conns), i->conns_max } };
	snprintf(ret_why->name, sizeof(ret_why->name), "%.100s", i->text);
}

int
http_try_start(struct worker *w, struct http_exchange *ex, unsigned index, bool fallback, struct fl_refusal *ret_why, struct http_try **ret_try)
{
	fl_ns now = http_now(w);
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
	int r = pick(w, t, false, ret_why);
	if (r < 0) {
		slab_give(w->mem, t, sizeof(*t));
		return r;
	}
	enter(t, HTTP_TRY_CONNECTING, now);
	r = begin(w, t);
	if (r == -EAGAIN) {
		/* Others took the last connections to it meanwhile: as though it had not been picked. */
		t->phase = HTTP_TRY_OVER;
		http_try_pool_full(t, ret_why);
		http_try_free(w, t);
		return -EAGAIN;
	}
	*ret_try = t;
	if (r < 0) {
		say_broke(w, t, HTTP_FAIL_CONNECT, r);
		t->phase = HTTP_TRY_OVER;               /* (1); the owner reports it as HTTP_FAIL_CONNECT */
	} else if (r == 1 && send_request(w, t) < 0) {
		http_try_drop(w, t);
	}
	return 0;
}

void
http_try_drop(struct worker *w, struct http_try *t)
{
	let_go(w, t);
	http_gate_stop(w, t->gate);
	if (t->conn != NULL)
		upconn_drop(w, t->conn, !t->faulted || t->plan == NULL || t->plan->end_rst);
	t->conn = NULL;
	t->phase = HTTP_TRY_OVER;
}

void
http_try_end(struct worker *w, struct http_try *t)
{
	/* For another request only if both messages are whole, and nothing is left over. */
	bool reusable = t->body_done && t->keep_alive && !t->tunnel && !t->spent && all_sent(t) && (t->gate == NULL || http_gate_over(t->gate)) &&
	    t->conn != NULL && http_out_idle(&t->conn->out);
	http_gate_stop(w, t->gate);
	if (t->conn != NULL)
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
	if (!t->reused || t->any_received || t->voted || t->faulted)
		return -EPERM;
	t->head_sent = false;
	t->body_at = 0;
	http_gate_free(w, t->gate);
	t->gate = NULL;
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

int
http_try_elsewhere(struct worker *w, struct http_try *t)
{
	struct fl_refusal why;
	fl_assert(t->phase == HTTP_TRY_OVER && t->conn == NULL);
	while (t->ex->tried_count < CLUSTER_TRIED_MAX) {
		http_try_vote(w, t, FL_FAILED, HTTP_FAIL_CONNECT);
		if (pick(w, t, true, &why) < 0)
			return -EAGAIN;
		t->voted = t->reused = t->head_sent = false;
		t->body_at = 0;
		enter(t, HTTP_TRY_CONNECTING, http_now(w));
		int r = connect_it(w, t);
		if (r >= 0) {
			if (r == 1 && send_request(w, t) < 0)
				http_try_drop(w, t);
			return t->phase != HTTP_TRY_OVER || http_try_again(w, t) == 0 ? 0 : -EPIPE;
		}
		t->phase = HTTP_TRY_OVER;
		if (r == -EAGAIN)
			http_try_vote(w, t, FL_CANCELLED, HTTP_FAIL_CONNECT);
		else
			say_broke(w, t, HTTP_FAIL_CONNECT, r);
	}
	return -EAGAIN;
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
	/* Nor can it move while a fault holds its answer back from the client: what the client's faults do is not its doing. */
	if (t->paused && t == t->ex->winner && http_side_held(t->ex))
		return FL_NEVER;
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
	let_go(w, t);
	http_gate_free(w, t->gate);
	http_shape_drop(w, t->plan);
	if (t->held != NULL)
		slab_give(w->mem, t->held, t->held_room);
	slab_give(w->mem, t, sizeof(*t));
}

/* ---- receiving ---- */

static void
fail(struct worker *w, struct http_try *t, enum http_fail why, int res)
{
	say_broke(w, t, why, res);
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
		fail(w, t, HTTP_FAIL_BAD, 0);
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

static void take_answer(struct worker *w, struct http_try *t, const char *p, size_t n);

/* A fault answers in the instance's place. */
static void
abort_it(struct worker *w, struct http_try *t)
{
	char text[HTTP_SHAPE_ABORT_BYTES];
	size_t n = http_shape_abort(t->plan, t->ex->method == H1_HEAD, text);
	http_gate_stop(w, t->gate);
	if (t->conn != NULL)
		upconn_drop(w, t->conn, true);
	t->conn = NULL;
	t->plan->abort = NULL;
	t->reused = false;
	t->any_sent = t->any_received = true;
	t->scan = (struct h1_scan){ 0 };
	enter(t, HTTP_TRY_WAITING, http_now(w));
	take_answer(w, t, text, n);
}

static void
fault_answers(struct worker *w, struct wtimer *timer, fl_ns now)
{
	struct http_try *t = FL_CONTAINER_OF(timer, struct http_hold, timer)->t;
	(void)now;
	let_go(w, t);
	abort_it(w, t);
}

static void
connect_again(struct worker *w, struct wtimer *timer, fl_ns now)
{
	struct http_try *t = FL_CONTAINER_OF(timer, struct http_hold, timer)->t;
	(void)now;
	let_go(w, t);
	int r = connect_now(w, t);
	if (r == -EAGAIN)
		http_try_vote(w, t, FL_CANCELLED, HTTP_FAIL_POOL);      /* it has done nothing wrong */
	if (r < 0)
		fail(w, t, r == -EAGAIN ? HTTP_FAIL_POOL : HTTP_FAIL_CONNECT, r);
	else if (r == 1 && (r = send_request(w, t)) < 0)
		fail(w, t, HTTP_FAIL_BROKE, r);
}

static void
fault_ends(struct worker *w, struct wtimer *timer, fl_ns now)
{
	struct http_try *t = FL_CONTAINER_OF(timer, struct http_hold, timer)->t;
	(void)now;
	let_go(w, t);
	fail(w, t, HTTP_FAIL_BROKE, 0);
}

/* What a gate held goes on. */
static void
gate_moved(struct worker *w, void *owner)
{
	struct http_try *t = owner;
	if (t->conn == NULL || t->faulted)
		return;
	t->any_sent |= http_gate_begun(t->gate);
	int r = http_try_wants(t) ? http_try_pump(w, t) : 0;
	if (r < 0)
		fail(w, t, HTTP_FAIL_BROKE, r);
	else if (t->conn != NULL && http_try_wants(t))
		w->http->ops->writable(w, t);
}

/* A fault ends the connection. This may be in the middle of anything: it is told by the next timer. */
static void
gate_ended(struct worker *w, void *owner, bool reset)
{
	struct http_try *t = owner;
	(void)reset;
	t->faulted = t->any_sent = true;
	if (t->hold == NULL && hold_back(w, t, 0, fault_ends) < 0)
		io_shutdown(w->io, t->conn->sock);      /* no memory: the instance ends it */
}

static const struct http_gate_ops gate_ops = { gate_moved, gate_ended };

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
	if (t->plan != NULL && t->plan->abort != NULL) {
		abort_it(w, t);                         /* after: the instance has done its work, and its answer is lost */
		return;
	}
	enter(t, HTTP_TRY_BODY, http_now(w));
	w->http->ops->head(w, t, p, rest > 0 && !t->body_done);
	if (t->unwanted)
		end_unwanted(w, t, p + head_bytes, rest);
	else if (t->phase != HTTP_TRY_OVER && rest > 0 && !t->body_done)
		take_body(w, t, p + head_bytes, rest);
}

/* A tunnel that nobody asked for would take the client's next requests past every rule; one before the request is whole, the rest of it. */
static bool
may_switch(struct worker *w, struct http_try *t, const char *p)
{
	struct http_exchange *ex = t->ex;
	return ex->upgrade && all_sent(t) && http_msg_switches(ex->head, request_head(w, ex), p, &w->http->answer);
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
			fail(w, t, HTTP_FAIL_OVERLOAD, 0);
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
				fail(w, t, HTTP_FAIL_OVERLOAD, 0);
			break;
		}
		if (v == H1_BAD) {
			fail(w, t, HTTP_FAIL_BAD, 0);
			break;
		}
		t->scan = (struct h1_scan){ 0 };
		if (w->http->answer.status == 101 && !may_switch(w, t, p)) {
			w->http->answer.error = "a switch of protocols that nobody asked for";
			fail(w, t, HTTP_FAIL_BAD, 0);
			break;
		}
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
		line_count(&t->ex->conn->wline->cell->received_bytes[FL_S2C], (uint64_t)ev->res);
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
	fail(w, t, HTTP_FAIL_BROKE, ev->res);
}

static void
try_event(struct worker *w, struct upconn_user *u, struct upconn *c, const struct io_event *ev)
{
	struct http_try *t = FL_CONTAINER_OF(u, struct http_try, user);
	int r;
	fl_assert(t->conn == c);
	switch (ev->kind) {
	case IO_CONNECT:
		if (ev->res < 0)
			fail(w, t, HTTP_FAIL_CONNECT, ev->res);
		else if ((r = send_request(w, t)) < 0)
			fail(w, t, HTTP_FAIL_BROKE, r);
		else
			w->http->ops->writable(w, t);
		break;
	case IO_SENT:
		t->moved_at = http_now(w);
		if (ev->res < 0) {
			/* The answer may be there already: reading says so, or that it broke. */
			if (t->phase != HTTP_TRY_BODY)
				io_recv_start(w->io, c->sock, HTTP_RECV_BYTES);
		} else if (!http_out_busy(&c->out)) {
			if ((r = http_try_pump(w, t)) < 0)
				fail(w, t, HTTP_FAIL_BROKE, r);
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
