/* SPDX-License-Identifier: MIT */
/* datagram.c - one message to a socket of datagrams. */
#include "io/datagram.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int
datagram_send(const struct io_addr *to, const void *p, size_t n)
{
	int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (sendto(fd, p, n, MSG_NOSIGNAL, &to->sa, to->len) < 0)
		err = -errno;
	close(fd);
	return err;
}
