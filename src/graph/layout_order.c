/* SPDX-License-Identifier: MIT */
/*
 * layout_order.c - the order of vertices within their layers, so that few edges cross
 *
 * Each layer is sorted by the average place of the neighbours in the layer before (then after), forth and back. The best order of all rounds
 * is kept; crossings are counted as Barth, Juenger and Mutzel do (2004), in a wider tree. In small pictures neighbours are then
 * swapped where that helps. With places from an earlier picture the order starts there, and a new one must be clearly better.
 */
#include "graph/layout_graph.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 12                       /* forth and back */
#define ROUNDS_LARGE 4                  /* in pictures with more than LARGE short edges */
#define LARGE 20000u
#define PATIENCE 3                      /* rounds without anything better */
#define SWAP_EDGES 6000u                /* swap neighbours in pictures with at most so many short edges */
#define SWAP_ROUNDS 8
#define FEW 16                          /* keys that are inserted as they are */
#define MOVES 8                         /* for each key: more are too many. FEW never need so many */
#define FILL_ROUNDS 3                   /* how far from known ones others still find a place */
#define CLEARLY_BETTER 0.85             /* crossings of a new order over those of the old one */

struct ordering {
	struct layout_graph *g;
	uint64_t *keys, *spare;         /* sort key << 32 | vertex */
	uint32_t *best;                 /* order */
	uint32_t *tree;                 /* work: counts */
	uint32_t widest;
};

/* Enough for counting among n > 0: the tree below, or one number for each and another one. */
static size_t
tree_size(uint32_t n)
{
	return (size_t)n + n / 4 + 96;
}

/* ---- the order to begin with ---- */

/* Search along edges both ways, so that what is connected lies together. Isolated nodes are in no layer. */
static void
search(struct layout_graph *g, uint32_t *seen, uint32_t *queue)
{
	uint32_t head = 0, tail = 0, told = 0;

	memset(seen, 0xff, g->count * sizeof(*seen));
	for (uint32_t root = 0; root < g->count; root++) {
		if (seen[root] != LAYOUT_NONE || g->layer[root] == LAYOUT_NONE)
			continue;
		seen[root] = told++;
		queue[tail++] = root;
		for (; head < tail; head++) {
			uint32_t v = queue[head];

			for (uint32_t k = g->up_at[v]; k < g->up_at[v + 1]; k++) {
				if (seen[g->up[k]] != LAYOUT_NONE)
					continue;
				seen[g->up[k]] = told++;
				queue[tail++] = g->up[k];
			}
			for (uint32_t k = g->down_at[v]; k < g->down_at[v + 1]; k++) {
				if (seen[g->down[k]] != LAYOUT_NONE)
					continue;
				seen[g->down[k]] = told++;
				queue[tail++] = g->down[k];
			}
		}
	}
}

static void
set_places(struct layout_graph *g)
{
	for (uint32_t l = 0; l < g->layer_count; l++)
		for (uint32_t i = g->layer_at[l]; i < g->layer_at[l + 1]; i++)
			g->pos[g->order[i]] = i - g->layer_at[l];
}

static int
begin(struct ordering *o)
{
	struct layout_graph *g = o->g;
	uint32_t *seen = csr_numbers(g->scratch, g->count), *queue = csr_numbers(g->scratch, g->count), layered = 0;
	uint32_t *key = csr_numbers(g->scratch, g->count);

	g->layer_at = csr_numbers(g->scratch, (size_t)g->layer_count + 1);
	g->order = csr_numbers(g->scratch, g->count);
	g->pos = csr_numbers(g->scratch, g->count);
	if (seen == NULL || queue == NULL || key == NULL || g->layer_at == NULL || g->order == NULL || g->pos == NULL)
		return -ENOMEM;
	search(g, seen, queue);
	for (uint32_t v = 0; v < g->count; v++)
		layered += g->layer[v] != LAYOUT_NONE;
	/* queue is by time of discovery, so a stable sort by layer is all that is left. */
	for (uint32_t i = 0; i < layered; i++)
		key[queue[i]] = g->layer[queue[i]];
	if (csr_order(g->scratch, queue, layered, key, g->layer_count, g->order, g->layer_at) != 0)
		return -ENOMEM;
	set_places(g);
	for (uint32_t l = 0; l < g->layer_count; l++)
		o->widest = FL_MAX(o->widest, g->layer_at[l + 1] - g->layer_at[l]);
	o->keys = arena_alloc(g->scratch, o->widest * sizeof(*o->keys));
	o->spare = arena_alloc(g->scratch, o->widest * sizeof(*o->spare));
	o->best = csr_numbers(g->scratch, g->count);
	o->tree = csr_numbers(g->scratch, tree_size(o->widest));
	return o->keys == NULL || o->spare == NULL || o->best == NULL || o->tree == NULL ? -ENOMEM : 0;
}

/* ---- sorting a layer ---- */

/* By insertion, unless that takes more than so many moves: then it is as far as it came. Stable, like all here. */
static bool
insert_keys(uint64_t *keys, uint32_t n, uint64_t moves_max)
{
	uint64_t moves = 0;

	for (uint32_t i = 1; i < n; i++) {
		uint64_t key = keys[i];
		uint32_t k = i;

		for (; k > 0 && keys[k - 1] >> 32 > key >> 32; k--)
			keys[k] = keys[k - 1];
		keys[k] = key;
		moves += i - k;
		if (moves > moves_max)
			return false;
	}
	return true;
}

/* Which of n parts of the other layer a key is in, and after the last one those that are rounded up. */
static uint32_t
part_of(uint64_t key, float scale, uint32_t n)
{
	uint32_t bits = (uint32_t)(key >> 32), part;
	float place;

	memcpy(&place, &bits, sizeof(place));
	part = (uint32_t)(place * scale);
	return FL_MIN(part, n);
}

static void
swap_keys(struct ordering *o)
{
	uint64_t *t = o->keys;

	o->keys = o->spare;
	o->spare = t;
}

/* Part by part of the other layer: within one they are in no order yet. */
static void
spread_keys(struct ordering *o, uint32_t n, uint32_t width)
{
	uint32_t *at = o->tree, sum = 0;
	float scale = (float)n / (float)width;

	memset(at, 0, ((size_t)n + 1) * sizeof(*at));
	for (uint32_t i = 0; i < n; i++)
		at[part_of(o->keys[i], scale, n)]++;
	for (uint32_t k = 0; k <= n; k++) {
		uint32_t count = at[k];

		at[k] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < n; i++)
		o->spare[at[part_of(o->keys[i], scale, n)]++] = o->keys[i];
	swap_keys(o);
}

static void
sort_bytes(struct ordering *o, uint32_t n)
{
	for (unsigned shift = 32; shift < 64; shift += 8) {
		uint32_t at[257] = { 0 };

		for (uint32_t i = 0; i < n; i++)
			at[(o->keys[i] >> shift & 255) + 1]++;
		if (at[(o->keys[0] >> shift & 255) + 1] == n)
			continue;
		for (unsigned k = 0; k < 256; k++)
			at[k + 1] += at[k];
		for (uint32_t i = 0; i < n; i++)
			o->spare[at[o->keys[i] >> shift & 255]++] = o->keys[i];
		swap_keys(o);
	}
}

/*
 * By the upper half. Most are one by one in their parts, or equal there, so that little is left to insert; should it be much nonetheless, they are
 * sorted byte by byte. width: of the layer whose places they are.
 */
static void
sort_keys(struct ordering *o, uint32_t n, uint32_t width)
{
	if (n > FEW)
		spread_keys(o, n, width);
	if (!insert_keys(o->keys, n, (uint64_t)n * MOVES))
		sort_bytes(o, n);
}

/* A place that is not negative, as bits that sort like it. */
static uint64_t
sortable(double place)
{
	float f = (float)place;
	uint32_t bits;

	memcpy(&bits, &f, sizeof(bits));
	return (uint64_t)bits << 32;
}

static double
average(const struct layout_graph *g, const uint32_t *row, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += g->pos[row[i]];
	return (double)sum / n;
}

/* Sort one layer by the neighbours before it or after it; who has none there keeps its place. */
static void
sort_layer(struct ordering *o, uint32_t l, bool by_up)
{
	struct layout_graph *g = o->g;
	uint32_t first = g->layer_at[l], n = g->layer_at[l + 1] - first;
	const uint32_t *at = by_up ? g->up_at : g->down_at, *row = by_up ? g->up : g->down;
	uint32_t other = by_up ? l - 1 : l + 1, width = g->layer_at[other + 1] - g->layer_at[other];

	for (uint32_t i = 0; i < n; i++) {
		uint32_t v = g->order[first + i], count = at[v + 1] - at[v];
		double place = count > 0 ? average(g, row + at[v], count) : ((double)i + 0.5) * width / n;

		o->keys[i] = sortable(place) | v;
	}
	sort_keys(o, n, width);
	for (uint32_t i = 0; i < n; i++) {
		g->order[first + i] = (uint32_t)o->keys[i];
		g->pos[(uint32_t)o->keys[i]] = i;
	}
}

static void
sweep(struct ordering *o, bool forth)
{
	uint32_t n = o->g->layer_count;

	for (uint32_t i = 1; i < n; i++)
		sort_layer(o, forth ? i : n - 1 - i, forth);
}

/* ---- crossings ---- */

/*
 * How many are to the right of p; add: and put one there. In this tree each node has eight below it: beside each of them stands how many have
 * been added to the right of it in its node. The leaves come first, then level by level what is above; last is the last leaf. All are as
 * deep, so nothing is left for the processor to guess.
 */
static inline uint64_t
count_right(uint32_t *tree, uint32_t last, uint32_t p, bool add)
{
	static const uint32_t ones[16] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint64_t sum = 0;

	do {
		uint32_t *node = tree + (p & ~7u);
		const uint32_t *left = ones + 8 - (p & 7);

		sum += tree[p];
		for (unsigned i = 0; i < 8 && add; i++)
			node[i] += left[i];
		tree += (last | 7) + 1;
		p /= 8;
		last /= 8;
	} while (last > 0);
	return sum;
}

/* Between a layer and the next: edges by their upper end come one after the other; how many of those before end further to the right? */
static uint64_t
layer_crossings(struct ordering *o, uint32_t l)
{
	const struct layout_graph *g = o->g;
	const uint32_t *at = g->down_at, *down = g->down, *pos = g->pos;
	uint32_t last = g->layer_at[l + 2] - g->layer_at[l + 1] - 1;
	uint64_t crossings = 0;

	memset(o->tree, 0, tree_size(last + 1) * sizeof(*o->tree));
	for (uint32_t i = g->layer_at[l]; i < g->layer_at[l + 1]; i++) {
		uint32_t first = at[g->order[i]], end = at[g->order[i] + 1];

		/* First ask for all edges of this one, then add them: they do not cross each other. */
		for (uint32_t k = first; k < end && end - first > 1; k++)
			crossings += count_right(o->tree, last, pos[down[k]], false);
		for (uint32_t k = first; k < end; k++) {
			uint64_t right = count_right(o->tree, last, pos[down[k]], true);

			crossings += end - first > 1 ? 0 : right;
		}
	}
	return crossings;
}

static uint64_t
all_crossings(struct ordering *o)
{
	uint64_t sum = 0;

	for (uint32_t l = 0; l + 1 < o->g->layer_count; l++)
		sum += layer_crossings(o, l);
	return sum;
}

/* ---- swapping neighbours ---- */

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint32_t
places(const struct layout_graph *g, const uint32_t *row, uint32_t n, uint32_t *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = g->pos[row[i]];
	qsort(out, n, sizeof(*out), compare_numbers);
	return n;
}

/* Crossings of the edges of u and v with u before v, less those with v before u: above zero, swapping helps. */
static int64_t
swap_gain(const struct layout_graph *g, const uint32_t *at, const uint32_t *row, uint32_t u, uint32_t v, uint32_t *pu, uint32_t *pv)
{
	uint32_t nu = places(g, row + at[u], at[u + 1] - at[u], pu), nv = places(g, row + at[v], at[v + 1] - at[v], pv);
	int64_t gain = 0;

	for (uint32_t i = 0, below = 0, upto = 0; i < nu; i++) {
		while (below < nv && pv[below] < pu[i])
			below++;
		while (upto < nv && pv[upto] <= pu[i])
			upto++;
		/* Of v's edges, `below` cross this one as it is, and nv - upto would. */
		gain += (int64_t)below - (int64_t)(nv - upto);
	}
	return gain;
}

static bool
swap_layer(struct ordering *o, uint32_t l, uint32_t *pu, uint32_t *pv)
{
	struct layout_graph *g = o->g;
	bool swapped = false;

	for (uint32_t i = g->layer_at[l]; i + 1 < g->layer_at[l + 1]; i++) {
		uint32_t u = g->order[i], v = g->order[i + 1];

		if (swap_gain(g, g->up_at, g->up, u, v, pu, pv) + swap_gain(g, g->down_at, g->down, u, v, pu, pv) <= 0)
			continue;
		g->order[i] = v;
		g->order[i + 1] = u;
		g->pos[v]--;
		g->pos[u]++;
		swapped = true;
	}
	return swapped;
}

static int
swap_neighbours(struct ordering *o)
{
	struct layout_graph *g = o->g;
	uint32_t *pu = csr_numbers(g->scratch, g->short_count), *pv = csr_numbers(g->scratch, g->short_count);
	bool more = g->short_count <= SWAP_EDGES;

	if (pu == NULL || pv == NULL)
		return -ENOMEM;
	for (unsigned round = 0; round < SWAP_ROUNDS && more; round++) {
		more = false;
		for (uint32_t l = 0; l < g->layer_count; l++)
			more = swap_layer(o, l, pu, pv) || more;
	}
	g->crossings = all_crossings(o);
	return 0;
}

/* ---- rounds ---- */

static void
keep_best(struct ordering *o, uint64_t crossings)
{
	o->g->crossings = crossings;
	memcpy(o->best, o->g->order, o->g->layer_at[o->g->layer_count] * sizeof(*o->best));
}

static void
improve(struct ordering *o)
{
	struct layout_graph *g = o->g;
	unsigned rounds = g->short_count > LARGE ? ROUNDS_LARGE : ROUNDS, idle = 0;

	keep_best(o, all_crossings(o));
	for (unsigned round = 0; round < rounds && idle < PATIENCE && g->crossings > 0; round++) {
		sweep(o, true);
		sweep(o, false);
		uint64_t now = all_crossings(o);

		idle++;
		if (now < g->crossings) {
			idle = 0;
			keep_best(o, now);
		}
	}
	memcpy(g->order, o->best, g->layer_at[g->layer_count] * sizeof(*g->order));
	set_places(g);
}

/* The last picture's places of an edge's bends, if it had as many; those between its ends otherwise. */
static void
old_bends(const struct layout_graph *g, uint32_t edge, double *y)
{
	const struct layout_spec *s = g->spec;
	uint32_t n = g->bends[edge];
	bool turned = g->turned[edge], known = s->before_way_at != NULL && s->before_way_at[edge + 1] - s->before_way_at[edge] == n;
	double a = s->before[turned ? s->to[edge] : s->from[edge]], b = s->before[turned ? s->from[edge] : s->to[edge]];

	for (uint32_t k = 0; k < n; k++)
		y[g->chain[edge] + k] = known ? s->before_way[s->before_way_at[edge] + (turned ? n - 1 - k : k)] : a + (b - a) * (k + 1) / (n + 1);
}

static void
add_known(const double *y, const uint32_t *row, uint32_t n, double *sum, unsigned *known)
{
	for (uint32_t i = 0; i < n; i++) {
		if (isnan(y[row[i]]))
			continue;
		*sum += y[row[i]];
		++*known;
	}
}

/* Where each vertex was: as it is told; others by their neighbours, as far as those are known. Says whether all are known at once. */
static double *
old_places(struct layout_graph *g, bool *ret_all_known)
{
	const struct layout_spec *s = g->spec;
	double *y = arena_alloc(g->scratch, g->count * sizeof(*y));

	if (y == NULL)
		return NULL;
	*ret_all_known = true;
	for (uint32_t v = 0; v < s->node_count; v++)
		y[v] = s->before[v];
	for (uint32_t i = 0; i < s->edge_count; i++)
		old_bends(g, i, y);
	for (uint32_t v = 0; v < g->count; v++)
		*ret_all_known = *ret_all_known && (g->layer[v] == LAYOUT_NONE || !isnan(y[v]));
	for (unsigned round = 0; round < FILL_ROUNDS; round++) {
		for (uint32_t v = 0; v < g->count; v++) {
			double sum = 0;
			unsigned known = 0;

			if (!isnan(y[v]))
				continue;
			add_known(y, g->up + g->up_at[v], g->up_at[v + 1] - g->up_at[v], &sum, &known);
			add_known(y, g->down + g->down_at[v], g->down_at[v + 1] - g->down_at[v], &sum, &known);
			if (known > 0)
				y[v] = sum / known;
		}
	}
	return y;
}

struct placed {
	double y;
	uint32_t pos, vertex;
};

static int
compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->y < y->y || x->y > y->y)
		return x->y < y->y ? -1 : 1;
	return x->pos < y->pos ? -1 : x->pos > y->pos;
}

/* The order of the last picture, into g->order; what is known of nobody goes to the end. */
static int
as_before(struct ordering *o, const double *y)
{
	struct layout_graph *g = o->g;
	struct placed *row = arena_alloc(g->scratch, o->widest * sizeof(*row));

	if (row == NULL)
		return -ENOMEM;
	for (uint32_t l = 0; l < g->layer_count; l++) {
		uint32_t n = g->layer_at[l + 1] - g->layer_at[l];

		for (uint32_t i = 0; i < n; i++) {
			uint32_t v = g->order[g->layer_at[l] + i];

			row[i] = (struct placed){ isnan(y[v]) ? HUGE_VAL : y[v], i, v };
		}
		qsort(row, n, sizeof(*row), compare_placed);
		for (uint32_t i = 0; i < n; i++)
			g->order[g->layer_at[l] + i] = row[i].vertex;
	}
	set_places(g);
	return 0;
}

/* The order of the last picture; the best that can be reached from it only if something is new and that is clearly better. */
static int
improve_gently(struct ordering *o)
{
	struct layout_graph *g = o->g;
	uint32_t layered = g->layer_at[g->layer_count], *old = csr_numbers(g->scratch, layered);
	bool all_known;
	double *y = old_places(g, &all_known);

	if (old == NULL || y == NULL || as_before(o, y) != 0)
		return -ENOMEM;
	memcpy(old, g->order, layered * sizeof(*old));
	uint64_t crossings = all_crossings(o);

	g->crossings = crossings;
	g->want = y;
	if (all_known)
		return 0;
	improve(o);
	int r = swap_neighbours(o);

	if (r != 0)
		return r;
	if ((double)g->crossings < (double)crossings * CLEARLY_BETTER) {
		g->want = NULL;
		return 0;
	}
	memcpy(g->order, old, layered * sizeof(*old));
	set_places(g);
	g->crossings = crossings;
	return 0;
}

int
layout_order(struct layout_graph *g)
{
	struct ordering o = { .g = g };
	int r = begin(&o);

	if (r != 0 || g->layer_count == 0)
		return r;
	if (g->spec->before != NULL)
		return improve_gently(&o);
	improve(&o);
	return swap_neighbours(&o);
}
