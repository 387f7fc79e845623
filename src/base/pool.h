/* SPDX-License-Identifier: MIT */
/*
 * pool.h - a fixed number of equal objects, named by index and generation.
 *
 * Address space for count_max objects is reserved at init; pages are touched as objects are first
 * used, so an unused pool costs nothing. Handles of objects that were given back are recognised.
 *
 * Invariants
 *  (1) Objects never move.
 *  (2) A handle is never 0, and no two lives of one slot share a handle (within 2^32 lives).
 *  (3) Free slots are reused last-in first-out, so a busy pool stays in cache.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/types.h"

struct pool {
	char *mem;               /* count_max slots of slot_bytes */
	size_t object_bytes;
	size_t slot_bytes;      /* the object and 8 bytes, rounded up to 8 */
	size_t map_bytes;
	uint32_t count_max;
	uint32_t count;          /* in use */
	uint32_t touched;        /* slots ever used */
	uint32_t free_head;      /* index + 1; 0 = none */
};

/* returns 0, or -ENOMEM. object_bytes > 0, count_max in [1, 2^31]. */
int pool_init(struct pool *p, size_t object_bytes, uint32_t count_max);
void pool_fini(struct pool *p);

/* A zeroed object, or NULL when all are in use. O(1). ret_handle may be NULL. */
void *pool_take(struct pool *p, uint64_t *ret_handle);
/* Give an object back; its handles are stale from now on. Asserts that it was in use. */
void pool_give(struct pool *p, void *object);
/* The object of a handle, or NULL when it was given back. O(1). */
void *pool_get(const struct pool *p, uint64_t handle);
/* The object in slot i (0 .. touched - 1), or NULL when it is free: for walks. */
void *pool_at(const struct pool *p, uint32_t i);
/* The current handle of an object in use. */
uint64_t pool_handle(const struct pool *p, const void *object);

#endif
