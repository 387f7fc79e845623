/* SPDX-License-Identifier: MIT */
/* append.c - buffered writing with a sticky error. */
#include "io/append.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define KICK_BYTES (64u << 10)

int
append_open(struct append *a, const char *path)
{
	*a = (struct append){ .fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644) };
	buf_init(&a->out, APPEND_BUFFER_BYTES);
	if (a->fd < 0)
		a->err = -errno;
	return a->err;
}

int
append_flush(struct append *a)
{
	if (a->out.overflowed && a->err == 0)
		a->err = -ENOBUFS;
	while (a->err == 0 && buf_len(&a->out) > 0) {
		ssize_t n = write(a->fd, buf_data(&a->out), buf_len(&a->out));
		if (n > 0)
			buf_consume(&a->out, (size_t)n);
		else if (n == 0 || errno != EINTR)
			a->err = n == 0 ? -ENOSPC : -errno;
	}
	buf_clear(&a->out);
	return a->err;
}

int
append_kick(struct append *a)
{
	return buf_len(&a->out) >= KICK_BYTES || a->out.overflowed || a->err != 0 ? append_flush(a) : 0;
}

int
append_close(struct append *a)
{
	if (a->fd >= 0) {
		(void)append_flush(a);
		/* Some file systems say only here that the disk is full. */
		if (close(a->fd) < 0 && a->err == 0)
			a->err = -errno;
	}
	a->fd = -1;
	buf_fini(&a->out);
	return a->err;
}
