/* SPDX-License-Identifier: MIT */
/* call_rig.h - a call, its plan and the policies in it, and steps of a call that a test expects. */
#ifndef TEST_CALL_RIG_H
#define TEST_CALL_RIG_H

#include "policy_rig.h"

#include <faultline/call.h>

/* A dependency and all that may protect it. */
struct rig {
	struct fl_limiter *limiter;
	struct fl_adaptive *adaptive;
	struct fl_bulkhead *bulkhead;
	struct fl_breaker *breaker;
	struct fl_budget *budget;
	struct fl_hedge *hedge;
	struct fl_fallback *fallback;
	struct fl_plan plan;
	struct fl_call_info info;
	struct fl_call c;
	struct fl_todo todo;
};

static inline void
rig_begin(struct rig *r)
{
	*r = (struct rig){ .info = { .key = 1, .idempotent = true } };
	fl_plan_init(&r->plan);
	r->plan.name = "p";
}

static inline void
rig_end(struct rig *r)
{
	fl_limiter_free(r->limiter);
	fl_adaptive_free(r->adaptive);
	fl_bulkhead_free(r->bulkhead);
	fl_breaker_free(r->breaker);
	fl_budget_free(r->budget);
	fl_hedge_free(r->hedge);
	fl_fallback_free(r->fallback);
}

static inline void
with_limiter(struct rig *r, double rate, double burst)
{
	struct fl_limiter_opts o;
	fl_limiter_opts_init(&o);
	o.rate = rate;
	o.burst = burst;
	assert_int_equal(fl_limiter_new(&o, &r->limiter, NULL), 0);
	r->plan.limiter = r->limiter;
}

static inline void
with_adaptive(struct rig *r, unsigned initial)
{
	struct fl_adaptive_opts o;
	fl_adaptive_opts_init(&o);
	o.initial = initial;
	o.min = 1;
	assert_int_equal(fl_adaptive_new(&o, &r->adaptive, NULL), 0);
	r->plan.adaptive = r->adaptive;
}

static inline void
with_bulkhead(struct rig *r, unsigned max, unsigned queue)
{
	struct fl_bulkhead_opts o;
	fl_bulkhead_opts_init(&o);
	o.max = max;
	o.queue = queue;
	o.interval = o.target = 100 * S;
	assert_int_equal(fl_bulkhead_new(&o, &r->bulkhead, NULL), 0);
	r->plan.bulkhead = r->bulkhead;
}

static inline void
with_breaker(struct rig *r, unsigned volume, fl_ns open)
{
	struct fl_breaker_opts o;
	fl_breaker_opts_init(&o);
	o.confidence = o.jitter = 0;
	o.volume_min = volume;
	o.window = S;
	o.open = o.open_max = open;
	assert_int_equal(fl_breaker_new(&o, &r->breaker, NULL), 0);
	r->plan.breaker = r->breaker;
}

static inline void
with_retries(struct rig *r, unsigned attempts, double tokens)
{
	struct fl_budget_opts o;
	fl_budget_opts_init(&o);
	o.max = tokens;
	o.reserve = 0;
	assert_int_equal(fl_budget_new(&o, &r->budget, NULL), 0);
	r->plan.budget = r->budget;
	r->plan.retry.attempts_max = attempts;
}

static inline void
with_hedge(struct rig *r, fl_ns after)
{
	struct fl_hedge_opts o;
	fl_hedge_opts_init(&o);
	o.fixed = after;
	assert_int_equal(fl_hedge_new(&o, &r->hedge, NULL), 0);
	r->plan.hedge = r->hedge;
	r->plan.hedges_max = 1;
}

static inline void
with_fallback(struct rig *r, unsigned on, double rehearse)
{
	struct fl_fallback_opts o;
	fl_fallback_opts_init(&o);
	o.on = on;
	o.rehearse = rehearse;
	assert_int_equal(fl_fallback_new(&o, &r->fallback, NULL), 0);
	r->plan.fallback = r->fallback;
}

static inline struct fl_bulkhead_counters
in_bulkhead(const struct rig *r)
{
	struct fl_bulkhead_counters c;
	fl_bulkhead_counters(r->bulkhead, &c);
	return c;
}

static inline double
tokens(const struct rig *r)
{
	struct fl_budget_counters c;
	fl_budget_counters(r->budget, &c);
	return c.tokens;
}

static inline struct fl_breaker_counters
at_breaker(const struct rig *r)
{
	struct fl_breaker_counters c;
	fl_breaker_counters(r->breaker, &c);
	return c;
}

static inline void
start(struct rig *r, fl_ns now)
{
	memset(&r->c, 0x5a, sizeof(r->c));              /* whatever was there before */
	fl_call_start(&r->c, &r->plan, &r->info, NULL, now);
}

static inline enum fl_do
next(struct rig *r, fl_ns now)
{
	memset(&r->todo, 0x5a, sizeof(r->todo));
	enum fl_do d = fl_call_next(&r->c, now, &r->todo);
	assert_int_equal(d, r->todo.what);
	return d;
}

static inline void
attempt(struct rig *r, unsigned n, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_ATTEMPT);
	assert_int_equal(r->todo.attempt, n);
}

static inline void
done(struct rig *r, unsigned n, enum fl_outcome o, fl_ns now)
{
	struct fl_attempt_result a = { .outcome = o, .sent = FL_ANSWERED, .retryable = true };
	fl_call_done(&r->c, n, &a, now);
}

static inline void
finishes(struct rig *r, enum fl_end end, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_FINISH);
	assert_int_equal(r->todo.end, end);
}

static inline void
waits(struct rig *r, fl_ns until, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_WAIT);
	assert_int_equal(r->todo.until, until);
}

/* And there is nothing more. */
static inline void
releases(struct rig *r, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_RELEASE);
	assert_int_equal(next(r, now), FL_DO_RELEASE);
	if (r->bulkhead != NULL) {
		struct fl_bulkhead_counters c = in_bulkhead(r);
		assert_true(c.inflight == 0 && c.abandoned == 0 && c.waiting == 0);
	}
	if (r->adaptive != NULL) {
		struct fl_adaptive_counters a;
		fl_adaptive_counters(r->adaptive, &a);
		assert_int_equal(a.inflight, 0);
	}
}

static inline void
explained(const struct rig *r, const char *text)
{
	char say[512];
	assert_string_equal(fl_call_explain(&r->c, say, sizeof(say)), text);
}

#endif
