/* SPDX-License-Identifier: MIT */
/* trace_ring.c - a ring of messages, one writer, one reader. */
#include "proxy/trace_ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct trace_ring {
	struct trace_mark *marks;
	uint32_t size;                          /* power of two */
	_Alignas(64) atomic_uint_fast64_t written;
	_Alignas(64) atomic_uint_fast64_t taken;
	_Alignas(64) atomic_uint_fast64_t lost;
};

int
trace_ring_new(uint32_t marks_max, struct trace_ring **ret_ring)
{
	struct trace_ring *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);

	if (r == NULL)
		return -ENOMEM;
	*r = (struct trace_ring){ .size = 64 };
	while (r->size < marks_max && r->size < 1u << 20)
		r->size *= 2;
	r->marks = calloc(r->size, sizeof(*r->marks));
	if (r->marks == NULL) {
		free(r);
		return -ENOMEM;
	}
	*ret_ring = r;
	return 0;
}

void
trace_ring_free(struct trace_ring *r)
{
	if (r == NULL)
		return;
	free(r->marks);
	free(r);
}

struct trace_mark *
trace_ring_next(struct trace_ring *r)
{
	uint64_t at;

	if (r == NULL)
		return NULL;
	at = atomic_load_explicit(&r->written, memory_order_relaxed);
	if (at - atomic_load_explicit(&r->taken, memory_order_acquire) < r->size)
		return &r->marks[at & (r->size - 1)];
	atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
	return NULL;
}

void
trace_ring_put(struct trace_ring *r)
{
	atomic_store_explicit(&r->written, atomic_load_explicit(&r->written, memory_order_relaxed) + 1, memory_order_release);
}

uint32_t
trace_ring_take(struct trace_ring *r, struct trace_mark *ret_marks, uint32_t max, uint64_t *ret_lost)
{
	uint64_t from = atomic_load_explicit(&r->taken, memory_order_relaxed), to = atomic_load_explicit(&r->written, memory_order_acquire);
	uint32_t n = 0;

	for (; from < to && n < max; from++, n++)
		ret_marks[n] = r->marks[from & (r->size - 1)];
	atomic_store_explicit(&r->taken, from, memory_order_release);
	*ret_lost = atomic_exchange_explicit(&r->lost, 0, memory_order_relaxed);
	return n;
}
