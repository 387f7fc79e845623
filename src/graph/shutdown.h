/* SPDX-License-Identifier: MIT */
/*
 * shutdown.h - in which order to stop everything gracefully: nobody stops before all who use it have stopped
 *
 * Every need counts, hard or soft, each member of a group: while its user runs it may be asked. Nodes that use each other in a circle stop together.
 * What keeps running (the one who conducts this, the store it writes to) keeps all that it needs hard, or the shutdown would kill
 * the one who does it.
 */
#ifndef GRAPH_SHUTDOWN_H
#define GRAPH_SHUTDOWN_H

#include "graph/needs.h"

struct shutdown_step {
	uint32_t node;
	uint32_t circle;                /* equal for those that stop together */
	fl_ns start, end;
};
struct shutdown {
	const struct shutdown_step *steps;      /* by start, then number */
	uint32_t count;
	const uint32_t *kept;           /* ascending */
	uint32_t kept_count;
	fl_ns makespan;
};

/*
 * shutdown_run
 * n            needs at runtime, soft ones with them
 * stop         by node: how long it takes, not negative; NULL: no time
 * keep_up      those that must keep running, keep_count of them
 * returns 0 or -ENOMEM. O(n + m).
 */
int shutdown_run(const struct needs *n, const fl_ns *stop, const uint32_t *keep_up, uint32_t keep_count, struct arena *keep,
    struct arena *scratch, struct shutdown *ret);

#endif
