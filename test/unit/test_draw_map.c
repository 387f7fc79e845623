/* SPDX-License-Identifier: MIT */
/* test_draw_map.c - pictures of maps: well-formed whatever the names are, and with the signs that the map asks for. */
#include "unit.h"

#include "graph/draw_map.h"

#include <errno.h>
#include <math.h>

struct rig {
	struct arena a;
	struct estate *e;
	struct needs *n;
	struct impact im;
	struct buf out;
};

static void
tell(struct estate_builder *b, struct sight s)
{
	s.source = "otlp";
	assert_int_equal(estate_sight(b, &s), 0);
}

static void
rig_init(struct rig *r)
{
	static const char *const members[] = { "db1", "db2" };
	struct estate_builder *b;

	memset(r, 0, sizeof(*r));
	arena_init(&r->a, 1 << 22);
	buf_init(&r->out, 1 << 20);
	assert_int_equal(estate_builder_new(&r->a, 1, &b), 0);
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "a<b>&\"c\"", .to = "shop", .protocol = "x\"><y", .strength = SIGHT_HARD });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "shop", .to = "mail", .mode = SIGHT_ASYNC });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "mail", .to = "shop", .strength = SIGHT_SOFT });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "shop", .to = "shop" });
	tell(b, (struct sight){ .what = SIGHT_LINE, .from = "other", .to = "mail" });
	tell(b, (struct sight){ .what = SIGHT_GROUP, .from = "shop", .members = members, .member_count = 2, .k = 1 });
	tell(b, (struct sight){ .what = SIGHT_NODE, .name = "db1", .kind = SIGHT_DATASTORE });
	tell(b, (struct sight){ .what = SIGHT_NODE, .name = "mail", .kind = SIGHT_BROKER });
	tell(b, (struct sight){ .what = SIGHT_NODE, .name = "other", .kind = SIGHT_EXTERNAL, .space = "q\\" });
	tell(b, (struct sight){ .what = SIGHT_FACT, .name = "mail", .key = "owner", .value = "team <1>" });
	assert_int_equal(estate_finish(b, &r->a, &r->a, &r->e), 0);
	assert_int_equal(needs_of_estate(r->e, &(struct needs_view){ SIGHT_RUNTIME, false }, &r->a, &r->a, &r->n), 0);
	assert_int_equal(impact_init(&r->im, r->n, &r->a), 0);
}

static void
rig_fini(struct rig *r)
{
	buf_fini(&r->out);
	arena_fini(&r->a);
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* Tags balance, attributes are quoted, and no text has a bare < or &: enough to see that names cannot break out. */
static void
well_formed(const char *s)
{
	int depth = 0;

	while ((s = strpbrk(s, "<&")) != NULL) {
		if (*s == '&') {
			size_t n = strcspn(s, ";");

			assert_in_range(n, 2, 6);
			s += n;
			continue;
		}
		const char *end = s;
		bool quoted = false;

		for (; *end != '\0' && (*end != '>' || quoted); end++)
			quoted = quoted != (*end == '"');
		assert_true(*end == '>');
		if (s[1] == '/')
			depth--;
		else if (end[-1] != '/')
			depth++;
		assert_true(depth >= 0);
		s = end;
	}
	assert_int_equal(depth, 0);
}

static void
svg_is_well_formed(void **state)
{
	struct rig r;
	struct draw_map m;

	(void)state;
	rig_init(&r);
	struct draw_options o = { .title = "a & b <c>" };

	assert_int_equal(draw_map(r.e, &o, &r.a, &r.a, &m), 0);
	assert_int_equal(m.node_count, r.e->node_count);
	assert_int_equal(draw_svg(&m, &r.out), 0);
	const char *s = buf_str(&r.out);

	well_formed(s);
	assert_int_equal(count(s, "<g><title>"), r.e->node_count);
	assert_int_equal(count(s, "marker-end"), m.line_count + 6);
	assert_int_equal(count(s, "class=\"e grp\""), 2 + 1);
	assert_int_equal(count(s, " needs "), m.line_count);
	assert_int_equal(count(s, "a&lt;b&gt;&amp;"), 1 + 1 + 1);
	assert_non_null(strstr(s, "broker, team &lt;1&gt;"));
	assert_int_equal(count(s, "class=\"b failed"), 0);
	rig_fini(&r);
}

static void
states_and_reasons_are_drawn(void **state)
{
	struct rig r;
	struct draw_map m;
	uint32_t both[2];

	(void)state;
	rig_init(&r);
	both[0] = estate_lookup(r.e, "db1");
	both[1] = estate_lookup(r.e, "db2");
	impact_run(&r.im, both, 2);
	struct draw_options o = { .im = &r.im };

	assert_int_equal(draw_map(r.e, &o, &r.a, &r.a, &m), 0);
	assert_int_equal(draw_svg(&m, &r.out), 0);
	const char *s = buf_str(&r.out);

	well_formed(s);
	assert_int_equal(count(s, ">failed<"), 2 + 1);
	assert_int_equal(count(s, "down, hop 1"), 1);
	assert_int_equal(count(s, "down, hop 2"), 1);
	assert_int_equal(count(s, "degraded, hop 2"), 1);
	assert_int_equal(count(s, " why\""), 5);        /* shop to both, the caller and mail to shop, other to mail */
	uint32_t reasons = 0;

	for (uint32_t i = 0; i < m.line_count; i++)
		reasons += draw_is_reason(&m, i);
	assert_int_equal(reasons, 5);
	rig_fini(&r);
}

static void
dot_is_quoted(void **state)
{
	struct rig r;
	struct draw_map m;

	(void)state;
	rig_init(&r);
	struct draw_options o = { .title = "t\"" };

	assert_int_equal(draw_map(r.e, &o, &r.a, &r.a, &m), 0);
	assert_int_equal(draw_dot(&m, &r.out), 0);
	const char *s = buf_str(&r.out);

	assert_non_null(strstr(s, "\"a<b>&\\\"c\\\"\" -> \"shop\" [style=solid, arrowhead=normal, tooltip=\"x\\\"><y\"];"));
	assert_non_null(strstr(s, "\"shop\" -> \"mail\" [style=dashed, arrowhead=vee"));
	assert_non_null(strstr(s, "\"q\\\\/other\" [shape=box, style=\"rounded,dashed\""));
	assert_non_null(strstr(s, "\"db1\" [shape=cylinder"));
	assert_int_equal(count(s, "->"), m.line_count);
	rig_fini(&r);
}

static void
a_part_can_be_shown(void **state)
{
	struct rig r;
	struct draw_map m, again;
	bool show[16] = { 0 };
	double before[16];

	(void)state;
	rig_init(&r);
	show[estate_lookup(r.e, "shop")] = show[estate_lookup(r.e, "mail")] = show[estate_lookup(r.e, "db1")] = true;
	struct draw_options o = { .show = show };

	assert_int_equal(draw_map(r.e, &o, &r.a, &r.a, &m), 0);
	assert_int_equal(m.node_count, 3);
	assert_int_equal(m.line_count, 3);
	assert_string_equal(m.labels[0], "db1");
	for (uint32_t v = 0; v < 16; v++)
		before[v] = NAN;
	for (uint32_t v = 0; v < m.node_count; v++)
		before[m.nodes[v]] = m.layout.nodes[v].y;
	o.before = before;
	assert_int_equal(draw_map(r.e, &o, &r.a, &r.a, &again), 0);
	for (uint32_t v = 0; v < m.node_count; v++)
		assert_true(fabs(again.layout.nodes[v].y - m.layout.nodes[v].y) < 1e-6);
	struct buf small;

	buf_init(&small, 100);
	assert_int_equal(draw_svg(&m, &small), -ENOBUFS);
	buf_fini(&small);
	assert_true(draw_text_width("mmm", 10) > draw_text_width("iii", 10));
	assert_true(fabs(draw_text_width("\xe6\x97\xa5", 10) - 10) < 1e-9);
	rig_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(svg_is_well_formed), cmocka_unit_test(states_and_reasons_are_drawn), cmocka_unit_test(dot_is_quoted),
		cmocka_unit_test(a_part_can_be_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
