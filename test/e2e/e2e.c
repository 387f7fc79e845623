/* SPDX-License-Identifier: MIT */
/*
 * e2e.c - run scripts against the real program: servers, clients and the API around it, after the manner of varnishtest.
 *
 *   e2e [-j JOBS] [-t SECONDS] [-v] [--program PATH] SCRIPT...     one line per script, then "N passed, N failed, N skipped"
 *   e2e --canary SCRIPT...                                         every script must fail: does this tool notice?
 *
 * A script is a list of commands: test TEXT, feature files N | ipv6, faultline, kill, restart, cli (daemon.h), line, toxic,
 * api (rest.h), server, client (peer.h, step.h), swarm (swarm.h), barrier, sync, expect, mark, elapsed (vars.h),
 * file PATH TEXT, await PATH [-without] REGEX.
 * ${tmp} is a directory of the script's own.
 *
 *  (1) Each script runs in a process and process group of its own, which is ended whole when the script has ended: nothing
 *      that a script started outlives it.
 *  (2) A script that hangs fails after SECONDS; nothing else depends on time.
 */
#include "daemon.h"
#include "fail.h"
#include "peer.h"
#include "rest.h"
#include "sock.h"
#include "swarm.h"
#include "vars.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 16

struct job {
	const char *script;
	pid_t pid;
	int pidfd;
	char dir[64], log[96];
	int64_t deadline_ns;
	bool late;
};

static struct {
	const char *program;
	int jobs;
	int64_t limit_ns;
	bool verbose, canary;
} opt = { .jobs = 4, .limit_ns = INT64_C(60) * 1000000000 };

static unsigned passed, failed, skipped;

/* ---- inside a script's process ---- */

static void
feature(const struct command *c)
{
	struct rlimit r;
	rlim_t need;

	if (words_is(c, 1, "files")) {
		need = (rlim_t)words_number(c, 2, "count");
		if (getrlimit(RLIMIT_NOFILE, &r) != 0)
			fail_test("getrlimit: %s", strerror(errno));
		r.rlim_max = r.rlim_max < need ? need : r.rlim_max;
		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) != 0)
			fail_skip("%llu descriptors are needed", (unsigned long long)need);
	} else if (words_is(c, 1, "ipv6")) {
		if (access("/proc/net/if_inet6", R_OK) != 0)
			fail_skip("no IPv6 here");
	} else {
		fail_test("unknown feature");
	}
}

/* file PATH {text}: write a file. */
static void
write_file(const struct command *c)
{
	const char *path = words_need(c, 1, "path");
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(vars_expand(words_need(c, 2, "text")), f) < 0 || fclose(f) != 0)
		fail_test("%s: %s", path, strerror(errno));
}

/* await PATH [-without] REGEX: until the file is there and its text matches (or does not). */
static void
await_file(const struct command *c)
{
	bool without = words_is(c, 2, "-without");
	const char *path = words_need(c, 1, "path"), *regex = words_need(c, 2 + without, "expression");

	for (bool found = false; !found; poll(NULL, 0, found ? 0 : 2)) {
		FILE *f = fopen(path, "r");
		char text[65536] = "";

		if (f != NULL && fread(text, 1, sizeof(text) - 1, f) > 0)
			found = vars_matches(text, regex) != without;
		if (f != NULL)
			fclose(f);
	}
}

/* false: no such command here. */
static bool
plain_command(const struct command *c)
{
	if (words_is(c, 0, "test"))
		fail_log("%s", words_need(c, 1, "what it tests"));
	else if (words_is(c, 0, "feature"))
		feature(c);
	else if (words_is(c, 0, "file"))
		write_file(c);
	else if (words_is(c, 0, "await"))
		await_file(c);
	else if (words_is(c, 0, "barrier"))
		vars_barrier(c);
	else if (words_is(c, 0, "sync"))
		vars_sync(words_need(c, 1, "name"));
	else if (words_is(c, 0, "expect"))
		vars_expect(c);
	else if (words_is(c, 0, "mark"))
		vars_mark(words_need(c, 1, "name"));
	else if (words_is(c, 0, "elapsed"))
		vars_set_elapsed(words_need(c, 1, "variable"), vars_since_mark(words_need(c, 2, "mark")));
	else
		return false;
	return true;
}

static void
run_command(struct command *c)
{
	vars_expand_words(c);
	if (plain_command(c))
		return;
	if (words_is(c, 0, "server") || words_is(c, 0, "client"))
		peer_command(c);
	else if (words_is(c, 0, "faultline"))
		daemon_command(c);
	else if (words_is(c, 0, "kill"))
		daemon_kill(c);
	else if (words_is(c, 0, "restart"))
		daemon_restart(c);
	else if (words_is(c, 0, "cli"))
		daemon_cli(c);
	else if (words_is(c, 0, "api"))
		rest_api(c);
	else if (words_is(c, 0, "line"))
		rest_line(c);
	else if (words_is(c, 0, "toxic"))
		rest_toxic(c);
	else if (words_is(c, 0, "swarm"))
		swarm_command(c);
	else
		fail_test("unknown command %s", c->word[0].text);
}

static char *
read_script(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0;

	if (f == NULL || getdelim(&text, &n, '\0', f) < 0)
		fail_test("%s", strerror(errno));
	fclose(f);
	return text;
}

static _Noreturn void
run_script(const struct job *j)
{
	struct words w = { .line = 1 };
	struct command c;
	int fd = open(j->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	fail_script(j->script);
	daemon_setup(opt.program, j->dir);
	vars_set("tmp", j->dir);
	w.at = read_script(j->script);
	while (words_next(&w, &c)) {
		fail_at("", c.line);
		run_command(&c);
	}
	peer_wait_all();
	daemon_finish_all();
	_exit(0);
}

/* ---- the parent ---- */

static void
job_start(struct job *j, const char *script)
{
	char dir[] = "/tmp/e2e-XXXXXX";

	*j = (struct job){ .script = script, .deadline_ns = vars_now_ns() + opt.limit_ns };
	if (mkdtemp(dir) == NULL) {
		perror("e2e: mkdtemp");
		exit(2);
	}
	memcpy(j->dir, dir, sizeof(dir));
	snprintf(j->log, sizeof(j->log), "%s/script.out", dir);
	fflush(stdout);
	j->pid = fork();
	if (j->pid < 0) {
		perror("e2e: fork");
		exit(2);
	}
	if (j->pid == 0)
		run_script(j);
	setpgid(j->pid, j->pid);
	j->pidfd = (int)syscall(SYS_pidfd_open, j->pid, 0);
	if (j->pidfd < 0) {
		perror("e2e: pidfd_open");
		exit(2);
	}
}

static void
print_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		printf("    %s", line);
	if (f != NULL)
		fclose(f);
}

/* Print the logs (if asked) and remove the directory; scripts make no sub-directories but sockets, logs and state files. */
static void
clean(const struct job *j, bool print)
{
	struct dirent *e;
	char path[400];
	DIR *d = opendir(j->dir);

	if (print)
		print_file(j->log);
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", j->dir, e->d_name);
		if (print && strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".log") == 0) {
			printf("    ---- %s\n", e->d_name);
			print_file(path);
		}
		unlink(path);
	}
	if (d != NULL)
		closedir(d);
	rmdir(j->dir);
}

static void
job_end(struct job *j)
{
	int status;
	bool skip, good;

	kill(-j->pid, SIGKILL);         /* what the script left running; the pid is ours until it is waited for */
	if (waitpid(j->pid, &status, 0) != j->pid)
		status = 1 << 8;
	close(j->pidfd);
	skip = WIFEXITED(status) && WEXITSTATUS(status) == FAIL_EXIT_SKIPPED;
	good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !j->late;
	if (opt.canary && !skip)
		good = !good && !j->late;
	passed += good && !skip;
	failed += !good && !skip;
	skipped += skip;
	printf("%s %s%s\n", skip ? "skip" : good ? "ok  " : "FAIL", j->script, j->late ? " (time is up)" : "");
	clean(j, opt.verbose || skip || !good);
	j->pid = 0;
}

/* Wait until a job has ended, or is late and was ended. */
static void
reap(struct job *jobs)
{
	struct pollfd fds[JOBS_MAX];

	for (;;) {
		int64_t now = vars_now_ns(), wait = INT64_C(1000) * 1000000;

		for (int i = 0; i < opt.jobs; i++) {
			fds[i] = (struct pollfd){ .fd = jobs[i].pid == 0 ? -1 : jobs[i].pidfd, .events = POLLIN };
			if (jobs[i].pid == 0 || jobs[i].late)
				continue;
			if (now >= jobs[i].deadline_ns) {
				jobs[i].late = true;
				kill(-jobs[i].pid, SIGKILL);
			} else if (jobs[i].deadline_ns - now < wait) {
				wait = jobs[i].deadline_ns - now;
			}
		}
		if (poll(fds, (nfds_t)opt.jobs, (int)(wait / 1000000) + 1) <= 0)
			continue;
		for (int i = 0; i < opt.jobs; i++) {
			if (fds[i].revents == 0)
				continue;
			job_end(&jobs[i]);
			return;
		}
	}
}

static void
run_all(char **scripts, int count)
{
	struct job jobs[JOBS_MAX] = { 0 };
	int next = 0, running = 0;

	while (next < count || running > 0) {
		for (int i = 0; i < opt.jobs && next < count; i++) {
			if (jobs[i].pid != 0)
				continue;
			job_start(&jobs[i], scripts[next++]);
			running++;
		}
		reap(jobs);
		running--;
	}
}

static const char *
default_program(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	/* build/V/test/e2e/e2e -> build/V/faultline */
	for (int up = 0; up < 3 && n > 0; up++)
		while (n > 0 && path[--n] != '/')
			;
	memcpy(path + (n > 0 ? n : 0), "/faultline", sizeof("/faultline"));
	return path;
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: e2e [-j JOBS] [-t SECONDS] [-v] [--program PATH] [--canary] SCRIPT...\n");
	exit(2);
}

/* returns the index of the first script. */
static int
options(int argc, char **argv)
{
	int i = 1;

	opt.program = default_program();
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-v") == 0)
			opt.verbose = true;
		else if (strcmp(argv[i], "--canary") == 0)
			opt.canary = true;
		else if (i + 1 >= argc)
			usage();
		else if (strcmp(argv[i], "-j") == 0)
			opt.jobs = (int)strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "-t") == 0)
			opt.limit_ns = strtol(argv[++i], NULL, 10) * INT64_C(1000000000);
		else if (strcmp(argv[i], "--program") == 0)
			opt.program = argv[++i];
		else
			usage();
	}
	if (i == argc || opt.jobs < 1 || opt.jobs > JOBS_MAX || opt.limit_ns <= 0)
		usage();
	return i;
}

int
main(int argc, char **argv)
{
	int first = options(argc, argv);

	if (access(opt.program, X_OK) != 0) {
		fprintf(stderr, "e2e: %s: %s\n", opt.program, strerror(errno));
		return 2;
	}
	run_all(argv + first, argc - first);
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed == 0 ? 0 : 1;
}
