/* SPDX-License-Identifier: MIT */
/* txn_proof.c - what refutes every order of versions, as cycles of dependencies. */
#include "audit/txn_proof.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>

struct maker {
	const struct txn_core *c;
	const struct txn_graph *g;
	const struct txn_view *view;
	const struct txn_chains *chains;
	const struct txn_pruned *pruned;
	struct arena *mem;
};

/* The type of a known edge from a vertex to a node, by way of a hub or not. */
static uint8_t
known_type(const struct maker *m, uint32_t vertex, uint32_t to, uint32_t hub)
{
	const struct txn_graph *g = m->g;
	uint32_t from = txn_graph_base(g, vertex);
	unsigned mask = !m->view->snapshot ? m->view->mask : vertex < g->n ? TXN_RW : m->view->mask & ~(unsigned)TXN_RW;

	if (hub != TXN_NONE)
		return hub < g->rw_hub_end ? TXN_RW : TXN_REALTIME;
	for (uint32_t i = g->first[from]; i < g->first[from + 1]; i++)
		if (g->to[i] == to && (g->type[i] & mask) != 0)
			return g->type[i];
	fl_assert(!"an edge of the way is not in the graph");
	return TXN_RW;
}

static uint32_t
base_of(const struct maker *m, uint32_t vertex)
{
	return txn_graph_base(m->g, vertex);
}

/* Is the edge of "chain a before chain b" that begins at this node the one of their writers? Else it is one of a reader. */
static uint8_t
order_type(const struct maker *m, uint32_t chain, uint32_t node)
{
	return node == m->chains->chains[chain].tail ? TXN_WW : TXN_RW;
}

/* Steps of a way between nodes: starts, commits and hubs are no places of their own. */
struct steps {
	struct txn_cycle cycle;
	uint32_t *place;                /* by step: place of its edge in `implied`, TXN_NONE, TXN_IMPLIED_MORE */
};

static int
make_steps(const struct maker *m, const struct txn_way *way, struct steps *ret)
{
	struct txn_cycle c = { 0, txn_core_array(m->mem, (size_t)way->count + 1, sizeof(uint32_t)),
		txn_core_array(m->mem, (size_t)way->count + 1, 1) };
	uint32_t *place = txn_core_array(m->mem, (size_t)way->count + 1, sizeof(uint32_t)), hub = TXN_NONE, before = TXN_NONE;

	if (c.nodes == NULL || c.types == NULL || place == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < way->count; i++) {
		uint32_t x = base_of(m, way->vertices[i]), step = way->steps[i];

		if (x >= m->g->n) {
			hub = x;
			continue;
		}
		if (c.length > 0 && x != c.nodes[c.length - 1]) {
			uint32_t from = c.nodes[c.length - 1];

			place[c.length - 1] = step;
			c.types[c.length - 1] = step == TXN_NONE ? known_type(m, before, x, hub) : step == TXN_IMPLIED_MORE ? TXN_RW :
			    order_type(m, m->pruned->implied[step].before, from);
		}
		if (c.length == 0 || x != c.nodes[c.length - 1])
			c.nodes[c.length++] = x;
		before = way->vertices[i];
		hub = TXN_NONE;
	}
	*ret = (struct steps){ c, place };
	return 0;
}

/* The cycle that the other order of a found edge would close. Length 0: it was not kept. */
static int
make_other(const struct maker *m, const struct txn_implied *e, struct txn_cycle *ret)
{
	struct steps steps = { .cycle = { .length = 0 } };

	if (e->why.count > 0) {
		if (make_steps(m, &e->why, &steps) != 0)
			return -ENOBUFS;
		steps.cycle.types[steps.cycle.length - 1] = order_type(m, e->after, steps.cycle.nodes[steps.cycle.length - 1]);
	}
	*ret = steps.cycle;
	return 0;
}

static int
make_because(const struct maker *m, uint32_t place, struct txn_because *ret)
{
	*ret = (struct txn_because){ .key = TXN_NONE };
	if (place == TXN_NONE || place == TXN_IMPLIED_MORE)
		return 0;
	const struct txn_implied *e = &m->pruned->implied[place];
	const struct txn_chain *before = &m->chains->chains[e->before], *after = &m->chains->chains[e->after];

	*ret = (struct txn_because){ .key = before->key, .before = before->head, .after = after->tail, .left = before->tail };
	return make_other(m, e, &ret->cycle);
}

/* Of registers ww may be known only if no update is lost, and a lost one is a cycle with one rw. */
static unsigned
kind_of(const struct maker *m, const struct txn_cycle *cycle)
{
	unsigned kind = txn_cycle_kind(cycle);
	bool ww = false;

	for (uint32_t i = 0; i < cycle->length; i++)
		ww |= cycle->types[i] == TXN_WW;
	return ww && m->c->h->model == TXN_RW_REGISTER ? FL_MAX(kind, (unsigned)TXN_KIND_SINGLE) : kind;
}

/* What is sure: one of these cycles is there, the mildest or a worse one. */
static int
find_kind(const struct maker *m, const struct txn_cycle *cycle, unsigned *ret)
{
	unsigned mildest = m->view->snapshot ? TXN_KIND_NONADJACENT : TXN_KIND_G2, kind = kind_of(m, cycle);

	for (uint32_t i = 0; i < m->pruned->implied_count && kind < mildest; i++) {
		struct txn_cycle other;

		if (make_other(m, &m->pruned->implied[i], &other) != 0)
			return -ENOBUFS;
		unsigned its = other.length == 0 ? mildest : kind_of(m, &other);

		kind = FL_MAX(kind, its);
	}
	*ret = kind;
	return 0;
}

/* Which orders of processes and time count in a way, and in what shows why its edges are there. */
static unsigned
orders_of(const struct maker *m, const struct txn_way *way)
{
	unsigned seen = 0;
	uint32_t before = TXN_NONE, hub = TXN_NONE;

	for (uint32_t i = 0; i < way->count; i++) {
		uint32_t x = base_of(m, way->vertices[i]);

		if (x >= m->g->n) {
			hub = x;
			continue;
		}
		if (before != TXN_NONE && base_of(m, before) != x && way->steps[i] == TXN_NONE)
			seen |= known_type(m, before, x, hub);
		if (way->steps[i] == TXN_IMPLIED_MORE)
			seen |= m->view->mask;
		before = way->vertices[i];
		hub = TXN_NONE;
	}
	return seen & (TXN_PROCESS | TXN_REALTIME);
}

/* The same of all that was kept: they all hang together. */
static unsigned
all_orders(const struct maker *m)
{
	const struct txn_pruned *p = m->pruned;
	unsigned seen = orders_of(m, &p->ways[0]) | orders_of(m, &p->ways[1]);

	for (uint32_t i = 0; i < p->implied_count; i++)
		seen |= p->implied[i].why.count == 0 ? m->view->mask & (TXN_PROCESS | TXN_REALTIME) : orders_of(m, &p->implied[i].why);
	return seen;
}

/* A way back as a cycle: the edge that closes it first. */
static int
make_proof(const struct maker *m, const struct txn_way *way, const struct txn_way *other, struct txn_proof *ret)
{
	struct txn_proof p = { .key = TXN_NONE, .first = TXN_NONE, .second = TXN_NONE };
	struct steps s;

	if (make_steps(m, way, &s) != 0)
		return -ENOBUFS;
	uint32_t n = s.cycle.length, last = s.cycle.nodes[n - 1];

	if (n < 2)
		return 0;
	p.cycle = (struct txn_cycle){ n, txn_core_array(m->mem, n, sizeof(uint32_t)), txn_core_array(m->mem, n, 1) };
	p.because = txn_core_array(m->mem, n, sizeof(p.because[0]));
	if (p.cycle.nodes == NULL || p.cycle.types == NULL || p.because == NULL)
		return -ENOBUFS;
	for (uint32_t i = 0; i < n; i++) {
		p.cycle.nodes[i] = i == 0 ? last : s.cycle.nodes[i - 1];
		if (i > 0)
			p.cycle.types[i] = s.cycle.types[i - 1];
		if (make_because(m, i > 0 ? s.place[i - 1] : way->chain == TXN_NONE ? way->closing : TXN_NONE, &p.because[i]) != 0)
			return -ENOBUFS;
	}
	uint32_t chain = way->chain != TXN_NONE ? way->chain : way->closing == TXN_IMPLIED_MORE ? TXN_NONE :
	    m->pruned->implied[way->closing].before;

	p.cycle.types[0] = chain == TXN_NONE ? TXN_RW : order_type(m, chain, last);
	if (way->chain != TXN_NONE) {
		const struct txn_chain *first = &m->chains->chains[way->chain], *second = &m->chains->chains[other->chain];

		p.key = first->key;
		p.first = first->head;
		p.second = second->head;
		p.because[0] = (struct txn_because){ .key = p.key, .before = first->head, .after = second->head, .left = first->tail,
			.assumed = true };
	}
	p.orders = all_orders(m);
	*ret = p;
	return find_kind(m, &ret->cycle, &ret->kind);
}

int
txn_proof_make(const struct txn_core *c, const struct txn_graph *g, const struct txn_view *view, const struct txn_chains *chains,
    const struct txn_pruned *pruned, struct arena *mem, struct txn_proof ret[2])
{
	struct maker m = { .c = c, .g = g, .view = view, .chains = chains, .pruned = pruned, .mem = mem };
	const struct txn_way *ways = pruned->ways;

	if (ways[0].count > 0 && ways[0].chain == TXN_NONE)
		return make_proof(&m, &ways[0], &ways[0], &ret[0]);
	for (int i = 0; i < 2 && ways[0].count > 0 && ways[1].count > 0; i++)
		if (make_proof(&m, &ways[i], &ways[1 - i], &ret[i]) != 0)
			return -ENOBUFS;
	return 0;
}

const char *
txn_proof_name(const struct txn_proof *p)
{
	return txn_cycle_kind_name(p->kind, p->orders);
}

/* T3, or if the node is not in the cycle: the transaction of process 4, line 17. */
static void
put_node(const struct txn_core *c, const struct txn_cycle *cycle, uint32_t node, struct buf *out)
{
	for (uint32_t i = 0; i < cycle->length; i++) {
		if (cycle->nodes[i] != node)
			continue;
		buf_printf(out, "T%" PRIu32, i + 1);
		return;
	}
	buf_putc(out, '(');
	txn_hist_put_who(c->h, c->txn_of[node], out);
	buf_putc(out, ')');
}

static const char *
type_name(uint8_t type)
{
	return type == TXN_WW ? "ww" : type == TXN_WR ? "wr" : type == TXN_RW ? "rw" : type == TXN_PROCESS ? "process" : "realtime";
}

/* Why of two writes the first must come first. */
static void
put_order(const struct txn_core *c, const struct txn_proof *p, const struct txn_because *b, struct buf *out)
{
	if (b->assumed) {
		buf_puts(out, ", if those were written in this order");
		return;
	}
	if (b->cycle.length > 0)
		buf_puts(out, "; the other order of those writes would close the cycle ");
	for (uint32_t i = 0; i < b->cycle.length; i++) {
		put_node(c, &p->cycle, b->cycle.nodes[i], out);
		buf_printf(out, " -%s-> ", type_name(b->cycle.types[i]));
	}
	if (b->cycle.length > 0)
		put_node(c, &p->cycle, b->cycle.nodes[0], out);
}

bool
txn_proof_why(const struct txn_core *c, const struct txn_proof *p, uint32_t i, struct buf *out)
{
	const struct txn_because *b = &p->because[i];
	uint32_t a = p->cycle.nodes[i], z = p->cycle.nodes[(i + 1) % p->cycle.length];

	if (b->key == TXN_NONE)
		return false;
	put_node(c, &p->cycle, a, out);
	buf_puts(out, p->cycle.types[i] == TXN_WW ? " wrote " : " read ");
	txn_hist_put_key(c->h, b->key, out);
	if (p->cycle.types[i] != TXN_WW) {
		buf_puts(out, " as ");
		put_node(c, &p->cycle, b->left, out);
		buf_puts(out, " left it");
	}
	buf_puts(out, ", which ");
	put_node(c, &p->cycle, z, out);
	buf_puts(out, " replaced");
	put_order(c, p, b, out);
	return true;
}
