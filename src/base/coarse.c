/* SPDX-License-Identifier: MIT */
/*
 * coarse.c - a small histogram of latencies.
 *
 * Index i below 32 is i us. From there, step s of doubling d (d = 1, 2, ...) holds (16 + s) << d us up to the next.
 */
#include "base/coarse.h"

#include "base/assert.h"
#include <math.h>

#define SHIFT 4

_Static_assert(1 << SHIFT == COARSE_STEPS, "steps");

static uint32_t
index_of(fl_ns value)
{
	uint64_t us = value <= 0 ? 0 : (uint64_t)(value / FL_US);
	uint32_t doubling, index;

	if (us < 2 * COARSE_STEPS)
		return (uint32_t)us;
	doubling = (uint32_t)(63 - __builtin_clzll(us)) - SHIFT;
	index = (doubling << SHIFT) + (uint32_t)(us >> doubling);
	return FL_MIN(index, (uint32_t)COARSE_COUNTS - 1);
}

/* The middle of the step. */
static fl_ns
value_of(uint32_t index)
{
	uint32_t doubling;
	uint64_t us2;                   /* twice, for the half */

	if (index < 2 * COARSE_STEPS)
		return (fl_ns)index * FL_US + FL_US / 2;
	doubling = (index >> SHIFT) - 1;
	us2 = (uint64_t)(2 * (index - (doubling << SHIFT)) + 1) << doubling;
	return (fl_ns)us2 * FL_US / 2;
}

void
coarse_record(struct coarse *c, fl_ns value)
{
	c->counts[index_of(value)]++;
	c->total++;
	c->max = FL_MAX(c->max, value);
}

void
coarse_merge(struct coarse *into, const struct coarse *from)
{
	if (from->total == 0)
		return;
	for (uint32_t i = 0; i < COARSE_COUNTS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->max = FL_MAX(into->max, from->max);
}

fl_ns
coarse_quantile(const struct coarse *c, double q)
{
	uint64_t wanted, seen = 0;
	uint32_t i = 0;

	fl_assert(q >= 0 && q <= 1);
	if (c->total == 0)
		return 0;
	wanted = (uint64_t)FL_MAX(ceil(nextafter(q, 0) * (double)c->total), 1.0);
	for (; i < COARSE_COUNTS - 1; i++) {
		seen += c->counts[i];
		if (seen >= wanted)
			break;
	}
	return FL_MIN(value_of(i), c->max);
}

uint32_t
coarse_above(const struct coarse *c, fl_ns limit)
{
	uint32_t n = 0;

	for (uint32_t i = index_of(limit); i < COARSE_COUNTS; i++)
		if (c->counts[i] > 0 && FL_MIN(value_of(i), c->max) > limit)
			n += c->counts[i];
	return n;
}

void
coarse_to_hist(const struct coarse *c, struct hist *into)
{
	for (uint32_t i = 0; i < COARSE_COUNTS; i++)
		if (c->counts[i] > 0)
			hist_record_many(into, FL_MIN(value_of(i), c->max), c->counts[i]);
}
