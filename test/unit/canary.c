/* SPDX-License-Identifier: MIT */
/*
 * canary.c - goes wrong in the way it is told to, so that tools/run-tests can show that it notices.
 *
 *   canary fail|crash|hang|empty|liar|orphan
 *
 * Not named test_*: no wildcard takes it for a test.
 */
#include "unit.h"

static void
good(void **state)
{
	(void)state;
	assert_int_equal(1, 1);
}

static void
bad(void **state)
{
	(void)state;
	assert_int_equal(1, 2);
}

static void
left_out(void **state)
{
	(void)state;
	print_message("skip: canaries have no teeth\n");
	skip();
}

static void
die(void **state)
{
	(void)state;
	raise(SIGKILL);
}

static void
hang(void **state)
{
	(void)state;
	for (;;)
		pause();
}

/* Leaves a child behind that holds the output open. */
static void
leave_orphan(void **state)
{
	(void)state;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0)
		hang(NULL);
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "fail";
	const struct CMUnitTest fails[] = { cmocka_unit_test(good), cmocka_unit_test(bad), cmocka_unit_test(left_out) };
	const struct CMUnitTest crashes[] = { cmocka_unit_test(good), cmocka_unit_test(die), cmocka_unit_test(good) };
	const struct CMUnitTest hangs[] = { cmocka_unit_test(good), cmocka_unit_test(hang) };
	const struct CMUnitTest lies[] = { cmocka_unit_test(good) };
	const struct CMUnitTest orphans[] = { cmocka_unit_test(leave_orphan) };

	if (strcmp(how, "crash") == 0)
		return cmocka_run_group_tests(crashes, NULL, NULL);
	if (strcmp(how, "hang") == 0)
		return cmocka_run_group_tests(hangs, NULL, NULL);
	if (strcmp(how, "liar") == 0)
		return cmocka_run_group_tests(lies, NULL, NULL) + 3;
	if (strcmp(how, "orphan") == 0)
		return cmocka_run_group_tests(orphans, NULL, NULL);
	return strcmp(how, "empty") == 0 ? 0 : cmocka_run_group_tests(fails, NULL, NULL);
}
