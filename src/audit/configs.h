/* SPDX-License-Identifier: MIT */
/*
 * configs.h - a set of configurations of the search in linear.c, from which those that others make needless are left out.
 *
 * A configuration is a row of words: value and chain, trail and state, then three bit sets:
 *      done    required operations that took effect or may count as such
 *      bound   of these: the writes whose effect was used up, and the reads that may count as done only together with a
 *              write that is done and not bound
 *      used    optional operations that took effect
 * One configuration makes another needless when value and done are equal and its bound and used are subsets: whatever the
 * other can still do, it can do too.
 *
 * Invariants
 *  (1) No live configuration makes another live one needless.
 *  (2) Numbers of configurations stay the same until configs_clear(); needless ones are marked dead.
 *  (3) bytes never exceeds bytes_max.
 */
#ifndef AUDIT_CONFIGS_H
#define AUDIT_CONFIGS_H

#include "base/types.h"
#include <stdbool.h>

#define CONFIGS_HEAD 2                  /* words before the bit sets */
#define CONFIGS_DEAD (UINT64_C(1) << 32)
#define CONFIGS_FRESH (UINT64_C(1) << 33)

struct configs_slot;
struct configs {
	uint64_t *words;
	struct configs_slot *index;
	uint32_t count, cap, index_cap, generation;
	uint32_t done_words, used_words, stride;
	size_t bytes, bytes_max;
	uint64_t work;                  /* comparisons made: the cost */
};

void configs_init(struct configs *c, uint32_t done_words, uint32_t used_words, size_t bytes_max);
void configs_fini(struct configs *c);
/* Forget all, keep the memory. O(1). */
void configs_clear(struct configs *c);
/*
 * configs_add - unless it is needless.
 * row        stride words; its chain part is ours
 * returns    0, or -ENOBUFS (3)
 */
int configs_add(struct configs *c, const uint64_t *row);

static inline uint64_t *configs_row(const struct configs *c, uint32_t i) { return c->words + (size_t)i * c->stride; }
static inline uint32_t configs_value(const uint64_t *row) { return (uint32_t)row[0]; }
static inline uint32_t configs_trail(const uint64_t *row) { return (uint32_t)row[1]; }
static inline bool configs_dead(const uint64_t *row) { return (row[1] & CONFIGS_DEAD) != 0; }
static inline uint64_t *configs_done(const struct configs *c, uint64_t *row) { (void)c; return row + CONFIGS_HEAD; }
static inline uint64_t *configs_bound(const struct configs *c, uint64_t *row) { return row + CONFIGS_HEAD + c->done_words; }
static inline uint64_t *configs_used(const struct configs *c, uint64_t *row) { return row + CONFIGS_HEAD + 2 * c->done_words; }

static inline bool configs_bit(const uint64_t *set, uint32_t i) { return (set[i / 64] >> (i % 64) & 1) != 0; }
static inline void configs_set(uint64_t *set, uint32_t i) { set[i / 64] |= UINT64_C(1) << (i % 64); }
static inline void configs_unset(uint64_t *set, uint32_t i) { set[i / 64] &= ~(UINT64_C(1) << (i % 64)); }

#endif
