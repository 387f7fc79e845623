/* SPDX-License-Identifier: MIT */
/* past_claim.h - the small words of a sighting (kind, strength, phase, mode, through) in one number, as a claim keeps them. */
#ifndef STORE_PAST_CLAIM_H
#define STORE_PAST_CLAIM_H

#include "graph/sight.h"

/* bits 0-3 kind or the client's kind, 4-7 the server's kind, 8-9 strength, 10-11 phase, 12-13 mode, 14 through */
static inline int64_t
past_claim_bits(const struct sight *s)
{
	int64_t kind = s->what == SIGHT_LINE ? s->from_kind : s->kind;

	return (kind & 15) | (int64_t)(s->to_kind & 15) << 4 | (int64_t)(s->strength & 3) << 8 | (int64_t)(s->phase & 3) << 10 |
	    (int64_t)(s->mode & 3) << 12 | (int64_t)s->through << 14;
}

static inline void
past_claim_words(int64_t bits, struct sight *s)
{
	s->kind = s->what == SIGHT_LINE ? SIGHT_KIND_UNKNOWN : (enum sight_kind)(bits & 15);
	s->from_kind = s->what == SIGHT_LINE ? (enum sight_kind)(bits & 15) : SIGHT_KIND_UNKNOWN;
	s->to_kind = (enum sight_kind)(bits >> 4 & 15);
	s->strength = (enum sight_strength)(bits >> 8 & 3);
	s->phase = (enum sight_phase)(bits >> 10 & 3);
	s->mode = (enum sight_mode)(bits >> 12 & 3);
	s->through = (bits >> 14 & 1) != 0;
}

/* What is not known anew stays as it was. */
static inline int64_t
past_claim_merge(int64_t fresh, int64_t old)
{
	static const int64_t masks[] = { 15, 15 << 4, 3 << 8, 3 << 10, 3 << 12 };

	for (unsigned i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if ((fresh & masks[i]) == 0)
			fresh |= old & masks[i];
	return fresh | (old & 1 << 14);
}

/* Do they contradict each other? To know more than before is none. */
static inline bool
past_claim_differs(int64_t fresh, int64_t old)
{
	return past_claim_merge(old, fresh) != fresh;
}

#endif
