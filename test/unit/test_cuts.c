/* SPDX-License-Identifier: MIT */
/* test_cuts.c - cut sets, single points of failure and shared components against trying everything. */
#include "graph_rig.h"

#include "graph/cuts.h"
#include "graph/spof.h"

#include <errno.h>

struct wanted {
	struct cut sets[4096];
	uint32_t count;
};

static bool
brings_down(const struct graph *g, const uint32_t *failed, uint32_t count, const uint32_t *entries, uint32_t entry_count)
{
	bool down[GRAPH_NODES];
	uint32_t round[GRAPH_NODES];

	graph_down(g, failed, count, down, round);
	for (uint32_t i = 0; i < entry_count; i++)
		if (down[entries[i]])
			return true;
	return false;
}

/* No set that was found already is a part of this one. */
static bool
minimal(const struct wanted *w, const uint32_t *nodes, uint32_t size)
{
	for (uint32_t i = 0; i < w->count; i++) {
		uint32_t inside = 0;

		for (uint32_t a = 0; a < w->sets[i].size; a++)
			for (uint32_t b = 0; b < size; b++)
				inside += w->sets[i].nodes[a] == nodes[b];
		if (inside == w->sets[i].size)
			return false;
	}
	return true;
}

static void
want(struct wanted *w, const struct graph *g, const uint32_t *nodes, uint32_t size, const uint32_t *entries, uint32_t entry_count, uint64_t never)
{
	for (uint32_t i = 0; i < size; i++)
		if ((never >> nodes[i] & 1) != 0)
			return;
	if (!minimal(w, nodes, size) || !brings_down(g, nodes, size, entries, entry_count))
		return;
	struct cut *c = &w->sets[w->count++];

	*c = (struct cut){ .size = size };
	memcpy(c->nodes, nodes, size * sizeof(*nodes));
}

static void
want_all(struct wanted *w, const struct graph *g, const uint32_t *entries, uint32_t entry_count, uint64_t never)
{
	w->count = 0;
	for (uint32_t a = 0; a < g->n; a++)
		want(w, g, (uint32_t[]){ a }, 1, entries, entry_count, never);
	for (uint32_t a = 0; a < g->n; a++)
		for (uint32_t b = a + 1; b < g->n; b++)
			want(w, g, (uint32_t[]){ a, b }, 2, entries, entry_count, never);
	for (uint32_t a = 0; a < g->n; a++)
		for (uint32_t b = a + 1; b < g->n; b++)
			for (uint32_t c = b + 1; c < g->n; c++)
				want(w, g, (uint32_t[]){ a, b, c }, 3, entries, entry_count, never);
}

static void
cuts_agree_with_brute_force(void **state)
{
	static struct wanted w;
	uint32_t sizes[4] = { 0 };

	(void)state;
	for (uint64_t seed = 0; seed < 1200; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct cuts c = { 0 };
		uint64_t never = 0;

		arena_init(&a, 1 << 22);
		do
			graph_draw(&g, &d);
		while (g.n > 13);
		if (seed % 4 != 0)      /* mostly groups, or nearly all cuts are of one node */
			g.edges = FL_MIN(g.edges, g.n / 4);
		for (uint32_t i = 0; i < g.groups && seed % 4 != 0; i++)
			g.group[i].k = FL_MIN(g.group[i].k, 1u + (g.group[i].count > 3));
		uint32_t entries[2] = { dice_roll(&d, g.n), dice_roll(&d, g.n) }, entry_count = 1 + dice_roll(&d, 2);

		for (uint32_t v = 0; v < g.n; v++)
			never |= (uint64_t)(dice_roll(&d, 5) == 0) << v;
		struct cuts_options o = { .size_max = 3, .sets_max = 4096, .tries_max = 1000000, .never = &never };

		assert_int_equal(cuts_find(graph_needs(&g, &a), entries, entry_count, &o, &a, &a, &c), 0);
		assert_int_equal(c.size_complete, 3);
		want_all(&w, &g, entries, entry_count, never);
		assert_int_equal(c.count, w.count);
		for (uint32_t i = 0; i < c.count; i++) {
			assert_int_equal(c.sets[i].size, w.sets[i].size);
			assert_memory_equal(c.sets[i].nodes, w.sets[i].nodes, w.sets[i].size * sizeof(uint32_t));
			sizes[c.sets[i].size]++;
		}
		arena_fini(&a);
	}
	assert_true(sizes[1] > 1000 && sizes[2] > 90 && sizes[3] > 90);
}

/* A bound that is reached is said, and what was found until then is right. */
static void
bounds_are_said(void **state)
{
	struct graph g = { .n = 8, .groups = 1, .group = { { .node = 0, .k = 1, .count = 3 } }, .members = { 1, 2, 3 }, .edges = 4,
		.from = { 1, 2, 3, 0 }, .to = { 4, 5, 6, 7 } };
	struct arena a;
	struct cuts c;
	struct cuts_options o = { .size_max = 3, .sets_max = 4, .tries_max = 1000 };

	(void)state;
	arena_init(&a, 1 << 20);
	struct needs *n = graph_needs(&g, &a);

	assert_int_equal(cuts_find(n, (uint32_t[]){ 0 }, 1, &o, &a, &a, &c), 0);
	assert_int_equal(c.count, 4);
	assert_int_equal(c.size_complete, 2);
	o.sets_max = 100;
	assert_int_equal(cuts_find(n, (uint32_t[]){ 0 }, 1, &o, &a, &a, &c), 0);
	assert_int_equal(c.count, 2 + 8);
	assert_int_equal(c.size_complete, 3);
	o.tries_max = 5;
	assert_int_equal(cuts_find(n, (uint32_t[]){ 0 }, 1, &o, &a, &a, &c), 0);
	assert_true(c.size_complete < 3);
	assert_int_equal(cuts_find(n, (uint32_t[]){ 8 }, 1, &o, &a, &a, &c), -EINVAL);
	o.size_max = 4;
	assert_int_equal(cuts_find(n, (uint32_t[]){ 0 }, 1, &o, &a, &a, &c), -EINVAL);
	arena_fini(&a);
}

static void
shared_agrees_with_brute_force(void **state)
{
	uint32_t all = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct dice d = { .seed = seed };
		struct graph g;
		struct arena a;
		struct fall f;
		static struct spof_shared shared[4096];
		uint32_t expect = 0;

		arena_init(&a, 1 << 20);
		graph_draw(&g, &d);
		struct needs *n = graph_needs(&g, &a);

		assert_int_equal(fall_init(&f, n, &a), 0);
		int64_t count = spof_shared(&f, &a, shared, FL_ARRAY_LEN(shared));

		for (uint32_t i = 0; i < n->group_count; i++) {
			const struct needs_group *p = &n->groups[i];

			for (uint32_t v = 0; v < g.n && p->k < p->count; v++) {
				bool down[GRAPH_NODES];
				uint32_t round[GRAPH_NODES], lost = 0;

				graph_down(&g, &v, 1, down, round);
				for (uint32_t k = p->first; k < p->first + p->count; k++)
					lost += down[n->members[k]];
				if (v == p->node || p->count - lost >= p->k)
					continue;
				assert_true(expect < count);
				assert_int_equal(shared[expect].group, i);
				assert_int_equal(shared[expect].node, v);
				assert_int_equal(shared[expect].lost, lost);
				expect++;
			}
		}
		assert_int_equal(count, expect);
		all += expect;
		arena_fini(&a);
	}
	assert_true(all > 1000);
}

static void
tell(struct estate_builder *b, struct sight s)
{
	s.source = "declared";
	assert_int_equal(estate_sight(b, &s), 0);
}

/* shop needs one of db1, db2; both are on host h and in zone a; web needs shop. */
static struct estate *
small_estate(struct arena *a)
{
	const char *const members[] = { "db1", "db2" }, *const three[] = { "c1", "c2", "c3" };
	struct estate_builder *b;
	struct estate *e;

	assert_int_equal(estate_builder_new(a, 1, &b), 0);
	tell(b, (struct sight){ .what = SIGHT_GROUP, .from = "shop", .members = members, .member_count = 2, .k = 1 });
	tell(b, (struct sight){ .what = SIGHT_GROUP, .from = "shop", .members = three, .member_count = 3, .k = 2 });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "db1", .to = "h" });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "db2", .to = "h" });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "web", .to = "shop" });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "web", .to = "ads", .strength = SIGHT_SOFT });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "web", .key = "function", .value = "buy, look" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "shop", .key = "function", .value = "buy,buy" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "db1", .key = "zone", .value = "a" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "db2", .key = "zone", .value = "a" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "c1", .key = "zone", .value = "a,b" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "c2", .key = "zone", .value = "b" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "c3", .key = "zone", .value = "b" });
	assert_int_equal(estate_finish(b, a, a, &e), 0);
	return e;
}

static void
an_estate_is_asked(void **state)
{
	struct arena a;
	struct needs *n;
	struct impact im;
	struct functions f;
	struct spof spofs[16];
	struct spof_together together[4];
	uint32_t all[16], some[16], some_count;

	(void)state;
	arena_init(&a, 1 << 20);
	struct estate *e = small_estate(&a);
	struct needs_view view = { .phase = SIGHT_RUNTIME };

	assert_int_equal(needs_of_estate(e, &view, &a, &a, &n), 0);
	assert_int_equal(functions_of_estate(e, &a, &a, &f), 0);
	assert_int_equal(impact_init(&im, n, &a), 0);
	assert_int_equal(f.count, 2);
	assert_string_equal(f.names[0], "buy");
	assert_int_equal(functions_find(&f, "look"), 1);
	assert_int_equal(f.entry_at[1], 2);
	uint32_t ads = estate_lookup(e, "ads"), h = estate_lookup(e, "h");

	impact_run(&im, &ads, 1);
	assert_int_equal(functions_state(&f, &im, 0), IMPACT_DEGRADED);
	assert_int_equal(spof_rank(&im, &f, NULL, &a, spofs), 0);
	assert_int_equal(spofs[0].node, h);
	assert_int_equal(spofs[0].down, 4);
	assert_int_equal(spofs[0].functions_down, 2);
	assert_int_equal(spofs[1].node, estate_lookup(e, "shop"));
	assert_int_equal(spofs[2].functions_down, 2);
	assert_int_equal(spofs[3].node, ads);
	assert_int_equal(spofs[3].functions_degraded, 2);
	assert_int_equal(spof_together(e, "zone", together, 4), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(together[i].lost, 2);
		assert_int_equal(together[i].value_len, 1);
		assert_true(*together[i].value == (e->groups[together[i].group].member_count == 2 ? 'a' : 'b'));
	}
	assert_int_equal(functions_where(e, "zone", "a", all, some, &some_count), 2);
	assert_int_equal(some_count, 1);
	assert_string_equal(e->nodes[some[0]].name, "c1");
	impact_run(&im, all, 2);
	assert_int_equal(functions_state(&f, &im, 0), IMPACT_DOWN);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_agree_with_brute_force), cmocka_unit_test(bounds_are_said), cmocka_unit_test(shared_agrees_with_brute_force),
		cmocka_unit_test(an_estate_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
