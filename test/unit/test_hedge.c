/* SPDX-License-Identifier: MIT */
/* test_hedge.c - when to hedge: quantiles that are right though attempts are cut short, limits, one budget with retries. */
#include "faultline/call.h"
#include "faultline/hedge.h"

#include "base/types.h"
#include "unit.h"
#include "threads.h"
#include <errno.h>
#include <math.h>
#include <stdatomic.h>

#define SEC FL_SEC

static struct fl_hedge *
make(const struct fl_hedge_opts *o)
{
	struct fl_hedge *h;
	assert_int_equal(fl_hedge_new(o, &h, NULL), 0);
	return h;
}

static struct fl_hedge_opts
defaults(void)
{
	struct fl_hedge_opts o;
	fl_hedge_opts_init(&o);
	return o;
}

static void
expect_refused(struct fl_hedge_opts o, const char *field)
{
	struct fl_hedge *h = NULL;
	const char *got = "";
	assert_int_equal(fl_hedge_new(&o, &h, &got), -EINVAL);
	assert_string_equal(got, field);
	assert_null(h);
}

static void
test_options(void **state)
{
	struct fl_hedge_opts o;
	(void)state;
#define BAD(field, value) do { o = defaults(); o.field = value; expect_refused(o, #field); } while (0)
	BAD(cells, 0);
	BAD(cells, FL_CELLS_MAX + 1);
	BAD(quantile, 0);
	BAD(quantile, 1);
	BAD(quantile, NAN);
	BAD(fixed, -1);
	BAD(delay_min, -1);
	BAD(delay_max, FL_MS / 2);
	BAD(window, 0);
	BAD(enforce, -0.1);
	BAD(enforce, 1.1);
	BAD(enforce, NAN);
#undef BAD
	/* Options of a caller that was compiled when there were fewer of them. */
	char small[offsetof(struct fl_hedge_opts, fixed)];
	fl_hedge_opts_init_size((struct fl_hedge_opts *)(void *)small, sizeof(small));
	struct fl_hedge *h = make((struct fl_hedge_opts *)(void *)small);
	assert_int_equal(fl_hedge_delay(h), FL_NEVER);
	fl_hedge_free(h);
	fl_hedge_free(NULL);
}

/* Is got the quantile, as well as buckets of 12.5 % can tell? */
static void
expect_about(fl_ns got, double want)
{
	if ((double)got < want || (double)got > want * 1.126 + 16385)
		fail_msg("%.3f ms where %.3f ms are right", (double)got / 1e6, want / 1e6);
}

static void
test_quantiles(void **state)
{
	struct fl_hedge_opts o = defaults();
	(void)state;
	o.samples_min = 1000;
	struct fl_hedge *h = make(&o);
	for (int i = 1; i < 1000; i++)
		fl_hedge_record(h, 0, i * FL_MS, false, SEC);
	assert_int_equal(fl_hedge_quantile(h, 0.5, SEC), FL_NEVER);
	fl_hedge_record(h, 0, 1000 * FL_MS, false, SEC);
	for (int p = 1; p < 100; p++)
		expect_about(fl_hedge_quantile(h, p / 100.0, SEC), p * 10 * 1e6);
	/* They count for this window and the next, and then no more. */
	assert_true(fl_hedge_quantile(h, 0.5, 59 * SEC) != FL_NEVER);
	assert_int_equal(fl_hedge_quantile(h, 0.5, 60 * SEC), FL_NEVER);
	/* Anything a clock can say has a bucket. */
	fl_hedge_record(h, 0, INT64_MAX, false, SEC);
	fl_hedge_record(h, 0, 0, false, SEC);
	fl_hedge_record(h, 0, -5, true, SEC);
	fl_hedge_free(h);
}

/* What the product-limit estimator says, of latencies no two of which share a bucket. */
struct reference {
	struct { unsigned level; bool cut; fl_ns at; } s[4096];
	unsigned count;
};

static double
reference_quantile(const struct reference *r, double q, fl_ns now, fl_ns window, unsigned *ret_count)
{
	double survive = 1;
	unsigned in = 0, at_risk;
	for (unsigned i = 0; i < r->count; i++)
		in += now / window - r->s[i].at / window <= 1;
	*ret_count = at_risk = in;
	for (unsigned level = 0; level < 64 && at_risk > 0; level++) {
		unsigned ended = 0, cut = 0;
		for (unsigned i = 0; i < r->count; i++) {
			if (now / window - r->s[i].at / window > 1 || r->s[i].level != level)
				continue;
			ended += !r->s[i].cut;
			cut += r->s[i].cut;
		}
		survive *= 1 - (double)ended / at_risk;
		if (survive <= 1 - q + 1e-12)
			return 1e6 * pow(1.3, level);
		at_risk -= ended + cut;
	}
	return INFINITY;
}

/* Random attempts, a third of them cut short, over random times: always as the reference says. */
static void
test_reference(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct dice d = { .seed = seed };
		struct fl_hedge_opts o = defaults();
		static struct reference r;
		fl_ns now = SEC;
		unsigned known = 0, never = 0;
		r.count = 0;
		o.samples_min = 20;
		o.cells = 3;
		o.window = 5 * SEC;
		struct fl_hedge *h = make(&o);
		for (int n = 0; n < 1000; n++) {
			unsigned level = dice_roll(&d, 24), in;
			bool cut = dice_roll(&d, 3) == 0;
			now += dice_roll(&d, 100) == 0 ? (fl_ns)dice_roll(&d, 12) * SEC : (fl_ns)dice_roll(&d, 60) * FL_MS;
			fl_hedge_record(h, dice_roll(&d, 3), (fl_ns)(1e6 * pow(1.3, level)), cut, now);
			r.s[r.count].level = level;
			r.s[r.count].cut = cut;
			r.s[r.count++].at = now;
			if (n % 7 != 0)
				continue;
			double q = 0.05 + 0.9 * rng_unit(dice_bits(&d)), want = reference_quantile(&r, q, now, o.window, &in);
			fl_ns got = fl_hedge_quantile(h, q, now);
			if (in < 20 || isinf(want)) {
				assert_int_equal(got, FL_NEVER);
				never++;
			} else {
				expect_about(got, want);
				known++;
			}
		}
		assert_true(known > 30 && never > 0);
		fl_hedge_free(h);
	}
}

/*
 * Hedging changes what is seen: the slow first attempts are the ones that lose. The delay must stay where the service's own quantile
 * is. Told of the answers alone, it sinks until much of everything is hedged.
 */
static void
hedge_loop(bool honest, double *ret_hedged, fl_ns *ret_delay)
{
	struct fl_hedge_opts o = defaults();
	unsigned hedged = 0, calls = 40000;
	fl_ns now = 0;
	o.window = SEC;
	struct fl_hedge *h = make(&o);
	for (unsigned i = 0; i < calls; i++) {
		/* Log-normal, median 10 ms, p95 about 52 ms. */
		fl_ns first = (fl_ns)(10e6 * exp(rng_normal(rng_block(7, i, 1)))), second = (fl_ns)(10e6 * exp(rng_normal(rng_block(7, i, 2))));
		fl_ns delay = fl_hedge_delay(h);
		now += FL_MS;
		if (delay == FL_NEVER || first <= delay) {
			fl_hedge_record(h, 0, first, false, now);
			continue;
		}
		hedged += i >= calls / 2;
		bool lost = delay + second < first;
		if (honest) {
			fl_hedge_record(h, 0, lost ? delay + second : first, lost, now);
			fl_hedge_record(h, 0, lost ? second : first - delay, !lost, now);
		} else {
			fl_hedge_record(h, 0, lost ? second : first, false, now);
		}
	}
	*ret_hedged = hedged / (calls / 2.0);
	*ret_delay = fl_hedge_delay(h);
	fl_hedge_free(h);
}

static void
test_censoring(void **state)
{
	double hedged, naive_hedged;
	fl_ns delay, naive;
	(void)state;
	hedge_loop(true, &hedged, &delay);
	hedge_loop(false, &naive_hedged, &naive);
	double truth = 10e6 * exp(1.6449);
	if (hedged > 0.06 || fabs((double)delay / truth - 1) > 0.25)
		fail_msg("hedged %.1f %%, delay %.1f ms, the quantile is %.1f", 100 * hedged, (double)delay / 1e6, truth / 1e6);
	assert_true((double)naive < 0.8 * truth && naive_hedged > 1.3 * hedged);         /* else this test shows nothing */
}

static void
test_limits(void **state)
{
	struct fl_hedge_opts o = defaults();
	char say[256];
	(void)state;
	struct fl_hedge *h = make(&o);
	assert_int_equal(fl_hedge_delay(h), FL_NEVER);
	assert_non_null(strstr(fl_hedge_explain(h, say, sizeof(say)), "not yet: 0 samples, 100 are needed"));
	for (int i = 0; i < 200; i++)
		fl_hedge_record(h, 0, 100 * FL_US, false, SEC);
	assert_int_equal(fl_hedge_delay(h), FL_MS);                     /* delay_min */
	assert_non_null(strstr(fl_hedge_explain(h, say, sizeof(say)), "after 1ms, p95 of what attempts take"));
	for (int i = 0; i < 400; i++)
		fl_hedge_record(h, 0, 20 * SEC, false, SEC);
	assert_int_equal(fl_hedge_delay(h), FL_NEVER);                  /* delay_max */
	assert_non_null(strstr(fl_hedge_explain(h, say, sizeof(say)), "not now: p95 is over 10s"));
	/* After a pause the past is over: it takes as many samples as at first. */
	for (int i = 0; i < 99; i++)
		fl_hedge_record(h, 0, 5 * FL_MS, false, 300 * SEC);
	assert_int_equal(fl_hedge_delay(h), FL_NEVER);
	for (int i = 0; i < 64; i++)
		fl_hedge_record(h, 0, 5 * FL_MS, false, 300 * SEC);
	expect_about(fl_hedge_delay(h), 5e6);
	/* Of attempts that never end by themselves nothing is known, least of all that they are fast. */
	for (int i = 0; i < 200; i++)
		fl_hedge_record(h, 0, 6 * FL_MS, true, 600 * SEC);
	assert_int_equal(fl_hedge_delay(h), FL_NEVER);
	assert_non_null(strstr(fl_hedge_explain(h, say, sizeof(say)), "cut short"));
	struct fl_hedge_counters c;
	fl_hedge_counters(h, &c);
	assert_int_equal(c.samples, 200 + 400 + 99 + 64 + 200);
	assert_int_equal(c.cut_short, 200);
	assert_int_equal(c.delay, FL_NEVER);
	fl_hedge_free(h);
	/* A few samples are enough if that is asked for, and a fixed delay needs none. */
	o.samples_min = 10;
	h = make(&o);
	for (int i = 0; i < 10; i++)
		fl_hedge_record(h, 0, 5 * FL_MS, false, SEC);
	expect_about(fl_hedge_delay(h), 5e6);
	fl_hedge_free(h);
	o.fixed = 30 * FL_MS;
	h = make(&o);
	for (int i = 0; i < 500; i++)
		fl_hedge_record(h, 0, SEC, false, SEC);
	assert_int_equal(fl_hedge_delay(h), 30 * FL_MS);
	assert_string_equal(fl_hedge_explain(h, say, sizeof(say)), "after 30ms; 0 started, 0 of them answered first");
	fl_hedge_free(h);
}

static void
test_modes(void **state)
{
	static const double shares[] = { 0, 0.3, 1 };
	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(shares); k++) {
		struct fl_hedge_opts o = defaults();
		struct fl_hedge_counters c;
		unsigned yes = 0;
		o.enforce = shares[k];
		o.seed = 9;
		struct fl_hedge *h = make(&o);
		for (int i = 0; i < 10000; i++)
			yes += fl_hedge_enforced(h);
		assert_true(fabs(yes / 10000.0 - shares[k]) < 0.02);
		fl_hedge_counters(h, &c);
		assert_int_equal(c.would_start, 10000 - yes);
		fl_hedge_free(h);
	}
}

/* Calls whose attempts hang: each would hedge. What one budget does not pay for is not made, whoever wants it. */
static void
test_budget(void **state)
{
	struct fl_hedge_opts ho = defaults();
	struct fl_budget_opts bo;
	struct fl_hedge_counters c;
	struct fl_plan plan;
	(void)state;
	fl_budget_opts_init(&bo);
	bo.reserve = 0;
	ho.fixed = 10 * FL_MS;
	fl_plan_init(&plan);
	plan.hedge = make(&ho);
	plan.hedges_max = 1;
	plan.retry.attempts_max = 3;
	assert_int_equal(fl_budget_new(&bo, &plan.budget, NULL), 0);
	unsigned attempts = 0, hedges = 0;
	for (uint64_t key = 0; key < 100; key++) {
		struct fl_call call;
		struct fl_todo todo;
		struct fl_call_info info = { .key = key, .idempotent = true };
		struct fl_attempt_result failed = { .outcome = FL_FAILED, .sent = FL_ANSWERED, .retryable = true };
		fl_ns now = (fl_ns)key * SEC;
		unsigned flying = 0;
		bool over = false;
		fl_call_start(&call, &plan, &info, NULL, now);
		while (!over) {
			switch (fl_call_next(&call, now, &todo)) {
			case FL_DO_ATTEMPT:
				attempts++;
				hedges += todo.hedge;
				flying |= 1u << todo.attempt;
				break;
			case FL_DO_WAIT:
				/* Attempts fail after 50 ms, each. */
				if (flying != 0 && now >= (fl_ns)key * SEC + 50 * FL_MS) {
					unsigned i = (unsigned)__builtin_ctz(flying);
					flying &= ~(1u << i);
					fl_call_done(&call, i, &failed, now);
				}
				now += FL_MS;
				break;
			case FL_DO_CANCEL:
				flying &= ~(1u << todo.attempt);
				failed.outcome = FL_CANCELLED;
				fl_call_done(&call, todo.attempt, &failed, now);
				break;
			case FL_DO_RELEASE:
				over = true;
				break;
			default:
				break;
			}
		}
	}
	assert_int_equal(attempts, 110);                /* nothing succeeds, so ten tokens are all there is */
	assert_in_range(hedges, 4, 6);                  /* a call of the first spends one on its hedge, then one on a retry */
	fl_hedge_counters(plan.hedge, &c);
	assert_int_equal(c.started, hedges);
	fl_budget_free(plan.budget);
	fl_hedge_free(plan.hedge);
}

/* A plan may forbid hedges for the moment: its breaker is not closed, its adaptive limit reached, the call not idempotent. */
static void
test_not_now(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 5; how++) {
		struct fl_hedge_opts ho = defaults();
		struct fl_adaptive_opts ao;
		struct fl_breaker_opts bo;
		struct fl_plan plan;
		struct fl_call call;
		struct fl_todo todo;
		struct fl_call_info info = { .idempotent = how != 1 };
		struct fl_attempt_result cancelled = { .outcome = FL_CANCELLED };
		fl_plan_init(&plan);
		fl_adaptive_opts_init(&ao);
		fl_breaker_opts_init(&bo);
		ho.fixed = 10 * FL_MS;
		ho.enforce = how == 2 ? 0 : 1;
		ao.min = ao.initial = ao.max = how == 3 ? 1 : 2;
		plan.hedge = make(&ho);
		plan.hedges_max = 1;
		assert_int_equal(fl_adaptive_new(&ao, &plan.adaptive, NULL), 0);
		assert_int_equal(fl_breaker_new(&bo, &plan.breaker, NULL), 0);
		fl_call_start(&call, &plan, &info, NULL, SEC);
		assert_int_equal(fl_call_next(&call, SEC, &todo), FL_DO_ATTEMPT);
		assert_int_equal(fl_call_next(&call, SEC + 9 * FL_MS, &todo), FL_DO_WAIT);
		if (how == 4)
			fl_breaker_force(plan.breaker, FL_BREAKER_FORCED_OPEN, SEC);
		assert_int_equal(fl_call_next(&call, SEC + 10 * FL_MS, &todo), how == 0 ? FL_DO_ATTEMPT : FL_DO_WAIT);
		fl_call_abandon(&call, SEC + 11 * FL_MS);
		for (unsigned n = 0; n < 20 && fl_call_next(&call, SEC + 11 * FL_MS, &todo) != FL_DO_RELEASE; n++)
			if (todo.what == FL_DO_CANCEL)
				fl_call_done(&call, todo.attempt, &cancelled, SEC + 11 * FL_MS);
		assert_int_equal(todo.what, FL_DO_RELEASE);
		fl_adaptive_free(plan.adaptive);
		fl_breaker_free(plan.breaker);
		fl_hedge_free(plan.hedge);
	}
}

struct crowd {
	struct fl_hedge *h;
	_Atomic fl_ns clock;
};

static void
crowd_body(void *ud, unsigned cell)
{
	struct crowd *c = ud;
	char say[256];
	for (int i = 0; i < 20000; i++) {
		fl_ns now = atomic_fetch_add(&c->clock, FL_MS) + SEC, d;
		fl_hedge_record(c->h, cell, (1 + i % 40) * FL_MS, i % 10 == 9, now);
		if (i % 500 == 0 && (d = fl_hedge_quantile(c->h, 0.5, now)) != FL_NEVER)
			assert_in_range(d, 10 * FL_MS, 40 * FL_MS);
		if (i % 1000 == 0)
			fl_hedge_explain(c->h, say, sizeof(say));
		if (fl_hedge_enforced(c->h))
			fl_hedge_started(c->h);
		fl_hedge_won(c->h, i % 2 == 0);
	}
}

static void
test_threads(void **state)
{
	struct fl_hedge_opts o = defaults();
	struct fl_hedge_counters c;
	(void)state;
	o.cells = 4;
	o.window = 3 * SEC;
	o.enforce = 0.5;
	struct crowd crowd = { .h = make(&o) };
	threads_run(4, crowd_body, &crowd);
	fl_hedge_counters(crowd.h, &c);
	assert_int_equal(c.samples, 80000);
	assert_int_equal(c.cut_short, 8000);
	assert_int_equal(c.started + c.would_start, 80000);
	assert_int_equal(c.won, 40000);
	assert_int_equal(c.lost, 40000);
	fl_hedge_free(crowd.h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_quantiles),
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_censoring),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_not_now),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
