/* SPDX-License-Identifier: MIT */
/*
 * checker.h - is a history one of a given model?
 *
 * Linearizability is local (Herlihy, Wing 1990; Horn, Kroening 2015), so each key is checked alone, by a monitor where the model
 * has one that can tell, else by search.
 *
 * Invariants
 *  (1) VALID and INVALID are proofs. When a budget is spent the verdict is UNKNOWN and the reason says which.
 *  (2) Any number of operations may be pending at once.
 */
#ifndef AUDIT_CHECKER_H
#define AUDIT_CHECKER_H

#include "audit/model.h"
#include "audit/ruling.h"

/*
 * In order of strength, but for the staleness of registers: the smallest k for which every read returned one of the last k values.
 * CONVERGENT and CAUSAL are of registers too (causal.h).
 */
enum checker_order { CHECKER_LINEARIZABLE, CHECKER_SEQUENTIAL, CHECKER_STALE, CHECKER_CONVERGENT, CHECKER_CAUSAL };

/* What registers begin as, of models register, cas-register and multi-register. FOUND: see origin.h. */
enum checker_begin { CHECKER_BEGIN_NIL, CHECKER_BEGIN_ZERO, CHECKER_BEGIN_FOUND };

struct checker_options {
	enum checker_order order;
	enum checker_begin begin;
	bool whole;                     /* all keys as one object, though linearizability is local: the same answer, at a price */
	bool depth_first;               /* no monitors, and only the search of depth.h: another way to the same answer */
	uint32_t part, parts;           /* judge only every parts-th object, beginning with the part-th; 0 of 0: all. See checker_merge() */
	uint32_t stale_max;             /* CHECKER_STALE: the greatest k that is tried; 0: 64 */
	uint64_t configs_max;           /* configurations made and compared, in all; 0: 1000 million, some seconds */
	size_t memory_bytes_max;        /* for configurations at once; 0: 512 MiB */
	uint64_t minimise_configs_max;  /* spent on making evidence small, in all; 0: 50 million */
};

/*
 * checker_run - check all objects of the tape. opt may be NULL.
 * returns    0; -EINVAL the history does not fit the model: ret->reason and ret->refused_line say why; -ENOMEM
 * ret        the ruling; ruling_fini() it in any case
 */
int checker_run(const struct tape *t, const struct model *m, const struct checker_options *opt, struct ruling *ret);

/*
 * How many parts may be judged at once, each by a thread of its own: at most parts_max, 1 where all keys are one. A tape is not
 * changed by its checks.
 */
uint32_t checker_parts(const struct tape *t, const struct model *m, const struct checker_options *opt, uint32_t parts_max);
/*
 * checker_merge - one ruling of those of all parts, which must outlive it. None was refused.
 */
void checker_merge(const struct ruling *parts, uint32_t n, const struct model *m, const struct checker_options *opt, struct ruling *ret);

#endif
