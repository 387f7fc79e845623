/* SPDX-License-Identifier: MIT */
/* test_chart.c - axes, ticks, labels and lines of pictures. */
#include "run/chart.h"

#include "unit.h"
#include <math.h>

static bool
near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fmax(1, fabs(b));
}

static void
test_linear(void **state)
{
	static const struct { double hi, top; } rows[] = { { 0, 1 }, { 1, 1 }, { 7, 8 }, { 99, 100 }, { 101, 150 }, { 1234, 1500 }, { 0.03, 0.03 },
		{ -5, 1 }, { NAN, 1 }, { INFINITY, 1 }, { 1e300, 1 } };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct chart_axis a = chart_linear(rows[i].hi, 100, 0);

		if (!near(a.hi, rows[i].top))
			fail_msg("up to %g: axis to %g, wanted %g", rows[i].hi, a.hi, rows[i].top);
		assert_true(near(chart_at(&a, 0), 100) && near(chart_at(&a, a.hi), 0) && near(chart_at(&a, a.hi * 9), 0));
		assert_true(near(chart_at(&a, NAN), 100) && near(chart_at(&a, -INFINITY), 100));
	}
}

static void
test_log(void **state)
{
	static const struct { double lo, hi; } rows[] = { { 1e5, 1e9 }, { 1e6, 1e6 }, { 0, 0 }, { -1, 5 }, { 9, 3 }, { NAN, 7 }, { 1, INFINITY },
		{ 1e-300, 1e300 }, { 2e6, 9e6 } };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		struct chart_axis a = chart_log(rows[i].lo, rows[i].hi, 200, 10);

		assert_true(isfinite(a.lo) && isfinite(a.hi) && a.lo > 0 && a.hi / a.lo > 9.99);
		assert_true(near(chart_at(&a, a.lo), 200) && near(chart_at(&a, a.hi), 10) && near(chart_at(&a, 0), 200));
		struct chart_ticks t = chart_ticks(&a, 7);
		assert_in_range(t.count, 1, 7);
	}
	struct chart_axis a = chart_log(1e5, 1e9, 0, 1);
	struct chart_ticks t = chart_ticks(&a, 7);
	assert_int_equal(t.count, 5);
	assert_true(near(t.at[0], 1e5) && near(t.at[4], 1e9));
	/* Within one decade there are still several. */
	a = chart_log(2e6, 9e6, 0, 1);
	assert_in_range(chart_ticks(&a, 7).count, 3, 7);
}

static void
test_ticks(void **state)
{
	(void)state;
	for (double hi = 0.001; hi < 1e12; hi *= 1.37) {
		struct chart_axis a = chart_linear(hi, 0, 100);

		for (unsigned max = 2; max < 12; max++) {
			struct chart_ticks t = chart_ticks(&a, max);

			assert_in_range(t.count, 2, max + 1);
			assert_false(signbit(t.at[0]));
			for (unsigned i = 1; i < t.count; i++)
				assert_true(t.at[i] > t.at[i - 1] && t.at[i] <= a.hi * (1 + 1e-6));
		}
	}
}

static void
test_text(void **state)
{
	struct buf out;

	(void)state;
	assert_int_equal(chart_text_fit("abcdef", 10, 1000), 6);
	assert_int_equal(chart_text_fit("abcdef", 10, 0), 0);
	/* Cut between characters, never in one. */
	for (double w = 0; w < 60; w++) {
		size_t n = chart_text_fit("a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 10, w);

		assert_true(n == 0 || n == 1 || n == 3 || n == 6 || n == 10);
	}
	/* A text cut off in a character must not be read past its end. */
	assert_true(chart_text_fit("\xf0\x9f", 10, 1000) <= 2);
	assert_true(near(chart_text_width("\xc3\xbc\xc3\xbc", 10), chart_text_width("uu", 10)));
	buf_init(&out, 1000);
	chart_text(&out, 1, 2, "start", "c", "a<b>\"&\x01");
	assert_string_equal(buf_str(&out), "<text x=\"1.0\" y=\"2.0\" text-anchor=\"start\" class=\"c\">a&lt;b&gt;&quot;&amp;\xef\xbf\xbd</text>");
	buf_fini(&out);
}

static void
test_lines(void **state)
{
	const double x[] = { 0, 1, 2, 3, 4 }, y[] = { 5, NAN, 7, 8, NAN };
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	chart_line(&out, x, y, 5, "l");
	assert_string_equal(buf_str(&out), "<path class=\"l\" d=\"M0.0 5.0h.01M2.0 7.0L3.0 8.0\"/>");
	buf_clear(&out);
	chart_area(&out, x, y, 2, 9, "a");
	assert_string_equal(buf_str(&out), "<path class=\"a\" d=\"M0.0 9.0L0.0 5.0L1.0 9.0L1.0 9.0Z\"/>");
	buf_clear(&out);
	chart_area(&out, x, y, 0, 9, "a");
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

static void
test_rows(void **state)
{
	struct dice d = { 1, 0 };

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct { double x0, x1; } placed[CHART_ROWS_MAX][64];
		unsigned counts[CHART_ROWS_MAX] = { 0 };
		struct chart_rows rows;
		double x = 0;

		chart_rows_init(&rows, 1 + dice_roll(&d, 20));
		for (int i = 0; i < 60; i++) {
			x += dice_roll(&d, 30);
			double end = x + dice_roll(&d, 80);
			int row = chart_rows_place(&rows, x, end);

			assert_true(row < (int)rows.max);
			for (unsigned k = 0; row >= 0 && k < counts[row]; k++)
				assert_true(placed[row][k].x1 < x);
			if (row >= 0) {
				placed[row][counts[row]].x0 = x;
				placed[row][counts[row]++].x1 = end;
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linear), cmocka_unit_test(test_log), cmocka_unit_test(test_ticks), cmocka_unit_test(test_text),
		cmocka_unit_test(test_lines), cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
