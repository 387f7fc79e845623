/* SPDX-License-Identifier: MIT */
/*
 * rng.h - counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011).
 *
 * There is no state: the same (key, counter) gives the same number in every thread, at every time.
 * A decision is rng_draw(key of seed and place, what the traffic is, ordinal).
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/types.h"

struct rng128 {
	uint64_t lo, hi;
};

/* One Philox block: 128 random bits for (key, counter). */
struct rng128 rng_block(uint64_t key, uint64_t counter_lo, uint64_t counter_hi);
/* The first 64 bits of the block. */
uint64_t rng_draw(uint64_t key, uint64_t counter_lo, uint64_t counter_hi);
/* Mix a further word into a key (for nested places: seed -> line -> fault). */
uint64_t rng_key(uint64_t key, uint64_t word);

/* Map 64 random bits to [0, 1), 53 bits of it. */
double rng_unit(uint64_t bits);
/* Map 64 random bits to [0, n), n > 0, without modulo bias worth naming (Lemire's multiply-shift). */
uint64_t rng_below(uint64_t bits, uint64_t n);
/* Standard normal from 128 bits (Box-Muller). */
double rng_normal(struct rng128 bits);

#endif
