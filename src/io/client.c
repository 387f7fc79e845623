/* SPDX-License-Identifier: MIT */
/* client.c - connect, send and receive with a deadline. */
#include "io/client.h"

#include "io/clock.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

/* 0 when fd is ready. */
static int
await(int fd, short events, const struct client_wait *w)
{
	int rc = clock_wait(fd, events, w->stop_fd, w->deadline);

	return rc > 0 ? 0 : rc == 0 ? -ETIMEDOUT : rc;
}

static int
bind_from(int fd, const struct io_addr *from)
{
	const int on = 1;

	if (from == NULL || from->len == 0)
		return 0;
	/* The port is chosen at connect() by the whole 4-tuple, so one source address serves any number of connections. */
	(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, &from->sa, from->len) < 0 ? -errno : 0;
}

static int
finish_connect(int fd, const struct client_wait *w)
{
	int err = 0;
	socklen_t len = sizeof(err);
	int rc = await(fd, POLLOUT, w);

	if (rc == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return -errno;
	return rc < 0 ? rc : -err;
}

int
client_connect(const struct io_addr *to, const struct io_addr *from, const struct client_wait *w, int *ret_fd)
{
	const int on = 1;
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (to->sa.sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	rc = bind_from(fd, from);
	if (rc == 0 && connect(fd, &to->sa, to->len) < 0)
		rc = errno == EINPROGRESS ? finish_connect(fd, w) : -errno;
	if (rc < 0) {
		close(fd);
		return rc;
	}
	*ret_fd = fd;
	return 0;
}

int
client_send(int fd, const void *p, size_t n, const struct client_wait *w, size_t *ret_sent)
{
	const char *bytes = p;
	size_t done = 0;
	int rc = 0;

	while (rc == 0 && done < n) {
		ssize_t k = send(fd, bytes + done, n - done, MSG_NOSIGNAL);
		if (k >= 0)
			done += (size_t)k;
		else if (errno == EAGAIN)
			rc = await(fd, POLLOUT, w);
		else if (errno != EINTR)
			rc = -errno;
	}
	if (ret_sent != NULL)
		*ret_sent = done;
	return rc;
}

int64_t
client_recv(int fd, void *p, size_t n, const struct client_wait *w)
{
	for (;;) {
		ssize_t k = recv(fd, p, n, 0);
		int rc;
		if (k >= 0)
			return k;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		rc = await(fd, POLLIN, w);
		if (rc < 0)
			return rc;
	}
}
