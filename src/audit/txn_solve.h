/* SPDX-License-Identifier: MIT */
/*
 * txn_solve.h - can the versions whose order is not known be put in one that makes a level hold?
 *
 * First the transactions are put in order one after the other, each where it fits: if that succeeds, the level holds. If not, each
 * pair of chains of a key becomes a choice, and a SAT solver (CaDiCaL) chooses; a cycle that its choices make becomes a clause that
 * forbids them together, until there is none or nothing is left to choose. (Cobra: Tan, Zhao, Mu, Walfish, OSDI 2020; PolySI: Huang et
 * al., VLDB 2023.)
 */
#ifndef AUDIT_TXN_SOLVE_H
#define AUDIT_TXN_SOLVE_H

#include "audit/txn_level.h"
#include "audit/txn_proof.h"

struct txn_solved {
	enum txn_holds holds;
	const char *reason;             /* of unknown */
	uint32_t pairs;                 /* of chains that were open */
	uint32_t rounds;                /* of the solver */
	struct txn_proof proofs[2];     /* of broken: for both orders of one pair, or one; cycle.length 0: there is none so short */
};

/* Are there pairs of chains whose order is not known? If not, the graph alone decides. */
bool txn_solve_needed(const struct txn_core *c);
/*
 * txn_solve - judge a view of the graph (all edges that matter for the level), which has no cycle.
 * effort     steps that may be taken
 * returns    0, or -ENOBUFS (mem)
 */
int txn_solve(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, uint64_t effort, struct arena *mem,
    struct txn_solved *ret);

#endif
