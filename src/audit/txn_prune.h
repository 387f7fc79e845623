/* SPDX-License-Identifier: MIT */
/*
 * txn_prune.h - pairs of chains whose order follows from what is known: the other order would close a cycle.
 */
#ifndef AUDIT_TXN_PRUNE_H
#define AUDIT_TXN_PRUNE_H

#include "audit/txn_order.h"

#define TXN_IMPLIED_MAX 64
#define TXN_IMPLIED_MORE (TXN_NONE - 1)         /* a found edge that is not among the `implied`: there are too many */

struct txn_pair {
	uint32_t a, b;                  /* chains of one key */
};

/* What follows from the orders that were found: edges of the view, by vertex. */
struct txn_pruned {
	bool broken;                    /* a pair can stand in neither order, or all that follows makes a cycle */
	uint32_t pair_count;            /* that are left */
	uint32_t *first, *to;           /* edges [first[x], first[x + 1]) of vertex x */
	/* Of a pair that can stand in neither order, for each order: vertices from where its edge leads back to where that begins. */
	struct txn_way {
		uint32_t chain;         /* that would come first; TXN_NONE: the edge is a found one */
		uint32_t *vertices;
		uint32_t *steps;        /* how each was reached: place in `implied` of a found edge, or TXN_NONE: it is known */
		uint32_t count;         /* 0: not kept */
		uint32_t closing;       /* of no chain: the found edge from the last vertex to the first, in `implied` */
	} ways[2];
	/* The found edges of the ways, and of why they are there: the other order would close a cycle. */
	struct txn_implied {
		uint32_t before, after; /* chains */
		uint32_t from, to;      /* vertices */
		struct txn_way why;     /* from the edge of the other order back to where that begins; count 0: not kept */
	} *implied;
	uint32_t implied_count;
};

/*
 * txn_prune - decide what follows, until nothing more does. Pairs that are left move to the front.
 * steps      the budget, counted down; bit operations on what reaches what: vertices times edges / 64 each round
 * keep       for the ways
 * returns    0, or -ENOBUFS. Where there is no memory for the table of what reaches what, nothing is decided.
 */
int txn_prune(const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains, struct txn_pair *pairs,
    uint32_t pair_count, uint64_t *steps, struct arena *mem, struct arena *keep, struct txn_pruned *ret);

#endif
