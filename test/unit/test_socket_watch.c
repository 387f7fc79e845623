/* SPDX-License-Identifier: MIT */
/* test_socket_watch.c - the live collector on real processes: on loopback, and in a network namespace of their own where that is allowed. */
#include "map/socket_watch.h"
#include "io/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CONNS_MAX 64

struct found {
	char from[64], to[64];
	bool line, reverse;
	uint64_t count;
	char instance[64];
};

static int
take(void *arg, const struct sight *s)
{
	struct found *f = arg;

	if (s->what == SIGHT_LINE && strcmp(s->from, f->from) == 0 && strcmp(s->to, f->to) == 0) {
		f->line = true;
		f->count = s->count;
		assert_string_equal(s->source, "sockets");
	}
	if (s->what == SIGHT_LINE && strcmp(s->from, f->to) == 0 && strcmp(s->to, f->from) == 0)
		f->reverse = true;
	return 0;
}

/* Processes in the middle of a unit are that unit: nothing to tell two of them apart. */
static bool
in_a_unit(void)
{
	char text[4096] = "";
	FILE *f = fopen("/proc/self/cgroup", "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return (strstr(text, ".service\n") != NULL && strstr(text, "user.slice") == NULL) || strstr(text, "docker") != NULL ||
	    strstr(text, "libpod") != NULL;
}

static int
listener(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, CONNS_MAX) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		_exit(9);
	*port = ntohs(a.sin_port);
	return fd;
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		_exit(9);
	return fd;
}

/* A server and a client, both children, `conns` connections between them; a byte on out says that all stand. They live until killed. */
static pid_t
pair(const char *server, const char *client, int conns, bool apart, int out)
{
	pid_t top = fork();
	uint16_t port;
	int fd;
	char c = 'r';

	if (top != 0)
		return top;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (apart) {
		struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
		int s;

		if (unshare(CLONE_NEWNET) != 0 || (s = socket(AF_INET, SOCK_DGRAM, 0)) < 0 || ioctl(s, SIOCSIFFLAGS, &up) != 0)
			c = 'x';
	}
	prctl(PR_SET_NAME, server);
	fd = listener(&port);
	if (c == 'r' && fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd);
		prctl(PR_SET_NAME, client);
		for (int i = 0; i < conns; i++)
			(void)dial(port);
		pause();
	}
	for (int i = 0; i < conns && c == 'r'; i++)
		if (accept(fd, NULL, NULL) < 0)
			c = 'x';
	(void)!write(out, &c, 1);
	pause();
	_exit(0);
}

static void
watch_pair(const char *server, const char *client, bool apart)
{
	struct socket_watch_opts opts = { .namespaces = true, .track = true, .links_max = 10000000 };
	struct found f = { .line = false };
	struct socket_watch *w = NULL;
	struct buf say;
	int ready[2];
	char c = 'x';
	pid_t pid;

	if (in_a_unit()) {
		print_message("skip: this runs inside of one unit or container\n");
		skip();
	}
	snprintf(f.from, sizeof(f.from), "%s", client);
	snprintf(f.to, sizeof(f.to), "%s", server);
	assert_int_equal(pipe(ready), 0);
	pid = pair(server, client, 7, apart, ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (c != 'r') {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		print_message("skip: no network namespace may be made here\n");
		skip();
	}
	assert_int_equal(socket_watch_new(&opts, &w), 0);
	/*
	 * Where sockets come and go while the kernel lists them it leaves some out of the list; the next sweep has them. The second good one
	 * knows the processes from the first.
	 */
	for (int good = 0, tries = 0; good < 2; tries++) {
		assert_true(tries < 1000);
		f.line = false;
		assert_int_equal(socket_watch_sweep(w, clock_wall(), take, &f), 0);
		assert_false(f.reverse);
		assert_true(!f.line || (f.count >= 1 && f.count <= 7));
		good += f.line;
	}
	assert_true(socket_watch_cost(w)->sweeps >= 2);
	assert_true(socket_watch_cost(w)->sockets >= 1);
	assert_true(socket_watch_cost(w)->cpu > 0);
	assert_true(socket_watch_cost(w)->namespaces >= (apart ? 2 : 1));
	buf_init(&say, 4096);
	socket_watch_say(w, &say);
	assert_non_null(strstr(buf_str(&say), "sweep "));
	assert_non_null(strstr(buf_str(&say), " of CPU"));
	buf_fini(&say);
	socket_watch_free(w);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void
test_loopback(void **state)
{
	(void)state;
	watch_pair("fl-server-a", "fl-client-a", false);
}

static void
test_namespace(void **state)
{
	(void)state;
	watch_pair("fl-server-b", "fl-client-b", true);
}

/* A client whose connections are over at once: found when the kernel may be asked who opens connections. */
static void
test_short(void **state)
{
	struct socket_watch_opts opts = { .links_max = 10000000 };
	struct found f = { .from = "fl-client-s", .to = "fl-server-s" };
	struct socket_watch *w = NULL;
	pid_t server, client;
	int pipes[2];
	uint16_t port;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	server = fork();
	if (server == 0) {
		int fd = listener(&port);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "fl-server-s");
		(void)!write(pipes[1], &port, sizeof(port));
		for (;;)
			close(accept(fd, NULL, NULL));
	}
	assert_int_equal(read(pipes[0], &port, sizeof(port)), sizeof(port));
	assert_int_equal(socket_watch_new(&opts, &w), 0);
	client = fork();
	if (client == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "fl-client-s");
		for (int i = 0; i < 20; i++)
			close(dial(port));
		(void)!write(pipes[1], "d", 1);
		pause();
	}
	assert_int_equal(read(pipes[0], &port, 1), 1);
	/* What the kernel told of while they ran waits for the first sweep; the later ones know the listener if that was not found at once. */
	for (int i = 0; i < 3 && !f.line; i++)
		assert_int_equal(socket_watch_sweep(w, clock_wall(), take, &f), 0);
	assert_false(f.reverse);
	if (!f.line && socket_watch_cost(w)->opened == 0)
		print_message("skip: nobody tells here who opens connections\n");
	else
		assert_true(f.line);
	socket_watch_free(w);
	kill(client, SIGKILL);
	kill(server, SIGKILL);
	waitpid(client, NULL, 0);
	waitpid(server, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static int
stop_at_once(void *arg, const struct sight *s)
{
	(void)arg;
	(void)s;
	return -ENOSPC;
}

static void
test_taker_stops_it(void **state)
{
	struct socket_watch_opts opts = { .host = "here" };
	struct socket_watch *w = NULL;

	(void)state;
	assert_int_equal(socket_watch_new(&opts, &w), 0);
	assert_int_equal(socket_watch_sweep(w, clock_wall(), stop_at_once, NULL), -ENOSPC);
	socket_watch_free(w);
	socket_watch_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback), cmocka_unit_test(test_namespace), cmocka_unit_test(test_short),
		cmocka_unit_test(test_taker_stops_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
