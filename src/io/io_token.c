/* SPDX-License-Identifier: MIT */
/* io_token.c - io.h: sockets that no struct io has: bound ones and accepted ones, which are descriptors and nothing more. */
#include "io/io.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

void
io_discard(int token, bool reset)
{
	if (reset) {
		struct linger l = { .l_onoff = 1, .l_linger = 0 };
		setsockopt(token, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	}
	close(token);
}

int
io_token_peer(int token, struct io_addr *ret_addr)
{
	struct io_addr a = { .len = sizeof(a.un) };
	if (getpeername(token, &a.sa, &a.len) < 0)
		return -errno;
	*ret_addr = a;
	return 0;
}

/* Remove the file of a unix socket that nobody listens on any more (left by a killed process). */
static void
unix_remove_stale(const struct io_addr *addr)
{
	struct stat st;
	if (addr->un.sun_path[0] == '\0' || stat(addr->un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, &addr->sa, addr->len) < 0 && errno == ECONNREFUSED)
		unlink(addr->un.sun_path);
	close(fd);
}

int
io_bind(const struct io_addr *addr, int *ret_token, struct io_addr *ret_bound)
{
	int one = 1, zero = 0, idle = 15, r;
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (addr->sa.sa_family == AF_UNIX) {
		unix_remove_stale(addr);
	} else {
		/* What accepted connections inherit: no system call per connection for these. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
		if (addr->sa.sa_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			    IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr) ? &zero : &one, sizeof(one));
	}
	struct io_addr bound = { .len = sizeof(bound.un) };
	if (bind(fd, &addr->sa, addr->len) < 0 || listen(fd, SOMAXCONN) < 0 || getsockname(fd, &bound.sa, &bound.len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_token = fd;
	if (ret_bound != NULL)
		*ret_bound = bound;
	return 0;
}
