/* SPDX-License-Identifier: MIT */
/*
 * heap.h - timers: an intrusive 4-ary heap ordered by (deadline, order of arming).
 *
 * Equal deadlines fire in the order in which they were armed, so a run is repeatable.
 *
 * Invariants
 *  (1) node.index is the node's place + 1, or 0 when it is not in a heap.
 *  (2) No parent is later than its child.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/types.h"
#include <stdbool.h>

struct heap_node {
	fl_ns at;
	uint32_t index;
};
struct heap_slot;                   /* {at, seq, node}: kept beside the array for locality */
struct heap {
	struct heap_slot *slots;
	uint32_t count, cap;
	uint64_t seq;
};

/* Room for count_max nodes is reserved at once (address space, touched when used). 0 or -ENOMEM. */
int heap_init(struct heap *h, uint32_t count_max);
void heap_fini(struct heap *h);

/* Arm or re-arm. at == FL_NEVER disarms. O(log n). */
void heap_set(struct heap *h, struct heap_node *n, fl_ns at);
void heap_del(struct heap *h, struct heap_node *n);        /* fine when not armed */
/* The earliest deadline, FL_NEVER when empty. O(1). */
fl_ns heap_next(const struct heap *h);
/* Take out and return the earliest node if its time has come, else NULL. */
struct heap_node *heap_pop(struct heap *h, fl_ns now);
/* Give memory that a larger heap once needed back to the system. */
void heap_trim(struct heap *h);
static inline bool heap_armed(const struct heap_node *n) { return n->index != 0; }

#endif
