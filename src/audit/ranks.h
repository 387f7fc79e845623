/* SPDX-License-Identifier: MIT */
/*
 * ranks.h - the fast way for objects that only grow: lists that are appended to, sets that are added to.
 *
 * What reads saw tells where every call stands: reads by how much they saw, each of which must hold what those before it saw;
 * an element between the reads that do not have it and those that do; an element nobody saw behind all reads. An order exists
 * exactly when no call that returned before another was invoked stands behind it.
 */
#ifndef AUDIT_RANKS_H
#define AUDIT_RANKS_H

#include "audit/model.h"

/* Calls of model_set.h; unsure when something is removed, looked for, or added twice. */
int ranks_set_check(const struct calls *calls, struct model_finding *ret);
/* Calls of model_list.h; unsure when something is appended twice. */
int ranks_list_check(const struct calls *calls, struct model_finding *ret);

#endif
