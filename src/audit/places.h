/* SPDX-License-Identifier: MIT */
/* places.h - places 0, 1, ... for numbers that may be far apart: by distance where they are dense, else by search. */
#ifndef AUDIT_PLACES_H
#define AUDIT_PLACES_H

#include "base/types.h"

#define PLACES_NONE UINT32_MAX

struct places {
	int64_t min;
	int64_t *sorted;                /* NULL: by distance from min */
	uint32_t count;
};

/* Takes numbers, from malloc, over; it is sorted. 0 or -ENOMEM (nothing can go wrong but that count is too great). */
int places_init(struct places *p, int64_t *numbers, size_t count);
void places_fini(struct places *p);
uint32_t places_of(const struct places *p, int64_t number);     /* PLACES_NONE: it is none of them */

#endif
