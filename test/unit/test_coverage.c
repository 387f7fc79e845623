/* SPDX-License-Identifier: MIT */
/* test_coverage.c - what runs have tried on which line. */
#include "unit.h"

#include "graph/coverage.h"

static void
tried(struct estate_builder *b, const char *source, const char *to, const char *key, const char *value, int64_t when)
{
	struct sight s = { .what = SIGHT_FACT, .source = source, .where = "runs/x", .from = "web", .to = to, .key = key, .value = value,
		.last = when };

	assert_int_equal(estate_sight(b, &s), 0);
}

static void
the_latest_run_counts(void **state)
{
	static const char *const kinds[] = { "latency", "reset_peer" };
	struct arena a;
	struct estate_builder *b;
	struct estate *e;
	struct coverage c;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_int_equal(estate_builder_new(&a, 1, &b), 0);
	for (int i = 0; i < 3; i++) {
		struct sight s = { .what = SIGHT_LINE, .source = "proxied", .from = "web", .to = (const char *[]){ "a", "b", "c" }[i] };

		assert_int_equal(estate_sight(b, &s), 0);
	}
	tried(b, "run", "a", "coverage.latency", "broke", 5);
	tried(b, "run", "a", "coverage.latency", "survived", 9);
	tried(b, "drill", "a", "coverage.latency", "broke", 7);
	tried(b, "run", "b", "coverage.latency", "healed", 5);
	tried(b, "run", "b", "coverage.corrupt", "broke", 5);
	tried(b, "run", "b", "coverage.stall", "exploded", 5);
	tried(b, "run", "b", "tier", "broke", 5);
	assert_int_equal(estate_finish(b, &a, &a, &e), 0);
	assert_int_equal(coverage_of_estate(e, kinds, 2, &a, &a, &c), 0);
	assert_int_equal(c.kind_count, 4);
	assert_string_equal(c.kinds[1], "reset_peer");
	assert_string_equal(c.kinds[2], "corrupt");
	uint32_t web = estate_lookup(e, "web"), la = estate_line(e, web, estate_lookup(e, "a")), lb = estate_line(e, web, estate_lookup(e, "b"));

	assert_int_equal(coverage_at(&c, la, 0), COVERAGE_SURVIVED);
	assert_int_equal(coverage_at(&c, la, 1), COVERAGE_NEVER);
	assert_int_equal(coverage_at(&c, lb, 0), COVERAGE_HEALED);
	assert_int_equal(coverage_at(&c, lb, 2), COVERAGE_BROKE);
	assert_int_equal(coverage_at(&c, lb, 3), COVERAGE_NEVER);
	assert_int_equal(c.unread, 1);
	assert_int_equal(c.cell_count, 3);
	assert_string_equal(c.cells[0].fact->where, "runs/x");
	assert_int_equal(c.by_outcome[COVERAGE_NEVER], 1);
	assert_int_equal(c.total[COVERAGE_NEVER], 9);
	assert_int_equal(c.total[COVERAGE_BROKE], 1);
	assert_string_equal(coverage_word(COVERAGE_HEALED), "healed");
	assert_int_equal(coverage_outcome_of("broke"), COVERAGE_BROKE);
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_latest_run_counts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
