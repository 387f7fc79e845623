/* SPDX-License-Identifier: MIT */
/*
 * ruling.h - what a check of a tape against a model says, with its evidence.
 *
 * Everything hangs in the arena of the ruling; the tape must outlive it.
 */
#ifndef AUDIT_RULING_H
#define AUDIT_RULING_H

#include "audit/tape.h"
#include "audit/verdict.h"
#include "proto/jsonw.h"

/* One of the longest orders in which some of the contradicting operations fit; none goes on from there. */
struct ruling_end {
	const uint32_t *order;                  /* operations */
	uint32_t order_count;
	const uint32_t *next;                   /* those of which one would have to be next */
	uint32_t next_count;
	const char *state;                      /* what the object then is, "5"; "" where the model cannot say */
};

/* One contradiction. */
struct ruling_evidence {
	const char *key;                        /* as people read it; NULL: there are no keys */
	const char *say;                        /* the sentence: what cannot be */
	const uint32_t *ops;                    /* the contradicting operations, in order of invocation */
	uint32_t op_count;
	uint32_t culprit;                       /* into ops: the operation that no order can explain given the others */
	bool minimal;                           /* no fewer of them would do */
	const uint32_t *prefix;                 /* operations: the last of the longest legal order before the culprit */
	uint32_t prefix_count;
	uint32_t prefix_total;                  /* how long it is altogether */
	const struct ruling_end *ends;
	uint32_t end_count;
	bool more_ends;                         /* there are more as long as these */
};

struct ruling {
	enum verdict verdict;
	const char *model;
	const char *is;                         /* what it should be: "linearizable register" */
	const char *is_not;                     /* "no linearizable register", "not sequentially consistent" */
	const char *reason;                     /* one line; always set */
	const struct tape *tape;
	struct ruling_evidence evidence[VERDICT_EVIDENCE_MAX];
	uint32_t evidence_count;
	uint32_t keys, keys_invalid, keys_unknown;
	uint32_t ops;                           /* operations looked at */
	uint32_t unknown_ops;                   /* of these, with unknown outcome */
	bool zero;                              /* registers were taken to begin as 0 */
	uint32_t bound;                         /* the smallest k for which it is k-atomic, where that was asked; else 0 */
	uint64_t configs;                       /* configurations explored: the cost */
	const char *unknown;                    /* the first key without a verdict, and why; NULL: there is none */
	uint32_t refused_line;                  /* the history does not fit the model: where; then reason says why */
	struct arena mem;
};

void ruling_init(struct ruling *r, const struct tape *t);
void ruling_fini(struct ruling *r);                             /* half-built ones and NULL are fine */

/* One JSON object; doc/audit.md has its schema. */
void ruling_json(const struct ruling *r, struct jsonw *w);
/* Some lines: the verdict, and for each contradiction the sentence and its operations. */
void ruling_text(const struct ruling *r, struct buf *out);
/* "write 17", "dequeue -> 5"; with_key, where there is one: "write x 17". */
void ruling_put_op(const struct tape *t, const struct tape_op *op, bool with_key, struct buf *out);

#endif
