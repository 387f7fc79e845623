/* SPDX-License-Identifier: MIT */
/*
 * txn_order.c - one try to put transactions in an order that fits.
 *
 * Kahn's topological sort with a heap: of the vertices that nothing known holds back, the one whose transaction came first. A
 * vertex that begins a chain takes the lock of its key, and waits while another chain of that key is not complete; the commit of
 * the chain's first writer waits until all who read the state before it have begun.
 *
 * Invariants
 *  (1) waiting: by chain of lists through next_waiting; a vertex is in one list or in the heap, or held by `left`, or placed.
 */
#include "audit/txn_order.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

int
txn_order_chains(const struct txn_core *c, struct arena *mem, struct txn_chains *ret)
{
	uint32_t keys = c->h->key_count, count = 0, readers = 0;

	for (uint32_t k = 0; k < keys; k++)
		if (c->head_first[k + 1] - c->head_first[k] > 1)
			count += c->head_first[k + 1] - c->head_first[k];
	*ret = (struct txn_chains){ .chains = txn_core_array(mem, count, sizeof(ret->chains[0])) };
	ret->reader_first = txn_core_array(mem, (size_t)count + 1, sizeof(uint32_t));
	ret->readers = txn_core_array(mem, c->read_count, sizeof(uint32_t));
	if (mem->overflowed)
		return -ENOBUFS;
	for (uint32_t k = 0; k < keys; k++) {
		if (c->head_first[k + 1] - c->head_first[k] < 2)
			continue;
		for (uint32_t i = c->head_first[k]; i < c->head_first[k + 1]; i++) {
			uint32_t first = c->heads[i], last = txn_core_live(c, first);
			struct txn_chain *chain = &ret->chains[ret->count];

			*chain = (struct txn_chain){ .key = k, .head = c->versions[last].node, .first = first };
			for (uint32_t v = last; v != TXN_NONE; v = c->versions[v].next)
				if (c->versions[v].node != TXN_NONE)
					last = v;
			chain->last = last;
			chain->tail = c->versions[last].node;
			ret->reader_first[ret->count++] = readers;
			for (uint32_t v = last; v != TXN_NONE; v = c->versions[v].next)
				for (uint32_t r = c->reader_first[v]; r < c->reader_first[v + 1]; r++)
					ret->readers[readers++] = c->readers[r];
		}
	}
	ret->reader_first[ret->count] = readers;
	return 0;
}

bool
txn_order_edges(const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains, uint32_t a, uint32_t b,
    txn_order_edge_fn *fn, void *subject)
{
	const struct txn_chain *x = &chains->chains[a], *y = &chains->chains[b];
	uint32_t to_commit = view->snapshot ? g->n + g->hubs : 0;       /* a node's commit is the node and this */

	if (x->tail != y->head && !fn(subject, x->tail + to_commit, y->head))
		return false;
	for (uint32_t i = chains->reader_first[a]; i < chains->reader_first[a + 1]; i++)
		if (chains->readers[i] != y->head && !fn(subject, chains->readers[i], y->head + to_commit))
			return false;
	return true;
}

struct keylock {
	uint32_t held;                  /* by this chain + 1; 0: free */
	uint32_t latest;                /* the chain that has it or had it last, + 1 */
	uint32_t waiting;               /* vertices, + 1 */
};
struct order {
	const struct txn_core *c;
	const struct txn_graph *g;
	const struct txn_view *view;
	const struct txn_chains *chains;
	uint32_t vertices, all;         /* all: first commit in the snapshot view */
	uint32_t *left;                 /* by vertex: those before it that are not placed */
	const uint32_t *priority;       /* by vertex */
	uint32_t *heap;
	uint32_t heap_count;
	struct keylock *locks;          /* by key */
	uint32_t *before;               /* by chain: the chain before it, + 1 */
	uint32_t *unread;               /* by chain: readers that have not begun */
	uint32_t *chain_waiting;        /* by chain: vertices that wait for its readers, + 1 */
	uint32_t *next_waiting;         /* by vertex */
	uint32_t *head_first, *head_of; /* by node: chains that begin with it */
	uint32_t *tail_first, *tail_of; /* by node: chains that end with it */
	uint32_t *read_first, *read_of; /* by node: chains whose last state it read */
};

static void
push(struct order *o, uint32_t x)
{
	uint32_t i = o->heap_count++;

	for (; i > 0 && o->priority[o->heap[(i - 1) / 2]] > o->priority[x]; i = (i - 1) / 2)
		o->heap[i] = o->heap[(i - 1) / 2];
	o->heap[i] = x;
}

static uint32_t
pop(struct order *o)
{
	uint32_t top = o->heap[0], x = o->heap[--o->heap_count], i = 0;

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child + 1 < o->heap_count && o->priority[o->heap[child + 1]] < o->priority[o->heap[child]])
			child++;
		if (child >= o->heap_count || o->priority[o->heap[child]] >= o->priority[x])
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = x;
	return top;
}

static void
wake(struct order *o, uint32_t *list)
{
	while (*list != 0) {
		uint32_t x = *list - 1;

		*list = o->next_waiting[x];
		push(o, x);
	}
}

/* May x be placed? If not it waits in a list. What it takes is taken. */
static bool
may_place(struct order *o, uint32_t x)
{
	uint32_t node = x < o->g->n ? x : x >= o->all ? x - o->all : TXN_NONE;
	bool starts = x < o->g->n, commits = o->view->snapshot ? x >= o->all : starts;

	if (node == TXN_NONE)
		return true;
	for (uint32_t i = o->head_first[node]; i < o->head_first[node + 1]; i++) {
		uint32_t chain = o->head_of[i];
		struct keylock *lock = &o->locks[o->chains->chains[chain].key];
		uint32_t before = starts ? lock->latest : o->before[chain];

		if (starts && lock->held != 0) {
			o->next_waiting[x] = lock->waiting;
			lock->waiting = x + 1;
			return false;
		}
		if (commits && before != 0 && o->unread[before - 1] > 0) {
			o->next_waiting[x] = o->chain_waiting[before - 1];
			o->chain_waiting[before - 1] = x + 1;
			return false;
		}
	}
	for (uint32_t i = o->head_first[node]; i < o->head_first[node + 1] && starts; i++) {
		uint32_t chain = o->head_of[i];
		struct keylock *lock = &o->locks[o->chains->chains[chain].key];

		o->before[chain] = lock->latest;
		lock->latest = chain + 1;
		lock->held = chain + 1;
	}
	return true;
}

/* x has its place: give back what it held, and free those behind it. */
static void
placed(struct order *o, uint32_t x)
{
	uint32_t node = x < o->g->n ? x : x >= o->all ? x - o->all : TXN_NONE, at = 0, y;
	bool starts = x < o->g->n, commits = o->view->snapshot ? x >= o->all : starts;

	for (uint32_t i = node == TXN_NONE ? 0 : o->read_first[node]; node != TXN_NONE && starts && i < o->read_first[node + 1]; i++)
		if (--o->unread[o->read_of[i]] == 0)
			wake(o, &o->chain_waiting[o->read_of[i]]);
	for (uint32_t i = node == TXN_NONE ? 0 : o->tail_first[node]; node != TXN_NONE && commits && i < o->tail_first[node + 1]; i++) {
		struct keylock *lock = &o->locks[o->chains->chains[o->tail_of[i]].key];

		if (lock->held == o->tail_of[i] + 1) {
			lock->held = 0;
			wake(o, &lock->waiting);
		}
	}
	while ((y = txn_graph_next(o->g, o->view, x, &at)) != TXN_NONE)
		if (--o->left[y] == 0)
			push(o, y);
}

/* By node, which chains name it. */
static int
deal(struct order *o, struct arena *mem, int what, uint32_t **ret_first, uint32_t **ret_of)
{
	const struct txn_chains *cs = o->chains;
	uint32_t total = what == 2 ? cs->reader_first[cs->count] : cs->count;
	uint32_t *first = txn_core_array(mem, (size_t)o->g->n + 2, sizeof(uint32_t)), *of = txn_core_array(mem, total, sizeof(uint32_t));

	if (mem->overflowed)
		return -ENOBUFS;
	uint32_t *at = first + 1;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; i < cs->count; i++) {
			uint32_t from = what == 2 ? cs->reader_first[i] : 0, to = what == 2 ? cs->reader_first[i + 1] : 1;

			for (uint32_t j = from; j < to; j++) {
				uint32_t node = what == 0 ? cs->chains[i].head : what == 1 ? cs->chains[i].tail : cs->readers[j];

				if (pass == 0)
					at[node + 1]++;
				else
					of[at[node]++] = i;
			}
		}
		for (uint32_t x = 0; x < o->g->n && pass == 0; x++)
			at[x + 1] += at[x];
	}
	*ret_first = first;
	*ret_of = of;
	return 0;
}

static int
set_up(struct order *o, struct arena *mem)
{
	uint32_t v = o->vertices, at, y, n = o->chains->count;

	o->left = txn_core_array(mem, v, sizeof(uint32_t));
	o->heap = txn_core_array(mem, v, sizeof(uint32_t));
	o->next_waiting = txn_core_array(mem, v, sizeof(uint32_t));
	o->locks = txn_core_array(mem, o->c->h->key_count, sizeof(o->locks[0]));
	o->before = txn_core_array(mem, n, sizeof(uint32_t));
	o->unread = txn_core_array(mem, n, sizeof(uint32_t));
	o->chain_waiting = txn_core_array(mem, n, sizeof(uint32_t));
	if (mem->overflowed || deal(o, mem, 0, &o->head_first, &o->head_of) != 0 || deal(o, mem, 1, &o->tail_first, &o->tail_of) != 0 ||
	    deal(o, mem, 2, &o->read_first, &o->read_of) != 0)
		return -ENOBUFS;
	for (uint32_t i = 0; i < n; i++)
		o->unread[i] = o->chains->reader_first[i + 1] - o->chains->reader_first[i];
	for (uint32_t x = 0; x < v; x++)
		for (at = 0; (y = txn_graph_next(o->g, o->view, x, &at)) != TXN_NONE;)
			o->left[y]++;
	return 0;
}

void
txn_order_best(const struct txn_core *c, enum txn_order_by ret[2])
{
	const struct txn_hist *h = c->h;
	uint32_t turns = 0;

	ret[0] = TXN_BY_TIME;
	ret[1] = TXN_BY_PLACE;
	if (h->positions > 0)
		return;
	for (uint32_t x = 1; x < c->n; x++)
		turns += h->txns[c->txn_of[x]].process != h->txns[c->txn_of[x - 1]].process;
	ret[0] = turns < 2 * h->process_count ? TXN_BY_SHARE : TXN_BY_PLACE;
	ret[1] = ret[0] == TXN_BY_SHARE ? TXN_BY_PLACE : TXN_BY_SHARE;
}

/* How far into its session each node is, in 2^20ths. 0 or -ENOBUFS. */
static int
shares(const struct txn_core *c, struct arena *mem, uint32_t **ret)
{
	const struct txn_hist *h = c->h;
	uint32_t *count = txn_core_array(mem, h->process_count, sizeof(*count)), *at = txn_core_array(mem, h->process_count, sizeof(*at));
	uint32_t *share = txn_core_array(mem, c->n, sizeof(*share));

	if (mem->overflowed)
		return -ENOBUFS;
	for (uint32_t x = 0; x < c->n; x++)
		count[h->txns[c->txn_of[x]].process]++;
	for (uint32_t x = 0; x < c->n; x++) {
		uint32_t process = h->txns[c->txn_of[x]].process;

		share[x] = (uint32_t)(((uint64_t)at[process]++ << 20) / count[process]);
	}
	*ret = share;
	return 0;
}

int
txn_order_priority(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, enum txn_order_by by,
    struct arena *mem, uint32_t **ret)
{
	uint32_t vertices = txn_graph_vertices(g, view), *share = NULL, *priority = txn_core_array(mem, vertices, sizeof(*priority));

	if (priority == NULL || (by == TXN_BY_SHARE && shares(c, mem, &share) != 0))
		return -ENOBUFS;
	for (uint32_t x = 0; x < vertices; x++) {
		uint32_t node = txn_graph_base(g, x);
		bool start = view->snapshot && x == node;

		if (node >= g->n)
			continue;       /* hubs at once */
		const struct txn *t = &c->h->txns[c->txn_of[node]];

		if (by == TXN_BY_TIME)
			priority[x] = start || t->complete_pos == TXN_POS_NEVER || t->outcome != TXN_OK ? t->invoke_pos : t->complete_pos;
		else
			priority[x] = 2 * (by == TXN_BY_SHARE ? share[node] : node) + !start;
	}
	*ret = priority;
	return 0;
}

int
txn_order_try(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains,
    const uint32_t *priority, bool locked, struct arena *mem, uint32_t *ret_rank, bool *ret_fits)
{
	struct txn_chains none = { .reader_first = (uint32_t[1]){ 0 } };
	struct order o = { .c = c, .g = g, .view = view, .chains = locked ? chains : &none, .vertices = txn_graph_vertices(g, view),
		.priority = priority, .all = view->snapshot ? g->n + g->hubs : UINT32_MAX };
	struct arena_mark mark = arena_snapshot(mem);
	uint32_t rank = 0;

	if (set_up(&o, mem) != 0)
		return -ENOBUFS;
	for (uint32_t x = 0; x < o.vertices; x++)
		if (o.left[x] == 0)
			push(&o, x);
	while (o.heap_count > 0) {
		uint32_t x = pop(&o);

		if (!may_place(&o, x))
			continue;
		ret_rank[x] = rank++;
		placed(&o, x);
	}
	arena_reset(mem, mark);
	*ret_fits = rank == o.vertices;
	return 0;
}
