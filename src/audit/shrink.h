/* SPDX-License-Identifier: MIT */
/*
 * shrink.h - the few operations that contradict each other, out of a key's history that is known to be illegal.
 *
 * Not every part of an illegal history that is illegal on its own says something about the whole: a read of 17 without the
 * write of 17 would only look wrong. A part counts when it holds, for each observation in it, every write that can have been
 * the last one before that observation. Then a legal order of the whole would, reduced to the part, be a legal order of the
 * part; so the part's contradiction is one of the whole. The search starts near the culprit, looks at growing windows until
 * one is contradictory, and makes that small by delta debugging (Zeller, Hildebrandt, TSE 2002).
 *
 * Invariants
 *  (1) The result is contradictory by linear_check(), and counts in the sense above.
 */
#ifndef AUDIT_SHRINK_H
#define AUDIT_SHRINK_H

#include "audit/linear.h"

struct shrink_result {
	uint32_t *list;                 /* for keyhist_build(): history indexes in growing order, some KEYHIST_WEAK */
	uint32_t count;
	uint32_t culprit;               /* history index of the operation that has no place */
	bool minimal;                   /* nothing more can be taken away; false: the budget was spent */
};

/*
 * shrink_run - k is illegal; hint are operations of k that are at the heart of it, the first being where a search failed.
 * returns    0; -EAGAIN the budget did not suffice to find any part; -ENOMEM. free() ret->list.
 */
int shrink_run(const struct history *h, const struct keyhist *k, const uint32_t *hint, uint32_t hint_count, struct linear_budget *budget,
	       struct shrink_result *ret);

#endif
