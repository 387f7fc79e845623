/* SPDX-License-Identifier: MIT */
/* test_call_crowd.c - calls of a thread that waits, a crowd of calls on a simulated clock, and what an outage costs. */
#include "call_rig.h"

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
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_amplification),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
