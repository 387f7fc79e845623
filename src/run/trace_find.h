/* SPDX-License-Identifier: MIT */
/*
 * trace_find.h - what is wrong in a tree of calls: what was lost, changed, doubled, broken or is missing, and the faults that did it.
 * Pure.
 */
#ifndef RUN_TRACE_FIND_H
#define RUN_TRACE_FIND_H

#include "audit/lineage.h"
#include "base/buf.h"

enum trace_find_kind {
	TRACE_FIND_LOST,                /* a message came in and did not go out */
	TRACE_FIND_CHANGED,             /* another content went out */
	TRACE_FIND_CUT,                 /* only its beginning did */
	TRACE_FIND_COPIED,              /* it went out more than once */
	TRACE_FIND_DOUBLE,              /* it says what one before it says */
	TRACE_FIND_BROKE,               /* a call went wrong, and none below it did */
	TRACE_FIND_MISSING,             /* nothing came of it, though as a rule something does */
	TRACE_FIND_SPREAD,              /* not wrong in itself: something below it was, and it was answered well; or it was hit and came through */
	TRACE_FIND_REPEATED,            /* not wrong: it was sent to its servers more than once */
	TRACE_FIND_KINDS
};
struct trace_find {
	uint8_t kind;                   /* enum trace_find_kind */
	uint32_t call;
	const struct lineage_flow *flow;        /* MISSING: what should have come of it */
};
static inline bool trace_find_wrong(const struct trace_find *f) { return f->kind < TRACE_FIND_SPREAD; }
/* "lost", "changed", ... */
const char *trace_find_word(enum trace_find_kind kind);

/* All of a tree, and of what went into its results, in causal order: at most max. returns how many. */
uint32_t trace_find(const struct lineage *l, uint32_t root, struct trace_find *ret, uint32_t max);
/* A sentence or two, without end of line. */
void trace_find_say(const struct lineage *l, const struct trace_find *f, struct buf *out);

#endif
