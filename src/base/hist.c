/* SPDX-License-Identifier: MIT */
/*
 * hist.c - log-linear latency histogram, the layout of HdrHistogram (Tene, hdrhistogram.org).
 *
 * lowest discernible value 1 us, highest 1 h, 3 significant digits: 2048 sub-buckets of 1 us, then 1024 each of 2 us, 4 us...
 * A count index is (bucket + 1) * 1024 + sub-bucket - 1024, as in HdrHistogram's counts_index().
 */
#include "base/hist.h"

#include "base/assert.h"

#include <math.h>
#include <string.h>

#define HALF (HIST_SUB_BUCKETS / 2)
#define HALF_SHIFT 10
#define UNIT FL_US

_Static_assert(1 << HALF_SHIFT == HALF, "half the sub-buckets");

void
hist_init(struct hist *h)
{
	memset(h, 0, sizeof(*h));
	h->min = FL_NEVER;
}

static size_t
index_of(fl_ns value)
{
	uint64_t us = (uint64_t)(value / UNIT);
	uint32_t bucket = (uint32_t)(64 - __builtin_clzll(us | (HIST_SUB_BUCKETS - 1))) - (HALF_SHIFT + 1);

	if (bucket >= HIST_BUCKETS)
		return HIST_COUNTS - 1;
	return ((size_t)bucket << HALF_SHIFT) + (size_t)(us >> bucket);
}

/* The highest value that counts at this index. */
static fl_ns
highest_of(size_t index)
{
	uint32_t bucket = (uint32_t)(index >> HALF_SHIFT);
	uint64_t sub = index & (HALF - 1);

	if (bucket == 0)
		return ((fl_ns)sub + 1) * UNIT - 1;
	bucket--;
	return (fl_ns)((sub + HALF + 1) << bucket) * UNIT - 1;
}

void
hist_record_many(struct hist *h, fl_ns value, uint64_t times)
{
	if (value < 0)          /* a clock that was read out of order: no time has passed */
		value = 0;
	h->counts[index_of(value)] += times;
	h->total += times;
	h->min = FL_MIN(h->min, value);
	h->max = FL_MAX(h->max, value);
	h->sum_ns += (double)value * (double)times;
}

void
hist_record(struct hist *h, fl_ns value)
{
	hist_record_many(h, value, 1);
}

void
hist_merge(struct hist *into, const struct hist *from)
{
	for (size_t i = 0; i < HIST_COUNTS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->min = FL_MIN(into->min, from->min);
	into->max = FL_MAX(into->max, from->max);
	into->sum_ns += from->sum_ns;
}

fl_ns
hist_quantile(const struct hist *h, double q)
{
	fl_assert(q >= 0 && q <= 1);
	if (h->total == 0)
		return 0;
	/* One step down, so that 0.07 * 100 is the 7th and not, by rounding, the 8th. */
	double rank = ceil(nextafter(q, 0) * (double)h->total);
	uint64_t wanted = rank < 1 ? 1 : (uint64_t)rank, seen = 0;
	size_t i = 0;

	wanted = FL_MIN(wanted, h->total);
	for (; i < HIST_COUNTS - 1; i++) {
		seen += h->counts[i];
		if (seen >= wanted)
			break;
	}
	return FL_MIN(highest_of(i), h->max);
}

double
hist_mean(const struct hist *h)
{
	return h->total == 0 ? 0 : h->sum_ns / (double)h->total;
}
