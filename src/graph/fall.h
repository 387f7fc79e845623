/* SPDX-License-Identifier: MIT */
/*
 * fall.h - who goes down with whom: failures pushed one after the other, and taken back
 *
 * A node is down when it was pushed, when one that it needs hard is down, or when fewer than K of one of its hard groups are left. That is
 * the least fixpoint of a monotone rule (Horn clauses; Dowling, Gallier 1984), so cycles need no care, and the order of pushing makes no
 * difference to who is down.
 *
 * 1. order[0 .. count) are those who are down, in levels: level h begins at level[h]. Levels are exact only for what was pushed at once.
 * 2. The spare of a group is how many of its members may still go down before it falls; below zero it has fallen. Soft groups are counted as well,
 *    but nobody falls with them.
 * 3. fall_undo() leaves exactly what was before the push.
 *
 * Levels are searched from above (who needs the ones that fell?) until so much has fallen that asking the rest is cheaper (do you
 * need one that fell?): direction-optimising search (Beamer, Asanovic, Patterson, SC 2012).
 */
#ifndef GRAPH_FALL_H
#define GRAPH_FALL_H

#include "graph/needs.h"

/* What is asked of a group, in one line of the cache. */
struct fall_group {
	uint32_t owner;                 /* node_count, which is nobody, for a soft one */
	int32_t spare;                  /* (2) */
};
struct fall {
	const struct needs *n;
	uint8_t *down;                  /* by node: 1, or 0. A bitmap would be smaller, but its words would wait for each other */
	struct fall_group *groups;      /* by group */
	struct fall_group *intact;      /* the same when nobody is down */
	uint32_t *order, *level;
	uint32_t count, level_count;
};

/* Nothing has fallen yet. returns 0 or -ENOMEM. O(n). The needs must outlive it. */
int fall_init(struct fall *f, const struct needs *n, struct arena *keep);
/* These go down, and all that goes down with them. Who is down already changes nothing. O(what falls, and its edges). */
void fall_push(struct fall *f, const uint32_t *nodes, uint32_t count);
/* Back to when `count` were down (a count that was seen between two pushes). O(what is taken back). */
void fall_undo(struct fall *f, uint32_t count);

static inline bool
fall_is_down(const struct fall *f, uint32_t v)
{
	return f->down[v] != 0;
}

#endif
