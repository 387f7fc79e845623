/* SPDX-License-Identifier: MIT */
/* cluster_pick.h - the choice among the instances of a cluster: drained, ejected and sick ones, breakers, connections, priorities. */
#ifndef PROXY_CLUSTER_PICK_H
#define PROXY_CLUSTER_PICK_H

#include "proxy/cluster.h"

/* What a call wants of the next instance. */
struct cluster_ask {
	fl_ns now;
	uint64_t draw;                          /* random bits for the choice: of (seed, line, request, attempt) */
	uint64_t hash;                          /* for ring hash */
	struct instance *const *tried;          /* not these, if there is another */
	unsigned tried_count;
	bool others;                            /* if there is no other: -EAGAIN */
};

/*
 * cluster_pick - the instance for an attempt. On the worker's thread.
 * ret_permit    of the instance's breaker
 * ret_instance  with a reference and counted in flight: cluster_done() gives both back
 * returns       0, or -EAGAIN with *ret_why
 */
int cluster_pick(struct worker *w, struct cluster *c, const struct cluster_ask *ask, struct fl_permit *ret_permit,
    struct instance **ret_instance, struct fl_refusal *ret_why);

/* Is there an instance whose breaker would let a call? On the worker's thread. */
bool cluster_pick_ready(struct worker *w, struct cluster *c, fl_ns now);
/* The priorities, as bits, whose instances are all used: too many of them are out. */
unsigned cluster_pick_panics(const struct cluster *c, struct instance *const *items, unsigned count, fl_ns now);
/* Would a call be given to it, as far as its breaker and its connections allow? */
bool cluster_pick_usable(const struct instance *i, unsigned panics, fl_ns now);

#endif
