/* SPDX-License-Identifier: MIT */
/*
 * match_order.h - did messages arrive behind others that were sent after them? Per key of a flow at a sink, or per flow. Pure.
 *
 * Messages are given in slices: the slice with the highest numbers first, each in the order of arrival. So that a message is
 * behind when a higher one of its slice arrived before it, or when one of an earlier slice has an earlier place. That is exact,
 * and needs a few words for each key however long the stream is.
 *
 * Invariants
 *  (1) Every number of a slice is lower than every number of the slices before it.
 *  (2) Memory is at most what match_order_init() was told.
 */
#ifndef AUDIT_MATCH_ORDER_H
#define AUDIT_MATCH_ORDER_H

#include "base/types.h"
#include <stdbool.h>

struct match_order_key {
	uint64_t id;                    /* flow and key */
	uint32_t sink, slice;           /* slice 0: the place is free */
	uint64_t highest;               /* number in this slice so far */
	uint64_t first, first_n;        /* the earliest place in this slice, and who has it */
	uint64_t above, above_n;        /* the same in the slices before it */
};

struct match_order {
	struct match_order_key *keys;
	uint32_t count, cap;            /* cap: a power of two */
	size_t memory_bytes_max;
};

void match_order_init(struct match_order *o, size_t memory_bytes_max);
void match_order_fini(struct match_order *o);
/*
 * match_order_arrived - a message has arrived for the first time.
 * slice     1, 2, ...: see above
 * place     among the arrivals of its sink
 * ret_other the number of one that was sent after it and arrived before it
 * returns   1 it is behind that one; 0 it is in order; -ENOMEM there are more keys than there is memory for
 */
int match_order_arrived(struct match_order *o, uint32_t slice, uint32_t sink, uint64_t id, uint64_t n, uint64_t place, uint64_t *ret_other);

#endif
