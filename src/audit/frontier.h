/* SPDX-License-Identifier: MIT */
/*
 * frontier.h - the search for any model: is there an order of these calls that explains everything that was seen?
 *
 * Just-in-time linearization (Lowe, "Testing for linearizability", CPE 2017) over a frontier of configurations: a state, which
 * pending calls are done, which unknown ones were used. Rules that keep it small, each leaving out only what others can stand
 * in for, so the answer stays exact:
 *
 *  - A call that looks and changes nothing takes effect as soon as the state allows.
 *  - Of calls with the same effect the one that returns first goes first; those that never return come last, by invocation.
 *  - An unknown call that would not change the state is not used.
 *  - Of two configurations that differ only in the unknown calls used, one that used a part of the other's stays.
 *
 * linear.h does the same for registers, with more rules. Pure; memory comes from malloc and is bounded by the budget.
 */
#ifndef AUDIT_FRONTIER_H
#define AUDIT_FRONTIER_H

#include "audit/calls.h"
#include "audit/states.h"

/* A state being made. */
struct frontier_row {
	int64_t *at;
	uint32_t count, cap;
};
/* Room for n numbers in all; the count is the caller's to set. false: no memory. */
bool frontier_room(struct frontier_row *row, uint32_t n);

/*
 * What a call does to a state. 1: legal, out is the new state (which may be left alone by a call that looks); 0: not legal;
 * -ENOMEM. all holds the lists of the calls, self is the model's.
 */
typedef int frontier_step_fn(const void *self, const struct calls *all, const struct calls_one *call, const int64_t *state, uint32_t n,
			     struct frontier_row *out);

struct frontier_budget {
	uint64_t configs;               /* left to be spent: configurations made and compared; counts down */
	size_t bytes_max;
};

enum frontier_answer { FRONTIER_LEGAL, FRONTIER_ILLEGAL, FRONTIER_SPENT, FRONTIER_NO_MEMORY };

struct frontier_result {
	enum frontier_answer answer;
	uint32_t culprit;               /* ILLEGAL: the call at whose return nothing was left; else where we were */
	uint32_t pending;               /* how many were pending then */
	/* The order found: of all calls when LEGAL, the longest legal one before the culprit when ILLEGAL. */
	uint32_t *order;                /* NULL when not wanted, or too long to be remembered */
	uint32_t order_count;
};

struct frontier_ask {
	const struct calls *calls;
	frontier_step_fn *step;
	const void *self;
	const int64_t *start;           /* the first state */
	uint32_t start_count;
	bool want_order;
};

void frontier_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret);
void frontier_fini(struct frontier_result *r);

#endif
