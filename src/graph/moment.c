/* SPDX-License-Identifier: MIT */
/* moment.c - points in time as text. Dates by Hinnant's days_from_civil and its inverse. */
#include "graph/moment.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 40
#define YEAR_MAX 2200

int64_t
moment_days(int year, int month, int day)
{
	int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void
moment_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, of_era = z - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365, of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t mp = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * mp + 2) / 5 + 1);
	*ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*ret_year = (int)(year + era * 400 + (*ret_month <= 2));
}

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
	if (**s != '.' && **s != ',')
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

int
moment_parse(const char *s, int64_t *ret)
{
	int year, month, day, hour = 0, minute = 0, second = 0, y, m, d;
	int64_t part = 0, shift = 0, when;

	if (!number(&s, 4, &year) || !literal(&s, '-') || !number(&s, 2, &month) || !literal(&s, '-') || !number(&s, 2, &day))
		return -EINVAL;
	if (*s == 'T' || *s == 't' || *s == ' ') {
		s++;
		if (!number(&s, 2, &hour) || !literal(&s, ':') || !number(&s, 2, &minute))
			return -EINVAL;
		if (*s == ':' && (!literal(&s, ':') || !number(&s, 2, &second) || !fraction(&s, &part)))
			return -EINVAL;
		if (!zone(&s, &shift))
			return -EINVAL;
	}
	if (*s != '\0' || year < 1970 || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return -EINVAL;
	/* "2026-02-30" is no day. */
	moment_date(moment_days(year, month, day), &y, &m, &d);
	if (m != month || d != day)
		return -EINVAL;
	when = (moment_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * FL_SEC + part - shift;
	if (when <= 0)
		return -EINVAL;
	*ret = when;
	return 0;
}

char *
moment_text(int64_t when, char *buf)
{
	int64_t seconds = when / FL_SEC;
	int year, month, day;
	char part[32] = "";

	buf[0] = '\0';
	if (when <= 0)
		return buf;
	moment_date(seconds / 86400, &year, &month, &day);
	if (when % FL_SEC != 0) {
		snprintf(part, sizeof(part), ".%09" PRId64, when % FL_SEC);
		for (size_t n = strlen(part); part[n - 1] == '0'; n--)
			part[n - 1] = '\0';
	}
	seconds %= 86400;
	snprintf(buf, TEXT_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u%.10sZ", (unsigned)year % 10000, (unsigned)month % 100, (unsigned)day % 100,
	    (unsigned)(seconds / 3600) % 100, (unsigned)(seconds / 60) % 60, (unsigned)seconds % 60, part);
	return buf;
}
