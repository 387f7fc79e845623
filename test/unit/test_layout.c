/* SPDX-License-Identifier: MIT */
/* test_layout.c - what every picture must keep: nothing overlaps, edges run forward, crossings are counted right, and what stays stays. */
#include "unit.h"

#include "graph/csr.h"
#include "graph/layout.h"
#include "graph/scc.h"

#include <errno.h>
#include <math.h>

enum { NODES = 60, EDGES = 160, NODES_WIDE = 1200, EDGES_WIDE = 3600 };

struct picture {
	uint32_t n, m, from[EDGES_WIDE], to[EDGES_WIDE];
	float width[NODES_WIDE], height[NODES_WIDE];
	struct layout_spec spec;
};

static void
draw(struct picture *p, struct dice *d)
{
	bool acyclic = dice_roll(d, 2) == 0;

	memset(p, 0, sizeof(*p));
	p->n = 1 + dice_roll(d, NODES - 1);
	uint32_t most = p->n * 3;

	p->m = dice_roll(d, FL_MIN((uint32_t)EDGES, most));
	for (uint32_t v = 0; v < p->n; v++) {
		p->width[v] = 20 + (float)dice_roll(d, 100);
		p->height[v] = 10 + (float)dice_roll(d, 30);
	}
	for (uint32_t i = 0; i < p->m; i++) {
		uint32_t a = dice_roll(d, p->n), b = dice_roll(d, p->n);

		p->from[i] = acyclic ? FL_MIN(a, b) : a;
		p->to[i] = acyclic ? FL_MAX(a, b) : b;
	}
	p->spec = (struct layout_spec){ .node_count = p->n, .width = p->width, .height = p->height, .edge_count = p->m, .from = p->from,
		.to = p->to, .gap_layer = 60, .gap_node = 10 };
}

static void
nothing_overlaps(const struct picture *p, const struct layout *l)
{
	for (uint32_t v = 0; v < p->n; v++) {
		double x = l->nodes[v].x, y = l->nodes[v].y, w = (double)p->width[v] / 2, h = (double)p->height[v] / 2;

		assert_true(x - w > -1e-6 && y - h > -1e-6 && x + w < l->width + 1e-6 && y + h < l->height + 1e-6);
		for (uint32_t u = 0; u < v; u++) {
			double dx = fabs(x - l->nodes[u].x), dy = fabs(y - l->nodes[u].y);

			assert_true(dx > w + (double)p->width[u] / 2 - 1e-6 || dy > h + (double)p->height[u] / 2 + (double)p->spec.gap_node - 1e-3);
		}
	}
}

static void
edges_run_forward(const struct picture *p, const struct layout *l)
{
	for (uint32_t i = 0; i < p->m; i++) {
		uint32_t from = p->from[i], to = p->to[i], count = l->bend_at[i + 1] - l->bend_at[i];
		const struct layout_point *at = l->bends + l->bend_at[i];

		if (from == to) {
			assert_int_equal(count, 0);
			continue;
		}
		uint32_t span = l->turned[i] ? l->layer[from] - l->layer[to] : l->layer[to] - l->layer[from];

		assert_in_range(span, 1, p->n);
		assert_int_equal(count, 2 * span);
		assert_int_equal(l->way_at[i + 1] - l->way_at[i], span - 1);
		for (uint32_t k = 1; k < count; k++)
			assert_true(l->turned[i] ? at[k].x < at[k - 1].x : at[k].x > at[k - 1].x);
		assert_true(fabs(fabs(at[0].x - l->nodes[from].x) - (double)p->width[from] / 2) < 1e-6);
		assert_true(fabs(fabs(at[count - 1].x - l->nodes[to].x) - (double)p->width[to] / 2) < 1e-6);
	}
}

/* Where an edge is in a layer that it starts in, ends in or passes. */
static double
place_in(const struct picture *p, const struct layout *l, uint32_t i, uint32_t layer)
{
	uint32_t from = p->from[i], to = p->to[i];

	if (l->layer[from] == layer)
		return l->nodes[from].y;
	if (l->layer[to] == layer)
		return l->nodes[to].y;
	uint32_t k = l->turned[i] ? l->layer[from] - layer - 1 : layer - l->layer[from] - 1;

	return l->way[l->way_at[i] + k];
}

static uint64_t
count_crossings(const struct picture *p, const struct layout *l)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->m; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (p->from[i] == p->to[i] || p->from[k] == p->to[k])
				continue;
			uint32_t a = FL_MIN(l->layer[p->from[i]], l->layer[p->to[i]]), b = FL_MAX(l->layer[p->from[i]], l->layer[p->to[i]]);
			uint32_t c = FL_MIN(l->layer[p->from[k]], l->layer[p->to[k]]), e = FL_MAX(l->layer[p->from[k]], l->layer[p->to[k]]);

			for (uint32_t layer = FL_MAX(a, c); layer < FL_MIN(b, e); layer++) {
				double here = place_in(p, l, i, layer) - place_in(p, l, k, layer);
				double there = place_in(p, l, i, layer + 1) - place_in(p, l, k, layer + 1);

				sum += (here < -1e-9 && there > 1e-9) || (here > 1e-9 && there < -1e-9);
			}
		}
	}
	return sum;
}

static void
pictures_hold(void **state)
{
	uint32_t turned = 0, crossings = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 600; seed++) {
		struct dice d = { .seed = seed };
		struct picture p;
		struct arena a;
		struct layout l;

		arena_init(&a, 1 << 24);
		draw(&p, &d);
		assert_int_equal(layout_run(&p.spec, &a, &a, &l), 0);
		nothing_overlaps(&p, &l);
		edges_run_forward(&p, &l);
		assert_int_equal(l.crossings, count_crossings(&p, &l));
		for (uint32_t i = 0; i < p.m; i++)
			turned += l.turned[i];
		crossings += (uint32_t)l.crossings;
		arena_fini(&a);
	}
	assert_true(turned > 100 && crossings > 1000);
}

/* Edges are turned around only if both ends are in one circle. */
static void
only_circles_are_broken(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct dice d = { .seed = seed };
		struct picture p;
		struct arena a;
		struct layout l;
		static bool reach[NODES][NODES];
		uint32_t at[NODES + 1], to[EDGES], component[NODES], count;

		arena_init(&a, 1 << 24);
		draw(&p, &d);
		assert_int_equal(layout_run(&p.spec, &a, &a, &l), 0);
		memset(reach, 0, sizeof(reach));
		for (uint32_t v = 0; v < p.n; v++)
			reach[v][v] = true;
		for (uint32_t i = 0; i < p.m; i++)
			reach[p.from[i]][p.to[i]] = true;
		for (uint32_t k = 0; k < p.n; k++)
			for (uint32_t i = 0; i < p.n; i++)
				for (uint32_t j = 0; j < p.n && reach[i][k]; j++)
					reach[i][j] = reach[i][j] || reach[k][j];
		for (uint32_t i = 0; i < p.m; i++)
			if (l.turned[i])
				assert_true(reach[p.to[i]][p.from[i]]);
		assert_int_equal(csr_order(&a, NULL, p.m, p.from, p.n, to, at), 0);
		for (uint32_t i = 0; i < p.m; i++)
			to[i] = p.to[to[i]];
		assert_int_equal(scc_find(&a, p.n, at, to, component, &count), 0);
		for (uint32_t i = 0; i < p.n; i++) {
			assert_in_range(component[i], 0, count - 1);
			for (uint32_t j = 0; j < p.n; j++) {
				assert_int_equal(component[i] == component[j], reach[i][j] && reach[j][i]);
				assert_true(!reach[i][j] || component[i] >= component[j]);
			}
		}
		arena_fini(&a);
	}
}

/* The same again, like itself: nothing moves. With an edge and a node more: what was there hardly does. */
static void
what_stays_stays(void **state)
{
	double moved = 0, anew = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct dice d = { .seed = seed };
		struct picture p;
		struct arena a;
		struct layout l, same, more, fresh;
		double before[NODES + 1];
		uint32_t way_at[EDGES + 2];

		arena_init(&a, 1 << 24);
		draw(&p, &d);
		assert_int_equal(layout_run(&p.spec, &a, &a, &l), 0);
		for (uint32_t v = 0; v < p.n; v++)
			before[v] = l.nodes[v].y;
		p.spec.before = before;
		p.spec.before_way_at = l.way_at;
		p.spec.before_way = l.way;
		assert_int_equal(layout_run(&p.spec, &a, &a, &same), 0);
		nothing_overlaps(&p, &same);
		for (uint32_t v = 0; v < p.n; v++)
			assert_true(fabs(same.nodes[v].x - l.nodes[v].x) < 1e-6 && fabs(same.nodes[v].y - l.nodes[v].y) < 1e-6);
		assert_int_equal(same.crossings, l.crossings);
		if (p.n == NODES || p.m == EDGES)
			continue;
		memcpy(way_at, l.way_at, (p.m + 1) * sizeof(*way_at));
		way_at[p.m + 1] = way_at[p.m];
		p.spec.before_way_at = way_at;
		p.from[p.m] = dice_roll(&d, p.n);
		p.to[p.m] = p.n;
		p.width[p.n] = p.height[p.n] = 20;
		before[p.n] = NAN;
		p.spec.edge_count = ++p.m;
		p.spec.node_count = ++p.n;
		assert_int_equal(layout_run(&p.spec, &a, &a, &more), 0);
		nothing_overlaps(&p, &more);
		edges_run_forward(&p, &more);
		assert_int_equal(more.crossings, count_crossings(&p, &more));
		p.spec.before = NULL;
		assert_int_equal(layout_run(&p.spec, &a, &a, &fresh), 0);
		for (uint32_t v = 0; v + 1 < p.n; v++) {
			moved += fabs(more.nodes[v].y - before[v]);
			anew += fabs(fresh.nodes[v].y - before[v]);
		}
		arena_fini(&a);
	}
	assert_true(moved < anew / 3);
}

static void
easy_ones_have_no_crossings(void **state)
{
	struct picture p = { .n = 15, .m = 14 };
	struct arena a;
	struct layout l;

	(void)state;
	arena_init(&a, 1 << 20);
	for (uint32_t v = 0; v < 15; v++)
		p.width[v] = p.height[v] = 10;
	for (uint32_t i = 0; i < 14; i++) {     /* a binary tree */
		p.from[i] = i / 2;
		p.to[i] = i + 1;
	}
	p.spec = (struct layout_spec){ .node_count = 15, .width = p.width, .height = p.height, .edge_count = 14, .from = p.from, .to = p.to,
		.gap_layer = 30, .gap_node = 10 };
	assert_int_equal(layout_run(&p.spec, &a, &a, &l), 0);
	assert_int_equal(l.crossings, 0);
	assert_int_equal(l.layer_count, 4);
	assert_true(fabs(l.width - (4 * 10 + 3 * 30)) < 1e-6);
	assert_true(fabs(l.height - (8 * 10 + 7 * 10)) < 1e-6);
	/* The root is in the middle of its children, as they are of theirs. */
	assert_true(fabs(l.nodes[0].y - (l.nodes[1].y + l.nodes[2].y) / 2) < 1e-6);
	assert_true(fabs(l.nodes[1].y - (l.nodes[3].y + l.nodes[4].y) / 2) < 1e-6);
	arena_fini(&a);
}

/*
 * Layers of hundreds: many vertices between the same few of the next layer, so that their places there hardly differ, and others that have the
 * whole layer.
 */
static void
wide_ones_are_counted_right(void **state)
{
	struct dice d = { .seed = 7 };
	struct picture p = { .n = NODES_WIDE, .m = EDGES_WIDE };
	struct arena a;
	struct layout l;

	(void)state;
	arena_init(&a, 1 << 24);
	for (uint32_t v = 0; v < p.n; v++)
		p.width[v] = p.height[v] = 10;
	for (uint32_t i = 0; i < p.m; i++) {
		bool few = i < 3000;

		p.from[i] = few ? i % 600 : 600 + dice_roll(&d, 100);
		p.to[i] = few ? 700 + dice_roll(&d, 5) : 705 + dice_roll(&d, 495);
	}
	p.spec = (struct layout_spec){ .node_count = p.n, .width = p.width, .height = p.height, .edge_count = p.m, .from = p.from, .to = p.to,
		.gap_layer = 30, .gap_node = 10 };
	assert_int_equal(layout_run(&p.spec, &a, &a, &l), 0);
	assert_int_equal(l.layer_count, 2);
	nothing_overlaps(&p, &l);
	assert_int_equal(l.crossings, count_crossings(&p, &l));
	assert_true(l.crossings > 100000);
	arena_fini(&a);
}

static void
bad_input_is_refused(void **state)
{
	const float good[] = { 1, 1 }, bad[] = { 1, 0 }, worse[] = { 1, NAN };
	const uint32_t from = 0, to = 2;
	struct arena a, small;
	struct layout l;
	struct layout_spec s = { .node_count = 2, .width = good, .height = good, .edge_count = 1, .from = &from, .to = &to, .gap_layer = 1,
		.gap_node = 1 };

	(void)state;
	arena_init(&a, 1 << 20);
	arena_init(&small, 64);
	assert_int_equal(layout_run(&s, &a, &a, &l), -EINVAL);
	s.edge_count = 0;
	s.height = bad;
	assert_int_equal(layout_run(&s, &a, &a, &l), -EINVAL);
	s.height = worse;
	assert_int_equal(layout_run(&s, &a, &a, &l), -EINVAL);
	s.height = good;
	s.gap_node = 0;
	assert_int_equal(layout_run(&s, &a, &a, &l), -EINVAL);
	s.gap_node = 1;
	assert_int_equal(layout_run(&s, &a, &small, &l), -ENOMEM);
	assert_int_equal(layout_run(&s, &a, &a, &l), 0);
	assert_int_equal(l.layer[0], UINT32_MAX);
	s.node_count = 0;
	assert_int_equal(layout_run(&s, &a, &a, &l), 0);
	assert_int_equal(l.layer_count, 0);
	arena_fini(&small);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures_hold), cmocka_unit_test(only_circles_are_broken), cmocka_unit_test(what_stays_stays),
		cmocka_unit_test(easy_ones_have_no_crossings), cmocka_unit_test(wide_ones_are_counted_right),
		cmocka_unit_test(bad_input_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
