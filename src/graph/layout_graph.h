/* SPDX-License-Identifier: MIT */
/*
 * layout_graph.h - what the steps of a layout hand on: vertices in layers, and edges between neighbouring ones
 *
 * 1. Vertices 0 .. node_count - 1 are nodes, the rest are bends. Nodes without edges are in no layer.
 * 2. Every edge here is short: it goes from a vertex to one of the next layer. down rows are what follows, up rows what comes before.
 * 3. order holds the vertices of layer l at layer_at[l] .. layer_at[l + 1] - 1; pos[v] is the place of v in its layer.
 */
#ifndef GRAPH_LAYOUT_GRAPH_H
#define GRAPH_LAYOUT_GRAPH_H

#include "graph/layout.h"

#define LAYOUT_NONE UINT32_MAX

struct layout_graph {
	const struct layout_spec *spec;
	struct arena *scratch;
	uint32_t count;                 /* vertices */
	uint32_t *layer;                /* by vertex; LAYOUT_NONE */
	uint32_t layer_count, *layer_at;
	uint32_t *order, *pos;
	uint32_t short_count;
	uint32_t *down_at, *down, *up_at, *up;
	uint32_t *down_edge, *up_edge;  /* beside down and up: the number of the short edge */
	bool *turned;                   /* by edge of the spec */
	uint32_t *chain;                /* by edge: its first bend; the others follow. LAYOUT_NONE: it has none */
	uint32_t *bends;                /* by edge: how many */
	uint64_t crossings;
	double *want;                   /* by vertex: where it was, or NAN; NULL: there is no picture to be like */
	double *y;                      /* by vertex */
};

/* The steps, in this order; each returns 0 or -errno. */
int layout_layer(struct layout_graph *g);
int layout_order(struct layout_graph *g);
int layout_place(struct layout_graph *g);

static inline bool
layout_is_bend(const struct layout_graph *g, uint32_t v)
{
	return v >= g->spec->node_count;
}

#endif
