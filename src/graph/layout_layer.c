/* SPDX-License-Identifier: MIT */
/*
 * layout_layer.c - which layer each node is in, and the bends of edges that span several
 *
 * Circles are broken inside of strongly connected components only: the node with most outgoing over incoming edges comes first, then the
 * one with most of those that are left, and so on (after Eades, Lin and Smyth 1993), and edges against that order are turned around.
 * Layers are the longest ways from the sources; then each node moves, within what its neighbours leave it, to where its edges are shortest.
 */
#include "graph/layout_graph.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/scc.h"

#include <errno.h>
#include <string.h>

#define TIGHTEN_ROUNDS 4

struct layering {
	struct layout_graph *g;
	uint32_t n, m;
	uint32_t *at, *edge;            /* edges by `from`, as they were given */
	uint32_t *component, component_count;
	uint32_t *head, *tail;          /* by edge, after turning: from head to tail; LAYOUT_NONE for loops */
	uint32_t *out_at, *out, *in_at, *in;    /* neighbours after turning */
	uint32_t *topo, topo_count;
};

/* ---- circles ---- */

/* Nodes of a component by (out - in), in rings of doubly linked lists: one ring for each difference. */
struct rings {
	uint32_t *next, *prev;          /* by node; LAYOUT_NONE */
	uint32_t *first;                /* by difference + offset */
	int32_t *diff;                  /* by node */
	int32_t offset, top;            /* the highest ring that may hold somebody */
};

static void
ring_put(struct rings *r, uint32_t v)
{
	int32_t i = r->diff[v] + r->offset;

	r->prev[v] = LAYOUT_NONE;
	r->next[v] = r->first[i];
	if (r->first[i] != LAYOUT_NONE)
		r->prev[r->first[i]] = v;
	r->first[i] = v;
	r->top = FL_MAX(r->top, i);
}

static void
ring_take(struct rings *r, uint32_t v)
{
	if (r->prev[v] != LAYOUT_NONE)
		r->next[r->prev[v]] = r->next[v];
	else
		r->first[r->diff[v] + r->offset] = r->next[v];
	if (r->next[v] != LAYOUT_NONE)
		r->prev[r->next[v]] = r->prev[v];
}

struct breaking {
	struct layering *x;
	struct rings r;
	uint32_t *in_row_at, *in_row;   /* edges by `to` */
	uint32_t *rank;                 /* by node: its place in the order; LAYOUT_NONE: not yet */
};

static bool
inside(const struct breaking *b, uint32_t u, uint32_t v)
{
	return u != v && b->x->component[u] == b->x->component[v];
}

static void
shift(struct breaking *b, uint32_t u, int32_t by)
{
	ring_take(&b->r, u);
	b->r.diff[u] += by;
	ring_put(&b->r, u);
}

/* Take v out; its neighbours lose an edge. */
static void
remove_node(struct breaking *b, uint32_t v, uint32_t rank)
{
	const struct layout_spec *s = b->x->g->spec;

	ring_take(&b->r, v);
	b->rank[v] = rank;
	for (uint32_t i = b->x->at[v]; i < b->x->at[v + 1]; i++) {
		uint32_t u = s->to[b->x->edge[i]];

		if (inside(b, v, u) && b->rank[u] == LAYOUT_NONE)
			shift(b, u, 1);
	}
	for (uint32_t i = b->in_row_at[v]; i < b->in_row_at[v + 1]; i++) {
		uint32_t u = s->from[b->in_row[i]];

		if (inside(b, v, u) && b->rank[u] == LAYOUT_NONE)
			shift(b, u, -1);
	}
}

/* Rank the nodes of one component. A node that has no edge left comes up on its own: the difference of a source is at the top. */
static void
rank_component(struct breaking *b, const uint32_t *nodes, uint32_t count)
{
	const struct layout_spec *s = b->x->g->spec;

	for (uint32_t i = count; i-- > 0;) {
		uint32_t v = nodes[i];

		b->r.diff[v] = 0;
		for (uint32_t k = b->x->at[v]; k < b->x->at[v + 1]; k++)
			b->r.diff[v] += inside(b, v, s->to[b->x->edge[k]]);
		for (uint32_t k = b->in_row_at[v]; k < b->in_row_at[v + 1]; k++)
			b->r.diff[v] -= inside(b, v, s->from[b->in_row[k]]);
		ring_put(&b->r, v);
	}
	for (uint32_t i = 0; i < count; i++) {
		while (b->r.first[b->r.top] == LAYOUT_NONE)
			b->r.top--;
		remove_node(b, b->r.first[b->r.top], i);
	}
}

static int
turn_edges(struct layering *x)
{
	const struct layout_spec *s = x->g->spec;
	struct arena *a = x->g->scratch;
	uint32_t *order = csr_numbers(a, x->n), *start = csr_numbers(a, (size_t)x->component_count + 1), most = 0;
	struct breaking b = { .x = x, .in_row_at = csr_numbers(a, (size_t)x->n + 1), .in_row = csr_numbers(a, x->m), .rank = csr_numbers(a, x->n) };

	b.r.next = csr_numbers(a, x->n);
	b.r.prev = csr_numbers(a, x->n);
	b.r.diff = arena_alloc(a, x->n * sizeof(*b.r.diff));
	if (order == NULL || start == NULL || b.in_row_at == NULL || b.in_row == NULL || b.rank == NULL || b.r.next == NULL ||
	    b.r.prev == NULL || b.r.diff == NULL || csr_order(a, NULL, x->m, s->to, x->n, b.in_row, b.in_row_at) != 0 ||
	    csr_order(a, NULL, x->n, x->component, x->component_count, order, start) != 0)
		return -ENOMEM;
	for (uint32_t v = 0; v < x->n; v++)
		most = FL_MAX(most, x->at[v + 1] - x->at[v] + b.in_row_at[v + 1] - b.in_row_at[v]);
	b.r.offset = (int32_t)most;
	b.r.first = csr_numbers(a, 2 * (size_t)most + 1);
	if (b.r.first == NULL)
		return -ENOMEM;
	memset(b.r.first, 0xff, (2 * (size_t)most + 1) * sizeof(*b.r.first));
	memset(b.rank, 0xff, x->n * sizeof(*b.rank));
	for (uint32_t c = 0; c < x->component_count; c++)
		if (start[c + 1] - start[c] > 1)
			rank_component(&b, order + start[c], start[c + 1] - start[c]);
	for (uint32_t i = 0; i < x->m; i++) {
		uint32_t u = s->from[i], v = s->to[i];

		x->g->turned[i] = inside(&b, u, v) && b.rank[u] > b.rank[v];
		x->head[i] = u == v ? LAYOUT_NONE : x->g->turned[i] ? v : u;
		x->tail[i] = u == v ? LAYOUT_NONE : x->g->turned[i] ? u : v;
	}
	return 0;
}

/* ---- layers ---- */

/* Rows of neighbours after turning; loops have no place in them. */
static int
make_rows(struct layering *x)
{
	struct arena *a = x->g->scratch;

	x->out_at = csr_numbers(a, (size_t)x->n + 2);
	x->in_at = csr_numbers(a, (size_t)x->n + 2);
	x->out = csr_numbers(a, x->m);
	x->in = csr_numbers(a, x->m);
	if (x->out_at == NULL || x->in_at == NULL || x->out == NULL || x->in == NULL)
		return -ENOMEM;
	/* Counted two places ahead, so that filling moves each start to where it belongs. */
	for (uint32_t i = 0; i < x->m; i++) {
		if (x->head[i] == LAYOUT_NONE)
			continue;
		x->out_at[x->head[i] + 2]++;
		x->in_at[x->tail[i] + 2]++;
	}
	for (uint32_t v = 2; v <= x->n; v++) {
		x->out_at[v] += x->out_at[v - 1];
		x->in_at[v] += x->in_at[v - 1];
	}
	for (uint32_t i = 0; i < x->m; i++) {
		if (x->head[i] == LAYOUT_NONE)
			continue;
		x->out[x->out_at[x->head[i] + 1]++] = x->tail[i];
		x->in[x->in_at[x->tail[i] + 1]++] = x->head[i];
	}
	return 0;
}

/* The longest way from a source, in the order in which all before it are known. */
static int
longest_ways(struct layering *x)
{
	uint32_t *wait = csr_numbers(x->g->scratch, x->n), *layer = x->g->layer;

	x->topo = csr_numbers(x->g->scratch, x->n);
	if (wait == NULL || x->topo == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < x->n; v++) {
		wait[v] = x->in_at[v + 1] - x->in_at[v];
		layer[v] = 0;
		if (wait[v] == 0)
			x->topo[x->topo_count++] = v;
	}
	for (uint32_t i = 0; i < x->topo_count; i++) {
		uint32_t v = x->topo[i];

		for (uint32_t k = x->out_at[v]; k < x->out_at[v + 1]; k++) {
			layer[x->out[k]] = FL_MAX(layer[x->out[k]], layer[v] + 1);
			if (--wait[x->out[k]] == 0)
				x->topo[x->topo_count++] = x->out[k];
		}
	}
	fl_assert(x->topo_count == x->n);
	return 0;
}

/* Move v to the side where more of its edges go, as far as they allow. Who has only one side moves next to it. */
static void
tighten(struct layering *x, uint32_t v)
{
	uint32_t *layer = x->g->layer, low = 0, high = UINT32_MAX;
	uint32_t ins = x->in_at[v + 1] - x->in_at[v], outs = x->out_at[v + 1] - x->out_at[v];

	for (uint32_t k = x->in_at[v]; k < x->in_at[v + 1]; k++)
		low = FL_MAX(low, layer[x->in[k]] + 1);
	for (uint32_t k = x->out_at[v]; k < x->out_at[v + 1]; k++)
		high = FL_MIN(high, layer[x->out[k]] - 1);
	if (outs > ins)
		layer[v] = high;
	else if (ins > 0)
		layer[v] = low;
}

static void
find_layers(struct layering *x)
{
	struct layout_graph *g = x->g;
	uint32_t first = UINT32_MAX;

	for (unsigned round = 0; round < TIGHTEN_ROUNDS; round++) {
		for (uint32_t i = x->n; i-- > 0;)
			tighten(x, x->topo[i]);
		for (uint32_t i = 0; i < x->n; i++)
			tighten(x, x->topo[i]);
	}
	for (uint32_t v = 0; v < x->n; v++) {
		if (x->in_at[v] == x->in_at[v + 1] && x->out_at[v] == x->out_at[v + 1])
			g->layer[v] = LAYOUT_NONE;
		else
			first = FL_MIN(first, g->layer[v]);
	}
	for (uint32_t v = 0; v < x->n; v++) {
		if (g->layer[v] == LAYOUT_NONE)
			continue;
		g->layer[v] -= first;
		g->layer_count = FL_MAX(g->layer_count, g->layer[v] + 1);
	}
}

/* ---- bends ---- */

static int
count_bends(struct layering *x)
{
	struct layout_graph *g = x->g;
	uint64_t count = x->n, shorts = 0;

	for (uint32_t i = 0; i < x->m; i++) {
		g->chain[i] = LAYOUT_NONE;
		if (x->head[i] == LAYOUT_NONE)
			continue;
		uint32_t span = g->layer[x->tail[i]] - g->layer[x->head[i]];

		fl_assert(span > 0 && span < g->layer_count);
		g->bends[i] = span - 1;
		if (span > 1)
			g->chain[i] = (uint32_t)count;
		count += span - 1;
		shorts += span;
		if (count > LAYOUT_VERTICES_MAX || shorts > 2 * (uint64_t)LAYOUT_VERTICES_MAX)
			return -E2BIG;
	}
	g->count = (uint32_t)count;
	g->short_count = (uint32_t)shorts;
	return 0;
}

static int
make_bends(struct layering *x)
{
	struct layout_graph *g = x->g;
	struct arena *a = g->scratch;
	uint32_t *layer = csr_numbers(a, g->count), *from = csr_numbers(a, g->short_count), *to = csr_numbers(a, g->short_count), at = 0;

	g->down_at = csr_numbers(a, (size_t)g->count + 1);
	g->up_at = csr_numbers(a, (size_t)g->count + 1);
	g->down = csr_numbers(a, g->short_count);
	g->up = csr_numbers(a, g->short_count);
	g->down_edge = csr_numbers(a, g->short_count);
	g->up_edge = csr_numbers(a, g->short_count);
	if (layer == NULL || from == NULL || to == NULL || g->down_at == NULL || g->up_at == NULL || g->down == NULL || g->up == NULL ||
	    g->down_edge == NULL || g->up_edge == NULL)
		return -ENOMEM;
	memcpy(layer, g->layer, x->n * sizeof(*layer));
	g->layer = layer;
	for (uint32_t i = 0; i < x->m; i++) {
		if (x->head[i] == LAYOUT_NONE)
			continue;
		uint32_t last = x->head[i];

		for (uint32_t k = 0; k < g->bends[i]; k++) {
			uint32_t bend = g->chain[i] + k;

			layer[bend] = layer[last] + 1;
			from[at] = last;
			to[at++] = bend;
			last = bend;
		}
		from[at] = last;
		to[at++] = x->tail[i];
	}
	fl_assert(at == g->short_count);
	if (csr_order(a, NULL, at, from, g->count, g->down_edge, g->down_at) != 0 || csr_order(a, NULL, at, to, g->count, g->up_edge, g->up_at) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < at; i++) {
		g->down[i] = to[g->down_edge[i]];
		g->up[i] = from[g->up_edge[i]];
	}
	return 0;
}

int
layout_layer(struct layout_graph *g)
{
	const struct layout_spec *s = g->spec;
	struct arena *a = g->scratch;
	struct layering x = { .g = g, .n = s->node_count, .m = s->edge_count };
	uint32_t *to = csr_numbers(a, x.m);

	x.at = csr_numbers(a, (size_t)x.n + 1);
	x.edge = csr_numbers(a, x.m);
	x.component = csr_numbers(a, x.n);
	x.head = csr_numbers(a, x.m);
	x.tail = csr_numbers(a, x.m);
	g->layer = csr_numbers(a, x.n);
	g->chain = csr_numbers(a, x.m);
	g->bends = csr_numbers(a, x.m);
	if (to == NULL || x.at == NULL || x.edge == NULL || x.component == NULL || x.head == NULL || x.tail == NULL || g->layer == NULL ||
	    g->chain == NULL || g->bends == NULL || csr_order(a, NULL, x.m, s->from, x.n, x.edge, x.at) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < x.m; i++)
		to[i] = s->to[x.edge[i]];
	if (scc_find(a, x.n, x.at, to, x.component, &x.component_count) != 0 || turn_edges(&x) != 0 || make_rows(&x) != 0 || longest_ways(&x) != 0)
		return -ENOMEM;
	find_layers(&x);
	int r = count_bends(&x);

	return r != 0 ? r : make_bends(&x);
}
