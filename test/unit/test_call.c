/* SPDX-License-Identifier: MIT */
/* test_call.c - one call through all policies: order, what is given back, and who may end it. */
#include "call_rig.h"

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
		{ { .outcome = FL_FAILED, .sent = FL_ANSWERED, .retryable = true }, true, true,
		    "attempt 1 failed; the other side says not to repeat it" },
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
	struct fl_bulkhead_counters k;
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
	/* Nobody waits for longer than the bulkhead lets, though nothing is released. */
	r.plan.timeouts.queue = 0;
	r.plan.timeouts.total = 0;
	start_queued(&r, S);
	fl_ns patience = fl_bulkhead_patience(r.bulkhead);
	assert_int_equal(r.todo.until, S + patience);
	waits(&r, S + patience, S + patience - 1);
	finishes(&r, FL_END_REFUSED, S + patience);
	assert_int_equal(r.c.refusal.reason, FL_REASON_BULKHEAD_TIMEOUT);
	fl_bulkhead_counters(r.bulkhead, &k);
	assert_true(k.waiting == 0 && k.refused_delay == 1 && k.left == 0);
	fl_bulkhead_release(r.bulkhead, S + patience);
	assert_null(mail.c);
	releases(&r, S + patience);
	r.plan.timeouts.queue = FL_SEC;
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
