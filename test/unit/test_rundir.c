/* SPDX-License-Identifier: MIT */
/* test_rundir.c - run directories, the files in them, and what faults did as a report tells it. */
#include "unit.h"

#include "io/append.h"
#include "io/dir.h"
#include "io/file.h"
#include "run/effects.h"
#include "run/rundir.h"

#include <errno.h>
#include <sys/stat.h>

static char root[64];

static int
setup(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/fl-rundir-XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return dir_remove(root);
}

static const char *
in_root(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void
test_a_directory_of_its_own(void **state)
{
	struct rundir a, b;
	char error[RUNDIR_ERROR_MAX], runs[128];
	struct buf text;
	(void)state;

	snprintf(runs, sizeof(runs), "%s/x/y", root);
	/* 2026-03-04 05:06:07 UTC */
	assert_int_equal(rundir_new(runs, NULL, "My test: 1/2", 42, INT64_C(1772600767) * FL_SEC, &a, error), 0);
	assert_non_null(strstr(a.path, "/x/y/My-test-1-2-20260304T050607Z-42"));
	assert_int_equal(rundir_new(runs, NULL, "My test: 1/2", 42, INT64_C(1772600767) * FL_SEC, &b, error), 0);
	assert_non_null(strstr(b.path, "-42-2"));
	assert_int_equal(access(a.data, F_OK), 0);
	assert_int_equal(rundir_write(&a, "f", "hello", 5), 0);
	buf_init(&text, 100);
	assert_int_equal(file_read(rundir_file(&a, "f"), &text), 0);
	assert_string_equal(buf_str(&text), "hello");
	assert_int_equal(rundir_write(&a, "no/such", "x", 1), -ENOENT);
	buf_fini(&text);
	rundir_fini(&a);
	rundir_fini(&b);
}

static void
test_names_are_made_safe(void **state)
{
	struct rundir d;
	char error[RUNDIR_ERROR_MAX];
	(void)state;

	assert_int_equal(rundir_new(root, NULL, "../..", 1, 0, &d, error), 0);
	assert_non_null(strstr(d.path, "/run-19700101T000000Z-1"));
	rundir_fini(&d);
}

static void
test_no_place(void **state)
{
	struct rundir d;
	char error[RUNDIR_ERROR_MAX];
	(void)state;

	assert_int_equal(rundir_new("/dev/null/x", NULL, "n", 1, 0, &d, error), -ENOTDIR);
	assert_string_equal(error, "/dev/null/x: the run directory cannot be made there: Not a directory");
}

static void
test_appending_keeps_its_first_error(void **state)
{
	struct append a;
	struct buf text;
	(void)state;

	assert_int_equal(append_open(&a, in_root("log")), 0);
	for (int i = 0; i < 50000; i++) {
		buf_printf(&a.out, "line %d\n", i);
		assert_int_equal(append_kick(&a), 0);
	}
	assert_int_equal(append_close(&a), 0);
	assert_int_equal(append_close(&a), 0);
	buf_init(&text, 1u << 20);
	assert_int_equal(file_read(in_root("log"), &text), 0);
	assert_int_equal(buf_len(&text), 10 * 7 + 90 * 8 + 900 * 9 + 9000 * 10 + 40000 * 11);
	assert_memory_equal(buf_data(&text) + buf_len(&text) - 11, "line 49999\n", 11);
	buf_fini(&text);
	assert_int_equal(append_open(&a, "/dev/full"), 0);
	buf_puts(&a.out, "x");
	assert_int_equal(append_flush(&a), -ENOSPC);
	buf_puts(&a.out, "more");
	assert_int_equal(append_kick(&a), -ENOSPC);
	assert_int_equal(append_close(&a), -ENOSPC);
	assert_int_equal(append_open(&a, in_root("no/such")), -ENOENT);
	buf_puts(&a.out, "x");
	assert_int_equal(append_flush(&a), -ENOENT);
	assert_int_equal(append_close(&a), -ENOENT);
}

static void
test_directories_go_with_all_that_is_in_them(void **state)
{
	char link[256];
	(void)state;

	assert_int_equal(dir_make(in_root("a/b/c")), 0);
	assert_int_equal(dir_make(in_root("a/b/c")), 0);
	assert_int_equal(dir_make_new(in_root("a")), -EEXIST);
	assert_int_equal(dir_make(in_root("kept")), 0);
	snprintf(link, sizeof(link), "%s", in_root("a/b/link"));
	assert_int_equal(symlink(in_root("kept"), link), 0);
	assert_int_equal(dir_remove(in_root("a")), 0);
	assert_int_equal(access(in_root("a"), F_OK), -1);
	assert_int_equal(access(in_root("kept"), F_OK), 0);
	assert_int_equal(dir_remove(in_root("a")), 0);
}

static void
test_the_end_of_a_log(void **state)
{
	struct append a;
	char tail[20];
	uint64_t size;
	(void)state;

	assert_int_equal(append_open(&a, in_root("log")), 0);
	buf_puts(&a.out, "first line\nsecond\nthird\n");
	assert_int_equal(append_close(&a), 0);
	assert_int_equal(dir_file_tail(in_root("log"), tail, sizeof(tail), &size), 13);
	assert_string_equal(tail, "second\nthird\n");
	assert_int_equal(size, 24);
	assert_int_equal(dir_file_tail(in_root("none"), tail, sizeof(tail), &size), 0);
	assert_string_equal(tail, "");
	assert_int_equal(size, 0);
}

static void
happen(struct effects *e, uint64_t fault, const char *what, uint64_t conn, int64_t value, unsigned life)
{
	struct proxy_event ev = { .fault_id = fault, .what = what, .conn_ordinal = conn, .value = value };

	assert_int_equal(effects_add(e, &ev, life), 0);
}

static void
test_effects_of_faults(void **state)
{
	struct effects e;
	struct arena mem;
	struct result_fault f = { 0 };
	(void)state;

	arena_init(&mem, 1u << 20);
	assert_int_equal(effects_init(&e, 2), 0);
	happen(&e, 0, "open", 1, 0, 1);
	happen(&e, 9, "delay", 1, 0, 1);        /* of a fault that is none of ours */
	happen(&e, 1, "applies", 1, 77, 1);
	happen(&e, 2, "applies", 1, 77, 1);
	assert_int_equal(effects_report(&e, 0, &mem, &f), 0);
	assert_false(f.landed);
	assert_int_equal(f.connections, 1);
	happen(&e, 1, "delay", 1, 5 * FL_MS, 1);
	happen(&e, 1, "delay", 1, 7 * FL_MS, 1);
	happen(&e, 1, "delay", 1, 6 * FL_MS, 2);        /* the same ordinal after the line was down: another connection */
	happen(&e, 1, "cut", 2, 100, 1);
	assert_int_equal(effects_report(&e, 0, &mem, &f), 0);
	assert_true(f.landed);
	assert_int_equal(f.times, 4);
	assert_int_equal(f.connections, 3);
	assert_int_equal(f.did_count, 2);
	assert_string_equal(f.did[0].name, "delay");
	assert_string_equal(f.did[0].text, "3 times on 2 connections, 5 ms .. 7 ms");
	assert_string_equal(f.did[1].text, "1 time on 1 connection, 100 B");
	effects_fini(&e);
	arena_fini(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_directory_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names_are_made_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_place, setup, teardown),
		cmocka_unit_test_setup_teardown(test_appending_keeps_its_first_error, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directories_go_with_all_that_is_in_them, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_of_a_log, setup, teardown),
		cmocka_unit_test(test_effects_of_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
