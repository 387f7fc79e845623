/* SPDX-License-Identifier: MIT */
/*
 * txn_cycle.c - short cycles of dependencies.
 *
 * A place is a vertex with what the way there has passed: how many rw (up to two), whether the last edge was one, whether a
 * required edge was among them.
 *
 * Invariants
 *  (1) Hubs cost nothing: an edge out of hubs counts, those into them do not.
 *  (2) The level at hand is searched to its end before the next, so that the first way back to the start is a shortest one.
 */
#include "audit/txn_cycle.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

#define STATES 12u
#define CYCLE_MAX 4096          /* transactions of a cycle that is shown */

struct search {
	const struct txn_core *c;
	const struct txn_graph *g;
	const struct txn_hunt *hunt;
	struct txn_view view;
	uint32_t *local;                /* by vertex: its number among the members */
	const uint32_t *members;
	uint32_t count;
	uint32_t *stamp, *parent;       /* by place */
	uint8_t *arrived;               /* by place: the type of the edge it was reached by */
	uint32_t *level, *next;         /* places */
	uint32_t level_count, next_count, round;
	uint64_t *steps;
};

static uint32_t
place_of(uint32_t local, unsigned rw, bool last_rw, bool required)
{
	return local * STATES + rw * 4 + (last_rw ? 2 : 0) + (required ? 1 : 0);
}

/* Where an edge of a type leads from a state. false: the hunt does not allow it. */
static bool
step(const struct txn_hunt *h, uint32_t state, unsigned type, bool first, uint32_t *ret_state)
{
	unsigned rw = state / 4;
	bool last_rw = (state & 2) != 0, required = (state & 1) != 0;

	if (type == 0) {
		*ret_state = state;
		return true;
	}
	bool is_rw = type == TXN_RW;

	if (is_rw && (rw == h->rw_max || rw == 2) && h->rw_max < 2)
		return false;
	if (is_rw && h->apart && (first || last_rw))
		return false;
	*ret_state = FL_MIN(rw + is_rw, 2u) * 4 + (is_rw ? 2 : 0) + (required || (type & h->required) != 0);
	return true;
}

static bool
accepts(const struct txn_hunt *h, uint32_t state)
{
	return state / 4 >= h->rw_min && (h->required == 0 || (state & 1) != 0);
}

/* Follow the edges of one place. true: a way back to the start was found, ret says by what place it ends. */
static bool
expand(struct search *s, uint32_t place, uint32_t start, uint32_t *ret_place)
{
	const struct txn_graph *g = s->g;
	uint32_t x = s->members[place / STATES], state;
	bool first = x == start && s->arrived[place] == 0xff;

	for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++) {
		uint32_t y = g->to[i];
		unsigned type = g->type[i];

		if ((type != 0 && (type & s->hunt->mask) == 0) || s->view.within[y] != s->view.within[x])
			continue;
		if (!step(s->hunt, place % STATES, type, first, &state))
			continue;
		uint32_t to = s->local[y] * STATES + state;

		if (*s->steps > 0)
			--*s->steps;
		if (y == start && !accepts(s->hunt, state))
			continue;       /* a cycle, but of another kind: no part of a simple one */
		if (y != start && s->stamp[to] == s->round)
			continue;
		s->stamp[to] = s->round;
		s->parent[to] = place;
		s->arrived[to] = (uint8_t)type;
		if (y == start) {
			*ret_place = to;
			return true;
		}
		if (y >= g->n)
			s->level[s->level_count++] = to;                  /* (1) */
		else
			s->next[s->next_count++] = to;
	}
	return false;
}

/* Breadth first from a node, less than `limit` deep. The depth of the way back; 0: none. */
static uint32_t
search_from(struct search *s, uint32_t start, uint32_t limit, uint32_t *ret_place)
{
	uint32_t root = place_of(s->local[start], 0, false, false);

	s->round++;
	s->stamp[root] = s->round;
	s->arrived[root] = 0xff;
	s->level[0] = root;
	s->level_count = 1;
	for (uint32_t depth = 1; depth < limit && s->level_count > 0; depth++) {
		s->next_count = 0;
		for (uint32_t i = 0; i < s->level_count && *s->steps > 0; i++)
			if (expand(s, s->level[i], start, ret_place))
				return depth;
		uint32_t *swap = s->level;

		s->level = s->next;
		s->level_count = s->next_count;
		s->next = swap;
	}
	return 0;
}

/* The way back, without its hubs. */
static int
take_cycle(struct search *s, uint32_t start, uint32_t place, struct arena *mem, struct txn_cycle *ret)
{
	uint32_t n = 0, root = place_of(s->local[start], 0, false, false), at = place;
	uint8_t pending = s->arrived[at];

	for (uint32_t p = s->parent[place]; p != root; p = s->parent[p])
		n += s->members[p / STATES] < s->g->n;
	n++;
	if (n > CYCLE_MAX)
		return 0;
	struct txn_cycle cycle = { .nodes = txn_core_array(mem, n, sizeof(uint32_t)), .types = txn_core_array(mem, n, 1) };

	if (cycle.nodes == NULL || cycle.types == NULL)
		return -ENOBUFS;
	cycle.length = n;
	for (uint32_t i = n; i > 0;) {
		at = s->parent[at];
		if (s->members[at / STATES] < s->g->n) {
			cycle.nodes[--i] = s->members[at / STATES];
			cycle.types[i] = pending;
			pending = s->arrived[at];
		} else if (s->arrived[at] != 0) {
			pending = s->arrived[at];
		}
	}
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = i + 1; j < n && n <= 64; j++)
			if (cycle.nodes[i] == cycle.nodes[j])
				return 0;       /* two cycles that meet */
	*ret = cycle;
	return 0;
}

/* Does an edge of x lead to one that had completed before x was invoked? */
static bool
looks_back(const struct search *s, uint32_t x)
{
	const struct txn_graph *g = s->g;
	const struct txn *txns = s->c->h->txns;

	for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++) {
		uint32_t y = g->to[i];

		if (y < g->n && (g->type[i] & s->hunt->mask & TXN_DEPENDENCIES) != 0 &&
		    txns[s->c->txn_of[y]].complete_pos < txns[s->c->txn_of[x]].invoke_pos)
			return true;
	}
	return false;
}

static int
set_up(struct search *s, struct arena *mem)
{
	size_t places = (size_t)s->count * STATES;

	if (places >= UINT32_MAX)
		return -ENOBUFS;
	s->local = txn_core_array(mem, (size_t)s->g->n + s->g->hubs, sizeof(uint32_t));
	s->stamp = txn_core_array(mem, places, sizeof(uint32_t));
	s->parent = txn_core_array(mem, places, sizeof(uint32_t));
	s->arrived = txn_core_array(mem, places, 1);
	s->level = txn_core_array(mem, places, sizeof(uint32_t));
	s->next = txn_core_array(mem, places, sizeof(uint32_t));
	if (mem->overflowed)
		return -ENOBUFS;
	for (uint32_t i = 0; i < s->count; i++)
		s->local[s->members[i]] = i;
	return 0;
}

/* All starts, those that promise a short one first. 0 or -ENOBUFS. */
static int
search_all(struct search *s, struct arena *keep, struct txn_cycle *best)
{
	for (int pass = (s->hunt->required & TXN_REALTIME) != 0 ? 0 : 1; pass < 2; pass++) {
		for (uint32_t i = 0; i < s->count && *s->steps > 0 && best->length != 2; i++) {
			uint32_t x = s->members[i], place;

			if (x >= s->g->n || (pass == 0 && !looks_back(s, x)))
				continue;
			if (search_from(s, x, best->length == 0 ? UINT32_MAX : best->length, &place) != 0 &&
			    take_cycle(s, x, place, keep, best) != 0)
				return -ENOBUFS;
		}
	}
	return 0;
}

int
txn_cycle_find(const struct txn_core *c, const struct txn_graph *g, const struct txn_hunt *hunt, const uint32_t *within,
    const uint32_t *members, uint32_t count, uint64_t *steps, struct arena *mem, struct txn_cycle *ret_cycle)
{
	struct search s = { .c = c, .g = g, .hunt = hunt, .view = { .mask = hunt->mask, .within = within }, .members = members,
		.count = count, .steps = steps };
	struct arena keep;
	struct txn_cycle best = { .length = 0 };
	struct arena_mark mark = arena_snapshot(mem);

	fl_assert(count > 1 && within != NULL);
	*ret_cycle = best;
	arena_init(&keep, (size_t)64 << 20);
	int rc = set_up(&s, mem);

	if (rc == 0)
		rc = search_all(&s, &keep, &best);
	bool tired = *steps == 0;

	arena_reset(mem, mark);
	if (rc == 0 && best.length > 0) {
		struct txn_cycle copy = { best.length, txn_core_array(mem, best.length, sizeof(uint32_t)),
			txn_core_array(mem, best.length, 1) };

		if (copy.nodes == NULL || copy.types == NULL) {
			rc = -ENOBUFS;
		} else {
			memcpy(copy.nodes, best.nodes, best.length * sizeof(uint32_t));
			memcpy(copy.types, best.types, best.length);
			*ret_cycle = copy;
		}
	}
	arena_fini(&keep);
	return rc != 0 ? rc : best.length > 0 && (!tired || best.length == 2) ? TXN_HUNT_FOUND : tired ? TXN_HUNT_TIRED : TXN_HUNT_NONE;
}

/* The way that ends in `to`, by the vertices before. */
static int
take_way(const struct txn_graph *g, unsigned mask, const uint32_t *before, uint32_t from, uint32_t to, struct arena *mem, struct txn_cycle *ret)
{
	uint32_t length = 1;

	for (uint32_t x = to; x != from; x = before[x] - 1)
		length++;
	struct txn_cycle way = { length, txn_core_array(mem, length, sizeof(uint32_t)), txn_core_array(mem, length, 1) };

	if (way.nodes == NULL || way.types == NULL)
		return -ENOBUFS;
	way.nodes[length - 1] = to;
	for (uint32_t i = length - 1; i > 0; i--) {
		uint32_t x = before[way.nodes[i]] - 1, e = g->first[x];

		while (g->to[e] != way.nodes[i] || (g->type[e] & mask) == 0)
			e++;
		way.nodes[i - 1] = x;
		way.types[i - 1] = g->type[e];
	}
	*ret = way;
	return 0;
}

int
txn_cycle_way(const struct txn_graph *g, unsigned mask, uint32_t from, uint32_t to, struct arena *mem, struct txn_cycle *ret)
{
	struct arena work;
	int rc = 0;

	*ret = (struct txn_cycle){ .length = 0 };
	arena_init(&work, mem->cap_bytes - mem->used_bytes);
	uint32_t *before = txn_core_array(&work, g->n, sizeof(*before)), *queue = txn_core_array(&work, g->n, sizeof(*queue));
	uint32_t head = 0, tail = 0;

	if (before == NULL || queue == NULL)
		rc = -ENOBUFS;
	else
		queue[tail++] = from;
	while (rc == 0 && head < tail && before[to] == 0) {
		uint32_t x = queue[head++];

		for (uint32_t i = g->first[x]; i < g->first[x + 1]; i++) {
			uint32_t y = g->to[i];

			if (y >= g->n || y == from || (g->type[i] & mask) == 0 || before[y] != 0)
				continue;
			before[y] = x + 1;
			queue[tail++] = y;
		}
	}
	if (rc == 0 && from != to && before[to] != 0)
		rc = take_way(g, mask, before, from, to, mem, ret);
	arena_fini(&work);
	return rc;
}

void
txn_cycle_turn(struct txn_cycle *cycle)
{
	uint32_t first = 0;

	for (uint32_t i = 1; i < cycle->length; i++)
		if (cycle->nodes[i] < cycle->nodes[first])
			first = i;
	for (; first > 0; first--) {
		uint32_t node = cycle->nodes[0], last = cycle->length - 1;
		uint8_t type = cycle->types[0];

		memmove(cycle->nodes, cycle->nodes + 1, last * sizeof(cycle->nodes[0]));
		memmove(cycle->types, cycle->types + 1, last);
		cycle->nodes[last] = node;
		cycle->types[last] = type;
	}
}

unsigned
txn_cycle_kind(const struct txn_cycle *cycle)
{
	unsigned all = 0, rw = 0;
	bool neighbours = false;

	for (uint32_t i = 0; i < cycle->length; i++) {
		uint8_t before = cycle->types[i == 0 ? cycle->length - 1 : i - 1];

		all |= cycle->types[i];
		rw += cycle->types[i] == TXN_RW;
		neighbours |= cycle->types[i] == TXN_RW && before == TXN_RW;
	}
	if (rw == 0)
		return (all & TXN_WR) != 0 ? TXN_KIND_G1C : TXN_KIND_G0;
	return rw == 1 ? TXN_KIND_SINGLE : neighbours ? TXN_KIND_G2 : TXN_KIND_NONADJACENT;
}

const char *
txn_cycle_kind_name(unsigned kind, unsigned orders)
{
	static const char *const names[TXN_KINDS][3] = {
		[TXN_KIND_G0] = { "G0", "G0-process", "G0-realtime" },
		[TXN_KIND_G1C] = { "G1c", "G1c-process", "G1c-realtime" },
		[TXN_KIND_SINGLE] = { "G-single", "G-single-process", "G-single-realtime" },
		[TXN_KIND_NONADJACENT] = { "G-nonadjacent", "G-nonadjacent-process", "G-nonadjacent-realtime" },
		[TXN_KIND_G2] = { "G2-item", "G2-item-process", "G2-item-realtime" },
	};

	fl_assert(kind < TXN_KINDS);
	return names[kind][(orders & TXN_REALTIME) != 0 ? 2 : (orders & TXN_PROCESS) != 0 ? 1 : 0];
}

bool
txn_cycle_is_write_skew(const struct txn_cycle *cycle)
{
	return cycle->length == 2 && cycle->types[0] == TXN_RW && cycle->types[1] == TXN_RW;
}

bool
txn_cycle_is_long_fork(const struct txn_cycle *cycle)
{
	return cycle->length == 4 && ((cycle->types[0] == TXN_RW && cycle->types[1] == TXN_WR && cycle->types[2] == TXN_RW &&
	    cycle->types[3] == TXN_WR) || (cycle->types[0] == TXN_WR && cycle->types[1] == TXN_RW && cycle->types[2] == TXN_WR &&
	    cycle->types[3] == TXN_RW));
}
