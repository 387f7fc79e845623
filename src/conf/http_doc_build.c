/* SPDX-License-Identifier: MIT */
/*
 * http_doc_build.c - from what an HTTP line asks for to what the data path needs.
 *
 * Every live object has a place ("checkout/bulkhead") and a digest of what is asked of it. One of the same digest is taken over;
 * limits of a limiter or bulkhead are no part of its digest, they are changed in place.
 *
 * Invariants
 *  (1) Nothing that is in use is changed before all that is new was made.
 *  (2) What a struct http_policies points to, its `keep` holds references to.
 */
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "io/addr.h"
#include "conf/http_ask.h"
#include "conf/http_doc.h"
#include "conf/http_doc_cluster.h"
#include "conf/http_doc_live.h"
#include "conf/http_keep.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETUNES_MAX (2 * (HTTP_ASK_ROUTES_MAX + 1))

/* The references of a struct http_policies (2). */
struct kept {
	unsigned count;
	struct http_kept *items[HTTP_DOC_LIVE_COUNT];
};

/* A change of something in use, put off until the end (1). */
struct retune {
	struct fl_limiter *limiter;
	struct fl_bulkhead *bulkhead;
	const struct http_ask_policies *p;
};

struct build {
	const struct http_doc *h;
	const struct http_doc_env *env;
	struct http_keep *keep;
	struct http_conf *conf;
	struct retune *retunes;
	unsigned retune_count;
	/* The policies at hand. */
	const struct http_ask_route *route;
	const struct http_ask_policies *p;
	struct http_policies *live;
	struct kept *kept;
	uint64_t seed;
};

static void
release(struct http_policies *p)
{
	struct kept *k = p->keep;

	for (unsigned i = 0; k != NULL && i < k->count; i++)
		http_kept_unref(k->items[i]);
	free(k);
	p->keep = NULL;
}

/* ---- one live object ---- */

/* Take over what stands at its place, or make a new one. NULL in *ret_object: none was asked for. ret_found: it was there before. */
static int
obtain(struct build *b, enum http_doc_live_kind kind, bool own, void **ret_object, bool *ret_found)
{
	const struct http_doc_live *k = &http_doc_live_kinds[kind];
	const struct http_doc_live_ask ask = { b->env, b->p, b->seed };
	char place[HTTP_NAME_MAX + 32], name[HTTP_NAME_MAX * 2];
	uint64_t digest = k->digest(b->p);
	struct http_kept *o;
	bool same = false;
	void *object;
	int rc;

	/* With the route that has its own, or with the line. */
	snprintf(place, sizeof(place), "%s%s%s", own ? b->route->name : "", own ? "/" : "", k->word);
	snprintf(name, sizeof(name), "%s%s%s", b->h->name, own ? "/" : "", own ? b->route->name : "");
	o = http_keep_find(b->keep, place, digest, &same);
	*ret_found = o != NULL && same;
	if (*ret_found) {
		http_kept_ref(o);
	} else {
		rc = k->make(&ask, name, &object);
		if (rc != 0)
			return rc;
		rc = http_kept_new(object, k->drop, &o);
		if (rc != 0) {
			k->drop(object);
			return rc;
		}
	}
	fl_assert(b->kept->count < HTTP_DOC_LIVE_COUNT);
	b->kept->items[b->kept->count++] = o;           /* the reference goes there */
	*ret_object = http_kept_object(o);
	return http_keep_use(b->keep, place, digest, o);
}

/* ---- policies ---- */

static void
put_off(struct build *b, struct fl_limiter *limiter, struct fl_bulkhead *bulkhead)
{
	fl_assert(b->retune_count < RETUNES_MAX);
	b->retunes[b->retune_count++] = (struct retune){ limiter, bulkhead, b->p };
}

static int
add_limits(struct build *b)
{
	const struct http_ask_policies *p = b->p;
	struct fl_plan *plan = &b->live->plan;
	void *o = NULL;
	bool found = false;
	int rc = 0;

	if (p->rate.on && (rc = obtain(b, HTTP_DOC_LIVE_RATE, p->rate.own, &o, &found)) == 0) {
		plan->limiter = o;
		if (found)
			put_off(b, o, NULL);
	}
	if (rc == 0 && p->shed.on && (rc = obtain(b, HTTP_DOC_LIVE_SHED, p->shed.own, &o, &found)) == 0)
		plan->shedder = o;
	if (rc == 0 && p->adaptive.on && (rc = obtain(b, HTTP_DOC_LIVE_ADAPTIVE, p->adaptive.own, &o, &found)) == 0)
		plan->adaptive = o;
	if (rc == 0 && p->bulkhead.on && (rc = obtain(b, HTTP_DOC_LIVE_BULKHEAD, p->bulkhead.own, &o, &found)) == 0) {
		plan->bulkhead = o;
		if (found)
			put_off(b, NULL, o);
	}
	/* One for each route, also where the line asks for it. */
	if (rc == 0 && p->breaker.on && p->breaker.per == HTTP_ASK_PER_ROUTE &&
	    (rc = obtain(b, HTTP_DOC_LIVE_BREAKER, true, &o, &found)) == 0)
		plan->breaker = o;
	return rc;
}

static int
add_attempts(struct build *b)
{
	const struct http_ask_policies *p = b->p;
	struct http_policies *live = b->live;
	struct fl_plan *plan = &live->plan;
	void *o = NULL;
	bool found;
	int rc = 0;

	plan->retry = p->retry.o;
	plan->retry.decorrelated = p->retry.jitter == 1;
	plan->retry.seed = rng_key(b->seed, hash_name("retry"));
	if (!p->retry.on)
		plan->retry.attempts_max = 1;
	live->retry_on = p->retry.conditions;
	live->retry_status_count = p->retry.status_count;
	memcpy(live->retry_status, p->retry.status, sizeof(live->retry_status));
	live->replay_bytes_max = (uint32_t)p->retry.replay_bytes;
	if (p->hedge.on && (rc = obtain(b, HTTP_DOC_LIVE_HEDGE, p->hedge.own, &o, &found)) == 0) {
		plan->hedge = o;
		plan->hedges_max = p->hedge.max;
	}
	if (rc == 0 && p->budget.on && (plan->retry.attempts_max > 1 || p->hedge.on) &&
	    (rc = obtain(b, HTTP_DOC_LIVE_BUDGET, p->budget.own, &o, &found)) == 0)
		plan->budget = o;
	return rc;
}

static int
add_canned(struct build *b)
{
	const struct http_ask_fallback *f = &b->p->fallback;
	const char *names[FL_ARRAY_LEN(f->headers)], *values[FL_ARRAY_LEN(f->headers)];

	for (uint32_t i = 0; i < f->header_count; i++) {
		names[i] = f->headers[i].name;
		values[i] = f->headers[i].value;
	}
	b->live->canned = http_canned_new(f->status, names, values, f->header_count, f->body, f->body_bytes);
	return b->live->canned != NULL ? 0 : -ENOMEM;
}

static int
add_fallback(struct build *b)
{
	const struct http_ask_fallback *f = &b->p->fallback;
	void *o = NULL;
	bool found;
	int rc;

	if (!f->on)
		return 0;
	rc = obtain(b, HTTP_DOC_LIVE_FALLBACK, f->own, &o, &found);
	if (rc == 0)
		b->live->plan.fallback = o;
	if (rc == 0 && f->is_stale && (rc = obtain(b, HTTP_DOC_LIVE_STALE, f->own, &o, &found)) == 0)
		b->live->stale = o;
	if (rc == 0 && f->is_static)
		rc = add_canned(b);
	if (rc == 0 && f->upstreams > 0)
		rc = http_doc_cluster(b->env, &b->h->upstreams[f->upstreams], &b->live->fallback_cluster);
	return rc;
}

/* Can an attempt go elsewhere than the one before? A name may stand for several. */
static bool
has_others(const struct http_ask_upstreams *u)
{
	struct io_addr addr;

	return u->count > 1 || addr_parse(u->instances[0].address, &addr) != 0;
}

static int
build_policies(struct build *b, const struct http_ask_route *route, struct http_policies **ret_live)
{
	const struct http_ask_policies *p = &route->policies;
	int rc;

	b->route = route;
	b->p = p;
	b->live = http_policies_new(p->name);
	b->kept = calloc(1, sizeof(*b->kept));
	if (b->live == NULL || b->kept == NULL) {
		http_policies_unref(b->live);
		free(b->kept);
		return -ENOMEM;
	}
	b->live->keep = b->kept;
	b->live->release = release;
	b->seed = rng_key(b->env->seed, hash_name(p->name));
	b->live->plan.timeouts = p->timeouts;
	b->live->plan.seed = rng_key(b->seed, hash_name("plan"));
	b->live->plan.other_instances = has_others(&b->h->upstreams[route->upstreams]);
	b->live->pass_deadline = p->pass_deadline;
	b->live->priority = p->priority;
	b->live->refuse_status = p->refuse_status;
	rc = add_limits(b);
	if (rc == 0)
		rc = add_attempts(b);
	if (rc == 0)
		rc = add_fallback(b);
	if (rc != 0)
		http_policies_unref(b->live);
	else
		*ret_live = b->live;
	return rc;
}

/* ---- routes ---- */

static void
drop_stats(void *p)
{
	http_stats_unref(p);
}

/* The counters of a route stay as long as there is one of its name. */
static int
obtain_stats(struct build *b, const char *route, struct http_stats **ret_stats)
{
	char place[HTTP_NAME_MAX + 32];
	struct http_stats *fresh;
	struct http_kept *o;
	bool same = false;
	int rc;

	snprintf(place, sizeof(place), "%s/stats", route);
	o = http_keep_find(b->keep, place, b->env->workers, &same);
	if (o != NULL && same) {
		http_kept_ref(o);
	} else {
		fresh = http_stats_new(b->env->workers);
		if (fresh == NULL)
			return -ENOMEM;
		rc = http_kept_new(fresh, drop_stats, &o);
		if (rc != 0) {
			http_stats_unref(fresh);
			return rc;
		}
	}
	rc = http_keep_use(b->keep, place, b->env->workers, o);
	if (rc == 0)
		*ret_stats = http_stats_ref(http_kept_object(o));
	http_kept_unref(o);
	return rc;
}

static int
build_route(struct build *b, const struct http_ask_route *ask, struct http_route *r)
{
	int rc;

	memcpy(r->name, ask->name, sizeof(r->name));
	memcpy(r->methods, ask->methods, sizeof(r->methods));
	r->path_kind = ask->path_kind;
	memcpy(r->path, ask->path, sizeof(r->path));
	memcpy(r->host, ask->host, sizeof(r->host));
	memcpy(r->header, ask->header, sizeof(r->header));
	memcpy(r->header_value, ask->header_value, sizeof(r->header_value));
	rc = build_policies(b, ask, &r->policies);
	if (rc == 0)
		rc = http_doc_cluster(b->env, &b->h->upstreams[ask->upstreams], &r->cluster);
	if (rc == 0)
		rc = obtain_stats(b, ask->name, &r->stats);
	return rc;
}

static int
build_all(struct build *b)
{
	const struct http_doc *h = b->h;
	struct http_conf *c = b->conf;
	int rc = 0;

	c->seed = rng_key(b->env->seed, hash_name(h->name));
	c->limits = h->limits;
	c->forwarded = h->forwarded;
	c->trace = h->trace.context;
	c->record = trace_doc_conf(&h->trace);
	if (h->trace.on && c->record == NULL)
		return -ENOMEM;
	c->server_timing = h->server_timing;
	memcpy(c->via, h->via, sizeof(c->via));
	c->record_share = h->record_share;
	c->log_share = h->log_path[0] != '\0' ? h->log_share : 0;
	for (unsigned i = 0; i < h->route_count && rc == 0; i++) {
		/* Counted before it is whole: the destructor takes half-built ones. */
		c->route_count = i + 1;
		rc = build_route(b, &h->routes[i], &c->routes[i]);
	}
	return rc;
}

/* (1): now it is known that all is well. */
static void
apply_retunes(const struct build *b)
{
	for (unsigned i = 0; i < b->retune_count; i++) {
		const struct retune *r = &b->retunes[i];

		if (r->limiter != NULL)
			fl_limiter_retune(r->limiter, r->p->rate.o.rate, r->p->rate.o.burst, b->env->now);
		else
			fl_bulkhead_retune(r->bulkhead, r->p->bulkhead.o.max, r->p->bulkhead.o.queue, b->env->now);
	}
}

int
http_doc_build(const struct http_doc *h, const struct http_doc_env *env, struct http_conf **ret_conf)
{
	struct build b = { .h = h, .env = env, .keep = env->keep };
	int rc = -ENOMEM;

	b.conf = http_conf_new(h->route_count);
	b.retunes = calloc(RETUNES_MAX, sizeof(*b.retunes));
	http_keep_begin(env->keep, h->name);
	if (b.conf != NULL && b.retunes != NULL)
		rc = build_all(&b);
	if (rc == 0)
		apply_retunes(&b);
	http_keep_end(env->keep, rc == 0);
	free(b.retunes);
	if (rc != 0) {
		http_conf_unref(b.conf);
		return rc;
	}
	*ret_conf = b.conf;
	return 0;
}
