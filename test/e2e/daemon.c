/* SPDX-License-Identifier: MIT */
/* daemon.c - see daemon.h. */
#include "daemon.h"
#include "fail.h"
#include "sock.h"
#include "vars.h"
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAEMONS_MAX 8
#define ARGS_MAX 24

struct daemon {
	char name[32], log[256], api[32];
	char *args[ARGS_MAX];
	int arg_count;
	pid_t pid;              /* 0: not running */
};

static struct daemon daemons[DAEMONS_MAX];
static size_t daemon_count;
static const char *program, *log_dir;

void
daemon_setup(const char *path, const char *dir)
{
	program = path;
	log_dir = dir;
}

static struct daemon *
find(const char *name, bool add)
{
	struct daemon *d;

	for (size_t i = 0; i < daemon_count; i++)
		if (strcmp(daemons[i].name, name) == 0)
			return &daemons[i];
	if (!add || daemon_count == DAEMONS_MAX)
		fail_test("no faultline %s, or more than %d", name, DAEMONS_MAX);
	d = &daemons[daemon_count++];
	snprintf(d->name, sizeof(d->name), "%s", name);
	snprintf(d->log, sizeof(d->log), "%s/%s.log", log_dir, name);
	return d;
}

const char *
daemon_api(const char *name)
{
	return find(name, false)->api;
}

/* Run argv with output to a file. url: of the API, for the command line; or NULL. */
static pid_t
spawn(char *const *argv, const char *path, const char *log, bool append, const char *url)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0600);
	pid_t pid;

	if (fd < 0)
		fail_test("%s: %s", log, strerror(errno));
	pid = fork();
	if (pid < 0)
		fail_test("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		if (url != NULL) {
			setenv("TOXIPROXY_URL", url, 1);
			setenv("FAULTLINE_URL", url, 1);
		}
		execv(path, argv);
		_exit(126);
	}
	close(fd);
	return pid;
}

static int
wait_for(pid_t pid, int flags, bool *ret_ended)
{
	int status = 0;
	pid_t r;

	do
		r = waitpid(pid, &status, flags);
	while (r < 0 && errno == EINTR);
	*ret_ended = r == pid;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *
read_log(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1 << 20);

	if (f == NULL || text == NULL)
		fail_test("%s: %s", path, strerror(errno));
	if (fread(text, 1, (1 << 20) - 1, f) == 0)
		text[0] = '\0';
	fclose(f);
	return text;
}

/* The last part of a log, for messages. */
static const char *
tail(const char *text)
{
	size_t n = strlen(text);

	return n > 1200 ? text + n - 1200 : text;
}

static pid_t
launch(struct daemon *d, unsigned port)
{
	char *argv[ARGS_MAX + 6] = { (char *)program, "serve", "--port" }, text[16];
	int n = 4;

	snprintf(text, sizeof(text), "%u", port);
	argv[3] = text;
	for (int i = 0; i < d->arg_count; i++)
		argv[n++] = d->args[i];
	snprintf(d->api, sizeof(d->api), "127.0.0.1:%u", port);
	return spawn(argv, program, d->log, true, NULL);
}

/* Wait until the API accepts. false: the program ended before. */
static bool
ready(struct daemon *d, pid_t pid, int *ret_code)
{
	struct pollfd gone = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	bool ended = false;
	int fd;

	for (;;) {
		fd = sock_connect(d->api, NULL);
		*ret_code = wait_for(pid, WNOHANG, &ended);
		if (fd >= 0)
			close(fd);
		if (ended || fd >= 0)
			break;
		poll(&gone, 1, 2);              /* until it ends, or it is time for another look */
	}
	close(gone.fd);
	return !ended;
}

static void
start(struct daemon *d, unsigned port)
{
	char name[48], text[16];
	int code = 0;

	if (d->pid != 0)
		fail_test("%s runs already", d->name);
	/* Somebody may take a free port before the program does: then another one. */
	for (int attempt = 0; d->pid == 0; attempt++) {
		pid_t pid = launch(d, port);

		if (ready(d, pid, &code))
			d->pid = pid;
		else if (attempt == 2 || strstr(read_log(d->log), "in use") == NULL)
			fail_test("%s ended at start with %d:\n%s", d->name, code, tail(read_log(d->log)));
		else
			port = sock_free_port();
	}
	snprintf(name, sizeof(name), "%s_api", d->name);
	vars_set(name, d->api);
	snprintf(name, sizeof(name), "%s_port", d->name);
	vars_set(name, strchr(d->api, ':') + 1);
	snprintf(name, sizeof(name), "%s_pid", d->name);
	snprintf(text, sizeof(text), "%d", (int)d->pid);
	vars_set(name, text);
}

/* It must end by itself, not with 0, and say why. */
static void
fails(struct daemon *d, const char *regex)
{
	bool ended;
	int code = wait_for(launch(d, sock_free_port()), 0, &ended);
	const char *text = read_log(d->log);

	if (code == 0 || code >= 126)
		fail_test("%s ended with %d:\n%s", d->name, code, tail(text));
	if (!vars_matches(text, regex))
		fail_test("%s does not say %s:\n%s", d->name, regex, tail(text));
}

/* Invariant (2), for a program that has ended. */
static void
check_log(const struct daemon *d)
{
	static const char *const bad[] = { "AddressSanitizer", "ThreadSanitizer", "LeakSanitizer", "runtime error:", "assert" };
	const char *text = read_log(d->log);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strstr(text, bad[i]) != NULL)
			fail_test("%s: the log holds \"%s\":\n%.3000s", d->name, bad[i], strstr(text, bad[i]));
}

static void
ends(struct daemon *d, int expected)
{
	bool ended;
	int code;

	if (d->pid == 0)
		fail_test("%s does not run", d->name);
	code = wait_for(d->pid, 0, &ended);
	d->pid = 0;
	check_log(d);
	if (code != expected)
		fail_test("%s ended with %d, not %d:\n%s", d->name, code, expected, tail(read_log(d->log)));
}

void
daemon_command(const struct command *c)
{
	struct daemon *d = find(words_need(c, 1, "name"), true);

	for (int i = 2; i < c->count; i++) {
		if (words_is(c, i, "-arg")) {
			if (d->arg_count == ARGS_MAX)
				fail_test("more than %d -arg", ARGS_MAX);
			d->args[d->arg_count++] = strdup(words_need(c, ++i, "word"));
		} else if (words_is(c, i, "-start")) {
			start(d, sock_free_port());
		} else if (words_is(c, i, "-fails")) {
			fails(d, words_need(c, ++i, "expression"));
		} else if (words_is(c, i, "-ends")) {
			ends(d, (int)words_number(c, ++i, "exit code"));
		} else {
			fail_test("unknown option %s", c->word[i].text);
		}
	}
}

void
daemon_kill(const struct command *c)
{
	static const struct { const char *name; int number; } signals[] = {
		{ "-9", SIGKILL }, { "-TERM", SIGTERM }, { "-INT", SIGINT }, { "-HUP", SIGHUP },
	};
	struct daemon *d = find(words_need(c, 1, "name"), false);
	const char *name = words_need(c, 2, "signal");

	if (d->pid == 0)
		fail_test("%s does not run", d->name);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (strcmp(signals[i].name, name) != 0)
			continue;
		kill(d->pid, signals[i].number);
		if (signals[i].number == SIGKILL)
			ends(d, 128 + SIGKILL);
		return;
	}
	fail_test("unknown signal %s", name);
}

void
daemon_restart(const struct command *c)
{
	struct daemon *d = find(words_need(c, 1, "name"), false);

	start(d, (unsigned)strtoul(strchr(d->api, ':') + 1, NULL, 10));
}

struct cli {
	const char *as, *match, *nomatch;
	int exit, block;
};

static struct cli
cli_options(const struct command *c)
{
	struct cli o = { .block = -1 };

	for (int i = 2; i < c->count; i++) {
		if (c->word[i].block)
			o.block = i;
		else if (words_is(c, i, "-as"))
			o.as = words_need(c, ++i, "program name");
		else if (words_is(c, i, "-exit"))
			o.exit = (int)words_number(c, ++i, "exit code");
		else if (words_is(c, i, "-match"))
			o.match = words_need(c, ++i, "expression");
		else if (words_is(c, i, "-nomatch"))
			o.nomatch = words_need(c, ++i, "expression");
		else
			fail_test("unknown option %s", c->word[i].text);
	}
	if (o.block < 0)
		fail_test("cli: {words} is missing");
	return o;
}

/* The program under another name: a link beside the logs. */
static const char *
linked(const char *as)
{
	char path[512], real[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", log_dir, as);
	if (realpath(program, real) == NULL)
		fail_test("%s: %s", program, strerror(errno));
	if (symlink(real, path) != 0 && errno != EEXIST)
		fail_test("%s: %s", path, strerror(errno));
	return strdup(path);
}

void
daemon_cli(struct command *c)
{
	struct cli o = cli_options(c);
	struct words w = { .at = c->word[o.block].text, .line = c->word[o.block].line };
	const char *path = o.as == NULL ? program : linked(o.as), *text;
	char *argv[WORDS_MAX + 2] = { (char *)path }, log[300], url[64], name[64];
	struct command words;
	bool ended;
	int code;

	if (!words_next(&w, &words))
		fail_test("cli: no words");
	vars_expand_words(&words);
	for (int i = 0; i < words.count; i++)
		argv[i + 1] = words.word[i].text;
	snprintf(log, sizeof(log), "%s/cli.out", log_dir);
	snprintf(url, sizeof(url), "http://%s", daemon_api(words_need(c, 1, "name")));
	code = wait_for(spawn(argv, path, log, false, url), 0, &ended);
	text = read_log(log);
	if (code != o.exit)
		fail_test("exit code %d, not %d:\n%s", code, o.exit, tail(text));
	if (o.match != NULL && !vars_matches(text, o.match))
		fail_test("the output does not match %s:\n%s", o.match, tail(text));
	if (o.nomatch != NULL && vars_matches(text, o.nomatch))
		fail_test("the output matches %s:\n%s", o.nomatch, tail(text));
	snprintf(name, sizeof(name), "%s_out", words_need(c, 1, "name"));
	vars_set(name, text);
}

void
daemon_finish_all(void)
{
	for (size_t i = 0; i < daemon_count; i++) {
		if (daemons[i].pid == 0)
			continue;
		kill(daemons[i].pid, SIGTERM);
		ends(&daemons[i], 0);
	}
}
