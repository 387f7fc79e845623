/* SPDX-License-Identifier: MIT */
/*
 * coarse.h - a small histogram of latencies, to have one for every piece of time: 2 KB, error <= 1/32.
 *
 * Microseconds from 1 us to 1 h: exact to 32 us, then 16 steps for every doubling. hist.h is the exact one.
 */
#ifndef BASE_COARSE_H
#define BASE_COARSE_H

#include "base/hist.h"

#define COARSE_STEPS 16
#define COARSE_COUNTS (COARSE_STEPS * 29)

struct coarse {
	uint32_t counts[COARSE_COUNTS];
	uint32_t total;
	fl_ns max;                      /* exact */
};

void coarse_record(struct coarse *c, fl_ns value);      /* O(1) */
void coarse_merge(struct coarse *into, const struct coarse *from);
/* The value at quantile q in [0, 1]: the middle of its step, at most max; 0 when empty. */
fl_ns coarse_quantile(const struct coarse *c, double q);
/* How many were above the limit; those in the step of the limit count when its middle is above it. */
uint32_t coarse_above(const struct coarse *c, fl_ns limit);
/* Add all of it to an exact histogram, each value as the middle of its step. */
void coarse_to_hist(const struct coarse *c, struct hist *into);

#endif
