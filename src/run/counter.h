/* SPDX-License-Identifier: MIT */
/*
 * counter.h - numbers that servers tell of themselves, read again and again while the load runs: a thread for each server.
 *
 * Invariants
 *  (1) A number that falls together with all others began anew (the server was started again): its increase goes on from there.
 *      One that falls while others do not is a level.
 *  (2) Samples are bounded: when there are too many, every second is dropped and the time between them doubles.
 */
#ifndef RUN_COUNTER_H
#define RUN_COUNTER_H

#include "base/arena.h"
#include "run/experiment.h"
#include "run/result.h"
#include "run/subst.h"

#define COUNTER_MEMBERS_MAX 24
#define COUNTER_SAMPLES_MAX 4096

/* One server's numbers, as they come in. Pure. */
struct counter_series {
	uint32_t member_count, sample_count;
	char members[COUNTER_MEMBERS_MAX][40];
	double last[COUNTER_MEMBERS_MAX], increase[COUNTER_MEMBERS_MAX], highest[COUNTER_MEMBERS_MAX];
	bool level[COUNTER_MEMBERS_MAX];        /* it goes up and down: there is no increase to speak of */
	uint32_t skip, skipped;         /* (2): so many samples between two that are kept */
	fl_ns at[COUNTER_SAMPLES_MAX];
	double values[COUNTER_SAMPLES_MAX][COUNTER_MEMBERS_MAX];
	uint32_t failures;
};
/* Take a JSON object. false: it is none, which counts as a failure. */
bool counter_take(struct counter_series *s, fl_ns at, const char *json, size_t n);

struct counters;
/* Read all once, now, and go on reading. stop_fd: readable: give up the first reading. 0 or -errno. */
int counter_start(const struct experiment *x, const struct subst_values *values, fl_ns epoch, int stop_fd, struct counters **ret_counters);
/* Stop, with one last reading. */
void counter_stop(struct counters *c);
/* After counter_stop(): for the report, in mem. 0 or -ENOMEM. */
int counter_result(const struct counters *c, struct arena *mem, struct run_result *r);
void counter_free(struct counters *c);         /* stops; NULL is fine */

#endif
