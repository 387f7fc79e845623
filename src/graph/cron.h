/* SPDX-License-Identifier: MIT */
/*
 * cron.h - how long a schedule leaves between two runs at the most
 *
 * "MINUTE HOUR DAY MONTH WEEKDAY" as cron(8) reads it: *, lists, ranges, steps, names of months and days; @hourly, @daily, @midnight, @weekly,
 * @monthly, @yearly, @annually, "@every 6h"; a leading "CRON_TZ=..." or "TZ=..." is passed over. Where both day and weekday are
 * restricted either of them fits. Summer time is not looked at.
 */
#ifndef GRAPH_CRON_H
#define GRAPH_CRON_H

#include "base/types.h"

#include <stdbool.h>

struct cron {
	uint64_t minutes;               /* a bit each */
	uint32_t hours, days, months, weekdays;         /* days 1-31, months 1-12, weekdays 0-6 from Sunday */
	bool any_day, any_weekday;      /* was it "*"? */
	fl_ns every;                    /* > 0: "@every", and nothing of the above */
};

int cron_parse(const char *text, struct cron *ret);     /* 0 or -EINVAL */
/* The longest time between two runs in a row, over 28 years (each calendar there is); FL_NEVER: it runs once at most, or never. */
fl_ns cron_longest_gap(const struct cron *c);

#endif
