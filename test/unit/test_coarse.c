/* SPDX-License-Identifier: MIT */
/* test_coarse.c - a small histogram against sorted values: within its error, everywhere. */
#include "unit.h"

#include "base/coarse.h"

static int
order(const void *a, const void *b)
{
	const fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

static void
check_close(fl_ns got, fl_ns wanted)
{
	fl_ns off = got > wanted ? got - wanted : wanted - got;

	if (off > FL_US + wanted / 32)
		fail_msg("got %lld, wanted %lld", (long long)got, (long long)wanted);
}

static void
test_quantiles_of_all_sizes(void **state)
{
	static const double qs[] = { 0, 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
	struct dice d = { .seed = 4 };
	fl_ns values[5000];
	struct coarse c = { .total = 0 };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(values); i++) {
		values[i] = (fl_ns)(dice_bits(&d) % ((uint64_t)FL_US << (dice_roll(&d, 31) + 1)));
		coarse_record(&c, values[i]);
	}
	qsort(values, FL_ARRAY_LEN(values), sizeof(values[0]), order);
	for (size_t i = 0; i < FL_ARRAY_LEN(qs); i++) {
		size_t rank = (size_t)((double)FL_ARRAY_LEN(values) * qs[i] + 0.999999);
		check_close(coarse_quantile(&c, qs[i]), values[rank == 0 ? 0 : rank - 1]);
	}
	assert_int_equal(c.max, values[FL_ARRAY_LEN(values) - 1]);
}

static void
test_empty_and_beyond_the_range(void **state)
{
	struct coarse c = { .total = 0 };

	(void)state;
	assert_int_equal(coarse_quantile(&c, 0.99), 0);
	assert_int_equal(coarse_above(&c, 0), 0);
	coarse_record(&c, -5);
	assert_int_equal(coarse_quantile(&c, 1), 0);
	coarse_record(&c, INT64_MAX);
	assert_int_equal(c.total, 2);
	assert_true(coarse_quantile(&c, 1) >= 3600 * FL_SEC);
	assert_int_equal(coarse_above(&c, 100 * FL_SEC), 1);
}

static void
test_above_merged_and_as_a_hist(void **state)
{
	struct coarse a = { .total = 0 }, b = { .total = 0 };
	struct hist *h = malloc(sizeof(*h));

	(void)state;
	assert_non_null(h);
	hist_init(h);
	for (int i = 0; i < 100; i++) {
		coarse_record(&a, 10 * FL_MS);
		coarse_record(&b, 1000 * FL_MS);
	}
	coarse_merge(&a, &b);
	assert_int_equal(a.total, 200);
	assert_int_equal(coarse_above(&a, 100 * FL_MS), 100);
	assert_int_equal(coarse_above(&a, 2 * FL_SEC), 0);
	assert_int_equal(coarse_above(&a, 0), 200);
	coarse_to_hist(&a, h);
	assert_int_equal(h->total, 200);
	check_close(hist_quantile(h, 0.5), 10 * FL_MS);
	check_close(hist_quantile(h, 0.51), 1000 * FL_MS);
	free(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles_of_all_sizes),
		cmocka_unit_test(test_empty_and_beyond_the_range),
		cmocka_unit_test(test_above_merged_and_as_a_hist),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
