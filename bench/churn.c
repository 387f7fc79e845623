/* SPDX-License-Identifier: MIT */
/*
 * churn.c - connect, one byte there and back, close; --inflight at a time, as fast as it goes.
 *
 *  (1) A connection counts when its byte has come back; its time runs from connect() until then.
 *  (2) The sources rotate over 127.0.0.2 to 127.0.0.33, so that ports in TIME_WAIT are not what is measured.
 */
#include "lib.h"

#define SLOTS_MAX 1024

struct slot {
	int fd;
	bool sent;
	int64_t started;
};

static struct slot slots[SLOTS_MAX];
static struct samples times;
static uint64_t finished, failed;
static unsigned turn;

static void
begin(int ep, struct slot *s, const struct sockaddr_in *to)
{
	*s = (struct slot){ .started = now_ns(), .fd = dial(to, 1 + turn++ % 32, true) };
	poll_add(ep, s->fd, EPOLLIN | EPOLLOUT | EPOLLET, s);
}

/* false: this connection is over, well or not. */
static bool
advance(struct slot *s, uint32_t events)
{
	char byte = 'x';

	if (!s->sent && (events & EPOLLOUT) && !(events & EPOLLERR)) {
		if (send(s->fd, &byte, 1, MSG_NOSIGNAL) != 1)
			return false;
		s->sent = true;
	}
	if (events & (EPOLLERR | EPOLLHUP)) {
		failed++;
		return false;
	}
	if (!(events & EPOLLIN))
		return true;
	switch (recv(s->fd, &byte, 1, MSG_DONTWAIT)) {
	case 1:
		finished++;
		sample_add(&times, now_ns() - s->started);
		return false;
	case 0:
		failed++;
		return false;
	default:
		return errno == EAGAIN;
	}
}

static void
run_until(int ep, int64_t until, const struct sockaddr_in *to)
{
	struct epoll_event ev[64];

	while (now_ns() < until) {
		int n = poll_until(ep, ev, 64, until);

		for (int i = 0; i < n; i++) {
			struct slot *s = ev[i].data.ptr;

			if (advance(s, ev[i].events))
				continue;
			close(s->fd);
			begin(ep, s, to);
		}
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = addr_of(opt_text(argc, argv, "--to", ""));
	const char *pids = opt_text(argc, argv, "--pids", NULL);
	int inflight = (int)opt_num(argc, argv, "--inflight", 1), ep = poll_new();
	int64_t warm = (int64_t)(opt_num(argc, argv, "--warm", 0.2) * 1e9);
	int64_t window = (int64_t)(opt_num(argc, argv, "--seconds", 1) * 1e9), t0;
	struct usage used;

	if (inflight < 1 || inflight > SLOTS_MAX)
		die("--inflight must be 1 to %d", SLOTS_MAX);
	place(opt_num(argc, argv, "--cpu", -1));
	for (int i = 0; i < inflight; i++)
		begin(ep, &slots[i], &to);
	run_until(ep, now_ns() + warm, &to);
	finished = failed = times.n = 0;
	used = usage_read(pids);
	t0 = now_ns();
	run_until(ep, t0 + window, &to);
	t0 = now_ns() - t0;
	used = usage_since(&used, pids);
	printf("{\"conns\":%llu,\"failed\":%llu,\"p50_us\":%.2f,\"p99_us\":%.2f,", (unsigned long long)finished,
	    (unsigned long long)failed, sample_us(&times, 0.5), sample_us(&times, 0.99));
	usage_print(&used, (double)t0 / 1e9);
	printf("}\n");
	return 0;
}
