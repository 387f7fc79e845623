/* SPDX-License-Identifier: MIT */
/*
 * sockets.c - what a sweep over this host's sockets costs: --conns connections on loopback between two processes (two sockets each),
 * --rounds sweeps after the one that learns whose they are.
 */
#include "lib.h"
#include "map/socket_watch.h"

#include <signal.h>
#include <sys/wait.h>

static int
take(void *arg, const struct sight *s)
{
	uint64_t *lines = arg;

	*lines += s->what == SIGHT_LINE;
	return 0;
}

/* Both ends of n connections, in two processes of their own. */
static void
hold(int n, int ready)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "bench-server");
	if (bind(fd, (struct sockaddr *)&a, len) != 0 || listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		die("listen: %s", strerror(errno));
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "bench-client");
		close(fd);
		for (int i = 0; i < n; i++) {
			int c = socket(AF_INET, SOCK_STREAM, 0);

			if (c < 0 || connect(c, (struct sockaddr *)&a, len) != 0)
				die("connect: %s", strerror(errno));
		}
		pause();
	}
	for (int i = 0; i < n; i++) {
		if (accept(fd, NULL, NULL) < 0)
			die("accept: %s", strerror(errno));
	}
	if (write(ready, "r", 1) != 1)
		die("write: %s", strerror(errno));
	pause();
}

int
main(int argc, char **argv)
{
	int conns = (int)opt_num(argc, argv, "--conns", 5000), rounds = (int)opt_num(argc, argv, "--rounds", 20), ready[2];
	struct socket_watch_opts opts = { .links_max = 1000000 };
	struct rlimit files = { 0 };
	struct socket_watch *w;
	int64_t best = INT64_MAX, first = 0;
	uint64_t lines = 0, sockets = 0;
	pid_t pid;
	char c;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (pipe(ready) != 0)
		die("pipe: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		hold(conns, ready[1]);
		return 0;
	}
	close(ready[1]);
	if (read(ready[0], &c, 1) != 1)
		die("the connections could not be made");
	if (socket_watch_new(&opts, &w) != 0)
		die("sockets cannot be read here");
	for (int i = 0; i <= rounds; i++) {
		lines = 0;
		if (socket_watch_sweep(w, SEC, take, &lines) != 0)
			die("the sweep failed");
		sockets = socket_watch_cost(w)->sockets;
		if (i == 0)
			first = socket_watch_cost(w)->cpu;
		else if (socket_watch_cost(w)->cpu < best)
			best = socket_watch_cost(w)->cpu;
	}
	if (sockets < (uint64_t)conns * 2 || lines == 0)
		die("only %llu sockets were seen", (unsigned long long)sockets);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	printf("{\"sockets\": %llu, \"cpu_ms\": %.2f, \"first_ms\": %.2f, \"per_10000_ms\": %.2f}\n", (unsigned long long)sockets, (double)best / 1e6,
	    (double)first / 1e6, (double)best / 1e6 * 10000 / (double)sockets);
	socket_watch_free(w);
	return 0;
}
