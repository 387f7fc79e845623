/* SPDX-License-Identifier: MIT */
/* http_cost.c - what a call on an HTTP line may cost at worst. */
#include "conf/http_cost.h"
#include "base/assert.h"
#include <string.h>

/* ---- which line is behind which ---- */

static bool
is_local(const char *host, size_t n)
{
	static const char *const names[] = { "", "localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]", "*" };

	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		if (strlen(names[i]) == n && memcmp(names[i], host, n) == 0)
			return true;
	}
	return false;
}

bool
http_cost_same_place(const char *listen, const char *address)
{
	const char *a = strrchr(listen, ':'), *b = strrchr(address, ':');
	size_t n, m;

	if (strncmp(listen, "unix:", 5) == 0 || strncmp(address, "unix:", 5) == 0)
		return strcmp(listen, address) == 0;
	if (a == NULL || b == NULL || strcmp(a, b) != 0 || strcmp(a, ":0") == 0)
		return false;
	n = (size_t)(a - listen);
	m = (size_t)(b - address);
	return (n == m && memcmp(listen, address, n) == 0) || (is_local(listen, n) && is_local(address, m));
}

int
http_cost_behind(const struct http_cost_set *set, const struct http_ask_upstreams *u)
{
	for (unsigned i = 0; i < set->count; i++) {
		for (uint32_t k = 0; set->lines[i].listen != NULL && k < u->count; k++) {
			if (http_cost_same_place(set->lines[i].listen, u->instances[k].address))
				return (int)i;
		}
	}
	return -1;
}

/* ---- one line ---- */

static fl_ns
sum(fl_ns a, fl_ns b)
{
	return a == FL_NEVER || b == FL_NEVER ? FL_NEVER : a + b;
}

/* What one attempt may take. Without per_try the answer's body may trickle for ever: only total ends it. */
static fl_ns
attempt_time(const struct http_timeouts *t)
{
	return t->per_try > 0 ? t->per_try : FL_NEVER;
}

static fl_ns
backoffs(const struct http_ask_retry *r, unsigned attempts)
{
	fl_ns all = 0, step = r->o.base;

	for (unsigned i = 1; i < attempts; i++) {
		all += FL_MIN(r->o.decorrelated ? r->o.max : step, r->o.max);
		step = FL_MIN(step * 2, r->o.max);
	}
	return all;
}

static void
count_attempts(const struct http_ask_policies *p, struct http_cost *c)
{
	unsigned retries = p->retry.on ? p->retry.o.attempts_max : 1;
	unsigned hedges = p->hedge.on && p->hedge.o.enforce > 0 ? p->hedge.max : 0;
	bool bounded = p->budget.on && p->budget.o.enforce >= 1;

	c->attempts = FL_MIN(retries * (1 + hedges), (unsigned)HTTP_ATTEMPTS_MAX);
	c->healthy = c->outage = 1;
	if (c->attempts == 1)
		return;
	c->healthy = bounded ? FL_MIN(1 + p->budget.o.ratio, (double)c->attempts) : (double)c->attempts;
	/* Only successes fill the budget, and there are none. */
	c->outage = bounded ? 1 : (double)c->attempts;
	c->reserve_per_second = bounded ? p->budget.o.reserve : 0;
}

/* The bulkhead's own patience, or the limit on it. */
static fl_ns
queueing(const struct http_ask_policies *p)
{
	if (!p->bulkhead.on || p->bulkhead.o.queue == 0)
		return 0;
	return p->timeouts.queue > 0 ? FL_MIN(p->timeouts.queue, p->bulkhead.o.interval) : p->bulkhead.o.interval;
}

static void
one_line(const struct http_ask_policies *p, struct http_cost *c)
{
	unsigned rounds = p->retry.on ? p->retry.o.attempts_max : 1;

	count_attempts(p, c);
	c->attempt = attempt_time(&p->timeouts);
	c->waits = backoffs(&p->retry, rounds);
	c->phases = c->attempt == FL_NEVER ? FL_NEVER : c->attempt * rounds;
	c->phases = sum(sum(c->phases, c->waits), queueing(p));
	c->time = p->timeouts.total > 0 ? FL_MIN(p->timeouts.total, c->phases) : c->phases;
}

/* The dearest route of a line, for those in front of it. */
static unsigned
dearest(const struct http_doc *h)
{
	unsigned best = 0;
	struct http_cost c = { .attempt = 0 };
	unsigned most = 0;

	for (unsigned i = 0; i < h->route_count; i++) {
		count_attempts(&h->routes[i].policies, &c);
		if (c.attempts > most) {
			most = c.attempts;
			best = i;
		}
	}
	return best;
}

void
http_cost_of(const struct http_cost_set *set, unsigned line, unsigned route, struct http_cost *ret)
{
	struct http_cost c = { .attempt = 0 };
	const struct http_doc *h = set->lines[line].doc;
	int next;

	fl_assert(line < set->count && route < h->route_count);
	one_line(&h->routes[route].policies, &c);
	c.attempts_nested = c.attempts;
	c.outage_nested = c.outage;
	next = http_cost_behind(set, &h->upstreams[h->routes[route].upstreams]);
	while (next >= 0 && c.depth < HTTP_COST_DEPTH_MAX) {
		struct http_cost behind = { .attempt = 0 };

		h = set->lines[next].doc;
		route = dearest(h);
		one_line(&h->routes[route].policies, &behind);
		c.depth++;
		c.attempts_nested *= behind.attempts;
		c.outage_nested *= behind.outage;
		next = http_cost_behind(set, &h->upstreams[h->routes[route].upstreams]);
	}
	*ret = c;
}
