/* SPDX-License-Identifier: MIT */
/* test_units.c - amounts as people write them, both ways. */
#include "unit.h"

#include "base/units.h"

#include <errno.h>
#include <math.h>

struct row {
	const char *text;
	int result;
	int64_t value;
};

static void
check_rows(const struct row *rows, size_t count, int (*parse)(const char *, int64_t *))
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -77;
		int r = parse(rows[i].text, &value);

		if (r != rows[i].result || value != (r == 0 ? rows[i].value : -77))
			fail_msg("\"%s\": result %d, value %lld", rows[i].text, r, (long long)value);
	}
}

static void
sizes(void **state)
{
	static const struct row rows[] = {
		{ "10", 0, 10 }, { "0", 0, 0 }, { "10B", 0, 10 }, { "10 b", 0, 10 }, { "10KB", 0, 10000 }, { "10kb", 0, 10000 },
		{ "1.5MB", 0, 1500000 }, { "1.5  MB", 0, 1500000 }, { "2GB", 0, 2000000000 }, { "10KiB", 0, 10240 },
		{ "3mib", 0, 3 << 20 }, { "1GiB", 0, 1 << 30 }, { "1TB", 0, INT64_C(1000000000000) },
		{ "1.0000000001TB", 0, INT64_C(1000000000100) }, { "0.9999B", 0, 0 }, { "1.5", 0, 1 },
		{ "9223372036854775807", 0, INT64_MAX }, { "9223372036854775.807KB", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, 0 }, { "9223372036854775.808KB", -ERANGE, 0 },
		{ "8192PiB", -ERANGE, 0 }, { "99999999999999999999999999", -ERANGE, 0 }, { "-1", -ERANGE, 0 },
		{ "-1KB", -ERANGE, 0 }, { "-0", 0, 0 }, { "0.00000000000000000000000001PB", 0, 0 },
		{ "", -EINVAL, 0 }, { " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 }, { "1KB ", -EINVAL, 0 }, { "1 K", -EINVAL, 0 },
		{ "KB", -EINVAL, 0 }, { ".5KB", -EINVAL, 0 }, { "1.KB", -EINVAL, 0 }, { "1.2.3KB", -EINVAL, 0 },
		{ "1KBs", -EINVAL, 0 }, { "1KB2B", -EINVAL, 0 }, { "+1", -EINVAL, 0 }, { "--1", -EINVAL, 0 }, { "-", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 }, { "0x10", -EINVAL, 0 }, { "1,5MB", -EINVAL, 0 }, { "1\tKB", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 }, { "nan", -EINVAL, 0 }, { "99999999999999999999999999x", -EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, FL_ARRAY_LEN(rows), units_parse_bytes);
}

static void
durations(void **state)
{
	static const struct row rows[] = {
		{ "250ms", 0, 250 * FL_MS }, { "5s", 0, 5 * FL_SEC }, { "1.5m", 0, 90 * FL_SEC }, { "2h", 0, 7200 * FL_SEC },
		{ "100us", 0, 100 * FL_US }, { "7ns", 0, 7 }, { "1d", 0, 86400 * FL_SEC }, { "1m30s", 0, 90 * FL_SEC },
		{ "1d2h3m4s5ms6us7ns", 0, INT64_C(93784005006007) }, { "0", 0, 0 }, { "0.0", 0, 0 }, { "0s", 0, 0 },
		{ "5 S", 0, 5 * FL_SEC }, { "3Ms", 0, 3 * FL_MS }, { "0.000000001s", 0, 1 }, { "0.9ns", 0, 0 },
		{ "106751d", 0, INT64_C(106751) * 86400 * FL_SEC }, { "106752d", -ERANGE, 0 }, { "-5s", -ERANGE, 0 },
		{ "9223372036854775807ns", 0, INT64_MAX }, { "9223372036854775807.9ns", 0, INT64_MAX },
		{ "2562047h47m16s854ms775us808ns", -ERANGE, 0 }, { "99999999999999999999999h1s", -ERANGE, 0 }, { "-0", 0, 0 },
		{ "5", -EINVAL, 0 }, { "0.1", -EINVAL, 0 }, { "", -EINVAL, 0 }, { "s", -EINVAL, 0 }, { "1x", -EINVAL, 0 },
		{ "1m30", -EINVAL, 0 }, { "30s1m", -EINVAL, 0 }, { "1s1s", -EINVAL, 0 }, { "1m 30s", -EINVAL, 0 },
		{ "1m0", -EINVAL, 0 }, { "1m-30s", -EINVAL, 0 }, { "5s ", -EINVAL, 0 }, { "5sec", -EINVAL, 0 },
		{ "99999999999999999999", -EINVAL, 0 }, { "00000000000000000000000000000", 0, 0 },
	};

	(void)state;
	check_rows(rows, FL_ARRAY_LEN(rows), units_parse_duration);
}

static void
prints_sizes(void **state)
{
	static const struct { double bytes; const char *text; } rows[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 999, "999 B" }, { 999.7, "1 KB" }, { 1000, "1 KB" }, { 1500000, "1.5 MB" },
		{ 1234, "1.23 KB" }, { 12345, "12.3 KB" }, { 123456, "123 KB" }, { 999499, "999 KB" }, { 999500, "1 MB" },
		{ 2e9, "2 GB" }, { 3e18, "3 EB" }, { 5e20, "500 EB" }, { 0.25, "0.25 B" }, { -1500, "-1.5 KB" },
		{ 9.998e20, "1000 EB" }, { 99.96, "100 B" }, { 9.999, "10 B" }, { 1e30, "1e+30 B" }, { INFINITY, "inf B" },
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++)
		assert_string_equal(units_bytes(buf, sizeof(buf), rows[i].bytes), rows[i].text);
}

static void
prints_durations(void **state)
{
	static const struct { fl_ns ns; const char *text; } rows[] = {
		{ 0, "0 ns" }, { 7, "7 ns" }, { 999, "999 ns" }, { 1000, "1 us" }, { 250 * FL_MS, "250 ms" },
		{ 1500 * FL_MS, "1.5 s" }, { 59 * FL_SEC, "59 s" }, { 59960 * FL_MS, "1m" }, { 60 * FL_SEC, "1m" },
		{ 90 * FL_SEC, "1m30s" }, { 90400 * FL_MS, "1m30s" }, { 3599600 * FL_MS, "1h" }, { 7200 * FL_SEC, "2h" },
		{ 7290 * FL_SEC, "2h2m" }, { 86399 * FL_SEC, "1d" }, { 90000 * FL_SEC, "1d1h" }, { -5 * FL_SEC, "-5 s" },
		{ FL_NEVER, "never" }, { INT64_MIN, "-106752d" }, { 999499, "999 us" }, { 999500, "1 ms" },
	};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++)
		assert_string_equal(units_duration(buf, sizeof(buf), rows[i].ns), rows[i].text);
}

/* What is printed can be read, and is what was meant to 0.5 % (the smaller of two parts is rounded: 2 %). */
static void
printed_can_be_parsed(void **state)
{
	struct dice d = { .seed = 9 };
	char buf[32];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		int64_t want = (int64_t)(dice_bits(&d) >> (1 + dice_roll(&d, 62))), got;

		if (want < INT64_C(900000000000000000)) {       /* EB are printed, not read */
			assert_int_equal(units_parse_bytes(units_bytes(buf, sizeof(buf), (double)want), &got), 0);
			assert_true(fabs((double)(got - want)) <= 0.0051 * (double)want);
		}
		if (want < INT64_MAX - 86400 * FL_SEC) {
			assert_int_equal(units_parse_duration(units_duration(buf, sizeof(buf), want), &got), 0);
			assert_true(fabs((double)(got - want)) <= 0.021 * (double)want);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(prints_sizes),
		cmocka_unit_test(prints_durations),
		cmocka_unit_test(printed_can_be_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
