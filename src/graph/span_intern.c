/* SPDX-License-Identifier: MIT */
/* span_intern.c - byte strings to small numbers. */
#include "graph/span_intern.h"

#include "base/assert.h"
#include "base/region.h"

#include <errno.h>
#include <string.h>

static size_t
index_bytes(const struct span_intern *t)
{
	return ((size_t)t->mask + 1) * sizeof(t->index[0]);
}

int
span_intern_init(struct span_intern *t, uint32_t max, size_t bytes_max, uint64_t seed)
{
	fl_assert(max > 0 && max < 1u << 30 && bytes_max < UINT32_MAX);
	*t = (struct span_intern){ .bytes_max = bytes_max, .max = max, .mask = 15, .seed = seed | 1 };
	while (t->mask < 2 * max)
		t->mask = t->mask * 2 + 1;
	t->bytes = region_reserve(bytes_max);
	t->entries = region_reserve(max * sizeof(t->entries[0]));
	t->index = region_reserve(index_bytes(t));
	return t->bytes != NULL && t->entries != NULL && t->index != NULL ? 0 : -ENOMEM;
}

void
span_intern_fini(struct span_intern *t)
{
	region_release(t->bytes, t->bytes_max);
	region_release(t->entries, t->max * sizeof(t->entries[0]));
	region_release(t->index, index_bytes(t));
	*t = (struct span_intern){ .bytes = NULL };
}

void
span_intern_clear(struct span_intern *t)
{
	if (t->count == 0)
		return;
	memset(t->index, 0, index_bytes(t));
	t->count = 0;
	t->bytes_used = 0;
}

static uint32_t
hash_of(const struct span_intern *t, const char *p, size_t n)
{
	uint64_t h = t->seed ^ n, word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = span_intern_mix(h ^ word, UINT64_C(0x9e3779b97f4a7c15) ^ t->seed);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, p, n);
		h = span_intern_mix(h ^ word, UINT64_C(0xd6e8feb86659fd93) ^ t->seed);
	}
	return (uint32_t)(h ^ h >> 32);
}

/* The place of a string, or the empty one where it would go. */
static uint32_t
place_of(const struct span_intern *t, const void *p, size_t n, uint32_t hash)
{
	uint32_t place = hash & t->mask;

	for (; t->index[place] != 0; place = (place + 1) & t->mask) {
		const struct span_intern_entry *e = &t->entries[t->index[place] - 1];

		if (e->hash == hash && e->n == n && memcmp(t->bytes + e->at, p, n) == 0)
			break;
	}
	return place;
}

uint32_t
span_intern_find(const struct span_intern *t, const void *p, size_t n)
{
	return t->index[place_of(t, p, n, hash_of(t, p, n))];
}

uint32_t
span_intern(struct span_intern *t, const void *p, size_t n)
{
	uint32_t hash = hash_of(t, p, n), place = place_of(t, p, n, hash);

	if (t->index[place] != 0)
		return t->index[place];
	if (t->count == t->max || n + 1 > t->bytes_max - t->bytes_used)
		return 0;                                                 /* (2) */
	memcpy(t->bytes + t->bytes_used, p, n);
	t->bytes[t->bytes_used + n] = '\0';
	t->entries[t->count] = (struct span_intern_entry){ .at = (uint32_t)t->bytes_used, .n = (uint32_t)n, .hash = hash };
	t->bytes_used += n + 1;
	t->index[place] = ++t->count;
	return t->count;
}
