/* SPDX-License-Identifier: MIT */
/*
 * outgo.h - an HTTP message on its way out: a head, and a body made of the bytes of a block, over and over. Whole messages that are
 * small go in one system call.
 *
 * Invariants
 *  (1) While `sending` neither head nor block changes: they are lent to io.
 */
#ifndef STREAM_OUTGO_H
#define STREAM_OUTGO_H

#include "base/buf.h"
#include "io/io.h"

#define OUTGO_TOGETHER_MAX 16384u       /* bodies up to this are sent with the head */

struct outgo {
	struct buf head;
	const char *block;              /* not owned, never changes */
	uint64_t block_bytes;           /* > 0 when there is a body */
	uint64_t left;                  /* of the body */
	bool sending;
};

void outgo_init(struct outgo *o, size_t head_max);
void outgo_fini(struct outgo *o);
/* Begin a message: fill o->head, then call outgo_body(). Not while the one before is under way. */
void outgo_begin(struct outgo *o);
void outgo_body(struct outgo *o, const char *block, uint64_t block_bytes, uint64_t bytes);
/* Send what can be sent. returns 1: all is gone; 0: wait for IO_SENT, then outgo_sent(); -errno: the connection is broken. */
int outgo_run(struct outgo *o, struct io *io, struct io_sock *sock);
/* An IO_SENT with res 0 came: go on. returns as outgo_run(). */
int outgo_sent(struct outgo *o, struct io *io, struct io_sock *sock);
static inline bool outgo_idle(const struct outgo *o)
{
	return !o->sending && o->left == 0 && buf_len(&o->head) == 0;
}

#endif
