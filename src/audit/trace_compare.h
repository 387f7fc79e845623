/* SPDX-License-Identifier: MIT */
/*
 * trace_compare.h - where two runs part: calls aligned by flow and number, their trees in causal order, never by time. Pure.
 *
 * Roots are aligned by line and id, or without one by connection and number; calls below them by the how-manieth call of their parent
 * on their line they are. Per tree the first difference in causal order counts (a request before what it caused, an answer after that): what comes
 * later may follow from it.
 */
#ifndef AUDIT_TRACE_COMPARE_H
#define AUDIT_TRACE_COMPARE_H

#include "audit/lineage.h"

enum trace_compare_what {
	TRACE_COMPARE_REQUEST,          /* another request: method, path or content */
	TRACE_COMPARE_MISSING,          /* only the first run has this call */
	TRACE_COMPARE_EXTRA,            /* only the second has it */
	TRACE_COMPARE_STATUS,           /* another status, or ended otherwise */
	TRACE_COMPARE_BODY,             /* an answer of another length or content */
	TRACE_COMPARE_ATTEMPTS,
	TRACE_COMPARE_KINDS
};
struct trace_compare_diff {
	uint8_t what;                   /* enum trace_compare_what */
	uint32_t a, b;                  /* the calls; LINEAGE_NONE where one is not there */
	uint32_t root_a, root_b;
};
struct trace_compare {
	struct trace_compare_diff *diffs;       /* the first of each tree that parts, in order of the first run's start */
	uint32_t count, same;           /* trees that part, trees that do not */
};

/* diffs lie in mem. 0 or -ENOMEM. */
int trace_compare(const struct lineage *a, const struct lineage *b, struct arena *mem, struct trace_compare *ret);
/* "another status". */
const char *trace_compare_say(enum trace_compare_what what);

#endif
