/* SPDX-License-Identifier: MIT */
/*
 * idle.c - --conns connections that made one request of 1 KB each and now are silent: memory of --pids per connection.
 *
 *  (1) Memory is the proportional set size from smaps_rollup, when two readings 200 ms apart agree, less what it was
 *      before the first connection. Sockets and other kernel memory are not in it.
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

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int count = (int)opt_num(argc, argv, "--conns", 9000);
	struct timeval limit = { .tv_sec = 20 };
	char block[SIZE] = { 0 };
	int64_t before, after;
	int *fds;

	place(opt_num(argc, argv, "--cpu", -1));
	need_files((unsigned long)count + 32);
	if (count < 1 || (fds = calloc((size_t)count, sizeof(*fds))) == NULL)
		die("--conns %d", count);
	before = memory_settled(pids);
	for (int i = 0; i < count; i++) {
		fds[i] = dial(&to, (unsigned)i / 5000 + 1, false);
		setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		if (send(fds[i], block, SIZE, MSG_NOSIGNAL) != SIZE || recv(fds[i], block, SIZE, MSG_WAITALL) != SIZE)
			die("connection %d gave no answer: %s", i, strerror(errno));
	}
	after = memory_settled(pids);
	printf("{\"conns\":%d,\"before_bytes\":%lld,\"after_bytes\":%lld}\n", count, (long long)before, (long long)after);
	free(fds);
	return 0;
}
