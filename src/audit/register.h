/* SPDX-License-Identifier: MIT */
/*
 * register.h - is every key of a history a linearizable register (read, write, compare-and-set) that starts as nil?
 *
 * Linearizability is local, so each key is checked alone (Herlihy, Wing 1990; Horn, Kroening 2015): by zones.h where no value
 * was written twice, and by the search of linear.h otherwise.
 *
 * Invariants
 *  (1) VALID and INVALID are proofs. When a budget is spent the verdict is UNKNOWN and the reason says which.
 *  (2) Any number of operations may be pending at once.
 *  (3) Evidence of an invalid key is a set of operations that contradict each other whatever else happened (see shrink.h), or,
 *      when the budget for finding one is spent, the one operation that has no place.
 */
#ifndef AUDIT_REGISTER_H
#define AUDIT_REGISTER_H

#include "audit/verdict.h"

struct register_options {
	uint64_t configs_max;           /* configurations made and compared, in all; 0: 1000 million, some seconds */
	size_t memory_bytes_max;        /* for configurations at once; 0: 512 MiB */
	uint64_t minimise_configs_max;  /* spent on making evidence small, in all; 0: 50 million */
};

/*
 * register_check - check all keys. opt may be NULL.
 * returns    0, or -ENOMEM when not even a verdict can be built (nothing is returned then)
 * ret        verdict and evidence; verdict_fini() it
 */
int register_check(const struct history *h, const struct register_options *opt, struct verdict_outcome *ret);

#endif
