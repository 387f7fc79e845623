/* SPDX-License-Identifier: MIT */
/*
 * txn_graph.c - which transaction must come before which.
 *
 * The edges are made twice: counted first, then put in place.
 */
#include "audit/txn_graph.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

struct maker {
	const struct txn_core *c;
	struct txn_graph *g;
	bool filling;
	uint64_t edges;
	uint32_t hub;                   /* the next one */
	uint32_t *head_key, *head_at;   /* by node: the key + 1 of which it begins a chain, and its place among those */
};

static void
edge(struct maker *m, uint32_t from, uint32_t to, uint8_t type)
{
	uint32_t *at = m->g->first + 1;

	if (from == to)
		return;
	if (!m->filling) {
		at[from + 1]++;
		m->edges++;
		return;
	}
	m->g->to[at[from]] = to;
	m->g->type[at[from]++] = type;
}

static void
readers_before(struct maker *m, uint32_t v, uint32_t to)
{
	const struct txn_core *c = m->c;

	for (uint32_t i = c->reader_first[v]; i < c->reader_first[v + 1]; i++)
		edge(m, c->readers[i], to, TXN_RW);
}

/* A version, who read it, and what follows it immediately. */
static void
version_edges(struct maker *m, uint32_t v)
{
	const struct txn_core *c = m->c;
	uint32_t writer = c->versions[v].node;
	uint32_t next = c->versions[v].next == TXN_NONE ? TXN_NONE : txn_core_live(c, c->versions[v].next);

	if (writer != TXN_NONE)
		for (uint32_t i = c->reader_first[v]; i < c->reader_first[v + 1]; i++)
			edge(m, writer, c->readers[i], TXN_WR);
	if (next == TXN_NONE)
		return;
	if (writer != TXN_NONE)
		edge(m, writer, c->versions[next].node, TXN_WW);
	readers_before(m, v, c->versions[next].node);
}

/*
 * Readers of a key's last known state that wrote it themselves come before all the other heads, not before themselves: a chain of
 * hubs to the first i heads, for each i, and one to the last i.
 */
static void
hub_chains(struct maker *m, uint32_t k, uint32_t last)
{
	const struct txn_core *c = m->c;
	uint32_t from = c->head_first[k], heads = c->head_first[k + 1] - from;
	uint32_t before = m->hub, behind = m->hub + heads;      /* before + i: heads 0 .. i; behind + i: heads i .. */

	m->hub += 2 * heads;
	for (uint32_t i = 0; i < heads; i++) {
		uint32_t to = c->versions[txn_core_live(c, c->heads[from + i])].node;

		edge(m, before + i, to, 0);
		edge(m, behind + i, to, 0);
		if (i > 0) {
			edge(m, before + i, before + i - 1, 0);
			edge(m, behind + i - 1, behind + i, 0);
		}
	}
	for (uint32_t v = last; v != TXN_NONE; v = c->versions[v].next) {
		for (uint32_t i = c->reader_first[v]; i < c->reader_first[v + 1]; i++) {
			uint32_t x = c->readers[i], at = m->head_key[x] == k + 1 ? m->head_at[x] : heads;

			if (at > 0)
				edge(m, x, before + at - 1, TXN_RW);
			if (at + 1 < heads)
				edge(m, x, behind + at + 1, TXN_RW);
		}
	}
}

/* Number the heads of a key; does one of them read its last known state? */
static bool
heads_read(struct maker *m, uint32_t k, uint32_t last)
{
	const struct txn_core *c = m->c;

	for (uint32_t i = c->head_first[k]; i < c->head_first[k + 1]; i++) {
		uint32_t x = c->versions[txn_core_live(c, c->heads[i])].node;

		m->head_key[x] = k + 1;
		m->head_at[x] = i - c->head_first[k];
	}
	for (uint32_t v = last; v != TXN_NONE; v = c->versions[v].next)
		for (uint32_t i = c->reader_first[v]; i < c->reader_first[v + 1]; i++)
			if (m->head_key[c->readers[i]] == k + 1)
				return true;
	return false;
}

/* The root chain of a key precedes the other chains. */
static void
root_edges(struct maker *m, uint32_t k)
{
	const struct txn_core *c = m->c;
	uint32_t heads = c->head_first[k + 1] - c->head_first[k];
	uint32_t last = k, readers = 0;         /* last: the last version of a node, or the initial one */

	if (heads == 0 || c->forked[k] != 0)
		return;
	for (uint32_t v = k; v != TXN_NONE; v = c->versions[v].next)
		if (c->versions[v].node != TXN_NONE)
			last = v;
	for (uint32_t v = last; v != TXN_NONE; v = c->versions[v].next)
		readers += c->reader_first[v + 1] - c->reader_first[v];
	bool hub = heads > 1 && readers > 1, chains = hub && heads_read(m, k, last);

	for (uint32_t i = c->head_first[k]; i < c->head_first[k + 1]; i++) {
		uint32_t to = c->versions[txn_core_live(c, c->heads[i])].node;

		if (c->versions[last].node != TXN_NONE)
			edge(m, c->versions[last].node, to, TXN_WW);
		for (uint32_t v = last; !hub && v != TXN_NONE; v = c->versions[v].next)
			readers_before(m, v, to);
		if (hub && !chains)
			edge(m, m->hub, to, 0);
	}
	for (uint32_t v = last; hub && !chains && v != TXN_NONE; v = c->versions[v].next)
		readers_before(m, v, m->hub);
	m->hub += hub && !chains;
	if (chains)
		hub_chains(m, k, last);
}

/* Nothing is known about when a transaction of unknown outcome took effect, so nobody comes behind it. */
static void
process_edges(struct maker *m, uint32_t *last)
{
	const struct txn_core *c = m->c;

	memset(last, 0xff, c->h->process_count * sizeof(*last));
	for (uint32_t x = 0; x < c->n; x++) {
		const struct txn *t = &c->h->txns[c->txn_of[x]];

		if (last[t->process] != TXN_NONE)
			edge(m, last[t->process], x, TXN_PROCESS);
		if (t->outcome == TXN_OK)
			last[t->process] = x;
	}
}

/* events[p]: 2 x + 1 the invocation, 2 x + 2 the completion of node x; 0: neither. */
static void
realtime_edges(struct maker *m, const uint32_t *events)
{
	uint32_t hub = TXN_NONE;
	bool used = false;                      /* something was invoked behind the hub */

	for (uint32_t p = 1; p <= m->c->h->positions; p++) {
		if (events[p] == 0)
			continue;
		uint32_t x = (events[p] - 1) / 2;

		if ((events[p] & 1) != 0) {
			if (hub != TXN_NONE)
				edge(m, hub, x, 0);
			used = true;
			continue;
		}
		if (used || hub == TXN_NONE) {
			if (hub != TXN_NONE)
				edge(m, hub, m->hub, 0);
			hub = m->hub++;
			used = false;
		}
		edge(m, x, hub, TXN_REALTIME);
	}
}

static void
make_edges(struct maker *m, uint32_t *last, const uint32_t *events)
{
	const struct txn_core *c = m->c;

	m->hub = c->n;
	for (uint32_t k = 0; k < c->h->key_count; k++)
		root_edges(m, k);
	m->g->rw_hub_end = m->hub;
	for (uint32_t v = 0; v < c->version_count; v++)
		version_edges(m, v);
	process_edges(m, last);
	realtime_edges(m, events);
	m->g->hubs = m->hub - c->n;
}

int
txn_graph_build(const struct txn_core *c, struct arena *mem, struct txn_graph *ret)
{
	struct txn_graph g = { .n = c->n };
	struct maker m = { .c = c, .g = &g };
	const struct txn_hist *h = c->h;
	/* at most: a hub for each completion and each key, two for each chain */
	size_t vertices = 2 * (size_t)c->n + h->key_count + 2 * (size_t)c->head_first[h->key_count];
	uint32_t *last = txn_core_array(mem, h->process_count, sizeof(*last));
	uint32_t *events = txn_core_array(mem, (size_t)h->positions + 1, sizeof(*events));

	g.first = txn_core_array(mem, vertices + 3, sizeof(*g.first));
	m.head_key = txn_core_array(mem, c->n, sizeof(*m.head_key));
	m.head_at = txn_core_array(mem, c->n, sizeof(*m.head_at));
	if (mem->overflowed || vertices >= UINT32_MAX / 4)
		return -ENOBUFS;
	for (uint32_t x = 0; x < c->n; x++) {
		const struct txn *t = &h->txns[c->txn_of[x]];

		if (t->invoke_pos != 0)
			events[t->invoke_pos] = 2 * x + 1;
		if (t->outcome == TXN_OK)
			events[t->complete_pos] = 2 * x + 2;
	}
	make_edges(&m, last, events);
	if (m.edges >= UINT32_MAX / 2)
		return -ENOBUFS;
	uint32_t *at = g.first + 1;

	for (size_t x = 0; x < (size_t)g.n + g.hubs; x++)
		at[x + 1] += at[x];
	g.to = txn_core_array(mem, m.edges, sizeof(*g.to));
	g.type = txn_core_array(mem, m.edges, sizeof(*g.type));
	if (mem->overflowed)
		return -ENOBUFS;
	m.filling = true;
	make_edges(&m, last, events);
	*ret = g;
	return 0;
}

static inline bool
is_within(const struct txn_view *view, uint32_t from, uint32_t to)
{
	return view->within == NULL || (view->within[from] != TXN_NONE && view->within[from] == view->within[to]);
}

uint32_t
txn_graph_next(const struct txn_graph *g, const struct txn_view *view, uint32_t vertex, uint32_t *at)
{
	uint32_t all = g->n + g->hubs, x = vertex < all ? vertex : vertex - all;
	bool commit = vertex >= all, start = view->snapshot && vertex < g->n;
	unsigned mask = !view->snapshot ? view->mask : start ? view->mask & TXN_RW : view->mask & ~(unsigned)TXN_RW;

	fl_assert(!commit || view->snapshot);
	if (start && *at == 0) {
		*at = 1;
		return vertex + all;
	}
	for (uint32_t i = g->first[x] + *at - start; i < g->first[x + 1]; i++) {
		uint32_t y = g->to[i];

		if ((g->type[i] != 0 && (g->type[i] & mask) == 0) || !is_within(view, x, y))
			continue;
		*at = i - g->first[x] + 1 + start;
		/* rw goes to a commit, also by way of a hub; everything else to a start */
		if (view->snapshot && y < g->n && (start || (x >= g->n && x < g->rw_hub_end)))
			return y + all;
		return y;
	}
	*at = g->first[x + 1] - g->first[x] + start;
	return TXN_NONE;
}

struct tarjan {
	uint32_t *num;                  /* order of discovery, from 1; 0: not seen; UINT32_MAX: its component is done */
	uint32_t *low, *at, *stack, *path;
	uint32_t seen, depth, length;   /* of the stack, of the path */
};

/* The component whose root is x is complete: take it off the stack. */
static void
take_component(struct tarjan *t, uint32_t x, struct txn_scc *scc)
{
	bool alone = t->stack[t->depth - 1] == x;
	uint32_t y;

	if (!alone)
		scc->first[scc->count + 1] = scc->first[scc->count];
	do {
		y = t->stack[--t->depth];
		t->num[y] = UINT32_MAX;
		scc->component[y] = alone ? TXN_NONE : scc->count;
		if (!alone)
			scc->members[scc->first[scc->count + 1]++] = y;
	} while (y != x);
	scc->count += !alone;
}

static void
visit(struct tarjan *t, uint32_t x)
{
	t->num[x] = t->low[x] = ++t->seen;
	t->stack[t->depth++] = x;
	t->path[t->length++] = x;
}

static void
search_from(struct tarjan *t, const struct txn_graph *g, const struct txn_view *view, uint32_t root, struct txn_scc *scc)
{
	visit(t, root);
	while (t->length > 0) {
		uint32_t x = t->path[t->length - 1];
		uint32_t y = txn_graph_next(g, view, x, &t->at[x]);

		if (y == TXN_NONE) {
			t->length--;
			if (t->length > 0)
				t->low[t->path[t->length - 1]] = FL_MIN(t->low[t->path[t->length - 1]], t->low[x]);
			if (t->low[x] == t->num[x])
				take_component(t, x, scc);
		} else if (t->num[y] == 0) {
			visit(t, y);
		} else if (t->num[y] != UINT32_MAX) {
			t->low[x] = FL_MIN(t->low[x], t->num[y]);
		}
	}
}

int
txn_graph_scc(const struct txn_graph *g, const struct txn_view *view, struct arena *mem, struct txn_scc *ret)
{
	uint32_t vertices = txn_graph_vertices(g, view);
	struct txn_scc scc = { .component = txn_core_array(mem, vertices, sizeof(uint32_t)) };

	scc.first = txn_core_array(mem, (size_t)vertices / 2 + 2, sizeof(uint32_t));
	scc.members = txn_core_array(mem, vertices, sizeof(uint32_t));
	struct arena_mark mark = arena_snapshot(mem);
	struct tarjan t = { .num = txn_core_array(mem, vertices, sizeof(uint32_t)) };

	t.low = txn_core_array(mem, vertices, sizeof(uint32_t));
	t.at = txn_core_array(mem, vertices, sizeof(uint32_t));
	t.stack = txn_core_array(mem, vertices, sizeof(uint32_t));
	t.path = txn_core_array(mem, vertices, sizeof(uint32_t));
	if (mem->overflowed)
		return -ENOBUFS;
	memset(scc.component, 0xff, vertices * sizeof(uint32_t));
	for (uint32_t x = 0; x < vertices; x++) {
		uint32_t base = txn_graph_base(g, x);

		if (t.num[x] == 0 && (view->within == NULL || view->within[base] != TXN_NONE))
			search_from(&t, g, view, x, &scc);
	}
	arena_reset(mem, mark);
	*ret = scc;
	return 0;
}
