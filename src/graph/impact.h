/* SPDX-License-Identifier: MIT */
/*
 * impact.h - what a failure does: who goes down, who gets worse, whose redundancy is used up, and why, hop by hop
 *
 * States are ordered UP < DEGRADED < DOWN, and rules only ever make them worse, so there is one least answer, and cycles need no care.
 *
 * 1. DOWN: see fall.h. Soft needs never take anybody down.
 * 2. DEGRADED, if not down: a soft need is down (for a soft group: fewer than K are not down), or a hard need is degraded (for a hard
 *    group: fewer than K are up). A degraded soft need changes nothing, unless `soft_spreads` says that it counts as a degraded hard one does.
 * 3. A hop is the length of the shortest chain of reasons from what failed; who failed has hop 0.
 * 4. AT RISK is not a state: it says of somebody who is not down that a hard group of it has lost members and has none to spare.
 */
#ifndef GRAPH_IMPACT_H
#define GRAPH_IMPACT_H

#include "graph/fall.h"

enum impact_state { IMPACT_UP, IMPACT_DEGRADED, IMPACT_DOWN };

struct impact {
	struct fall fall;
	bool soft_spreads;
	uint64_t *weak;                 /* degraded ones, a bitmap */
	int32_t *spare_up;              /* by group: members up less K */
	uint32_t *weak_order, *weak_level;      /* degraded ones by hop; where each hop begins */
	uint32_t weak_count;
	uint32_t hops;                  /* levels of both */
	uint32_t *hop;                  /* by node; filled when first asked for */
	bool hop_known;
};

/* An engine for many questions about the same needs, which must outlive it. returns 0 or -ENOMEM. */
int impact_init(struct impact *im, const struct needs *n, struct arena *keep);
/* These fail, and nothing else did: what was asked before is forgotten. O(who is hit, and their edges). */
void impact_run(struct impact *im, const uint32_t *failed, uint32_t count);

static inline enum impact_state
impact_state(const struct impact *im, uint32_t v)
{
	return fall_is_down(&im->fall, v) ? IMPACT_DOWN : (im->weak[v / 64] >> v % 64 & 1) != 0 ? IMPACT_DEGRADED : IMPACT_UP;
}
/* "up", "degraded", "down". */
const char *impact_word(enum impact_state s);

/* Hops from what failed; NEEDS_NONE for who is up. O(1), the first time after a run O(who is hit). */
uint32_t impact_hop(struct impact *im, uint32_t v);

enum impact_because { IMPACT_UNHARMED, IMPACT_FAILED, IMPACT_NEED, IMPACT_GROUP };
struct impact_reason {
	enum impact_because because;
	bool soft;                      /* it is a soft need */
	uint32_t node;                  /* NEED: on whom; GROUP: the first member that counts */
	uint32_t group;                 /* GROUP: its number in the needs */
	uint32_t up, alive;             /* GROUP: members that are up, and that are not down */
};
/* Why v is as it is: a reason that is a hop nearer to what failed. O(needs of v). */
struct impact_reason impact_why(struct impact *im, uint32_t v);

struct impact_risk {
	uint32_t group;                 /* in the needs; its node is not down */
	uint32_t alive;                 /* members that are not down, K at least */
	bool exhausted;                 /* none to spare (4) */
};
/* Hard groups that have lost members and still stand, by number. returns how many there are; at most max are written. O(who is down, and
 * their edges, sorted). */
uint32_t impact_risks(const struct impact *im, struct impact_risk *ret, uint32_t max);

#endif
