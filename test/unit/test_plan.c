/* SPDX-License-Identifier: MIT */
/* test_plan.c - recovery plans, schedules, deadlocks and shutdown against rules too simple to be wrong, on thousands of small graphs. */
#include "graph_rig.h"

#include "graph/deadlock.h"
#include "graph/schedule.h"
#include "graph/shutdown.h"

#include <errno.h>

enum { GRAPHS = 4000 };

struct times {
	fl_ns end[GRAPH_NODES];
};

static int
compare_ns(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return x < y ? -1 : x > y;
}

/* When all that v needs is up; broken[] are edges, then members, that count as there from the start. */
static fl_ns
can_start(const struct graph *g, const struct times *t, uint32_t v, const bool *broken)
{
	fl_ns at = 0;

	for (uint32_t i = 0; i < g->edges; i++)
		if (g->from[i] == v && g->to[i] != v && !g->soft[i] && !(broken != NULL && broken[i]))
			at = FL_MAX(at, t->end[g->to[i]]);
	for (uint32_t i = 0; i < g->groups; i++) {
		const struct needs_group *p = &g->group[i];
		fl_ns ends[GRAPH_MEMBERS];

		if (p->node != v || p->soft)
			continue;
		for (uint32_t k = 0; k < p->count; k++) {
			uint32_t m = g->members[p->first + k];

			ends[k] = m == v || (broken != NULL && broken[GRAPH_EDGES + p->first + k]) ? 0 : t->end[m];
		}
		qsort(ends, p->count, sizeof(*ends), compare_ns);
		at = FL_MAX(at, ends[p->k - 1]);
	}
	return at;
}

/* From "never" down, round after round: Bellman and Ford's way. */
static void
naive(const struct graph *g, const fl_ns *recover, const bool *up, const bool *broken, struct times *t)
{
	for (uint32_t v = 0; v < g->n; v++)
		t->end[v] = FL_NEVER;
	for (uint32_t round = 0; round <= g->n; round++) {
		for (uint32_t v = 0; v < g->n; v++) {
			fl_ns start = up != NULL && up[v] ? 0 : can_start(g, t, v, broken);

			if (start != FL_NEVER)
				t->end[v] = up != NULL && up[v] ? 0 : start + recover[v];
		}
	}
}

static void
draw_recover(struct dice *d, fl_ns *recover)
{
	uint32_t range = 1 + dice_roll(d, 20);

	for (uint32_t v = 0; v < GRAPH_NODES; v++)
		recover[v] = dice_roll(d, range);
}

/* Ends by the chosen rows alone. */
static fl_ns
end_by_choice(const struct plan *p, const fl_ns *recover, uint32_t changed, fl_ns by)
{
	fl_ns end[GRAPH_NODES] = { 0 }, last = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		uint32_t v = p->order[i];
		fl_ns start = 0;

		if (!p->chosen[v])
			continue;
		for (uint32_t k = p->sel_at[v]; k < p->sel_at[v + 1]; k++) {
			assert_true(p->chosen[p->sel[k]]);
			assert_true(p->place[p->sel[k]] < p->place[v]);
			start = FL_MAX(start, end[p->sel[k]]);
		}
		end[v] = start + recover[v] + (v == changed ? by : 0);
		if (changed == NEEDS_NONE)
			assert_int_equal(end[v], p->end[v]);
		last = FL_MAX(last, end[v]);
	}
	return last;
}

static void
choice_holds(const struct plan *p, const fl_ns *recover, bool all)
{
	uint32_t uses = 0;

	assert_int_equal(end_by_choice(p, recover, NEEDS_NONE, 0), p->makespan);
	for (uint32_t v = 0; v < p->n->node_count; v++) {
		for (uint32_t k = p->sel_use_at[v]; k < p->sel_use_at[v + 1]; k++) {
			uint32_t u = p->sel_use[k];
			bool there = false;

			for (uint32_t i = p->sel_at[u]; i < p->sel_at[u + 1]; i++)
				there = there || p->sel[i] == v;
			assert_true(there);
			uses++;
		}
		if (!p->chosen[v])
			continue;
		assert_true(p->slack[v] >= 0);
		assert_int_equal(end_by_choice(p, recover, v, p->slack[v]), p->makespan);
		assert_int_equal(end_by_choice(p, recover, v, p->slack[v] + 1), p->makespan + 1);
	}
	assert_int_equal(uses, p->sel_at[p->n->node_count]);
	assert_int_equal(p->chosen_count == p->count, all || p->chosen_count == p->count);
}

static void
critical_holds(const struct plan *p, const fl_ns *recover)
{
	uint32_t chain[GRAPH_NODES], n = plan_critical(p, chain), waves[GRAPH_NODES + 1], nodes[GRAPH_NODES];
	fl_ns sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += recover[chain[i]];
		assert_int_equal(p->end[chain[i]], sum);
		assert_int_equal(p->slack[chain[i]], 0);
	}
	assert_int_equal(sum, p->makespan);
	uint32_t count = plan_waves(p, nodes, waves);

	assert_int_equal(waves[count], p->chosen_count);
	for (uint32_t w = 0; w < count; w++) {
		for (uint32_t i = waves[w] + 1; i < waves[w + 1]; i++)
			assert_int_equal(p->start[nodes[i]], p->start[nodes[i - 1]]);
		assert_true(w == 0 || p->start[nodes[waves[w]]] > p->start[nodes[waves[w - 1]]]);
	}
}

static void
plans_agree_with_brute_force(void **state)
{
	uint32_t never = 0, late = 0;

	(void)state;
	for (uint64_t seed = 0; seed < GRAPHS; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct plan p;
		struct times want;
		fl_ns recover[GRAPH_NODES];
		uint32_t targets[3];

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		assert_int_equal(plan_init(&p, graph_needs(&g, &a), &a), 0);
		for (int turn = 0; turn < 3; turn++) {
			bool up[GRAPH_NODES] = { 0 };
			struct plan_question q = { .recover = recover, .up = turn == 1 ? up : NULL };

			draw_recover(&d, recover);
			for (uint32_t v = 0; v < g.n && turn == 1; v++)
				if ((up[v] = dice_roll(&d, 5) == 0))
					recover[v] = 0;
			for (uint32_t i = 0; i < 3; i++)
				targets[i] = dice_roll(&d, g.n);
			if (turn == 2) {
				q.targets = targets;
				q.target_count = 1 + dice_roll(&d, 3);
			}
			naive(&g, recover, q.up, NULL, &want);
			plan_run(&p, &q);
			for (uint32_t v = 0; v < g.n; v++) {
				assert_int_equal(p.end[v], want.end[v]);
				never += want.end[v] == FL_NEVER;
				late += want.end[v] != FL_NEVER && want.end[v] > recover[v];
			}
			for (uint32_t i = 1; i < p.count; i++)
				assert_true(p.end[p.order[i - 1]] <= p.end[p.order[i]]);
			choice_holds(&p, recover, q.targets == NULL);
			critical_holds(&p, recover);
		}
		arena_fini(&a);
	}
	assert_true(never > GRAPHS && late > GRAPHS);
}

static void
schedules_keep_their_bounds(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < GRAPHS; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct plan p;
		struct schedule s;
		fl_ns recover[GRAPH_NODES];
		uint32_t crews = 1 + dice_roll(&d, 5), target = 0;
		struct plan_question q = { .recover = recover, .targets = dice_roll(&d, 2) ? &target : NULL, .target_count = 1 };

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		draw_recover(&d, recover);
		assert_int_equal(plan_init(&p, graph_needs(&g, &a), &a), 0);
		plan_run(&p, &q);
		assert_int_equal(schedule_run(&p, crews, &a, &a, &s), 0);
		fl_ns last = 0, work = 0;

		for (uint32_t v = 0; v < g.n; v++) {
			assert_int_equal(s.end[v] != FL_NEVER, p.chosen[v]);
			if (!p.chosen[v])
				continue;
			assert_int_equal(s.end[v], s.start[v] + recover[v]);
			for (uint32_t k = p.sel_at[v]; k < p.sel_at[v + 1]; k++)
				assert_true(s.end[p.sel[k]] <= s.start[v]);
			for (uint32_t u = 0; u < g.n && s.crew[v] != NEEDS_NONE; u++)
				if (u != v && p.chosen[u] && s.crew[u] == s.crew[v])
					assert_true(s.end[u] <= s.start[v] || s.end[v] <= s.start[u]);
			assert_true(s.crew[v] == NEEDS_NONE ? recover[v] == 0 : s.crew[v] < crews);
			last = FL_MAX(last, s.end[v]);
			work += recover[v];
		}
		assert_int_equal(s.makespan, last);
		assert_int_equal(s.work, work);
		assert_true(s.bound <= s.makespan);
		/* Graham: makespan <= work / W + (1 - 1 / W) * longest chain. */
		assert_true(s.makespan * crews <= work + (crews - 1) * p.makespan);
		assert_int_equal(schedule_run(&p, GRAPH_NODES, &a, &a, &s), 0);
		assert_int_equal(s.makespan, p.makespan);
		assert_int_equal(schedule_run(&p, 0, &a, &a, &s), -EINVAL);
		arena_fini(&a);
	}
}

/* ---- deadlocks ---- */

struct prices {
	uint32_t seed;
};

static uint32_t
price(void *arg, uint32_t from, uint32_t to, uint32_t group)
{
	const struct prices *p = arg;

	(void)group;
	return 1 + (from * 7 + to * 13 + p->seed) % 3;
}

static bool
all_start(const struct graph *g, const bool *broken)
{
	static const fl_ns no_time[GRAPH_NODES];
	struct times t;

	naive(g, no_time, NULL, broken, &t);
	for (uint32_t v = 0; v < g->n; v++)
		if (t.end[v] == FL_NEVER)
			return false;
	return true;
}

/* Mark the needs that a break names; a need that was drawn twice is broken twice. */
static void
mark(const struct graph *g, const struct needs *n, const struct deadlock_break *b, bool *broken)
{
	for (uint32_t i = 0; i < g->edges && b->group == NEEDS_NONE; i++)
		if (g->from[i] == b->from && g->to[i] == b->to)
			broken[i] = true;
	if (b->group == NEEDS_NONE)
		return;
	/* The groups of a node keep their order in the needs. */
	uint32_t rank = 0, seen = 0;

	for (uint32_t i = 0; i < b->group; i++)
		rank += n->groups[i].node == b->from;
	for (uint32_t i = 0; i < g->groups; i++) {
		if (g->group[i].node != b->from || seen++ != rank)
			continue;
		for (uint32_t k = 0; k < g->group[i].count; k++)
			if (g->members[g->group[i].first + k] == b->to)
				broken[GRAPH_EDGES + g->group[i].first + k] = true;
	}
}

/* The cheapest set of needs to break so that all starts, by trying all sets. Places in broken[] and their prices. */
static uint32_t
cheapest(const struct graph *g, struct prices *p)
{
	uint32_t place[64], cost[64], count = 0, best = UINT32_MAX;

	for (uint32_t i = 0; i < g->edges; i++) {
		if (g->soft[i] || g->from[i] == g->to[i])
			continue;
		place[count] = i;
		cost[count++] = price(p, g->from[i], g->to[i], NEEDS_NONE);
	}
	for (uint32_t i = 0; i < g->groups; i++) {
		for (uint32_t k = 0; k < g->group[i].count && !g->group[i].soft; k++) {
			place[count] = GRAPH_EDGES + g->group[i].first + k;
			cost[count++] = price(p, g->group[i].node, g->members[g->group[i].first + k], 0);
		}
	}
	assert_true(count < 14);
	for (uint32_t set = 0; set < 1u << count; set++) {
		bool broken[GRAPH_EDGES + GRAPH_GROUPS * GRAPH_MEMBERS] = { 0 };
		uint32_t sum = 0;

		for (uint32_t i = 0; i < count; i++) {
			broken[place[i]] = (set >> i & 1) != 0;
			sum += (set >> i & 1) != 0 ? cost[i] : 0;
		}
		if (sum < best && all_start(g, broken))
			best = sum;
	}
	return best;
}

static uint32_t
needs_of(const struct graph *g)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < g->edges; i++)
		count += !g->soft[i] && g->from[i] != g->to[i];
	for (uint32_t i = 0; i < g->groups; i++)
		count += g->group[i].soft ? 0 : g->group[i].count;
	return count;
}

/* No need twice: the same pair would have to be paid twice by brute force, and once by us. */
static void
draw_sparse(struct graph *g, struct dice *d)
{
	for (;;) {
		bool twice = false;

		graph_draw(g, d);
		g->groups = FL_MIN(g->groups, 2u);
		for (uint32_t i = 0; i < g->edges; i++)
			for (uint32_t k = 0; k < i; k++)
				twice = twice || (g->from[i] == g->from[k] && g->to[i] == g->to[k]);
		if (!twice && needs_of(g) < 13 && needs_of(g) > 4 && g->n < 9)
			return;
	}
}

static void
breaks_are_the_cheapest(void **state)
{
	uint32_t deadlocked = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 250; seed++) {
		struct dice d = { .seed = seed };
		static const fl_ns recover[GRAPH_NODES];
		bool broken[GRAPH_EDGES + GRAPH_GROUPS * GRAPH_MEMBERS] = { 0 };
		struct graph g;
		struct arena a;
		struct plan p;
		struct deadlocks all;
		struct prices prices = { dice_roll(&d, 100) };
		uint32_t cost = 0;

		arena_init(&a, 1 << 20);
		draw_sparse(&g, &d);
		struct needs *n = graph_needs(&g, &a);

		assert_int_equal(plan_init(&p, n, &a), 0);
		plan_times(&p, &(struct plan_question){ .recover = recover });
		assert_int_equal(deadlock_find(&p, price, &prices, &a, &a, &all), 0);
		for (uint32_t i = 0; i < all.count; i++) {
			assert_true(all.circles[i].exact);
			cost += all.circles[i].cost;
		}
		for (uint32_t i = 0; i < all.break_count; i++)
			mark(&g, n, &all.breaks[i], broken);
		assert_true(all_start(&g, broken));
		assert_int_equal(cost, cheapest(&g, &prices));
		assert_int_equal(all.node_count + all.behind, g.n - p.count);
		deadlocked += all.count;
		arena_fini(&a);
	}
	assert_true(deadlocked > 50);
}

/* Circles of any size: after the breaks everything starts, and none of them is needless. */
static void
breaks_are_enough(void **state)
{
	uint32_t greedy = 0;

	(void)state;
	for (uint64_t seed = 0; seed < GRAPHS / 2; seed++) {
		struct dice d = { .seed = seed };
		static const fl_ns recover[GRAPH_NODES];
		bool broken[GRAPH_EDGES + GRAPH_GROUPS * GRAPH_MEMBERS] = { 0 };
		struct graph g;
		struct arena a;
		struct plan p;
		struct deadlocks all;

		arena_init(&a, 1 << 22);
		graph_draw(&g, &d);
		struct needs *n = graph_needs(&g, &a);

		assert_int_equal(plan_init(&p, n, &a), 0);
		plan_times(&p, &(struct plan_question){ .recover = recover });
		assert_int_equal(deadlock_find(&p, NULL, NULL, &a, &a, &all), 0);
		for (uint32_t i = 0; i < all.count; i++) {
			greedy += !all.circles[i].exact;
			for (uint32_t k = 1; k < all.circles[i].node_count; k++)
				assert_true(all.nodes[all.circles[i].node_first + k - 1] < all.nodes[all.circles[i].node_first + k]);
		}
		for (uint32_t i = 0; i < all.break_count; i++)
			mark(&g, n, &all.breaks[i], broken);
		assert_true(all_start(&g, broken));
		for (uint32_t leave = 0; leave < all.break_count; leave++) {
			memset(broken, 0, sizeof(broken));
			for (uint32_t i = 0; i < all.break_count; i++)
				if (i != leave && !(all.breaks[i].from == all.breaks[leave].from && all.breaks[i].to == all.breaks[leave].to))
					mark(&g, n, &all.breaks[i], broken);
			assert_false(all_start(&g, broken));
		}
		arena_fini(&a);
	}
	assert_true(greedy > 50);
}

/* A large circle of circles, for the wholesale way. */
static void
a_large_circle_opens(void **state)
{
	enum { N = 3000, M = 9000 };
	static uint32_t from[M], to[M];
	static const fl_ns recover[N];
	static bool broken_of[N];
	struct dice d = { .seed = 3 };
	struct arena a;
	struct needs *n;
	struct plan p;
	struct deadlocks all;

	(void)state;
	for (uint32_t i = 0; i < M; i++) {
		from[i] = i < N ? i : dice_roll(&d, N);
		to[i] = i < N ? (i + 1) % N : dice_roll(&d, N);
	}
	struct needs_spec spec = { .node_count = N, .edge_count = M, .from = from, .to = to };

	arena_init(&a, 1 << 26);
	assert_int_equal(needs_build(&spec, &a, &a, &n), 0);
	assert_int_equal(plan_init(&p, n, &a), 0);
	plan_times(&p, &(struct plan_question){ .recover = recover });
	assert_int_equal(p.count, 0);
	assert_int_equal(deadlock_find(&p, NULL, NULL, &a, &a, &all), 0);
	assert_int_equal(all.count, 1);
	assert_int_equal(all.node_count, N);
	assert_false(all.circles[0].exact);
	/* Without the broken ones everything starts. */
	uint32_t kept = 0;

	for (uint32_t i = 0; i < M; i++) {
		bool broken = false;

		for (uint32_t k = 0; k < all.break_count && !broken; k++)
			broken = all.breaks[k].from == from[i] && all.breaks[k].to == to[i];
		broken_of[from[i]] |= broken;
		from[kept] = from[i];
		to[kept] = to[i];
		kept += !broken;
	}
	spec.edge_count = kept;
	assert_int_equal(needs_build(&spec, &a, &a, &n), 0);
	assert_int_equal(plan_init(&p, n, &a), 0);
	plan_times(&p, &(struct plan_question){ .recover = recover });
	assert_int_equal(p.count, N);
	assert_true(all.break_count < M / 3);
	arena_fini(&a);
}

/* ---- shutdown ---- */

static void
users_stop_first(void **state)
{
	uint32_t kept = 0, stopped = 0;

	(void)state;
	for (uint64_t seed = 0; seed < GRAPHS; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct shutdown s;
		fl_ns stop[GRAPH_NODES], start[GRAPH_NODES], end[GRAPH_NODES];
		uint32_t circle[GRAPH_NODES], keep = 0, keep_count = dice_roll(&d, 2);

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		draw_recover(&d, stop);
		keep = dice_roll(&d, g.n);
		struct needs *n = graph_needs(&g, &a);

		assert_int_equal(shutdown_run(n, stop, &keep, keep_count, &a, &a, &s), 0);
		assert_int_equal(s.count + s.kept_count, g.n);
		for (uint32_t v = 0; v < g.n; v++)
			start[v] = end[v] = -1;
		for (uint32_t i = 0; i < s.count; i++) {
			uint32_t v = s.steps[i].node;

			start[v] = s.steps[i].start;
			end[v] = s.steps[i].end;
			circle[v] = s.steps[i].circle;
			assert_true(end[v] - start[v] >= stop[v]);
			assert_true(end[v] <= s.makespan);
		}
		for (uint32_t i = 0; i < g.edges; i++) {
			uint32_t v = g.from[i], u = g.to[i];

			if (start[v] >= 0 && start[u] >= 0 && circle[v] != circle[u])
				assert_true(end[v] <= start[u]);
			if (start[v] < 0 && !g.soft[i])
				assert_true(start[u] < 0);
		}
		for (uint32_t i = 0; i < g.groups; i++) {
			for (uint32_t k = 0; k < g.group[i].count; k++) {
				uint32_t v = g.group[i].node, u = g.members[g.group[i].first + k];

				if (start[v] >= 0 && start[u] >= 0 && circle[v] != circle[u])
					assert_true(end[v] <= start[u]);
			}
		}
		assert_true(keep_count == 0 ? s.kept_count == 0 : start[keep] < 0);
		kept += s.kept_count;
		stopped += s.count;
		arena_fini(&a);
	}
	assert_true(kept > GRAPHS && stopped > GRAPHS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_agree_with_brute_force), cmocka_unit_test(schedules_keep_their_bounds),
		cmocka_unit_test(breaks_are_the_cheapest), cmocka_unit_test(breaks_are_enough), cmocka_unit_test(a_large_circle_opens),
		cmocka_unit_test(users_stop_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
