/* SPDX-License-Identifier: MIT */
/* test_estate.c - the snapshot of an estate: what sightings become, and that their order does not matter. */
#include "unit.h"

#include "graph/estate.h"

#include <errno.h>

struct rig {
	struct arena scratch, keep;
	struct estate_builder *b;
	struct estate *e;
};

static void
rig_init(struct rig *r, size_t cap)
{
	arena_init(&r->scratch, cap);
	arena_init(&r->keep, cap);
	assert_int_equal(estate_builder_new(&r->scratch, 7, &r->b), 0);
}

static void
rig_fini(struct rig *r)
{
	arena_fini(&r->scratch);
	arena_fini(&r->keep);
}

static void
see(struct rig *r, struct sight s)
{
	assert_int_equal(estate_sight(r->b, &s), 0);
}

static void
finish(struct rig *r)
{
	assert_int_equal(estate_finish(r->b, &r->keep, &r->scratch, &r->e), 0);
}

static uint32_t
node(const struct rig *r, const char *name)
{
	uint32_t v = estate_lookup(r->e, name);

	assert_int_not_equal(v, ESTATE_NONE);
	return v;
}

static const struct estate_line *
line(const struct rig *r, const char *from, const char *to)
{
	uint32_t l = estate_line(r->e, node(r, from), node(r, to));

	assert_int_not_equal(l, ESTATE_NONE);
	return &r->e->lines[l];
}

static void
evidence_is_kept_apart(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1 << 20);
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "sockets", .from = "cart", .to = "db", .protocol = "tcp", .first = 50, .last = 60,
		.count = 3 });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .where = "b", .from = "cart", .to = "db", .protocol = "db", .first = 10,
		.last = 20, .count = 5, .errors = 1, .latency = 70 });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .where = "a", .from = "cart", .to = "db", .protocol = "db", .first = 5,
		.last = 90, .count = 2, .to_kind = SIGHT_DATASTORE, .strength = SIGHT_SOFT });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .from = "shop", .to = "cart", .protocol = "http" });
	finish(&r);
	const struct estate_line *l = line(&r, "cart", "db");

	assert_int_equal(r.e->line_count, 2);
	assert_int_equal(l->evidence_count, 2);
	assert_string_equal(l->protocol, "db");
	assert_int_equal(l->strength, SIGHT_SOFT);
	assert_int_equal(l->phase, SIGHT_BOTH);
	assert_int_equal(l->assumed, ESTATE_ASSUMED_PHASE | ESTATE_ASSUMED_MODE);
	assert_int_equal(l->first, 5);
	assert_int_equal(l->last, 90);
	const struct estate_evidence *v = r.e->evidence + l->evidence_first;

	assert_string_equal(v[0].source, "otlp");
	assert_string_equal(v[0].where, "a");
	assert_int_equal(v[0].count, 7);
	assert_int_equal(v[0].errors, 1);
	assert_int_equal(v[0].latency, 70);
	assert_string_equal(v[1].source, "sockets");
	assert_int_equal(v[1].first, 50);
	assert_int_equal(estate_line_calls(r.e, (uint32_t)(l - r.e->lines), NULL), 7);
	assert_int_equal(r.e->nodes[node(&r, "db")].kind, SIGHT_DATASTORE);
	assert_int_equal(r.e->nodes[node(&r, "cart")].first, 5);
	assert_int_equal(line(&r, "shop", "cart")->assumed, ESTATE_ASSUMED_STRENGTH | ESTATE_ASSUMED_PHASE | ESTATE_ASSUMED_MODE);
	assert_int_equal(estate_line(r.e, node(&r, "db"), node(&r, "cart")), ESTATE_NONE);
	rig_fini(&r);
}

/* A declaration outranks a drill, a drill the rest; among equals the safer word. */
static void
conclusions_have_an_order(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1 << 20);
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .from = "a", .to = "b", .strength = SIGHT_HARD, .phase = SIGHT_RUNTIME });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "drill", .from = "a", .to = "b", .strength = SIGHT_SOFT });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "compose", .from = "a", .to = "b", .phase = SIGHT_STARTUP });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .from = "a", .to = "c", .strength = SIGHT_SOFT });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "sockets", .from = "a", .to = "c", .strength = SIGHT_HARD });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "declared", .from = "a", .to = "c", .phase = SIGHT_STARTUP });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "sockets", .from = "a", .to = "d", .protocol = "async" });
	finish(&r);
	assert_int_equal(line(&r, "a", "b")->strength, SIGHT_SOFT);
	assert_int_equal(line(&r, "a", "b")->phase, SIGHT_BOTH);
	assert_int_equal(line(&r, "a", "c")->strength, SIGHT_HARD);
	assert_int_equal(line(&r, "a", "c")->phase, SIGHT_STARTUP);
	assert_int_equal(line(&r, "a", "d")->mode, SIGHT_ASYNC);
	assert_int_equal(line(&r, "a", "d")->strength, SIGHT_SOFT);
	assert_int_equal(line(&r, "a", "d")->assumed & ESTATE_ASSUMED_STRENGTH, ESTATE_ASSUMED_STRENGTH);
	rig_fini(&r);
}

static void
groups_make_lines(void **state)
{
	const char *const members[] = { "db2", "db1", "db3", "db1" };
	struct rig r;

	(void)state;
	rig_init(&r, 1 << 20);
	struct sight s = { .what = SIGHT_GROUP, .source = "declared", .where = "f:3", .from = "api", .members = members, .member_count = 4, .k = 2,
		.phase = SIGHT_RUNTIME };

	see(&r, s);
	see(&r, s);
	s.where = "e:1";
	see(&r, s);
	s.k = 1;
	see(&r, s);
	finish(&r);
	assert_int_equal(r.e->group_count, 2);
	assert_int_equal(r.e->line_count, 3);
	const struct estate_group *g = r.e->groups + r.e->nodes[node(&r, "api")].group_first;

	assert_int_equal(r.e->nodes[node(&r, "api")].group_count, 2);
	assert_int_equal(g[0].k, 1);
	assert_int_equal(g[1].k, 2);
	assert_int_equal(g[1].member_count, 3);
	assert_string_equal(g[1].where, "e:1");
	assert_int_equal(g[1].strength, SIGHT_HARD);
	assert_int_equal(g[1].assumed, ESTATE_ASSUMED_STRENGTH | ESTATE_ASSUMED_MODE);
	assert_true(line(&r, "api", "db3")->grouped);
	for (uint32_t i = 1; i < 3; i++)
		assert_true(r.e->members[g[1].member_first + i - 1] < r.e->members[g[1].member_first + i]);
	rig_fini(&r);
}

static void
facts_answer_best_first(void **state)
{
	struct rig r;
	fl_ns ns;
	int64_t tier;

	(void)state;
	rig_init(&r, 1 << 20);
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "history", .name = "db", .key = "recover", .value = "2m", .last = 99 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "drill", .name = "db", .key = "recover", .value = "3m", .last = 100 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "declared", .name = "db", .key = "recover", .value = "1m", .last = 1 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "drill", .name = "db", .key = "tier", .value = "one", .last = 5 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "kubernetes", .name = "db", .key = "tier", .value = "1", .last = 6 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "kubernetes", .name = "db", .key = "zone", .value = "old", .last = 6 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "kubernetes", .name = "db", .key = "zone", .value = "a, b", .last = 7 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "kubernetes", .name = "db", .key = "zone", .value = "older", .last = 5 });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "run", .from = "x", .to = "db", .key = "seen", .value = "no line" });
	see(&r, (struct sight){ .what = SIGHT_FACT, .source = "run", .from = "y", .to = "db", .key = "seen", .value = "yes" });
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "otlp", .from = "y", .to = "db" });
	finish(&r);
	uint32_t db = node(&r, "db");

	assert_int_equal(estate_node_ns(r.e, db, "recover", &ns), 0);
	assert_int_equal(ns, 60 * FL_SEC);
	assert_string_equal(estate_node_fact_of(r.e, db, "recover", "drill")->value, "3m");
	assert_ptr_equal(estate_node_fact(r.e, db, "recover") + 1, estate_node_fact_of(r.e, db, "recover", "drill"));
	assert_int_equal(estate_node_number(r.e, db, "tier", &tier), 0);
	assert_int_equal(tier, 1);
	assert_int_equal(estate_node_ns(r.e, db, "zone", &ns), -EINVAL);
	assert_int_equal(estate_node_ns(r.e, db, "rto", &ns), -ENOENT);
	assert_true(estate_list_has(estate_node_text(r.e, db, "zone"), "b"));
	assert_false(estate_list_has(estate_node_text(r.e, db, "zone"), "a, b"));
	assert_null(estate_node_text(r.e, db, "owner"));
	assert_string_equal(estate_line_fact(r.e, estate_line(r.e, node(&r, "y"), db), "seen")->value, "yes");
	assert_int_equal(estate_line(r.e, node(&r, "x"), db), ESTATE_NONE);
	assert_int_equal(r.e->line_count, 1);
	rig_fini(&r);
}

static void
names_and_namespaces(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1 << 20);
	see(&r, (struct sight){ .what = SIGHT_NODE, .source = "k", .name = "cart", .space = "shop", .app = "b", .kind = SIGHT_SERVICE });
	see(&r, (struct sight){ .what = SIGHT_NODE, .source = "k", .name = "cart", .space = "test", .kind = SIGHT_EXTERNAL });
	see(&r, (struct sight){ .what = SIGHT_NODE, .source = "k", .name = "only", .space = "shop", .app = "b" });
	see(&r, (struct sight){ .what = SIGHT_NODE, .source = "declared", .name = "only", .space = "shop", .app = "z" });
	see(&r, (struct sight){ .what = SIGHT_NODE, .source = "k", .name = "a/b" });
	see(&r, (struct sight){ .what = SIGHT_INSTANCE, .source = "k", .name = "a/b", .address = "10.0.0.2:80" });
	see(&r, (struct sight){ .what = SIGHT_INSTANCE, .source = "k", .name = "a/b", .address = "10.0.0.1:80" });
	see(&r, (struct sight){ .what = SIGHT_INSTANCE, .source = "k", .name = "a/b", .address = "10.0.0.1:80" });
	finish(&r);
	assert_int_equal(estate_find(r.e, "cart", NULL), ESTATE_NONE);
	assert_int_equal(r.e->nodes[estate_find(r.e, "cart", "test")].kind, SIGHT_EXTERNAL);
	assert_int_equal(node(&r, "shop/cart"), estate_find(r.e, "cart", "shop"));
	assert_string_equal(r.e->nodes[node(&r, "only")].app, "z");
	const struct estate_node *ab = &r.e->nodes[node(&r, "a/b")];

	assert_int_equal(ab->instance_count, 2);
	assert_string_equal(r.e->instances[ab->instance_first].address, "10.0.0.1:80");
	assert_int_equal(r.e->instances[ab->instance_first].count, 2);
	rig_fini(&r);
}

static void
nonsense_is_refused(void **state)
{
	static char long_text[ESTATE_TEXT_MAX + 2];
	const char *const members[] = { "x", "" };
	struct rig r;
	const struct sight bad[] = { { .what = SIGHT_NODE }, { .what = SIGHT_LINE, .from = "a" }, { .what = SIGHT_LINE, .to = "a", .from = "" },
		{ .what = SIGHT_GROUP, .from = "a", .k = 1 }, { .what = SIGHT_GROUP, .from = "a", .members = members, .member_count = 1 },
		{ .what = SIGHT_GROUP, .from = "a", .members = members, .member_count = 1, .k = 2 },
		{ .what = SIGHT_GROUP, .from = "a", .members = members, .member_count = 2, .k = 1 },
		{ .what = SIGHT_FACT, .name = "a" }, { .what = SIGHT_FACT, .from = "a", .key = "k" }, { .what = SIGHT_INSTANCE, .name = "a" },
		{ .what = SIGHT_NODE, .name = long_text }, { .what = SIGHT_NODE, .name = "a", .where = long_text },
		{ .what = SIGHT_LINE, .from = "a", .to = "b", .phase = (enum sight_phase)9 } };

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	rig_init(&r, 1 << 20);
	for (size_t i = 0; i < FL_ARRAY_LEN(bad); i++)
		assert_int_equal(estate_sight(r.b, &bad[i]), -EINVAL);
	finish(&r);
	assert_int_equal(r.e->node_count, 0);
	assert_int_equal(estate_lookup(r.e, "a"), ESTATE_NONE);
	rig_fini(&r);
}

/* A builder is bounded by its arena, and a snapshot by its own. */
static void
full_is_said(void **state)
{
	struct rig r;
	struct estate *e = NULL;
	int told = 0;
	char name[32];

	(void)state;
	rig_init(&r, 200000);
	for (;; told++) {
		snprintf(name, sizeof(name), "n%d", told);
		int x = estate_sight(r.b, &(struct sight){ .what = SIGHT_LINE, .source = "s", .from = "hub", .to = name });

		if (x != 0) {
			assert_int_equal(x, -ENOMEM);
			break;
		}
	}
	assert_in_range(told, 50, 5000);
	rig_fini(&r);
	rig_init(&r, 1 << 20);
	see(&r, (struct sight){ .what = SIGHT_LINE, .source = "s", .from = "a", .to = "b" });
	for (size_t cap = 0; cap < 800; cap += 16) {
		struct arena small;

		arena_init(&small, cap);
		int x = estate_finish(r.b, &small, &r.scratch, &e);

		assert_true(x == 0 || x == -ENOMEM);
		assert_true((x == 0) == (e != NULL));
		arena_fini(&small);
		e = NULL;
	}
	rig_fini(&r);
}

/* All that a snapshot says, as text, with names in place of numbers. */
static void
dump(const struct estate *e, char *out, size_t room)
{
	size_t n = 0;

	for (uint32_t i = 0; i < e->node_count; i++) {
		const struct estate_node *v = &e->nodes[i];

		n += (size_t)snprintf(out + n, room - n, "%u %s/%s %s %d %ld %ld;", i, v->space, v->name, v->app, (int)v->kind, v->first, v->last);
		for (uint32_t k = 0; k < v->fact_count; k++)
			n += (size_t)snprintf(out + n, room - n, " %s=%s", e->facts[v->fact_first + k].key, e->facts[v->fact_first + k].value);
		for (uint32_t l = e->out[i]; l < e->out[i + 1]; l++)
			n += (size_t)snprintf(out + n, room - n, " >%s:%d%d%d%u%d", e->nodes[e->lines[l].to].name, (int)e->lines[l].strength,
			    (int)e->lines[l].phase, (int)e->lines[l].mode, e->lines[l].evidence_count, e->lines[l].grouped);
		for (uint32_t l = e->in[i]; l < e->in[i + 1]; l++)
			n += (size_t)snprintf(out + n, room - n, " <%s", e->nodes[e->lines[e->in_lines[l]].from].name);
		for (uint32_t g = v->group_first; g < v->group_first + v->group_count; g++) {
			n += (size_t)snprintf(out + n, room - n, " %u of", e->groups[g].k);
			for (uint32_t k = 0; k < e->groups[g].member_count; k++)
				n += (size_t)snprintf(out + n, room - n, " %s", e->nodes[e->members[e->groups[g].member_first + k]].name);
		}
		n += (size_t)snprintf(out + n, room - n, "\n");
		assert_true(n < room);
	}
}

static struct sight
draw(struct dice *d, char names[][8], const char **members)
{
	static const char *const sources[] = { "declared", "otlp", "sockets", "drill" }, *const keys[] = { "tier", "owner", "zone" };
	static const char *const protocols[] = { "", "tcp", "http", "db", "async" }, *const values[] = { "1", "2", "x" };
	struct sight s = { .source = sources[dice_roll(d, 4)], .first = (int64_t)dice_roll(d, 1000), .last = 1000 + (int64_t)dice_roll(d, 1 << 30),
		.count = dice_roll(d, 5) };

	switch (dice_roll(d, 6)) {
	case 0:
		s.what = SIGHT_NODE;
		s.name = names[dice_roll(d, 20)];
		s.kind = (enum sight_kind)dice_roll(d, 8);
		s.app = values[dice_roll(d, 3)];
		break;
	case 1:
		s.what = SIGHT_FACT;
		s.name = names[dice_roll(d, 20)];
		s.key = keys[dice_roll(d, 3)];
		s.value = values[dice_roll(d, 3)];
		break;
	case 2:
		s.what = SIGHT_GROUP;
		s.from = names[dice_roll(d, 20)];
		s.member_count = 1 + dice_roll(d, 4);
		s.k = 1 + dice_roll(d, s.member_count);
		for (uint32_t i = 0; i < s.member_count; i++)
			members[i] = names[dice_roll(d, 20)];
		s.members = members;
		break;
	default:
		s.what = SIGHT_LINE;
		s.from = names[dice_roll(d, 20)];
		s.to = names[dice_roll(d, 20)];
		s.protocol = protocols[dice_roll(d, 5)];
		s.strength = (enum sight_strength)dice_roll(d, 3);
		s.phase = (enum sight_phase)dice_roll(d, 4);
		s.mode = (enum sight_mode)dice_roll(d, 3);
		s.to_kind = (enum sight_kind)dice_roll(d, 8);
	}
	return s;
}

static void
order_does_not_matter(void **state)
{
	enum { SIGHTS = 60, ROOM = 1 << 16 };
	static char names[20][8], texts[2][ROOM];
	static const char *members[SIGHTS][4];
	struct sight all[SIGHTS];

	(void)state;
	for (uint32_t i = 0; i < 20; i++)
		snprintf(names[i], sizeof(names[i]), "n%u", i);
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct dice d = { .seed = seed };

		for (uint32_t i = 0; i < SIGHTS; i++)
			all[i] = draw(&d, names, members[i]);
		for (int turn = 0; turn < 2; turn++) {
			struct rig r;

			rig_init(&r, 1 << 22);
			for (uint32_t i = 0; i < SIGHTS; i++)
				see(&r, all[i]);
			finish(&r);
			dump(r.e, texts[turn], ROOM);
			rig_fini(&r);
			for (uint32_t i = SIGHTS - 1; i > 0; i--) {
				uint32_t k = dice_roll(&d, i + 1);
				struct sight s = all[i];

				all[i] = all[k];
				all[k] = s;
			}
		}
		assert_string_equal(texts[0], texts[1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_is_kept_apart), cmocka_unit_test(conclusions_have_an_order), cmocka_unit_test(groups_make_lines),
		cmocka_unit_test(facts_answer_best_first), cmocka_unit_test(names_and_namespaces), cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(full_is_said), cmocka_unit_test(order_does_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
