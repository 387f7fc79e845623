/* SPDX-License-Identifier: MIT */
/* test_impact.c - impact against rules repeated until nothing changes, on thousands of small graphs; and by hand. */
#include "graph_rig.h"

#include "graph/impact.h"

#include <errno.h>

enum { GRAPHS = 6000 };

struct answer {
	bool down[GRAPH_NODES], weak[GRAPH_NODES];
	uint32_t round[GRAPH_NODES];
};

/* Is v bad in the eyes of somebody who looks in round r? */
static bool
seen(const struct answer *a, uint32_t v, uint32_t r, bool down_only)
{
	return (a->down[v] || (a->weak[v] && !down_only)) && a->round[v] < r;
}

static bool
gets_weak(const struct graph *g, const struct answer *a, uint32_t v, uint32_t r, bool spreads)
{
	bool weak = false;

	for (uint32_t i = 0; i < g->edges; i++)
		if (g->from[i] == v && g->to[i] != v)
			weak = weak || seen(a, g->to[i], r, g->soft[i] && !spreads);
	for (uint32_t i = 0; i < g->groups; i++) {
		uint32_t good = 0;

		for (uint32_t k = 0; k < g->group[i].count; k++) {
			uint32_t m = g->members[g->group[i].first + k];

			good += m == v || !seen(a, m, r, g->group[i].soft && !spreads);
		}
		weak = weak || (g->group[i].node == v && good < g->group[i].k);
	}
	return weak;
}

static void
naive(const struct graph *g, const uint32_t *failed, uint32_t count, bool spreads, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	graph_down(g, failed, count, a->down, a->round);
	for (uint32_t r = 1; r <= 2 * g->n; r++) {
		bool fresh[GRAPH_NODES] = { 0 };

		for (uint32_t v = 0; v < g->n; v++)
			fresh[v] = !a->down[v] && !a->weak[v] && gets_weak(g, a, v, r, spreads);
		for (uint32_t v = 0; v < g->n; v++) {
			if (!fresh[v])
				continue;
			a->weak[v] = true;
			a->round[v] = r;
		}
	}
}

/* A reason names somebody who is bad enough, one hop nearer. */
static void
reason_holds(struct impact *im, uint32_t v)
{
	struct impact_reason r = impact_why(im, v);
	uint32_t hop = impact_hop(im, v);

	if (impact_state(im, v) == IMPACT_UP) {
		assert_int_equal(r.because, IMPACT_UNHARMED);
		return;
	}
	if (hop == 0) {
		assert_int_equal(r.because, IMPACT_FAILED);
		return;
	}
	assert_true(r.because == IMPACT_NEED || r.because == IMPACT_GROUP);
	assert_true(impact_hop(im, r.node) < hop);
	assert_false(r.soft && impact_state(im, v) == IMPACT_DOWN);
	if (r.because == IMPACT_GROUP)
		assert_int_equal(im->fall.n->groups[r.group].node, v);
}

static void
risks_hold(struct impact *im, const struct graph *g, const struct answer *a)
{
	struct impact_risk risks[GRAPH_GROUPS];
	uint32_t count = impact_risks(im, risks, GRAPH_GROUPS), expect = 0, exhausted = 0, told = 0;

	for (uint32_t i = 0; i < g->groups; i++) {
		uint32_t lost = 0;

		for (uint32_t k = 0; k < g->group[i].count; k++)
			lost += g->members[g->group[i].first + k] != g->group[i].node && a->down[g->members[g->group[i].first + k]];
		if (g->group[i].soft || a->down[g->group[i].node] || lost == 0)
			continue;
		expect++;
		exhausted += g->group[i].count - lost == g->group[i].k;
	}
	for (uint32_t i = 0; i < count; i++)
		told += risks[i].exhausted;
	assert_int_equal(count, expect);
	assert_int_equal(told, exhausted);
}

static void
agrees_with_brute_force(void **state)
{
	uint32_t weak = 0, down = 0;

	(void)state;
	for (uint64_t seed = 0; seed < GRAPHS; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct impact im;

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		struct needs *n = graph_needs(&g, &a);

		assert_int_equal(impact_init(&im, n, &a), 0);
		for (int turn = 0; turn < 4; turn++) {
			uint32_t failed[4], count = 1 + dice_roll(&d, 4);
			struct answer want;

			im.soft_spreads = dice_roll(&d, 3) == 0;
			for (uint32_t i = 0; i < count; i++)
				failed[i] = dice_roll(&d, g.n);
			naive(&g, failed, count, im.soft_spreads, &want);
			impact_run(&im, failed, count);
			for (uint32_t v = 0; v < g.n; v++) {
				enum impact_state s = impact_state(&im, v);

				assert_int_equal(s, want.down[v] ? IMPACT_DOWN : want.weak[v] ? IMPACT_DEGRADED : IMPACT_UP);
				assert_int_equal(impact_hop(&im, v), s == IMPACT_UP ? NEEDS_NONE : want.round[v]);
				reason_holds(&im, v);
				weak += want.weak[v];
				down += want.down[v];
			}
			risks_hold(&im, &g, &want);
		}
		arena_fini(&a);
	}
	assert_true(weak > GRAPHS && down > GRAPHS);
}

/* Push and undo in any nesting: who is down depends on what is pushed alone, and undo leaves what was before. */
static void
undo_is_exact(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct fall f;
		uint32_t stack[6], mark[6], depth = 0;

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		assert_int_equal(fall_init(&f, graph_needs(&g, &a), &a), 0);
		for (int step = 0; step < 30; step++) {
			bool down[GRAPH_NODES];
			uint32_t round[GRAPH_NODES];

			if (depth < 6 && dice_roll(&d, 5) < 3) {
				mark[depth] = f.count;
				stack[depth++] = dice_roll(&d, g.n);
				fall_push(&f, &stack[depth - 1], 1);
			} else if (depth > 0) {
				depth = dice_roll(&d, depth);
				fall_undo(&f, mark[depth]);
			}
			graph_down(&g, stack, depth, down, round);
			uint32_t all = 0;

			for (uint32_t v = 0; v < g.n; v++) {
				assert_int_equal(fall_is_down(&f, v), down[v]);
				all += down[v];
			}
			assert_int_equal(f.count, all);
		}
		fall_undo(&f, 0);
		for (uint32_t i = 0; i < g.groups; i++)
			assert_int_equal(f.groups[i].spare, f.intact[i].spare);
		arena_fini(&a);
	}
}

/* web needs 2 of (a b c) and, softly, mail; shop needs web; a and b run on host; spare hands stay unused. */
static void
by_hand(void **state)
{
	enum { HOST, A, B, C, WEB, MAIL, SHOP, NODES };
	const uint32_t from[] = { SHOP, WEB, A, B }, to[] = { WEB, MAIL, HOST, HOST };
	const bool soft[] = { false, true, false, false };
	const uint32_t members[] = { A, B, C };
	const struct needs_group group = { .node = WEB, .k = 2, .count = 3 };
	const struct needs_spec spec = { .node_count = NODES, .edge_count = 4, .from = from, .to = to, .soft = soft, .group_count = 1,
		.groups = &group, .members = members };
	struct arena a;
	struct needs *n;
	struct impact im;
	struct impact_risk risk;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(needs_build(&spec, &a, &a, &n), 0);
	assert_int_equal(impact_init(&im, n, &a), 0);
	impact_run(&im, (uint32_t[]){ C }, 1);
	assert_int_equal(im.fall.count, 1);
	assert_int_equal(impact_risks(&im, &risk, 1), 1);
	assert_true(risk.exhausted);
	assert_int_equal(risk.alive, 2);
	impact_run(&im, (uint32_t[]){ MAIL }, 1);
	assert_int_equal(impact_state(&im, WEB), IMPACT_DEGRADED);
	assert_int_equal(impact_state(&im, SHOP), IMPACT_DEGRADED);
	assert_int_equal(impact_hop(&im, SHOP), 2);
	impact_run(&im, (uint32_t[]){ HOST }, 1);
	assert_int_equal(impact_state(&im, SHOP), IMPACT_DOWN);
	assert_int_equal(impact_hop(&im, SHOP), 3);
	struct impact_reason r = impact_why(&im, WEB);

	assert_int_equal(r.because, IMPACT_GROUP);
	assert_int_equal(r.node, A);
	assert_int_equal(r.alive, 1);
	assert_int_equal(impact_risks(&im, &risk, 1), 0);
	impact_run(&im, NULL, 0);
	assert_int_equal(impact_state(&im, HOST), IMPACT_UP);
	arena_fini(&a);
}

/* Large enough for the search from below and the wholesale ways of forgetting; every node of a chain of rings falls with the first. */
static void
large_falls_and_rises(void **state)
{
	enum { N = 20000, M = 60000 };
	static uint32_t from[M], to[M];
	struct dice d = { .seed = 5 };
	struct arena a;
	struct needs *n;
	struct fall f, slow;

	(void)state;
	for (uint32_t i = 0; i < M; i++) {
		from[i] = i < N ? i : dice_roll(&d, N);
		to[i] = i < N ? (i == 0 ? 0 : dice_roll(&d, FL_MIN(i, 40u))) : dice_roll(&d, N);
	}
	struct needs_spec spec = { .node_count = N, .edge_count = M, .from = from, .to = to };

	arena_init(&a, 1 << 26);
	assert_int_equal(needs_build(&spec, &a, &a, &n), 0);
	assert_int_equal(fall_init(&f, n, &a), 0);
	assert_int_equal(fall_init(&slow, n, &a), 0);
	for (uint32_t turn = 0; turn < 3; turn++) {
		fall_push(&f, (uint32_t[]){ turn }, 1);
		/* One level from above after the other, by asking every edge. */
		memset(slow.down, 0, N);
		slow.down[turn] = 1;
		uint32_t count = 1;

		for (bool more = true; more;) {
			more = false;
			for (uint32_t i = 0; i < M; i++) {
				if (!fall_is_down(&slow, to[i]) || fall_is_down(&slow, from[i]))
					continue;
				slow.down[from[i]] = 1;
				count++;
				more = true;
			}
		}
		assert_int_equal(f.count, count);
		assert_memory_equal(f.down, slow.down, N);
		fall_undo(&f, 0);
		assert_int_equal(f.level_count, 0);
	}
	arena_fini(&a);
}

static void
bad_specs_are_refused(void **state)
{
	const uint32_t node = 0, far = 9, members[] = { 0, 1 };
	struct arena a;
	struct needs *n = NULL;
	struct needs_group groups[] = { { .node = 9, .k = 1, .count = 1 }, { .k = 0, .count = 1 }, { .k = 3, .count = 2 } };

	(void)state;
	arena_init(&a, 1 << 20);
	struct needs_spec spec = { .node_count = 2, .edge_count = 1, .from = &node, .to = &far, .members = members };

	assert_int_equal(needs_build(&spec, &a, &a, &n), -EINVAL);
	spec.edge_count = 0;
	for (size_t i = 0; i < FL_ARRAY_LEN(groups); i++) {
		spec.groups = &groups[i];
		spec.group_count = 1;
		assert_int_equal(needs_build(&spec, &a, &a, &n), -EINVAL);
	}
	spec = (struct needs_spec){ .node_count = UINT32_MAX };
	assert_int_equal(needs_build(&spec, &a, &a, &n), -EINVAL);
	spec.node_count = 1 << 20;
	assert_int_equal(needs_build(&spec, &a, &a, &n), -ENOMEM);
	assert_null(n);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_brute_force), cmocka_unit_test(undo_is_exact), cmocka_unit_test(by_hand),
		cmocka_unit_test(large_falls_and_rises), cmocka_unit_test(bad_specs_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
