/* SPDX-License-Identifier: MIT */
/* cron.c - schedules. */
#include "graph/cron.h"
#include "base/units.h"
#include "graph/moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE (60 * FL_SEC)
#define DAYS_LOOKED_AT 10228            /* 28 years: weekdays and leap years come round again */
#define FIRST_DAY 10957                 /* 2000-01-01, a Saturday */
#define FIRST_WEEKDAY 6
#define FIELD_MAX 128

static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat" };

struct field {
	unsigned min, max;
	const char *const *names;
	unsigned name_count;
};

static bool
take_number(const char **s, const struct field *f, unsigned *ret)
{
	char *end;
	unsigned long v;

	for (unsigned i = 0; i < f->name_count; i++)
		if (strncasecmp(*s, f->names[i], 3) == 0) {
			*s += 3;
			*ret = i + f->min;
			return true;
		}
	if (!isdigit((unsigned char)**s))
		return false;
	v = strtoul(*s, &end, 10);
	*s = end;
	*ret = (unsigned)v;
	return v <= f->max && v >= f->min;
}

/* "1-5/2", "*", "3" into bits. */
static bool
take_range(const char **s, const struct field *f, uint64_t *bits)
{
	unsigned from = f->min, to = f->max, step = 1;
	bool single = false;

	if (**s == '*' || **s == '?') {
		(*s)++;
	} else {
		if (!take_number(s, f, &from))
			return false;
		to = from;
		single = true;
		if (**s == '-') {
			(*s)++;
			single = false;
			if (!take_number(s, f, &to))
				return false;
		}
	}
	if (**s == '/') {
		char *end;

		step = (unsigned)strtoul(*s + 1, &end, 10);
		if (end == *s + 1 || step == 0 || step > f->max)
			return false;
		*s = end;
		to = single ? f->max : to;
	}
	if (from > to)
		return false;
	for (unsigned v = from; v <= to; v += step)
		*bits |= UINT64_C(1) << v;
	return true;
}

static bool
take_field(const char **s, const struct field *f, uint64_t *ret, bool *ret_any)
{
	uint64_t bits = 0;

	while (**s == ' ' || **s == '\t')
		(*s)++;
	*ret_any = **s == '*' || **s == '?';
	do {
		if (!take_range(s, f, &bits))
			return false;
	} while (**s == ',' && (*s)++ != NULL);
	*ret = bits;
	return **s == ' ' || **s == '\t' || **s == '\0';
}

static int
nickname(const char *text, struct cron *ret)
{
	static const struct {
		const char *name, *means;
	} all[] = { { "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" }, { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
		{ "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" }, { "@annually", "0 0 1 1 *" } };

	for (size_t i = 0; i < FL_ARRAY_LEN(all); i++)
		if (strcmp(text, all[i].name) == 0)
			return cron_parse(all[i].means, ret);
	if (strncmp(text, "@every ", 7) == 0) {
		fl_ns every;

		if (units_parse_duration(text + 7, &every) != 0 || every <= 0)
			return -EINVAL;
		*ret = (struct cron){ .every = every };
		return 0;
	}
	return -EINVAL;
}

int
cron_parse(const char *text, struct cron *ret)
{
	static const struct field fields[] = { { 0, 59, NULL, 0 }, { 0, 23, NULL, 0 }, { 1, 31, NULL, 0 }, { 1, 12, month_names, 12 },
		{ 0, 7, day_names, 7 } };
	uint64_t bits[5];
	bool any[5];

	while (isspace((unsigned char)*text))
		text++;
	if (strncmp(text, "CRON_TZ=", 8) == 0 || strncmp(text, "TZ=", 3) == 0) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	if (text[0] == '@')
		return nickname(text, ret);
	for (size_t i = 0; i < FL_ARRAY_LEN(fields); i++)
		if (!take_field(&text, &fields[i], &bits[i], &any[i]))
			return -EINVAL;
	if (text[strspn(text, " \t\n")] != '\0')
		return -EINVAL;
	/* Sunday is 0 and 7. */
	bits[4] = (bits[4] | bits[4] >> 7) & 0x7f;
	*ret = (struct cron){ .minutes = bits[0], .hours = (uint32_t)bits[1], .days = (uint32_t)bits[2], .months = (uint32_t)bits[3],
		.weekdays = (uint32_t)bits[4], .any_day = any[2], .any_weekday = any[4] };
	return 0;
}

static bool
runs_on(const struct cron *c, int64_t day)
{
	unsigned weekday = (unsigned)((day - FIRST_DAY + FIRST_WEEKDAY) % 7);
	bool by_day, by_weekday;
	int y, m, d;

	moment_date(day, &y, &m, &d);
	by_day = (c->days >> d & 1) != 0;
	by_weekday = (c->weekdays >> weekday & 1) != 0;
	if ((c->months >> m & 1) == 0)
		return false;
	return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

fl_ns
cron_longest_gap(const struct cron *c)
{
	int64_t first = -1, before = -1, within = 0, last_day = -1, longest = 0;

	if (c->every > 0)
		return c->every;
	for (int64_t m = 0; m < 1440; m++) {
		if ((c->hours >> (m / 60) & 1) == 0 || (c->minutes >> (m % 60) & 1) == 0)
			continue;
		first = first < 0 ? m : first;
		within = before >= 0 ? FL_MAX(within, m - before) : within;
		before = m;
	}
	for (int64_t day = FIRST_DAY; first >= 0 && day < FIRST_DAY + DAYS_LOOKED_AT; day++) {
		if (!runs_on(c, day))
			continue;
		longest = FL_MAX(longest, within);
		if (last_day >= 0)
			longest = FL_MAX(longest, (day - last_day) * 1440 - before + first);
		last_day = day;
	}
	return longest > 0 ? longest * MINUTE : FL_NEVER;
}
