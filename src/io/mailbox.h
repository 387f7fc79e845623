/* SPDX-License-Identifier: MIT */
/*
 * mailbox.h - messages to a worker: a bounded multi-producer queue (D. Vyukov's bounded MPMC queue, one consumer here).
 *
 * Never blocks, never allocates after init. Posting wakes the reader's io.
 */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include "io/io.h"
#include <stdatomic.h>

/* What a worker is asked to do: call(worker, message). The words carry the arguments. */
struct message;
typedef void message_fn(void *owner, const struct message *m);
struct message {
	message_fn *call;
	uint64_t words[6];
};

struct mailbox_cell;
struct mailbox {
	struct mailbox_cell *cells;
	uint32_t mask;
	_Alignas(64) atomic_uint_fast32_t head;
	_Alignas(64) atomic_uint_fast32_t tail;
	struct io *reader;
};

int mailbox_init(struct mailbox *mb, uint32_t cells_pow2, struct io *reader);   /* 0 or -ENOMEM */
void mailbox_fini(struct mailbox *mb);
/* false: full, nothing was posted. Any thread. */
bool mailbox_post(struct mailbox *mb, const struct message *m);
/* false: empty. Reader's thread. */
bool mailbox_take(struct mailbox *mb, struct message *ret_m);

#endif
