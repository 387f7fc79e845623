/* SPDX-License-Identifier: MIT */
/*
 * http_audit.c - see http_audit.h.
 *
 *  (1) Every request that got an answer has exactly one record; each record is of one request and says of it what its client saw.
 *  (2) requests = those that ended, by each way of counting them: statuses, ends (and heads that were none), records.
 *  (3) Attempts stay within 1 + retries + hedges; retries and hedges together within the budget; times within the total.
 *  (4) In the end nothing is active, no memory is in use, no socket open.
 */
#include "http_audit.h"
#include "http_caller.h"
#include "io_sim.h"
#include "mark.h"
#include "proxy/http_conf.h"
#include "proxy/http_record.h"
#include "proxy/proxy.h"
#include "proxy/worker.h"
#include "base/assert.h"
#include <stdlib.h>
#include <string.h>

#define BATCH 64
/* A turn that was late, several times over, and the millisecond of timers that look twice. */
#define SLACK(s) (20 * FL_MS + 8 * ((s)->lag_ns_max + (s)->cpu_ns_max) + (s)->trouble.late_ns_max)

/* ---- records ---- */

/* When this listener was the line's; FL_NEVER: it never was. */
static fl_ns
life_of(const struct web_line *l, const struct listener *listener)
{
	for (unsigned i = 0; i < l->life_count; i++)
		if (l->lives[i].listener == listener)
			return l->lives[i].since;
	return FL_NEVER;
}

static struct web_request *
request_of(const struct web *x, const struct http_record *r)
{
	const struct web_client *best = NULL;
	fl_ns best_since = -1;

	for (const struct web_client *c = x->clients; c != NULL; c = c->next) {
		const struct end *near = caller_near(c);

		if (strcmp(c->line->name, r->line) != 0 || near->accepted_by == NULL || near->accept_number != r->conn)
			continue;
		fl_ns since = life_of(c->line, near->accepted_by);
		if (since <= r->start && since > best_since) {
			best = c;
			best_since = since;
		}
	}
	for (uint64_t i = 0; best != NULL && i < x->request_count; i++)
		if (x->requests[i]->client == best && x->requests[i]->place == r->number)
			return x->requests[i];
	return NULL;
}

static void
check_times(struct web *x, const struct web_request *q, const struct http_record *r, const struct web_facts *f)
{
	bool free_of_it = f->endless || f->fallback_upstreams || q->upgrade;

	if (r->total < 0 || (!free_of_it && r->total > f->total + SLACK(x->swarm)))
		world_fail(x->world, "(3) request %llu took %.3f ms, its limit is %.3f ms", (unsigned long long)q->id, (double)r->total / 1e6,
		    (double)f->total / 1e6);
	/* It waits in no phase for longer than it lasts. */
	if (r->queue > r->total || r->connect > r->total || r->first_byte > r->total + 1)
		world_fail(x->world, "request %llu took %.3f ms, but queued %.3f, connected %.3f, first byte %.3f", (unsigned long long)q->id,
		    (double)r->total / 1e6, (double)r->queue / 1e6, (double)r->connect / 1e6, (double)r->first_byte / 1e6);
}

static void
check_record(struct web *x, struct web_request *q, const struct http_record *r)
{
	struct web_facts f = web_facts_of(q);
	unsigned most = FL_MIN(f.attempts + f.hedges, (unsigned)HTTP_ATTEMPTS_MAX);

	if (q->recorded)
		world_fail(x->world, "(1) request %llu is recorded twice", (unsigned long long)q->id);
	q->recorded = true;
	if (strcmp(r->method, q->method) != 0 || strcmp(r->path, q->target) != 0)
		world_fail(x->world, "(1) request %llu (%s %s) is recorded as %s %s", (unsigned long long)q->id, q->method, q->target, r->method,
		    r->path);
	if (q->status != 0 && r->status != q->status)
		world_fail(x->world, "(1) request %llu got %u and is recorded with %u", (unsigned long long)q->id, q->status, r->status);
	if (r->attempts > most)
		world_fail(x->world, "(3) request %llu had %u attempts, %u are allowed", (unsigned long long)q->id, r->attempts, most);
	if (q->heads > 0 && r->attempts == 0 && !f.fallback_upstreams)
		world_fail(x->world, "request %llu reached a server, and is recorded without an attempt", (unsigned long long)q->id);
	if (r->end == FL_END_OPEN || r->end >= FL_END_COUNT)
		world_fail(x->world, "request %llu is recorded before its end", (unsigned long long)q->id);
	if ((r->end == FL_END_REFUSED) && r->refused == FL_WHO_NONE)
		world_fail(x->world, "request %llu is recorded as refused by nobody", (unsigned long long)q->id);
	if (r->end == FL_END_TIMED_OUT && r->limit == FL_LIMIT_NONE)
		world_fail(x->world, "request %llu is recorded as out of time, by no limit", (unsigned long long)q->id);
	check_times(x, q, r, &f);
	mark_hit(MARK_WEB_END + r->end, 1);
	if (r->refused != FL_WHO_NONE)
		mark_hit(MARK_WEB_WHO + r->refused, 1);
	if (r->limit != FL_LIMIT_NONE)
		mark_hit(MARK_WEB_LIMIT + r->limit, 1);
	mark_hit(MARK_WEB_RETRIES, r->attempts > 1u + r->hedged);
	mark_hit(MARK_WEB_HEDGES, r->hedged);
}

static void
take(struct web *x, const struct http_record *r)
{
	struct web_request *q = request_of(x, r);

	world_note(x->world, "record: connection %lld, request %lld, status %lld", (long long)r->conn, (long long)r->number, r->status);
	if (q == NULL)
		world_fail(x->world, "(1) a record of a request that nobody made: line %s, connection %llu, request %llu", r->line,
		    (unsigned long long)r->conn, (unsigned long long)r->number);
	check_record(x, q, r);
	x->records++;
	x->record_attempts += r->attempts;
	x->record_degraded += r->degraded;
	x->record_request_bytes += r->request_bytes;
	x->record_response_bytes += r->response_bytes;
	x->record_status[r->status / 100]++;
}

void
http_audit_records(struct web *x)
{
	struct http_record batch[BATCH];
	uint64_t lost;
	size_t n;

	do {
		n = proxy_http_records(x->proxy, batch, BATCH, &lost);
		if (lost > 0)
			world_fail(x->world, "%llu records were lost though their ring is large", (unsigned long long)lost);
		for (size_t i = 0; i < n; i++)
			take(x, &batch[i]);
		mark_hit(MARK_WEB_RECORDS, n);
	} while (n > 0);
}

/* ---- counters ---- */

void
http_audit_line(struct web *x, const struct web_line *l)
{
	struct line_counters k;
	uint64_t ended = 0;

	proxy_line_counters(l->line, &k);
	for (int i = 0; i < LINE_CLOSE_COUNT; i++)
		ended += k.closed[i];
	if (ended + k.active > k.accepted)
		world_fail(x->world, "line %u: %llu accepted, but %llu active and %llu ended", l->number, (unsigned long long)k.accepted,
		    (unsigned long long)k.active, (unsigned long long)ended);
}

static void
add(struct http_sum *all, const struct http_sum *s)
{
	all->requests += s->requests;
	all->active += s->active;
	for (unsigned i = 0; i < FL_ARRAY_LEN(s->status); i++)
		all->status[i] += s->status[i];
	all->attempts += s->attempts;
	all->retries += s->retries;
	all->hedges += s->hedges;
	all->degraded += s->degraded;
	all->request_bytes += s->request_bytes;
	all->response_bytes += s->response_bytes;
	for (unsigned i = 0; i < FL_END_COUNT; i++)
		all->ends[i] += s->ends[i];
}

static void
same(struct web *x, const char *what, uint64_t a, const char *of_a, uint64_t b, const char *of_b)
{
	if (a != b)
		world_fail(x->world, "(2) %llu %s by %s, but %llu by %s", (unsigned long long)a, what, of_a, (unsigned long long)b, of_b);
}

/* Counters of all routes there ever were against the records. */
static void
check_sums(struct web *x)
{
	struct http_sum all = { 0 }, s;
	uint64_t statuses = 0, ends = 0;

	for (unsigned i = 0; i < x->stats_count; i++) {
		http_stats_sum(x->stats[i], &s);
		add(&all, &s);
	}
	for (unsigned i = 0; i < FL_ARRAY_LEN(all.status); i++)
		statuses += all.status[i];
	for (unsigned i = 0; i < FL_END_COUNT; i++)
		ends += all.ends[i];
	same(x, "active requests", all.active, "counters", 0, "the clock");
	same(x, "requests", all.requests, "their number", statuses, "status");
	same(x, "calls", ends, "their ends", x->records, "records");
	same(x, "attempts", all.attempts, "counters", x->record_attempts, "records");
	same(x, "degraded answers", all.degraded, "counters", x->record_degraded, "records");
	same(x, "bytes of requests", all.request_bytes, "counters", x->record_request_bytes, "records");
	same(x, "bytes of answers", all.response_bytes, "counters", x->record_response_bytes, "records");
	if (all.requests < ends)
		world_fail(x->world, "(2) more calls ended than were begun");
	/* Those that were no requests at all are answered 400 or 408, or 503 for want of memory. */
	for (unsigned i = 0; i < 6; i++)
		if (all.status[i] < x->record_status[i] || (i != 4 && i != 5 && all.status[i] != x->record_status[i]))
			world_fail(x->world, "(2) %llu answers of class %u by counters, but %llu by records", (unsigned long long)all.status[i], i,
			    (unsigned long long)x->record_status[i]);
}

/* Retries and hedges of a line that had one configuration all the time, against what its budget gives at most. */
static void
check_budget(struct web *x, const struct web_line *l)
{
	const struct web_version *v = &l->versions[0];
	const struct http_conf *c = v->conf->http;
	uint64_t further = 0, good = 0;
	struct http_sum s;

	if (l->version_count > 1 || !v->facts.budgeted)
		return;
	for (unsigned i = 0; i < c->route_count; i++) {
		http_stats_sum(c->routes[i].stats, &s);
		further += s.retries + s.hedges;
		good += s.ends[FL_END_ANSWERED];
	}
	double most = v->facts.budget_max + v->facts.budget_share * (double)good +
	    v->facts.budget_per_second * (double)(x->world->now - v->since) / 1e9;
	mark_hit(MARK_WEB_BUDGETS, further > 0);
	if ((double)further > most + 1e-6)
		world_fail(x->world, "(3) line %u made %llu retries and hedges, its budget gives %.1f", l->number, (unsigned long long)further, most);
}

/* ---- the end ---- */

static void
check_workers(struct web *x)
{
	for (unsigned i = 0; i < proxy_workers(x->proxy); i++) {
		struct worker *w = proxy_worker(x->proxy, i);

		if (slab_used(w->mem) > 0)
			world_fail(x->world, "(4) worker %u keeps %zu bytes of memory", i, slab_used(w->mem));
		if (io_sim_open(io_sim_at(i)) > 0)
			world_fail(x->world, "(4) worker %u keeps %u sockets", i, io_sim_open(io_sim_at(i)));
		if (heap_next(&w->timers) != FL_NEVER || heap_next(&w->wtimers) != FL_NEVER)
			world_fail(x->world, "(4) worker %u keeps a timer", i);
		if (atomic_load(&w->active) > 0)
			world_fail(x->world, "(4) worker %u counts %llu connections", i, (unsigned long long)atomic_load(&w->active));
	}
	if (proxy_conns(x->proxy) > 0)
		world_fail(x->world, "(4) the proxy counts %llu connections", (unsigned long long)proxy_conns(x->proxy));
}

void
http_audit_end(struct web *x)
{
	http_audit_records(x);
	for (uint64_t i = 0; i < x->request_count; i++) {
		const struct web_request *q = x->requests[i];

		if (q->answered && !q->recorded && q->status != 400 && q->status != 408 && q->status != 503)
			world_fail(x->world, "(1) request %llu got %u, and there is no record of it", (unsigned long long)q->id, q->status);
		if (q->heads > 0 && !q->recorded)
			world_fail(x->world, "(1) request %llu reached a server, and there is no record of it", (unsigned long long)q->id);
	}
	check_sums(x);
	for (unsigned i = 0; i < x->swarm->lines; i++)
		check_budget(x, &x->lines[i]);
	check_workers(x);
}
