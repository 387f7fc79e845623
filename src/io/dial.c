/* SPDX-License-Identifier: MIT */
/* dial.c - a connection that waits, with a deadline on every call. */
#include "io/dial.h"
#include "base/assert.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

fl_ns
dial_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (fl_ns)ts.tv_sec * FL_SEC + ts.tv_nsec;
}

/* Wait until fd is ready. 0, -ETIMEDOUT or -errno. */
static int
wait_for(int fd, short events, fl_ns deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		fl_ns left = deadline == FL_NEVER ? FL_NEVER : deadline - dial_clock();
		fl_ns ms = left / FL_MS + (left % FL_MS > 0);
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&p, 1, (int)FL_MIN(ms, INT_MAX));
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int
finish_connect(int fd, fl_ns deadline)
{
	int err = 0;
	socklen_t len = sizeof(err);
	int r = wait_for(fd, POLLOUT, deadline);

	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return -err;
}

static int
connect_one(const struct io_addr *to, fl_ns deadline, int *ret_fd)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1, r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, &to->sa, to->len) < 0)
		r = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, deadline) : -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	if (to->sa.sa_family != AF_UNIX)
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = fd;
	return 0;
}

int
dial_open(const struct resolve_answer *to, fl_ns deadline, struct io_addr *ret_at, int *ret_fd)
{
	int first = 0;

	fl_assert(to->res > 0 && to->res <= RESOLVE_ADDRS_MAX);
	for (int i = 0; i < to->res; i++) {
		/* An address that swallows packets leaves its share of the time to those behind it. */
		fl_ns now = dial_clock();
		fl_ns until = deadline == FL_NEVER ? FL_NEVER : now + (deadline - now) / (to->res - i);
		int r = connect_one(&to->addrs[i], until, ret_fd);

		if (r == 0) {
			*ret_at = to->addrs[i];
			return 0;
		}
		if (first == 0)
			first = r;
	}
	*ret_at = to->addrs[0];
	return first;
}

void
dial_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

int
dial_send(int fd, const void *p, size_t n, fl_ns deadline)
{
	const char *at = p;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		int r = 0;

		if (sent >= 0) {
			at += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			r = wait_for(fd, POLLOUT, deadline);
		} else if (errno != EINTR) {
			r = -errno;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int64_t
dial_receive(int fd, void *p, size_t n, fl_ns deadline)
{
	fl_assert(n > 0);
	for (;;) {
		/* Looking at the clock first: a peer that always has one more byte ends by the deadline too. */
		int r = wait_for(fd, POLLIN, deadline);
		ssize_t got;

		if (r < 0)
			return r;
		got = recv(fd, p, n, MSG_DONTWAIT);
		if (got >= 0)
			return got;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}
