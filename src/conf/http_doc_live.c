/* SPDX-License-Identifier: MIT */
/* http_doc_live.c - the kinds of live policies. */
#include "conf/http_doc_live.h"
#include "base/hash.h"
#include "base/rng.h"
#include "conf/http_doc_fallback.h"
#include "conf/http_doc_policies.h"
#include "conf/http_doc_retry.h"

/* ---- made ---- */

static int
make_rate(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_limiter_opts o = a->p->rate.o;
	struct fl_limiter *l = NULL;
	int rc;

	o.name = name;
	o.seed = rng_key(a->seed, hash_name("rate_limit"));
	o.listener = a->env->listener;
	rc = fl_limiter_new(&o, &l, NULL);
	*ret_object = l;
	return rc;
}

static int
make_shed(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_shedder_opts o = a->p->shed.o;
	struct fl_shedder *s = NULL;
	int rc;

	o.name = name;
	o.cells = a->env->workers;
	o.seed = rng_key(a->seed, hash_name("shed"));
	o.listener = a->env->listener;
	rc = fl_shedder_new(&o, &s, NULL);
	*ret_object = s;
	return rc;
}

static int
make_adaptive(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_adaptive_opts o = a->p->adaptive.o;
	struct fl_adaptive *k = NULL;
	int rc;

	o.name = name;
	o.seed = rng_key(a->seed, hash_name("adaptive"));
	o.listener = a->env->listener;
	rc = fl_adaptive_new(&o, &k, NULL);
	*ret_object = k;
	return rc;
}

static int
make_bulkhead(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_bulkhead_opts o = a->p->bulkhead.o;
	struct fl_bulkhead *k = NULL;
	int rc;

	o.name = name;
	o.seed = rng_key(a->seed, hash_name("bulkhead"));
	o.listener = a->env->listener;
	rc = fl_bulkhead_new(&o, &k, NULL);
	*ret_object = k;
	return rc;
}

static int
make_breaker(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_breaker_opts o = a->p->breaker.o;
	struct fl_breaker *k = NULL;
	int rc;

	o.name = name;
	o.cells = a->env->workers;
	o.seed = rng_key(a->seed, hash_name("breaker"));
	o.listener = a->env->listener;
	rc = fl_breaker_new(&o, &k, NULL);
	if (rc == 0 && a->p->breaker.mode != HTTP_ASK_BREAKER_AUTO)
		fl_breaker_force(k, a->p->breaker.mode == HTTP_ASK_BREAKER_DISABLED ? FL_BREAKER_DISABLED : FL_BREAKER_FORCED_OPEN, a->env->now);
	*ret_object = k;
	return rc;
}

static int
make_budget(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_budget_opts o = a->p->budget.o;
	struct fl_budget *k = NULL;
	int rc;

	o.name = name;
	o.cells = a->env->workers;
	o.seed = rng_key(a->seed, hash_name("budget"));
	o.listener = a->env->listener;
	rc = fl_budget_new(&o, &k, NULL);
	*ret_object = k;
	return rc;
}

static int
make_hedge(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_hedge_opts o = a->p->hedge.o;
	struct fl_hedge *k = NULL;
	int rc;

	o.name = name;
	o.cells = a->env->workers;
	o.seed = rng_key(a->seed, hash_name("hedge"));
	rc = fl_hedge_new(&o, &k, NULL);
	*ret_object = k;
	return rc;
}

static int
make_fallback(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_fallback_opts o = a->p->fallback.o;
	struct fl_fallback *k = NULL;
	int rc;

	o.name = name;
	o.seed = rng_key(a->seed, hash_name("fallback"));
	o.listener = a->env->listener;
	rc = fl_fallback_new(&o, &k, NULL);
	*ret_object = k;
	return rc;
}

static int
make_stale(const struct http_doc_live_ask *a, const char *name, void **ret_object)
{
	struct fl_stale *s = NULL;
	int rc = fl_stale_new(&a->p->fallback.stale, &s, NULL);

	(void)name;
	*ret_object = s;
	return rc;
}

/* ---- freed: the right type for a pointer to a function, once for each ---- */

#define DROP(word, type, drop) static void drop_##word(void *p) { drop((type *)p); } struct http_doc_live_none
DROP(rate, struct fl_limiter, fl_limiter_free);
DROP(shed, struct fl_shedder, fl_shedder_free);
DROP(adaptive, struct fl_adaptive, fl_adaptive_free);
DROP(bulkhead, struct fl_bulkhead, fl_bulkhead_free);
DROP(breaker, struct fl_breaker, fl_breaker_free);
DROP(budget, struct fl_budget, fl_budget_free);
DROP(hedge, struct fl_hedge, fl_hedge_free);
DROP(fallback, struct fl_fallback, fl_fallback_free);
DROP(stale, struct fl_stale, fl_stale_free);

/* ---- told apart ---- */

static uint64_t
digest_rate(const struct http_ask_policies *p)
{
	static const char *const tuned[] = { "rate", "burst", NULL };

	return http_field_digest(http_doc_policies_rate, &p->rate, tuned);
}

static uint64_t
digest_shed(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_policies_shed, &p->shed, NULL);
}

static uint64_t
digest_adaptive(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_policies_adaptive, &p->adaptive, NULL);
}

static uint64_t
digest_bulkhead(const struct http_ask_policies *p)
{
	static const char *const tuned[] = { "max", "queue", NULL };

	return http_field_digest(http_doc_policies_bulkhead, &p->bulkhead, tuned);
}

static uint64_t
digest_breaker(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_policies_breaker, &p->breaker, NULL);
}

static uint64_t
digest_budget(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_retry_budget, &p->budget, NULL);
}

static uint64_t
digest_hedge(const struct http_ask_policies *p)
{
	uint64_t what[] = { http_field_digest(http_doc_retry_hedge, &p->hedge, NULL), (uint64_t)p->hedge.o.fixed,
		(uint64_t)(p->hedge.o.quantile * 1e6) };

	return hash_bytes(0, 0, what, sizeof(what));
}

static uint64_t
digest_fallback(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_fallback_fields, &p->fallback, NULL) ^ p->fallback.o.on;
}

static uint64_t
digest_stale(const struct http_ask_policies *p)
{
	return http_field_digest(http_doc_fallback_stale, &p->fallback, NULL);
}

#define KIND(id, word, what) [HTTP_DOC_LIVE_##id] = { word, make_##what, drop_##what, digest_##what }
const struct http_doc_live http_doc_live_kinds[HTTP_DOC_LIVE_COUNT] = {
	KIND(RATE, "rate_limit", rate), KIND(SHED, "shed", shed), KIND(ADAPTIVE, "adaptive", adaptive), KIND(BULKHEAD, "bulkhead", bulkhead),
	KIND(BREAKER, "breaker", breaker), KIND(BUDGET, "budget", budget), KIND(HEDGE, "hedge", hedge), KIND(FALLBACK, "fallback", fallback),
	KIND(STALE, "stale", stale),
};
