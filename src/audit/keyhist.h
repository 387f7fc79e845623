/* SPDX-License-Identifier: MIT */
/*
 * keyhist.h - the operations on one key, reduced to what a register checker has to look at.
 *
 * Left out, because they can change no verdict: failed operations, unknown (info) reads, and unknown writes whose value
 * nobody can have seen afterwards. What remains is either required (it took effect between inv and ret) or optional (it may
 * have taken effect at any time after inv, or never).
 *
 * Invariants
 *  (1) ops are in order of inv; events hold every inv, and the ret of every required operation, in order of position.
 *  (2) Values are numbered from 0, which is nil.
 *  (3) expire of an optional operation is the last position at which its effect can matter. An optional operation is alive
 *      from inv to expire; two that are alive at the same time have different slots, and so have two pending required ones.
 */
#ifndef AUDIT_KEYHIST_H
#define AUDIT_KEYHIST_H

#include "audit/history.h"

#define KEYHIST_NONE UINT32_MAX
#define KEYHIST_NEVER UINT32_MAX
/*
 * In a list of operation numbers: count this cas only as the write it made, not for what it saw. Taking an observation away
 * only makes more orders legal, so a contradiction that is left is one of the whole.
 */
#define KEYHIST_WEAK 0x80000000u

enum keyhist_kind {
	KEYHIST_READ,           /* saw expect */
	KEYHIST_WRITE,          /* set value */
	KEYHIST_CAS,            /* saw expect, set value */
	KEYHIST_REFUSED,        /* saw something else than expect */
};

struct keyhist_op {
	uint32_t id;            /* as in the list it was built from, KEYHIST_WEAK apart */
	uint32_t inv, ret;      /* ret KEYHIST_NEVER: optional */
	uint32_t expire;        /* optional only */
	uint32_t value, expect;
	uint32_t slot;          /* required and optional ones are numbered apart */
	uint32_t twin;          /* optional: the one before it with the same effect to anybody, or KEYHIST_NONE */
	enum keyhist_kind kind;
};

struct keyhist {
	struct keyhist_op *ops;
	uint64_t *events;               /* pos << 32 | op << 1 | is it a ret */
	struct history_value *values;   /* by number */
	uint32_t op_count, event_count, value_count;
	uint32_t required_slots, optional_slots;
	bool has_refused;
};

static inline bool keyhist_required(const struct keyhist_op *o) { return o->ret != KEYHIST_NEVER; }
static inline bool keyhist_writes(const struct keyhist_op *o) { return o->kind == KEYHIST_WRITE || o->kind == KEYHIST_CAS; }

/*
 * keyhist_build - from operations of one key, given as history indexes (| KEYHIST_WEAK) in growing order.
 * returns    0 or -ENOMEM
 * cost       O(n log n)
 */
int keyhist_build(const struct history *h, const uint32_t *list, uint32_t n, struct keyhist *ret);
void keyhist_fini(struct keyhist *k);           /* NULL and all zero are fine */
size_t keyhist_bytes(const struct keyhist *k);

#endif
