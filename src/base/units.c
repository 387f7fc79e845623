/* SPDX-License-Identifier: MIT */
/*
 * units.c - amounts as people write them.
 *
 * Parsing is exact: decimals are kept as integers, never as floating point. Fractions of a byte or a nanosecond are cut off.
 */
#include "base/units.h"

#include "base/assert.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define FRACTION_DIGITS 18

struct unit {
	const char *name;
	int64_t worth;
};

static const struct unit sizes[] = {
	{ "B", 1 },
	{ "KB", INT64_C(1000) },
	{ "MB", INT64_C(1000000) },
	{ "GB", INT64_C(1000000000) },
	{ "TB", INT64_C(1000000000000) },
	{ "PB", INT64_C(1000000000000000) },
	{ "KiB", INT64_C(1) << 10 },
	{ "MiB", INT64_C(1) << 20 },
	{ "GiB", INT64_C(1) << 30 },
	{ "TiB", INT64_C(1) << 40 },
	{ "PiB", INT64_C(1) << 50 },
};

/* From small to large: joined parts must go down in it. */
static const struct unit times[] = {
	{ "ns", 1 },
	{ "us", FL_US },
	{ "ms", FL_MS },
	{ "s", FL_SEC },
	{ "m", 60 * FL_SEC },
	{ "h", 3600 * FL_SEC },
	{ "d", 86400 * FL_SEC },
};

/* A decimal number: whole + fraction / 10^18. */
struct number {
	uint64_t whole, fraction;
	bool huge;                      /* whole does not fit */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Digits with at most one point and at least one digit before it and behind it. NULL when there is no number. */
static const char *
parse_number(const char *s, struct number *ret_number)
{
	struct number n = { 0 };

	if (!is_digit(*s))
		return NULL;
	for (; is_digit(*s); s++) {
		if (n.whole > (uint64_t)INT64_MAX / 10)
			n.huge = true;
		else
			n.whole = n.whole * 10 + (uint64_t)(*s - '0');
	}
	if (*s == '.') {
		if (!is_digit(*++s))
			return NULL;
		int digits = 0;

		for (; is_digit(*s); s++)
			if (digits < FRACTION_DIGITS)
				n.fraction = n.fraction * 10 + (uint64_t)(*s - '0'), digits++;
		for (; digits < FRACTION_DIGITS; digits++)
			n.fraction *= 10;
	}
	*ret_number = n;
	return s;
}

/* The unit at s, spaces before it skipped; *s is moved behind it. NULL when there is none. */
static const struct unit *
parse_unit(const char **s, const struct unit *units, size_t count)
{
	const char *from = *s + strspn(*s, " "), *to = from;

	while (is_letter(*to))
		to++;
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(units[i].name);

		if (len == (size_t)(to - from) && strncasecmp(from, units[i].name, len) == 0) {
			*s = to;
			return &units[i];
		}
	}
	return NULL;
}

/* sum + n * worth, or -1 when that is over INT64_MAX (or sum was). */
static int64_t
add_amount(int64_t sum, struct number n, int64_t worth)
{
	if (n.huge || sum < 0)
		return -1;
	unsigned __int128 part = (unsigned __int128)n.fraction * (uint64_t)worth / UINT64_C(1000000000000000000);
	unsigned __int128 all = (unsigned __int128)n.whole * (uint64_t)worth + part + (uint64_t)sum;

	return all > INT64_MAX ? -1 : (int64_t)all;
}

/* "-5 s" is out of range, "-x" is no amount at all. */
static bool
skip_minus(const char **s)
{
	if (**s != '-')
		return false;
	++*s;
	return true;
}

int
units_parse_bytes(const char *s, int64_t *ret_bytes)
{
	bool negative = skip_minus(&s);
	struct number n;
	const struct unit *u = &sizes[0];

	s = parse_number(s, &n);
	if (s == NULL)
		return -EINVAL;
	if (*s != '\0')
		u = parse_unit(&s, sizes, FL_ARRAY_LEN(sizes));
	if (u == NULL || *s != '\0')
		return -EINVAL;
	int64_t bytes = add_amount(0, n, u->worth);

	if (bytes < 0 || (negative && bytes > 0))
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int
units_parse_duration(const char *s, fl_ns *ret_ns)
{
	bool negative = skip_minus(&s);
	const struct unit *before = NULL;
	fl_ns sum = 0;

	do {
		struct number n;

		s = parse_number(s, &n);
		if (s == NULL)
			return -EINVAL;
		bool zero = n.whole == 0 && n.fraction == 0 && !n.huge;

		if (*s == '\0' && before == NULL && zero)
			break;
		const struct unit *u = parse_unit(&s, times, FL_ARRAY_LEN(times));

		if (u == NULL || (before != NULL && u >= before))
			return -EINVAL;
		sum = add_amount(sum, n, u->worth);
		before = u;
	} while (*s != '\0');
	if (sum < 0 || (negative && sum > 0))
		return -ERANGE;
	*ret_ns = sum;
	return 0;
}

/* value with three significant digits and no needless zeros; value in [0, 1000). */
static void
print_short(char *buf, size_t buf_bytes, const char *sign, double value, const char *unit)
{
	snprintf(buf, buf_bytes, "%s%.*f", sign, value >= 100 ? 0 : value >= 10 ? 1 : 2, value);
	if (strchr(buf, '.') != NULL) {
		size_t n = strlen(buf);

		while (buf[n - 1] == '0')
			n--;
		if (buf[n - 1] == '.')
			n--;
		buf[n] = '\0';
	}
	size_t n = strlen(buf);

	snprintf(buf + n, buf_bytes - n, " %s", unit);
}

char *
units_bytes(char *buf, size_t buf_bytes, double bytes)
{
	static const char *const names[] = { "B", "KB", "MB", "GB", "TB", "PB", "EB" };
	size_t i = 0;
	double value = fabs(bytes);

	fl_assert(buf_bytes >= 32);
	if (!(value < 1e21)) {          /* also NaN */
		snprintf(buf, buf_bytes, "%g B", bytes);
		return buf;
	}
	for (; value >= 999.5 && i + 1 < FL_ARRAY_LEN(names); i++)
		value /= 1000;
	print_short(buf, buf_bytes, bytes < 0 ? "-" : "", value, names[i]);
	return buf;
}

/* Two parts, the smaller one rounded and left out when it is nothing: "1m30s", "2h". */
static void
print_parts(char *buf, size_t buf_bytes, const char *sign, double seconds)
{
	static const struct { double worth; const char *large, *small; } rows[] = {
		{ 60, "m", "s" }, { 3600, "h", "m" }, { 86400, "d", "h" },
	};
	static const double smaller[] = { 1, 60, 3600 };
	size_t i = 0;

	/* Compare as printed, so that 59m59.7s is 1h and not 60m. */
	while (i + 1 < FL_ARRAY_LEN(rows) && round(seconds / smaller[i]) * smaller[i] >= rows[i + 1].worth)
		i++;
	double parts = round(seconds / smaller[i]);
	double per = rows[i].worth / smaller[i];
	double large = floor(parts / per), small = parts - large * per;

	if (small > 0)
		snprintf(buf, buf_bytes, "%s%.0f%s%.0f%s", sign, large, rows[i].large, small, rows[i].small);
	else
		snprintf(buf, buf_bytes, "%s%.0f%s", sign, large, rows[i].large);
}

char *
units_duration(char *buf, size_t buf_bytes, fl_ns ns)
{
	const char *sign = ns < 0 ? "-" : "";
	double value = fabs((double)ns);
	size_t i = 0;

	fl_assert(buf_bytes >= 32);
	if (ns == FL_NEVER)
		snprintf(buf, buf_bytes, "never");
	else if (value >= 59.95e9)
		print_parts(buf, buf_bytes, sign, value / 1e9);
	else {
		for (; value >= 999.5 && i < 3; i++)
			value /= 1000;
		print_short(buf, buf_bytes, sign, value, times[i].name);
	}
	return buf;
}
