/* SPDX-License-Identifier: MIT */
/*
 * metric.h - the names and units of the numbers by which runs are judged and compared: what `expect` and `compare` speak of. Pure.
 * gauge.h says what each is.
 */
#ifndef RUN_METRIC_H
#define RUN_METRIC_H

#include "proto/jsonw.h"

#include <stdbool.h>
#include <stddef.h>

enum metric_unit { UNIT_SHARE, UNIT_RATIO, UNIT_RATE, UNIT_COUNT, UNIT_DURATION };

/* id, name, unit, is more better, text */
#define METRICS(ROW)                                                                                                    \
	ROW(GOODPUT,        "goodput",        SHARE,    true,  "requests that ended well")                              \
	ROW(GOODPUT_DURING, "goodput_during", SHARE,    true,  "of those due during the disturbances")                  \
	ROW(GOODPUT_AFTER,  "goodput_after",  SHARE,    true,  "of those due after the disturbances")                   \
	ROW(RATE,           "rate",           RATE,     true,  "good answers per second")                               \
	ROW(ERRORS,         "errors",         SHARE,    false, "requests that did not end well")                        \
	ROW(LATE,           "late",           SHARE,    false, "requests answered after the user's patience")           \
	ROW(REFUSED,        "refused",        SHARE,    false, "requests refused by a server or a policy")              \
	ROW(OK_P50,         "ok_p50",         DURATION, false, "latency of good answers, median")                       \
	ROW(OK_P99,         "ok_p99",         DURATION, false, "latency of good answers, 99 %")                         \
	ROW(OK_P999,        "ok_p999",        DURATION, false, "latency of good answers, 99.9 %")                       \
	ROW(P50,            "p50",            DURATION, false, "time to any end of a request, median")                  \
	ROW(P95,            "p95",            DURATION, false, "time to any end of a request, 95 %")                    \
	ROW(P99,            "p99",            DURATION, false, "time to any end of a request, 99 %")                    \
	ROW(P999,           "p999",           DURATION, false, "time to any end of a request, 99.9 %")                  \
	ROW(MAX,            "max",            DURATION, false, "time to any end of a request, longest")                 \
	ROW(AMPLIFICATION,  "amplification",  RATIO,    false, "requests at the servers per request of a user")         \
	ROW(WASTED,         "wasted",         SHARE,    false, "work of the servers for users who had left")            \
	ROW(HEAL,           "heal",           DURATION, false, "time to heal after the last disturbance")               \
	ROW(OPERATIONS,     "operations",     COUNT,    true,  "requests that ended well")

enum metric {
#define METRIC_ROW(id, name, unit, more, text) METRIC_##id,
	METRICS(METRIC_ROW)
#undef METRIC_ROW
	METRIC_COUNT
};
struct metric_info {
	const char *name, *text;
	enum metric_unit unit;
	bool more_is_better;
};
const struct metric_info *metric_info(enum metric m);
/* All names, NULL-terminated, in the order of the enum. */
const char *const *metric_names(void);

/* A limit: at least, or at most, so much. */
struct metric_limit {
	enum metric metric;
	bool least;
	double value;
};
static inline bool
metric_holds(const struct metric_limit *l, double got)
{
	return l->least ? got >= l->value : got <= l->value;
}

/* By metric: durations in ns. NaN: cannot be told of this run. Infinite, of heal: it did not. */
struct metric_set {
	double of[METRIC_COUNT];
};

/* The members `metrics` (all by name, null what cannot be told) and `healed` of an object. */
void metric_write(struct jsonw *w, const struct metric_set *m);

/* A value as people write it: "90%" or 0.9, 1.5, "5s". false: it is none of that unit. */
bool metric_parse(enum metric_unit unit, const char *text, double *ret);
/* What metric_parse() wants: "a share such as 90% or 0.9". */
const char *metric_expected(enum metric_unit unit);
/* "97.3%", "1.04", "5.02 s", "never". buf of 64 bytes at least; returns buf. */
char *metric_say(enum metric_unit unit, double value, char *buf, size_t buf_bytes);

#endif
