/* SPDX-License-Identifier: MIT */
/* record.c - a ring of fault events with one writer and one reader. */
#include "proxy/record.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct record {
	struct proxy_event *events;
	uint64_t size;                                  /* power of two */
	_Alignas(64) atomic_uint_fast64_t written;
	_Alignas(64) atomic_uint_fast64_t taken;
	_Alignas(64) atomic_uint_fast64_t lost;
};

int
record_new(uint32_t events_max, struct record **ret_record)
{
	uint64_t size = 64;
	while (size < events_max)
		size *= 2;
	struct record *r = aligned_alloc(64, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	*r = (struct record){ .size = size };
	r->events = calloc(size, sizeof(*r->events));
	if (r->events == NULL) {
		free(r);
		return -ENOMEM;
	}
	*ret_record = r;
	return 0;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	free(r->events);
	free(r);
}

static void
copy_cut(char *to, size_t to_bytes, const char *from)
{
	size_t n = strnlen(from, to_bytes - 1);
	memcpy(to, from, n);
	to[n] = '\0';
}

void
record_add(struct record *r, const struct proxy_event *e, const char *line, const char *name)
{
	if (r == NULL)
		return;
	uint64_t at = atomic_load_explicit(&r->written, memory_order_relaxed);
	if (at - atomic_load_explicit(&r->taken, memory_order_acquire) == r->size) {
		atomic_fetch_add_explicit(&r->lost, 1, memory_order_relaxed);
		return;
	}
	struct proxy_event *slot = &r->events[at & (r->size - 1)];
	*slot = *e;
	copy_cut(slot->line, sizeof(slot->line), line);
	copy_cut(slot->fault_name, sizeof(slot->fault_name), name);
	atomic_store_explicit(&r->written, at + 1, memory_order_release);
}

size_t
record_take(struct record *r, struct proxy_event *ret_events, size_t max, uint64_t *ret_lost)
{
	uint64_t from = atomic_load_explicit(&r->taken, memory_order_relaxed);
	uint64_t to = atomic_load_explicit(&r->written, memory_order_acquire);
	fl_assert(to - from <= r->size);
	size_t n = 0;
	for (; from < to && n < max; from++, n++)
		ret_events[n] = r->events[from & (r->size - 1)];
	atomic_store_explicit(&r->taken, from, memory_order_release);
	*ret_lost = atomic_exchange_explicit(&r->lost, 0, memory_order_relaxed);
	return n;
}
