/* SPDX-License-Identifier: MIT */
/* http_record.c - a ring of records of calls, one writer, one reader. */
#include "proxy/http_record.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct http_ring {
	struct http_record *records;
	uint32_t size;                          /* power of two */
	_Alignas(64) atomic_uint_fast64_t written;
	_Alignas(64) atomic_uint_fast64_t taken;
	_Alignas(64) atomic_uint_fast64_t lost;
};

int
http_ring_new(uint32_t records_max, struct http_ring **ret_ring)
{
	struct http_ring *r = aligned_alloc(64, (sizeof(*r) + 63) & ~(size_t)63);
	if (r == NULL)
		return -ENOMEM;
	*r = (struct http_ring){ .size = 64 };
	while (r->size < records_max && r->size < 1u << 20)
		r->size *= 2;
	r->records = calloc(r->size, sizeof(*r->records));
	if (r->records == NULL) {
		free(r);
		return -ENOMEM;
	}
	/* Touched now, not call by call: what a connection costs is not hidden behind this. */
	for (size_t i = 0; i < r->size * sizeof(*r->records); i += 4096)
		((volatile char *)r->records)[i] = 0;
	*ret_ring = r;
	return 0;
}

void
http_ring_free(struct http_ring *r)
{
	if (r == NULL)
		return;
	free(r->records);
	free(r);
}

struct http_record *
http_ring_next(struct http_ring *r)
{
	uint64_t at = atomic_load_explicit(&r->written, memory_order_relaxed);
	if (at - atomic_load_explicit(&r->taken, memory_order_acquire) < r->size)
		return &r->records[at & (r->size - 1)];
	atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
	return NULL;
}

void
http_ring_put(struct http_ring *r)
{
	atomic_store_explicit(&r->written, atomic_load_explicit(&r->written, memory_order_relaxed) + 1, memory_order_release);
}

uint32_t
http_ring_take(struct http_ring *r, struct http_record *ret_records, uint32_t max, uint64_t *ret_lost)
{
	uint64_t from = atomic_load_explicit(&r->taken, memory_order_relaxed), to = atomic_load_explicit(&r->written, memory_order_acquire);
	uint32_t n = 0;
	for (; from < to && n < max; from++, n++)
		ret_records[n] = r->records[from & (r->size - 1)];
	atomic_store_explicit(&r->taken, from, memory_order_release);
	*ret_lost = atomic_exchange_explicit(&r->lost, 0, memory_order_relaxed);
	return n;
}
