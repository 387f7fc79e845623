/* SPDX-License-Identifier: MIT */
/*
 * window.h - what a breaker counts: outcomes and calls in flight, in ten buckets of time, in a cell per thread.
 *
 * A cell is written by one thread and may be read by any at any time. Admitting and a good end are one addition each, to counters
 * that only grow; what of them belongs to the current bucket is the difference to what they were when it began.
 *
 * Invariants
 *  (1) A cell's buckets count for one epoch (a word of the breaker's, never 0), which stands in it; its thread clears them when it
 *      sees another.
 *  (2) Bucket k of a cell holds the newest number that it has seen with number % WINDOW_BUCKETS == k.
 *  (3) Whoever sums while a cell turns may see a good call twice, but never a failure or a call in flight.
 */
#ifndef POLICY_WINDOW_H
#define POLICY_WINDOW_H

#include "policy/common.h"

#define WINDOW_BUCKETS 10

struct window_bucket {
	_Alignas(32) _Atomic int64_t number;    /* which piece of time: now / width, rounded down */
	_Atomic uint32_t calls, failed, slow;   /* by when they ended */
	_Atomic int32_t flying;                 /* by when they started; may be negative: ended in another cell */
};

/* One thread's. The first line of the cache is all that a good call touches. */
struct window_cell {
	_Alignas(64) uint64_t epoch;            /* that the buckets count for, as their owner knows it; owner only, like the next three */
	uint64_t epoch_fast;                    /* the same, or 0 when outcomes need more than a bucket */
	fl_ns bucket_end;                       /* of the current bucket */
	uint32_t stamp[4];                      /* what a permit given now says: the breaker's */
	_Atomic uint64_t admitted;              /* ever */
	_Atomic uint64_t ok;                    /* that ended well in the bucket in which they began, ever */
	_Atomic uint64_t refused;
	_Alignas(64) struct window_bucket buckets[WINDOW_BUCKETS];
	struct window_bucket *current;          /* owner only */
	_Atomic int64_t number;                 /* of the current bucket */
	_Atomic uint64_t admitted_before, ok_before;    /* when it began */
	_Atomic int32_t older;                  /* in flight, from buckets that have gone */
	uint32_t skip;                          /* so many failures need no look at the whole window yet; owner only */
	_Atomic uint64_t epoch_told;            /* epoch for other threads */
	_Atomic uint64_t would_refuse, ok_else, failed, slow, cancelled, overloaded, stale;
};
_Static_assert(sizeof(struct window_cell) == 512, "a cell is found with a shift");

struct window {
	fl_ns width;                            /* of a bucket */
	fl_ns slow_after;                       /* 0: calls in flight are not watched */
	unsigned cells_n;
	struct window_cell *cells;
};

/* What the window says; overdue: in flight for longer than slow_after. */
struct window_sum {
	double calls, failed, slow, overdue;
};

/* Prepare cells that are zeroed. */
void window_init(struct window *w, struct window_cell *cells, unsigned n, fl_ns length, fl_ns slow_after);
/* Bring a cell to the bucket of now, and to the epoch; its owner alone. returns whether a bucket ended since the last time. */
bool window_turn(const struct window *w, struct window_cell *c, uint64_t epoch, fl_ns now);
/* A call ended for which `ok` was not raised, and the cell is at now. number: low bits of the bucket it started in. */
void window_ended(struct window_cell *c, uint32_t number);
/* It votes. */
void window_vote(struct window_cell *c, bool failed, bool slow);
/* Sum over all cells. */
struct window_sum window_read(const struct window *w, uint64_t epoch, fl_ns now);

/* The nth cell. In 32 bits, which saves an instruction where each counts; there are never more than FL_CELLS_MAX. */
static inline struct window_cell *
window_cell(const struct window *w, unsigned n)
{
	return (struct window_cell *)(void *)((char *)w->cells + (uint32_t)(n * (uint32_t)sizeof(struct window_cell)));
}

/* Is the cell at the epoch and in the bucket of now? Else window_turn(). */
static inline bool
window_fits(const struct window_cell *c, uint64_t epoch, fl_ns now)
{
	return c->epoch == epoch && now < c->bucket_end;
}

#endif
