/* SPDX-License-Identifier: MIT */
/*
 * bulk.c - streams into a sink as fast as they go: bytes a second, and the CPU time that --pids spend on them.
 *
 *  (1) Bytes are counted where they are sent, in a window that starts when the queues on the way are full (after --warm), so
 *      what is on the way is the same at both ends of the window, within a few MB.
 *  (2) In the end the sink says how much came; any difference is a failure, not a result.
 */
#include "lib.h"
#include <endian.h>

#define UNIT (128 * 1024)
#define STREAMS_MAX 64

struct stream {
	int fd;
	uint64_t sent;
};

static struct stream streams[STREAMS_MAX];
static char unit[UNIT];

static uint64_t
pump_until(int ep, int64_t until)
{
	struct epoll_event ev[STREAMS_MAX];
	uint64_t sum = 0;

	while (now_ns() < until) {
		int n = poll_until(ep, ev, STREAMS_MAX, until);

		for (int i = 0; i < n; i++) {
			struct stream *s = ev[i].data.ptr;
			ssize_t sent = send(s->fd, unit, UNIT, MSG_NOSIGNAL);

			if (sent < 0 && errno != EAGAIN)
				die("send: %s", strerror(errno));
			s->sent += sent > 0 ? (uint64_t)sent : 0;
			sum += sent > 0 ? (uint64_t)sent : 0;
		}
	}
	return sum;
}

/* Finish a stream and compare with what the sink counted. */
static void
settle(struct stream *s)
{
	struct timeval limit = { .tv_sec = 20 };
	uint64_t count;

	fcntl(s->fd, F_SETFL, 0);
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	shutdown(s->fd, SHUT_WR);
	if (recv(s->fd, &count, sizeof(count), MSG_WAITALL) != sizeof(count))
		die("the sink did not answer: %s", strerror(errno));
	if (le64toh(count) != s->sent)
		die("%llu bytes sent, %llu arrived", (unsigned long long)s->sent, (unsigned long long)le64toh(count));
	close(s->fd);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int count = (int)opt_num(argc, argv, "--streams", 1), ep = poll_new();
	int64_t warm = (int64_t)(opt_num(argc, argv, "--warm", 0.3) * 1e9);
	int64_t window = (int64_t)(opt_num(argc, argv, "--seconds", 1) * 1e9), start;
	struct usage used;
	uint64_t bytes;

	if (count < 1 || count > STREAMS_MAX)
		die("--streams must be 1 to %d", STREAMS_MAX);
	place(opt_num(argc, argv, "--cpu", -1));
	for (int i = 0; i < count; i++) {
		streams[i].fd = dial(&to, 0, false);
		fcntl(streams[i].fd, F_SETFL, O_NONBLOCK);
		poll_add(ep, streams[i].fd, EPOLLOUT, &streams[i]);
	}
	pump_until(ep, now_ns() + warm);
	used = usage_read(pids);
	start = now_ns();
	bytes = pump_until(ep, start + window);
	window = now_ns() - start;
	used = usage_since(&used, pids);
	for (int i = 0; i < count; i++)
		settle(&streams[i]);
	printf("{\"bytes\":%llu,", (unsigned long long)bytes);
	usage_print(&used, (double)window / 1e9);
	printf("}\n");
	return 0;
}
