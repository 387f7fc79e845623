/* SPDX-License-Identifier: MIT */
/* test_limiter.c - never more than burst + rate x time, exactly when to come back, and nothing lost between. */
#include "policy_rig.h"

#include <faultline/limiter.h>
#include <math.h>

static struct fl_limiter_opts
opts(double rate, double burst)
{
	struct fl_limiter_opts o;
	fl_limiter_opts_init(&o);
	o.name = "r";
	o.rate = rate;
	o.burst = burst;
	return o;
}

static struct fl_limiter *
make(double rate, double burst)
{
	struct fl_limiter_opts o = opts(rate, burst);
	struct fl_limiter *l = NULL;
	assert_int_equal(fl_limiter_new(&o, &l, NULL), 0);
	return l;
}

static int
admit(struct fl_limiter *l, fl_ns now)
{
	return fl_limiter_admit(l, 1, now, NULL);
}

/* How many calls go at this moment. */
static int
burst_of(struct fl_limiter *l, fl_ns now)
{
	int n = 0;
	while (n < 100000 && admit(l, now) == 0)
		n++;
	return n;
}

static void
test_options(void **state)
{
	struct fl_limiter_opts o;
	struct fl_limiter *l = NULL;
	const char *field = NULL;
	(void)state;
#define INIT(o) (*(o) = opts(10, 5))
#define BAD(field, value) RIG_BAD(fl_limiter_new, INIT, o, l, field, value)
	BAD(rate, 0);
	BAD(rate, -1);
	BAD(rate, 1e10);
	BAD(rate, 0.0 / 0.0);
	BAD(burst, 0.5);
	BAD(burst, 1e10);
	BAD(enforce, 1.5);
#undef BAD
	fl_limiter_opts_init(&o);               /* the rate is required */
	assert_int_equal(fl_limiter_new(&o, &l, &field), -EINVAL);
	assert_string_equal(field, "rate");
	o.rate = 0.001;                         /* good each, too long together */
	o.burst = 1e9;
	assert_int_equal(fl_limiter_new(&o, &l, &field), -EINVAL);
	assert_string_equal(field, "burst");
	o = opts(10, 5);
	RIG_NO_MEMORY(fl_limiter_new, fl_limiter_free, o, l);
}

static void
test_smooth(void **state)
{
	struct fl_limiter *l = make(10, 1);
	struct fl_refusal why;
	char say[128];
	(void)state;
	for (fl_ns t = S; t < 3 * S; t += 100 * MS) {
		assert_int_equal(admit(l, t), 0);
		assert_int_equal(admit(l, t), -EAGAIN);
		assert_int_equal(fl_limiter_admit(l, 1, t + 99 * MS, &why), -EAGAIN);
		assert_int_equal(why.retry_after, MS);
	}
	assert_int_equal(why.by, FL_WHO_RATE_LIMIT);
	assert_string_equal(fl_refusal_say(&why, say, sizeof(say)), "the rate limiter \"r\" lets 10 a second through, 1 at once; try again in 1ms");
	fl_limiter_free(l);
}

static void
test_burst(void **state)
{
	struct fl_limiter *l = make(100, 20);
	char say[128];
	(void)state;
	assert_int_equal(burst_of(l, S), 20);
	assert_string_equal(fl_limiter_explain(l, S, say, sizeof(say)), "100 a second, 20 at once; 0.0 of these are free now; 1 refused");
	assert_int_equal(burst_of(l, S + 10 * MS - 1), 0);
	assert_int_equal(burst_of(l, S + 10 * MS), 1);
	assert_int_equal(burst_of(l, S + 60 * MS), 5);
	assert_int_equal(burst_of(l, 100 * S), 20);             /* idle time is not saved up */
	assert_int_equal(burst_of(l, INT64_C(1790000000) * S), 20);
	fl_limiter_free(l);
}

static void
test_cost(void **state)
{
	struct fl_limiter *l = make(10, 5);
	struct fl_refusal why;
	(void)state;
	assert_int_equal(fl_limiter_admit(l, 5.5, S, NULL), -EINVAL);   /* it would never conform */
	assert_int_equal(fl_limiter_admit(l, 0, S, NULL), -EINVAL);
	assert_int_equal(fl_limiter_admit(l, -1, S, NULL), -EINVAL);
	assert_int_equal(fl_limiter_admit(l, NAN, S, NULL), -EINVAL);
	assert_int_equal(fl_limiter_admit(l, 3, S, NULL), 0);
	assert_int_equal(fl_limiter_admit(l, 3, S, &why), -EAGAIN);
	assert_int_equal(why.retry_after, 100 * MS);
	assert_int_equal(fl_limiter_admit(l, 1.5, S, NULL), 0);
	assert_int_equal(fl_limiter_admit(l, 0.5, S, NULL), 0);
	assert_int_equal(fl_limiter_admit(l, 0.25, S, NULL), -EAGAIN);
	assert_int_equal(fl_limiter_admit(l, 5, S + 500 * MS, NULL), 0);
	fl_limiter_free(l);
}

static void
test_reserve(void **state)
{
	struct fl_limiter *l = make(10, 2);
	struct fl_refusal why;
	fl_ns wait = 77;
	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fl_limiter_reserve(l, 1, 300 * MS, S, &wait, NULL), 0);
		assert_int_equal(wait, i < 2 ? 0 : (i - 1) * 100 * MS);
	}
	wait = 77;
	assert_int_equal(fl_limiter_reserve(l, 1, 300 * MS, S, &wait, &why), -EAGAIN);
	assert_int_equal(wait, 77);
	assert_int_equal(why.retry_after, 400 * MS);
	assert_int_equal(fl_limiter_reserve(l, 1, -1, S, &wait, NULL), -EINVAL);
	assert_int_equal(fl_limiter_reserve(l, 3, 0, S, &wait, NULL), -EINVAL);
	/* Any patience: the word does not overflow, however much is promised. */
	for (int i = 0; i < 100; i++)
		fl_limiter_reserve(l, 2, FL_NEVER, INT64_C(1790000000) * S, &wait, NULL);
	assert_true(wait >= 0);
	fl_limiter_free(l);
	l = make(0.001, 100);
	for (int i = 0; i < 1000000; i++)
		if (fl_limiter_reserve(l, 100, FL_NEVER, INT64_C(1790000000) * S, &wait, NULL) != 0)
			break;
	assert_true(wait >= 0 && wait <= INT64_C(1000000000) * S);
	fl_limiter_free(l);
}

/* A new rate holds at once, and what was let through ahead of the old one is not forgotten. */
static void
test_retune(void **state)
{
	struct fl_limiter *l = make(1, 100);
	struct fl_limiter_counters c;
	struct fl_refusal why;
	(void)state;
	assert_int_equal(burst_of(l, S), 100);
	assert_int_equal(fl_limiter_retune(l, 1000, 100, S), 0);        /* 100 calls are owed: 100 ms of the new rate */
	assert_int_equal(fl_limiter_admit(l, 1, S, &why), -EAGAIN);
	assert_int_equal(why.retry_after, MS);
	assert_int_equal(burst_of(l, S + 10 * MS), 10);
	assert_int_equal(fl_limiter_retune(l, 10, 20, 2 * S), 0);
	assert_int_equal(burst_of(l, 2 * S), 20);
	assert_int_equal(fl_limiter_retune(l, 0, 20, 2 * S), -EINVAL);
	assert_int_equal(fl_limiter_retune(l, 10, 0, 2 * S), -EINVAL);
	fl_limiter_counters(l, &c);
	assert_true(c.rate == 10 && c.burst == 20 && c.refused == 4);
	fl_limiter_free(l);
}

static void
test_observe(void **state)
{
	struct fl_limiter_opts o = opts(1, 10);
	struct fl_limiter_counters c;
	struct fl_limiter *l = NULL;
	fl_ns wait = 77;
	(void)state;
	o.enforce = 0;
	assert_int_equal(fl_limiter_new(&o, &l, NULL), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(admit(l, S), 0);
	assert_int_equal(fl_limiter_reserve(l, 1, 0, S, &wait, NULL), 0);
	assert_int_equal(wait, 0);
	fl_limiter_counters(l, &c);
	assert_true(c.refused == 0 && c.would_refuse == 91);
	fl_limiter_free(l);
	o.enforce = 0.25;
	assert_int_equal(fl_limiter_new(&o, &l, NULL), 0);
	for (int i = 0; i < 10010; i++)
		admit(l, S);
	fl_limiter_counters(l, &c);
	assert_in_range(c.refused, 2300, 2700);
	assert_int_equal(c.refused + c.would_refuse, 10000);
	fl_limiter_free(l);
}

/* Beside a bucket that leaks: the same answer to each call, and the time to come back is exact. */
static void
walk(uint64_t seed)
{
	struct dice d = { .seed = seed };
	fl_ns interval = 1000 * (1 + dice_roll(&d, 100000));
	double burst = 1 + dice_roll(&d, 20);
	struct fl_limiter *l = make(1e9 / (double)interval, burst);
	fl_ns now = dice_roll(&d, 1000) * S, owed = 0;          /* ns of calls in the bucket */
	for (int i = 0; i < 5000; i++) {
		fl_ns step = dice_roll(&d, 3) == 0 ? 0 : dice_roll(&d, (uint32_t)interval * 2);
		now += step;
		owed = owed > step ? owed - step : 0;
		double cost = dice_roll(&d, 4) ? 1 : 1 + dice_roll(&d, (uint32_t)burst);
		fl_ns more = (fl_ns)cost * interval, room = (fl_ns)burst * interval - owed;
		struct fl_refusal why;
		int r = fl_limiter_admit(l, cost, now, &why);
		if (r == 0) {
			assert_true(more <= room);
			owed += more;
		} else {
			assert_true(more > room);
			assert_int_equal(why.retry_after, more - room);
			if (dice_roll(&d, 2)) {                 /* come back exactly then */
				now += why.retry_after;
				owed -= why.retry_after;
				assert_int_equal(fl_limiter_admit(l, cost, now - 1, NULL), -EAGAIN);
				assert_int_equal(fl_limiter_admit(l, cost, now, NULL), 0);
				owed += more;
			}
		}
	}
	fl_limiter_free(l);
}

static void
test_walk(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++)
		walk(seed);
}

struct mob {
	struct fl_limiter *l;
	fl_ns step;
	_Atomic uint64_t admitted;
};

static void
mob_work(void *subject, unsigned cell)
{
	struct mob *m = subject;
	(void)cell;
	for (int i = 0; i < 20000; i++)
		if (admit(m->l, S + i * m->step) == 0)
			atomic_fetch_add(&m->admitted, 1);
}

/* Threads that ask at one moment get the burst, one more never; over time, that and the rate. */
static void
test_threads(void **state)
{
	struct mob m = { .l = make(10, 777) };
	(void)state;
	threads_run(RIG_THREADS, mob_work, &m);
	assert_int_equal(m.admitted, 777);
	fl_limiter_free(m.l);
	m = (struct mob){ .l = make(1000, 50), .step = 50 * FL_US };    /* 1 s all in all */
	threads_run(RIG_THREADS, mob_work, &m);
	assert_in_range(m.admitted, 1000, 1050);
	fl_limiter_free(m.l);
}

/* It says that it limits, once, and that it does so no more when it has refused nobody for a second. */
static void
test_events(void **state)
{
	struct fl_limiter_opts o = opts(10, 2);
	struct rig_news news = { 0 };
	struct fl_limiter *l = NULL;
	fl_ns wait;
	(void)state;
	o.listener = RIG_LISTENER(&news);
	assert_int_equal(fl_limiter_new(&o, &l, NULL), 0);
	assert_int_equal(burst_of(l, S), 2);
	assert_int_equal(news.n, 1);
	assert_string_equal(news.e[0].change, "passing>limiting");
	assert_string_equal(news.e[0].why, "more than 10 a second, and 2 at once");
	assert_true(news.e[0].at == S && news.e[0].who == FL_WHO_RATE_LIMIT);
	assert_int_equal(admit(l, S + 100 * MS), 0);
	assert_int_equal(admit(l, S + 100 * MS), -EAGAIN);
	assert_int_equal(admit(l, S + 1099 * MS), 0);                   /* the last one is not yet a second ago */
	assert_int_equal(news.n, 1);
	assert_int_equal(admit(l, S + 1100 * MS), 0);
	assert_int_equal(news.n, 2);
	assert_string_equal(news.e[1].change, "limiting>passing");
	assert_string_equal(news.e[1].why, "none was refused for 1.0s, 2 before");
	assert_int_equal(fl_limiter_reserve(l, 2, 0, S + 1100 * MS, &wait, NULL), -EAGAIN);
	assert_int_equal(news.n, 3);
	assert_int_equal(fl_limiter_reserve(l, 2, 0, 9 * S, &wait, NULL), 0);
	assert_int_equal(news.n, 4);
	assert_string_equal(news.e[3].why, "none was refused for 1.0s, 1 before");
	fl_limiter_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_smooth),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_retune),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
