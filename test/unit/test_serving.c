/* SPDX-License-Identifier: MIT */
/* test_serving.c - when each node serves, against the rule repeated until nothing changes; and what must serve for some to serve. */
#include "graph_rig.h"

#include "base/arena.h"
#include "graph/serving.h"

#define GRAPHS 4000

static int
by_size(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return x < y ? -1 : x > y;
}

/* The K-th smallest of a group's members. */
static fl_ns
kth(const struct graph *g, const struct needs_group *p, const fl_ns *serve)
{
	fl_ns t[GRAPH_MEMBERS];

	for (uint32_t i = 0; i < p->count; i++)
		t[i] = serve[g->members[p->first + i]];
	qsort(t, p->count, sizeof(t[0]), by_size);
	return t[p->k - 1];
}

static void
by_rule(const struct graph *g, const fl_ns *end, fl_ns *serve)
{
	memcpy(serve, end, g->n * sizeof(*serve));
	for (bool more = true; more;) {
		more = false;
		for (uint32_t i = 0; i < g->edges; i++)
			if (!g->soft[i] && serve[g->to[i]] > serve[g->from[i]]) {
				serve[g->from[i]] = serve[g->to[i]];
				more = true;
			}
		for (uint32_t i = 0; i < g->groups; i++) {
			fl_ns t = g->group[i].soft ? 0 : kth(g, &g->group[i], serve);
			if (t > serve[g->group[i].node]) {
				serve[g->group[i].node] = t;
				more = true;
			}
		}
	}
}

/* Nothing outside of the closure can make its nodes later: with all others gone for ever they serve as before. */
static void
closure_is_enough(const struct graph *g, const struct needs *n, const fl_ns *end, const fl_ns *serve, struct dice *d, struct arena *a)
{
	uint32_t some[2] = { dice_roll(d, g->n), dice_roll(d, g->n) }, in[GRAPH_NODES];
	fl_ns alone[GRAPH_NODES], without[GRAPH_NODES];
	bool is_in[GRAPH_NODES] = { false };
	int64_t count = serving_closure(n, serve, some, 2, in, a);

	assert_in_range(count, 1, g->n);
	for (int64_t i = 0; i < count; i++)
		is_in[in[i]] = true;
	assert_true(is_in[some[0]] && is_in[some[1]]);
	for (uint32_t v = 0; v < g->n; v++)
		without[v] = is_in[v] ? end[v] : FL_NEVER;
	by_rule(g, without, alone);
	for (int64_t i = 0; i < count; i++)
		assert_int_equal(alone[in[i]], serve[in[i]]);
}

static void
random_graphs(void **state)
{
	struct dice d = { .seed = 20 };
	struct arena a;

	(void)state;
	for (unsigned i = 0; i < GRAPHS; i++) {
		fl_ns end[GRAPH_NODES], serve[GRAPH_NODES], want[GRAPH_NODES];
		struct graph g;

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		struct needs *n = graph_needs(&g, &a);
		for (uint32_t v = 0; v < g.n; v++)
			end[v] = dice_roll(&d, 12) == 0 ? FL_NEVER : (fl_ns)dice_roll(&d, 9);
		assert_int_equal(serving_times(n, end, serve, &a), 0);
		by_rule(&g, end, want);
		for (uint32_t v = 0; v < g.n; v++)
			assert_int_equal(serve[v], want[v]);
		closure_is_enough(&g, n, end, serve, &d, &a);
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_graphs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
