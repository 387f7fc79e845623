/* SPDX-License-Identifier: MIT */
/*
 * needs.h - who needs whom, and nothing else: what the algorithms walk over
 *
 * A node needs others one by one (hard: it goes down with them; soft: it gets worse), or K of a group. Each such need is one word in the row
 * of the node, and the same need is one word in the row of each node that is needed. Names, facts and evidence stay in the estate.
 *
 * 1. A word is a number with a tag in its two highest bits: NEEDS_HARD or NEEDS_SOFT and a node, or NEEDS_GROUP and a group.
 * 2. Rows are sorted, so hard ones come first, then groups, then soft ones; where the hard ones end is written down beside the rows.
 * 3. Whoever is up has itself: lines to oneself are left out, and a group loses such a member and needs one less.
 * 4. Groups are numbered by the node whose they are.
 */
#ifndef GRAPH_NEEDS_H
#define GRAPH_NEEDS_H

#include "graph/estate.h"

enum needs_tag { NEEDS_HARD = 0, NEEDS_GROUP = 1, NEEDS_SOFT = 2 };

#define NEEDS_MAX (UINT32_C(1) << 30)           /* nodes, groups */
#define NEEDS_MEMBERS_MAX 32767                 /* of a group */
#define NEEDS_NONE UINT32_MAX

struct needs_group {
	uint32_t node, k;
	uint32_t first, count;          /* in members */
	bool soft;
};
struct needs {
	uint32_t node_count, group_count;
	bool any_soft;                  /* lines or groups: without one nobody is ever degraded */
	const uint32_t *dep_at, *dep_hard_end;  /* node_count + 1, node_count: the row of v is dep[dep_at[v]] .. dep[dep_at[v + 1] - 1] */
	const uint32_t *dep;            /* what v needs */
	const uint32_t *use_at, *use_hard_end;
	const uint32_t *use;            /* who needs v */
	/* The same once more for those who ask nothing else: users that need v hard, and groups that v is in, without tags, without gaps. */
	const uint32_t *hard_at, *hard;         /* node_count + 1 */
	const uint32_t *in_at, *in;             /* node_count + 1 */
	const struct needs_group *groups;
	const uint32_t *members;        /* nodes */
	const uint32_t *group_of;       /* groups of an estate: its number there; NULL otherwise */
};

/* What to make it of. */
struct needs_spec {
	uint32_t node_count;
	uint32_t edge_count;
	const uint32_t *from, *to;
	const bool *soft;               /* by edge; NULL: none */
	uint32_t group_count;
	const struct needs_group *groups;               /* first and count in members, which are distinct; 0 < k <= count; in any order */
	const uint32_t *members;
};

static inline enum needs_tag
needs_tag(uint32_t word)
{
	return (enum needs_tag)(word >> 30);
}
static inline uint32_t
needs_id(uint32_t word)
{
	return word & (NEEDS_MAX - 1);
}

/*
 * needs_build - make it. keep: where it lies; scratch: for the work.
 * returns 0, -EINVAL (an id or a K out of range, too large), -ENOMEM. O(n + m).
 */
int needs_build(const struct needs_spec *spec, struct arena *keep, struct arena *scratch, struct needs **ret);

struct needs_view {
	enum sight_phase phase;         /* RUNTIME or STARTUP: lines and groups of this phase, or of both */
	bool hard_only;                 /* leave soft ones out */
};
/* That of an estate, with its numbers for nodes. As needs_build. */
int needs_of_estate(const struct estate *e, const struct needs_view *view, struct arena *keep, struct arena *scratch, struct needs **ret);

#endif
