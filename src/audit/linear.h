/* SPDX-License-Identifier: MIT */
/*
 * linear.h - the search: is there an order of the operations on one register that explains everything that was seen?
 *
 * Just-in-time linearization (Lowe, "Testing for linearizability", CPE 2017) over a frontier of configurations, with these
 * rules that keep it small. Each only leaves out configurations that others can stand in for, so the answer stays exact:
 *
 *  - Reads (and refused cas) take effect as soon as the value allows: they change nothing.
 *  - A write that was pending when another write took effect may count as done just before it, and so may the reads that
 *    were pending too and saw its value. It can still take effect visibly until it returns, or until one of these reads does.
 *    So the order of writes that nobody else sees is never explored.
 *  - Therefore nothing but a cas may follow a write within one step.
 *  - A value that nobody can see any more is the same as every other such value.
 *  - Unknown operations with the same effect are used in order of invocation, and fewer used are better than more.
 *
 * Pure; memory comes from malloc and is bounded by the budget.
 */
#ifndef AUDIT_LINEAR_H
#define AUDIT_LINEAR_H

#include "audit/keyhist.h"

struct linear_budget {
	uint64_t configs;               /* left to be spent: configurations made and compared; counts down */
	size_t bytes_max;
};

enum linear_answer { LINEAR_LEGAL, LINEAR_ILLEGAL, LINEAR_SPENT, LINEAR_NO_MEMORY };

struct linear_result {
	enum linear_answer answer;
	/* ILLEGAL: the operation (of the keyhist) at whose return nothing was left; SPENT, NO_MEMORY: where we were */
	uint32_t culprit;
	uint32_t pending;               /* how many were pending then */
	/* The order found, as history indexes: of all when LEGAL, the longest legal one before the culprit when ILLEGAL. */
	uint32_t *order;                /* NULL when not wanted, or too long to be remembered */
	uint32_t order_count;
};

/* Search. want_order costs some time and memory. linear_fini() the result. */
void linear_check(const struct keyhist *k, struct linear_budget *budget, bool want_order, struct linear_result *ret);
void linear_fini(struct linear_result *r);

#endif
