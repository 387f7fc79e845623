/* SPDX-License-Identifier: MIT */
/* test_control_access_log.c - lines reach their files whole, rotated files are opened anew, what cannot be written is counted. */
#include "base/buf.h"
#include "control/access_log.h"
#include "io/file.h"
#include "unit.h"

#include <fcntl.h>

static char dir[64];
static struct log quiet;
static struct access_log *a;

static int
start(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/faultline-access-XXXXXX");
	assert_non_null(mkdtemp(dir));
	log_init(&quiet, open("/dev/null", O_WRONLY), LOG_ERROR);
	return access_log_new(&quiet, &a);
}

static void
end(void)
{
	access_log_free(a);
	a = NULL;
}

static int
stop(void **state)
{
	char command[128];

	(void)state;
	end();
	close(quiet.fd);
	log_fini(&quiet);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static const char *
path(const char *name)
{
	static char text[4][128];
	static unsigned next;
	char *p = text[next++ % 4];

	snprintf(p, sizeof(text[0]), "%s/%s", dir, name);
	return p;
}

static void
holds(const char *name, const char *expected)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(path(name), &b), 0);
	assert_string_equal(buf_str(&b), expected);
	buf_fini(&b);
}

static void
put(const char *name, const char *line)
{
	assert_true(access_log_put(a, path(name), line, strlen(line)));
}

/* Until the writer has dealt with so many lines. */
static struct access_log_counters
settled(uint64_t lines)
{
	struct access_log_counters c;

	do {
		access_log_kick(a);
		access_log_counters(a, &c);
	} while (c.written + c.dropped < lines);
	return c;
}

static void
test_files(void **state)
{
	struct access_log_counters c;

	(void)state;
	put("x", "one\n");
	put("y", "two\n");
	put("x", "three\n");
	access_log_kick(a);
	c = settled(3);
	assert_int_equal(c.written, 3);
	end();
	holds("x", "one\nthree\n");
	holds("y", "two\n");
}

static void
test_rotation(void **state)
{
	(void)state;
	put("x", "one\n");
	settled(1);
	assert_int_equal(rename(path("x"), path("x.1")), 0);
	put("x", "two\n");
	settled(2);
	access_log_reopen(a);
	put("x", "three\n");
	settled(3);
	end();
	holds("x.1", "one\ntwo\n");
	holds("x", "three\n");
}

static void
test_end_writes(void **state)
{
	(void)state;
	put("x", "one\n");
	end();
	holds("x", "one\n");
}

static void
test_full_disk(void **state)
{
	struct access_log_counters c;

	(void)state;
	assert_true(access_log_put(a, "/dev/full", "one\n", 4));
	assert_true(access_log_put(a, "/nowhere/at/all", "one\n", 4));
	put("x", "two\n");
	c = settled(3);
	assert_int_equal(c.written, 1);
	assert_int_equal(c.dropped, 2);
	end();
	holds("x", "two\n");
}

static void
test_too_much(void **state)
{
	static char line[ACCESS_LOG_BUFFER_BYTES + 2];
	struct access_log_counters c;
	char name[16];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_false(access_log_put(a, path("x"), line, sizeof(line)));
	for (unsigned i = 0; i < ACCESS_LOG_FILES_MAX - 1; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		put(name, "line\n");
	}
	assert_false(access_log_put(a, path("one-more"), "line\n", 5));
	c = settled(ACCESS_LOG_FILES_MAX + 1);
	assert_int_equal(c.dropped, 2);
}

/* A file that may not grow further: the part of a line that was written is taken out again. */
static void
test_cut(void **state)
{
	struct rlimit before, small = { .rlim_cur = 10, .rlim_max = RLIM_INFINITY };
	struct access_log_counters c;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put("x", "12345\n12345\n");
	c = settled(1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(c.written, 1);
	end();
	holds("x", "12345\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, start, stop),
		cmocka_unit_test_setup_teardown(test_rotation, start, stop),
		cmocka_unit_test_setup_teardown(test_end_writes, start, stop),
		cmocka_unit_test_setup_teardown(test_full_disk, start, stop),
		cmocka_unit_test_setup_teardown(test_too_much, start, stop),
		cmocka_unit_test_setup_teardown(test_cut, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
