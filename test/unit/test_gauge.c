/* SPDX-License-Identifier: MIT */
/* test_gauge.c - the numbers of made-up runs: windows, healing, amplification; and numbers as people write them. */
#include "unit.h"

#include "run/gauge.h"
#include <math.h>

#define BUCKETS 200             /* of 100 ms: 20 s, from 3 s on */

static struct result_bucket buckets[BUCKETS];
static struct result_fault faults[2];
static struct result_counter counter;
static struct run_result r;
static struct metric_set m;

/* 100 requests a bucket, all of which end well. */
static int
setup(void **state)
{
	(void)state;
	r = (struct run_result){ .duration_ns = 25 * FL_SEC, .faults = faults, .counters = &counter };
	r.load = (struct result_load){ .open = true, .start = 3 * FL_SEC, .length = 20 * FL_SEC, .bucket_ns = 100 * FL_MS, .buckets = buckets,
		.bucket_count = BUCKETS };
	for (uint32_t i = 0; i < BUCKETS; i++)
		buckets[i] = (struct result_bucket){ .at = 3 * FL_SEC + i * 100 * FL_MS, .asked = 100, .asked_ok = 100, .ok = 100 };
	counter = (struct result_counter){ .requests = NAN, .worked = NAN, .wasted = NAN };
	return 0;
}

/* Of those due from..to (ms since the load started) only so many end well. */
static void
spoil(fl_ns from, fl_ns to, uint32_t good)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		if (i * 100 >= from && i * 100 < to)
			buckets[i].asked_ok = buckets[i].ok = good;
}

static void
disturb(fl_ns from, fl_ns to)
{
	faults[r.fault_count++] = (struct result_fault){ .from = 3 * FL_SEC + from * FL_MS, .to = to < 0 ? FL_NEVER : 3 * FL_SEC + to * FL_MS };
}

static void
fill(void)
{
	r.load.ok = r.load.fail = 0;
	for (uint32_t i = 0; i < BUCKETS; i++) {
		r.load.ok += buckets[i].ok;
		r.load.fail += buckets[i].asked - buckets[i].ok;
	}
	gauge_fill(&r, &m);
}

static void
check(enum metric which, double expected)
{
	double got = m.of[which];

	if (isnan(expected) ? !isnan(got) : isinf(expected) ? !isinf(got) : !(fabs(got - expected) <= 1e-6 * (1 + fabs(expected))))
		fail_msg("%s: got %g, expected %g", metric_info(which)->name, got, expected);
}

static void
test_without_disturbance(void **state)
{
	(void)state;
	fill();
	check(METRIC_GOODPUT, 1);
	check(METRIC_RATE, 1000);
	check(METRIC_ERRORS, 0);
	check(METRIC_HEAL, NAN);
	check(METRIC_GOODPUT_DURING, NAN);
	check(METRIC_AMPLIFICATION, NAN);
	check(METRIC_P99, NAN);
}

static void
test_windows_and_time_to_heal(void **state)
{
	(void)state;
	disturb(5000, 8000);
	disturb(6000, 6000);
	spoil(5000, 10000, 20);
	fill();
	check(METRIC_GOODPUT_DURING, 0.2);
	check(METRIC_GOODPUT_AFTER, (20 * 20 + 100 * 100) / 12000.0);
	check(METRIC_GOODPUT, (150 * 100 + 50 * 20) / 20000.0);
	check(METRIC_HEAL, 2.0 * FL_SEC);
}

static void
test_never_disturbed_is_healed_at_once(void **state)
{
	(void)state;
	disturb(5000, 8000);
	fill();
	check(METRIC_HEAL, 0);
}

static void
test_a_dip_in_the_steady_state_is_no_yardstick(void **state)
{
	(void)state;
	/* Half of all requests fail always: the steady state is 50 %, and that is what it comes back to. */
	spoil(0, 20000, 50);
	spoil(5000, 9000, 0);
	disturb(5000, 8000);
	fill();
	check(METRIC_HEAL, 1.0 * FL_SEC);
}

static void
test_not_healed(void **state)
{
	(void)state;
	disturb(5000, 8000);
	spoil(5000, 20000, 30);
	fill();
	check(METRIC_HEAL, INFINITY);
	/* A good second in between does not make it well. */
	spoil(10000, 11500, 100);
	fill();
	check(METRIC_HEAL, INFINITY);
	/* A bad tenth of a second afterwards does not make it ill. */
	spoil(13000, 20000, 100);
	spoil(15000, 15100, 0);
	fill();
	check(METRIC_HEAL, 5.0 * FL_SEC);
}

static void
test_disturbed_until_the_end(void **state)
{
	(void)state;
	disturb(5000, -1);
	fill();
	check(METRIC_HEAL, NAN);
	check(METRIC_GOODPUT_AFTER, NAN);
	check(METRIC_GOODPUT_DURING, 1);
}

static void
test_servers_numbers(void **state)
{
	(void)state;
	r.counter_count = 1;
	counter.requests = 50000;
	fill();
	check(METRIC_AMPLIFICATION, 2.5);
	check(METRIC_WASTED, NAN);
	counter.worked = 40000;
	counter.wasted = 10000;
	fill();
	check(METRIC_WASTED, 0.25);
}

static void
test_nothing_asked(void **state)
{
	(void)state;
	disturb(1, 2);
	r.load = (struct result_load){ .open = true };
	gauge_fill(&r, &m);
	for (int i = 0; i < METRIC_COUNT; i++)
		check((enum metric)i, NAN);
}

static void
test_as_people_write_it(void **state)
{
	static const struct { enum metric_unit unit; const char *text; double value; } good[] = {
		{ UNIT_SHARE, "90%", 0.9 }, { UNIT_SHARE, "0.25", 0.25 }, { UNIT_SHARE, "1", 1 }, { UNIT_RATIO, "1.1", 1.1 },
		{ UNIT_COUNT, "1000", 1000 }, { UNIT_RATE, "500", 500 }, { UNIT_RATE, "500/s", 500 },
		{ UNIT_DURATION, "1m30s", 90.0 * FL_SEC }, { UNIT_DURATION, "0", 0 },
	};
	static const struct { enum metric_unit unit; const char *text; } bad[] = {
		{ UNIT_SHARE, "101%" }, { UNIT_SHARE, "2" }, { UNIT_SHARE, "5s" }, { UNIT_SHARE, "" }, { UNIT_SHARE, "-1" },
		{ UNIT_RATIO, "1%" }, { UNIT_RATIO, "nan" }, { UNIT_RATIO, "inf" }, { UNIT_COUNT, "1.5" }, { UNIT_COUNT, "1e300" },
		{ UNIT_RATE, "5/m" }, { UNIT_DURATION, "5" },
	};
	double v;
	char text[64];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(good); i++) {
		assert_true(metric_parse(good[i].unit, good[i].text, &v));
		assert_true(fabs(v - good[i].value) < 1e-9);
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++)
		if (metric_parse(bad[i].unit, bad[i].text, &v))
			fail_msg("\"%s\" was taken", bad[i].text);
	assert_string_equal(metric_say(UNIT_SHARE, 0.9999, text, sizeof(text)), "99.99%");
	assert_string_equal(metric_say(UNIT_SHARE, 1, text, sizeof(text)), "100%");
	assert_string_equal(metric_say(UNIT_SHARE, 0.99999999, text, sizeof(text)), "99.999%");
	assert_string_equal(metric_say(UNIT_DURATION, INFINITY, text, sizeof(text)), "never");
	assert_string_equal(metric_say(UNIT_RATIO, NAN, text, sizeof(text)), "unknown");
	assert_string_equal(metric_say(UNIT_RATE, 1234.5, text, sizeof(text)), "1234/s");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(test_without_disturbance), TEST(test_windows_and_time_to_heal), TEST(test_never_disturbed_is_healed_at_once),
		TEST(test_a_dip_in_the_steady_state_is_no_yardstick), TEST(test_not_healed), TEST(test_disturbed_until_the_end),
		TEST(test_servers_numbers), TEST(test_nothing_asked), TEST(test_as_people_write_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
