/* SPDX-License-Identifier: MIT */
/*
 * plan.h - in which order to start everything again, and when it is back
 *
 * A node can be started when all that it needs hard is up, and of each of its hard groups K members; then it takes its time. The earliest end
 * of v is recover(v) + the latest of its needs, where a group is there with its K-th member. Such a function never ends before what it is
 * made of, so Dijkstra's way of fixing the earliest first is right for it (Knuth, "A generalization of Dijkstra's algorithm", 1977);
 * circles do no harm. What is never fixed waits for itself: a bootstrap deadlock, see deadlock.h.
 *
 * 1. order[0 .. count) are those who come up, by end, among equals as they became ready, then by number; place is its inverse.
 * 2. Chosen are the targets and, for each one chosen, its hard needs and the K members of each hard group that are up first: with these alone
 *    every end stays as it is. What is not chosen need not be started for the targets.
 * 3. Whom a chosen one waits for is a row of sel, who waits for it one of sel_use: a plan is a graph without circles and without choices.
 * 4. Slack is how much later a chosen one may end while the last of the targets still ends in time. Nobody else is on the way; an
 *    alternative in a group may allow even more.
 */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "graph/needs.h"

#define PLAN_DIGIT_BITS 6
#define PLAN_DIGITS (1u << PLAN_DIGIT_BITS)
#define PLAN_LEVELS ((64 + PLAN_DIGIT_BITS - 1) / PLAN_DIGIT_BITS)
#define PLAN_LISTS (PLAN_LEVELS * PLAN_DIGITS)

struct plan_list {
	fl_ns due;                      /* of the earliest */
	uint32_t last;
};

struct plan {
	const struct needs *n;          /* hard ones count, soft ones do not */
	fl_ns *start, *end;             /* by node; FL_NEVER: it does not come up */
	uint32_t *order, *place, count; /* (1) */
	uint32_t *gate;                 /* for whom it waited last; NEEDS_NONE: for nobody */
	bool *chosen;                   /* (2) */
	uint32_t chosen_count;
	uint32_t *sel_at, *sel, *sel_use_at, *sel_use;  /* (3) */
	fl_ns *slack;                   /* (4); of those that are not chosen: 0 */
	fl_ns *tail;                    /* from the start of it to the end of the last that waits for it */
	fl_ns makespan;                 /* when the last of the targets is up */
	uint32_t last;                  /* that one; NEEDS_NONE: there is none */
	uint32_t stuck;                 /* targets that do not come up */
	uint32_t *needs;                /* by node: how much it waits for */
	uint32_t *left;                 /* by group: members that it still waits for; of soft ones: 0 */
	uint32_t *wait, *row;           /* work: needs of a node still to come; see finish() and choose() */
	/* The queue, see plan.c. */
	fl_ns due;
	uint32_t due_count;             /* order[count .. due_count) are up at that time */
	uint32_t levels;                /* levels that hold something */
	uint64_t held[PLAN_LEVELS];     /* and which of their lists do */
	struct plan_list lists[PLAN_LISTS];
	uint32_t *next;                 /* by node; then, by list, the first */
};

struct plan_question {
	const fl_ns *recover;           /* by node, not negative */
	const bool *up;                 /* by node: it is up already; NULL: nobody is */
	const uint32_t *targets;        /* NULL: all */
	uint32_t target_count;
};

/* An engine for many questions about the same needs, which must outlive it. returns 0 or -ENOMEM. */
int plan_init(struct plan *p, const struct needs *n, struct arena *keep);
/* The whole answer. O(m log n). */
void plan_run(struct plan *p, const struct plan_question *q);
/* start, end, order, gate, makespan and stuck alone, for who asks the same again and again. */
void plan_times(struct plan *p, const struct plan_question *q);

/* The nodes of the longest chain, from the first to be started to the last to be up, into ret (room for chosen_count). returns how many. */
uint32_t plan_critical(const struct plan *p, uint32_t *ret);
/*
 * plan_waves - the chosen ones by start, those of one start together (by number).
 * ret_nodes    room for chosen_count; ret_wave_at: room for chosen_count + 1: wave w is ret_nodes[ret_wave_at[w]] .. ret_wave_at[w + 1] - 1
 * returns how many waves. A wave is no barrier: each starts when its own needs are there.
 */
uint32_t plan_waves(const struct plan *p, uint32_t *ret_nodes, uint32_t *ret_wave_at);

/* a + b, at most a time that is still before FL_NEVER. */
static inline fl_ns
plan_add(fl_ns a, fl_ns b)
{
	return a > FL_NEVER - 1 - b ? FL_NEVER - 1 : a + b;
}

#endif
