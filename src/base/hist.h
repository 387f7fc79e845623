/* SPDX-License-Identifier: MIT */
/*
 * hist.h - log-linear latency histogram, the layout of HdrHistogram (Tene, hdrhistogram.org).
 *
 * Values are nanoseconds, recorded in units of 1 us from 1 us to 1 h with 3 significant digits (error
 * <= 0.1 %). Two histograms merge by adding counts. Values above the range count in the last bucket.
 */
#ifndef BASE_HIST_H
#define BASE_HIST_H

#include "base/types.h"

#define HIST_SUB_BUCKETS 2048           /* 2 * 10^3 rounded up to a power of two */
#define HIST_BUCKETS 22                 /* 2048 us doubled 21 times covers 1 h */
#define HIST_COUNTS ((HIST_BUCKETS + 1) * (HIST_SUB_BUCKETS / 2))

struct hist {
	uint64_t counts[HIST_COUNTS];
	uint64_t total;
	fl_ns min, max;                 /* exact; min = FL_NEVER when empty */
	double sum_ns;
};

void hist_init(struct hist *h);
void hist_record(struct hist *h, fl_ns value);          /* O(1) */
void hist_record_many(struct hist *h, fl_ns value, uint64_t times);
void hist_merge(struct hist *into, const struct hist *from);
/* The value at quantile q in [0, 1], highest equivalent value as HdrHistogram does; 0 when empty. */
fl_ns hist_quantile(const struct hist *h, double q);
double hist_mean(const struct hist *h);                 /* ns; 0 when empty */

#endif
