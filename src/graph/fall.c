/* SPDX-License-Identifier: MIT */
/* fall.c - see fall.h. */
#include "graph/fall.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

/* How far ahead memory is asked for: a row's place, and then the row. */
#define AHEAD_ROW 24
#define AHEAD_WORDS 12
#define AHEAD_GROUPS 16
#define PIECE 512                       /* groups that are read at once */
/* From below when the level is not small, and has so many edges for each node that is not down. */
#define BELOW_EDGES 4
#define BELOW_NODES 24

static inline void
set_down(struct fall *f, uint32_t v)
{
	f->down[v] = 1;
}

int
fall_init(struct fall *f, const struct needs *n, struct arena *keep)
{
	*f = (struct fall){ .n = n };
	f->down = arena_alloc(keep, (size_t)n->node_count + 1);
	f->groups = arena_alloc(keep, n->group_count * sizeof(*f->groups));
	f->intact = arena_alloc(keep, n->group_count * sizeof(*f->intact));
	f->order = arena_alloc(keep, ((size_t)n->node_count + 1) * sizeof(*f->order));
	f->level = arena_alloc(keep, ((size_t)n->node_count + 2) * sizeof(*f->level));
	if (f->down == NULL || f->groups == NULL || f->intact == NULL || f->order == NULL || f->level == NULL)
		return -ENOMEM;
	f->down[n->node_count] = 1;             /* nobody: the owner of soft groups, who cannot fall */
	for (uint32_t g = 0; g < n->group_count; g++)
		f->groups[g] = f->intact[g] = (struct fall_group){ n->groups[g].soft ? n->node_count : n->groups[g].node,
			(int32_t)n->groups[g].count - (int32_t)n->groups[g].k };
	return 0;
}

/*
 * How a level is read. Nodes are numbered by a search like this one (csr.h), so a level is mostly runs of numbers, and the rows of a run are one
 * long row; the end of each would be guessed wrong by the processor. For the same reason nothing is asked of a neighbour that could
 * be counted instead: half of the answers would surprise it. What will be read soon is asked for early.
 */
struct reader {
	const uint32_t *order, *at, *row;
	uint32_t i, to;                 /* of the order */
	uint32_t first, end;            /* of the row: the next run's */
};

static inline bool
next_run(struct reader *r)
{
	if (r->i == r->to)
		return false;
	uint32_t last = r->order[r->i++];

	r->first = r->at[last];
	for (; r->i < r->to && r->order[r->i] == last + 1; r->i++)
		last++;
	r->end = r->at[last + 1];
	if (r->i + AHEAD_ROW < r->to)
		__builtin_prefetch(&r->at[r->order[r->i + AHEAD_ROW]]);
	if (r->i + AHEAD_WORDS < r->to)
		__builtin_prefetch(&r->row[r->at[r->order[r->i + AHEAD_WORDS]]]);
	return true;
}

/* A piece of the level's groups, one after the other, so that their counters can be asked for early however short the rows are. */
static uint32_t
gather(struct reader *r, uint32_t *piece)
{
	uint32_t n = 0;

	while (n < PIECE && (r->first < r->end || next_run(r))) {
		uint32_t count = FL_MIN(r->end - r->first, PIECE - n);

		for (uint32_t i = 0; i < count; i++)
			piece[n + i] = r->row[r->first + i];
		n += count;
		r->first += count;
	}
	return n;
}

/* The groups that the nodes of a level are members of: one member less; the group's node falls with the first that is too much (2). */
static uint32_t
lose_groups(struct fall *f, uint32_t from, uint32_t to, uint32_t tail)
{
	uint32_t *order = f->order, piece[PIECE + AHEAD_GROUPS] = { 0 };
	uint8_t *down = f->down;
	struct fall_group *groups = f->groups;
	struct reader r = { .order = order, .at = f->n->in_at, .row = f->n->in, .i = from, .to = to };

	for (uint32_t n; (n = gather(&r, piece)) > 0;) {
		for (uint32_t i = 0; i < n; i++) {
			struct fall_group *g = &groups[piece[i]];

			__builtin_prefetch(&groups[piece[i + AHEAD_GROUPS]]);
			uint32_t v = g->owner;
			bool hit = (g->spare-- == 0) & !down[v];

			order[tail] = v;
			tail += hit;
			down[v] |= hit;
		}
	}
	return tail;
}

/* Who needs one of the level hard. */
static uint32_t
from_above(struct fall *f, uint32_t from, uint32_t to, uint32_t tail)
{
	const uint32_t *row = f->n->hard;
	uint32_t *order = f->order;
	uint8_t *down = f->down;
	struct reader r = { .order = order, .at = f->n->hard_at, .row = row, .i = from, .to = to };

	while (next_run(&r)) {
		for (uint32_t w = r.first; w < r.end; w++) {
			uint32_t u = row[w];

			order[tail] = u;
			tail += !down[u];
			down[u] = 1;
		}
	}
	return tail;
}

/* Who of the rest needs one that is down hard. What is found is marked afterwards, so that levels stay exact. */
static uint32_t
from_below(struct fall *f, uint32_t tail)
{
	const struct needs *n = f->n;
	uint32_t found = tail;

	for (uint32_t v = 0; v < n->node_count; v++) {
		uint64_t eight;

		/* Where all is down, eight at a time. */
		for (; v % 8 == 0 && v + 8 <= n->node_count; v += 8) {
			memcpy(&eight, f->down + v, sizeof(eight));
			if (eight != UINT64_C(0x0101010101010101))
				break;
		}
		if (v == n->node_count || f->down[v])
			continue;
		for (uint32_t i = n->dep_at[v]; i < n->dep_hard_end[v]; i++) {
			if (f->down[n->dep[i]]) {
				f->order[found++] = v;
				break;
			}
		}
	}
	for (uint32_t i = tail; i < found; i++)
		set_down(f, f->order[i]);
	return found;
}

static bool
below_is_cheaper(const struct fall *f, uint32_t from, uint32_t to)
{
	const struct needs *n = f->n;
	uint64_t edges = 0, rest = n->node_count - to;

	if (to - from <= n->node_count / BELOW_NODES)
		return false;
	for (uint32_t i = from; i < to; i++)
		edges += n->hard_at[f->order[i] + 1] - n->hard_at[f->order[i]];
	return edges > rest * BELOW_EDGES;
}

void
fall_push(struct fall *f, const uint32_t *nodes, uint32_t count)
{
	uint32_t from = f->count, tail = from;

	fl_assert(f->level_count <= f->n->node_count);
	for (uint32_t i = 0; i < count; i++) {
		fl_assert(nodes[i] < f->n->node_count);
		if (!fall_is_down(f, nodes[i])) {
			set_down(f, nodes[i]);
			f->order[tail++] = nodes[i];
		}
	}
	while (from < tail) {
		uint32_t to = tail;

		f->level[f->level_count++] = from;
		tail = below_is_cheaper(f, from, to) ? from_below(f, tail) : from_above(f, from, to, tail);
		if (f->n->group_count > 0)
			tail = lose_groups(f, from, to, tail);
		from = to;
	}
	f->count = tail;
	f->level[f->level_count] = tail;                                          /* (1) */
}

void
fall_undo(struct fall *f, uint32_t count)
{
	const struct needs *n = f->n;

	fl_assert(count <= f->count);
	if (count == 0 && f->count > n->node_count / 8) {
		memset(f->down, 0, n->node_count);
		memcpy(f->groups, f->intact, n->group_count * sizeof(*f->groups));
		f->count = 0;
	}
	while (f->count > count) {
		uint32_t v = f->order[--f->count];

		f->down[v] = 0;
		for (uint32_t w = n->in_at[v]; w < n->in_at[v + 1]; w++)
			f->groups[n->in[w]].spare++;
	}
	while (f->level_count > 0 && f->level[f->level_count - 1] >= count)
		f->level_count--;
	f->level[f->level_count] = count;
}
