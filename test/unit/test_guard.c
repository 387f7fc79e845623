/* SPDX-License-Identifier: MIT */
/* test_guard.c - abort_if: when a guard trips, and when it must not. */
#include "unit.h"

#include "run/guard.h"

static struct experiment x = {
	.process_names = { "redis" },
	.probe_names = { "up" },
};

static struct oplog_op
op(fl_ns end, fl_ns took, enum oplog_error error)
{
	return (struct oplog_op){ .invoke = end - took, .due = end - took, .complete = end, .error = (uint8_t)error,
		.outcome = error == OPLOG_NONE ? HISTORY_OK : HISTORY_FAIL };
}

static void
feed(struct guard *g, fl_ns from, fl_ns to, fl_ns every, fl_ns took, enum oplog_error error)
{
	for (fl_ns t = from; t < to; t += every) {
		struct oplog_op o = op(t, took, error);
		guard_op(g, &o);
	}
}

static void
test_errors_for_a_while(void **state)
{
	struct experiment_guard conf = { .kind = GUARD_ERRORS, .share = 0.5, .window = 2 * FL_SEC };
	struct guard g;
	char why[160];
	(void)state;

	assert_int_equal(guard_init(&g, &conf), 0);
	feed(&g, 0, 1900 * FL_MS, 10 * FL_MS, FL_MS, OPLOG_RESET);
	/* all fail, but not for two seconds yet */
	assert_false(guard_tripped(&g, &x, 1850 * FL_MS, why));
	feed(&g, 1900 * FL_MS, 2500 * FL_MS, 10 * FL_MS, FL_MS, OPLOG_RESET);
	assert_true(guard_tripped(&g, &x, 2500 * FL_MS, why));
	assert_string_equal(why, "100.0% of the operations failed for 2 s (limit 50%)");
	/* it gets better: half of the window is well */
	feed(&g, 2500 * FL_MS, 3700 * FL_MS, 10 * FL_MS, FL_MS, OPLOG_NONE);
	assert_false(guard_tripped(&g, &x, 3700 * FL_MS, why));
	/* and the past is forgotten */
	feed(&g, 3700 * FL_MS, 9000 * FL_MS, 10 * FL_MS, FL_MS, OPLOG_NONE);
	feed(&g, 9000 * FL_MS, 9900 * FL_MS, 10 * FL_MS, FL_MS, OPLOG_RESET);
	assert_false(guard_tripped(&g, &x, 9900 * FL_MS, why));
	guard_fini(&g);
}

static void
test_few_operations_trip_nothing(void **state)
{
	struct experiment_guard conf = { .kind = GUARD_ERRORS, .share = 0.1, .window = FL_SEC };
	struct guard g;
	char why[160];
	(void)state;

	assert_int_equal(guard_init(&g, &conf), 0);
	feed(&g, 4100 * FL_MS, 5000 * FL_MS, 100 * FL_MS, FL_MS, OPLOG_RESET);
	assert_false(guard_tripped(&g, &x, 5000 * FL_MS, why));
	feed(&g, 4550 * FL_MS, 5000 * FL_MS, 100 * FL_MS, FL_MS, OPLOG_RESET);
	assert_true(guard_tripped(&g, &x, 5000 * FL_MS, why));
	guard_fini(&g);
}

static void
test_a_mismatch_is_no_error(void **state)
{
	struct experiment_guard conf = { .kind = GUARD_ERRORS, .share = 0.1, .window = FL_SEC };
	struct guard g;
	char why[160];
	(void)state;

	assert_int_equal(guard_init(&g, &conf), 0);
	feed(&g, 0, 3 * FL_SEC, 10 * FL_MS, FL_MS, OPLOG_MISMATCH);
	assert_false(guard_tripped(&g, &x, 3 * FL_SEC, why));
	guard_fini(&g);
}

static void
test_slow_for_a_while(void **state)
{
	struct experiment_guard conf = { .kind = GUARD_P99, .limit = 50 * FL_MS, .window = FL_SEC };
	struct guard g;
	char why[160];
	(void)state;

	assert_int_equal(guard_init(&g, &conf), 0);
	feed(&g, FL_SEC, 3 * FL_SEC, 10 * FL_MS, 50 * FL_MS, OPLOG_NONE);
	assert_false(guard_tripped(&g, &x, 3 * FL_SEC, why));
	feed(&g, 3 * FL_SEC, 3100 * FL_MS, 50 * FL_MS, 51 * FL_MS, OPLOG_NONE);
	assert_true(guard_tripped(&g, &x, 3100 * FL_MS, why));
	assert_string_equal(why, "p99 over 50 ms for 1 s");
	guard_fini(&g);
}

static void
test_probe_memory_exit(void **state)
{
	struct experiment_guard probe = { .kind = GUARD_PROBE, .probe = 0, .fails = 3 };
	struct experiment_guard memory = { .kind = GUARD_MEMORY, .process = 0, .bytes = 1000 };
	struct experiment_guard ended = { .kind = GUARD_EXIT, .process = 0 };
	struct guard g;
	char why[160];
	(void)state;

	assert_int_equal(guard_init(&g, &probe), 0);
	for (int i = 0; i < 2; i++)
		guard_probe(&g, 0, false);
	guard_probe(&g, 0, true);
	for (int i = 0; i < 2; i++)
		guard_probe(&g, 0, false);
	guard_probe(&g, 1, false);
	assert_false(guard_tripped(&g, &x, FL_SEC, why));
	guard_probe(&g, 0, false);
	assert_true(guard_tripped(&g, &x, FL_SEC, why));
	assert_string_equal(why, "the probe \"up\" failed 3 times in a row");
	guard_fini(&g);
	assert_int_equal(guard_init(&g, &memory), 0);
	guard_memory(&g, 0, 1000);
	guard_memory(&g, 1, 2000);
	assert_false(guard_tripped(&g, &x, FL_SEC, why));
	guard_memory(&g, 0, 1001);
	assert_true(guard_tripped(&g, &x, FL_SEC, why));
	guard_fini(&g);
	assert_int_equal(guard_init(&g, &ended), 0);
	assert_false(guard_tripped(&g, &x, FL_SEC, why));
	guard_exit(&g, 1);
	assert_false(guard_tripped(&g, &x, FL_SEC, why));
	guard_exit(&g, 0);
	assert_true(guard_tripped(&g, &x, FL_SEC, why));
	guard_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_for_a_while),
		cmocka_unit_test(test_few_operations_trip_nothing),
		cmocka_unit_test(test_a_mismatch_is_no_error),
		cmocka_unit_test(test_slow_for_a_while),
		cmocka_unit_test(test_probe_memory_exit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
