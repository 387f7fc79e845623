/* SPDX-License-Identifier: MIT */
/* test_process.c - processes are started, signalled and watched, and nothing of them is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "io/port.h"
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
	struct process_set *set;
	char dir[64], log[96];
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "/tmp/fl-process-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->log, sizeof(f->log), "%s/log", f->dir);
	assert_int_equal(process_set_new(&f->set), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	process_set_free(f->set);
	unlink(f->log);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int
start(struct fixture *f, uint32_t id, const char *const *argv, pid_t *pid, char *error)
{
	static const char *const env[] = { "FL_TEST_WORD=hello", NULL };
	struct process_start s = { .id = id, .argv = argv, .env = env, .cwd = f->dir, .log = f->log };

	return process_start(f->set, &s, pid, error);
}

static struct process_exit
await_exit(struct process_set *set)
{
	struct process_exit e = { 0 };
	int rc;

	while ((rc = process_exited(set, &e)) == 0) {
		struct pollfd p = { .fd = process_set_fd(set), .events = POLLIN };
		assert_int_equal(poll(&p, 1, 20000), 1);
	}
	assert_int_equal(rc, 1);
	return e;
}

static char *
slurp(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

/* Does the process exist and has it not ended? Zombies of somebody else's do not count. */
static bool
is_alive(pid_t pid)
{
	char path[64], text[512], *p;
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strrchr(text, ')');
	return p != NULL && p[2] != 'Z' && p[2] != 'X';
}

/* Wait until it is gone; false after 20 s. */
static bool
goes_away(pid_t pid)
{
	for (int i = 0; i < 2000 && is_alive(pid); i++)
		poll(NULL, 0, 10);
	return !is_alive(pid);
}

/* Wait until a file has a whole line in it, and return the number it is. */
static pid_t
await_pid(const char *path)
{
	for (int i = 0; i < 2000 && strchr(slurp(path), '\n') == NULL; i++)
		poll(NULL, 0, 10);
	return (pid_t)strtol(slurp(path), NULL, 10);
}

static void
test_output_env_cwd_and_exit_code(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c", "echo $FL_TEST_WORD; pwd >&2; read x || echo no input; exit 7", NULL };
	char error[PROCESS_ERROR_MAX], want[256], say[64];
	struct process_exit e;
	pid_t pid = 0;

	assert_int_equal(start(f, 3, argv, &pid, error), 0);
	assert_true(pid > 0);
	e = await_exit(f->set);
	assert_int_equal(e.id, 3);
	assert_int_equal(e.pid, pid);
	assert_string_equal(process_status_text(e.status, say, sizeof(say)), "exited with 7");
	snprintf(want, sizeof(want), "hello\n%s\nno input\n", f->dir);
	assert_string_equal(slurp(f->log), want);
}

static void
test_what_cannot_start_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *const missing[] = { "/nonexistent/program", NULL };
	const char *const fine[] = { "true", NULL };
	char error[PROCESS_ERROR_MAX];
	struct process_start s = { .id = 1, .argv = fine, .cwd = "/nonexistent", .log = f->log };
	pid_t pid = -1;

	assert_int_equal(start(f, 1, missing, &pid, error), -ENOENT);
	assert_string_equal(error, "exec: No such file or directory");
	assert_int_equal(process_start(f->set, &s, &pid, error), -ENOENT);
	assert_string_equal(error, "cwd: No such file or directory");
	s.cwd = NULL;
	s.log = "/nonexistent/log";
	assert_int_equal(process_start(f->set, &s, &pid, error), -ENOENT);
	assert_string_equal(error, "log: No such file or directory");
	assert_int_equal(pid, -1);
	/* and the supervisor still serves */
	assert_int_equal(start(f, 1, fine, &pid, error), 0);
	assert_int_equal(await_exit(f->set).status, 0);
}

static void
test_requests_too_large_are_refused(void **state)
{
	struct fixture *f = *state;
	static char huge[80000];
	const char *const argv[] = { "echo", huge, NULL };
	char error[PROCESS_ERROR_MAX];
	pid_t pid;

	memset(huge, 'x', sizeof(huge) - 1);
	assert_int_equal(start(f, 1, argv, &pid, error), -E2BIG);
}

static void
test_signals_reach_the_whole_group(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c", "sleep 1000 & echo $!; wait", NULL };
	char error[PROCESS_ERROR_MAX], say[64];
	struct process_exit e;
	pid_t pid, inner;

	assert_int_equal(start(f, 9, argv, &pid, error), 0);
	inner = await_pid(f->log);
	assert_true(is_alive(inner));
	assert_true(process_memory_bytes(pid) > 0);
	assert_int_equal(process_signal(f->set, 9, SIGKILL), 0);
	e = await_exit(f->set);
	assert_string_equal(process_status_text(e.status, say, sizeof(say)), "killed by SIGKILL");
	assert_true(goes_away(inner));
	assert_int_equal(process_memory_bytes(pid), 0);
	/* one that has ended is not signalled, and that is no error */
	assert_int_equal(process_signal(f->set, 9, SIGKILL), 0);
}

static void
test_free_kills_even_those_that_fled(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c", "setsid sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1000; done' & sleep 1000", NULL };
	char error[PROCESS_ERROR_MAX];
	pid_t pid, fled;

	assert_int_equal(start(f, 1, argv, &pid, error), 0);
	fled = await_pid(f->log);
	assert_true(is_alive(fled));
	process_set_free(f->set);
	f->set = NULL;
	assert_false(is_alive(pid));
	assert_false(is_alive(fled));
}

/* The runner is killed with SIGKILL: what it started goes, a daemonized grandchild included. */
static void
test_nothing_survives_a_killed_runner(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "sh", "-c", "setsid sleep 1000 & echo $!; sleep 1000", NULL };
	char error[PROCESS_ERROR_MAX];
	int pids[2];
	pid_t runner, direct, fled;

	assert_int_equal(pipe(pids), 0);
	runner = fork();
	if (runner == 0) {
		struct process_set *mine;
		struct process_start s = { .id = 1, .argv = argv, .log = f->log };
		pid_t pid = 0;
		if (process_set_new(&mine) == 0 && process_start(mine, &s, &pid, error) == 0)
			(void)!write(pids[1], &pid, sizeof(pid));
		for (;;)
			pause();
	}
	assert_true(runner > 0);
	assert_int_equal(read(pids[0], &direct, sizeof(direct)), sizeof(direct));
	fled = await_pid(f->log);
	assert_true(is_alive(direct) && is_alive(fled));
	assert_int_equal(kill(runner, SIGKILL), 0);
	assert_int_equal(waitpid(runner, NULL, 0), runner);
	assert_true(goes_away(direct));
	assert_true(goes_away(fled));
	close(pids[0]);
	close(pids[1]);
}

static void
test_exits_during_a_start_are_kept(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "true", NULL };
	char error[PROCESS_ERROR_MAX];
	uint32_t seen = 0;
	pid_t pid;

	for (uint32_t id = 0; id < 20; id++)
		assert_int_equal(start(f, id, argv, &pid, error), 0);
	for (int i = 0; i < 20; i++)
		seen |= 1u << await_exit(f->set).id;
	assert_int_equal(seen, 0xfffff);
}

static void
test_signal_names(void **state)
{
	(void)state;
	assert_int_equal(process_signal_number("KILL"), SIGKILL);
	assert_int_equal(process_signal_number("SIGTERM"), SIGTERM);
	assert_int_equal(process_signal_number("15"), 15);
	assert_int_equal(process_signal_number("kill"), -EINVAL);
	assert_int_equal(process_signal_number(""), -EINVAL);
	assert_string_equal(process_signal_name(SIGSTOP), "SIGSTOP");
}

static void
test_ports_are_free_and_differ(void **state)
{
	int locks[20], ports[20];
	(void)state;

	for (int i = 0; i < 20; i++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ports[i] = port_reserve(&locks[i]);
		assert_true(ports[i] >= 1024 && ports[i] < 65536);
		a.sin_port = htons((uint16_t)ports[i]);
		assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
		close(fd);
		for (int j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
	}
	for (int i = 0; i < 20; i++)
		close(locks[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_output_env_cwd_and_exit_code, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_start_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_too_large_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals_reach_the_whole_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_kills_even_those_that_fled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_survives_a_killed_runner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exits_during_a_start_are_kept, setup, teardown),
		cmocka_unit_test(test_signal_names),
		cmocka_unit_test(test_ports_are_free_and_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
