/* SPDX-License-Identifier: MIT */
/*
 * serving.h - when each node serves: it has come up, and so has all that it needs to run
 *
 * What is needed to start orders a plan (plan.h); what is needed only to run does not, for it can start meanwhile. A node serves at the end of
 * its own start or when the last of its hard needs serves, of a group with its K-th member, whichever is later: the least fixpoint of a monotone
 * rule, so circles of services that need each other to run serve together.
 */
#ifndef GRAPH_SERVING_H
#define GRAPH_SERVING_H

#include "graph/needs.h"

/*
 * serving_times - from when each comes up.
 * n        what is needed to run (view RUNTIME); soft needs do not count
 * end      by node, when it comes up; FL_NEVER: it does not
 * ret      room for all nodes; FL_NEVER: it never serves
 * returns  0 or -ENOMEM. O(n log n + m).
 */
int serving_times(const struct needs *n, const fl_ns *end, fl_ns *ret, struct arena *scratch);

/*
 * serving_closure - these, and whatever must serve for them to serve: hard needs, and of each hard group the K members that serve first.
 * ret      room for all nodes, by number. returns how many, or -ENOMEM.
 */
int64_t serving_closure(const struct needs *n, const fl_ns *serve, const uint32_t *nodes, uint32_t count, uint32_t *ret, struct arena *scratch);

#endif
