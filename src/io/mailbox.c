/* SPDX-License-Identifier: MIT */
/*
 * mailbox.c - D. Vyukov's bounded queue. Each cell has a turn number: equal to the position, it is free for the producer
 * of that position; one more, it is full for the consumer.
 */
#include "io/mailbox.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>

struct mailbox_cell {
	atomic_uint_fast32_t turn;
	struct message message;
};

int
mailbox_init(struct mailbox *mb, uint32_t cells_pow2, struct io *reader)
{
	fl_assert(cells_pow2 >= 2 && (cells_pow2 & (cells_pow2 - 1)) == 0);
	mb->cells = calloc(cells_pow2, sizeof(*mb->cells));
	if (mb->cells == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < cells_pow2; i++)
		atomic_init(&mb->cells[i].turn, i);
	mb->mask = cells_pow2 - 1;
	mb->reader = reader;
	atomic_init(&mb->head, 0);
	atomic_init(&mb->tail, 0);
	return 0;
}

void
mailbox_fini(struct mailbox *mb)
{
	free(mb->cells);
	mb->cells = NULL;
}

bool
mailbox_post(struct mailbox *mb, const struct message *m)
{
	uint_fast32_t pos = atomic_load_explicit(&mb->tail, memory_order_relaxed);
	for (;;) {
		struct mailbox_cell *c = &mb->cells[(uint32_t)pos & mb->mask];
		uint32_t turn = (uint32_t)atomic_load_explicit(&c->turn, memory_order_acquire);
		int32_t gap = (int32_t)(turn - (uint32_t)pos);
		if (gap < 0)
			return false;
		if (gap > 0) {
			pos = atomic_load_explicit(&mb->tail, memory_order_relaxed);
			continue;
		}
		if (atomic_compare_exchange_weak_explicit(&mb->tail, &pos, pos + 1, memory_order_relaxed, memory_order_relaxed)) {
			c->message = *m;
			atomic_store_explicit(&c->turn, (uint32_t)pos + 1, memory_order_release);
			io_wake(mb->reader);
			return true;
		}
	}
}

bool
mailbox_take(struct mailbox *mb, struct message *ret_m)
{
	uint32_t pos = (uint32_t)atomic_load_explicit(&mb->head, memory_order_relaxed);
	struct mailbox_cell *c = &mb->cells[pos & mb->mask];
	if ((uint32_t)atomic_load_explicit(&c->turn, memory_order_acquire) != pos + 1)
		return false;
	*ret_m = c->message;
	atomic_store_explicit(&c->turn, pos + mb->mask + 1, memory_order_release);
	atomic_store_explicit(&mb->head, pos + 1, memory_order_relaxed);
	return true;
}
