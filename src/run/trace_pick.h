/* SPDX-License-Identifier: MIT */
/* trace_pick.h - the message that somebody speaks of, by flow and number, id, trace, span or content. Pure. */
#ifndef RUN_TRACE_PICK_H
#define RUN_TRACE_PICK_H

#include "audit/lineage.h"

#define TRACE_PICK_TREES_MAX 16u

struct trace_pick {
	uint32_t call;                  /* LINEAGE_NONE: there is none */
	uint32_t count;                 /* calls that are called so */
	uint32_t tree_count;            /* trees they are in; at most so many as there is room for are listed */
	uint32_t roots[TRACE_PICK_TREES_MAX];
};

/*
 * trace_pick - find it.
 * name      LINE/CONNECTION/NUMBER, LINE/CONNECTION/sNUMBER, LINE/LIFE.CONNECTION/NUMBER; an id; 32 hex digits of a trace or a whole
 *           traceparent; 16 of a span; "#" and 16 of the hash of a content
 * Of several the first that is wrong is taken, else the first.
 */
void trace_pick(const struct lineage *l, const char *name, struct trace_pick *ret);

#endif
