/* SPDX-License-Identifier: MIT */
/* graph_when.c - points in time. */
#include "run/graph_when.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DAY (86400 * FL_SEC)
#define TEXT_BYTES 40
#define YEAR_MAX 2200

/* Digits, exactly n of them, at *s. */
static bool
number(const char **s, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (!isdigit((unsigned char)**s))
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool
literal(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* ".5" behind the seconds. */
static bool
fraction(const char **s, int64_t *ret)
{
	int64_t unit = FL_SEC / 10;

	*ret = 0;
	if (**s != '.')
		return true;
	(*s)++;
	if (!isdigit((unsigned char)**s))
		return false;
	for (; isdigit((unsigned char)**s); (*s)++, unit /= 10)
		*ret += (**s - '0') * unit;
	return true;
}

static bool
zone(const char **s, int64_t *ret)
{
	int hours, minutes = 0, sign = **s == '-' ? -1 : 1;

	*ret = 0;
	if (**s == '\0' || literal(s, 'Z') || literal(s, 'z'))
		return true;
	if (**s != '+' && **s != '-')
		return false;
	(*s)++;
	if (!number(s, 2, &hours))
		return false;
	literal(s, ':');
	if (**s != '\0' && !number(s, 2, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60) * FL_SEC;
	return hours < 24 && minutes < 60;
}

static int
calendar(const char *s, int64_t *ret)
{
	struct tm tm = { 0 }, check;
	int64_t part = 0, shift = 0;
	int year, month;
	time_t t;

	if (!number(&s, 4, &year) || !literal(&s, '-') || !number(&s, 2, &month) || !literal(&s, '-') || !number(&s, 2, &tm.tm_mday))
		return -EINVAL;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s++;
		if (!number(&s, 2, &tm.tm_hour) || !literal(&s, ':') || !number(&s, 2, &tm.tm_min))
			return -EINVAL;
		if (*s == ':' && (!literal(&s, ':') || !number(&s, 2, &tm.tm_sec) || !fraction(&s, &part)))
			return -EINVAL;
		if (!zone(&s, &shift))
			return -EINVAL;
	}
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	if (*s != '\0' || year < 1970 || year > YEAR_MAX || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	t = timegm(&tm);
	/* "2026-02-30" is no day. */
	if (gmtime_r(&t, &check) == NULL || check.tm_mon != month - 1)
		return -EINVAL;
	*ret = (int64_t)t * FL_SEC + part - shift;
	return *ret > 0 ? 0 : -EINVAL;
}

static int
ago(const char *text, size_t n, int64_t now, int64_t *ret)
{
	char amount[64];
	fl_ns back;

	if (n >= sizeof(amount))
		return -EINVAL;
	memcpy(amount, text, n);
	amount[n] = '\0';
	if (units_parse_duration(amount, &back) != 0 || back < 0 || back >= now)
		return -EINVAL;
	*ret = now - back;
	return 0;
}

int
graph_when_parse(const char *text, int64_t now, int64_t *ret)
{
	size_t n = strlen(text);
	char *end;

	if (strcmp(text, "now") == 0) {
		*ret = now;
		return 0;
	}
	if (strcmp(text, "yesterday") == 0) {
		*ret = now - DAY;
		return 0;
	}
	if (text[0] == '@') {
		double v = strtod(text + 1, &end);

		if (end == text + 1 || *end != '\0' || !(v > 0 && v < 7e9))
			return -EINVAL;
		*ret = (int64_t)(v * 1e9);
		return 0;
	}
	if (text[0] == '-')
		return ago(text + 1, n - 1, now, ret);
	if (n > 4 && strcmp(text + n - 4, " ago") == 0)
		return ago(text, n - 4, now, ret);
	return calendar(text, ret);
}

char *
graph_when_text(int64_t when, char *buf)
{
	time_t seconds = (time_t)(when / FL_SEC);
	char part[16] = "";
	struct tm tm;
	size_t n;

	buf[0] = '\0';
	if (when <= 0 || gmtime_r(&seconds, &tm) == NULL)
		return buf;
	if (when % FL_SEC != 0) {
		snprintf(part, sizeof(part), ".%09" PRId64, when % FL_SEC);
		for (n = strlen(part); part[n - 1] == '0'; n--)
			part[n - 1] = '\0';
	}
	n = strftime(buf, TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, TEXT_BYTES - n, "%sZ", part);
	return buf;
}
