/* SPDX-License-Identifier: MIT */
/* test_call.c - one call through all policies: order, what is given back, who may end it, and a crowd of calls on a simulated clock. */
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

static void
rig_begin(struct rig *r)
{
	*r = (struct rig){ .info = { .key = 1, .idempotent = true } };
	fl_plan_init(&r->plan);
	r->plan.name = "p";
}

static void
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

static void
with_limiter(struct rig *r, double rate, double burst)
{
	struct fl_limiter_opts o;
	fl_limiter_opts_init(&o);
	o.rate = rate;
	o.burst = burst;
	assert_int_equal(fl_limiter_new(&o, &r->limiter, NULL), 0);
	r->plan.limiter = r->limiter;
}

static void
with_adaptive(struct rig *r, unsigned initial)
{
	struct fl_adaptive_opts o;
	fl_adaptive_opts_init(&o);
	o.initial = initial;
	o.min = 1;
	assert_int_equal(fl_adaptive_new(&o, &r->adaptive, NULL), 0);
	r->plan.adaptive = r->adaptive;
}

static void
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

static void
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

static void
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

static void
with_hedge(struct rig *r, fl_ns after)
{
	struct fl_hedge_opts o;
	fl_hedge_opts_init(&o);
	o.fixed = after;
	assert_int_equal(fl_hedge_new(&o, &r->hedge, NULL), 0);
	r->plan.hedge = r->hedge;
	r->plan.hedges_max = 1;
}

static void
with_fallback(struct rig *r, unsigned on, double rehearse)
{
	struct fl_fallback_opts o;
	fl_fallback_opts_init(&o);
	o.on = on;
	o.rehearse = rehearse;
	assert_int_equal(fl_fallback_new(&o, &r->fallback, NULL), 0);
	r->plan.fallback = r->fallback;
}

static struct fl_bulkhead_counters
in_bulkhead(const struct rig *r)
{
	struct fl_bulkhead_counters c;
	fl_bulkhead_counters(r->bulkhead, &c);
	return c;
}

static double
tokens(const struct rig *r)
{
	struct fl_budget_counters c;
	fl_budget_counters(r->budget, &c);
	return c.tokens;
}

static struct fl_breaker_counters
at_breaker(const struct rig *r)
{
	struct fl_breaker_counters c;
	fl_breaker_counters(r->breaker, &c);
	return c;
}

static void
start(struct rig *r, fl_ns now)
{
	memset(&r->c, 0x5a, sizeof(r->c));              /* whatever was there before */
	fl_call_start(&r->c, &r->plan, &r->info, NULL, now);
}

static enum fl_do
next(struct rig *r, fl_ns now)
{
	memset(&r->todo, 0x5a, sizeof(r->todo));
	enum fl_do d = fl_call_next(&r->c, now, &r->todo);
	assert_int_equal(d, r->todo.what);
	return d;
}

static void
attempt(struct rig *r, unsigned n, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_ATTEMPT);
	assert_int_equal(r->todo.attempt, n);
}

static void
done(struct rig *r, unsigned n, enum fl_outcome o, fl_ns now)
{
	struct fl_attempt_result a = { .outcome = o, .sent = FL_ANSWERED, .retryable = true };
	fl_call_done(&r->c, n, &a, now);
}

static void
finishes(struct rig *r, enum fl_end end, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_FINISH);
	assert_int_equal(r->todo.end, end);
}

static void
waits(struct rig *r, fl_ns until, fl_ns now)
{
	assert_int_equal(next(r, now), FL_DO_WAIT);
	assert_int_equal(r->todo.until, until);
}

/* And there is nothing more. */
static void
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

static void
explained(const struct rig *r, const char *text)
{
	char say[512];
	assert_string_equal(fl_call_explain(&r->c, say, sizeof(say)), text);
}

/* ---- the plain ways ---- */

static void
test_answered(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_limiter(&r, 10, 10);
	with_adaptive(&r, 5);
	with_bulkhead(&r, 1, 0);
	with_breaker(&r, 2, 5 * S);
	with_retries(&r, 3, 5);
	start(&r, S);
	attempt(&r, 0, S);
	assert_int_equal(r.todo.until, 16 * S);
	assert_false(r.todo.hedge);
	waits(&r, 16 * S, S);
	assert_int_equal(in_bulkhead(&r).inflight, 1);
	done(&r, 0, FL_OK, 2 * S);
	finishes(&r, FL_END_ANSWERED, 2 * S);
	assert_int_equal(r.todo.attempt, 0);
	releases(&r, 2 * S);
	explained(&r, "answered, 1 attempt");
	assert_true(at_breaker(&r).ok == 1);
	rig_end(&r);
}

/* Each policy refuses before the ones behind it are asked, and what was taken before is given back. */
static void
test_order(void **state)
{
	struct rig r;
	struct fl_limiter_counters l;
	(void)state;
	rig_begin(&r);
	with_limiter(&r, 1, 3);
	with_adaptive(&r, 1);
	with_bulkhead(&r, 1, 0);
	with_breaker(&r, 2, 5 * S);
	r.plan.expected = 100 * MS;
	r.info.deadline = S + 50 * MS;
	start(&r, S);
	finishes(&r, FL_END_TIMED_OUT, S);
	assert_int_equal(r.c.limit, FL_LIMIT_CALLER);
	assert_true(r.c.refusal.by == FL_WHO_DEADLINE && r.c.attempts == 0);
	releases(&r, S);
	explained(&r, "the caller's deadline passed, after 0 attempts");
	r.info.deadline = 0;
	fl_breaker_force(r.breaker, FL_BREAKER_FORCED_OPEN, S);
	for (int i = 0; i < 3; i++) {                   /* the deadline cost the limiter nothing: 3 are left */
		start(&r, S);
		finishes(&r, FL_END_REFUSED, S);
		assert_int_equal(r.c.refusal.by, FL_WHO_BREAKER);
		releases(&r, S);
	}
	explained(&r, "the circuit breaker was forced open");
	start(&r, S);
	finishes(&r, FL_END_REFUSED, S);
	assert_int_equal(r.c.refusal.by, FL_WHO_RATE_LIMIT);
	assert_int_equal(r.c.refusal.retry_after, S);
	releases(&r, S);
	assert_int_equal(at_breaker(&r).refused, 3);
	fl_limiter_counters(r.limiter, &l);
	assert_int_equal(l.refused, 1);
	/* The bulkhead refuses: the adaptive limit's permit comes back, and the breaker was not asked. */
	assert_int_equal(fl_bulkhead_acquire(r.bulkhead, S, NULL), 0);
	start(&r, 2 * S);
	finishes(&r, FL_END_REFUSED, 2 * S);
	assert_int_equal(r.c.refusal.by, FL_WHO_BULKHEAD);
	fl_bulkhead_release(r.bulkhead, S);
	releases(&r, 2 * S);
	assert_int_equal(at_breaker(&r).refused, 3);
	rig_end(&r);
}

static void
test_retries(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 0);
	with_retries(&r, 3, 5);
	start(&r, S);
	attempt(&r, 0, S);
	done(&r, 0, FL_FAILED, S);
	assert_int_equal(next(&r, S), FL_DO_WAIT);
	fl_ns at = r.todo.until;
	assert_true(at >= S && at <= S + 25 * MS);
	assert_int_equal(in_bulkhead(&r).inflight, 1);          /* held through the backoff */
	waits(&r, at, at - 1);
	attempt(&r, 1, at);
	done(&r, 1, FL_FAILED, at);
	assert_int_equal(next(&r, at), FL_DO_WAIT);
	attempt(&r, 2, r.todo.until);
	done(&r, 2, FL_FAILED, 2 * S);
	finishes(&r, FL_END_FAILED, 2 * S);
	assert_int_equal(r.todo.attempt, 2);
	releases(&r, 2 * S);
	assert_true(tokens(&r) == 3);
	explained(&r, "attempt 3 failed; no attempts are left");
	/* Never more attempts than there is room for, whatever is asked. */
	r.plan.retry.attempts_max = 100;
	r.plan.budget = NULL;
	start(&r, 10 * S);
	for (unsigned i = 0; i < FL_CALL_ATTEMPTS_MAX; i++) {
		attempt(&r, i, 10 * S + i * 1500 * MS);
		done(&r, i, FL_FAILED, 10 * S + i * 1500 * MS);
		if (i + 1 < FL_CALL_ATTEMPTS_MAX)
			assert_int_equal(next(&r, 10 * S + i * 1500 * MS), FL_DO_WAIT);
	}
	finishes(&r, FL_END_FAILED, 21 * S);
	releases(&r, 21 * S);
	rig_end(&r);
}

/* What is not repeated, and why, is said. */
static void
test_no_retry(void **state)
{
	static const struct { struct fl_attempt_result a; bool idempotent, above; const char *text; } rows[] = {
		{ { .outcome = FL_FAILED, .sent = FL_ANSWERED }, true, false, "attempt 1 failed; failures of this kind are not repeated" },
		{ { .outcome = FL_FAILED, .sent = FL_SENT_UNKNOWN, .retryable = true }, false, false,
		    "attempt 1 failed; it may have been carried out, and is not idempotent" },
		{ { .outcome = FL_FAILED, .sent = FL_ANSWERED, .retryable = true, .no_retry = true }, true, false,
		    "attempt 1 failed; the other side says not to repeat it" },
		{ { .outcome = FL_FAILED, .sent = FL_ANSWERED, .retryable = true }, true, true, "attempt 1 failed; the other side says not to repeat it" },
		{ { .outcome = FL_FAILED, .sent = FL_ANSWERED, .retryable = true, .retry_after = 60 * S }, true, false,
		    "attempt 1 failed; the other side asks for more patience than there is" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig r;
		rig_begin(&r);
		with_retries(&r, 3, 5);
		r.info.idempotent = rows[i].idempotent;
		r.info.no_retry = rows[i].above;
		start(&r, S);
		attempt(&r, 0, S);
		fl_call_done(&r.c, 0, &rows[i].a, S);
		finishes(&r, FL_END_FAILED, S);
		explained(&r, rows[i].text);
		assert_true(tokens(&r) == 5);
		releases(&r, S);
		rig_end(&r);
	}
}

/* A spent budget and an open breaker end it at once, without a wait. */
static void
test_stopped_retries(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_breaker(&r, 2, 5 * S);
	with_retries(&r, 5, 1);
	start(&r, S);
	attempt(&r, 0, S);
	done(&r, 0, FL_CANCELLED, S);
	assert_int_equal(next(&r, S), FL_DO_WAIT);
	attempt(&r, 1, r.todo.until);
	done(&r, 1, FL_CANCELLED, S + 30 * MS);
	finishes(&r, FL_END_FAILED, S + 30 * MS);
	explained(&r, "attempt 2 failed; the retry budget is spent");
	assert_int_equal(r.c.refusal.by, FL_WHO_BUDGET);
	releases(&r, S);
	for (int i = 0; i < 5; i++)
		fl_budget_refund(r.budget);
	fl_breaker_force(r.breaker, FL_BREAKER_CLOSED, S);
	start(&r, 2 * S);
	attempt(&r, 0, 2 * S);
	fl_breaker_force(r.breaker, FL_BREAKER_FORCED_OPEN, 2 * S);
	done(&r, 0, FL_FAILED, 2 * S);
	finishes(&r, FL_END_FAILED, 2 * S);
	explained(&r, "attempt 1 failed; the circuit breaker is open");
	releases(&r, 2 * S);
	/* It opens during the backoff: what was paid for the retry is given back. */
	fl_breaker_force(r.breaker, FL_BREAKER_CLOSED, 2 * S);
	double before = tokens(&r);
	start(&r, 3 * S);
	attempt(&r, 0, 3 * S);
	done(&r, 0, FL_FAILED, 3 * S);
	assert_int_equal(next(&r, 3 * S), FL_DO_WAIT);
	assert_true(tokens(&r) == before - 1);
	fl_breaker_force(r.breaker, FL_BREAKER_FORCED_OPEN, 3 * S);
	finishes(&r, FL_END_REFUSED, 4 * S);
	assert_true(tokens(&r) == before);
	releases(&r, 4 * S);
	rig_end(&r);
}

/* ---- time ---- */

/* The caller has its answer at the deadline; the permit stays with the work until that has ended. */
static void
test_deadline(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_adaptive(&r, 5);
	with_bulkhead(&r, 2, 0);
	with_breaker(&r, 2, 5 * S);
	r.plan.timeouts.total = 200 * MS;
	start(&r, S);
	attempt(&r, 0, S);
	waits(&r, S + 200 * MS, S + 199 * MS);
	assert_int_equal(next(&r, S + 200 * MS), FL_DO_FINISH);
	assert_int_equal(r.todo.end, FL_END_TIMED_OUT);
	assert_int_equal(r.c.limit, FL_LIMIT_TOTAL);
	assert_int_equal(next(&r, S + 200 * MS), FL_DO_CANCEL);
	waits(&r, FL_NEVER, S + 200 * MS);
	struct fl_bulkhead_counters c = in_bulkhead(&r);
	assert_true(c.inflight == 1 && c.abandoned == 1);
	done(&r, 0, FL_CANCELLED, 9 * S);
	releases(&r, 9 * S);
	assert_true(at_breaker(&r).failed == 1);        /* it was too slow: that is a failure, not a cancellation */
	explained(&r, "the whole call took too long, after 1 attempt");
	/* During a backoff, and with what was paid given back. */
	with_retries(&r, 3, 5);
	fl_breaker_force(r.breaker, FL_BREAKER_CLOSED, 9 * S);
	r.plan.retry.base = r.plan.retry.max = 150 * MS;
	for (r.info.key = 0; r.info.key < 20; r.info.key++) {
		r.info.deadline = 10 * S + 200 * MS;
		start(&r, 10 * S);
		attempt(&r, 0, 10 * S);
		done(&r, 0, FL_CANCELLED, 10 * S);
		if (next(&r, 10 * S) == FL_DO_FINISH) {
			next(&r, 10 * S);
			continue;
		}
		finishes(&r, FL_END_TIMED_OUT, 11 * S);         /* the owner woke up late */
		assert_int_equal(r.c.limit, FL_LIMIT_TOTAL);
		releases(&r, 11 * S);
	}
	assert_true(tokens(&r) == 5);
	rig_end(&r);
}

/* As others measured it: 2 at once, 20 callers whose patience is 50 ms, work of 2 s. Two are at work, not twenty. */
static void
test_impatience(void **state)
{
	struct rig r;
	struct fl_call calls[20];
	struct fl_todo todo;
	int working = 0;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 2, 0);
	r.plan.timeouts.total = 50 * MS;
	for (int i = 0; i < 20; i++) {
		fl_ns now = S + i * 60 * MS;
		fl_call_start(&calls[i], &r.plan, &r.info, NULL, now);
		if (fl_call_next(&calls[i], now, &todo) == FL_DO_ATTEMPT) {
			working++;
			assert_int_equal(fl_call_next(&calls[i], now + 50 * MS, &todo), FL_DO_FINISH);
			assert_int_equal(fl_call_next(&calls[i], now + 50 * MS, &todo), FL_DO_CANCEL);
			assert_int_equal(fl_call_next(&calls[i], now + 50 * MS, &todo), FL_DO_WAIT);
		} else {
			assert_int_equal(calls[i].refusal.by, FL_WHO_BULKHEAD);
		}
	}
	assert_int_equal(working, 2);
	assert_int_equal(in_bulkhead(&r).abandoned, 2);
	for (int i = 0; i < 2; i++) {
		struct fl_attempt_result late = { .outcome = FL_OK };
		fl_call_done(&calls[i], 0, &late, 3 * S);
		assert_int_equal(fl_call_next(&calls[i], 3 * S, &todo), FL_DO_RELEASE);
	}
	assert_int_equal(in_bulkhead(&r).inflight, 0);
	rig_end(&r);
}

/* ---- the queue ---- */

static struct {
	struct fl_call *c;
	int res;
	struct fl_refusal why;
} mail;

static void
granted(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now)
{
	(void)now;
	mail.c = c;
	mail.res = res;
	mail.why = *why;
}

static void
start_queued(struct rig *r, fl_ns now)
{
	mail.c = NULL;
	assert_int_equal(fl_bulkhead_acquire(r->bulkhead, now, NULL), 0);
	fl_call_start(&r->c, &r->plan, &r->info, granted, now);
	assert_int_equal(next(r, now), FL_DO_WAIT);
}

static void
test_queue(void **state)
{
	struct rig r;
	char say[128];
	(void)state;
	rig_begin(&r);
	with_adaptive(&r, 5);
	with_bulkhead(&r, 1, 5);
	start_queued(&r, S);
	assert_int_equal(r.todo.until, 2 * S);                  /* the limit of the queue */
	fl_bulkhead_release(r.bulkhead, S + 100 * MS);
	assert_ptr_equal(mail.c, &r.c);
	fl_call_granted(&r.c, mail.res, &mail.why, S + 100 * MS);
	attempt(&r, 0, S + 100 * MS);
	done(&r, 0, FL_OK, S + 200 * MS);
	finishes(&r, FL_END_ANSWERED, S + 200 * MS);
	releases(&r, S + 200 * MS);
	/* Nothing comes. */
	start_queued(&r, S);
	finishes(&r, FL_END_REFUSED, 2 * S);
	assert_null(mail.c);
	assert_string_equal(fl_refusal_say(&r.c.refusal, say, sizeof(say)),
	    "the bulkhead \"p\" gave no permit within 1000.0 ms: 1 of 1 in flight");
	fl_bulkhead_release(r.bulkhead, 2 * S);
	releases(&r, 2 * S);
	/* The call's own end comes first. */
	r.info.deadline = S + 300 * MS;
	start_queued(&r, S);
	assert_int_equal(r.todo.until, S + 300 * MS);
	finishes(&r, FL_END_TIMED_OUT, S + 300 * MS);
	assert_int_equal(r.c.limit, FL_LIMIT_CALLER);
	fl_bulkhead_release(r.bulkhead, 2 * S);
	releases(&r, 2 * S);
	/* Refused while waiting. */
	r.info.deadline = S + 300 * MS;
	start_queued(&r, S);
	fl_bulkhead_release(r.bulkhead, S + 300 * MS);
	assert_int_equal(mail.res, -EAGAIN);
	fl_call_granted(&r.c, mail.res, &mail.why, S + 300 * MS);
	finishes(&r, FL_END_REFUSED, S + 300 * MS);
	assert_int_equal(r.c.refusal.reason, FL_REASON_BULKHEAD_DEADLINE);
	releases(&r, S + 300 * MS);
	rig_end(&r);
}

/* The permit is on its way while the call is given up: it is given back, once. */
static void
test_queue_races(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 5);
	start_queued(&r, S);
	fl_bulkhead_release(r.bulkhead, 3 * S);                 /* granted in another thread, the mail is under way */
	waits(&r, FL_NEVER, 3 * S);                             /* the limit has passed, but an answer counts */
	fl_call_abandon(&r.c, 3 * S);
	finishes(&r, FL_END_ABANDONED, 3 * S);
	waits(&r, FL_NEVER, 3 * S);
	fl_call_granted(&r.c, mail.res, &mail.why, 3 * S);
	releases(&r, 3 * S);
	/* Not given up: it goes on, late as it is. */
	start_queued(&r, S);
	fl_bulkhead_release(r.bulkhead, 3 * S);
	waits(&r, FL_NEVER, 3 * S);
	fl_call_granted(&r.c, mail.res, &mail.why, 3 * S);
	attempt(&r, 0, 3 * S);
	done(&r, 0, FL_OK, 3 * S);
	finishes(&r, FL_END_ANSWERED, 3 * S);
	releases(&r, 3 * S);
	rig_end(&r);
}

/* ---- the caller leaves ---- */

static void
test_abandon(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_adaptive(&r, 5);
	with_bulkhead(&r, 1, 5);
	with_breaker(&r, 2, 5 * S);
	with_retries(&r, 3, 5);
	start(&r, S);                                           /* before anything */
	fl_call_abandon(&r.c, S);
	finishes(&r, FL_END_ABANDONED, S);
	releases(&r, S);
	start_queued(&r, S);                                    /* in the queue */
	fl_call_abandon(&r.c, S);
	finishes(&r, FL_END_ABANDONED, S);
	fl_bulkhead_release(r.bulkhead, S);
	releases(&r, S);
	assert_null(mail.c);
	start(&r, S);                                           /* at work: no vote */
	attempt(&r, 0, S);
	fl_call_abandon(&r.c, S);
	assert_int_equal(next(&r, S), FL_DO_CANCEL);
	finishes(&r, FL_END_ABANDONED, S);
	waits(&r, FL_NEVER, S);
	assert_int_equal(in_bulkhead(&r).abandoned, 1);
	done(&r, 0, FL_CANCELLED, S);
	releases(&r, S);
	assert_int_equal(at_breaker(&r).cancelled, 1);
	start(&r, S);                                           /* between two attempts */
	attempt(&r, 0, S);
	done(&r, 0, FL_FAILED, S);
	assert_int_equal(next(&r, S), FL_DO_WAIT);
	assert_true(tokens(&r) == 4);
	fl_call_abandon(&r.c, S);
	finishes(&r, FL_END_ABANDONED, S);
	releases(&r, S);
	assert_true(tokens(&r) == 5);
	explained(&r, "abandoned, 1 attempt");
	rig_end(&r);
}

/* ---- hedges ---- */

static void
test_hedge(void **state)
{
	struct rig r;
	struct fl_hedge_counters h;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 0);
	with_breaker(&r, 2, 5 * S);
	with_retries(&r, 3, 5);
	with_hedge(&r, 50 * MS);
	start(&r, S);
	attempt(&r, 0, S);
	waits(&r, S + 50 * MS, S);
	attempt(&r, 1, S + 50 * MS);
	assert_true(r.todo.hedge && tokens(&r) == 4);
	waits(&r, 16 * S, S + 60 * MS);                         /* no third one */
	done(&r, 1, FL_OK, S + 80 * MS);
	assert_int_equal(next(&r, S + 80 * MS), FL_DO_CANCEL);
	assert_int_equal(r.todo.attempt, 0);
	finishes(&r, FL_END_ANSWERED, S + 80 * MS);
	assert_int_equal(r.todo.attempt, 1);
	waits(&r, FL_NEVER, S + 80 * MS);
	assert_int_equal(in_bulkhead(&r).abandoned, 1);
	done(&r, 0, FL_OK, S + 90 * MS);                        /* the loser was good, too late: it tells nothing */
	releases(&r, S + 90 * MS);
	assert_true(at_breaker(&r).ok == 1 && at_breaker(&r).cancelled == 1);
	fl_hedge_counters(r.hedge, &h);
	assert_true(h.started == 1 && h.won == 1 && h.lost == 0);
	/* One of the two fails: the other may still answer. Both fail: then there is a retry. */
	start(&r, 2 * S);
	attempt(&r, 0, 2 * S);
	attempt(&r, 1, 2 * S + 50 * MS);
	done(&r, 0, FL_OVERLOADED, 2 * S + 60 * MS);
	waits(&r, 17 * S, 2 * S + 60 * MS);
	done(&r, 1, FL_CANCELLED, 2 * S + 70 * MS);
	assert_int_equal(next(&r, 2 * S + 70 * MS), FL_DO_WAIT);
	attempt(&r, 2, r.todo.until);
	assert_false(r.todo.hedge);
	done(&r, 2, FL_OK, 3 * S);
	finishes(&r, FL_END_ANSWERED, 3 * S);
	releases(&r, 3 * S);
	rig_end(&r);
}

/* Not while the breaker is anything but closed, without a token, or when it may not be sent twice. */
static void
test_no_hedge(void **state)
{
	(void)state;
	for (int why = 0; why < 3; why++) {
		struct rig r;
		rig_begin(&r);
		with_breaker(&r, 2, 5 * S);
		with_retries(&r, 3, 1);
		with_hedge(&r, 50 * MS);
		r.info.idempotent = why != 0;
		start(&r, S);
		attempt(&r, 0, S);
		if (why == 1)
			assert_int_equal(fl_budget_withdraw(r.budget, S, NULL), 0);
		if (why == 2)
			fl_breaker_force(r.breaker, FL_BREAKER_HALF_OPEN, S);
		double before = tokens(&r);
		waits(&r, 16 * S, S + 50 * MS);
		waits(&r, 16 * S, 2 * S);
		assert_true(tokens(&r) == before);
		done(&r, 0, FL_OK, 2 * S);
		finishes(&r, FL_END_ANSWERED, 2 * S);
		releases(&r, 2 * S);
		rig_end(&r);
	}
}

/* An answer that has begun is the answer; its end still counts, and the permit is held until then. */
static void
test_commit(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 0);
	with_breaker(&r, 2, 5 * S);
	with_retries(&r, 3, 5);
	with_hedge(&r, 50 * MS);
	start(&r, S);
	attempt(&r, 0, S);
	attempt(&r, 1, S + 50 * MS);
	fl_call_commit(&r.c, 0, S + 60 * MS);
	fl_call_commit(&r.c, 1, S + 60 * MS);                   /* too late */
	assert_int_equal(next(&r, S + 60 * MS), FL_DO_CANCEL);
	assert_int_equal(r.todo.attempt, 1);
	finishes(&r, FL_END_ANSWERED, S + 60 * MS);
	assert_int_equal(r.todo.attempt, 0);
	done(&r, 1, FL_CANCELLED, S + 60 * MS);
	waits(&r, FL_NEVER, S + 60 * MS);
	struct fl_bulkhead_counters c = in_bulkhead(&r);
	assert_true(c.inflight == 1 && c.abandoned == 0);       /* somebody still reads it */
	done(&r, 0, FL_FAILED, 2 * S);                          /* it broke off */
	releases(&r, 2 * S);
	assert_true(at_breaker(&r).failed == 1 && r.c.end == FL_END_ANSWERED);
	rig_end(&r);
}

/* ---- fallbacks ---- */

static void
test_fallback(void **state)
{
	struct rig r;
	struct fl_fallback_counters f;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 0);
	with_breaker(&r, 2, 5 * S);
	with_fallback(&r, FL_FALLBACK_ALL, 0);
	for (int good = 1; good >= 0; good--) {
		start(&r, S);                                   /* failed */
		attempt(&r, 0, S);
		done(&r, 0, FL_OVERLOADED, S);
		assert_int_equal(next(&r, S), FL_DO_FALLBACK);
		waits(&r, FL_NEVER, S);
		fl_call_fallback_done(&r.c, good, S);
		finishes(&r, good ? FL_END_FALLBACK : FL_END_FAILED, S);
		releases(&r, S);
		r.plan.timeouts.total = S;
		start(&r, S);                                   /* timed out: the attempt still runs beside the fallback */
		attempt(&r, 0, S);
		assert_int_equal(next(&r, 2 * S), FL_DO_FALLBACK);
		assert_int_equal(next(&r, 2 * S), FL_DO_CANCEL);
		fl_call_fallback_done(&r.c, good, 2 * S);
		finishes(&r, good ? FL_END_FALLBACK : FL_END_TIMED_OUT, 2 * S);
		waits(&r, FL_NEVER, 2 * S);
		done(&r, 0, FL_CANCELLED, 3 * S);
		releases(&r, 3 * S);
		r.plan.timeouts.total = 15 * S;
		fl_breaker_force(r.breaker, FL_BREAKER_FORCED_OPEN, S);
		start(&r, S);                                   /* refused */
		assert_int_equal(next(&r, S), FL_DO_FALLBACK);
		fl_call_fallback_done(&r.c, good, S);
		finishes(&r, good ? FL_END_FALLBACK : FL_END_REFUSED, S);
		releases(&r, S);
		fl_breaker_force(r.breaker, FL_BREAKER_CLOSED, S);
	}
	assert_int_equal(at_breaker(&r).ok, 0);                 /* a fallback votes for nobody */
	/* The caller leaves before it, and during it. */
	for (int during = 0; during < 2; during++) {
		start(&r, S);
		attempt(&r, 0, S);
		done(&r, 0, FL_OVERLOADED, S);
		if (during)
			assert_int_equal(next(&r, S), FL_DO_FALLBACK);
		fl_call_abandon(&r.c, S);
		finishes(&r, FL_END_ABANDONED, S);
		if (during) {
			waits(&r, FL_NEVER, S);
			fl_call_fallback_done(&r.c, true, S);
		}
		releases(&r, S);
	}
	fl_fallback_counters(r.fallback, &f);
	assert_int_equal(f.inflight, 0);
	rig_end(&r);
	/* Not for this. */
	rig_begin(&r);
	with_fallback(&r, FL_FALLBACK_REFUSED, 0);
	start(&r, S);
	attempt(&r, 0, S);
	done(&r, 0, FL_FAILED, S);
	finishes(&r, FL_END_FAILED, S);
	releases(&r, S);
	rig_end(&r);
}

/* A rehearsal that fails is over, and the call goes the usual way, once. */
static void
test_rehearsal(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_adaptive(&r, 5);
	with_fallback(&r, FL_FALLBACK_ALL, 1);
	start(&r, S);
	assert_int_equal(next(&r, S), FL_DO_FALLBACK);
	fl_call_fallback_done(&r.c, true, S);
	finishes(&r, FL_END_FALLBACK, S);
	releases(&r, S);
	start(&r, S);
	assert_int_equal(next(&r, S), FL_DO_FALLBACK);
	fl_call_fallback_done(&r.c, false, S);
	attempt(&r, 0, S);
	done(&r, 0, FL_OK, S);
	finishes(&r, FL_END_ANSWERED, S);
	releases(&r, S);
	start(&r, S);
	assert_int_equal(next(&r, S), FL_DO_FALLBACK);
	fl_call_fallback_done(&r.c, false, S);
	attempt(&r, 0, S);
	done(&r, 0, FL_FAILED, S);
	finishes(&r, FL_END_FAILED, S);                         /* it is known not to work */
	releases(&r, S);
	rig_end(&r);
}

/* What an instance refused is no vote against the dependency; overload reaches the adaptive limit. */
static void
test_votes(void **state)
{
	struct rig r;
	struct fl_adaptive_counters a;
	struct fl_refusal why = { .by = FL_WHO_POOL, .reason = FL_REASON_POOL_FULL, .n = { 7, 7 } };
	struct fl_attempt_result refused = { .outcome = FL_FAILED, .sent = FL_NEVER_SENT, .refused = true, .why = &why };
	(void)state;
	rig_begin(&r);
	with_breaker(&r, 2, 5 * S);
	with_adaptive(&r, 50);
	start(&r, S);
	attempt(&r, 0, S);
	fl_call_done(&r.c, 0, &refused, S);
	finishes(&r, FL_END_REFUSED, S);
	releases(&r, S);
	explained(&r, "the connection limit is reached: 7 of 7 connections");
	assert_true(at_breaker(&r).failed == 0 && at_breaker(&r).cancelled == 1);
	fl_adaptive_counters(r.adaptive, &a);
	assert_int_equal(a.overloads, 0);
	start(&r, 2 * S);
	attempt(&r, 0, 2 * S);
	done(&r, 0, FL_OVERLOADED, 2 * S);
	finishes(&r, FL_END_FAILED, 2 * S);
	releases(&r, 2 * S);
	fl_adaptive_counters(r.adaptive, &a);
	assert_int_equal(a.overloads, 1);
	assert_true(a.limit < 50);
	rig_end(&r);
}

/* ---- for one thread that waits ---- */

struct alone {
	fl_ns now, slept;
	unsigned attempts, good_at;
	fl_ns takes;
	bool fallback;
};

static fl_ns alone_clock(void *ud) { return ((struct alone *)ud)->now; }

static void
alone_sleep(void *ud, fl_ns at)
{
	struct alone *a = ud;
	assert_true(at != FL_NEVER && at > a->now);
	a->slept += at - a->now;
	a->now = at;
}

static void
alone_attempt(void *ud, unsigned n, fl_ns deadline, struct fl_attempt_result *ret)
{
	struct alone *a = ud;
	assert_int_equal(n, a->attempts);
	a->attempts++;
	fl_ns end = a->now + a->takes;
	*ret = (struct fl_attempt_result){ .outcome = a->attempts == a->good_at ? FL_OK : FL_FAILED, .sent = FL_ANSWERED, .retryable = true };
	if (end > deadline)
		*ret = (struct fl_attempt_result){ .outcome = FL_CANCELLED, .sent = FL_SENT_UNKNOWN };
	a->now = end < deadline ? end : deadline;
}

static bool
alone_fallback(void *ud, const struct fl_call *c)
{
	(void)c;
	return ((struct alone *)ud)->fallback;
}

static void
test_run(void **state)
{
	struct rig r;
	(void)state;
	rig_begin(&r);
	with_bulkhead(&r, 1, 5);
	with_retries(&r, 3, 10);
	with_hedge(&r, MS);
	with_fallback(&r, FL_FALLBACK_FAILED, 0);
	struct alone a = { .now = S, .good_at = 2, .takes = 100 * MS };
	struct fl_call_work w = { .clock = alone_clock, .sleep_until = alone_sleep, .attempt = alone_attempt, .ud = &a };
	assert_int_equal(fl_call_run(&r.plan, &r.info, &w, &r.c), FL_END_ANSWERED);
	assert_true(a.attempts == 2 && a.slept > 0 && r.c.plan == &r.plan);
	a = (struct alone){ .now = S, .takes = 100 * MS };
	assert_int_equal(fl_call_run(&r.plan, &r.info, &w, &r.c), FL_END_FAILED);
	assert_int_equal(a.attempts, 3);
	w.fallback = alone_fallback;
	a = (struct alone){ .now = S, .fallback = true };
	assert_int_equal(fl_call_run(&r.plan, &r.info, &w, &r.c), FL_END_FALLBACK);
	r.plan.timeouts.total = 250 * MS;                       /* all attempts together, not each */
	a = (struct alone){ .now = S, .takes = 200 * MS };
	assert_int_equal(fl_call_run(&r.plan, &r.info, &w, &r.c), FL_END_TIMED_OUT);
	assert_true(a.now == S + 250 * MS && a.attempts == 2);
	assert_int_equal(fl_bulkhead_acquire(r.bulkhead, S, NULL), 0);
	a = (struct alone){ .now = S, .good_at = 1 };
	assert_int_equal(fl_call_run(&r.plan, &r.info, &w, &r.c), FL_END_REFUSED);      /* it cannot wait: nobody would wake it */
	fl_bulkhead_release(r.bulkhead, S);
	assert_int_equal(in_bulkhead(&r).inflight, 0);
	rig_end(&r);
}

/* ---- a crowd of calls on a simulated clock ---- */

#define CROWD 40

struct walker {
	struct fl_call c;               /* first: granted() finds the walker by it */
	enum { AWAY, HERE } is;
	bool finished, mailed;
	int res;
	struct fl_refusal why;
	fl_ns mail_at, wake, deadline;
	struct { bool on, told; fl_ns ends; enum fl_outcome o; } work[FL_CALL_ATTEMPTS_MAX];
	bool falls;
	fl_ns fall_at;
};

struct street {
	struct rig r;
	struct walker w[CROWD];
	struct dice d;
	fl_ns now;
	uint32_t failing, hanging;      /* % */
	uint64_t calls, attempts, first, finished, released, answered;
};

static struct street *street;

static void
street_granted(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now)
{
	struct walker *w = (struct walker *)(void *)c;
	assert_true(w->is == HERE && !w->mailed);
	w->mailed = true;
	w->res = res;
	w->why = *why;
	w->mail_at = now + (dice_roll(&street->d, 3) ? 0 : dice_roll(&street->d, 20) * MS);
}

static void
begin_work(struct street *s, struct walker *w, unsigned n)
{
	assert_true(!w->work[n].on);
	s->attempts++;
	s->first += n == 0;
	w->work[n].on = true;
	w->work[n].told = false;
	w->work[n].o = dice_roll(&s->d, 100) < s->failing ? (dice_roll(&s->d, 5) ? FL_FAILED : FL_OVERLOADED) : FL_OK;
	w->work[n].ends = dice_roll(&s->d, 100) < s->hanging ? FL_NEVER : s->now + dice_roll(&s->d, 60) * MS + MS;
}

static void
drive(struct street *s, struct walker *w)
{
	struct fl_todo todo;
	for (;;) {
		switch (fl_call_next(&w->c, s->now, &todo)) {
		case FL_DO_ATTEMPT:
			assert_false(w->finished);
			begin_work(s, w, todo.attempt);
			break;
		case FL_DO_CANCEL:              /* it takes a while to stop, and may end well before that */
			assert_true(w->work[todo.attempt].on && !w->work[todo.attempt].told);
			w->work[todo.attempt].told = true;
			if (dice_roll(&s->d, 2)) {
				w->work[todo.attempt].o = FL_CANCELLED;
				w->work[todo.attempt].ends = s->now + dice_roll(&s->d, 100) * MS;
			} else if (w->work[todo.attempt].ends == FL_NEVER) {
				w->work[todo.attempt].ends = s->now + S;
			}
			break;
		case FL_DO_FALLBACK:
			w->falls = true;
			w->fall_at = s->now + dice_roll(&s->d, 10) * MS;
			break;
		case FL_DO_FINISH:
			assert_false(w->finished);
			w->finished = true;
			s->finished++;
			s->answered += todo.end == FL_END_ANSWERED;
			break;
		case FL_DO_RELEASE:
			assert_true(w->finished && !w->falls && !w->mailed);
			for (unsigned i = 0; i < FL_CALL_ATTEMPTS_MAX; i++)
				assert_false(w->work[i].on);
			s->released++;
			w->is = AWAY;
			return;
		case FL_DO_WAIT:
			w->wake = todo.until;
			return;
		}
	}
}

/* What is due for one of them. */
static void
visit(struct street *s, struct walker *w)
{
	bool drives = w->wake <= s->now;
	if (w->mailed && w->mail_at <= s->now) {
		w->mailed = false;
		fl_call_granted(&w->c, w->res, &w->why, s->now);
		drives = true;
	}
	for (unsigned i = 0; i < FL_CALL_ATTEMPTS_MAX; i++) {
		if (!w->work[i].on || w->work[i].ends > s->now)
			continue;
		struct fl_attempt_result r = { .outcome = w->work[i].o, .sent = (enum fl_sent)dice_roll(&s->d, 3), .retryable = true,
			.retry_after = dice_roll(&s->d, 20) ? 0 : dice_roll(&s->d, 100) * MS };
		w->work[i].on = false;
		fl_call_done(&w->c, i, &r, s->now);
		drives = true;
	}
	if (w->falls && w->fall_at <= s->now) {
		w->falls = false;
		fl_call_fallback_done(&w->c, dice_roll(&s->d, 3) > 0, s->now);
		drives = true;
	}
	if (!w->finished && dice_roll(&s->d, 3000) == 0) {
		fl_call_abandon(&w->c, s->now);
		drives = true;
	}
	if (drives)
		drive(s, w);
}

static void
arrive(struct street *s, struct walker *w)
{
	struct fl_call_info info = { .key = ++s->calls, .priority = dice_roll(&s->d, 32), .idempotent = dice_roll(&s->d, 5) > 0,
		.deadline = dice_roll(&s->d, 4) ? 0 : s->now + (1 + dice_roll(&s->d, 300)) * MS };
	*w = (struct walker){ .is = HERE };
	w->deadline = info.deadline != 0 && info.deadline < s->now + 500 * MS ? info.deadline : s->now + 500 * MS;
	fl_call_start(&w->c, &s->r.plan, &info, street_granted, s->now);
	drive(s, w);
}

static void
look(const struct street *s)
{
	struct fl_bulkhead_counters k = in_bulkhead(&s->r);
	unsigned working = 0;
	for (int i = 0; i < CROWD; i++) {
		const struct walker *w = &s->w[i];
		bool on = false;
		for (unsigned n = 0; w->is == HERE && n < FL_CALL_ATTEMPTS_MAX; n++)
			on |= w->work[n].on;
		working += on;
		/* The caller is told in time, whatever hangs; but for a fallback, and an answer of the queue that is under way. */
		if (w->is == HERE && !w->finished && !w->falls && !w->c.waiting)
			assert_true(s->now <= w->deadline);
	}
	assert_true(working <= k.inflight && k.inflight <= k.max);      /* never more than N */
}

static void
walk(uint64_t seed)
{
	static struct street s;
	s = (struct street){ .d = { .seed = seed }, .now = S };
	street = &s;
	rig_begin(&s.r);
	with_limiter(&s.r, 2000, 50);
	if (dice_roll(&s.d, 2))
		with_adaptive(&s.r, 10);
	with_bulkhead(&s.r, 1 + dice_roll(&s.d, 10), dice_roll(&s.d, 10));
	with_breaker(&s.r, 20, 50 * MS);
	with_retries(&s.r, 4, 5);
	if (dice_roll(&s.d, 2))
		with_hedge(&s.r, 30 * MS);
	if (dice_roll(&s.d, 2))
		with_fallback(&s.r, 1 + dice_roll(&s.d, 7), 0.05);
	s.r.plan.timeouts.total = 500 * MS;
	s.r.plan.timeouts.queue = 50 * MS;
	for (int i = 0; i < 6000; i++) {
		if (i % 1000 == 0) {
			s.failing = dice_roll(&s.d, 4) * 33;
			s.hanging = dice_roll(&s.d, 3) ? 0 : 50;
		}
		s.now += dice_roll(&s.d, 2 * MS);
		struct walker *w = &s.w[dice_roll(&s.d, CROWD)];
		if (w->is == AWAY)
			arrive(&s, w);
		for (int k = 0; k < CROWD; k++)
			if (s.w[k].is == HERE)
				visit(&s, &s.w[k]);
		look(&s);
	}
	/* All goes well again and nobody comes any more: everything drains, and all is given back. */
	s.failing = s.hanging = 0;
	for (int i = 0; i < 5000; i++) {
		s.now += 2 * MS;
		for (int k = 0; k < CROWD; k++)
			if (s.w[k].is == HERE)
				visit(&s, &s.w[k]);
	}
	struct fl_bulkhead_counters k = in_bulkhead(&s.r);
	struct fl_budget_counters t;
	struct fl_adaptive_counters a = { 0 };
	struct fl_fallback_counters f = { 0 };
	struct fl_breaker_counters b = at_breaker(&s.r);
	fl_budget_counters(s.r.budget, &t);
	if (s.r.adaptive != NULL)
		fl_adaptive_counters(s.r.adaptive, &a);
	if (s.r.fallback != NULL)
		fl_fallback_counters(s.r.fallback, &f);
	assert_true(s.finished == s.calls && s.released == s.calls && s.answered > 0);
	assert_true(k.inflight == 0 && k.waiting == 0 && k.abandoned == 0 && a.inflight == 0 && f.inflight == 0);
	assert_true(b.admitted == b.ok + b.failed + b.cancelled + b.overloaded);
	/* Retries and hedges are paid: no more of them than the bucket had and successes earned. */
	assert_true((double)(s.attempts - s.first) <= 5 + 0.1 * (double)s.answered);
	rig_end(&s.r);
}

static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++)
		walk(seed);
}

/* An outage: 5,000 calls with up to 5 attempts each, without a breaker, and no more than 1.1 x the load. */
static void
test_amplification(void **state)
{
	struct rig r;
	unsigned sent = 0;
	(void)state;
	rig_begin(&r);
	with_retries(&r, 5, 10);
	for (unsigned i = 0; i < 5000; i++) {
		fl_ns now = S + i * 10 * MS;
		r.info.key = i;
		start(&r, now);
		for (enum fl_do d; (d = next(&r, now)) != FL_DO_RELEASE;) {
			if (d == FL_DO_ATTEMPT) {
				done(&r, r.todo.attempt, FL_FAILED, now);
				sent++;
			} else if (d == FL_DO_WAIT) {
				now = r.todo.until;
			}
		}
	}
	assert_in_range(sent, 5000, 5500);
	assert_int_equal(sent, 5010);
	rig_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_retries),
		cmocka_unit_test(test_no_retry),
		cmocka_unit_test(test_stopped_retries),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_impatience),
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_queue_races),
		cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_hedge),
		cmocka_unit_test(test_no_hedge),
		cmocka_unit_test(test_commit),
		cmocka_unit_test(test_fallback),
		cmocka_unit_test(test_rehearsal),
		cmocka_unit_test(test_votes),
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_amplification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
