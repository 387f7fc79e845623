/* SPDX-License-Identifier: MIT */
/*
 * rng.c - counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
 *
 * Words are in the order of the authors' Random123: key {low, high}, counter {lo.low, lo.high, hi.low, hi.high}.
 */
#include "base/rng.h"

#include "base/assert.h"

#include <math.h>

#define MUL0 UINT64_C(0xD2511F53)
#define MUL1 UINT64_C(0xCD9E8D57)
#define WEYL0 UINT32_C(0x9E3779B9)      /* golden ratio */
#define WEYL1 UINT32_C(0xBB67AE85)      /* sqrt(3) - 1 */
#define ROUNDS 10

struct rng128
rng_block(uint64_t key, uint64_t counter_lo, uint64_t counter_hi)
{
	uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
	uint32_t c0 = (uint32_t)counter_lo, c1 = (uint32_t)(counter_lo >> 32);
	uint32_t c2 = (uint32_t)counter_hi, c3 = (uint32_t)(counter_hi >> 32);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t p0 = MUL0 * c0, p1 = MUL1 * c2;

		c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)p1;
		c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)p0;
		k0 += WEYL0;
		k1 += WEYL1;
	}
	return (struct rng128){ .lo = c0 | (uint64_t)c1 << 32, .hi = c2 | (uint64_t)c3 << 32 };
}

uint64_t
rng_draw(uint64_t key, uint64_t counter_lo, uint64_t counter_hi)
{
	return rng_block(key, counter_lo, counter_hi).lo;
}

uint64_t
rng_key(uint64_t key, uint64_t word)
{
	/* "next key" in ASCII: a counter that no ordinal reaches, so keys and draws do not meet. */
	return rng_draw(key, word, UINT64_C(0x6e657874206b6579));
}

double
rng_unit(uint64_t bits)
{
	return (double)(bits >> 11) * 0x1p-53;
}

uint64_t
rng_below(uint64_t bits, uint64_t n)
{
	fl_assert(n > 0);
	return (uint64_t)(((unsigned __int128)bits * n) >> 64);
}

double
rng_normal(struct rng128 bits)
{
	double u = 1 - rng_unit(bits.lo);       /* (0, 1]: its logarithm is finite */

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * rng_unit(bits.hi));
}
