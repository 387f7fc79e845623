/* SPDX-License-Identifier: MIT */
/* places.c - see places.h. */
#include "audit/places.h"

#include <errno.h>
#include <stdlib.h>

static int
compare(const void *pa, const void *pb)
{
	const int64_t *a = pa, *b = pb;

	return (*a > *b) - (*a < *b);
}

int
places_init(struct places *p, int64_t *numbers, size_t count)
{
	int64_t min = 0, max = -1;

	*p = (struct places){ 0 };
	for (size_t i = 0; i < count; i++) {
		min = i == 0 ? numbers[i] : FL_MIN(min, numbers[i]);
		max = i == 0 ? numbers[i] : FL_MAX(max, numbers[i]);
	}
	if (count > UINT32_MAX / 8 || max > INT64_MAX / 2 || min < -INT64_MAX / 2) {
		free(numbers);
		return -ENOMEM;
	}
	p->min = min;
	if (max - min < (int64_t)count * 4 + 64) {
		p->count = (uint32_t)(max - min + 1);
		free(numbers);
		return 0;
	}
	qsort(numbers, count, sizeof(numbers[0]), compare);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || numbers[i] != numbers[p->count - 1])
			numbers[p->count++] = numbers[i];
	p->sorted = numbers;
	return 0;
}

void
places_fini(struct places *p)
{
	free(p->sorted);
	p->sorted = NULL;
}

uint32_t
places_of(const struct places *p, int64_t number)
{
	uint32_t lo = 0, hi = p->count;

	if (p->sorted == NULL)
		return number < p->min || number - p->min >= p->count ? PLACES_NONE : (uint32_t)(number - p->min);
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->sorted[mid] < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->count && p->sorted[lo] == number ? lo : PLACES_NONE;
}
