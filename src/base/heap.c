/* SPDX-License-Identifier: MIT */
/*
 * heap.c - timers: an intrusive 4-ary heap ordered by (deadline, order of arming).
 *
 * The keys are kept in the slots, so sifting reads the array only and writes each node it moves once. Four children share
 * one or two cache lines, which is why four.
 */
#include "base/heap.h"

#include "base/assert.h"
#include "base/region.h"

#include <errno.h>

#define ARITY 4

struct heap_slot {
	fl_ns at;
	uint64_t seq;
	struct heap_node *node;
};

int
heap_init(struct heap *h, uint32_t count_max)
{
	fl_assert(count_max > 0 && count_max < UINT32_MAX / ARITY);     /* child numbers do not wrap */
	*h = (struct heap){ .slots = region_reserve(count_max * sizeof(struct heap_slot)), .cap = count_max };
	return h->slots == NULL ? -ENOMEM : 0;
}

void
heap_fini(struct heap *h)
{
	region_release(h->slots, h->cap * sizeof(struct heap_slot));
	*h = (struct heap){ 0 };
}

static bool
before(const struct heap_slot *a, const struct heap_slot *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void
place(struct heap *h, uint32_t i, struct heap_slot slot)
{
	h->slots[i] = slot;
	slot.node->index = i + 1;                                         /* (1) */
}

static void
sift_up(struct heap *h, uint32_t i, struct heap_slot slot)
{
	while (i > 0) {
		uint32_t parent = (i - 1) / ARITY;

		if (!before(&slot, &h->slots[parent]))
			break;
		place(h, i, h->slots[parent]);
		i = parent;
	}
	place(h, i, slot);
}

static void
sift_down(struct heap *h, uint32_t i, struct heap_slot slot)
{
	for (;;) {
		uint32_t first = i * ARITY + 1, least = first;
		uint32_t end = FL_MIN(first + ARITY, h->count);

		if (first >= h->count)
			break;
		for (uint32_t c = first + 1; c < end; c++)
			if (before(&h->slots[c], &h->slots[least]))
				least = c;
		if (!before(&h->slots[least], &slot))
			break;
		place(h, i, h->slots[least]);
		i = least;
	}
	place(h, i, slot);
}

/* Put a slot where it belongs, starting at i, whose old content is void. */
static void
settle(struct heap *h, uint32_t i, struct heap_slot slot)
{
	if (i > 0 && before(&slot, &h->slots[(i - 1) / ARITY]))
		sift_up(h, i, slot);                                      /* (2) */
	else
		sift_down(h, i, slot);
}

void
heap_set(struct heap *h, struct heap_node *n, fl_ns at)
{
	if (at == FL_NEVER) {
		heap_del(h, n);
		return;
	}
	uint32_t i = n->index - 1;

	if (n->index == 0) {
		fl_assert(h->count < h->cap);
		i = h->count++;
	} else {
		fl_assert(i < h->count && h->slots[i].node == n);         /* (1) */
	}
	n->at = at;
	settle(h, i, (struct heap_slot){ .at = at, .seq = h->seq++, .node = n });
}

void
heap_del(struct heap *h, struct heap_node *n)
{
	if (n->index == 0)
		return;
	uint32_t i = n->index - 1;

	fl_assert(i < h->count && h->slots[i].node == n);                 /* (1) */
	n->index = 0;
	h->count--;
	if (i != h->count)
		settle(h, i, h->slots[h->count]);
}

fl_ns
heap_next(const struct heap *h)
{
	return h->count == 0 ? FL_NEVER : h->slots[0].at;
}

struct heap_node *
heap_pop(struct heap *h, fl_ns now)
{
	if (h->count == 0 || h->slots[0].at > now)
		return NULL;
	struct heap_node *n = h->slots[0].node;

	heap_del(h, n);
	return n;
}

void
heap_trim(struct heap *h)
{
	region_discard_tail(h->slots, h->count * sizeof(struct heap_slot), h->cap * sizeof(struct heap_slot));
}
