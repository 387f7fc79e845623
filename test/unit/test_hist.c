/* SPDX-License-Identifier: MIT */
/* test_hist.c - HdrHistogram's index arithmetic, and quantiles against a sorted array. */
#include "unit.h"

#include "base/hist.h"

#include <math.h>

enum { VALUES = 50000 };

static int
by_value(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return (x > y) - (x < y);
}

/* Three shapes: log-uniform over the whole range, a narrow normal, and a mixture with a far tail. */
static fl_ns
draw_value(struct dice *d, int shape)
{
	double u = rng_unit(dice_bits(d));

	if (shape == 0)
		return (fl_ns)(1000 * pow(3.6e9, u));
	fl_ns near = 5 * FL_MS + (fl_ns)(rng_normal(rng_block(d->seed, d->rolled++, 1)) * 2e5);

	return shape == 2 && dice_roll(d, 100) == 0 ? near * 700 : near;
}

static void
quantiles_within_a_thousandth(void **state)
{
	static const double qs[] = { 0, 0.001, 0.01, 0.07, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1 };
	static fl_ns values[VALUES];
	static struct hist h;

	(void)state;
	for (int shape = 0; shape < 3; shape++) {
		struct dice d = { .seed = (uint64_t)shape };
		double sum = 0;

		hist_init(&h);
		for (int i = 0; i < VALUES; i++) {
			values[i] = draw_value(&d, shape);
			hist_record(&h, values[i]);
			sum += (double)values[i];
		}
		qsort(values, VALUES, sizeof(values[0]), by_value);
		for (size_t i = 0; i < FL_ARRAY_LEN(qs); i++) {
			size_t rank = (size_t)ceil(nextafter(qs[i], 0) * VALUES);
			fl_ns want = values[rank == 0 ? 0 : rank - 1], got = hist_quantile(&h, qs[i]);

			assert_true(got >= want);
			assert_true(got - want <= FL_MAX(want / 1000, FL_US - 1));
		}
		assert_int_equal(hist_quantile(&h, 1), values[VALUES - 1]);
		assert_int_equal(h.min, values[0]);
		assert_int_equal(h.max, values[VALUES - 1]);
		assert_true(fabs(hist_mean(&h) - sum / VALUES) < 1);
	}
}

/* counts_index() of HdrHistogram_c for (1, 3600000000, 3), computed by its own steps. */
static void
index_is_hdrhistograms(void **state)
{
	static const struct { int64_t us; size_t index; } rows[] = {
		{ 0, 0 }, { 1, 1 }, { 1023, 1023 }, { 1024, 1024 }, { 2047, 2047 }, { 2048, 2048 }, { 2049, 2048 },
		{ 2050, 2049 }, { 4095, 3071 }, { 4096, 3072 }, { 4099, 3072 }, { 4100, 3073 }, { 1000000, 11169 },
		{ 3600000000, 23220 },
	};
	static struct hist h;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		hist_init(&h);
		hist_record(&h, rows[i].us * FL_US + 999);
		assert_int_equal(h.counts[rows[i].index], 1);
	}
}

static void
edges(void **state)
{
	static struct hist h;

	(void)state;
	hist_init(&h);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	assert_true(hist_mean(&h) == 0);
	assert_int_equal(h.min, FL_NEVER);
	hist_record(&h, -5);
	assert_int_equal(h.counts[0], 1);
	assert_int_equal(hist_quantile(&h, 1), 0);
	hist_record(&h, FL_NEVER);
	hist_record(&h, 5000 * FL_SEC);         /* just above the last bucket */
	assert_int_equal(h.counts[HIST_COUNTS - 1], 2);
	assert_int_equal(h.max, FL_NEVER);
	assert_true(hist_quantile(&h, 1) >= 3600 * FL_SEC);
	assert_int_equal(h.total, 3);
	hist_init(&h);
	hist_record(&h, 2049 * FL_US);
	hist_record(&h, FL_SEC);
	assert_int_equal(hist_quantile(&h, 0.5), 2050 * FL_US - 1);     /* the highest that counts as the same */
}

static void
merge_is_as_one(void **state)
{
	static struct hist parts[3], whole;
	struct dice d = { .seed = 8 };

	(void)state;
	hist_init(&whole);
	for (int k = 0; k < 3; k++)
		hist_init(&parts[k]);
	for (int i = 0; i < VALUES; i++) {
		fl_ns v = draw_value(&d, 0);

		hist_record(&whole, v);
		hist_record(&parts[dice_roll(&d, 2)], v);
	}
	hist_merge(&parts[0], &parts[1]);
	hist_merge(&parts[0], &parts[2]);       /* an empty one changes nothing */
	assert_memory_equal(parts[0].counts, whole.counts, sizeof(whole.counts));
	assert_int_equal(parts[0].total, whole.total);
	assert_int_equal(parts[0].min, whole.min);
	assert_int_equal(parts[0].max, whole.max);
	assert_true(fabs(hist_mean(&parts[0]) / hist_mean(&whole) - 1) < 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_within_a_thousandth),
		cmocka_unit_test(index_is_hdrhistograms),
		cmocka_unit_test(edges),
		cmocka_unit_test(merge_is_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
