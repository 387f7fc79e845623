/* SPDX-License-Identifier: MIT */
/*
 * prober.h - probes at work: a thread each, which checks, reports, waits and checks again until it is stopped.
 */
#ifndef RUN_PROBER_H
#define RUN_PROBER_H

#include "run/measure.h"

struct prober_result {
	uint32_t tag;                   /* as given for the probe */
	fl_ns at;                       /* clock_mono() when the check ended */
	bool held;
	char say[MEASURE_SAY_MAX];
};
/* One probe to run; job is copied. */
struct prober_item {
	struct measure job;
	uint32_t tag;
};

struct prober;
/* 0 or -errno. */
int prober_start(const struct prober_item *items, uint32_t count, struct prober **ret_prober);
/* Readable when there are results. */
int prober_fd(const struct prober *p);
/* Take the oldest result; false: there is none. */
bool prober_next(struct prober *p, struct prober_result *ret);
/* Call off what is under way, and wait for the threads. NULL is fine. */
void prober_free(struct prober *p);

#endif
