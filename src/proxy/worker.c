/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the loop of one thread of the data plane.
 *
 * One turn: wait; take messages; take events, one at a time, and let the session they belong to act; run the timers that are
 * due. Sessions are only ever called from here, so nothing re-enters.
 *
 * Invariants
 *  (1) What a socket's ud points to (a session, or a line's listener) lives until its IO_CLOSED was taken.
 *  (2) A turn is bounded: TURN_EVENTS events, then messages and timers have their turn.
 */
#include "proxy/worker.h"
#include "base/assert.h"
#include "proxy/http_conn.h"
#include "proxy/session.h"
#include "proxy/trace_ring.h"
#include "proxy/upconn.h"

#include <errno.h>
#include <stdlib.h>

#define TURN_EVENTS 64
#define MAILBOX_CELLS 4096
#define ACCEPT_PAUSE (20 * FL_MS)       /* when descriptors ran out */
#define WTIMERS_PER_CONN 4

/* ---- life ---- */

static void
on_fault_event(void *ud, const struct chain_event *ev)
{
	const struct session *s = ud;
	struct worker *w = s->wline->worker;
	struct proxy_event e = { .at = io_now(w->io), .conn_ordinal = s->ordinal, .conn_key = s->key, .fault_id = ev->fault->id,
		.offset = ev->offset, .value = ev->value, .what = ev->what, .dir = (uint8_t)ev->dir, .worker = (uint8_t)w->index };
	record_add(w->record, &e, s->wline->line->name, ev->fault->name);
}

int
worker_new(const struct worker_opts *opts, struct worker **ret_worker)
{
	struct worker *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	if (w == NULL)
		return -ENOMEM;
	*w = (struct worker){ .crew = opts->crew, .index = opts->index, .accept_retry = FL_NEVER, .trim_at = FL_NEVER };
	struct io_opts io_opts = { .socks_max = opts->conns_max * 3 + opts->crew->lines_max + 1024, .spin_ns_max = opts->spin_ns,
		.tls_handshakes_max = opts->handshakes_max };
	int r;
	if ((r = io_new(&io_opts, &w->io)) < 0 ||
	    (r = slab_new(opts->buffer_bytes, &w->mem)) < 0 ||
	    (r = pool_init(&w->sessions, sizeof(struct session), opts->conns_max)) < 0 ||
	    (r = heap_init(&w->timers, opts->conns_max)) < 0 ||
	    (r = heap_init(&w->wtimers, opts->conns_max * WTIMERS_PER_CONN + 65536)) < 0 ||
	    (r = mailbox_init(&w->mail, MAILBOX_CELLS, w->io)) < 0 ||
	    (opts->events_max > 0 && (r = record_new(opts->events_max, &w->record)) < 0) ||
	    (opts->traces_max > 0 && (r = trace_ring_new(opts->traces_max, &w->traces)) < 0) ||
	    (r = upconn_pools_new(opts->conns_max * 2 + 64, &w->upools)) < 0 ||
	    (r = http_conn_worker(w, opts->conns_max, opts->records_max)) < 0)
		goto fail;
	r = -ENOMEM;
	w->lines = calloc(opts->crew->lines_max, sizeof(*w->lines));
	w->peers = calloc(opts->conns_max, sizeof(*w->peers));
	w->taps = calloc(opts->conns_max, sizeof(*w->taps));
	if (w->lines == NULL || w->peers == NULL || w->taps == NULL)
		goto fail;
	w->env = (struct chain_env){ .mem = w->mem, .bound_bytes = opts->pipe_bytes,
		.on_event = w->record != NULL ? on_fault_event : NULL };
	*ret_worker = w;
	return 0;
fail:
	worker_free(w);
	return r;
}

void
worker_mail(struct worker *w)
{
	struct message m;
	while (mailbox_take(&w->mail, &m))
		m.call(w, &m);
}

/* What was closed last, by those whose sockets are theirs alone (health checks): they free themselves by that. */
static void
take_closed(struct worker *w)
{
	struct io_event ev;
	while (w->io != NULL && io_next(w->io, &ev)) {
		uintptr_t ud = (uintptr_t)ev.ud;
		struct sink *sink = (struct sink *)(ud & ~(uintptr_t)3);
		if ((ud & 3) == WORKER_UD_SINK && ev.kind == IO_CLOSED)
			sink->event(w, sink, &ev);
	}
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->mail.cells != NULL)
		worker_mail(w);
	for (uint32_t i = 0; i < w->lines_used; i++) {
		if (w->lines[i].line == NULL)
			continue;
		list_for_safe(l, &w->lines[i].sessions)
			session_abandon(w, list_entry(l, struct session, link));
		list_for_safe(l, &w->lines[i].https)
			http_conn_abandon(w, http_conn_of(l));
		if (w->lines[i].http != NULL)
			http_line_let_go(w, w->lines[i].http);
		line_conf_unref(w->lines[i].conf);
	}
	take_closed(w);
	mailbox_fini(&w->mail);
	io_free(w->io);
	upconn_pools_free(w);
	http_line_worker_free(w->http);
	heap_fini(&w->timers);
	heap_fini(&w->wtimers);
	pool_fini(&w->sessions);
	slab_free_all(w->mem);
	record_free(w->record);
	trace_ring_free(w->traces);
	free(w->lines);
	free(w->peers);
	free(w->taps);
	free(w);
}

/* ---- accepting ---- */

static void
open_conn(struct worker *w, struct wline *wl, int token, uint64_t ordinal, uint64_t key)
{
	if (wl->http != NULL)
		http_conn_open(w, wl, token, ordinal, key);
	else
		session_open(w, wl, token, ordinal, key);
}

static void
open_message(void *owner, const struct message *m)
{
	struct worker *w = owner;
	struct wline *wl = &w->lines[m->words[0]];
	fl_assert(wl->line != NULL);            /* the home worker stops sending before a line is forgotten */
	open_conn(w, wl, (int)m->words[1], m->words[2], m->words[3]);
}

/* The worker with the fewest connections; ties go to this one. */
static struct worker *
least_loaded(struct worker *w)
{
	struct worker *best = w;
	uint64_t least = atomic_load_explicit(&w->active, memory_order_relaxed);
	for (unsigned i = 0; i < w->crew->count; i++) {
		uint64_t n = atomic_load_explicit(&w->crew->workers[i]->active, memory_order_relaxed);
		if (n < least) {
			best = w->crew->workers[i];
			least = n;
		}
	}
	return best;
}

static void
pause_accepting(struct worker *w, bool pause)
{
	for (uint32_t i = 0; i < w->lines_used; i++)
		if (w->lines[i].line != NULL && w->lines[i].listener != NULL)
			io_accept_pause(w->io, w->lines[i].listener, pause);
	w->accept_retry = pause ? io_now(w->io) + ACCEPT_PAUSE : FL_NEVER;
}

static void
accepted(struct worker *w, struct wline *wl, int token)
{
	struct line *l = wl->line;
	if (token < 0) {
		pause_accepting(w, true);       /* out of descriptors or memory: let some connections end first */
		return;
	}
	uint64_t ordinal = ++l->ordinal;
	line_count(&wl->cell->accepted, 1);
	uint64_t open = atomic_load_explicit(&l->open, memory_order_relaxed);
	if ((wl->conf->conns_max > 0 && open >= wl->conf->conns_max) ||
	    atomic_load_explicit(&w->crew->open, memory_order_relaxed) >= w->crew->conns_max) {
		line_count(&wl->cell->closed[LINE_CLOSE_FULL], 1);
		io_discard(token, true);
		return;
	}
	uint64_t key = ordinal;
	struct io_addr peer;
	if (wl->conf->key == LINE_KEY_CLIENT && l->clients != NULL && io_token_peer(token, &peer) == 0)
		key = line_clients_key(l->clients, &peer, ordinal);
	struct worker *to = least_loaded(w);
	atomic_fetch_add_explicit(&l->open, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->crew->open, 1, memory_order_relaxed);
	struct message m = { .call = open_message, .words = { l->slot, (uint64_t)token, ordinal, key } };
	if (to != w) {
		atomic_fetch_add_explicit(&to->active, 1, memory_order_relaxed);
		if (mailbox_post(&to->mail, &m))
			return;
		atomic_fetch_sub_explicit(&to->active, 1, memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&w->active, 1, memory_order_relaxed);
	open_conn(w, wl, token, ordinal, key);
}

/* ---- the loop ---- */

static void
dispatch(struct worker *w, const struct io_event *ev)
{
	uintptr_t ud = (uintptr_t)ev->ud;
	if ((ud & 3) == WORKER_UD_SINK) {
		struct sink *sink = (struct sink *)(ud & ~(uintptr_t)3);
		sink->event(w, sink, ev);
		return;
	}
	if (ud & WORKER_UD_LISTENER) {
		struct wline *wl = (struct wline *)(ud & ~(uintptr_t)3);
		if (ev->kind == IO_ACCEPT)
			accepted(w, wl, ev->res);
		else
			fl_assert(ev->kind == IO_CLOSED);
		return;
	}
	session_event(w, (struct session *)(ud & ~(uintptr_t)1), (enum session_side)(ud & 1), ev);
}

/* Read less when buffer memory is nearly used up, more again when it is not. */
static void
look_at_pressure(struct worker *w)
{
	size_t used = slab_used(w->mem), budget = slab_budget(w->mem);
	bool pressed = w->pressed ? used > budget / 4 * 3 : used > budget / 8 * 7;
	if (pressed == w->pressed)
		return;
	w->pressed = pressed;
	for (uint32_t i = 0; i < w->lines_used; i++) {
		if (w->lines[i].line == NULL)
			continue;
		list_for(l, &w->lines[i].sessions)
			session_pressure(w, list_entry(l, struct session, link));
	}
}

static void
run_timers(struct worker *w, fl_ns now)
{
	struct heap_node *n;
	while ((n = heap_pop(&w->timers, now)) != NULL)
		session_timer(w, FL_CONTAINER_OF(n, struct session, timer));
	while ((n = heap_pop(&w->wtimers, now)) != NULL) {
		struct wtimer *t = FL_CONTAINER_OF(n, struct wtimer, node);
		t->fire(w, t, now);
	}
}

static fl_ns
next_timer(const struct worker *w)
{
	return FL_MIN(heap_next(&w->timers), heap_next(&w->wtimers));
}

/* Let go of closed lines whose last session has seen its IO_CLOSED. */
static void
forget_lines(struct worker *w)
{
	for (uint32_t i = 0; i < w->lines_used; i++) {
		struct wline *wl = &w->lines[i];
		if (wl->line == NULL || !wl->closing || !list_empty(&wl->sessions) || !list_empty(&wl->https))
			continue;
		struct line *l = wl->line;
		if (wl->http != NULL)
			http_line_let_go(w, wl->http);
		line_conf_unref(wl->conf);
		*wl = (struct wline){ .line = NULL };
		w->lines_closing--;
		atomic_fetch_sub(&l->holders, 1);       /* at 0 the control side may free it: not touched after this */
	}
}

void
worker_turn(struct worker *w, fl_ns until)
{
	io_wait(w->io, FL_MIN(FL_MIN(until, next_timer(w)), FL_MIN(w->accept_retry, w->trim_at)));
	worker_mail(w);
	struct io_event ev;
	for (int n = 0; n < TURN_EVENTS && io_next(w->io, &ev); n++) {
		dispatch(w, &ev);
		/* A clock read costs 25 ns, a late timer shows: look after each event. */
		if (next_timer(w) != FL_NEVER || w->env.on_event != NULL)
			run_timers(w, io_clock(w->io));
		if (slab_used(w->mem) > slab_budget(w->mem) / 2)
			look_at_pressure(w);
		worker_mail(w);
		http_conn_settle(w);
	}
	fl_ns now = io_clock(w->io);
	run_timers(w, now);
	http_conn_settle(w);
	look_at_pressure(w);
	if (now >= w->accept_retry)
		pause_accepting(w, false);
	if (now >= w->trim_at) {
		slab_trim(w->mem);
		heap_trim(&w->timers);
		heap_trim(&w->wtimers);
		w->trim_at = FL_NEVER;
	}
	if (w->lines_closing > 0)
		forget_lines(w);
}

/* ---- requests of the control side ---- */

int
worker_line_open(struct worker *w, struct line *l, struct line_conf *conf, int token)
{
	struct wline *wl = &w->lines[l->slot];
	fl_assert(wl->line == NULL);
	struct io_sock *listener = NULL;
	if (token >= 0) {
		int r = io_listen(w->io, token, (void *)((uintptr_t)wl | WORKER_UD_LISTENER), &listener);
		if (r < 0)
			return r;
	}
	*wl = (struct wline){ .line = l, .worker = w, .conf = line_conf_ref(conf), .cell = &l->cells[w->index], .listener = listener };
	list_init(&wl->sessions);
	list_init(&wl->https);
	if (conf->http != NULL && (wl->http = http_line_begin(w, conf->http)) == NULL)
		fl_assert(!"memory for a line");
	w->lines_used = FL_MAX(w->lines_used, l->slot + 1);
	return 0;
}

void
worker_line_set(struct worker *w, struct line *l, struct line_conf *conf)
{
	struct wline *wl = &w->lines[l->slot];
	fl_assert(wl->line == l);
	struct line_conf *old = wl->conf;
	wl->conf = line_conf_ref(conf);
	if (conf->http != NULL && (wl->http == NULL || wl->http->conf != conf->http)) {
		struct http_line *was = wl->http, *http = http_line_begin(w, conf->http);
		fl_assert(http != NULL);
		wl->http = http;
		if (was != NULL)
			http_line_let_go(w, was);       /* exchanges that began with it keep it */
	}
	if (old->faults != conf->faults) {
		list_for_safe(s, &wl->sessions)
			session_conf(w, list_entry(s, struct session, link));
		list_for_safe(h, &wl->https)
			http_conn_faults(w, http_conn_of(h));
	}
	line_conf_unref(old);
}

void
worker_line_deaf(struct worker *w, struct line *l)
{
	struct wline *wl = &w->lines[l->slot];
	if (wl->listener == NULL)
		return;
	io_close(w->io, wl->listener, false);
	wl->listener = NULL;
}

uint64_t
worker_line_cut(struct worker *w, struct line *l, enum line_close reason, bool reset)
{
	struct wline *wl = &w->lines[l->slot];
	uint64_t n = 0;
	fl_assert(wl->line == l);
	list_for_safe(s, &wl->sessions) {
		session_stop(w, list_entry(s, struct session, link), reason, reset);
		n++;
	}
	list_for_safe(h, &wl->https) {
		http_conn_stop(w, http_conn_of(h), reason, reset);
		n++;
	}
	return n;
}

void
worker_line_close(struct worker *w, struct line *l)
{
	struct wline *wl = &w->lines[l->slot];
	worker_line_cut(w, l, LINE_CLOSE_LINE_STOPPED, false);
	fl_assert(wl->listener == NULL && !wl->closing);
	wl->closing = true;
	w->lines_closing++;
	io_wake(w->io);                 /* the next turn looks whether all its sessions are gone */
}

void
worker_line_drain(struct worker *w, struct line *l)
{
	struct wline *wl = &w->lines[l->slot];
	fl_assert(wl->line == l);
	wl->draining = true;
	list_for_safe(h, &wl->https)
		http_conn_drain(w, http_conn_of(h));
	io_wake(w->io);
}
