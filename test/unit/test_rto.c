/* SPDX-License-Identifier: MIT */
/* test_rto.c - durations, verdicts, contradicting promises, gains and chances. */
#include "unit.h"

#include "graph/rto.h"

#include <errno.h>

struct rig {
	struct arena a;
	struct estate_builder *b;
	struct estate *e;
	struct needs *n;
	struct plan p;
	struct rto_duration d[32];
	fl_ns recover[32];
	struct plan_question q;
};

static void
tell(struct rig *r, struct sight s)
{
	if (s.source == NULL)
		s.source = "declared";
	assert_int_equal(estate_sight(r->b, &s), 0);
}

static void
needs(struct rig *r, const char *from, const char *to)
{
	tell(r, (struct sight){ .what = SIGHT_LINE, .from = from, .to = to });
}

static void
fact(struct rig *r, const char *source, const char *name, const char *key, const char *value)
{
	tell(r, (struct sight){ .what = SIGHT_FACT, .source = source, .name = name, .key = key, .value = value });
}

static void
begin(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	arena_init(&r->a, 1 << 22);
	assert_int_equal(estate_builder_new(&r->a, 1, &r->b), 0);
}

static void
finish(struct rig *r)
{
	assert_int_equal(estate_finish(r->b, &r->a, &r->a, &r->e), 0);
	assert_int_equal(needs_of_estate(r->e, &(struct needs_view){ SIGHT_STARTUP, true }, &r->a, &r->a, &r->n), 0);
	assert_int_equal(plan_init(&r->p, r->n, &r->a), 0);
	assert_in_range(r->e->node_count, 1, 32);
	rto_durations(r->e, 30 * FL_SEC, r->d, r->recover);
	r->q = (struct plan_question){ .recover = r->recover };
	plan_run(&r->p, &r->q);
}

static uint32_t
node(const struct rig *r, const char *name)
{
	return estate_lookup(r->e, name);
}

static const struct rto_duration *
duration(const struct rig *r, const char *name)
{
	return &r->d[node(r, name)];
}

static void
measured_outranks_said(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	fact(&r, "declared", "a", "recover", "10s");
	fact(&r, "history", "a", "recover.p50", "20s");
	fact(&r, "history", "a", "recover.p75", "25s");
	fact(&r, "drill", "b", "recover", "7s");
	fact(&r, "history", "b", "recover", "8s");
	fact(&r, "kubernetes", "c", "recover.probe", "90s");
	fact(&r, "declared", "d", "recover", "soon");
	fact(&r, "declared", "e", "recover.p50", "4s");
	tell(&r, (struct sight){ .what = SIGHT_NODE, .name = "bank", .kind = SIGHT_EXTERNAL });
	finish(&r);
	assert_int_equal(duration(&r, "a")->origin, RTO_HISTORY);
	assert_int_equal(duration(&r, "a")->recover, 25 * FL_SEC);
	assert_int_equal(duration(&r, "a")->p50, 20 * FL_SEC);
	assert_int_equal(duration(&r, "b")->origin, RTO_DRILL);
	assert_int_equal(duration(&r, "b")->p75, 7 * FL_SEC);
	assert_int_equal(duration(&r, "c")->origin, RTO_PROBE);
	assert_int_equal(duration(&r, "c")->recover, 90 * FL_SEC);
	assert_int_equal(duration(&r, "d")->origin, RTO_ASSUMED);
	assert_int_equal(duration(&r, "d")->recover, 30 * FL_SEC);
	assert_int_equal(duration(&r, "e")->recover, 4 * FL_SEC);
	assert_int_equal(duration(&r, "bank")->recover, 0);
	assert_string_equal(rto_origin_word(RTO_DRILL), "drill");
	arena_fini(&r.a);
}

/* web and api need db; api needs cache. db 60 s, cache 20 s, api 30 s, web 5 s; x and y wait for each other. */
static void
shop(struct rig *r)
{
	begin(r);
	needs(r, "web", "db");
	needs(r, "api", "db");
	needs(r, "api", "cache");
	needs(r, "x", "y");
	needs(r, "y", "x");
	fact(r, "declared", "db", "recover", "60s");
	fact(r, "declared", "cache", "recover", "20s");
	fact(r, "declared", "api", "recover", "30s");
	fact(r, "declared", "web", "recover", "5s");
	fact(r, "declared", "api", "rto", "80s");
	fact(r, "declared", "web", "rto", "70s");
	fact(r, "declared", "db", "rto", "75s");
	fact(r, "declared", "cache", "rto", "60s");
	fact(r, "declared", "x", "rto", "1h");
	finish(r);
}

static void
verdicts_by_hand(void **state)
{
	struct rig r;
	struct rto_row rows[8];
	struct schedule s;

	(void)state;
	shop(&r);
	assert_int_equal(rto_verdicts(r.e, &r.p, r.p.end, NULL, rows, 8), 5);
	assert_int_equal(rows[0].node, node(&r, "x"));
	assert_int_equal(rows[0].verdict, RTO_NEVER);
	assert_int_equal(rows[1].node, node(&r, "api"));
	assert_int_equal(rows[1].verdict, RTO_MISSED);
	assert_int_equal(rows[1].margin, -10 * FL_SEC);
	assert_int_equal(rows[2].node, node(&r, "web"));
	assert_int_equal(rows[2].margin, 5 * FL_SEC);
	assert_int_equal(rows[4].node, node(&r, "cache"));
	/* One crew: db, cache, api, web by what is behind them. */
	assert_int_equal(schedule_run(&r.p, 1, &r.a, &r.a, &s), 0);
	assert_int_equal(s.makespan, 115 * FL_SEC);
	assert_int_equal(rto_verdicts(r.e, &r.p, r.p.end, s.end, rows, 8), 5);
	assert_int_equal(rows[1].verdict, RTO_MISSED);
	assert_int_equal(rows[2].verdict, RTO_MISSED_CREWS);
	assert_int_equal(rows[2].node, node(&r, "web"));
	assert_int_equal(rows[2].end, 115 * FL_SEC);
	assert_int_equal(rows[3].verdict, RTO_MISSED_CREWS);
	assert_int_equal(rows[3].node, node(&r, "cache"));
	assert_int_equal(rto_verdicts(r.e, &r.p, r.p.end, s.end, rows, 1), 5);
	arena_fini(&r.a);
}

static void
promises_are_compared(void **state)
{
	struct rig r;
	struct rto_inversion all[8];
	const char *const members[] = { "m1", "m2", "m3" };

	(void)state;
	begin(&r);
	needs(&r, "web", "db");                 /* 70 s < 75 s */
	needs(&r, "front", "middle");           /* through one that promises nothing */
	needs(&r, "middle", "db");
	needs(&r, "p", "q");                    /* a circle that promises nothing, over db */
	needs(&r, "q", "p");
	needs(&r, "q", "db");
	needs(&r, "top", "p");
	tell(&r, (struct sight){ .what = SIGHT_GROUP, .from = "pool", .members = members, .member_count = 3, .k = 2 });
	tell(&r, (struct sight){ .what = SIGHT_GROUP, .from = "pool1", .members = members, .member_count = 3, .k = 1 });
	fact(&r, NULL, "web", "rto", "70s");
	fact(&r, NULL, "db", "rto", "75s");
	fact(&r, NULL, "front", "rto", "74s");
	fact(&r, NULL, "top", "rto", "1s");
	fact(&r, NULL, "pool", "rto", "15s");
	fact(&r, NULL, "pool1", "rto", "10s");
	fact(&r, NULL, "m1", "rto", "10s");
	fact(&r, NULL, "m2", "rto", "20s");
	fact(&r, NULL, "m3", "rto", "30s");
	finish(&r);
	assert_int_equal(rto_inversions(r.e, r.n, &r.a, all, 8), 4);
	const char *const who[] = { "web", "front", "top", "pool" }, *const why[] = { "db", "db", "db", "m2" };
	unsigned found = 0;

	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 4; k++) {
			if (all[i].node != node(&r, who[k]))
				continue;
			assert_int_equal(all[i].need, node(&r, why[k]));
			assert_int_equal(all[i].group == NEEDS_NONE, k != 3);
			assert_int_equal(all[i].promise, (k == 3 ? 20 : 75) * FL_SEC);
			found++;
		}
		assert_true(i == 0 || all[i - 1].node < all[i].node);
	}
	assert_int_equal(found, 4);
	arena_fini(&r.a);
}

static void
gains_are_what_a_new_plan_says(void **state)
{
	struct rig r;
	struct rto_gain gains[4];
	fl_ns spare[32];

	(void)state;
	shop(&r);
	assert_int_equal(rto_gains(r.e, &r.p, &r.q, spare, 4, gains), 2);
	assert_int_equal(gains[0].node, node(&r, "db"));
	assert_int_equal(gains[0].gain, 40 * FL_SEC);           /* then cache and api: 50 s */
	assert_int_equal(gains[0].gain_half, 30 * FL_SEC);
	assert_int_equal(gains[0].fixed, 1);
	assert_int_equal(gains[1].node, node(&r, "api"));
	assert_int_equal(gains[1].gain, 25 * FL_SEC);           /* then web: 65 s */
	assert_int_equal(r.p.makespan, 90 * FL_SEC);
	assert_int_equal(rto_gains(r.e, &r.p, &r.q, spare, 1, gains), 1);
	assert_int_equal(gains[0].node, node(&r, "db"));
	arena_fini(&r.a);
}

static void
chances_are_repeatable(void **state)
{
	struct rig r;
	struct rto_chances c, again;

	(void)state;
	begin(&r);
	needs(&r, "top", "a");
	needs(&r, "top", "b");
	for (int i = 0; i < 2; i++) {
		fact(&r, "drill", i ? "a" : "b", "recover.p50", "60s");
		fact(&r, "drill", i ? "a" : "b", "recover.p75", "80s");
	}
	fact(&r, NULL, "top", "recover", "10s");
	fact(&r, NULL, "a", "rto", "60s");
	finish(&r);
	assert_int_equal(r.p.makespan, 90 * FL_SEC);
	assert_int_equal(rto_simulate(r.e, &r.p, &r.q, r.d, 7, 4000, &r.a, &r.a, &c), 0);
	assert_int_equal(rto_simulate(r.e, &r.p, &r.q, r.d, 7, 4000, &r.a, &r.a, &again), 0);
	assert_int_equal(c.p50, again.p50);
	assert_int_equal(c.worst, again.worst);
	uint32_t a = node(&r, "a"), b = node(&r, "b"), top = node(&r, "top");

	assert_int_equal(c.critical[a] + c.critical[b], 4000);
	assert_int_equal(c.critical[top], 4000);
	assert_in_range(c.critical[a], 1800, 2200);
	assert_in_range(c.met[a], 1800, 2200);          /* half of all times are below p50 */
	/* The later of two with this p50 and p75: half are above 80 s or so (the root of one half), 10 s later the top. */
	assert_in_range(c.p50 / FL_SEC, 80, 92);
	assert_true(c.p90 > c.p50 && c.worst >= c.p90);
	assert_int_equal(r.p.makespan, 90 * FL_SEC);
	assert_int_equal(rto_simulate(r.e, &r.p, &r.q, r.d, 7, 0, &r.a, &r.a, &c), -EINVAL);
	arena_fini(&r.a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measured_outranks_said), cmocka_unit_test(verdicts_by_hand), cmocka_unit_test(promises_are_compared),
		cmocka_unit_test(gains_are_what_a_new_plan_says), cmocka_unit_test(chances_are_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
