/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - what an audit of a history says, with its evidence. Shared by all checkers.
 *
 * Everything hangs in the arena of the outcome; the history must outlive it (texts are the history's).
 */
#ifndef AUDIT_VERDICT_H
#define AUDIT_VERDICT_H

#include "audit/history.h"

enum verdict { VERDICT_VALID, VERDICT_INVALID, VERDICT_UNKNOWN };

/* One contradiction. */
struct verdict_evidence {
	const char *key;
	const char *say;                        /* the sentence: who wrote what when, and what cannot be */
	const struct history_op *ops;           /* the contradicting operations, in order of invocation */
	uint32_t op_count;
	uint32_t culprit;                       /* into ops: the operation that no order can explain given the others */
	bool minimal;                           /* no fewer of them would do; false: the search for fewer ran out of budget */
	const uint32_t *prefix;                 /* history indexes: the longest legal order of operations found before the culprit */
	uint32_t prefix_count;                  /* at most VERDICT_PREFIX_MAX, its last ones */
	uint32_t prefix_total;                  /* how long it is altogether */
	struct history_value state;             /* the register's value at the end of the prefix */
};
#define VERDICT_PREFIX_MAX 32
#define VERDICT_EVIDENCE_MAX 16

struct verdict_outcome {
	enum verdict verdict;
	const char *model;                      /* register, cas-register */
	const char *reason;                     /* one line; always set */
	const char *unknown;                    /* the first key without a verdict, and why; NULL: there is none */
	const struct history *history;
	struct verdict_evidence evidence[VERDICT_EVIDENCE_MAX];
	uint32_t evidence_count;
	uint32_t keys, keys_invalid, keys_unknown;
	uint32_t ops;                           /* operations looked at */
	uint64_t configs;                       /* configurations explored: the cost */
	struct arena mem;
};

const char *verdict_name(enum verdict v);                       /* valid, invalid, unknown */
/* Accepts a half-built one and NULL. */
void verdict_fini(struct verdict_outcome *o);

#endif
