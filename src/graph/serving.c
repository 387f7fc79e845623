/* SPDX-License-Identifier: MIT */
/* serving.c - when each node serves. */
#include "graph/serving.h"

#include "graph/fall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The latest first. */
static int
by_time(const void *a, const void *b, void *ud)
{
	const fl_ns *end = ud, x = end[*(const uint32_t *)a], y = end[*(const uint32_t *)b];

	if (x != y)
		return x > y ? -1 : 1;
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/*
 * As long as the one that comes up last is not there, it is as if it were down: those that go down with it serve at its end. So the nodes
 * fail one after the other, the latest first, and whoever falls with one serves when that one is up.
 */
int
serving_times(const struct needs *n, const fl_ns *end, fl_ns *ret, struct arena *scratch)
{
	uint32_t *order = arena_alloc(scratch, (n->node_count + 1) * sizeof(*order));
	struct fall f;

	if (order == NULL || fall_init(&f, n, scratch) != 0)
		return -ENOMEM;
	for (uint32_t v = 0; v < n->node_count; v++)
		order[v] = v;
	qsort_r(order, n->node_count, sizeof(*order), by_time, (void *)(uintptr_t)end);
	for (uint32_t i = 0; i < n->node_count; i++) {
		uint32_t before = f.count;
		if (fall_is_down(&f, order[i]))
			continue;
		fall_push(&f, &order[i], 1);
		for (uint32_t k = before; k < f.count; k++)
			ret[f.order[k]] = end[order[i]];
	}
	return 0;
}

struct closure {
	const struct needs *n;
	const fl_ns *serve;
	bool *in;
	uint32_t *list, count;
	uint32_t *members;              /* work */
};

static void
include(struct closure *c, uint32_t v)
{
	if (!c->in[v])
		c->list[c->count++] = v;
	c->in[v] = true;
}

/* The first there are serve a group best: those that come up last are first in by_time(), so they are taken from its end. */
static void
include_group(struct closure *c, const struct needs_group *g)
{
	memcpy(c->members, c->n->members + g->first, g->count * sizeof(*c->members));
	qsort_r(c->members, g->count, sizeof(*c->members), by_time, (void *)(uintptr_t)c->serve);
	for (uint32_t i = g->count - FL_MIN(g->k, g->count); i < g->count; i++)
		include(c, c->members[i]);
}

static int
by_number(const void *a, const void *b)
{
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : *(const uint32_t *)a > *(const uint32_t *)b;
}

int64_t
serving_closure(const struct needs *n, const fl_ns *serve, const uint32_t *nodes, uint32_t count, uint32_t *ret, struct arena *scratch)
{
	struct closure c = { .n = n, .serve = serve, .list = ret };

	c.in = arena_alloc(scratch, n->node_count + 1);
	c.members = arena_alloc(scratch, NEEDS_MEMBERS_MAX * sizeof(*c.members));
	if (c.in == NULL || c.members == NULL)
		return -ENOMEM;
	memset(c.in, 0, n->node_count + 1);
	for (uint32_t i = 0; i < count; i++)
		include(&c, nodes[i]);
	for (uint32_t i = 0; i < c.count; i++) {
		uint32_t v = ret[i];
		for (uint32_t k = n->dep_at[v]; k < n->dep_at[v + 1]; k++) {
			uint32_t word = n->dep[k];
			if (needs_tag(word) == NEEDS_HARD)
				include(&c, needs_id(word));
			else if (needs_tag(word) == NEEDS_GROUP && !n->groups[needs_id(word)].soft)
				include_group(&c, &n->groups[needs_id(word)]);
		}
	}
	qsort(ret, c.count, sizeof(*ret), by_number);
	return c.count;
}
