/* SPDX-License-Identifier: MIT */
/*
 * slab.h - bounded memory in size classes, for bytes in flight.
 *
 * Power-of-two classes from 64 B to 256 KB are cut from spans of a region reserved at init. Nothing is
 * taken from malloc afterwards. A span whose blocks are all free goes back to the region (and its pages
 * to the system when many are idle), so one class cannot starve the others for ever.
 *
 * Invariants
 *  (1) used_bytes (sum of class sizes handed out) <= budget_bytes.
 *  (2) slab_alloc either returns a block or leaves everything unchanged.
 *
 * One thread at a time.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/types.h"

#define SLAB_BLOCK_MIN 64
#define SLAB_BLOCK_MAX (256 * 1024)

struct slab;

/* budget_bytes is rounded up to whole spans. returns 0 or -ENOMEM. */
int slab_new(size_t budget_bytes, struct slab **ret_slab);
void slab_free_all(struct slab *s);      /* NULL is fine */

/* A block of at least n bytes (n <= SLAB_BLOCK_MAX), uninitialised, or NULL when the budget is spent. */
void *slab_alloc(struct slab *s, size_t n);
/* n must be what was asked for. */
void slab_give(struct slab *s, void *p, size_t n);
/* Bytes a block asked for with n really takes. */
size_t slab_size(size_t n);
size_t slab_used(const struct slab *s);
/* Give the pages of free spans, which are kept for the next allocation, back to the system. O(spans kept). */
void slab_trim(struct slab *s);
size_t slab_budget(const struct slab *s);

#endif
