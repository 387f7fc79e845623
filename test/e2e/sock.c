/* SPDX-License-Identifier: MIT */
/* sock.c - see sock.h. */
#include "sock.h"
#include "fail.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t
parse_unix(const char *path, struct sockaddr_storage *ret)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(un.sun_path))
		fail_test("the path is too long: %s", path);
	memcpy(un.sun_path, path, strlen(path) + 1);
	memcpy(ret, &un, sizeof(un));
	return sizeof(un);
}

static socklen_t
parse(const char *text, struct sockaddr_storage *ret)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *found;
	char host[SOCK_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	socklen_t len;

	memset(ret, 0, sizeof(*ret));
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, ret);
	if (colon == NULL || n >= sizeof(host))
		fail_test("not an address: %s", text);
	snprintf(host, sizeof(host), "%.*s", (int)n, text);
	if (host[0] == '[' && n > 1 && host[n - 1] == ']') {
		host[n - 1] = '\0';
		memmove(host, host + 1, n - 1);
	}
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		fail_test("not an address: %s", text);
	len = found->ai_addrlen;
	memcpy(ret, found->ai_addr, len);
	freeaddrinfo(found);
	return len;
}

static int
open_socket(int family, int flags)
{
	int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		fail_test("socket: %s", strerror(errno));
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int
sock_listen(const char *addr, int backlog)
{
	struct sockaddr_storage a;
	socklen_t len = parse(addr, &a);
	int one = 1, fd = open_socket(a.ss_family, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, len) != 0)
		fail_test("bind %s: %s", addr, strerror(errno));
	if (backlog >= 0 && listen(fd, backlog) != 0)
		fail_test("listen %s: %s", addr, strerror(errno));
	return fd;
}

static int
connect_with(const char *addr, const char *from, int flags)
{
	struct sockaddr_storage a, local;
	socklen_t len = parse(addr, &a);
	char text[SOCK_TEXT_MAX];
	int r, fd = open_socket(a.ss_family, flags);

	if (from != NULL) {
		snprintf(text, sizeof(text), strchr(from, ':') != NULL ? "[%s]:0" : "%s:0", from);
		if (bind(fd, (struct sockaddr *)&local, parse(text, &local)) != 0)
			fail_test("bind %s: %s", from, strerror(errno));
	}
	do
		r = connect(fd, (struct sockaddr *)&a, len);
	while (r != 0 && errno == EINTR);
	if (r != 0 && errno != EINPROGRESS) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int
sock_connect(const char *addr, const char *from)
{
	return connect_with(addr, from, 0);
}

int
sock_connect_start(const char *addr, const char *from)
{
	int fd = connect_with(addr, from, SOCK_NONBLOCK);

	if (fd < 0)
		fail_test("connect %s: %s", addr, strerror(-fd));
	return fd;
}

char *
sock_name(int fd, char *buf)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof(a);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		fail_test("getsockname: %s", strerror(errno));
	if (a.ss_family == AF_UNIX) {
		snprintf(buf, SOCK_TEXT_MAX, "unix:%s", ((struct sockaddr_un *)&a)->sun_path);
		return buf;
	}
	if (getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		fail_test("getnameinfo failed");
	snprintf(buf, SOCK_TEXT_MAX, a.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return buf;
}

/* Linux drops SYNs while the queue of accepted connections holds more than the backlog; loopback connects at once or never. */
int
sock_listen_full(void)
{
	int fd = sock_listen("127.0.0.1:0", 0);
	char addr[SOCK_TEXT_MAX];

	sock_name(fd, addr);
	for (int i = 0; i < 16; i++) {
		struct pollfd p = { .fd = sock_connect_start(addr, NULL), .events = POLLOUT };

		if (poll(&p, 1, 0) == 0)
			return fd;
	}
	fail_skip("the system takes any number of connections on a full queue");
}

unsigned
sock_free_port(void)
{
	int fd = sock_listen("127.0.0.1:0", -1);
	char text[SOCK_TEXT_MAX];
	unsigned port = (unsigned)strtoul(strrchr(sock_name(fd, text), ':') + 1, NULL, 10);

	close(fd);
	return port;
}

void
sock_pattern(uint8_t *to, uint64_t off, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t x = (seed << 32) + (off + i) / 8 + 1;

		/* splitmix64, one byte of it */
		x *= UINT64_C(0x9e3779b97f4a7c15);
		x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
		to[i] = (uint8_t)((x ^ (x >> 31)) >> ((off + i) % 8 * 8));
	}
}
