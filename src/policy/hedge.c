/* SPDX-License-Identifier: MIT */
/*
 * hedge.c - when to hedge: a product-limit estimate over log-linear buckets, per cell, in two windows.
 *
 * Invariants
 *  (1) A cell's counts are written by its own thread alone; the other window's counts are the last window's.
 *  (2) delay is the last estimate, made anew after every REFRESH samples of a cell.
 */
#include "faultline/hedge.h"
#include "policy/common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUB_BITS 3              /* buckets per power of two: 8, so a value is known within 12.5 % */
#define UNIT_BITS 14            /* of 16.4 us */
#define BUCKETS 224             /* up to 16.4 us * 2^30: almost 5 hours */
#define REFRESH 64
#define REFRESH_MIN 8           /* until the delay is known */

/* What the last estimate came to. */
enum { FEW, KNOWN, SLOW, CUT };

struct counts {
	_Atomic uint32_t ended[BUCKETS], cut[BUCKETS];
};

struct cell {
	_Alignas(64) _Atomic uint32_t epoch;    /* of counts[epoch & 1] */
	uint32_t since_refresh;
	_Atomic uint64_t samples, cut_short;
	struct counts counts[2];
};

struct fl_hedge {
	_Atomic int64_t delay;
	_Atomic uint32_t came_to;
	_Atomic uint64_t at_hand;               /* samples of the last estimate */
	struct cell *cells;
	struct fl_hedge_opts o;
	char name[FL_NAME_MAX];
	_Atomic uint64_t started, won, lost, asked, would_start;
};

static unsigned
bucket_of(fl_ns v)
{
	uint64_t u = v <= 0 ? 0 : (uint64_t)v >> UNIT_BITS;
	if (u < 1u << SUB_BITS)
		return (unsigned)u;
	unsigned top = 63u - (unsigned)__builtin_clzll(u);
	unsigned b = ((top - SUB_BITS + 1) << SUB_BITS) + (unsigned)((u >> (top - SUB_BITS)) & ((1u << SUB_BITS) - 1));
	return FL_MIN(b, BUCKETS - 1);
}

/* The upper end of a bucket. */
static fl_ns
bucket_end(unsigned b)
{
	if (b < 1u << SUB_BITS)
		return ((fl_ns)b + 1) << UNIT_BITS;
	unsigned shift = (b >> SUB_BITS) - 1;
	uint64_t low = ((uint64_t)(1u << SUB_BITS) + (b & ((1u << SUB_BITS) - 1)) + 1) << shift;
	return (fl_ns)(low << UNIT_BITS);
}

void
fl_hedge_opts_init_size(struct fl_hedge_opts *o, size_t size)
{
	struct fl_hedge_opts d = { .size = size, .name = "", .cells = 1, .quantile = 0.95, .delay_min = FL_MS, .delay_max = 10 * FL_SEC,
		.samples_min = 100, .window = 30 * FL_SEC, .enforce = 1 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

int
fl_hedge_new(const struct fl_hedge_opts *opts, struct fl_hedge **ret_hedge, const char **f)
{
	struct fl_hedge_opts o;
	fl_hedge_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check(o.cells >= 1 && o.cells <= FL_CELLS_MAX, "cells", f) || !common_check(o.quantile > 0 && o.quantile < 1, "quantile", f) ||
	    !common_check(o.fixed >= 0, "fixed", f) || !common_check(o.delay_min >= 0, "delay_min", f) ||
	    !common_check(o.delay_max >= o.delay_min, "delay_max", f) || !common_check(o.window > 0, "window", f) ||
	    !common_check(o.enforce >= 0 && o.enforce <= 1, "enforce", f))
		return -EINVAL;
	struct fl_hedge *h = common_take(o.alloc, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->o = o;
	common_name(h->name, o.name);
	h->o.name = h->name;
	atomic_store(&h->delay, o.fixed > 0 ? o.fixed : FL_NEVER);
	h->cells = common_take(o.alloc, o.cells * sizeof(*h->cells));
	if (h->cells == NULL) {
		fl_hedge_free(h);
		return -ENOMEM;
	}
	*ret_hedge = h;
	return 0;
}

void
fl_hedge_free(struct fl_hedge *h)
{
	if (h == NULL)
		return;
	common_give(h->o.alloc, h->cells);
	common_give(h->o.alloc, h);
}

/* Which window a time is in; the low bit says which counts. */
static uint32_t
epoch_of(const struct fl_hedge *h, fl_ns now)
{
	return (uint32_t)(now / h->o.window);
}

static void
sum(const struct fl_hedge *h, uint32_t epoch, uint64_t ended[BUCKETS], uint64_t cut[BUCKETS])
{
	memset(ended, 0, BUCKETS * sizeof(*ended));
	memset(cut, 0, BUCKETS * sizeof(*cut));
	for (unsigned i = 0; i < h->o.cells; i++) {
		const struct cell *c = &h->cells[i];
		uint32_t at = atomic_load_explicit(&c->epoch, memory_order_acquire);
		for (unsigned w = 0; w < 2; w++) {
			/* The window at & 1 is of epoch at, the other of at - 1. */
			uint32_t of = w == (at & 1) ? at : at - 1;
			if (epoch - of > 1)
				continue;
			for (unsigned b = 0; b < BUCKETS; b++) {
				ended[b] += atomic_load_explicit(&c->counts[w].ended[b], memory_order_relaxed);
				cut[b] += atomic_load_explicit(&c->counts[w].cut[b], memory_order_relaxed);
			}
		}
	}
}

/* The product-limit estimate, and of how many samples. */
static fl_ns
estimate(const struct fl_hedge *h, double q, fl_ns now, uint64_t *ret_samples)
{
	uint64_t ended[BUCKETS], cut[BUCKETS], at_risk = 0;
	double survive = 1;
	sum(h, epoch_of(h, now), ended, cut);
	for (unsigned b = 0; b < BUCKETS; b++)
		at_risk += ended[b] + cut[b];
	*ret_samples = at_risk;
	if (at_risk < FL_MAX(h->o.samples_min, 1))
		return FL_NEVER;
	for (unsigned b = 0; b < BUCKETS && at_risk > 0; b++) {
		survive *= 1 - (double)ended[b] / (double)at_risk;
		if (survive <= 1 - q + 1e-12)
			return bucket_end(b);
		at_risk -= ended[b] + cut[b];
	}
	return FL_NEVER;                /* more than 1 - q were cut short before they ended */
}

fl_ns
fl_hedge_quantile(struct fl_hedge *h, double q, fl_ns now)
{
	uint64_t samples;
	return estimate(h, q, now, &samples);
}

static void
refresh(struct fl_hedge *h, fl_ns now)
{
	uint64_t samples;
	fl_ns d = estimate(h, h->o.quantile, now, &samples);
	uint32_t came_to = samples < FL_MAX(h->o.samples_min, 1) ? FEW : d == FL_NEVER ? CUT : d > h->o.delay_max ? SLOW : KNOWN;
	d = came_to == KNOWN ? FL_MAX(d, h->o.delay_min) : FL_NEVER;
	atomic_store_explicit(&h->at_hand, samples, memory_order_relaxed);
	atomic_store_explicit(&h->came_to, came_to, memory_order_relaxed);
	atomic_store_explicit(&h->delay, d, memory_order_relaxed);
}

/* How many samples of a cell until the next estimate: fewer while nothing is known. */
static uint32_t
refresh_after(const struct fl_hedge *h)
{
	if (fl_hedge_delay(h) != FL_NEVER)
		return REFRESH;
	return FL_MIN(FL_MAX(h->o.samples_min, REFRESH_MIN), REFRESH);
}

static void
count32(_Atomic uint32_t *c)
{
	atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void
wipe(struct counts *c)
{
	for (unsigned b = 0; b < BUCKETS; b++) {
		atomic_store_explicit(&c->ended[b], 0, memory_order_relaxed);
		atomic_store_explicit(&c->cut[b], 0, memory_order_relaxed);
	}
}

void
fl_hedge_record(struct fl_hedge *h, unsigned cell, fl_ns latency, bool cut_short, fl_ns now)
{
	struct cell *c = &h->cells[cell];
	uint32_t epoch = epoch_of(h, now), at = atomic_load_explicit(&c->epoch, memory_order_relaxed);
	if (epoch != at) {
		wipe(&c->counts[epoch & 1]);
		if (epoch - at > 1)
			wipe(&c->counts[(epoch & 1) ^ 1]);
		atomic_store_explicit(&c->epoch, epoch, memory_order_release);  /* who sees it sees them wiped */
	}
	struct counts *n = &c->counts[epoch & 1];
	unsigned b = bucket_of(latency);
	count32(cut_short ? &n->cut[b] : &n->ended[b]);
	common_add(&c->samples, 1);
	if (cut_short)
		common_add(&c->cut_short, 1);
	if (h->o.fixed == 0 && ++c->since_refresh >= refresh_after(h)) {
		c->since_refresh = 0;
		refresh(h, now);
	}
}

fl_ns
fl_hedge_delay(const struct fl_hedge *h)
{
	return atomic_load_explicit(&h->delay, memory_order_relaxed);
}

void
fl_hedge_started(struct fl_hedge *h)
{
	atomic_fetch_add_explicit(&h->started, 1, memory_order_relaxed);
}

void
fl_hedge_won(struct fl_hedge *h, bool hedge)
{
	atomic_fetch_add_explicit(hedge ? &h->won : &h->lost, 1, memory_order_relaxed);
}

bool
fl_hedge_enforced(struct fl_hedge *h)
{
	if (h->o.enforce >= 1)
		return true;
	if (common_enforced(h->o.enforce, h->o.seed, atomic_fetch_add_explicit(&h->asked, 1, memory_order_relaxed)))
		return true;
	atomic_fetch_add_explicit(&h->would_start, 1, memory_order_relaxed);
	return false;
}

void
fl_hedge_counters(const struct fl_hedge *h, struct fl_hedge_counters *ret)
{
	*ret = (struct fl_hedge_counters){ .started = common_get(&h->started), .won = common_get(&h->won), .lost = common_get(&h->lost),
		.would_start = common_get(&h->would_start), .delay = fl_hedge_delay(h) };
	for (unsigned i = 0; i < h->o.cells; i++) {
		ret->samples += common_get(&h->cells[i].samples);
		ret->cut_short += common_get(&h->cells[i].cut_short);
	}
}

char *
fl_hedge_explain(const struct fl_hedge *h, char *buf, size_t buf_bytes)
{
	struct fl_hedge_counters c;
	char when[32], why[128];
	double p = 100 * h->o.quantile;
	uint32_t came_to = atomic_load_explicit(&h->came_to, memory_order_relaxed);
	fl_hedge_counters(h, &c);
	if (h->o.fixed > 0)
		snprintf(why, sizeof(why), "after %s", common_time(c.delay, when, sizeof(when)));
	else if (came_to == KNOWN)
		snprintf(why, sizeof(why), "after %s, p%.6g of what attempts take", common_time(c.delay, when, sizeof(when)), p);
	else if (came_to == SLOW)
		snprintf(why, sizeof(why), "not now: p%.6g is over %s", p, common_time(h->o.delay_max, when, sizeof(when)));
	else if (came_to == CUT)
		snprintf(why, sizeof(why), "not now: too many attempts were cut short to know p%.6g", p);
	else
		snprintf(why, sizeof(why), "not yet: %llu samples, %u are needed",
		    (unsigned long long)atomic_load_explicit(&h->at_hand, memory_order_relaxed), h->o.samples_min);
	snprintf(buf, buf_bytes, "%s; %llu started, %llu of them answered first", why, (unsigned long long)c.started, (unsigned long long)c.won);
	return buf;
}
