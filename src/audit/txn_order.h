/* SPDX-License-Identifier: MIT */
/*
 * txn_order.h - chains of versions whose order is not known, and one try to put them in an order that fits.
 */
#ifndef AUDIT_TXN_ORDER_H
#define AUDIT_TXN_ORDER_H

#include "audit/txn_graph.h"

/* A chain that is no root, of a key that has more than one. */
struct txn_chain {
	uint32_t key;
	uint32_t head, tail;            /* nodes: the first and the last writer */
	uint32_t first, last;           /* versions: where it begins, and the last one of a node */
};
struct txn_chains {
	struct txn_chain *chains;       /* grouped by key */
	uint32_t count;
	uint32_t *reader_first, *readers;       /* by chain: nodes that read its last state */
};

/* Pass each edge of the view that follows when chain a comes before chain b of its key. false: fn said so, and it ended there. */
typedef bool txn_order_edge_fn(void *subject, uint32_t from, uint32_t to);
bool txn_order_edges(const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains, uint32_t a, uint32_t b,
    txn_order_edge_fn *fn, void *subject);

/* In mem. 0 or -ENOBUFS. */
int txn_order_chains(const struct txn_core *c, struct arena *mem, struct txn_chains *ret);

/*
 * In which order transactions are best tried: as they completed, or as they were invoked; of a history without times, as they stand
 * there, or if the sessions stand one after the other, by how far into its session each is.
 */
enum txn_order_by { TXN_BY_TIME, TXN_BY_PLACE, TXN_BY_SHARE };
/* The best two for a history. */
void txn_order_best(const struct txn_core *c, enum txn_order_by ret[2]);
/* By vertex of the view: the less the earlier. 0 or -ENOBUFS. */
int txn_order_priority(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, enum txn_order_by by,
    struct arena *mem, uint32_t **ret);

/*
 * txn_order_try - put the vertices of an acyclic view one after the other, chains whole, earlier ones first.
 * priority   by vertex
 * locked     keep the chains of a key apart, and their readers before the next chain; false: only what the view demands
 * ret_rank   by vertex: its place in the order
 * returns    0 with *ret_fits: all found a place; -ENOBUFS
 */
int txn_order_try(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains,
    const uint32_t *priority, bool locked, struct arena *mem, uint32_t *ret_rank, bool *ret_fits);

#endif
