/* SPDX-License-Identifier: MIT */
/*
 * txn_prune.c - pairs of chains whose order follows from what is known.
 *
 * Invariants
 *  (1) Row x of the table has bit y exactly when y can be reached from x by the view and the edges found in the rounds before.
 *  (2) The way that shows why an edge was found uses edges of rounds before its own only.
 */
#include "audit/txn_prune.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

#define ROUNDS_MAX 1000
#define EDGES_MAX 16000000u

struct found_edge {
	uint32_t from, to;
	uint32_t before, after;         /* chains */
	uint32_t hit_from, hit_to;      /* of the other order: this edge would close a cycle */
	uint32_t round;
};
struct prune {
	const struct txn_graph *g;
	const struct txn_view *view;
	const struct txn_chains *chains;
	uint32_t vertices, words;
	uint64_t *reach;                /* (1) */
	uint32_t *order, *left;         /* a topological order; by vertex: those before it that have no place yet */
	struct found_edge *edges;       /* what follows */
	uint32_t edge_count, edges_max;
	uint32_t *first, *to, *id;      /* id: which of the edges */
	uint32_t *via;                  /* by vertex, of a search: the found edge by which it was reached; TXN_NONE */
	uint64_t *steps;
	bool closed;                    /* the table is made */
	bool hit, full;                 /* of the pair at hand */
	struct found_edge at_hand;
	struct txn_pair stuck;
};

static bool
reaches(const struct prune *p, uint32_t from, uint32_t to)
{
	return (p->reach[(size_t)from * p->words + to / 64] >> (to % 64) & 1) != 0;
}

static bool
closes_cycle(void *subject, uint32_t from, uint32_t to)
{
	struct prune *p = subject;

	p->hit = reaches(p, to, from);
	p->at_hand.hit_from = from;
	p->at_hand.hit_to = to;
	return !p->hit;
}

static bool
keep_edge(void *subject, uint32_t from, uint32_t to)
{
	struct prune *p = subject;

	if (reaches(p, from, to))
		return true;
	if (p->edge_count == p->edges_max) {
		p->full = true;
		return false;
	}
	p->at_hand.from = from;
	p->at_hand.to = to;
	p->edges[p->edge_count++] = p->at_hand;
	return true;
}

/* The found edges by vertex. */
static void
index_edges(struct prune *p)
{
	memset(p->first, 0, ((size_t)p->vertices + 2) * sizeof(uint32_t));
	uint32_t *at = p->first + 1;

	for (uint32_t i = 0; i < p->edge_count; i++)
		at[p->edges[i].from]++;
	for (uint32_t x = 0, sum = 0; x < p->vertices; x++) {
		uint32_t count = at[x];

		at[x] = sum;
		sum += count;
	}
	for (uint32_t i = 0; i < p->edge_count; i++) {
		p->id[at[p->edges[i].from]] = i;
		p->to[at[p->edges[i].from]++] = p->edges[i].to;
	}
}

/* Kahn's order of the view and the found edges. false: they have a cycle. */
static bool
sort_vertices(struct prune *p)
{
	uint32_t head = 0, tail = 0, y;

	memset(p->left, 0, p->vertices * sizeof(uint32_t));
	for (uint32_t x = 0; x < p->vertices; x++) {
		for (uint32_t at = 0; (y = txn_graph_next(p->g, p->view, x, &at)) != TXN_NONE;)
			p->left[y]++;
		for (uint32_t i = p->first[x]; i < p->first[x + 1]; i++)
			p->left[p->to[i]]++;
	}
	for (uint32_t x = 0; x < p->vertices; x++)
		if (p->left[x] == 0)
			p->order[tail++] = x;
	while (head < tail) {
		uint32_t x = p->order[head++];

		for (uint32_t at = 0; (y = txn_graph_next(p->g, p->view, x, &at)) != TXN_NONE;)
			if (--p->left[y] == 0)
				p->order[tail++] = y;
		for (uint32_t i = p->first[x]; i < p->first[x + 1]; i++)
			if (--p->left[p->to[i]] == 0)
				p->order[tail++] = p->to[i];
	}
	return tail == p->vertices;
}

static void
join(struct prune *p, uint32_t x, uint32_t y)
{
	uint64_t *to = p->reach + (size_t)x * p->words;
	const uint64_t *from = p->reach + (size_t)y * p->words;

	if (reaches(p, x, y))
		return;
	for (uint32_t i = 0; i < p->words; i++)
		to[i] |= from[i];
	to[y / 64] |= UINT64_C(1) << (y % 64);
	*p->steps -= FL_MIN(*p->steps, (uint64_t)p->words / 8 + 1);
}

/* What reaches what, from the last vertex to the first. */
static void
close_over(struct prune *p)
{
	uint32_t y;

	memset(p->reach, 0, (size_t)p->vertices * p->words * sizeof(uint64_t));
	for (uint32_t i = p->vertices; i > 0; i--) {
		uint32_t x = p->order[i - 1];

		for (uint32_t at = 0; (y = txn_graph_next(p->g, p->view, x, &at)) != TXN_NONE;)
			join(p, x, y);
		for (uint32_t e = p->first[x]; e < p->first[x + 1]; e++)
			join(p, x, p->to[e]);
	}
}

/* Would "a before b" close a cycle? */
static bool
impossible(struct prune *p, uint32_t a, uint32_t b)
{
	p->hit = false;
	(void)txn_order_edges(p->g, p->view, p->chains, a, b, closes_cycle, p);
	return p->hit;
}

/* b before a is impossible, as was just found: keep what follows from a before b. false: there is no room. */
static bool
keep_order(struct prune *p, uint32_t a, uint32_t b)
{
	p->at_hand.before = a;
	p->at_hand.after = b;
	return txn_order_edges(p->g, p->view, p->chains, a, b, keep_edge, p);
}

/* One round over the pairs. How many were decided; UINT32_MAX: one can stand in neither order. */
static uint32_t
decide(struct prune *p, struct txn_pair *pairs, uint32_t *count)
{
	uint32_t left = 0, decided = 0;

	for (uint32_t i = 0; i < *count; i++) {
		struct txn_pair pair = pairs[i];
		bool backward = !p->full && impossible(p, pair.a, pair.b), done = false;

		if (backward && impossible(p, pair.b, pair.a)) {
			p->stuck = pair;
			return UINT32_MAX;
		}
		if (backward)           /* the other question has spoilt the answer */
			done = impossible(p, pair.a, pair.b) && keep_order(p, pair.b, pair.a);
		else if (!p->full && impossible(p, pair.b, pair.a))
			done = keep_order(p, pair.a, pair.b);
		if (!done)
			pairs[left++] = pair;
		decided += done;
	}
	*count = left;
	return decided;
}

/* The next successor of x, known or found before a round. */
static uint32_t
successor(const struct prune *p, uint32_t x, uint32_t round, uint32_t *known, uint32_t *found, uint32_t *ret_id)
{
	uint32_t y = *known == UINT32_MAX ? TXN_NONE : txn_graph_next(p->g, p->view, x, known);

	*ret_id = TXN_NONE;
	if (y != TXN_NONE)
		return y;
	*known = UINT32_MAX;
	while (p->first[x] + *found < p->first[x + 1]) {
		uint32_t at = p->first[x] + (*found)++;

		*ret_id = p->id[at];
		if (p->edges[*ret_id].round < round)
			return p->to[at];
	}
	return TXN_NONE;
}

/*
 * A shortest way between two vertices by edges known or found before a round, breadth first. left[] becomes the vertex before, + 1.
 * The steps are numbers of edges for now. 1: there is none.
 */
static int
keep_way(struct prune *p, uint32_t from, uint32_t to, uint32_t round, struct arena *mem, struct txn_way *ret)
{
	uint32_t head = 0, tail = 0, count = 1, y, id;

	memset(p->left, 0, p->vertices * sizeof(uint32_t));
	p->order[tail++] = from;
	p->left[from] = from + 1;
	p->via[from] = TXN_NONE;
	while (head < tail && p->left[to] == 0) {
		uint32_t x = p->order[head++], known = 0, found = 0;

		while ((y = successor(p, x, round, &known, &found, &id)) != TXN_NONE) {
			if (p->left[y] != 0 || (p->closed && y != to && !reaches(p, y, to)))
				continue;
			p->left[y] = x + 1;
			p->via[y] = id;
			p->order[tail++] = y;
		}
	}
	if (p->left[to] == 0)
		return 1;
	for (uint32_t x = to; x != from; x = p->left[x] - 1)
		count++;
	ret->vertices = txn_core_array(mem, count, sizeof(uint32_t));
	ret->steps = txn_core_array(mem, count, sizeof(uint32_t));
	if (ret->vertices == NULL || ret->steps == NULL)
		return -ENOBUFS;
	ret->count = count;
	for (uint32_t x = to; count > 0; x = p->left[x] - 1) {
		ret->vertices[--count] = x;
		ret->steps[count] = p->via[x];
	}
	return 0;
}

/* Why the stuck pair can stand in neither order. */
static int
keep_ways(struct prune *p, struct arena *mem, struct txn_way ways[2])
{
	for (int i = 0; i < 2; i++) {
		ways[i].chain = i == 0 ? p->stuck.a : p->stuck.b;
		ways[i].closing = TXN_NONE;
		if (impossible(p, ways[i].chain, i == 0 ? p->stuck.b : p->stuck.a) &&
		    keep_way(p, p->at_hand.hit_to, p->at_hand.hit_from, p->at_hand.round, mem, &ways[i]) < 0)
			return -ENOBUFS;
	}
	return 0;
}

/* A walk in depth: the vertices it stands on, and how far each has got. */
struct walk {
	uint32_t *path, *known, *found; /* known, found: by vertex */
	uint8_t *state;                 /* by vertex: 0 not seen, 1 on the path, 2 done */
	uint32_t length;
};

/* Walk from a vertex; a found edge of the first cycle that is met, or TXN_NONE. via: by what edge the walk came. */
static uint32_t
walk_from(struct prune *p, struct walk *w, uint32_t root)
{
	uint32_t id;

	w->path[w->length++] = root;
	w->state[root] = 1;
	while (w->length > 0) {
		uint32_t x = w->path[w->length - 1], y = successor(p, x, UINT32_MAX, &w->known[x], &w->found[x], &id);

		if (y == TXN_NONE) {
			w->state[x] = 2;
			w->length--;
		} else if (w->state[y] == 0) {
			p->via[y] = id;
			w->state[y] = 1;
			w->path[w->length++] = y;
		} else if (w->state[y] == 1) {
			for (uint32_t i = w->length; id == TXN_NONE && w->path[i - 1] != y; i--)
				id = p->via[w->path[i - 1]];
			fl_assert(id != TXN_NONE);      /* what is known has no cycle */
			return id;
		}
	}
	return TXN_NONE;
}

/* What was found makes a cycle with what is known: a shortest one through one of its edges. The table is of the round before. */
static int
keep_circle(struct prune *p, struct arena *mem, struct txn_way *ret)
{
	struct walk w = { .path = txn_core_array(mem, p->vertices, sizeof(uint32_t)), .length = 0 };
	uint32_t id = TXN_NONE;

	w.known = txn_core_array(mem, p->vertices, sizeof(uint32_t));
	w.found = txn_core_array(mem, p->vertices, sizeof(uint32_t));
	w.state = txn_core_array(mem, p->vertices, 1);
	if (mem->overflowed)
		return -ENOBUFS;
	for (uint32_t x = 0; x < p->vertices && id == TXN_NONE; x++)
		if (w.state[x] == 0)
			id = walk_from(p, &w, x);
	fl_assert(id != TXN_NONE);
	p->closed = false;
	ret->chain = TXN_NONE;
	ret->closing = id;
	return keep_way(p, p->edges[id].to, p->edges[id].from, UINT32_MAX, mem, ret);
}

/* The place in `implied` of found edge id, which is added if need be. implied_of: by place, the edge. */
static uint32_t
place_of(const struct prune *p, uint32_t id, uint32_t *implied_of, struct txn_pruned *ret)
{
	uint32_t i = 0;

	if (id == TXN_NONE)
		return TXN_NONE;
	while (i < ret->implied_count && implied_of[i] != id)
		i++;
	if (i == TXN_IMPLIED_MAX)
		return TXN_IMPLIED_MORE;
	if (i == ret->implied_count) {
		const struct found_edge *e = &p->edges[id];

		implied_of[ret->implied_count++] = id;
		ret->implied[i] = (struct txn_implied){ .before = e->before, .after = e->after, .from = e->from, .to = e->to };
	}
	return i;
}

static void
place_steps(const struct prune *p, struct txn_way *way, uint32_t *implied_of, struct txn_pruned *ret)
{
	for (uint32_t i = 0; i < way->count; i++)
		way->steps[i] = place_of(p, way->steps[i], implied_of, ret);
}

/* The found edges on the ways, on the ways that show why those were found, and so on. (2) */
static int
keep_implied(struct prune *p, struct arena *mem, struct txn_pruned *ret)
{
	uint32_t implied_of[TXN_IMPLIED_MAX];

	ret->implied = txn_core_array(mem, TXN_IMPLIED_MAX, sizeof(ret->implied[0]));
	if (ret->implied == NULL)
		return -ENOBUFS;
	for (int i = 0; i < 2; i++) {
		place_steps(p, &ret->ways[i], implied_of, ret);
		if (ret->ways[i].count > 0)
			ret->ways[i].closing = place_of(p, ret->ways[i].closing, implied_of, ret);
	}
	for (uint32_t i = 0; i < ret->implied_count && *p->steps > 0; i++) {
		const struct found_edge *e = &p->edges[implied_of[i]];

		if (keep_way(p, e->hit_to, e->hit_from, e->round, mem, &ret->implied[i].why) < 0)
			return -ENOBUFS;
		*p->steps -= FL_MIN(*p->steps, (uint64_t)p->vertices);
		place_steps(p, &ret->implied[i].why, implied_of, ret);
	}
	return 0;
}

/* What was found is contradictory: show why. */
static int
tell(struct prune *p, bool stuck, struct arena *mem, struct txn_pruned *ret)
{
	int rc = stuck ? keep_ways(p, mem, ret->ways) : keep_circle(p, mem, &ret->ways[0]);

	ret->broken = true;
	return rc < 0 ? rc : keep_implied(p, mem, ret);
}

/* How many edges can follow from the pairs, at most. */
static uint32_t
edges_max(const struct txn_chains *chains, const struct txn_pair *pairs, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count && sum < EDGES_MAX; i++) {
		uint32_t a = chains->reader_first[pairs[i].a + 1] - chains->reader_first[pairs[i].a];
		uint32_t b = chains->reader_first[pairs[i].b + 1] - chains->reader_first[pairs[i].b];

		sum += FL_MAX(a, b) + 1;
	}
	return (uint32_t)FL_MIN(sum, (uint64_t)EDGES_MAX);
}

int
txn_prune(const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains, struct txn_pair *pairs,
    uint32_t pair_count, uint64_t *steps, struct arena *mem, struct arena *keep, struct txn_pruned *ret)
{
	uint32_t v = txn_graph_vertices(g, view);
	struct prune p = { .g = g, .view = view, .chains = chains, .vertices = v, .words = v / 64 + 1, .steps = steps };
	size_t table = (size_t)v * p.words * sizeof(uint64_t);

	*ret = (struct txn_pruned){ .pair_count = pair_count, .first = txn_core_array(mem, (size_t)v + 2, sizeof(uint32_t)) };
	ret->to = txn_core_array(mem, 1, sizeof(uint32_t));
	if (ret->first == NULL || ret->to == NULL)
		return -ENOBUFS;
	if (table > (mem->cap_bytes - mem->used_bytes) / 2)
		return 0;
	p.first = ret->first;
	p.edges_max = (uint32_t)FL_MIN((uint64_t)edges_max(chains, pairs, pair_count), (mem->cap_bytes - mem->used_bytes - table) / 80);
	p.to = txn_core_array(mem, p.edges_max, sizeof(uint32_t));
	p.id = txn_core_array(mem, p.edges_max, sizeof(uint32_t));
	p.via = txn_core_array(mem, v, sizeof(uint32_t));
	p.edges = txn_core_array(mem, p.edges_max, sizeof(p.edges[0]));
	p.order = txn_core_array(mem, v, sizeof(uint32_t));
	p.left = txn_core_array(mem, v, sizeof(uint32_t));
	struct arena_mark mark = arena_snapshot(mem);

	p.reach = txn_core_array(mem, table, 1);
	if (mem->overflowed)
		return -ENOBUFS;
	ret->to = p.to;
	for (uint32_t round = 0; round < ROUNDS_MAX && *steps > 0 && !p.full && !ret->broken; round++) {
		index_edges(&p);
		p.at_hand.round = round;
		if (!sort_vertices(&p)) {
			if (tell(&p, false, keep, ret) != 0)
				return -ENOBUFS;
			break;
		}
		close_over(&p);
		p.closed = true;
		uint32_t decided = decide(&p, pairs, &ret->pair_count);

		if (decided == UINT32_MAX && tell(&p, true, keep, ret) != 0)
			return -ENOBUFS;
		if (decided == 0)
			break;
	}
	index_edges(&p);
	arena_reset(mem, mark);
	return 0;
}
