/* SPDX-License-Identifier: MIT */
/*
 * pace.h - when the requests of an open loop are due: a rate over time, and arrivals drawn from it. Pure.
 *
 * The nth arrival is where the area under the rate reaches the nth of a sequence that grows by 1 on average: by exactly 1 with
 * even arrivals, by an exponential drawn from (key, n) with Poisson's. So the schedule depends on nothing but its configuration
 * and the key, whatever becomes of the requests.
 *
 * Invariants
 *  (1) Legs follow each other without gaps from 0 to the duration; rates are finite and >= 0.
 *  (2) Due times never decrease.
 */
#ifndef RUN_PACE_H
#define RUN_PACE_H

#include "base/types.h"
#include <stdbool.h>

#define PACE_STEPS_MAX 32
#define PACE_SURGES_MAX 32
#define PACE_LEGS_MAX (3 * (PACE_STEPS_MAX + PACE_SURGES_MAX) + 2)

/* From `at` on the rate is this; it is reached evenly over `over`. */
struct pace_step {
	fl_ns at, over;
	double rate;
};
/* Between at and at + length the rate is this, whatever the steps say. */
struct pace_surge {
	fl_ns at, length;
	double rate;
};
struct pace_conf {
	double rate;                    /* per second, at the start */
	bool even;
	fl_ns duration;
	uint32_t step_count, surge_count;
	struct pace_step steps[PACE_STEPS_MAX];         /* in order of time; none begins before the one before it has arrived */
	struct pace_surge surges[PACE_SURGES_MAX];      /* where they overlap the later one counts */
};

/* A piece of time in which the rate is a straight line. */
struct pace_leg {
	fl_ns from, to;
	double rate_from, rate_to;
};
struct pace {
	uint64_t key;
	bool even;
	uint32_t leg_count, leg;
	double area;                    /* under the legs before this one */
	double wanted;                  /* the area at which the next arrival is */
	uint64_t n;                     /* arrivals so far */
	fl_ns last;
	struct pace_leg legs[PACE_LEGS_MAX];
};

void pace_init(struct pace *p, const struct pace_conf *conf, uint64_t key);
/* When the next is due, since the start of the load. false: there are no more. */
bool pace_next(struct pace *p, fl_ns *ret_due);
/* How many there will be, about. */
double pace_total(const struct pace *p);
/* The rate at a time, per second. */
double pace_rate(const struct pace *p, fl_ns at);

#endif
