/* SPDX-License-Identifier: MIT */
/* http_live.c - the live objects behind an HTTP line's configuration. */
#include "control/http_live.h"
#include "base/assert.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- clusters ---- */

static void
add_cluster(struct http_live_clusters *all, struct cluster *c)
{
	for (unsigned i = 0; i < all->count; i++) {
		if (all->items[i] == c)
			return;
	}
	if (c != NULL)
		all->items[all->count++] = c;
}

int
http_live_clusters(const struct http_conf *c, struct http_live_clusters *ret)
{
	struct http_live_clusters all = { .items = calloc(2 * c->route_count + 1, sizeof(struct cluster *)) };

	if (all.items == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < c->route_count; i++)
		add_cluster(&all, c->routes[i].cluster);
	for (unsigned i = 0; i < c->route_count; i++)
		add_cluster(&all, c->routes[i].policies->fallback_cluster);
	*ret = all;
	return 0;
}

void
http_live_clusters_fini(struct http_live_clusters *all)
{
	free(all->items);
	*all = (struct http_live_clusters){ .count = 0 };
}

const char *
http_live_instance_state(const struct cluster_report *r)
{
	if (r->draining)
		return "draining";
	if (r->health < 0)
		return "down";
	if (r->ejected)
		return "ejected";
	if (r->has_breaker && (r->breaker.state == FL_BREAKER_OPEN || r->breaker.state == FL_BREAKER_FORCED_OPEN))
		return "open";
	return r->has_breaker && r->breaker.state == FL_BREAKER_HALF_OPEN ? "probing" : "up";
}

/* ---- policies ---- */

const char *
http_live_word(enum http_live_kind k)
{
	static const char *const words[] = { "rate_limit", "shed", "adaptive", "bulkhead", "breaker", "budget", "hedge", "fallback" };

	return words[k];
}

static void *
object_of(const struct http_policies *p, enum http_live_kind k)
{
	void *const objects[] = { p->plan.limiter, p->plan.shedder, p->plan.adaptive, p->plan.bulkhead, p->plan.breaker, p->plan.budget,
		p->plan.hedge, p->plan.fallback };

	return objects[k];
}

static bool
seen_before(const struct http_conf *c, unsigned route, enum http_live_kind k)
{
	void *o = object_of(c->routes[route].policies, k);

	for (unsigned i = 0; i < route; i++) {
		if (object_of(c->routes[i].policies, k) == o)
			return true;
	}
	return false;
}

/* Who shares an object with others has it from the line, whose name is that of a policy without its route. */
static void
name_of(const struct http_conf *c, unsigned route, struct http_live_policy *p)
{
	const char *name = c->routes[route].policies->name, *slash = strrchr(name, '/');
	bool own = p->route_count == 1 && slash != NULL && strcmp(slash + 1, c->routes[route].name) == 0;

	snprintf(p->name, sizeof(p->name), "%.*s", own || slash == NULL || strcmp(slash + 1, c->routes[route].name) != 0 ? (int)strlen(name) :
	    (int)(slash - name), name);
	p->route = own ? c->routes[route].name : "";
}

void
http_live_policies(const struct http_conf *c, void (*each)(void *ud, const struct http_live_policy *p), void *ud)
{
	struct http_live_policy p;

	for (unsigned k = 0; k < HTTP_LIVE_COUNT; k++) {
		for (unsigned i = 0; i < c->route_count; i++) {
			void *o = object_of(c->routes[i].policies, (enum http_live_kind)k);

			if (o == NULL || seen_before(c, i, (enum http_live_kind)k))
				continue;
			p.kind = (enum http_live_kind)k;
			p.object = o;
			p.route_count = 0;
			for (unsigned r = i; r < c->route_count && p.route_count < HTTP_LIVE_ROUTES_MAX; r++) {
				if (object_of(c->routes[r].policies, (enum http_live_kind)k) == o)
					p.routes[p.route_count++] = c->routes[r].name;
			}
			name_of(c, i, &p);
			each(ud, &p);
		}
	}
}

const char *
http_live_who(enum fl_who w)
{
	static const char *const words[FL_WHO_COUNT] = { [FL_WHO_NONE] = "none", [FL_WHO_DEADLINE] = "deadline", [FL_WHO_RATE_LIMIT] = "rate_limit",
		[FL_WHO_SHEDDER] = "shed", [FL_WHO_ADAPTIVE] = "adaptive", [FL_WHO_BULKHEAD] = "bulkhead", [FL_WHO_BREAKER] = "breaker",
		[FL_WHO_BUDGET] = "budget", [FL_WHO_OUTLIER] = "outlier", [FL_WHO_NO_INSTANCE] = "no_instance", [FL_WHO_POOL] = "pool",
		[FL_WHO_FALLBACK] = "fallback" };

	return (unsigned)w < FL_WHO_COUNT && words[w] != NULL ? words[w] : "none";
}

const char *
http_live_limit(enum fl_limit l)
{
	static const char *const words[FL_LIMIT_COUNT] = { [FL_LIMIT_NONE] = "none", [FL_LIMIT_TOTAL] = "total", [FL_LIMIT_CALLER] = "caller",
		[FL_LIMIT_QUEUE] = "queue", [FL_LIMIT_CONNECT] = "connect", [FL_LIMIT_FIRST_BYTE] = "first_byte", [FL_LIMIT_PER_TRY] = "per_try",
		[FL_LIMIT_IDLE] = "idle" };

	return (unsigned)l < FL_LIMIT_COUNT && words[l] != NULL ? words[l] : "none";
}

/* ---- numbers ---- */

static void
number(struct http_live_numbers *n, const char *name, double value, bool counter)
{
	fl_assert(n->count < HTTP_LIVE_VALUES_MAX);
	n->values[n->count].name = name;
	n->values[n->count].value = value;
	n->values[n->count++].counter = counter;
}

static const char *const rate_states[] = { "ok", NULL };
static const char *const shed_states[] = { "ok", "shedding", NULL };
static const char *const adaptive_states[] = { "ok", "full", NULL };
static const char *const bulkhead_states[] = { "ok", "full", "queueing", NULL };
static const char *const breaker_states[] = { "closed", "open", "half-open", "forced-open", "disabled", NULL };
static const char *const budget_states[] = { "ok", "spent", NULL };
static const char *const hedge_states[] = { "learning", "ok", NULL };
static const char *const fallback_states[] = { "idle", "in use", NULL };

const char *const *
http_live_states(enum http_live_kind k)
{
	static const char *const *const all[] = { rate_states, shed_states, adaptive_states, bulkhead_states, breaker_states, budget_states,
		hedge_states, fallback_states };

	return all[k];
}

static void
of_rate(const struct fl_limiter *l, struct http_live_numbers *n)
{
	struct fl_limiter_counters c;

	fl_limiter_counters(l, &c);
	n->state = rate_states[0];
	n->refused = c.refused;
	n->would_refuse = c.would_refuse;
	number(n, "rate", c.rate, false);
	number(n, "burst", c.burst, false);
}

static void
of_shed(struct fl_shedder *s, fl_ns now, struct http_live_numbers *n)
{
	struct fl_shedder_counters c;

	fl_shedder_counters(s, now, &c);
	n->state = shed_states[c.level < FL_SHEDDER_LEVELS];
	n->refused = c.refused;
	n->would_refuse = c.would_refuse;
	number(n, "level", c.level, false);
	number(n, "sojourn_ms", (double)c.sojourn / (double)FL_MS, false);
	number(n, "admitted", (double)c.admitted, true);
}

static void
of_adaptive(struct fl_adaptive *a, struct http_live_numbers *n)
{
	struct fl_adaptive_counters c;

	fl_adaptive_counters(a, &c);
	n->state = adaptive_states[c.inflight >= c.limit];
	n->refused = c.refused;
	n->would_refuse = c.would_refuse;
	number(n, "inflight", c.inflight, false);
	number(n, "limit", c.limit, false);
	number(n, "baseline_ms", (double)c.baseline / (double)FL_MS, false);
	number(n, "overloads", (double)c.overloads, true);
}

static void
of_bulkhead(const struct fl_bulkhead *b, struct http_live_numbers *n)
{
	struct fl_bulkhead_counters c;

	fl_bulkhead_counters(b, &c);
	n->state = bulkhead_states[c.waiting > 0 ? 2 : c.inflight >= c.max];
	n->refused = c.refused_full + c.refused_delay + c.refused_deadline;
	n->would_refuse = c.would_refuse;
	number(n, "inflight", c.inflight, false);
	number(n, "max", c.max, false);
	number(n, "waiting", c.waiting, false);
	number(n, "queue", c.queue, false);
	number(n, "abandoned", c.abandoned, false);
	number(n, "queued", (double)c.queued, true);
	number(n, "refused_delay", (double)c.refused_delay, true);
	number(n, "refused_deadline", (double)c.refused_deadline, true);
}

static void
of_breaker(struct fl_breaker *b, fl_ns now, struct http_live_numbers *n)
{
	struct fl_breaker_counters c;
	struct fl_breaker_view v;

	fl_breaker_counters(b, &c);
	fl_breaker_view(b, now, &v);
	n->state = breaker_states[v.state];
	n->refused = c.refused;
	n->would_refuse = c.would_refuse;
	number(n, "calls", v.calls, false);
	number(n, "failure_rate", v.failure_rate, false);
	number(n, "slow_rate", v.slow_rate, false);
	number(n, "admitted", (double)c.admitted, true);
	number(n, "opened", (double)c.opened, true);
	number(n, "stale", (double)c.stale, true);
}

static void
of_budget(const struct fl_budget *b, struct http_live_numbers *n)
{
	struct fl_budget_counters c;

	fl_budget_counters(b, &c);
	n->state = budget_states[c.tokens < 1];
	n->refused = c.refused;
	n->would_refuse = c.would_refuse;
	number(n, "tokens", c.tokens, false);
	number(n, "max", c.max, false);
	number(n, "withdrawn", (double)c.withdrawn, true);
}

static void
of_hedge(const struct fl_hedge *h, struct http_live_numbers *n)
{
	struct fl_hedge_counters c;

	fl_hedge_counters(h, &c);
	n->state = hedge_states[c.delay != FL_NEVER];
	n->would_refuse = c.would_start;
	number(n, "delay_ms", c.delay != FL_NEVER ? (double)c.delay / (double)FL_MS : (double)NAN, false);
	number(n, "started", (double)c.started, true);
	number(n, "won", (double)c.won, true);
	number(n, "samples", (double)c.samples, true);
}

static void
of_fallback(const struct fl_fallback *f, struct http_live_numbers *n)
{
	struct fl_fallback_counters c;

	fl_fallback_counters(f, &c);
	n->state = fallback_states[c.inflight > 0];
	n->refused = c.refused;
	n->would_refuse = c.would_take;
	number(n, "inflight", c.inflight, false);
	number(n, "taken", (double)c.taken, true);
	number(n, "rehearsed", (double)c.rehearsed, true);
	number(n, "good", (double)c.good, true);
	number(n, "bad", (double)c.bad, true);
}

void
http_live_numbers(const struct http_live_policy *p, fl_ns now, struct http_live_numbers *ret)
{
	*ret = (struct http_live_numbers){ .state = "" };
	switch (p->kind) {
	case HTTP_LIVE_RATE:
		of_rate(p->object, ret);
		break;
	case HTTP_LIVE_SHED:
		of_shed(p->object, now, ret);
		break;
	case HTTP_LIVE_ADAPTIVE:
		of_adaptive(p->object, ret);
		break;
	case HTTP_LIVE_BULKHEAD:
		of_bulkhead(p->object, ret);
		break;
	case HTTP_LIVE_BREAKER:
		of_breaker(p->object, now, ret);
		break;
	case HTTP_LIVE_BUDGET:
		of_budget(p->object, ret);
		break;
	case HTTP_LIVE_HEDGE:
		of_hedge(p->object, ret);
		break;
	case HTTP_LIVE_FALLBACK:
		of_fallback(p->object, ret);
		break;
	case HTTP_LIVE_COUNT:
		break;
	}
}

char *
http_live_say(const struct http_live_policy *p, fl_ns now, char *buf, size_t bytes)
{
	switch (p->kind) {
	case HTTP_LIVE_RATE:
		return fl_limiter_explain(p->object, now, buf, bytes);
	case HTTP_LIVE_SHED:
		return fl_shedder_explain(p->object, now, buf, bytes);
	case HTTP_LIVE_ADAPTIVE:
		return fl_adaptive_explain(p->object, buf, bytes);
	case HTTP_LIVE_BULKHEAD:
		return fl_bulkhead_explain(p->object, buf, bytes);
	case HTTP_LIVE_BREAKER:
		return fl_breaker_explain(p->object, now, buf, bytes);
	case HTTP_LIVE_BUDGET:
		return fl_budget_explain(p->object, buf, bytes);
	case HTTP_LIVE_HEDGE:
		return fl_hedge_explain(p->object, buf, bytes);
	case HTTP_LIVE_FALLBACK:
		return fl_fallback_explain(p->object, buf, bytes);
	case HTTP_LIVE_COUNT:
		break;
	}
	snprintf(buf, bytes, "%s", "");
	return buf;
}
