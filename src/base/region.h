/* SPDX-License-Identifier: MIT */
/*
 * region.h - address space taken at start, memory only when touched.
 *
 * Pools, slabs and heaps are sized for the most they may ever hold; with a region that bound costs nothing until it is used.
 */
#ifndef BASE_REGION_H
#define BASE_REGION_H

#include <stddef.h>

/* n zeroed bytes, page aligned, or NULL. n is rounded up to pages; pass the same n to region_release(). */
void *region_reserve(size_t n);
void region_release(void *p, size_t n);  /* NULL is fine */
/* Give the pages of [p, p + n) back to the system; they read as zero afterwards. p and n are multiples of a page. */
void region_discard(void *p, size_t n);
/* The same for the whole pages of a region behind its first used_bytes; n as in region_reserve(). */
void region_discard_tail(void *p, size_t used_bytes, size_t n);

#endif
