/* SPDX-License-Identifier: MIT */
/*
 * trace_say.h - trees of calls as text and JSON: what caused what, which fault hit what at which moment, and what is to be
 * concluded. Pure. Lack of room shows in out's overflowed.
 */
#ifndef RUN_TRACE_SAY_H
#define RUN_TRACE_SAY_H

#include "audit/trace_compare.h"
#include "proto/jsonw.h"

#define TRACE_SAY_CALLS_MAX 2000        /* of one tree; more are counted only */

/* "front/1/3 GET /x -> 200 in 4.1 ms": one line without its end. */
void trace_say_call(const struct lineage *l, uint32_t i, struct buf *out);
/* A tree with its faults; mark: the call that was asked for. */
void trace_say_tree(const struct lineage *l, uint32_t root, uint32_t mark, struct buf *out);
/* What is wrong in the tree, a sentence a line: where it went wrong first and which fault was there, doubles, what has no answer. */
uint32_t trace_say_findings(const struct lineage *l, uint32_t root, struct buf *out);
/* A difference of two runs. */
void trace_say_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct buf *out);
/* What the store lacks (torn, damaged, lost), a sentence a line; nothing when it is whole. */
void trace_say_state(const struct trace_store *s, struct buf *out);

void trace_say_json_call(const struct lineage *l, uint32_t i, struct jsonw *w);         /* an object */
void trace_say_json_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct jsonw *w);
void trace_say_json_state(const struct trace_store *s, struct jsonw *w);                /* members */

#endif
