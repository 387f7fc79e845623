/* SPDX-License-Identifier: MIT */
/*
 * past_groups.h - who needs K of which services, as a view has it. For the files past_*.c alone.
 *
 * A declared group is a claim of its own, and holds as it was told. An observed one is what was seen at a moment: a client used these members
 * of a cluster just then. Each *membership* is a claim with episodes, (client, K and of how many, anchor) -> member, where the anchor is the
 * smallest name of those seen together; so what many moments saw takes no more room than its pairs, and each membership has its first, last,
 * count and pauses.
 *
 * Invariants
 *  (1) Of one client, observed memberships of the view that share a member are one group, whatever the order in which they were told.
 *  (2) Its K is that of the moment that saw most members; of several such, of the latest.
 *  (3) A declared group stands for an observed one that has no other members.
 */
#ifndef STORE_PAST_GROUPS_H
#define STORE_PAST_GROUPS_H

#include "store/past_read.h"
#include "store/past_world.h"

#define PAST_MEMBERS_MAX 4096u

struct past_group {
	int64_t node;                   /* root of who needs them */
	const char **members;           /* names, ordered */
	const char *space;              /* the namespace of all of them, "" when they have none in common */
	uint32_t member_count, k;
	int64_t first, last;
	uint64_t count;
	int64_t bits, source, place;
	bool observed;
};

/*
 * past_groups - the groups of a view, ordered by who needs them; *ret is in w->mem.
 * seen      of past_seen() for a view with a window, else NULL
 * returns   0 or -ENOMEM
 */
int past_groups(struct past_world *w, const struct past_view *v, const struct past_seen *seen, struct past_group **ret, uint32_t *ret_count);

/* The number in which a membership keeps K and of how many; never 0. */
static inline int64_t
past_group_size(uint32_t k, uint32_t n)
{
	return (int64_t)k | (int64_t)n << 16;
}

/* Is it a membership, and not all of a group in one claim? */
static inline bool
past_is_membership(const struct past_claim *c)
{
	return c->what == SIGHT_GROUP && c->b != 0;
}

#endif
