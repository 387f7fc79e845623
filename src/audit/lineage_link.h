/* SPDX-License-Identifier: MIT */
/* lineage_link.h - calls become trees: by trace context, by ids, by nesting in time. For lineage.c. */
#ifndef AUDIT_LINEAGE_LINK_H
#define AUDIT_LINEAGE_LINK_H

#include "audit/lineage.h"

/* Set parents, children, joins, doubles, ordinals, roots and flows of gathered calls. 0 or -ENOMEM. */
int lineage_link(struct lineage *l);
/* The number of a line in l->lines; LINEAGE_NONE. */
uint32_t lineage_link_line(const struct lineage *l, struct trace_text name);

#endif
