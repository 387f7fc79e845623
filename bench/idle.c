/* SPDX-License-Identifier: MIT */
/*
 * idle.c - --conns connections that made one request of 1 KB each and now are silent: memory of --pids per connection.
 *
 *  (1) Memory is the proportional set size from smaps_rollup, when two readings 200 ms apart agree, less what it was
 *      before the first connection. Sockets and other kernel memory are not in it.
 *  (2) --http: the request is one of HTTP, the answer's body has 1 KB.
 */
#include "lib.h"

#define SIZE 1024

static int64_t
memory_settled(const char *pids)
{
	struct timespec t = { .tv_nsec = 200 * MS };
	int64_t was = -1, is = memory_bytes(pids);

	for (int i = 0; i < 20 && was != is; i++) {
		nanosleep(&t, NULL);
		was = is;
		is = memory_bytes(pids);
	}
	return is;
}

static bool
exchange_http(int fd)
{
	static const char ask[] = "GET /idle HTTP/1.1\r\nHost: bench.example\r\n\r\n";
	char got[SIZE + 2048];
	size_t have = 0;
	char *end = NULL;

	if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(ask) - 1)
		return false;
	while (end == NULL || have < (size_t)(end + 4 - got) + SIZE) {
		ssize_t n = recv(fd, got + have, sizeof(got) - have, 0);
		if (n <= 0)
			return false;
		have += (size_t)n;
		end = end != NULL ? end : memmem(got, have, "\r\n\r\n", 4);
	}
	return true;
}

static bool
exchange_echo(int fd)
{
	char block[SIZE] = { 0 };

	return send(fd, block, SIZE, MSG_NOSIGNAL) == SIZE && recv(fd, block, SIZE, MSG_WAITALL) == SIZE;
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int count = (int)opt_num(argc, argv, "--conns", 9000);
	struct timeval limit = { .tv_sec = 20 };
	bool http = false;
	int64_t before, after;
	int *fds;

	for (int i = 1; i < argc; i++)
		http |= strcmp(argv[i], "--http") == 0;
	place(opt_num(argc, argv, "--cpu", -1));
	need_files((unsigned long)count + 32);
	if (count < 1 || (fds = calloc((size_t)count, sizeof(*fds))) == NULL)
		die("--conns %d", count);
	before = memory_settled(pids);
	for (int i = 0; i < count; i++) {
		fds[i] = dial(&to, (unsigned)i / 5000 + 1, false);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (!(http ? exchange_http(fds[i]) : exchange_echo(fds[i])))
			die("connection %d gave no answer: %s", i, strerror(errno));
	}
	after = memory_settled(pids);
	printf("{\"conns\":%d,\"before_bytes\":%lld,\"after_bytes\":%lld}\n", count, (long long)before, (long long)after);
	free(fds);
	return 0;
}
