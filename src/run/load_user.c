/* SPDX-License-Identifier: MIT */
/* load_user.c - the requests of one thread of an HTTP load. */
#include "run/load_user.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "io/io.h"
#include "proto/http1.h"
#include "stream/outgo.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECV_BYTES 65536u
#define OUT_BYTES_MAX (256u << 10)
#define ANSWER_BYTES_MAX ((size_t)1 << 40)      /* bodies are not kept, so they may be long */
#define EVENTS_PER_TURN 256
#define SETTLE_BUCKETS_NS (60 * FL_SEC)         /* what ends long after the schedule counts in its last piece of time */

enum conn_state { CONN_CONNECTING, CONN_IDLE, CONN_BUSY, CONN_CLOSING };
enum ask_state {
	ASK_WAITING,                    /* for a connection */
	ASK_CONNECTING,
	ASK_SENT,
	ASK_PAUSED,                     /* before the next attempt */
};

struct ask;
struct conn {
	struct load_user *user;
	struct io_sock *sock;
	struct ask *ask;                /* CONN_CONNECTING and CONN_BUSY */
	enum conn_state state;
	bool used;                      /* an answer came over it */
	struct outgo out;
	struct http1 http;
	struct list link;               /* in idle */
};
struct ask {
	struct heap_node timer;
	enum ask_state state;
	bool resent;                    /* (3) was made use of */
	uint32_t attempt;               /* from 1 */
	uint32_t kind;
	uint64_t n;
	fl_ns due;                      /* since epoch */
	fl_ns give_up;                  /* clock: when this attempt ends */
	struct conn *conn;
	struct list link;               /* in waiting */
};

struct load_user {
	struct load_user_opts opts;
	const struct experiment_http *conf;
	struct io *io;
	atomic_bool stop;
	struct pace pace;
	uint64_t next_n;                /* of the whole schedule */
	fl_ns next_due;                 /* clock; FL_NEVER: the schedule is over */
	fl_ns until;                    /* clock: no retries begin after that */
	struct pool conns, asks;
	struct heap timers;
	struct list idle, waiting;
	char *filler;                   /* bytes for bodies */
	uint64_t filler_bytes;
	struct load_stats stats;
	struct load_live live;
};

static void begin_attempt(struct load_user *u, struct ask *a, fl_ns start);

static fl_ns
since_epoch(const struct load_user *u, fl_ns clock)
{
	return clock - u->opts.epoch;
}

/* ---- a request ends, or is asked again ---- */

struct ending {
	enum load_outcome outcome;
	unsigned status;
	const char *refused_by;
};

static void
finish(struct load_user *u, struct ask *a, const struct ending *e)
{
	const fl_ns now = since_epoch(u, io_clock(u->io));
	struct load_ended d = { .n = a->n, .due = a->due, .at = now, .outcome = e->outcome, .status = e->status, .attempts = a->attempt,
		.request = a->kind, .refused_by = e->refused_by };

	if (d.outcome == LOAD_OK && u->conf->patience != FL_NEVER && now - a->due > u->conf->patience)
		d.outcome = LOAD_LATE;
	load_stats_done(&u->stats, &d);
	load_live_add(&u->live, now, d.outcome == LOAD_OK, FL_MAX(now - a->due, 0));
	heap_del(&u->timers, &a->timer);
	list_del(&a->link);
	pool_give(&u->asks, a);
}

/* An attempt is over; its connection has been taken from it. */
static void
end_attempt(struct load_user *u, struct ask *a, const struct ending *e)
{
	const fl_ns now = io_clock(u->io);
	bool again = (u->conf->retry_on & (1u << e->outcome)) != 0 && a->attempt < u->conf->attempts && now < u->until;

	fl_assert(a->conn == NULL);
	list_del(&a->link);
	if (again && u->conf->patience != FL_NEVER && since_epoch(u, now) - a->due > u->conf->patience)
		again = false;          /* the user has left */
	if (!again) {
		finish(u, a, e);
		return;
	}
	a->state = ASK_PAUSED;
	a->resent = false;
	heap_set(&u->timers, &a->timer, now + load_ask_backoff(u->opts.asks, a->n, a->attempt));
}

static void
fail_attempt(struct load_user *u, struct ask *a, enum load_outcome outcome)
{
	end_attempt(u, a, &(struct ending){ .outcome = outcome });
}

/* ---- connections ---- */

static void
close_conn(struct conn *c, bool reset)
{
	fl_assert(c->ask == NULL && c->state != CONN_CLOSING);
	list_del(&c->link);
	c->state = CONN_CLOSING;
	io_close(c->user->io, c->sock, reset);
}

/* Its attempt is over in a way that leaves no use for the connection. */
static void
lose_conn(struct conn *c, enum load_outcome outcome)
{
	struct ask *a = c->ask;

	c->ask = NULL;
	close_conn(c, true);
	if (a == NULL)
		return;
	a->conn = NULL;
	fail_attempt(c->user, a, outcome);
}

/* (3) */
static bool
may_resend(const struct conn *c)
{
	return c->used && !c->ask->resent && !http1_started(&c->http) && c->user->opts.asks->kinds[c->ask->kind].idempotent;
}

static void
resend(struct conn *c)
{
	struct ask *a = c->ask;

	c->ask = NULL;
	a->conn = NULL;
	a->resent = true;
	close_conn(c, true);
	begin_attempt(c->user, a, a->give_up - c->user->opts.load->timeout);
}

static void
send_ask(struct conn *c, struct ask *a)
{
	struct load_user *u = c->user;
	const struct load_ask_kind *k = &u->opts.asks->kinds[a->kind];

	c->state = CONN_BUSY;
	c->ask = a;
	a->conn = c;
	a->state = ASK_SENT;
	list_del(&a->link);
	heap_set(&u->timers, &a->timer, a->give_up);
	http1_next(&c->http);
	c->http.no_body = k->no_body;
	outgo_begin(&c->out);
	load_ask_put_head(u->opts.asks, a->n, a->kind, a->attempt, &c->out.head);
	outgo_body(&c->out, u->filler, u->filler_bytes, k->body_bytes);
	fl_assert(!c->out.head.overflowed);
	(void)outgo_run(&c->out, u->io, c->sock);       /* what breaks comes as an IO_RECV */
}

/* A new connection for an attempt; false: there may be no more, or it cannot even start (the attempt is over then). */
static bool
open_conn(struct load_user *u, struct ask *a, bool *ret_ended)
{
	struct conn *c = pool_take(&u->conns, NULL);
	int rc;

	*ret_ended = false;
	if (c == NULL)
		return false;
	*c = (struct conn){ .user = u, .state = CONN_CONNECTING, .ask = a };
	list_init(&c->link);
	outgo_init(&c->out, OUT_BYTES_MAX);
	http1_init(&c->http, HTTP1_RESPONSE, ANSWER_BYTES_MAX);
	rc = io_connect(u->io, &u->opts.server, c, &c->sock);
	if (rc < 0) {
		pool_give(&u->conns, c);
		*ret_ended = true;
		fail_attempt(u, a, LOAD_CONNECT);
		return false;
	}
	u->stats.connections++;
	a->conn = c;
	a->state = ASK_CONNECTING;
	list_del(&a->link);
	heap_set(&u->timers, &a->timer, FL_MIN(a->give_up, io_now(u->io) + u->opts.load->connect_timeout));
	return true;
}

static void
begin_attempt(struct load_user *u, struct ask *a, fl_ns start)
{
	bool ended;

	a->give_up = start + u->opts.load->timeout;
	if (list_empty(&u->waiting)) {
		if (!list_empty(&u->idle)) {
			struct conn *c = list_entry(u->idle.next, struct conn, link);
			list_del(&c->link);
			send_ask(c, a);
			return;
		}
		if (open_conn(u, a, &ended) || ended)
			return;
	}
	a->state = ASK_WAITING;
	list_add_tail(&u->waiting, &a->link);
	heap_set(&u->timers, &a->timer, a->give_up);
}

/* Give the idle connections, and the new ones there may be, to those who wait. */
static void
serve_waiting(struct load_user *u)
{
	bool ended;

	while (!list_empty(&u->waiting)) {
		struct ask *a = list_entry(u->waiting.next, struct ask, link);
		if (!list_empty(&u->idle)) {
			struct conn *c = list_entry(u->idle.next, struct conn, link);
			list_del(&c->link);
			send_ask(c, a);
		} else if (!open_conn(u, a, &ended) && !ended) {
			return;
		}
	}
}

/* ---- answers ---- */

static enum load_outcome
outcome_of(const struct http1 *h, const char **ret_refused_by)
{
	const char *by = http1_field(h, "x-faultline-refused");

	*ret_refused_by = by;
	if (h->status / 100 == 2 || h->status / 100 == 3)
		return LOAD_OK;
	return by != NULL || h->status == 503 || h->status == 429 ? LOAD_REFUSED : LOAD_STATUS;
}

static void
take_answer(struct conn *c, size_t bytes_behind)
{
	struct load_user *u = c->user;
	struct ask *a = c->ask;
	struct ending e = { .status = c->http.status };
	char by[LOAD_REFUSER_BYTES];
	bool keep = c->http.keep_alive && outgo_idle(&c->out) && bytes_behind == 0;

	e.outcome = outcome_of(&c->http, &e.refused_by);
	if (e.refused_by != NULL) {
		snprintf(by, sizeof(by), "%.*s", (int)sizeof(by) - 1, e.refused_by);
		e.refused_by = by;
	}
	c->ask = NULL;
	a->conn = NULL;
	c->used = true;
	if (keep) {
		c->state = CONN_IDLE;
		list_add_head(&u->idle, &c->link);
	} else {
		close_conn(c, false);
	}
	end_attempt(u, a, &e);
	serve_waiting(u);
}

static void
take_bytes(struct conn *c, const char *p, size_t n)
{
	size_t used = 0;

	if (c->state != CONN_BUSY) {    /* nobody asked */
		close_conn(c, true);
		return;
	}
	for (;;) {
		used += http1_feed(&c->http, p + used, n - used);
		buf_clear(&c->http.body);
		if (c->http.state == HTTP1_BAD || (c->http.state == HTTP1_DONE && c->http.status == 101)) {
			lose_conn(c, LOAD_BAD);
			return;
		}
		if (c->http.state != HTTP1_DONE)
			return;
		if (c->http.status >= 200)
			break;
		/* An answer before the answer: 100 Continue, 103 Early Hints. */
		bool no_body = c->http.no_body;
		http1_next(&c->http);
		c->http.no_body = no_body;
	}
	if (c->http.status >= LOAD_STATUS_MAX)
		lose_conn(c, LOAD_BAD);
	else
		take_answer(c, n - used);
}

static void
take_end(struct conn *c, bool broken)
{
	if (c->state == CONN_IDLE) {
		close_conn(c, broken);
		return;
	}
	if (!broken && may_resend(c)) {
		resend(c);
		return;
	}
	if (!broken && http1_started(&c->http)) {
		http1_eof(&c->http);
		if (c->http.state == HTTP1_DONE && c->http.status >= 200 && c->http.status < LOAD_STATUS_MAX) {
			take_answer(c, 0);
			return;
		}
	}
	lose_conn(c, LOAD_RESET);
}

/* ---- events ---- */

static void
on_connect(struct conn *c, int res)
{
	struct load_user *u = c->user;

	if (res < 0) {
		lose_conn(c, LOAD_CONNECT);
		return;
	}
	io_recv_start(u->io, c->sock, RECV_BYTES);
	send_ask(c, c->ask);
}

static void
on_closed(struct conn *c)
{
	struct load_user *u = c->user;

	outgo_fini(&c->out);
	http1_fini(&c->http);
	pool_give(&u->conns, c);
	serve_waiting(u);
}

static void
on_event(const struct io_event *ev)
{
	struct conn *c = ev->ud;

	if (ev->kind == IO_CLOSED) {
		on_closed(c);
	} else if (c->state == CONN_CLOSING) {
		return;
	} else if (ev->kind == IO_CONNECT) {
		on_connect(c, ev->res);
	} else if (ev->kind == IO_SENT) {
		if (ev->res == 0)
			(void)outgo_sent(&c->out, c->user->io, c->sock);
	} else if (ev->res > 0) {
		take_bytes(c, (const char *)ev->data, (size_t)ev->res);
	} else {
		take_end(c, ev->res < 0);
	}
}

/* ---- time ---- */

/* Move on to the next request of the schedule that is this thread's. */
static void
look_ahead(struct load_user *u)
{
	fl_ns due;

	do {
		if (!pace_next(&u->pace, &due)) {
			u->next_due = FL_NEVER;
			return;
		}
	} while (u->next_n++ % u->opts.of != u->opts.number);
	u->next_due = u->opts.epoch + u->opts.start + due;
}

static void
ask_due(struct load_user *u, fl_ns now)
{
	while (u->next_due <= now) {
		const fl_ns due = u->next_due;
		struct ask *a = pool_take(&u->asks, NULL);
		struct ask lost = { .n = u->next_n - 1, .due = since_epoch(u, due) };

		load_stats_asked(&u->stats, lost.due);
		if (a == NULL) {
			struct load_ended d = { .n = lost.n, .due = lost.due, .at = since_epoch(u, now), .outcome = LOAD_BLOCKED };
			load_stats_done(&u->stats, &d);         /* (4) */
			load_live_add(&u->live, d.at, false, d.at - d.due);
		} else {
			*a = lost;
			list_init(&a->link);
			a->kind = load_ask_choose(u->opts.asks, a->n);
			a->attempt = 1;
			load_stats_attempt(&u->stats, a->due);
			begin_attempt(u, a, due);
		}
		look_ahead(u);
	}
}

/* An attempt's time is over, or its pause. */
static void
on_timer(struct load_user *u, struct ask *a, fl_ns now)
{
	struct conn *c = a->conn;

	switch (a->state) {
	case ASK_PAUSED:
		a->attempt++;
		load_stats_attempt(&u->stats, since_epoch(u, now));
		begin_attempt(u, a, now);
		break;
	case ASK_WAITING:
		fail_attempt(u, a, LOAD_BLOCKED);
		break;
	case ASK_CONNECTING:
	case ASK_SENT:
		lose_conn(c, a->state == ASK_SENT ? LOAD_TIMEOUT : LOAD_CONNECT);
		break;
	}
}

static void
end_all(struct load_user *u)
{
	u->next_due = FL_NEVER;
	u->until = 0;
	for (uint32_t i = 0; i < u->asks.touched; i++) {
		struct ask *a = pool_at(&u->asks, i);
		if (a == NULL)
			continue;
		if (a->conn != NULL)
			lose_conn(a->conn, LOAD_STOPPED);
		else
			fail_attempt(u, a, LOAD_STOPPED);
	}
}

void
load_user_run(struct load_user *u)
{
	struct heap_node *timer;
	struct io_event ev;

	while (!atomic_load(&u->stop) && (u->next_due != FL_NEVER || u->asks.count > 0)) {
		fl_ns now = io_clock(u->io);
		ask_due(u, now);
		while ((timer = heap_pop(&u->timers, now)) != NULL)
			on_timer(u, FL_CONTAINER_OF(timer, struct ask, timer), now);
		load_live_turn(&u->live, since_epoch(u, now));
		if (u->asks.count == 0 && u->next_due == FL_NEVER)
			break;
		io_wait(u->io, FL_MIN(FL_MIN(u->next_due, heap_next(&u->timers)), now + LOAD_LIVE_NS));
		for (int i = 0; i < EVENTS_PER_TURN && io_next(u->io, &ev); i++)
			on_event(&ev);
	}
	end_all(u);
	/* The last slot is handed out, whatever the time. */
	load_live_turn(&u->live, FL_NEVER);
}

void
load_user_stop(struct load_user *u)
{
	atomic_store(&u->stop, true);
	io_wake(u->io);
}

struct load_live *
load_user_live(struct load_user *u)
{
	return &u->live;
}

struct load_stats *
load_user_stats(struct load_user *u)
{
	return &u->stats;
}

static int
take_memory(struct load_user *u, const struct load_user_opts *opts)
{
	const struct experiment_http *conf = u->conf;
	struct load_stats_conf sc = { .origin = opts->start, .duration = opts->load->duration + SETTLE_BUCKETS_NS, .seed = opts->asks->seed,
		.requests = pace_total(&u->pace) };
	struct io_opts io_opts = { .socks_max = 2 * FL_MAX(conf->conns_max / opts->of, 1u) };
	int rc = io_new(&io_opts, &u->io);

	if (rc == 0)
		rc = pool_init(&u->conns, sizeof(struct conn), FL_MAX(conf->conns_max / opts->of, 1u));
	if (rc == 0)
		rc = pool_init(&u->asks, sizeof(struct ask), FL_MAX(conf->outstanding_max / opts->of, 1u));
	if (rc == 0)
		rc = heap_init(&u->timers, FL_MAX(conf->outstanding_max / opts->of, 1u));
	if (rc == 0)
		rc = load_stats_init(&u->stats, &sc);
	for (uint32_t i = 0; i < conf->request_count; i++)
		u->filler_bytes = FL_MAX(u->filler_bytes, FL_MIN(conf->requests[i].body_bytes, (uint64_t)64 << 10));
	u->filler = malloc(u->filler_bytes + 1);
	if (rc == 0 && u->filler == NULL)
		rc = -ENOMEM;
	if (u->filler != NULL)
		memset(u->filler, 'x', u->filler_bytes);
	return rc;
}

int
load_user_new(const struct load_user_opts *opts, struct load_user **ret_user)
{
	struct load_user *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return -ENOMEM;
	u->opts = *opts;
	u->conf = &opts->load->http;
	u->until = opts->epoch + opts->start + opts->load->duration;
	list_init(&u->idle);
	list_init(&u->waiting);
	pace_init(&u->pace, &u->conf->pace, rng_key(opts->asks->seed, hash_name("pace")));
	rc = take_memory(u, opts);
	if (rc < 0) {
		load_user_free(u);
		return rc;
	}
	look_ahead(u);
	*ret_user = u;
	return 0;
}

void
load_user_free(struct load_user *u)
{
	if (u == NULL)
		return;
	for (uint32_t i = 0; i < u->conns.touched; i++) {
		struct conn *c = pool_at(&u->conns, i);
		if (c == NULL)
			continue;
		outgo_fini(&c->out);
		http1_fini(&c->http);
	}
	io_free(u->io);
	pool_fini(&u->conns);
	pool_fini(&u->asks);
	heap_fini(&u->timers);
	load_stats_fini(&u->stats);
	free(u->filler);
	free(u);
}
