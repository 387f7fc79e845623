/* SPDX-License-Identifier: MIT */
/*
 * spof.h - what if each node failed alone: all of them ranked, and redundancy that is none
 *
 * Both ask every node in turn; on a map of 12,000 that is well under a second, because an answer costs only what it hits.
 */
#ifndef GRAPH_SPOF_H
#define GRAPH_SPOF_H

#include "graph/functions.h"

struct spof {
	uint32_t node;
	uint32_t down, degraded;        /* others */
	uint32_t functions_down, functions_degraded;
	uint32_t tier_down;             /* others of the highest tier (tier <= 1) that go down */
};

/*
 * spof_rank - every node, the worst first: by functions down, then top tier down, then all down, then degraded, then number.
 * tier         by node, or NULL: nobody has one. 0 and 1 are the highest
 * ret          room for all nodes
 * returns 0 or -ENOMEM (of scratch)
 */
int spof_rank(struct impact *im, const struct functions *f, const int64_t *tier, struct arena *scratch, struct spof *ret);

/* One component that takes a whole group with it although the group has members to spare. */
struct spof_shared {
	uint32_t group;                 /* in the needs */
	uint32_t node;                  /* who fails */
	uint32_t lost;                  /* members that go down with it, itself counted */
};
/*
 * spof_shared - for every group with redundancy (K < members), every single node whose failure leaves fewer than K. The group's own node does not
 * count. By group, then by node.
 * returns how many there are; at most max are written; -ENOMEM (of scratch)
 */
int64_t spof_shared(struct fall *f, struct arena *scratch, struct spof_shared *ret, uint32_t max);

/* The same by a fact: all members but fewer than K are in one zone, on one host. */
struct spof_together {
	uint32_t group;                 /* of the estate */
	const char *value;              /* of the fact; not ended by NUL: value_len bytes */
	size_t value_len;
	uint32_t lost;
};
/* returns how many there are; at most max are written. Facts that are lists count as in functions_where(). */
uint32_t spof_together(const struct estate *e, const char *key, struct spof_together *ret, uint32_t max);

#endif
