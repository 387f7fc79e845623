/* SPDX-License-Identifier: MIT */
/*
 * txn_psi.h - parallel snapshot isolation where the order of some versions is not known: one order is tried.
 */
#ifndef AUDIT_TXN_PSI_H
#define AUDIT_TXN_PSI_H

#include "audit/txn_graph.h"

/*
 * txn_psi_try - put all chains of each key in the order in which their writers can be put by what is known, and look for a cycle
 * with at most one rw.
 * steps      the budget, counted down
 * returns    0 with *ret_holds: there is none, so the level holds (false says nothing); -ENOBUFS
 */
int txn_psi_try(const struct txn_core *c, const struct txn_graph *g, uint64_t *steps, struct arena *mem, bool *ret_holds);

#endif
