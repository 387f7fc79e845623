/* SPDX-License-Identifier: MIT */
/*
 * txn_list.h - histories of appends to and reads of lists: the longest read of a key is the order of its appends.
 *
 * After Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental observations" (VLDB 2020).
 */
#ifndef AUDIT_TXN_LIST_H
#define AUDIT_TXN_LIST_H

#include "audit/txn_core.h"

/* Fill a core that txn_core_init() made of a TXN_LIST_APPEND history. O(size of the history). 0 or -ENOBUFS. */
int txn_list_fill(struct txn_core *c);

#endif
