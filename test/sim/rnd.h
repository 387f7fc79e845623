/* SPDX-License-Identifier: MIT */
/* rnd.h - the simulator's own dice: SplitMix64 (Steele, Lea, Flood 2014). One stream per purpose, all from one seed. */
#ifndef SIM_RND_H
#define SIM_RND_H

#include "base/types.h"
#include <stdbool.h>

struct rnd {
	uint64_t state;
};

static inline uint64_t
rnd_u64(struct rnd *r)
{
	uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A stream of its own for every (seed, purpose). */
static inline struct rnd
rnd_init(uint64_t seed, uint64_t purpose)
{
	struct rnd r = { seed * UINT64_C(0xd1342543de82ef95) + purpose };

	r.state = rnd_u64(&r) ^ (purpose << 32);
	return r;
}

/* [0, n), n > 0. */
static inline uint64_t
rnd_below(struct rnd *r, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)rnd_u64(r) * n) >> 64);
}

/* [lo, hi], lo <= hi. */
static inline int64_t
rnd_range(struct rnd *r, int64_t lo, int64_t hi)
{
	return lo + (int64_t)rnd_below(r, (uint64_t)(hi - lo) + 1);
}

/* True in `permille` of 1000 cases. */
static inline bool
rnd_chance(struct rnd *r, unsigned permille)
{
	return permille != 0 && rnd_below(r, 1000) < permille;
}

/* [lo, hi], small values as likely as large ones (uniform in the number of bits). lo >= 0. */
static inline int64_t
rnd_log(struct rnd *r, int64_t lo, int64_t hi)
{
	int bits = 0;

	/* Beware: FL_MIN() evaluates its arguments twice, so no draw may stand in one. */
	while (bits < 62 && (INT64_C(1) << bits) <= hi - lo)
		bits++;
	bits = (int)rnd_below(r, (uint64_t)bits + 1);
	int64_t more = (int64_t)rnd_below(r, UINT64_C(1) << bits);

	return lo + FL_MIN(hi - lo, more);
}

#endif
