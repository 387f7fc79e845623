/* SPDX-License-Identifier: MIT */
/*
 * txn_set.h - histories of adds to and reads of sets: each element is an object that is absent, then present.
 *
 * Adds commute, so there is no order between the adds of different elements; what a read shows and does not show is all there is.
 */
#ifndef AUDIT_TXN_SET_H
#define AUDIT_TXN_SET_H

#include "audit/txn_core.h"

/* Fill a core that txn_core_init() made of a TXN_SET_ADD history. O(reads of a key times elements of it). 0 or -ENOBUFS. */
int txn_set_fill(struct txn_core *c);

#endif
