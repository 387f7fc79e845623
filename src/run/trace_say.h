/* SPDX-License-Identifier: MIT */
/*
 * trace_say.h - trees of calls as text: what caused what, which fault hit what at which moment. Pure. Lack of room shows in out's
 * overflowed.
 */
#ifndef RUN_TRACE_SAY_H
#define RUN_TRACE_SAY_H

#include "audit/trace_compare.h"
#include "base/buf.h"

#define TRACE_SAY_CALLS_MAX 2000u       /* of one tree; more are counted only */
#define TRACE_SAY_HITS_MAX 20u          /* faults shown of one call */

/* Text of a store, which may be anybody's: what could play with the terminal becomes '?'. */
void trace_say_text(struct trace_text t, struct buf *out);
/* "front/1/3 (id order-17)": what a call is called, and how it may be asked for. */
void trace_say_name(const struct lineage *l, uint32_t i, struct buf *out);
/* "front/1/3  GET /x -> 200 in 4.1 ms": one line without its end. */
void trace_say_call(const struct lineage *l, uint32_t i, struct buf *out);
/* "fault slow: delay of 20 ms (client to server)". */
void trace_say_hit(const struct trace_event *e, struct buf *out);
/* "+1.5 ms" from a moment. */
void trace_say_moment(fl_ns at, fl_ns from, struct buf *out);
/* A tree with its faults; mark: the call that was asked for. */
void trace_say_tree(const struct lineage *l, uint32_t root, uint32_t mark, struct buf *out);
/* A difference of two runs. */
void trace_say_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct buf *out);
/* What the store lacks (torn, damaged, lost), a sentence a line; nothing when it is whole. */
void trace_say_state(const struct trace_store *s, struct buf *out);

#endif
