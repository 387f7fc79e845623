/* SPDX-License-Identifier: MIT */
/* port.c - find a free port by trying: random numbers first, so that two runs seldom try the same. */
#include "io/port.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PORT_MIN 10000
#define TRIES_MAX 2000

/* The first port of the ephemeral range. */
static unsigned
ephemeral_low(void)
{
	unsigned low = 32768;
	FILE *f = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (f != NULL && fscanf(f, "%u", &low) != 1)
		low = 32768;
	if (f != NULL)
		fclose(f);
	/* An administrator may have widened the range to nearly everything; then it has to do. */
	return low < PORT_MIN + 1000 ? 60000 : low;
}

/* Could a server bind it now, on all addresses, without SO_REUSEADDR? */
static int
is_free(uint16_t port)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int off = 0;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc;

	if (fd >= 0) {
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
		rc = bind(fd, (const struct sockaddr *)&any6, sizeof(any6));
	} else {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		rc = bind(fd, (const struct sockaddr *)&any4, sizeof(any4));
	}
	rc = rc < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* An abstract unix socket with the port in its name: only one process can have it, and it goes with the process. */
static int
lock_port(uint16_t port, int *ret_lock)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int n = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "faultline-port-%u", (unsigned)port);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_lock = fd;
	return 0;
}

int
port_reserve(int *ret_lock)
{
	unsigned span = ephemeral_low() - PORT_MIN;

	for (int i = 0; i < TRIES_MAX; i++) {
		uint32_t draw = 0;
		uint16_t port;
		int lock = -1, rc;

		if (getrandom(&draw, sizeof(draw), 0) < 0)
			draw = (uint32_t)getpid() * 31u + (uint32_t)i * 7919u;
		port = (uint16_t)(PORT_MIN + draw % span);
		rc = lock_port(port, &lock);
		if (rc == -EADDRINUSE)
			continue;
		if (rc < 0)
			return rc;
		rc = is_free(port);
		if (rc == 0) {
			*ret_lock = lock;
			return port;
		}
		close(lock);
		if (rc != -EADDRINUSE && rc != -EACCES)
			return rc;
	}
	return -EADDRINUSE;
}
