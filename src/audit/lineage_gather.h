/* SPDX-License-Identifier: MIT */
/* lineage_gather.h - events become calls: a request and its answer, a message as it came in and as it went out. For lineage.c. */
#ifndef AUDIT_LINEAGE_GATHER_H
#define AUDIT_LINEAGE_GATHER_H

#include "audit/lineage.h"

/*
 * lineage_gather - fill calls, lines, closes, rounds and applies; l->mem is set, all else zero.
 * flow      calls in order of line, connection, direction, number; of l->mem
 * returns   0 or -ENOMEM
 */
int lineage_gather(struct lineage *l, struct trace_store *s, const struct trace_query *q, uint32_t **ret_flow);

/* The end of the connection that e is on; NULL: not known. closes are in order. */
const struct trace_event *lineage_gather_close(const struct lineage *l, const struct trace_event *e);
/* Order by line, connection, direction, number. */
int lineage_gather_order(const struct trace_event *x, const struct trace_event *y);

#endif
