/* SPDX-License-Identifier: MIT */
/* test_command.c - commands of a shell: their input, their log, their end. */
#include "unit.h"

#include "io/clock.h"
#include "io/command.h"
#include "io/file.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/command-XXXXXX", log_path[64];

static int
setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(log_path);
	return rmdir(dir);
}

static int
runs(const char *text, const void *input, size_t n)
{
	struct command c;
	int status = -1;

	assert_int_equal(command_start(&c, text, input, n, log_path), 0);
	assert_int_equal(command_wait(&c, clock_mono() + 60 * FL_SEC, &status), 0);
	assert_int_equal(c.pid, 0);
	return status;
}

static void
test_ends(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(runs("exit 0", NULL, 0)), 0);
	assert_int_equal(WEXITSTATUS(runs("exit 7", NULL, 0)), 7);
	assert_int_equal(WEXITSTATUS(runs("no-such-command-there-is", NULL, 0)), 127);
	assert_int_equal(WTERMSIG(runs("kill -9 $$", NULL, 0)), SIGKILL);
}

static void
test_input_and_log(void **state)
{
	static char big[300000];
	struct buf b;

	(void)state;
	(void)unlink(log_path);
	assert_int_equal(runs("cat", "two\nlines\n", 10), 0);
	assert_int_equal(runs("cat; echo error >&2", NULL, 0), 0);
	memset(big, 'x', sizeof(big));
	assert_int_equal(runs("wc -c", big, sizeof(big)), 0);
	buf_init(&b, 1 << 20);
	assert_int_equal(file_read(log_path, &b), 0);
	assert_string_equal(buf_str(&b), "two\nlines\nerror\n300000\n");
	buf_fini(&b);
}

/* What it started itself goes with it; it takes no descriptors of ours along. */
static void
test_kill(void **state)
{
	struct command c;
	int status, out[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(out), 0);
	assert_int_equal(command_start(&c, "sleep 1000 & sleep 1000; true", NULL, 0, NULL), 0);
	pid_t pid = c.pid;
	close(out[1]);
	assert_int_equal(read(out[0], &byte, 1), 0);
	close(out[0]);
	assert_int_equal(command_wait(&c, clock_mono(), &status), -ETIMEDOUT);
	assert_false(command_ended(&c, &status));
	command_kill(&c);
	command_kill(&c);
	fl_ns end = clock_mono() + 60 * FL_SEC;
	while (kill(-pid, 0) == 0 && clock_mono() < end)        /* the orphan waits for whoever takes it */
		(void)poll(NULL, 0, 1);
	assert_int_equal(c.pid, 0);
}

static void
test_no_log(void **state)
{
	struct command c;

	(void)state;
	assert_int_equal(command_start(&c, "true", NULL, 0, "/no/such/directory/log"), -ENOENT);
	assert_int_equal(c.pid, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_input_and_log),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_no_log),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
