/* SPDX-License-Identifier: MIT */
/*
 * pool.c - a fixed number of equal objects, named by index and generation.
 *
 * A slot is the object and eight bytes of books behind it. handle = generation << 32 | index + 1.
 *
 * Invariants
 *  (4) books.next is IN_USE exactly while the object is out; else the next free slot's index + 1, 0 at the end.
 *  (5) The generation goes up when an object is given back, so its handles stop matching at that moment.
 *  (6) Under AddressSanitizer free objects and all books are poisoned.
 */
#include "base/pool.h"

#include "base/assert.h"
#include "base/poison.h"
#include "base/region.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define IN_USE UINT32_MAX

struct books {
	uint32_t generation, next;
};

static char *
slot_of(const struct pool *p, uint32_t index)
{
	return p->mem + (size_t)index * p->slot_bytes;
}

static char *
books_of(const struct pool *p, uint32_t index)
{
	return slot_of(p, index) + p->slot_bytes - sizeof(struct books);
}

static POISON_EXEMPT struct books
books_get(const struct pool *p, uint32_t index)
{
	return *(const struct books *)(const void *)books_of(p, index);
}

static POISON_EXEMPT void
books_put(const struct pool *p, uint32_t index, struct books b)
{
	*(struct books *)(void *)books_of(p, index) = b;
}

static uint64_t
handle_of(uint32_t index, uint32_t generation)
{
	return (uint64_t)generation << 32 | (index + 1);
}

/* The slot of an object that must be one of ours and out. */
static uint32_t
index_of(const struct pool *p, const void *object)
{
	fl_assert((const char *)object >= p->mem);
	size_t offset = (size_t)((const char *)object - p->mem);

	fl_assert(offset % p->slot_bytes == 0);
	fl_assert(offset / p->slot_bytes < p->touched);
	uint32_t index = (uint32_t)(offset / p->slot_bytes);

	fl_assert(books_get(p, index).next == IN_USE);                    /* (4): given back twice otherwise */
	return index;
}

int
pool_init(struct pool *p, size_t object_bytes, uint32_t count_max)
{
	fl_assert(object_bytes > 0 && count_max > 0 && count_max <= UINT32_C(1) << 31);
	*p = (struct pool){ .object_bytes = object_bytes, .count_max = count_max };
	size_t bytes, slot_bytes;

	if (__builtin_add_overflow(object_bytes, sizeof(struct books) + 7, &slot_bytes))
		return -ENOMEM;
	slot_bytes &= ~(size_t)7;
	if (__builtin_mul_overflow(slot_bytes, count_max, &bytes))
		return -ENOMEM;
	p->mem = region_reserve(bytes);
	if (p->mem == NULL)
		return -ENOMEM;
	p->slot_bytes = slot_bytes;
	p->map_bytes = bytes;
	return 0;
}

void
pool_fini(struct pool *p)
{
	if (p->mem != NULL)
		poison_clear(p->mem, (size_t)p->touched * p->slot_bytes);
	region_release(p->mem, p->map_bytes);
	*p = (struct pool){ 0 };
}

void *
pool_take(struct pool *p, uint64_t *ret_handle)
{
	struct books b = { 0 };
	uint32_t index;
	bool fresh = p->free_head == 0;

	if (fresh) {
		if (p->touched == p->count_max)
			return NULL;
		index = p->touched++;
	} else {
		index = p->free_head - 1;
		b = books_get(p, index);
		p->free_head = b.next;
	}
	fl_assert(b.next != IN_USE);                                      /* (4) */
	char *object = slot_of(p, index);

	b.next = IN_USE;
	books_put(p, index, b);
	poison_set(object, p->slot_bytes);
	poison_clear(object, p->object_bytes);
	if (!fresh)                     /* a fresh one is still zero from the system */
		memset(object, 0, p->object_bytes);
	p->count++;
	if (ret_handle != NULL)
		*ret_handle = handle_of(index, b.generation);
	return object;
}

void
pool_give(struct pool *p, void *object)
{
	uint32_t index = index_of(p, object);
	struct books b = books_get(p, index);

	b.generation++;                                                   /* (5) */
	b.next = p->free_head;
	books_put(p, index, b);
	p->free_head = index + 1;
	fl_assert(p->count > 0);
	p->count--;
	poison_set(object, p->slot_bytes);                                /* (6) */
}

void *
pool_get(const struct pool *p, uint64_t handle)
{
	uint32_t number = (uint32_t)handle;

	if (number == 0 || number > p->touched)
		return NULL;
	struct books b = books_get(p, number - 1);

	if (b.next != IN_USE || b.generation != handle >> 32)
		return NULL;
	return slot_of(p, number - 1);
}

uint64_t
pool_handle(const struct pool *p, const void *object)
{
	uint32_t index = index_of(p, object);

	return handle_of(index, books_get(p, index).generation);
}

void *
pool_at(const struct pool *p, uint32_t i)
{
	fl_assert(i < p->touched);
	return books_get(p, i).next == IN_USE ? slot_of(p, i) : NULL;
}
