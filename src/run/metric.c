/* SPDX-License-Identifier: MIT */
/* metric.c - numbers that judge a run, by name and as people write them. */
#include "run/metric.h"

#include "base/assert.h"
#include "base/units.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct metric_info infos[] = {
#define METRIC_ROW(id, name, unit, more, text) { name, text, UNIT_##unit, more },
	METRICS(METRIC_ROW)
#undef METRIC_ROW
};

const struct metric_info *
metric_info(enum metric m)
{
	fl_assert(m < METRIC_COUNT);
	return &infos[m];
}

const char *const *
metric_names(void)
{
	static const char *const names[] = {
#define METRIC_ROW(id, name, unit, more, text) name,
		METRICS(METRIC_ROW)
#undef METRIC_ROW
		NULL
	};

	return names;
}

static bool
parse_number(const char *text, double *ret, const char **rest)
{
	char *end;

	if ((text[0] < '0' || text[0] > '9') && text[0] != '.')
		return false;
	*ret = strtod(text, &end);
	*rest = end;
	return end != text && isfinite(*ret);
}

bool
metric_parse(enum metric_unit unit, const char *text, double *ret)
{
	const char *rest;
	double v;
	fl_ns ns;

	if (unit == UNIT_DURATION) {
		if (units_parse_duration(text, &ns) != 0)
			return false;
		*ret = (double)ns;
		return true;
	}
	if (!parse_number(text, &v, &rest))
		return false;
	if (unit == UNIT_SHARE && strcmp(rest, "%") == 0)
		v /= 100;
	else if (unit == UNIT_RATE && strcmp(rest, "/s") == 0)
		;
	else if (*rest != '\0')
		return false;
	if ((unit == UNIT_SHARE && v > 1) || (unit == UNIT_COUNT && (v > floor(v) || v > 1e15)))
		return false;
	*ret = v;
	return true;
}

const char *
metric_expected(enum metric_unit unit)
{
	static const char *const texts[] = { [UNIT_SHARE] = "a share such as 30% or 0.3", [UNIT_RATIO] = "a number such as 1.1",
		[UNIT_RATE] = "a number per second", [UNIT_COUNT] = "a whole number", [UNIT_DURATION] = "a duration such as 250ms" };

	return texts[unit];
}

char *
metric_say(enum metric_unit unit, double value, char *buf, size_t buf_bytes)
{
	char text[32];

	if (isnan(value)) {
		snprintf(buf, buf_bytes, "unknown");
	} else if (isinf(value)) {
		snprintf(buf, buf_bytes, "never");
	} else if (unit == UNIT_DURATION && value < 1) {
		snprintf(buf, buf_bytes, "0 s");
	} else if (unit == UNIT_DURATION) {
		snprintf(buf, buf_bytes, "%s", units_duration(text, sizeof(text), (fl_ns)value));
	} else if (unit == UNIT_SHARE) {
		double p = value * 100;
		/* What is not all must not read as all. */
		if (p > 99.9 && p < 100)
			snprintf(buf, buf_bytes, "%.5g%%", fmin(p, 99.999));
		else
			snprintf(buf, buf_bytes, "%.3g%%", p);
	} else if (unit == UNIT_COUNT) {
		snprintf(buf, buf_bytes, "%.0f", value);
	} else {
		snprintf(buf, buf_bytes, unit == UNIT_RATE ? "%.3g/s" : "%.3g", value);
		if (unit == UNIT_RATE && value >= 100)
			snprintf(buf, buf_bytes, "%.0f/s", value);
	}
	return buf;
}

void
metric_write(struct jsonw *w, const struct metric_set *m)
{
	jsonw_key(w, "metrics");
	jsonw_object(w);
	for (int i = 0; i < METRIC_COUNT; i++) {
		jsonw_key(w, metric_names()[i]);
		jsonw_float(w, m->of[i]);
	}
	jsonw_key(w, "healed");
	if (isnan(m->of[METRIC_HEAL]))
		jsonw_null(w);
	else
		jsonw_bool(w, isfinite(m->of[METRIC_HEAL]));
	jsonw_end(w);
}
