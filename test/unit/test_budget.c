/* SPDX-License-Identifier: MIT */
/* test_budget.c - retries are paid by successes: what an outage may cost, and that nobody spends a token twice. */
#include "policy_rig.h"

#include <faultline/retry.h>

static struct fl_budget_opts
opts(double ratio, double max, double reserve)
{
	struct fl_budget_opts o;
	fl_budget_opts_init(&o);
	o.name = "t";
	o.ratio = ratio;
	o.max = max;
	o.reserve = reserve;
	return o;
}

static struct fl_budget *
make(double ratio, double max, double reserve)
{
	struct fl_budget_opts o = opts(ratio, max, reserve);
	struct fl_budget *b = NULL;
	assert_int_equal(fl_budget_new(&o, &b, NULL), 0);
	return b;
}

static double
tokens(const struct fl_budget *b)
{
	struct fl_budget_counters c;
	fl_budget_counters(b, &c);
	return c.tokens;
}

static void
deposit(struct fl_budget *b, int n)
{
	while (n-- > 0)
		fl_budget_deposit(b, 0);
}

static int
spend(struct fl_budget *b, fl_ns now)
{
	int n = 0;
	while (n < 100000 && fl_budget_withdraw(b, now, NULL) == 0)
		n++;
	return n;
}

static void
test_options(void **state)
{
	struct fl_budget_opts o;
	struct fl_budget *b = NULL;
	(void)state;
#define BAD(field, value) RIG_BAD(fl_budget_new, fl_budget_opts_init, o, b, field, value)
	BAD(cells, 0);
	BAD(cells, FL_CELLS_MAX + 1);
	BAD(ratio, -0.1);
	BAD(ratio, 1.1);
	BAD(ratio, 0.0 / 0.0);
	BAD(max, 0.5);
	BAD(max, 1e10);
	BAD(reserve, -1);
	BAD(enforce, 2);
#undef BAD
	o = opts(0.1, 10, 0);
	RIG_NO_MEMORY(fl_budget_new, fl_budget_free, o, b);
}

static void
test_successes_pay(void **state)
{
	struct fl_budget *b = make(0.1, 10, 0);
	struct fl_refusal why;
	char say[128];
	(void)state;
	assert_int_equal(spend(b, S), 10);                      /* full at first */
	deposit(b, 160);
	assert_int_equal(spend(b, S), 16 * 10 / 16);            /* capped: 16 were earned */
	deposit(b, 32);
	assert_int_equal(spend(b, S), 3);                       /* 3.2 */
	assert_int_equal(fl_budget_withdraw(b, 1000 * S, &why), -EAGAIN);
	assert_int_equal(why.by, FL_WHO_BUDGET);
	assert_int_equal(why.retry_after, 0);                   /* without a reserve, nobody knows */
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the retry budget \"t\" is spent: 0.20 of 10 tokens");
	fl_budget_refund(b);
	assert_int_equal(fl_budget_withdraw(b, 1000 * S, NULL), 0);
	assert_string_equal(fl_budget_explain(b, say, sizeof(say)),
	    "0.2 of 10 tokens; a success adds 0.10, 0.00 come each second; 24 retries paid, 4 refused");
	fl_budget_free(b);
}

static void
test_reserve(void **state)
{
	struct fl_budget *b = make(0, 5, 2);
	struct fl_refusal why;
	(void)state;
	assert_int_equal(spend(b, S), 5);
	assert_int_equal(fl_budget_withdraw(b, S + 100 * MS, &why), -EAGAIN);
	assert_int_equal(why.retry_after, 400 * MS);            /* 0.2 of a token are there, 2 come each second */
	assert_int_equal(fl_budget_withdraw(b, S + 499 * MS, NULL), -EAGAIN);
	assert_int_equal(spend(b, S + 500 * MS), 1);
	assert_int_equal(spend(b, 3 * S), 3);
	assert_int_equal(spend(b, 3000 * S), 5);                /* never more than it holds */
	assert_int_equal(spend(b, 2999 * S), 0);                /* another thread's clock is behind */
	struct fl_budget_counters c;
	fl_budget_counters(b, &c);
	assert_int_equal(c.withdrawn, 5 + 1 + 3 + 5);
	fl_budget_free(b);
	/* Asked every 10 us, for less than a millionth each time: nothing is lost to rounding. */
	b = make(0, 1, 0.09);
	for (int i = 0; i < 1200000; i++)
		fl_budget_withdraw(b, S + i * 10 * FL_US, NULL);
	fl_budget_counters(b, &c);
	assert_int_equal(c.withdrawn, 2);
	fl_budget_free(b);
}

static void
test_observe(void **state)
{
	struct fl_budget_opts o = opts(0, 2, 0);
	struct fl_budget_counters c;
	struct fl_budget *b = NULL;
	(void)state;
	o.enforce = 0;
	assert_int_equal(fl_budget_new(&o, &b, NULL), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(fl_budget_withdraw(b, S, NULL), 0);
	fl_budget_counters(b, &c);
	assert_true(c.withdrawn == 2 && c.would_refuse == 98 && c.refused == 0);
	fl_budget_free(b);
	o.enforce = 0.5;
	assert_int_equal(fl_budget_new(&o, &b, NULL), 0);
	for (int i = 0; i < 1002; i++)
		fl_budget_withdraw(b, S, NULL);
	fl_budget_counters(b, &c);
	assert_in_range(c.refused, 430, 570);
	assert_int_equal(c.refused + c.would_refuse, 1000);
	fl_budget_free(b);
}

/* Told when it is spent, and when half of it is back: not with each token. */
static void
test_events(void **state)
{
	struct fl_budget_opts o = opts(1, 16, 0);
	struct rig_news news = { 0 };
	struct fl_budget *b = NULL;
	(void)state;
	o.listener = RIG_LISTENER(&news);
	assert_int_equal(fl_budget_new(&o, &b, NULL), 0);
	assert_int_equal(spend(b, S), 16);
	assert_int_equal(spend(b, S), 0);
	assert_int_equal(news.n, 1);
	assert_string_equal(news.e[0].change, "filled>spent");
	assert_string_equal(news.e[0].why, "0.00 of 16 tokens are left");
	assert_int_equal(news.e[0].who, FL_WHO_BUDGET);
	for (int i = 0; i < 5; i++)
		fl_budget_refund(b);
	assert_int_equal(spend(b, S), 5);
	assert_int_equal(news.n, 1);
	deposit(b, 16);
	assert_int_equal(fl_budget_withdraw(b, 2 * S, NULL), 0);
	assert_int_equal(news.n, 2);
	assert_string_equal(news.e[1].change, "spent>filled");
	fl_budget_free(b);
}

/*
 * Calls that retry for as long as the budget lets them. In an outage attempts are no more than 1.1 x the calls; and at any time
 * retries are no more than what was in the bucket, plus the ratio of the successes, plus the reserve.
 */
static void
walk(uint64_t seed)
{
	struct dice d = { .seed = seed };
	double ratio = (1 + dice_roll(&d, 10)) / 100.0, max = 1 + dice_roll(&d, 20), reserve = dice_roll(&d, 10) / 10.0;
	struct fl_budget *b = make(ratio, max, reserve);
	fl_ns now = 0;
	double ok = 0, retries = 0;
	for (int phase = 0; phase < 8; phase++) {
		uint32_t failing = dice_roll(&d, 3) * 50;       /* % */
		double calls = 0, extra = 0, before = tokens(b);
		fl_ns began = now;
		for (int i = 0; i < 3000; i++) {
			now += dice_roll(&d, 2 * MS);
			calls++;
			for (int attempt = 1; attempt <= 4; attempt++) {
				if (dice_roll(&d, 100) >= failing) {
					fl_budget_deposit(b, 0);
					ok++;
					break;
				}
				if (attempt == 4 || fl_budget_withdraw(b, now, NULL) != 0)
					break;
				retries++;
				extra++;
				assert_true(retries <= max + ratio * ok + reserve * (double)now / 1e9 + 1e-3);
			}
		}
		if (failing == 100)
			assert_true(extra <= before + reserve * (double)(now - began) / 1e9 + 1e-3 && calls + extra <= 1.1 * calls);
		assert_true(tokens(b) <= max);
	}
	fl_budget_free(b);
}

static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++)
		walk(seed);
}

struct mob {
	struct fl_budget *b;
	_Atomic uint64_t paid, refunded, ok;
};

static void
mob_work(void *subject, unsigned cell)
{
	struct mob *m = subject;
	struct dice d = { .seed = cell };
	for (int i = 0; i < 20000; i++) {
		if (dice_roll(&d, 3) > 0) {
			fl_budget_deposit(m->b, cell);
			atomic_fetch_add(&m->ok, 1);
		} else if (fl_budget_withdraw(m->b, S + i * MS, NULL) == 0) {
			atomic_fetch_add(&m->paid, 1);
			if (dice_roll(&d, 50) == 0) {
				fl_budget_refund(m->b);
				atomic_fetch_add(&m->refunded, 1);
			}
		}
	}
}

static void
test_threads(void **state)
{
	struct fl_budget_opts o = opts(0.1, 20, 1);
	struct mob m = { 0 };
	(void)state;
	o.cells = RIG_THREADS;
	assert_int_equal(fl_budget_new(&o, &m.b, NULL), 0);
	threads_run(RIG_THREADS, mob_work, &m);
	double most = 20 + 0.1 * (double)m.ok + 20 + (double)m.refunded;       /* 20 s of reserve */
	assert_true((double)m.paid <= most);
	assert_true((double)m.paid >= most - 20 - 20 - 10);     /* and little is lost: the bucket's cap, and what cells hold */
	fl_budget_free(m.b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_successes_pay),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
