/* SPDX-License-Identifier: MIT */
/* fall.c - see fall.h. */
#include "graph/fall.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

/* How far ahead memory is asked for: a row's place, and then the row. */
#define AHEAD_ROW 24
#define AHEAD_WORDS 12
/* From below when the edges of the level are more than this part of what is not down, and the level is not small. */
#define BELOW_EDGES 14
#define BELOW_NODES 24

static inline void
set_down(struct fall *f, uint32_t v)
{
	f->down[v / 64] |= UINT64_C(1) << v % 64;
}

int
fall_init(struct fall *f, const struct needs *n, struct arena *keep)
{
	*f = (struct fall){ .n = n };
	f->down = arena_alloc(keep, ((size_t)n->node_count / 64 + 1) * sizeof(*f->down));
	f->spare = arena_alloc(keep, n->group_count * sizeof(*f->spare));
	f->spare_init = arena_alloc(keep, n->group_count * sizeof(*f->spare));
	f->order = arena_alloc(keep, ((size_t)n->node_count + 1) * sizeof(*f->order));
	f->level = arena_alloc(keep, ((size_t)n->node_count + 2) * sizeof(*f->level));
	if (f->down == NULL || f->spare == NULL || f->spare_init == NULL || f->order == NULL || f->level == NULL)
		return -ENOMEM;
	for (uint32_t g = 0; g < n->group_count; g++)
		f->spare[g] = f->spare_init[g] = (int16_t)((int32_t)n->groups[g].count - (int32_t)n->groups[g].k);
	return 0;
}

/* One member less; the group's node falls with the first that is too much (2). Returns the new end of the order. */
static inline uint32_t
group_loses(struct fall *f, uint32_t g, uint32_t tail)
{
	if (f->spare[g]-- != 0)
		return tail;
	const struct needs_group *group = &f->n->groups[g];

	if (!group->soft && !fall_is_down(f, group->node)) {
		set_down(f, group->node);
		f->order[tail++] = group->node;
	}
	return tail;
}

/* The groups that the nodes of a level are members of. */
static uint32_t
lose_groups(struct fall *f, uint32_t from, uint32_t to, uint32_t tail)
{
	const struct needs *n = f->n;

	for (uint32_t i = from; i < to; i++) {
		uint32_t v = f->order[i];

		if (i + AHEAD_ROW < to)
			__builtin_prefetch(&n->use_hard_end[f->order[i + AHEAD_ROW]]);
		for (uint32_t w = n->use_hard_end[v]; w < n->use_at[v + 1] && needs_tag(n->use[w]) == NEEDS_GROUP; w++)
			tail = group_loses(f, needs_id(n->use[w]), tail);
	}
	return tail;
}

/* Who needs one of the level hard. No branch on who is down already: half of the guesses would be wrong. */
static uint32_t
from_above(struct fall *f, uint32_t from, uint32_t to, uint32_t tail)
{
	const struct needs *n = f->n;
	uint32_t *order = f->order;
	uint64_t *down = f->down;

	for (uint32_t i = from; i < to; i++) {
		uint32_t v = order[i];

		if (i + AHEAD_ROW < to)
			__builtin_prefetch(&n->use_at[order[i + AHEAD_ROW]]);
		if (i + AHEAD_WORDS < to)
			__builtin_prefetch(&n->use[n->use_at[order[i + AHEAD_WORDS]]]);
		for (uint32_t w = n->use_at[v]; w < n->use_hard_end[v]; w++) {
			uint32_t u = n->use[w];
			uint64_t word = down[u / 64], bit = UINT64_C(1) << u % 64;

			order[tail] = u;
			tail += (word & bit) == 0;
			down[u / 64] = word | bit;
		}
	}
	return tail;
}

/* Who of the rest needs one that is down hard. What is found is marked afterwards, so that levels stay exact. */
static uint32_t
from_below(struct fall *f, uint32_t tail)
{
	const struct needs *n = f->n;
	uint32_t found = tail, words = n->node_count / 64 + 1;

	for (uint32_t w = 0; w < words; w++) {
		uint64_t up = ~f->down[w];

		if (w == words - 1)
			up &= (UINT64_C(1) << n->node_count % 64) - 1;
		for (; up != 0; up &= up - 1) {
			uint32_t v = w * 64 + (uint32_t)__builtin_ctzll(up);

			for (uint32_t i = n->dep_at[v]; i < n->dep_hard_end[v]; i++) {
				if (fall_is_down(f, n->dep[i])) {
					f->order[found++] = v;
					break;
				}
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
		edges += n->use_hard_end[f->order[i]] - n->use_at[f->order[i]];
	/* The edges of the rest, if they are as many as on average. */
	uint64_t all = n->dep_at[n->node_count];

	return edges > (uint64_t)((double)all * (double)rest / (double)n->node_count) / BELOW_EDGES;
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
		memset(f->down, 0, ((size_t)n->node_count / 64 + 1) * sizeof(*f->down));
		memcpy(f->spare, f->spare_init, n->group_count * sizeof(*f->spare));
		f->count = 0;
	}
	while (f->count > count) {
		uint32_t v = f->order[--f->count];

		f->down[v / 64] &= ~(UINT64_C(1) << v % 64);
		for (uint32_t w = n->use_hard_end[v]; w < n->use_at[v + 1] && needs_tag(n->use[w]) == NEEDS_GROUP; w++)
			f->spare[needs_id(n->use[w])]++;
	}
	while (f->level_count > 0 && f->level[f->level_count - 1] >= count)
		f->level_count--;
	f->level[f->level_count] = count;
}
