/* SPDX-License-Identifier: MIT */
/*
 * layout_place.c - coordinates within the layers
 *
 * Brandes, Koepf, "Fast and simple horizontal coordinate assignment" (2001): each vertex is aligned with its middle neighbour in the layer before
 * (or after), from the left (or the right), which makes blocks that lie on one line; long edges are kept straight before others. Blocks
 * are pushed together. Of the four pictures, moved over the narrowest, each vertex takes the average of the middle two. "Left" is
 * the small end of y here, "up" the layer before.
 *
 * When there is a picture to be like, vertices go as near as can be to where they were instead: in each layer those that are too close are
 * joined to runs, which go to the average of where their members want to be (pool adjacent violators; Ayer et al. 1955).
 */
#include "graph/layout_graph.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define BEND_GAP 0.5                    /* of the gap between nodes, between bends */
#define NODE_WEIGHT 1000.0              /* of a node that was there, against a new one or a bend, which give way */

struct placing {
	struct layout_graph *g;
	bool *marked;                   /* by short edge: it crosses a long one that shall be straight */
	uint32_t *root, *align;         /* blocks: the first of each, and the next one in a ring */
	uint32_t *wait, *queue;
	double *y[4];
};

static double
half(const struct layout_graph *g, uint32_t v)
{
	return layout_is_bend(g, v) ? 0 : (double)g->spec->height[v] / 2;
}

/* How far apart the centres of two that are next to each other must be. */
static double
apart(const struct layout_graph *g, uint32_t u, uint32_t v)
{
	double gap = (double)g->spec->gap_node;

	return half(g, u) + half(g, v) + (layout_is_bend(g, u) && layout_is_bend(g, v) ? gap * BEND_GAP : gap);
}

/* Rows of neighbours by place: refilled by walking the other layer in its order. */
static int
sort_rows(struct layout_graph *g)
{
	uint32_t *up_fill = csr_numbers(g->scratch, g->count), *down_fill = csr_numbers(g->scratch, g->count);
	uint32_t *from = csr_numbers(g->scratch, g->short_count), *to = csr_numbers(g->scratch, g->short_count);

	if (up_fill == NULL || down_fill == NULL || from == NULL || to == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < g->count; v++) {
		up_fill[v] = g->up_at[v];
		down_fill[v] = g->down_at[v];
		for (uint32_t k = g->down_at[v]; k < g->down_at[v + 1]; k++) {
			from[g->down_edge[k]] = v;
			to[g->down_edge[k]] = g->down[k];
		}
	}
	uint32_t layered = g->layer_at[g->layer_count];

	for (uint32_t i = 0; i < layered; i++) {
		for (uint32_t k = g->down_at[g->order[i]]; k < g->down_at[g->order[i] + 1]; k++) {
			uint32_t e = g->down_edge[k];

			g->up_edge[up_fill[to[e]]] = e;
			g->up[up_fill[to[e]]++] = from[e];
		}
	}
	for (uint32_t i = 0; i < layered; i++) {
		for (uint32_t k = g->up_at[g->order[i]]; k < g->up_at[g->order[i] + 1]; k++) {
			uint32_t e = g->up_edge[k];

			g->down_edge[down_fill[from[e]]] = e;
			g->down[down_fill[from[e]]++] = to[e];
		}
	}
	return 0;
}

/* The upper end of the inner segment that ends at v: both are bends. LAYOUT_NONE: there is none. */
static uint32_t
inner_end(const struct layout_graph *g, uint32_t v)
{
	if (!layout_is_bend(g, v))
		return LAYOUT_NONE;
	uint32_t u = g->up[g->up_at[v]];

	return layout_is_bend(g, u) ? u : LAYOUT_NONE;
}

/* Mark the short edges between layer l and the next that cross an inner segment. */
static void
mark_layer(struct placing *p, uint32_t l)
{
	struct layout_graph *g = p->g;
	uint32_t first = g->layer_at[l + 1], n = g->layer_at[l + 2] - first, left = 0, done = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t inner = inner_end(g, g->order[first + i]);

		if (inner == LAYOUT_NONE && i + 1 < n)
			continue;
		uint32_t right = inner != LAYOUT_NONE ? g->pos[inner] : g->layer_at[l + 1] - g->layer_at[l] - 1;

		/* All since the last inner segment must end between the two. */
		for (; done <= i; done++) {
			uint32_t v = g->order[first + done];

			for (uint32_t k = g->up_at[v]; k < g->up_at[v + 1]; k++)
				if ((g->pos[g->up[k]] < left || g->pos[g->up[k]] > right) && inner_end(g, v) == LAYOUT_NONE)
					p->marked[g->up_edge[k]] = true;
		}
		left = right;
	}
}

/* ---- one of the four ---- */

struct pass {
	bool from_up, from_left;
};

/* Try to align v with its neighbour number k (of its row); limit is the place beyond which neighbours are still free. */
static bool
align_with(struct placing *p, struct pass pass, uint32_t v, uint32_t k, int64_t *limit)
{
	struct layout_graph *g = p->g;
	uint32_t u = pass.from_up ? g->up[k] : g->down[k], edge = pass.from_up ? g->up_edge[k] : g->down_edge[k];
	int64_t place = g->pos[u];

	if (p->marked[edge] || (pass.from_left ? place <= *limit : place >= *limit))
		return false;
	p->align[u] = v;
	p->root[v] = p->root[u];
	p->align[v] = p->root[v];
	*limit = place;
	return true;
}

static void
align_layer(struct placing *p, struct pass pass, uint32_t l)
{
	struct layout_graph *g = p->g;
	uint32_t first = g->layer_at[l], n = g->layer_at[l + 1] - first;
	const uint32_t *at = pass.from_up ? g->up_at : g->down_at;
	int64_t limit = pass.from_left ? -1 : INT64_MAX;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = g->order[first + (pass.from_left ? i : n - 1 - i)], count = at[v + 1] - at[v];

		if (count == 0)
			continue;
		uint32_t low = at[v] + (count - 1) / 2, high = at[v] + count / 2;

		if (!align_with(p, pass, v, pass.from_left ? low : high, &limit) && low != high)
			align_with(p, pass, v, pass.from_left ? high : low, &limit);
	}
}

/* The one next to v in its layer, on the side that is given. */
static uint32_t
beside(const struct layout_graph *g, uint32_t v, bool before)
{
	uint32_t l = g->layer[v], n = g->layer_at[l + 1] - g->layer_at[l];

	if (before)
		return g->pos[v] == 0 ? LAYOUT_NONE : g->order[g->layer_at[l] + g->pos[v] - 1];
	return g->pos[v] + 1 == n ? LAYOUT_NONE : g->order[g->layer_at[l] + g->pos[v] + 1];
}

/* Roots of blocks so that each comes after those before it (in its direction) in any layer. */
static uint32_t
order_blocks(struct placing *p, bool from_left)
{
	struct layout_graph *g = p->g;
	uint32_t layered = g->layer_at[g->layer_count], tail = 0, blocks = 0;

	memset(p->wait, 0, g->count * sizeof(*p->wait));
	for (uint32_t i = 0; i < layered; i++)
		p->wait[p->root[g->order[i]]] += beside(g, g->order[i], from_left) != LAYOUT_NONE;
	for (uint32_t i = 0; i < layered; i++) {
		blocks += p->root[g->order[i]] == g->order[i];
		if (p->root[g->order[i]] == g->order[i] && p->wait[g->order[i]] == 0)
			p->queue[tail++] = g->order[i];
	}
	for (uint32_t head = 0; head < tail; head++) {
		uint32_t v = p->queue[head];

		do {
			uint32_t next = beside(g, v, !from_left);

			if (next != LAYOUT_NONE && --p->wait[p->root[next]] == 0)
				p->queue[tail++] = p->root[next];
			v = p->align[v];
		} while (v != p->queue[head]);
	}
	fl_assert(tail == blocks);              /* aligned edges do not cross, so no block is before itself */
	return tail;
}

/* Push each block against those before it; then let it go back to what comes after it, so that it is not left behind. sign: 1 from the left. */
static void
compact(struct placing *p, bool from_left, double *y)
{
	struct layout_graph *g = p->g;
	uint32_t n = order_blocks(p, from_left), layered = g->layer_at[g->layer_count];
	double sign = from_left ? 1 : -1;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = p->queue[i];
		double at = 0;

		do {
			uint32_t u = beside(g, v, from_left);
			double least = u == LAYOUT_NONE ? 0 : sign * y[p->root[u]] + apart(g, u, v);

			at = u == LAYOUT_NONE ? at : FL_MAX(at, least);
			v = p->align[v];
		} while (v != p->queue[i]);
		y[v] = sign * at;
	}
	for (uint32_t i = n; i-- > 0;) {
		uint32_t v = p->queue[i];
		double room = HUGE_VAL;

		do {
			uint32_t u = beside(g, v, !from_left);

			if (u != LAYOUT_NONE) {
				double most = sign * y[p->root[u]] - apart(g, v, u);

				room = FL_MIN(room, most);
			}
			v = p->align[v];
		} while (v != p->queue[i]);
		if (room < HUGE_VAL && room > sign * y[v])
			y[v] = sign * room;
	}
	for (uint32_t i = 0; i < layered; i++)
		y[g->order[i]] = y[p->root[g->order[i]]];
}

static void
one_pass(struct placing *p, struct pass pass, double *y)
{
	struct layout_graph *g = p->g;

	for (uint32_t v = 0; v < g->count; v++)
		p->root[v] = p->align[v] = v;
	for (uint32_t i = 1; i < g->layer_count; i++)
		align_layer(p, pass, pass.from_up ? i : g->layer_count - 1 - i);
	compact(p, pass.from_left, y);
}

static void
extent(const struct layout_graph *g, const double *y, double *low, double *high)
{
	*low = HUGE_VAL;
	*high = -HUGE_VAL;
	for (uint32_t i = 0; i < g->layer_at[g->layer_count]; i++) {
		uint32_t v = g->order[i];

		*low = FL_MIN(*low, y[v] - half(g, v));
		*high = FL_MAX(*high, y[v] + half(g, v));
	}
}

static void
swap_if_more(double *a, double *b)
{
	double t = *a;

	if (*a <= *b)
		return;
	*a = *b;
	*b = t;
}

/* Lay the four over the narrowest and take the average of the middle two. */
static void
balance(struct placing *p)
{
	struct layout_graph *g = p->g;
	double low[4], high[4];
	unsigned narrowest = 0;

	for (unsigned i = 0; i < 4; i++) {
		extent(g, p->y[i], &low[i], &high[i]);
		if (high[i] - low[i] < high[narrowest] - low[narrowest])
			narrowest = i;
	}
	for (uint32_t i = 0; i < g->layer_at[g->layer_count]; i++) {
		uint32_t v = g->order[i];
		double y[4];

		for (unsigned k = 0; k < 4; k++)
			y[k] = p->y[k][v] + (k % 2 == 0 ? low[narrowest] - low[k] : high[narrowest] - high[k]);
		swap_if_more(&y[0], &y[1]);
		swap_if_more(&y[2], &y[3]);
		swap_if_more(&y[0], &y[2]);
		swap_if_more(&y[1], &y[3]);
		g->y[v] = (FL_MIN(y[1], y[2]) + FL_MAX(y[1], y[2])) / 2;
	}
}

static int
place_anew(struct layout_graph *g)
{
	struct placing p = { .g = g, .marked = arena_alloc(g->scratch, g->short_count), .root = csr_numbers(g->scratch, g->count),
		.align = csr_numbers(g->scratch, g->count), .wait = csr_numbers(g->scratch, g->count), .queue = csr_numbers(g->scratch, g->count) };

	for (unsigned i = 0; i < 4; i++)
		p.y[i] = arena_alloc(g->scratch, g->count * sizeof(*p.y[i]));
	if (p.marked == NULL || p.root == NULL || p.align == NULL || p.wait == NULL || p.queue == NULL || p.y[0] == NULL || p.y[1] == NULL ||
	    p.y[2] == NULL || p.y[3] == NULL || sort_rows(g) != 0)
		return -ENOMEM;
	for (uint32_t l = 0; l + 1 < g->layer_count; l++)
		mark_layer(&p, l);
	for (unsigned i = 0; i < 4; i++)
		one_pass(&p, (struct pass){ i < 2, i % 2 == 0 }, p.y[i]);
	balance(&p);
	return 0;
}

/* ---- like a picture ---- */

/* A run of vertices at their least distances: where it wants its first one to be, and what that weighs. */
struct run {
	uint32_t first, count;
	double sum, weight;             /* of the wishes, each less its offset in the run */
	double length;                  /* from the centre of the first to that of the last */
};

static double
start_of(const struct run *r)
{
	return r->sum / r->weight;
}

/* Join the last run to the one before it. */
static void
join(struct run *a, const struct run *b, double gap)
{
	double offset = a->length + gap;

	a->sum += b->sum - offset * b->weight;
	a->weight += b->weight;
	a->length = offset + b->length;
	a->count += b->count;
}

static void
place_layer(struct layout_graph *g, uint32_t l, struct run *runs)
{
	uint32_t first = g->layer_at[l], n = g->layer_at[l + 1] - first, count = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = g->order[first + i];
		double weight = layout_is_bend(g, v) || isnan(g->spec->before[v]) ? 1 : NODE_WEIGHT, wish = g->want[v];

		if (isnan(wish)) {              /* known of nobody: behind the one before it */
			wish = count == 0 ? 0 : start_of(&runs[count - 1]) + runs[count - 1].length + apart(g, g->order[first + i - 1], v);
			weight = 1e-3;
		}
		runs[count++] = (struct run){ i, 1, wish * weight, weight, 0 };
		while (count > 1) {
			double gap = apart(g, g->order[first + runs[count - 1].first - 1], g->order[first + runs[count - 1].first]);

			/* A hair of slack, so that what was at the least distance stays where it was to the last bit. */
			if (start_of(&runs[count - 2]) + runs[count - 2].length + gap <= start_of(&runs[count - 1]) + 1e-9)
				break;
			join(&runs[count - 2], &runs[count - 1], gap);
			count--;
		}
	}
	for (uint32_t r = 0; r < count; r++) {
		double at = start_of(&runs[r]);

		for (uint32_t i = runs[r].first; i < runs[r].first + runs[r].count; i++) {
			if (i > runs[r].first)
				at += apart(g, g->order[first + i - 1], g->order[first + i]);
			g->y[g->order[first + i]] = at;
		}
	}
}

static int
place_like(struct layout_graph *g)
{
	uint32_t widest = 0;

	for (uint32_t l = 0; l < g->layer_count; l++)
		widest = FL_MAX(widest, g->layer_at[l + 1] - g->layer_at[l]);
	struct run *runs = arena_alloc(g->scratch, widest * sizeof(*runs));

	if (runs == NULL)
		return -ENOMEM;
	for (uint32_t l = 0; l < g->layer_count; l++)
		place_layer(g, l, runs);
	return 0;
}

int
layout_place(struct layout_graph *g)
{
	g->y = arena_alloc(g->scratch, g->count * sizeof(*g->y));
	if (g->y == NULL)
		return -ENOMEM;
	if (g->layer_count == 0)
		return 0;
	return g->want != NULL ? place_like(g) : place_anew(g);
}
