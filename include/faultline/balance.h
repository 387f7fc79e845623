/* SPDX-License-Identifier: MIT */
/*
 * balance.h - load balancing: which instance next.
 *
 *      FL_LEAST_REQUEST  of two drawn by weight, the one with fewer calls under way for its weight (Mitzenmacher, "The power of two
 *                        choices", 2001)
 *      FL_EWMA           of two drawn by weight, the one with the lower cost: peak-sensitive average latency x (calls under way for
 *                        its weight + 1); one whose latency is not known gets one call to find out (Finagle)
 *      FL_ROUND_ROBIN    smooth weighted: the order of nginx, exact over a round; who cannot be used is left out of the order
 *      FL_RING_HASH      by key, on a ring of points (Karger et al., STOC 1997), with bounded loads (Mirrokni et al., SODA 2018)
 *      FL_RANDOM         weighted
 *
 * Priorities: group 0 takes all while enough of it can be used; what it cannot carry spills to group 1, and so on (overprovisioning
 * 1.4, as Envoy: a group carries everything until less than 71 % of it is usable). What all groups together cannot carry is shared in
 * proportion. Backups are a group of their own.
 * Zones: within a group, instances of the caller's zone first, as long as the zone has its share.
 * Slow start: an instance that came (back) lately counts with a growing part of its weight.
 *
 * The caller owns the instances and keeps their state; a pick reads it and writes nothing but the counter of round robin. No
 * allocation, no lock. Cost: one look at every instance to see which group is fit, then two for the draws of two; a further pass for
 * ring hash with a bound, and when many cannot be used.
 */
#ifndef FAULTLINE_BALANCE_H
#define FAULTLINE_BALANCE_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FL_BALANCE_INSTANCES_MAX 4096
#define FL_BALANCE_PRIORITIES_MAX 8

enum fl_balance_kind { FL_LEAST_REQUEST, FL_ROUND_ROBIN, FL_EWMA, FL_RING_HASH, FL_RANDOM };

/* What a pick needs to know of an instance at the moment; filled by the owner. */
struct fl_instance_view {
	double weight;                  /* > 0; 0: not to be picked */
	unsigned inflight;
	double latency;                 /* ns, peak EWMA, faded; 0: not known */
	unsigned priority;              /* group */
	bool usable;                    /* not ejected, unhealthy, draining */
	bool local;                     /* in the caller's zone */
	fl_ns back_at;                  /* since when it takes calls, for slow start; INT64_MIN: long ago */
};

struct fl_balance;

struct fl_balance_opts {
	size_t size;
	enum fl_balance_kind kind;      /* default FL_LEAST_REQUEST */
	double overprovision;           /* default 1.4 */
	fl_ns slow_start;               /* default 0: none */
	double slow_start_min;          /* of the weight, at first; default 0.1 */
	bool prefer_zone;
	double zone_share_min;          /* usable share of the zone's instances below which it is not preferred; default 0.7 */
	double load_bound;              /* ring hash: at most so many times the mean of calls under way; default 1.25; 0: none */
	unsigned points;                /* ring hash: per unit of weight; default 100 */
	uint64_t seed;
	const struct fl_alloc *alloc;
};
FL_API void fl_balance_opts_init_size(struct fl_balance_opts *o, size_t size);
static inline void fl_balance_opts_init(struct fl_balance_opts *o) { fl_balance_opts_init_size(o, sizeof(*o)); }

/*
 * fl_balance_new - for a set of n instances. When the set changes, a new one is made.
 * ids, weights  a number that stays the instance's (a hash of its address): for the ring; and its weight, at most 1,000,000: for ring
 *               and round robin. Other kinds ignore them
 */
FL_API int fl_balance_new(const struct fl_balance_opts *opts, const uint64_t *ids, const double *weights, unsigned n,
    struct fl_balance **ret_balance, const char **ret_field);
FL_API void fl_balance_free(struct fl_balance *b);

struct fl_balance_ask {
	uint64_t draw;                  /* random bits for this pick */
	uint64_t hash;                  /* ring hash: of the key */
	fl_ns now;
	const unsigned *tried;          /* not these, unless there is no other */
	unsigned tried_count;
	bool panic;                     /* usable counts for nothing */
};
/*
 * fl_balance_pick
 * view    tells of instance i; called for those that are looked at
 * returns the index, or -1: none can be used
 */
FL_API int fl_balance_pick(struct fl_balance *b, unsigned n, void (*view)(void *ud, unsigned i, struct fl_instance_view *ret), void *ud,
    const struct fl_balance_ask *ask);
/* A cost for peak EWMA: the average, which follows a rise at once and a fall with half-life. last_at: of the latency before. */
FL_API double fl_balance_ewma(double average, fl_ns latency, fl_ns last_at, fl_ns now, fl_ns half_life);
/*
 * What the average counts for now: it halves with each half_life without an answer, so that an instance that was slow once, and gets no
 * calls for that, is tried again. The owner gives this as the view's latency.
 */
FL_API double fl_balance_faded(double average, fl_ns last_at, fl_ns now, fl_ns half_life);
/* The part of its weight an instance counts with, 0..1. */
FL_API double fl_balance_warmth(const struct fl_balance_opts *o, fl_ns back_at, fl_ns now);

#ifdef __cplusplus
}
#endif

#endif
