/* SPDX-License-Identifier: MIT */
/*
 * layout.h - where to draw what: a layered picture of a directed graph (Sugiyama, Tagawa, Toda 1981)
 *
 * Callers to the left, what they need to the right. The steps, a file each:
 *   layout_layer.c  edges that close a circle are turned around; each node gets a layer, as near to its neighbours as can be; an edge over
 *                   several layers becomes a chain with a bend in each
 *   layout_order.c  the order within the layers: barycentres, forth and back, then neighbours that cross less are swapped
 *   layout_place.c  coordinates: four alignments, the average of the middle two (Brandes, Koepf 2001)
 *
 * 1. Positions are centres, in the units of the sizes. x grows along the layers, y within them.
 * 2. The same input gives the same picture. With `before`, nodes stay where they were, or as near as what is new allows, unless another order
 *    is clearly better; where nothing is new nothing moves: pictures of two days can be compared.
 * 3. Nodes without any edge stand in rows below the rest.
 */
#ifndef GRAPH_LAYOUT_H
#define GRAPH_LAYOUT_H

#include "base/arena.h"

#define LAYOUT_VERTICES_MAX 8000000u    /* nodes and bends */

struct layout_spec {
	uint32_t node_count;
	const float *width, *height;    /* by node, > 0 */
	uint32_t edge_count;
	const uint32_t *from, *to;      /* of one pair at most one each way is best; loops are left out */
	float gap_layer;                /* between layers; > 0 */
	float gap_node;                 /* between nodes of a layer; > 0 */
	const double *before;           /* NULL, or the y of each node in the last picture, NAN for new ones */
	const uint32_t *before_way_at;  /* NULL, or the way of each edge in the last picture (edge_count + 1 numbers), empty for new ones */
	const double *before_way;
};
struct layout_point {
	double x, y;
};
struct layout {
	const struct layout_point *nodes;       /* centres */
	const uint32_t *layer;          /* by node; UINT32_MAX: without edges */
	uint32_t layer_count;
	const uint32_t *bend_at;        /* edge_count + 1: the points of edge i are bends[bend_at[i]] .., from `from` to `to`; none for loops */
	const struct layout_point *bends;       /* the first on the border of `from`, the last on that of `to` */
	const uint32_t *way_at;         /* edge_count + 1: the y of edge i in each layer it passes, for `before` of the next picture */
	const double *way;
	const bool *turned;             /* by edge: it closes a circle and runs against the layers */
	double width, height;           /* all lies within (0, 0) and this */
	uint64_t crossings;
	uint32_t vertex_count;          /* nodes and bends that were ordered */
};

/* returns 0, -EINVAL (an edge to no node, a size that is none), -E2BIG (more than LAYOUT_VERTICES_MAX), -ENOMEM. */
int layout_run(const struct layout_spec *spec, struct arena *keep, struct arena *scratch, struct layout *ret);

#endif
