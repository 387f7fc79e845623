/* SPDX-License-Identifier: MIT */
/* layout.c - see layout.h: the steps in their order, and the picture made of what they found. */
#include "graph/layout.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/layout_graph.h"

#include <errno.h>
#include <math.h>

#define TURNED_SHIFT 0.25               /* of the height: edges that run backward touch nodes below the middle, beside those that run forward */
#define GRID_ASPECT 2.0                 /* of nodes without edges, when there is nothing else */

struct drawing {
	const struct layout_spec *spec;
	struct layout_graph *g;
	struct layout_point *nodes, *bends;
	uint32_t *bend_at, *way_at;
	double *way;
	double *left, *right;           /* by layer: the column */
	double top;                     /* the least y that is covered, before it becomes 0 */
	double width, height;
};

static bool
sane(const struct layout_spec *s)
{
	if (!(s->gap_layer > 0) || !(s->gap_node > 0) || !isfinite(s->gap_layer) || !isfinite(s->gap_node))
		return false;
	for (uint32_t v = 0; v < s->node_count; v++)
		if (!(s->width[v] > 0) || !(s->height[v] > 0) || !isfinite(s->width[v]) || !isfinite(s->height[v]))
			return false;
	for (uint32_t i = 0; i < s->edge_count; i++)
		if (s->from[i] >= s->node_count || s->to[i] >= s->node_count)
			return false;
	return true;
}

/* Columns one after the other, as wide as their widest node. */
static int
make_columns(struct drawing *d)
{
	const struct layout_graph *g = d->g;
	double x = 0;

	d->left = arena_alloc(g->scratch, ((size_t)g->layer_count + 1) * sizeof(*d->left));
	d->right = arena_alloc(g->scratch, ((size_t)g->layer_count + 1) * sizeof(*d->right));
	if (d->left == NULL || d->right == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < d->spec->node_count; v++)
		if (g->layer[v] != LAYOUT_NONE)
			d->right[g->layer[v]] = FL_MAX(d->right[g->layer[v]], (double)d->spec->width[v]);
	for (uint32_t l = 0; l < g->layer_count; l++) {
		d->left[l] = x;
		d->right[l] += x;
		d->width = d->right[l];
		x = d->right[l] + (double)d->spec->gap_layer;
	}
	return 0;
}

static void
cover(struct drawing *d, double y, double half)
{
	d->top = FL_MIN(d->top, y - half);
	d->height = FL_MAX(d->height, y + half);
}

static void
put_nodes(struct drawing *d)
{
	const struct layout_graph *g = d->g;

	d->top = g->layer_count > 0 ? HUGE_VAL : 0;
	d->height = g->layer_count > 0 ? -HUGE_VAL : 0;
	for (uint32_t v = 0; v < g->count; v++)
		if (g->layer[v] != LAYOUT_NONE)
			cover(d, g->y[v], layout_is_bend(g, v) ? 0 : (double)d->spec->height[v] / 2);
	for (uint32_t v = 0; v < g->count; v++)
		if (g->layer[v] != LAYOUT_NONE)
			g->y[v] -= d->top;
	d->height -= d->top;
	for (uint32_t v = 0; v < d->spec->node_count; v++)
		if (g->layer[v] != LAYOUT_NONE)
			d->nodes[v] = (struct layout_point){ (d->left[g->layer[v]] + d->right[g->layer[v]]) / 2, g->y[v] };
}

/* (3): rows as wide as the picture, or of a pleasant shape when there is no picture. */
static void
put_isolated(struct drawing *d)
{
	const struct layout_spec *s = d->spec;
	double area = 0, gap = (double)s->gap_node, x = 0, row = 0, most = d->width, y = d->height;

	for (uint32_t v = 0; v < s->node_count; v++)
		if (d->g->layer[v] == LAYOUT_NONE)
			area += ((double)s->width[v] + gap) * ((double)s->height[v] + gap);
	most = FL_MAX(most, sqrt(area * GRID_ASPECT));
	y += y > 0 && area > 0 ? 2 * gap : 0;
	for (uint32_t v = 0; v < s->node_count; v++) {
		if (d->g->layer[v] != LAYOUT_NONE)
			continue;
		if (x > 0 && x + (double)s->width[v] > most) {
			x = 0;
			y += row + gap;
			row = 0;
		}
		d->nodes[v] = (struct layout_point){ x + (double)s->width[v] / 2, y + (double)s->height[v] / 2 };
		x += (double)s->width[v] + gap;
		row = FL_MAX(row, (double)s->height[v]);
		d->width = FL_MAX(d->width, x - gap);
	}
	d->height = y + row;
}

/* The points of an edge from left to right, then the other way round if it was turned. */
static void
put_edge(struct drawing *d, uint32_t edge)
{
	const struct layout_graph *g = d->g;
	const struct layout_spec *s = d->spec;
	bool turned = g->turned[edge];
	uint32_t head = turned ? s->to[edge] : s->from[edge], tail = turned ? s->from[edge] : s->to[edge], bends = g->bends[edge];
	struct layout_point *p = d->bends + d->bend_at[edge];
	uint32_t last = d->bend_at[edge + 1] - d->bend_at[edge] - 1;
	double shift = turned ? TURNED_SHIFT : 0;

	p[turned ? last : 0] = (struct layout_point){ d->nodes[head].x + (double)s->width[head] / 2,
		d->nodes[head].y + shift * (double)s->height[head] };
	for (uint32_t k = 0; k < bends; k++) {
		uint32_t v = g->chain[edge] + k, a = 2 * k + 1, b = a + 1;

		p[turned ? last - a : a] = (struct layout_point){ d->left[g->layer[v]], g->y[v] };
		p[turned ? last - b : b] = (struct layout_point){ d->right[g->layer[v]], g->y[v] };
		d->way[d->way_at[edge] + (turned ? bends - 1 - k : k)] = g->y[v];
	}
	p[turned ? 0 : last] = (struct layout_point){ d->nodes[tail].x - (double)s->width[tail] / 2,
		d->nodes[tail].y + shift * (double)s->height[tail] };
}

static int
put_edges(struct drawing *d, struct arena *keep)
{
	const struct layout_graph *g = d->g;
	const struct layout_spec *s = d->spec;
	uint64_t points = 0, ways = 0;

	for (uint32_t i = 0; i < s->edge_count; i++) {
		d->bend_at[i] = (uint32_t)points;
		d->way_at[i] = (uint32_t)ways;
		points += s->from[i] == s->to[i] ? 0 : 2 + 2 * (uint64_t)g->bends[i];
		ways += g->bends[i];
	}
	d->bend_at[s->edge_count] = (uint32_t)points;
	d->way_at[s->edge_count] = (uint32_t)ways;
	d->bends = arena_alloc(keep, points * sizeof(*d->bends));
	d->way = arena_alloc(keep, ways * sizeof(*d->way));
	if (d->bends == NULL || d->way == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->edge_count; i++)
		if (s->from[i] != s->to[i])
			put_edge(d, i);
	return 0;
}

static int
draw(struct drawing *d, struct arena *keep)
{
	const struct layout_spec *s = d->spec;

	d->nodes = arena_alloc(keep, s->node_count * sizeof(*d->nodes));
	d->bend_at = csr_numbers(keep, (size_t)s->edge_count + 1);
	d->way_at = csr_numbers(keep, (size_t)s->edge_count + 1);
	if (d->nodes == NULL || d->bend_at == NULL || d->way_at == NULL || make_columns(d) != 0)
		return -ENOMEM;
	put_nodes(d);
	put_isolated(d);
	return put_edges(d, keep);
}

int
layout_run(const struct layout_spec *spec, struct arena *keep, struct arena *scratch, struct layout *ret)
{
	struct layout_graph g = { .spec = spec, .scratch = scratch };
	struct drawing d = { .spec = spec, .g = &g };
	uint32_t *layer = csr_numbers(keep, spec->node_count);
	int r;

	if (!sane(spec))
		return -EINVAL;
	g.turned = arena_alloc(keep, spec->edge_count * sizeof(*g.turned));
	if (layer == NULL || g.turned == NULL)
		return -ENOMEM;
	if ((r = layout_layer(&g)) != 0 || (r = layout_order(&g)) != 0 || (r = layout_place(&g)) != 0 || (r = draw(&d, keep)) != 0)
		return r;
	for (uint32_t v = 0; v < spec->node_count; v++)
		layer[v] = g.layer[v];
	*ret = (struct layout){ .nodes = d.nodes, .layer = layer, .layer_count = g.layer_count, .bend_at = d.bend_at, .bends = d.bends,
		.way_at = d.way_at, .way = d.way, .turned = g.turned, .width = d.width, .height = d.height, .crossings = g.crossings,
		.vertex_count = g.count };
	return 0;
}
