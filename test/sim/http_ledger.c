/* SPDX-License-Identifier: MIT */
/*
 * http_ledger.c - what is known of every request, and the rules for what may become of it.
 *
 *  (1) A client gets an answer that was given to its own request (or an old one to the same line, called stale; or the proxy's own),
 *      with the status and, if it is told to be whole, every byte that its server gave.
 *  (2) Without an answer there is a reason: the client, its network or an operation broke the connection; an answer before said that
 *      it is the last; a server broke its answer off; a time limit passed.
 *  (3) A request that is not idempotent reaches servers once, unless the configuration says otherwise; no request reaches them
 *      more often than it allows.
 *  (4) The proxy's own answers say what the configuration and the time allow.
 */
#include "http_caller.h"
#include "mark.h"
#include "stream.h"
#include "base/assert.h"
#include <stdlib.h>
#include <string.h>

/* ---- books ---- */

struct web_request *
web_request_new(struct web *x)
{
	if (x->request_count == x->request_room) {
		x->request_room = x->request_room ? x->request_room * 2 : 64;
		x->requests = realloc(x->requests, x->request_room * sizeof(struct web_request *));
		fl_assert(x->requests != NULL);
	}
	struct web_request *q = world_alloc(x->world, sizeof(*q));
	x->requests[x->request_count++] = q;
	q->id = x->request_count;
	return q;
}

struct web_request *
web_request_get(const struct web *x, uint64_t id)
{
	return id >= 1 && id <= x->request_count ? x->requests[id - 1] : NULL;
}

struct web_answer *
web_answer_new(struct web *x)
{
	if (x->answer_count == x->answer_room) {
		x->answer_room = x->answer_room ? x->answer_room * 2 : 64;
		x->answers = realloc(x->answers, x->answer_room * sizeof(struct web_answer *));
		fl_assert(x->answers != NULL);
	}
	struct web_answer *a = world_alloc(x->world, sizeof(*a));
	x->answers[x->answer_count++] = a;
	a->serial = x->answer_count;
	return a;
}

struct web_answer *
web_answer_get(const struct web *x, uint64_t serial)
{
	return serial >= 1 && serial <= x->answer_count ? x->answers[serial - 1] : NULL;
}

static void
loosen(struct web_facts *f, const struct web_facts *g)
{
	f->attempts = FL_MAX(f->attempts, g->attempts);
	f->hedges = FL_MAX(f->hedges, g->hedges);
	f->unsafe |= g->unsafe;
	f->fallback_upstreams |= g->fallback_upstreams;
	f->fallback_own |= g->fallback_own;
	f->rehearses |= g->rehearses;
	f->stale |= g->stale;
	f->refuses |= g->refuses;
	f->rate_limit |= g->rate_limit;
	f->bulkhead = f->bulkhead == 0 || g->bulkhead == 0 ? 0 : f->bulkhead + g->bulkhead;
	f->endless |= g->endless;
	f->total = FL_MAX(f->total, g->total);
	f->soonest = FL_MIN(f->soonest, g->soonest);
	f->cut_after = FL_MIN(f->cut_after, g->cut_after);
	f->idle_timeout = FL_MIN(f->idle_timeout, g->idle_timeout);
	f->head_timeout = FL_MIN(f->head_timeout, g->head_timeout);
	f->body_timeout = FL_MIN(f->body_timeout, g->body_timeout);
}

struct web_facts
web_facts_of(const struct web_request *q)
{
	const struct web_line *l = q->line;
	struct web_facts f = l->versions[q->version].facts;

	for (unsigned i = q->version + 1; i < l->version_count; i++)
		loosen(&f, &l->versions[i].facts);
	return f;
}

/* ---- at the servers ---- */

void
web_check_arrival(struct web *x, struct web_request *q)
{
	struct web_facts f = web_facts_of(q);
	unsigned most = f.attempts + f.hedges + f.fallback_upstreams;

	if (!q->idempotent && q->heads > 1u + f.fallback_upstreams && !f.unsafe)
		world_fail(x->world, "(3) request %llu (%s) is not idempotent and has reached servers %u times", (unsigned long long)q->id,
		    q->method, q->heads);
	if (q->heads - q->fell > most)
		world_fail(x->world, "(3) request %llu has reached servers by %u new connections, %u attempts and hedges are allowed",
		    (unsigned long long)q->id, q->heads - q->fell, most);
	mark_hit(MARK_WEB_ARRIVALS, 1);
	if (q->heads > 1)
		mark_hit(MARK_WEB_REPEATS, 1);
}

/* ---- at the client: heads ---- */

/* Has a time limit that applies to it passed? */
static bool
time_is_over(const struct web *x, const struct web_request *q, fl_ns limit)
{

	if (q->deadline > 0)
		limit = FL_MIN(limit, q->deadline);
	return x->world->now - q->begun >= limit;
}

static void
check_own(struct web *x, struct web_request *q, const struct wire_in *m, const struct web_facts *f)
{
	const struct web_client *c = q->client;
	unsigned s = m->status;
	bool fine = false;

	if (s == 400)
		fine = c->fin_sent && q->sent == 0;
	else if (s == 408)
		fine = x->world->now - q->begun >= FL_MIN(f->head_timeout, f->body_timeout);
	else if (s == 429)
		fine = f->rate_limit;
	else if (s == 502)
		fine = true;
	else if (s == 503)
		fine = f->refuses || q->line->handled || x->swarm->scarce;
	else if (s == 504)
		fine = time_is_over(x, q, f->soonest) || q->deadline > 0;
	if (!fine)
		world_fail(x->world, "(4) request %llu (%s %s) has got %u from the proxy itself, after %.3f ms: %s", (unsigned long long)q->id,
		    q->method, q->target, s, (double)(x->world->now - q->begun) / 1e6, m->head);
	mark_hit(MARK_WEB_OWN + s / 100, 1);
}

static void
check_given(struct web *x, struct web_request *q, const struct wire_in *m, const char *degraded, const struct web_facts *f)
{
	const struct web_answer *a = q->answer;
	bool stale = strcmp(degraded, "stale") == 0;

	if (stale) {
		bool asks = strcmp(q->method, "GET") == 0 || q->head_only;

		if (!f->stale || !asks || strcmp(a->request->method, "GET") != 0 || strcmp(a->request->target, q->target) != 0 || a->status != 200)
			world_fail(x->world, "(1) request %llu has got answer %llu as a stale one, which was to request %llu",
			    (unsigned long long)q->id, (unsigned long long)a->serial, (unsigned long long)a->request->id);
		mark_hit(MARK_WEB_STALE, 1);
	} else if (a->request != q) {
		world_fail(x->world, "(1) request %llu has got answer %llu, which was to request %llu", (unsigned long long)q->id,
		    (unsigned long long)a->serial, (unsigned long long)a->request->id);
	}
	if (strcmp(degraded, "fallback") == 0 && !f->fallback_upstreams)
		world_fail(x->world, "(4) request %llu has got a fallback's answer, and there is no other upstream", (unsigned long long)q->id);
	if (m->status != a->status)
		world_fail(x->world, "(1) request %llu has got status %u, its server said %u", (unsigned long long)q->id, m->status, a->status);
	mark_hit(MARK_WEB_GIVEN, 1);
}

void
web_check_answer(struct web *x, struct web_request *q, const struct wire_in *m)
{
	struct web_facts f = web_facts_of(q);
	char serial[32], degraded[32] = "";

	wire_field(m, "x-faultline-degraded", degraded, sizeof(degraded));
	q->status = m->status;
	q->begun_answer = true;
	world_note(x->world, "client %lld: request %lld gets %lld", q->client->number, (long long)q->id, m->status);
	if (wire_field(m, "x-answer", serial, sizeof(serial))) {
		q->answer = web_answer_get(x, strtoull(serial, NULL, 10));
		if (q->answer == NULL)
			world_fail(x->world, "(1) request %llu has got an answer that nobody gave: %s", (unsigned long long)q->id, serial);
		check_given(x, q, m, degraded, &f);
	} else if (strcmp(degraded, "fallback") == 0) {
		if (!f.fallback_own || m->status != 203)
			world_fail(x->world, "(4) request %llu has got an answer of a fallback that is not there", (unsigned long long)q->id);
		mark_hit(MARK_WEB_CANNED, 1);
	} else {
		check_own(x, q, m, &f);
	}
}

/* ---- at the client: bodies ---- */

void
web_check_body(struct web *x, const struct web_request *q, const uint8_t *p, size_t n, uint64_t at)
{
	uint8_t want[512];

	if (q->answer == NULL)
		return;
	for (size_t k; n > 0; p += k, at += k, n -= k) {
		k = FL_MIN(n, sizeof(want));
		stream_fill(q->answer->key, at, want, k);
		if (memcmp(p, want, k) != 0)
			world_fail(x->world, "(1) request %llu: its answer has another body from byte %llu on", (unsigned long long)q->id,
			    (unsigned long long)at);
	}
}

void
web_check_whole(struct web *x, struct web_request *q, const struct wire_in *m)
{
	const struct web_answer *a = q->answer;

	q->answered = true;
	world_note(x->world, "client %lld: request %lld has its answer, %lld bytes", q->client->number, (long long)q->id,
	    (long long)m->body_bytes);
	if (a == NULL || a->no_body || m->no_body) {
		if (m->body_bytes > 0 && m->no_body)
			world_fail(x->world, "(1) request %llu: a body where none may be", (unsigned long long)q->id);
		return;
	}
	/* A server that just closes where its close is the end has said all. */
	if (a->framing == WIRE_UNTIL_END && a->ended && m->body_bytes < a->body_bytes)
		return;
	if (m->body_bytes != a->body_bytes)
		world_fail(x->world, "(1) request %llu: %llu bytes are told to be the whole answer %llu, which has %llu",
		    (unsigned long long)q->id, (unsigned long long)m->body_bytes, (unsigned long long)a->serial,
		    (unsigned long long)a->body_bytes);
	mark_hit(MARK_WEB_WHOLE, 1);
}

/* ---- at the client: no answer ---- */

/* The connection ended for a reason that has nothing to do with the request. */
static bool
conn_excused(const struct web *x, const struct web_client *c)
{
	const struct end *near = end_other(c->end);
	const struct net_trouble *t = &x->swarm->trouble;

	if (c->cut || c->said_close || c->reset_sent || c->end->wire->broken || x->swarm->scarce)
		return true;
	/* Nobody took it from the backlog, or the worker found no descriptor. */
	return near->accepted_by == NULL || (c->got == 0 && t->attach_fails > 0);
}

/* It closed for want of requests, just when one came. */
static bool
was_idle(const struct web *x, const struct web_client *c, const struct web_facts *f)
{
	const struct net_trouble *t = &x->swarm->trouble;

	/* The proxy counts from when it has sent, and is told of a request when that has arrived. */
	return x->world->now - c->quiet_since + 2 * t->delay_ns_max >= f->idle_timeout;
}

/* An answer to it was broken off, by its server or on the way. (Its head may not have come so far.) */
static bool
server_broke_off(const struct web *x, const struct web_request *q)
{
	if (q->answer != NULL)
		return q->answer->spoiled || q->answer->wire->broken;
	for (uint64_t i = 0; i < x->answer_count; i++)
		if (x->answers[i]->request == q && (x->answers[i]->spoiled || x->answers[i]->wire->broken))
			return true;
	return false;
}

void
web_check_loss(struct web *x, struct web_request *q, bool reset)
{
	const struct web_client *c = q->client;
	struct web_facts f = web_facts_of(q);

	q->lost = true;
	world_note(x->world, "client %lld: request %lld is lost, reset %lld", c->number, (long long)q->id, reset);
	mark_hit(MARK_WEB_LOST, 1);
	if (conn_excused(x, c) || time_is_over(x, q, f.cut_after))
		return;
	if (q->begun_answer ? x->world->now - q->begun >= f.idle_timeout : was_idle(x, c, &f))
		return;
	if (q->sent == 0 && (c->fin_sent || x->world->now - q->begun >= FL_MIN(f.head_timeout, f.body_timeout)))
		return;
	if (server_broke_off(x, q))
		return;
	world_fail(x->world, "(2) request %llu (%s %s, %s) has got %s of %s, and there is no reason: after %.3f ms, status %u, server %s",
	    (unsigned long long)q->id, q->method, q->target, q->sent ? "said whole" : "half said", q->begun_answer ? "a part" : "nothing",
	    q->begun_answer ? "an answer" : "one", (double)(x->world->now - q->begun) / 1e6, q->status,
	    q->answer != NULL ? "did its part" : "unknown");
}
