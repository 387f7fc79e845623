/* SPDX-License-Identifier: MIT */
/*
 * txn_proof.h - what refutes every order of versions, as cycles of dependencies: those that are known, those that follow because
 * the other order of two writes would close a cycle, and, where neither order of two writes will do, one that is assumed.
 */
#ifndef AUDIT_TXN_PROOF_H
#define AUDIT_TXN_PROOF_H

#include "audit/txn_cycle.h"
#include "audit/txn_prune.h"

/* Why an edge of a cycle that is not a known one is there. */
struct txn_because {
	uint32_t key;                   /* TXN_NONE: the edge is a known one, or there were too many to keep */
	uint32_t before, after;         /* nodes: of two writers of the key the first must come first */
	uint32_t left;                  /* node: the last of those who replaced what `before` wrote and what they left, one by one */
	bool assumed;                   /* that is assumed; else it follows */
	struct txn_cycle cycle;         /* that the other order would close, from `before` on; length 0: not kept */
};

struct txn_proof {
	uint32_t key, first, second;    /* nodes: this was assumed of two writers; key TXN_NONE: nothing was */
	struct txn_cycle cycle;         /* length 0: there is no proof that can be told */
	struct txn_because *because;    /* of each edge of the cycle */
	unsigned orders;                /* TXN_PROCESS, TXN_REALTIME: the orders that count somewhere in all that */
	unsigned kind;                  /* the mildest of its cycle and those that the other orders would close: that much is sure */
};

/*
 * txn_proof_make - from what txn_prune() kept; in mem.
 * returns    0 or -ENOBUFS
 * ret        one proof, or for both orders of two writes one each
 */
int txn_proof_make(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains,
    const struct txn_pruned *pruned, struct arena *mem, struct txn_proof ret[2]);

/* The literature's name of what it shows, with -process or -realtime if those orders count. */
const char *txn_proof_name(const struct txn_proof *p);
/* The sentence for edge i of the cycle, if it is not a known one; false: it is. Nodes of the cycle are called T1, T2, ... */
bool txn_proof_why(const struct txn_core *c, const struct txn_proof *p, uint32_t i, struct buf *out);

#endif
