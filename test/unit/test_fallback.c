/* SPDX-License-Identifier: MIT */
/* test_fallback.c - when a fallback is taken, how many at once, rehearsals, and what a call makes of them. */
#include "faultline/call.h"
#include "faultline/fallback.h"

#include "base/types.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>

static struct fl_fallback_opts
defaults(void)
{
	struct fl_fallback_opts o;
	fl_fallback_opts_init(&o);
	return o;
}

static struct fl_fallback *
make(const struct fl_fallback_opts *o)
{
	struct fl_fallback *f;
	assert_int_equal(fl_fallback_new(o, &f, NULL), 0);
	return f;
}

static struct fl_fallback_counters
counters(const struct fl_fallback *f)
{
	struct fl_fallback_counters c;
	fl_fallback_counters(f, &c);
	return c;
}

static void
expect_refused(struct fl_fallback_opts o, const char *field)
{
	struct fl_fallback *f = NULL;
	const char *got = "";
	assert_int_equal(fl_fallback_new(&o, &f, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(f);
}

static void
test_options(void **state)
{
	struct fl_fallback_opts o;
	(void)state;
#define BAD(field, value) do { o = defaults(); o.field = value; expect_refused(o, #field); } while (0)
	BAD(on, 0);
	BAD(on, 8);
	BAD(max, 0);
	BAD(max, 1u << 31);
	BAD(rehearse, -0.1);
	BAD(rehearse, NAN);
	BAD(enforce, 1.5);
#undef BAD
	fl_fallback_free(NULL);
}

/* Of every set of reasons: taken for those that are in it. */
static void
test_on(void **state)
{
	(void)state;
	for (unsigned on = 1; on <= FL_FALLBACK_ALL; on++) {
		struct fl_fallback_opts o = defaults();
		uint64_t taken = 0;
		o.on = on;
		struct fl_fallback *f = make(&o);
		for (unsigned why = 1; why <= FL_FALLBACK_REFUSED; why <<= 1) {
			int r = fl_fallback_admit(f, why, false, NULL);
			assert_int_equal(r, on & why ? 0 : -ENOENT);
			taken += r == 0;
			if (r == 0)
				fl_fallback_done(f, true, FL_SEC);
		}
		assert_int_equal(fl_fallback_admit(f, 0, true, NULL), 0);       /* a rehearsal is for nothing */
		fl_fallback_done(f, false, FL_SEC);
		struct fl_fallback_counters c = counters(f);
		assert_true(c.taken == taken && c.rehearsed == 1 && c.good == taken && c.bad == 1 && c.inflight == 0);
		fl_fallback_free(f);
	}
}

static void
test_bulkhead(void **state)
{
	struct fl_fallback_opts o = defaults();
	struct fl_refusal why;
	char say[256];
	(void)state;
	o.name = "basket";
	struct fl_fallback *f = make(&o);
	for (int i = 0; i < 10; i++)
		assert_int_equal(fl_fallback_admit(f, FL_FALLBACK_FAILED, i % 2 == 0, &why), 0);
	assert_int_equal(fl_fallback_admit(f, FL_FALLBACK_FAILED, false, &why), -EAGAIN);
	assert_int_equal(fl_fallback_admit(f, 0, true, NULL), -EAGAIN);          /* rehearsals are bounded, too */
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the fallback's bulkhead \"basket\" is full: 10 of 10 in flight");
	fl_fallback_done(f, true, FL_SEC);
	assert_int_equal(fl_fallback_admit(f, FL_FALLBACK_TIMED_OUT, false, &why), 0);
	assert_int_equal(counters(f).refused, 2);
	assert_string_equal(fl_fallback_explain(f, say, sizeof(say)), "10 of 10 in flight; taken 6 times, rehearsed 5 times, failed 0 times");
	for (int i = 0; i < 10; i++)
		fl_fallback_done(f, false, FL_SEC);
	assert_int_equal(counters(f).bad, 10);
	fl_fallback_free(f);
}

static void
done_once_more(void *f)
{
	fl_fallback_done(f, true, FL_SEC);
}

static void
test_done_once(void **state)
{
	struct fl_fallback_opts o = defaults();
	(void)state;
	struct fl_fallback *f = make(&o);
	assert_true(unit_aborts(done_once_more, f));
	fl_fallback_free(f);
}

/* The share that is asked for, the same calls each time, others with another seed. */
static void
test_rehearsals(void **state)
{
	static const double shares[] = { 0, 0.001, 0.05, 0.5, 1 };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(shares); k++) {
		struct fl_fallback_opts o = defaults();
		unsigned n = 100000, mine = 0, both = 0;
		o.rehearse = shares[k];
		o.seed = 1;
		struct fl_fallback *f = make(&o), *again = make(&o);
		o.seed = 2;
		struct fl_fallback *other = make(&o);
		for (uint64_t key = 0; key < n; key++) {
			bool is = fl_fallback_rehearses(f, key);
			assert_int_equal(fl_fallback_rehearses(again, key), is);
			mine += is;
			both += is && fl_fallback_rehearses(other, key);
		}
		assert_true(fabs(mine / (double)n - shares[k]) < 0.005 && (shares[k] == 0) == (mine == 0));
		assert_true(fabs(both / (double)n - shares[k] * shares[k]) < 0.005);
		fl_fallback_free(f);
		fl_fallback_free(again);
		fl_fallback_free(other);
	}
}

static void
test_modes(void **state)
{
	static const double shares[] = { 0, 0.3, 1 };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(shares); k++) {
		struct fl_fallback_opts o = defaults();
		unsigned taken = 0, n = 10000;
		o.enforce = shares[k];
		struct fl_fallback *f = make(&o);
		for (unsigned i = 0; i < n; i++) {
			if (fl_fallback_admit(f, FL_FALLBACK_FAILED, false, NULL) == 0) {
				taken++;
				fl_fallback_done(f, true, FL_SEC);
			}
		}
		assert_true(fabs(taken / (double)n - shares[k]) < 0.02);
		assert_int_equal(counters(f).would_take, n - taken);
		assert_int_equal(counters(f).taken, taken);
		fl_fallback_free(f);
	}
}

struct heard {
	unsigned count;
	char last[256];
};

static void
hear(void *ud, const struct fl_event *e)
{
	struct heard *h = ud;
	h->count++;
	assert_int_equal(e->who, FL_WHO_FALLBACK);
	snprintf(h->last, sizeof(h->last), "%s: %s>%s (%s) at %lld", e->name, e->from, e->to, e->why, (long long)e->at);
}

/* What a rehearsal is for: that somebody is told. */
static void
test_events(void **state)
{
	static const struct { bool good; unsigned count; const char *says; } rows[] = {
		{ true, 0, "" }, { true, 0, "" }, { false, 1, "basket: works>fails (the last one failed; 1 of 3 have failed so far) at 3" },
		{ false, 1, "basket: works>fails (the last one failed; 1 of 3 have failed so far) at 3" },
		{ true, 2, "basket: fails>works (the last one was good; 2 of 5 have failed so far) at 5" },
	};
	struct fl_fallback_opts o = defaults();
	struct heard heard = { 0 };
	(void)state;
	o.name = "basket";
	o.listener = (struct fl_listener){ hear, &heard };
	struct fl_fallback *f = make(&o);
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		assert_int_equal(fl_fallback_admit(f, 0, true, NULL), 0);
		fl_fallback_done(f, rows[i].good, (fl_ns)i + 1);
		assert_int_equal(heard.count, rows[i].count);
		assert_string_equal(heard.last, rows[i].says);
	}
	fl_fallback_free(f);
	/* Never tried, and fails; and one that was not taken after all tells nothing. */
	f = make(&o);
	assert_int_equal(fl_fallback_admit(f, FL_FALLBACK_FAILED, false, NULL), 0);
	fl_fallback_leave(f);
	assert_true(heard.count == 2 && counters(f).good == 0 && counters(f).inflight == 0);
	assert_int_equal(fl_fallback_admit(f, FL_FALLBACK_FAILED, false, NULL), 0);
	fl_fallback_done(f, false, 9);
	assert_string_equal(heard.last, "basket: untried>fails (the last one failed; 1 of 1 have failed so far) at 9");
	fl_fallback_free(f);
}

/* ---- in a call ---- */

/* How a call goes: what its attempts and its fallback come to. */
struct course {
	enum fl_outcome outcome;
	bool fallback_good;
	unsigned attempts, fallbacks;
	enum fl_end end;
};

static void
go(const struct fl_plan *plan, uint64_t key, struct course *c)
{
	struct fl_call call;
	struct fl_todo todo;
	struct fl_call_info info = { .key = key };
	struct fl_attempt_result r = { .outcome = c->outcome, .sent = FL_ANSWERED };
	c->attempts = c->fallbacks = 0;
	fl_call_start(&call, plan, &info, NULL, FL_SEC);
	for (int steps = 0; steps < 50; steps++) {
		switch (fl_call_next(&call, FL_SEC, &todo)) {
		case FL_DO_ATTEMPT:
			c->attempts++;
			fl_call_done(&call, todo.attempt, &r, FL_SEC);
			break;
		case FL_DO_FALLBACK:
			c->fallbacks++;
			fl_call_fallback_done(&call, c->fallback_good, FL_SEC);
			break;
		case FL_DO_FINISH:
			c->end = todo.end;
			break;
		case FL_DO_RELEASE:
			return;
		default:
			fail_msg("nothing to wait for");
		}
	}
	fail_msg("the call does not end");
}

static void
test_in_a_call(void **state)
{
	struct fl_breaker_opts bo;
	struct fl_breaker_counters before, after;
	struct fl_fallback_opts o = defaults();
	struct fl_plan plan;
	(void)state;
	fl_plan_init(&plan);
	fl_breaker_opts_init(&bo);
	assert_int_equal(fl_breaker_new(&bo, &plan.breaker, NULL), 0);
	plan.fallback = make(&o);
	/* It is taken when the call fails, and its success does not vote: the breaker counts the one failure. */
	struct course c = { .outcome = FL_FAILED, .fallback_good = true };
	fl_breaker_counters(plan.breaker, &before);
	go(&plan, 1, &c);
	fl_breaker_counters(plan.breaker, &after);
	assert_true(c.attempts == 1 && c.fallbacks == 1 && c.end == FL_END_FALLBACK);
	assert_true(after.ok == before.ok && after.failed == before.failed + 1);
	/* It fails too: the call has failed, and it is not tried again. */
	c.fallback_good = false;
	go(&plan, 2, &c);
	assert_true(c.attempts == 1 && c.fallbacks == 1 && c.end == FL_END_FAILED);
	/* Refused by a policy. */
	c.fallback_good = true;
	fl_breaker_force(plan.breaker, FL_BREAKER_FORCED_OPEN, FL_SEC);
	go(&plan, 3, &c);
	assert_true(c.attempts == 0 && c.fallbacks == 1 && c.end == FL_END_FALLBACK);
	fl_breaker_force(plan.breaker, FL_BREAKER_CLOSED, FL_SEC);
	assert_int_equal(counters(plan.fallback).inflight, 0);
	fl_fallback_free(plan.fallback);
	/* Rehearsed: taken though nothing is wrong; if it fails, the call goes the usual way, and falls back no more. */
	o.rehearse = 1;
	plan.fallback = make(&o);
	c.outcome = FL_OK;
	go(&plan, 4, &c);
	assert_true(c.attempts == 0 && c.fallbacks == 1 && c.end == FL_END_FALLBACK);
	c.fallback_good = false;
	go(&plan, 5, &c);
	assert_true(c.attempts == 1 && c.fallbacks == 1 && c.end == FL_END_ANSWERED);
	c.outcome = FL_FAILED;
	go(&plan, 6, &c);
	assert_true(c.attempts == 1 && c.fallbacks == 1 && c.end == FL_END_FAILED);
	assert_int_equal(counters(plan.fallback).rehearsed, 3);
	assert_int_equal(counters(plan.fallback).bad, 2);
	assert_int_equal(counters(plan.fallback).inflight, 0);
	fl_fallback_free(plan.fallback);
	fl_breaker_free(plan.breaker);
}

/* ---- threads ---- */

struct crowd {
	struct fl_fallback *f;
	_Atomic int inflight, most;
	_Atomic uint64_t taken;
};

static void
crowd_body(void *ud, unsigned me)
{
	struct crowd *c = ud;
	for (int n = 0; n < 20000; n++) {
		int have = 0;
		for (int k = 0; k < 3; k++)
			have += fl_fallback_admit(c->f, FL_FALLBACK_FAILED, (n + (int)me) % 5 == 0, NULL) == 0;
		int is = atomic_fetch_add(&c->inflight, have) + have, most = atomic_load(&c->most);
		while (is > most && !atomic_compare_exchange_weak(&c->most, &most, is))
			;
		atomic_fetch_add(&c->taken, (uint64_t)have);
		atomic_fetch_sub(&c->inflight, have);
		while (have-- > 0)
			fl_fallback_done(c->f, n % 2 == 0, FL_SEC);
	}
}

static void
test_threads(void **state)
{
	struct fl_fallback_opts o = defaults();
	(void)state;
	o.max = 5;
	struct crowd crowd = { .f = make(&o) };
	threads_run(4, crowd_body, &crowd);
	struct fl_fallback_counters c = counters(crowd.f);
	assert_in_range(crowd.most, 3, 5);
	assert_int_equal(c.inflight, 0);
	assert_int_equal(c.taken + c.rehearsed, crowd.taken);
	assert_int_equal(c.good + c.bad, crowd.taken);
	assert_int_equal(c.refused + crowd.taken, 4 * 3 * 20000);
	fl_fallback_free(crowd.f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_on),
		cmocka_unit_test(test_bulkhead),
		cmocka_unit_test(test_done_once),
		cmocka_unit_test(test_rehearsals),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_in_a_call),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
