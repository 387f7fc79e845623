/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - the same plan with few hands: so many crews, each at one node at a time
 *
 * List scheduling: whenever a crew is free it takes, of what can be started, what has the longest way behind it (plan.h: tail). No schedule is
 * shorter than the longest chain, nor than all work divided by the crews; this one is at most 2 - 1/crews times as long as the best
 * (Graham, "Bounds for certain multiprocessing anomalies", 1966). The steps and whom each waits for are those that the plan chose.
 */
#ifndef GRAPH_SCHEDULE_H
#define GRAPH_SCHEDULE_H

#include "graph/plan.h"

struct schedule {
	uint32_t crews;
	fl_ns *start, *end;             /* by node, of the chosen ones; FL_NEVER of others */
	uint32_t *crew;                 /* by node: 0 .. crews - 1; NEEDS_NONE: it takes no time, so nobody's */
	fl_ns makespan;
	fl_ns bound;                    /* no schedule of these steps is shorter */
	fl_ns work;                     /* of all together */
};

/* returns 0, -EINVAL (no crews), -ENOMEM. p: after plan_run(). O(m log n). */
int schedule_run(const struct plan *p, uint32_t crews, struct arena *keep, struct arena *scratch, struct schedule *ret);

#endif
