/* SPDX-License-Identifier: MIT */
/*
 * dial.h - a connection that waits: for clients that do one thing at a time. Every call ends by its deadline.
 *
 * Control side only; nothing here belongs on the data path.
 */
#ifndef IO_DIAL_H
#define IO_DIAL_H

#include "io/resolve.h"

/* The monotonic clock, for deadlines. */
fl_ns dial_clock(void);

/*
 * dial_open - connect to the first of the addresses that answers.
 * deadline  point in time
 * ret_at    the address connected to, or on failure the first one that was tried
 * ret_fd    to be given to dial_close()
 * returns   0, or the error of the first address: -ECONNREFUSED, -ETIMEDOUT, ...
 */
int dial_open(const struct resolve_answer *to, fl_ns deadline, struct io_addr *ret_at, int *ret_fd);
void dial_close(int fd);                /* -1 is fine */

/* Send all of it. 0, -ETIMEDOUT or -errno. Never a signal. */
int dial_send(int fd, const void *p, size_t n, fl_ns deadline);
/* What has come, at least one byte, at most n. returns how many; 0 the peer ended the stream; -ETIMEDOUT or -errno. */
int64_t dial_receive(int fd, void *p, size_t n, fl_ns deadline);

#endif
