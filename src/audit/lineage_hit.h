/* SPDX-License-Identifier: MIT */
/* lineage_hit.h - which call each fault hit. For lineage.c. */
#ifndef AUDIT_LINEAGE_HIT_H
#define AUDIT_LINEAGE_HIT_H

#include "audit/lineage.h"

/* Set hits of all calls. flow: of lineage_gather(). 0 or -ENOMEM. */
int lineage_hit(struct lineage *l, struct trace_store *s, const struct trace_query *q, const uint32_t *flow);

#endif
