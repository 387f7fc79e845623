/* SPDX-License-Identifier: MIT */
/*
 * txn_cycle.h - short cycles of dependencies, of a given kind: breadth first, with a small automaton that counts what was passed.
 */
#ifndef AUDIT_TXN_CYCLE_H
#define AUDIT_TXN_CYCLE_H

#include "audit/txn_graph.h"

/* Which cycles to look for. */
struct txn_hunt {
	unsigned mask;                  /* edges that may be used */
	unsigned required;              /* one of these must be; 0: none must */
	unsigned rw_min, rw_max;        /* how many rw: up to 2, which means "2 or more" */
	bool apart;                     /* no two rw may be neighbours */
};

/* Nodes in their order; type[i] leads from nodes[i] to the next, the last one to nodes[0]. */
struct txn_cycle {
	uint32_t length;
	uint32_t *nodes;
	uint8_t *types;
};

/* found: the shortest one. None: there is none. Tired: the steps ran out; what was found, if anything, may not be the shortest. */
enum txn_hunted { TXN_HUNT_FOUND, TXN_HUNT_NONE, TXN_HUNT_TIRED };

/*
 * txn_cycle_find - the shortest cycle of a kind within a component of a view without snapshots.
 * members    vertices of the component
 * within     component by vertex
 * steps      the budget, counted down
 * ret_cycle  in mem; length 0 when none was found
 * returns    an enum txn_hunted, or -ENOBUFS
 */
int txn_cycle_find(const struct txn_core *c, const struct txn_graph *g, const struct txn_hunt *hunt, const uint32_t *within,
    const uint32_t *members, uint32_t count, uint64_t *steps, struct arena *mem, struct txn_cycle *ret_cycle);

/*
 * txn_cycle_way - a shortest way from one node to another, by edges of these types. TXN_REALTIME is none of them.
 * returns    0 or -ENOBUFS
 * ret        nodes from `from` to `to`, in mem, types[i] from nodes[i] to the next; length 0: there is none
 */
int txn_cycle_way(const struct txn_graph *g, unsigned mask, uint32_t from, uint32_t to, struct arena *mem, struct txn_cycle *ret);
/* Begin with the node that has the smallest number: what came first, most often. */
void txn_cycle_turn(struct txn_cycle *cycle);

/* Kinds of cycles, from the worst: G0, G1c, G-single, G-nonadjacent, G2-item; and their names, with -process or -realtime by `orders`. */
enum { TXN_KIND_G0, TXN_KIND_G1C, TXN_KIND_SINGLE, TXN_KIND_NONADJACENT, TXN_KIND_G2, TXN_KINDS };
unsigned txn_cycle_kind(const struct txn_cycle *cycle);
const char *txn_cycle_kind_name(unsigned kind, unsigned orders);
/* Two transactions, each of which replaced what the other had read. */
bool txn_cycle_is_write_skew(const struct txn_cycle *cycle);
/* Two writers seen in opposite orders by two readers. */
bool txn_cycle_is_long_fork(const struct txn_cycle *cycle);

#endif
