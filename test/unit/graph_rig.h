/* SPDX-License-Identifier: MIT */
/*
 * graph_rig.h - small random graphs with hard and soft needs and groups, and answers about them that are too simple to be wrong
 *
 * The answers share no code with the engine: they repeat the rules of the headers until nothing changes.
 */
#ifndef TEST_GRAPH_RIG_H
#define TEST_GRAPH_RIG_H

#include "unit.h"

#include "graph/needs.h"

enum { GRAPH_NODES = 24, GRAPH_EDGES = 90, GRAPH_GROUPS = 16, GRAPH_MEMBERS = 5 };

struct graph {
	uint32_t n, edges, groups;
	uint32_t from[GRAPH_EDGES], to[GRAPH_EDGES];
	bool soft[GRAPH_EDGES];
	struct needs_group group[GRAPH_GROUPS];
	uint32_t members[GRAPH_GROUPS * GRAPH_MEMBERS];
};

/* What of all there can be in a graph is drawn first, so that some have no cycles, some no groups, some nothing soft. */
static inline void
graph_draw(struct graph *g, struct dice *d)
{
	bool acyclic = dice_roll(d, 3) == 0, any_soft = dice_roll(d, 2) == 0, any_group = dice_roll(d, 4) != 0;

	*g = (struct graph){ .n = 2 + dice_roll(d, GRAPH_NODES - 2) };
	uint32_t most = g->n * (1 + dice_roll(d, 4));

	g->edges = dice_roll(d, FL_MIN((uint32_t)GRAPH_EDGES, most));
	for (uint32_t i = 0; i < g->edges; i++) {
		uint32_t a = dice_roll(d, g->n), b = dice_roll(d, g->n);

		g->from[i] = acyclic ? FL_MIN(a, b) : a;
		g->to[i] = acyclic ? FL_MAX(a, b) : b;
		g->soft[i] = any_soft && dice_roll(d, 2) == 0;
	}
	g->groups = any_group ? dice_roll(d, GRAPH_GROUPS + 1) : 0;
	for (uint32_t i = 0; i < g->groups; i++) {
		struct needs_group *p = &g->group[i];

		*p = (struct needs_group){ .node = dice_roll(d, g->n), .first = i * GRAPH_MEMBERS, .soft = any_soft && dice_roll(d, 4) == 0 };
		for (uint32_t k = 1 + dice_roll(d, GRAPH_MEMBERS); k > 0; k--) {
			uint32_t m = acyclic ? p->node + dice_roll(d, g->n - p->node) : dice_roll(d, g->n);
			bool there = false;

			for (uint32_t x = 0; x < p->count; x++)
				there = there || g->members[p->first + x] == m;
			if (!there)
				g->members[p->first + p->count++] = m;
		}
		p->k = 1 + dice_roll(d, p->count);
	}
}

static inline struct needs_spec
graph_spec(const struct graph *g)
{
	return (struct needs_spec){ .node_count = g->n, .edge_count = g->edges, .from = g->from, .to = g->to, .soft = g->soft,
		.group_count = g->groups, .groups = g->group, .members = g->members };
}

static inline struct needs *
graph_needs(const struct graph *g, struct arena *a)
{
	struct needs_spec spec = graph_spec(g);
	struct needs *n = NULL;

	assert_int_equal(needs_build(&spec, a, a, &n), 0);
	return n;
}

/* One round of the rule for DOWN over what was down before: adds to *down. */
static inline void
graph_down_round(const struct graph *g, const bool *before, bool *down)
{
	for (uint32_t i = 0; i < g->edges; i++)
		if (!g->soft[i] && before[g->to[i]])
			down[g->from[i]] = true;
	for (uint32_t i = 0; i < g->groups; i++) {
		uint32_t left = 0;

		for (uint32_t k = 0; k < g->group[i].count; k++) {
			uint32_t m = g->members[g->group[i].first + k];

			left += m == g->group[i].node || !before[m];
		}
		if (!g->group[i].soft && left < g->group[i].k)
			down[g->group[i].node] = true;
	}
}

/* Who is down after these failed, and in which round each went down (UINT32_MAX: never). */
static inline void
graph_down(const struct graph *g, const uint32_t *failed, uint32_t count, bool *down, uint32_t *round)
{
	bool before[GRAPH_NODES];

	memset(down, 0, GRAPH_NODES * sizeof(*down));
	for (uint32_t i = 0; i < count; i++)
		down[failed[i]] = true;
	for (uint32_t v = 0; v < g->n; v++)
		round[v] = down[v] ? 0 : UINT32_MAX;
	for (uint32_t r = 1; r <= g->n; r++) {
		memcpy(before, down, sizeof(before));
		graph_down_round(g, before, down);
		for (uint32_t v = 0; v < g->n; v++)
			if (down[v] && !before[v])
				round[v] = r;
	}
}

#endif
