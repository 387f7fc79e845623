/* SPDX-License-Identifier: MIT */
/* test_pace.c - schedules of an open loop: how many are due in which piece of time, and that nothing else decides it. */
#include "unit.h"

#include "run/pace.h"
#include <math.h>

static struct pace pace;

/* How many are due from..to. */
static uint32_t
due_between(const struct pace_conf *c, uint64_t key, fl_ns from, fl_ns to)
{
	uint32_t n = 0;
	fl_ns due, last = 0;

	pace_init(&pace, c, key);
	while (pace_next(&pace, &due)) {
		assert_true(due >= last && due <= c->duration);
		last = due;
		n += due >= from && due < to;
	}
	assert_false(pace_next(&pace, &due));
	return n;
}

static void
test_even_is_even(void **state)
{
	struct pace_conf c = { .rate = 200, .even = true, .duration = 10 * FL_SEC };
	fl_ns due;

	(void)state;
	assert_int_equal(due_between(&c, 1, 0, c.duration + 1), 2000);
	for (fl_ns t = 0; t < c.duration; t += FL_SEC)
		assert_int_equal(due_between(&c, 1, t, t + FL_SEC), 200);
	pace_init(&pace, &c, 9);
	for (fl_ns i = 0; i < 2000; i++) {
		assert_true(pace_next(&pace, &due));
		assert_true(llabs(due - i * 5 * FL_MS) < FL_US);
	}
}

static void
test_poisson_is_seeded_and_has_its_mean_and_spread(void **state)
{
	struct pace_conf c = { .rate = 1000, .duration = 20 * FL_SEC };
	double sum = 0, squares = 0;
	uint32_t n = 0;
	fl_ns due, last = 0;

	(void)state;
	assert_in_range(due_between(&c, 7, 0, c.duration + 1), 20000 - 600, 20000 + 600);
	assert_int_equal(due_between(&c, 7, 0, 3 * FL_SEC), due_between(&c, 7, 0, 3 * FL_SEC));
	assert_int_not_equal(due_between(&c, 7, 0, c.duration), due_between(&c, 8, 0, c.duration));
	pace_init(&pace, &c, 7);
	for (; pace_next(&pace, &due); n++, last = due) {
		double gap = (double)(due - last) / (double)FL_SEC;
		sum += gap;
		squares += gap * gap;
	}
	/* An exponential's deviation is its mean. */
	double mean = sum / n, deviation = sqrt(squares / n - mean * mean);
	assert_true(fabs(mean - 0.001) < 0.00005 && fabs(deviation - 0.001) < 0.00005);
}

static void
test_steps_ramps_and_surges(void **state)
{
	struct pace_conf c = { .rate = 100, .even = true, .duration = 10 * FL_SEC, .step_count = 2, .surge_count = 2 };

	(void)state;
	c.steps[0] = (struct pace_step){ .at = 2 * FL_SEC, .over = 2 * FL_SEC, .rate = 300 };
	c.steps[1] = (struct pace_step){ .at = 8 * FL_SEC, .rate = 0 };
	c.surges[0] = (struct pace_surge){ .at = 5 * FL_SEC, .length = FL_SEC, .rate = 1000 };
	c.surges[1] = (struct pace_surge){ .at = 9500 * FL_MS, .length = FL_SEC, .rate = 2000 };
	assert_in_range(due_between(&c, 1, 0, 2 * FL_SEC), 199, 201);
	assert_in_range(due_between(&c, 1, 2 * FL_SEC, 3 * FL_SEC), 149, 151);
	assert_in_range(due_between(&c, 1, 3 * FL_SEC, 4 * FL_SEC), 249, 251);
	assert_in_range(due_between(&c, 1, 4 * FL_SEC, 5 * FL_SEC), 299, 301);
	assert_in_range(due_between(&c, 1, 5 * FL_SEC, 6 * FL_SEC), 999, 1001);
	assert_in_range(due_between(&c, 1, 6 * FL_SEC, 8 * FL_SEC), 599, 601);
	assert_in_range(due_between(&c, 1, 8 * FL_SEC, 9500 * FL_MS), 0, 1);
	assert_in_range(due_between(&c, 1, 9500 * FL_MS, 11 * FL_SEC), 999, 1001);
	pace_init(&pace, &c, 1);
	assert_in_range((uint32_t)pace_total(&pace), 3498, 3502);
	assert_true(fabs(pace_rate(&pace, 3 * FL_SEC) - 200) < 0.01);
	assert_true(fabs(pace_rate(&pace, 5500 * FL_MS) - 1000) < 0.01);
	assert_true(pace_rate(&pace, 20 * FL_SEC) < 0.01);
}

/* Overlapping surges, borders that coincide, things behind the end: never out of order, never more than the area says. */
static void
test_random_profiles(void **state)
{
	struct dice d = { .seed = 11 };

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct pace_conf c = { .rate = dice_roll(&d, 3) * 100, .even = dice_roll(&d, 2) == 0, .duration = (1 + dice_roll(&d, 4)) * FL_SEC };
		fl_ns at = 0;
		c.step_count = dice_roll(&d, PACE_STEPS_MAX + 1);
		c.surge_count = dice_roll(&d, 4);
		for (uint32_t i = 0; i < c.step_count; i++) {
			at += dice_roll(&d, 4) * 100 * FL_MS;
			c.steps[i] = (struct pace_step){ .at = at, .over = dice_roll(&d, 3) * 100 * FL_MS, .rate = dice_roll(&d, 400) };
			at += c.steps[i].over;
		}
		for (uint32_t i = 0; i < c.surge_count; i++)
			c.surges[i] = (struct pace_surge){ .at = dice_roll(&d, 50) * 100 * FL_MS, .length = dice_roll(&d, 20) * 100 * FL_MS,
				.rate = 500 };
		double n = due_between(&c, dice_bits(&d), 0, c.duration + 1), total;
		pace_init(&pace, &c, 1);
		total = pace_total(&pace);
		assert_true(c.even ? fabs(n - total) <= 1.01 : fabs(n - total) < 6 * sqrt(total) + 6);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_even_is_even),
		cmocka_unit_test(test_poisson_is_seeded_and_has_its_mean_and_spread),
		cmocka_unit_test(test_steps_ramps_and_surges),
		cmocka_unit_test(test_random_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
