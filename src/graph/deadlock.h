/* SPDX-License-Identifier: MIT */
/*
 * deadlock.h - nodes that wait for each other to start, and the cheapest way to let go
 *
 * What a plan never starts is in a circle of hard needs or behind one. The strongly connected components of what is left are the circles
 * (a group counts as a need of each member that is not up). Of each, needs are broken, that is, a node is started without the one it
 * waits for (made soft, served from a copy, jump-started by hand), so that all its nodes can start once everything it needs
 * outside is up. When that is done for all of them everything starts: what a component needs outside does not need it.
 *
 * 1. The breaks of a circle with at most DEADLOCK_EXACT needs inside are the cheapest there are. Above that they are found greedily (the node
 *    first that is cheapest to free for those who wait for it); none of them can be left out, but that is not checked beyond 32,768 needs.
 */
#ifndef GRAPH_DEADLOCK_H
#define GRAPH_DEADLOCK_H

#include "graph/plan.h"

#define DEADLOCK_EXACT 20

struct deadlock_break {
	uint32_t from, to;              /* FROM is started without TO */
	uint32_t group;                 /* in the needs, or NEEDS_NONE: it is a need of its own */
	uint32_t cost;
};
struct deadlock {
	uint32_t node_first, node_count;        /* in nodes */
	uint32_t break_first, break_count;      /* in breaks */
	uint32_t cost;                  /* of all breaks */
	bool exact;                     /* (1) */
};
struct deadlocks {
	const struct deadlock *circles; /* in an order in which they can be freed */
	uint32_t count;
	const uint32_t *nodes;          /* ascending in each circle */
	const struct deadlock_break *breaks;
	uint32_t node_count, break_count;
	uint32_t behind;                /* nodes that do not start, and are in no circle */
};

/* What it costs to start FROM without TO (of GROUP, or NEEDS_NONE); at least 1, small. */
typedef uint32_t deadlock_cost_fn(void *arg, uint32_t from, uint32_t to, uint32_t group);

/*
 * deadlock_find - the circles in what a plan did not start.
 * p            after plan_times() or plan_run()
 * cost         NULL: all needs cost the same
 * returns 0 or -ENOMEM. keep: where the answer lies.
 */
int deadlock_find(const struct plan *p, deadlock_cost_fn *cost, void *arg, struct arena *keep, struct arena *scratch, struct deadlocks *ret);

/* A cost for estates: what is only assumed to be hard is the cheapest (1), then what a member of a group is for (2), then the rest (4). arg:
 * a struct deadlock_estate. */
struct deadlock_estate {
	const struct estate *e;
	const struct needs *n;
};
uint32_t deadlock_estate_cost(void *arg, uint32_t from, uint32_t to, uint32_t group);

#endif
