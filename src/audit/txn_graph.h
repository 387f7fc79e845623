/* SPDX-License-Identifier: MIT */
/*
 * txn_graph.h - which transaction must come before which: Adya's dependencies, and the orders of processes and of time.
 *
 *   ww  the second replaced what the first wrote        wr  the second read what the first wrote
 *   rw  the second replaced what the first had read     process, realtime: the second began when the first had ended
 *
 * Vertices 0 .. n - 1 are the nodes of a core. Behind them stand hubs, which stand for no transaction: an edge into a hub and one
 * out of it (type 0) make one edge. They keep the orders that would need an edge for each pair linear: everything completed before
 * here precedes everything invoked after, and all who read a key's last known state precede all who replaced it.
 *
 * A view is a part of the graph: edges of some types; in the snapshot view a transaction is two events, its start and its
 * commit, with rw from start to commit, all else from commit to start. The snapshot view has a cycle exactly when the graph has one
 * in which no two rw are neighbours (Cerone and Gotsman, "Analysing snapshot isolation", PODC 2016; Adya).
 */
#ifndef AUDIT_TXN_GRAPH_H
#define AUDIT_TXN_GRAPH_H

#include "audit/txn_core.h"

enum { TXN_WW = 1, TXN_WR = 2, TXN_RW = 4, TXN_PROCESS = 8, TXN_REALTIME = 16 };
#define TXN_DEPENDENCIES (TXN_WW | TXN_WR | TXN_RW)
#define TXN_EDGES (TXN_DEPENDENCIES | TXN_PROCESS | TXN_REALTIME)

struct txn_graph {
	uint32_t n, hubs;               /* vertices: n + hubs; hubs below rw_hub_end are of rw, the others of time */
	uint32_t rw_hub_end;
	uint32_t *first;                /* by vertex: edges [first[x], first[x + 1]) */
	uint32_t *to;
	uint8_t *type;
};

/* All known edges of a core, in mem. O(edges). 0 or -ENOBUFS. */
int txn_graph_build(const struct txn_core *c, struct arena *mem, struct txn_graph *ret);

struct txn_view {
	unsigned mask;                  /* types */
	bool snapshot;
	const uint32_t *within;         /* by vertex of the graph: only edges within one component are there; NULL: all */
};

/* In the snapshot view vertex x < n is the start of x, and x + n + hubs its commit. */
static inline uint32_t
txn_graph_vertices(const struct txn_graph *g, const struct txn_view *view)
{
	return g->n + g->hubs + (view->snapshot ? g->n : 0);
}
static inline uint32_t
txn_graph_base(const struct txn_graph *g, uint32_t vertex)
{
	return vertex < g->n + g->hubs ? vertex : vertex - g->n - g->hubs;
}

/*
 * txn_graph_next - the next successor of a vertex in a view; TXN_NONE: no more.
 * at         where to go on; 0 at first
 */
uint32_t txn_graph_next(const struct txn_graph *g, const struct txn_view *view, uint32_t vertex, uint32_t *at);

/* Strongly connected components of more than one vertex. */
struct txn_scc {
	uint32_t *component;            /* by vertex of the view; TXN_NONE: in none */
	uint32_t count;
	uint32_t *first, *members;      /* members[first[i] .. first[i + 1]) */
};
/* Tarjan's algorithm (1972). O(edges). 0 or -ENOBUFS. */
int txn_graph_scc(const struct txn_graph *g, const struct txn_view *view, struct arena *mem, struct txn_scc *ret);

#endif
