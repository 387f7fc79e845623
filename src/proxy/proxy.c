/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - the control side's handle on the workers.
 *
 * A request travels to workers as a message that points to a struct call on the caller's stack; the caller waits at its gate.
 * Workers never wait, so a request takes as long as the turns they are in. Without threads (simulation) it runs inline.
 */
#include "proxy/proxy.h"
#include "base/assert.h"
#include "io/io.h"
#include "io/thread.h"
#include "proxy/http_conn.h"
#include "proxy/session.h"
#include "proxy/trace_ring.h"
#include "proxy/worker.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define WORKERS_DEFAULT_MAX 4
#define LINES_DEFAULT 4096
#define BUFFER_DEFAULT (256 * 1000 * 1000)
#define PIPE_DEFAULT (1 << 20)
#define SPIN_DEFAULT (100 * FL_US)
#define DESCRIPTORS_KEPT 128            /* for everything that is not a connection */

struct proxy {
	struct crew crew;
	struct line **lines;                    /* by slot */
	bool threads;
	bool started[LINE_WORKERS_MAX];
	atomic_bool stop;
	pthread_t thread[LINE_WORKERS_MAX];
	unsigned next_home;
	struct thread_arg { struct proxy *proxy; struct worker *worker; } args[LINE_WORKERS_MAX];
};

/* ---- calls ---- */

struct call;
typedef void call_fn(struct worker *w, struct call *c);
struct call {
	call_fn *run;
	struct line *line;
	struct line_conf *conf;
	int token;
	int res;                                /* of the home worker */
	enum line_close reason;
	bool reset;
	atomic_uint_fast64_t count;
	struct proxy_conn *conns[LINE_WORKERS_MAX];
	uint64_t conns_max, conns_count[LINE_WORKERS_MAX];
	struct thread_gate gate;
};

static void
call_message(void *owner, const struct message *m)
{
	struct call *c = (struct call *)(uintptr_t)m->words[0];
	c->run(owner, c);
	thread_gate_done(&c->gate);
}

/* Run c on workers from..from+n-1 and wait for it. */
static void
call_workers(struct proxy *p, struct call *c, unsigned from, unsigned n)
{
	thread_gate_init(&c->gate, n);
	for (unsigned i = from; i < from + n; i++) {
		struct worker *w = p->crew.workers[i];
		struct message m = { .call = call_message, .words = { (uint64_t)(uintptr_t)c } };
		if (!p->threads) {
			worker_mail(w);
			call_message(w, &m);
			continue;
		}
		while (!mailbox_post(&w->mail, &m))
			sched_yield();
	}
	thread_gate_wait(&c->gate);
	thread_gate_fini(&c->gate);
}

static void
call_all(struct proxy *p, struct call *c)
{
	call_workers(p, c, 0, p->crew.count);
}

static void
call_home(struct proxy *p, struct call *c)
{
	call_workers(p, c, c->line->home, 1);
}

/* ---- life ---- */

static void *
worker_thread(void *ud)
{
	struct thread_arg *a = ud;
	while (!atomic_load_explicit(&a->proxy->stop, memory_order_acquire))
		worker_turn(a->worker, FL_NEVER);
	return NULL;
}

/* Connections that the descriptor limit allows: two descriptors each. */
static uint64_t
conns_by_limit(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur < DESCRIPTORS_KEPT + 2)
		return 1;
	return (FL_MIN(l.rlim_cur, (rlim_t)1 << 24) - DESCRIPTORS_KEPT) / 2;
}

static int
start_worker(struct proxy *p, const struct worker_opts *wo, unsigned i)
{
	char name[16];
	int r = worker_new(wo, &p->crew.workers[i]);
	if (r < 0)
		return r;
	p->crew.count = i + 1;
	if (!p->threads)
		return 0;
	p->args[i] = (struct thread_arg){ p, p->crew.workers[i] };
	snprintf(name, sizeof(name), "fl-worker-%u", i & 0xff);
	r = thread_start(&p->thread[i], name, worker_thread, &p->args[i]);
	p->started[i] = r == 0;
	return r;
}

int
proxy_new(const struct proxy_opts *opts, struct proxy **ret_proxy)
{
	struct proxy *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	unsigned workers = opts->workers > 0 ? opts->workers : FL_MIN(thread_cores(), WORKERS_DEFAULT_MAX);
	workers = FL_MIN(workers, LINE_WORKERS_MAX);
	p->threads = !opts->no_threads;
	p->crew.lines_max = opts->lines_max > 0 ? opts->lines_max : LINES_DEFAULT;
	p->crew.conns_max = opts->conns_max > 0 ? opts->conns_max : conns_by_limit();
	p->crew.resolver = opts->resolver;
	struct worker_opts wo = {
		.crew = &p->crew,
		.conns_max = (uint32_t)p->crew.conns_max,
		.buffer_bytes = (opts->buffer_bytes > 0 ? opts->buffer_bytes : BUFFER_DEFAULT) / workers,
		.pipe_bytes = opts->pipe_bytes > 0 ? opts->pipe_bytes : PIPE_DEFAULT,
		.handshakes_max = (opts->handshakes_max + workers - 1) / workers,
		.events_max = opts->events_max,
		.records_max = opts->records_max,
		.traces_max = opts->traces_max,
		.spin_ns = opts->spin_ns < 0 ? 0 : opts->spin_ns > 0 ? opts->spin_ns : SPIN_DEFAULT,
	};
	int r = -ENOMEM;
	p->lines = calloc(p->crew.lines_max, sizeof(struct line *));
	if (p->lines == NULL)
		goto fail;
	for (unsigned i = 0; i < workers; i++) {
		wo.index = i;
		if ((r = start_worker(p, &wo, i)) < 0)
			goto fail;
	}
	*ret_proxy = p;
	return 0;
fail:
	proxy_free(p);
	return r;
}

static void
line_free(struct line *l)
{
	if (l == NULL)
		return;
	line_clients_free(l->clients);
	free(l->cells);
	free(l);
}

void
proxy_free(struct proxy *p)
{
	if (p == NULL)
		return;
	atomic_store_explicit(&p->stop, true, memory_order_release);
	for (unsigned i = 0; i < p->crew.count; i++) {
		if (!p->started[i])
			continue;
		io_wake(p->crew.workers[i]->io);
		thread_join(p->thread[i]);
	}
	for (unsigned i = 0; i < p->crew.count; i++)
		worker_free(p->crew.workers[i]);
	for (uint32_t i = 0; p->lines != NULL && i < p->crew.lines_max; i++)
		line_free(p->lines[i]);
	free(p->lines);
	free(p);
}

unsigned
proxy_workers(const struct proxy *p)
{
	return p->crew.count;
}

struct worker *
proxy_worker(struct proxy *p, unsigned i)
{
	fl_assert(i < p->crew.count);
	return p->crew.workers[i];
}

uint32_t
proxy_conns_max(const struct proxy *p)
{
	return (uint32_t)p->crew.conns_max;
}

uint64_t
proxy_conns(const struct proxy *p)
{
	return atomic_load(&p->crew.open);
}

/* ---- lines ---- */

/* Free the lines that no worker knows any more, and return a free slot, or lines_max. */
static uint32_t
free_slot(struct proxy *p)
{
	uint32_t found = p->crew.lines_max;
	for (uint32_t i = p->crew.lines_max; i-- > 0;) {
		struct line *l = p->lines[i];
		if (l != NULL && atomic_load(&l->holders) == 0) {
			line_free(l);
			p->lines[i] = NULL;
		}
		if (p->lines[i] == NULL)
			found = i;
	}
	return found;
}

static struct line *
line_new(struct proxy *p, const struct line_conf *conf, uint32_t slot)
{
	struct line *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->slot = slot;
	l->home = p->next_home++ % p->crew.count;
	l->cell_count = p->crew.count;
	snprintf(l->name, sizeof(l->name), "%s", conf->name);
	atomic_init(&l->holders, p->crew.count);
	l->cells = aligned_alloc(64, l->cell_count * sizeof(*l->cells));
	if (l->cells == NULL || (conf->key == LINE_KEY_CLIENT && line_clients_new(&l->clients) < 0)) {
		line_free(l);
		return NULL;
	}
	memset(l->cells, 0, l->cell_count * sizeof(*l->cells));
	return l;
}

static void
run_close(struct worker *w, struct call *c)
{
	worker_line_close(w, c->line);
}

static void
run_open(struct worker *w, struct call *c)
{
	int r = worker_line_open(w, c->line, c->conf, w->index == c->line->home ? c->token : -1);
	if (w->index == c->line->home)
		c->res = r;
}

int
proxy_line_open(struct proxy *p, struct line_conf *conf, int token, struct line **ret_line)
{
	fl_assert(conf->faults != NULL);
	uint32_t slot = free_slot(p);
	if (slot == p->crew.lines_max)
		return -ENOSPC;
	struct line *l = line_new(p, conf, slot);
	if (l == NULL)
		return -ENOMEM;
	/* Home last: nobody may be sent a connection of a line that it does not know. */
	struct call c = { .run = run_open, .line = l, .conf = conf, .token = token };
	for (unsigned i = 0; i < p->crew.count; i++)
		if (i != l->home)
			call_workers(p, &c, i, 1);
	call_home(p, &c);
	p->lines[slot] = l;
	if (c.res == 0) {
		*ret_line = l;
		return 0;
	}
	atomic_fetch_sub(&l->holders, 1);       /* home never knew it */
	c.run = run_close;
	for (unsigned i = 0; i < p->crew.count; i++)
		if (i != l->home)
			call_workers(p, &c, i, 1);
	return c.res;
}

static void
run_set(struct worker *w, struct call *c)
{
	worker_line_set(w, c->line, c->conf);
}

int
proxy_line_set(struct proxy *p, struct line *l, struct line_conf *conf)
{
	fl_assert(conf->faults != NULL);
	struct call c = { .run = run_set, .line = l, .conf = conf };
	call_all(p, &c);
	return 0;
}

static void
run_deaf(struct worker *w, struct call *c)
{
	worker_line_deaf(w, c->line);
}

void
proxy_line_close(struct proxy *p, struct line *l)
{
	/* Deaf first: after that, every connection of the line has reached its worker's mailbox before the close does. */
	struct call c = { .run = run_deaf, .line = l };
	call_home(p, &c);
	c.run = run_close;
	call_all(p, &c);
}

static void
run_cut(struct worker *w, struct call *c)
{
	atomic_fetch_add(&c->count, worker_line_cut(w, c->line, c->reason, c->reset));
}

uint64_t
proxy_line_cut(struct proxy *p, struct line *l, bool reset)
{
	struct call c = { .run = run_cut, .line = l, .reset = reset,
		.reason = reset ? LINE_CLOSE_FAULT_RESET : LINE_CLOSE_FAULT_CLOSED };
	call_all(p, &c);
	return atomic_load(&c.count);
}

void
proxy_line_counters(const struct line *l, struct line_counters *ret)
{
	*ret = (struct line_counters){ .accepted = 0 };
	for (unsigned i = 0; i < l->cell_count; i++) {
		const struct line_cell *c = &l->cells[i];
		ret->accepted += atomic_load_explicit(&c->accepted, memory_order_relaxed);
		ret->active += atomic_load_explicit(&c->active, memory_order_relaxed);
		for (int d = 0; d < 2; d++) {
			ret->received_bytes[d] += atomic_load_explicit(&c->received_bytes[d], memory_order_relaxed);
			ret->sent_bytes[d] += atomic_load_explicit(&c->sent_bytes[d], memory_order_relaxed);
		}
		for (int r = 0; r < LINE_CLOSE_COUNT; r++)
			ret->closed[r] += atomic_load_explicit(&c->closed[r], memory_order_relaxed);
	}
}

/* ---- draining ---- */

static void
run_drain(struct worker *w, struct call *c)
{
	worker_line_drain(w, c->line);
}

uint64_t
proxy_drain(struct proxy *p, fl_ns limit)
{
	for (uint32_t i = 0; i < p->crew.lines_max; i++) {
		if (p->lines[i] == NULL || atomic_load(&p->lines[i]->holders) < p->crew.count)
			continue;
		struct call c = { .run = run_deaf, .line = p->lines[i] };
		call_home(p, &c);
		c.run = run_drain;
		call_all(p, &c);
	}
	if (!p->threads)
		return proxy_conns(p);
	return thread_wait_zero(&p->crew.open, limit);
}

/* ---- reports ---- */

static void
run_conns(struct worker *w, struct call *c)
{
	struct wline *wl = &w->lines[c->line->slot];
	uint64_t n = 0;
	list_for(l, &wl->sessions) {
		if (n < c->conns_max)
			session_report(w, list_entry(l, struct session, link), &c->conns[w->index][n]);
		n++;
	}
	list_for(h, &wl->https) {
		if (n < c->conns_max)
			http_conn_report(w, http_conn_of(h), &c->conns[w->index][n]);
		n++;
	}
	c->conns_count[w->index] = n;
}

static int
by_ordinal(const void *a, const void *b)
{
	uint64_t x = ((const struct proxy_conn *)a)->ordinal, y = ((const struct proxy_conn *)b)->ordinal;
	return (x > y) - (x < y);
}

uint64_t
proxy_line_conns(struct proxy *p, struct line *l, struct proxy_conn *ret_conns, uint64_t max)
{
	struct call c = { .run = run_conns, .line = l, .conns_max = max };
	struct proxy_conn *all = calloc(max * p->crew.count + 1, sizeof(*all));
	if (all == NULL)
		c.conns_max = 0;
	for (unsigned i = 0; i < p->crew.count; i++)
		c.conns[i] = all + (all == NULL ? 0 : max * i);
	call_all(p, &c);
	uint64_t total = 0, have = 0;
	for (unsigned i = 0; i < p->crew.count; i++) {
		uint64_t n = FL_MIN(c.conns_count[i], c.conns_max);
		total += c.conns_count[i];
		if (n > 0)
			memmove(all + have, c.conns[i], n * sizeof(*all));
		have += n;
	}
	if (have > 0) {
		qsort(all, have, sizeof(*all), by_ordinal);
		memcpy(ret_conns, all, FL_MIN(have, max) * sizeof(*all));
	}
	free(all);
	return total;
}

size_t
proxy_events(struct proxy *p, struct proxy_event *ret_events, size_t max, uint64_t *ret_lost)
{
	size_t n = 0;
	*ret_lost = 0;
	for (unsigned i = 0; i < p->crew.count && p->crew.workers[i]->record != NULL; i++) {
		uint64_t lost;
		n += record_take(p->crew.workers[i]->record, ret_events + n, max - n, &lost);
		*ret_lost += lost;
	}
	return n;
}

size_t
proxy_http_records(struct proxy *p, struct http_record *ret_records, size_t max, uint64_t *ret_lost)
{
	size_t n = 0;
	*ret_lost = 0;
	for (unsigned i = 0; i < p->crew.count && p->crew.workers[i]->http->ring != NULL; i++) {
		uint64_t lost;
		n += http_ring_take(p->crew.workers[i]->http->ring, ret_records + n, (uint32_t)FL_MIN(max - n, UINT32_MAX), &lost);
		*ret_lost += lost;
	}
	return n;
}

size_t
proxy_traces(struct proxy *p, struct trace_mark *ret_marks, size_t max, uint64_t *ret_lost)
{
	size_t n = 0;

	*ret_lost = 0;
	for (unsigned i = 0; i < p->crew.count && p->crew.workers[i]->traces != NULL; i++) {
		uint64_t lost;

		n += trace_ring_take(p->crew.workers[i]->traces, ret_marks + n, (uint32_t)FL_MIN(max - n, UINT32_MAX), &lost);
		*ret_lost += lost;
	}
	return n;
}

struct crew *
proxy_crew(struct proxy *p)
{
	return &p->crew;
}
