/* SPDX-License-Identifier: MIT */
/*
 * client.h - a client's connection for threads that wait: every call has a deadline and can be called off.
 *
 * For loads and probes, which want the simplest client there is; the data path uses io.h.
 */
#ifndef IO_CLIENT_H
#define IO_CLIENT_H

#include "io/addr.h"

struct client_wait {
	fl_ns deadline;                 /* FL_NEVER: none */
	int stop_fd;                    /* readable: give up with -ECANCELED; -1: none */
};

/*
 * client_connect - connect, from the address `from` (NULL or len 0: the system's choice; its port may be 0).
 * ret_fd     non-blocking, TCP_NODELAY
 * returns    0; -ETIMEDOUT, -ECANCELED, -errno
 */
int client_connect(const struct io_addr *to, const struct io_addr *from, const struct client_wait *w, int *ret_fd);
/* Send all of it. 0; -ETIMEDOUT, -ECANCELED, -errno; *ret_sent (may be NULL): bytes the system took, in any case. */
int client_send(int fd, const void *p, size_t n, const struct client_wait *w, size_t *ret_sent);
/* Receive what there is, waiting for some. Bytes, 0 at the end; -ETIMEDOUT, -ECANCELED, -errno. */
int64_t client_recv(int fd, void *p, size_t n, const struct client_wait *w);

#endif
