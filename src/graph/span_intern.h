/* SPDX-License-Identifier: MIT */
/*
 * span_intern.h - byte strings to small numbers, in memory taken once
 *
 * Invariants
 *  (1) Ids run from 1 to count in the order of arrival; 0 is no id.
 *  (2) Nothing is taken from the system after init; full means 0, and the caller counts what it leaves out.
 */
#ifndef GRAPH_SPAN_INTERN_H
#define GRAPH_SPAN_INTERN_H

#include "base/types.h"

struct span_intern_entry {
	uint32_t at, n, hash;
};
struct span_intern {
	char *bytes;                            /* each string has a NUL behind it */
	struct span_intern_entry *entries;      /* of id - 1 */
	uint32_t *index;                        /* id, 0 empty */
	size_t bytes_max, bytes_used;
	uint32_t count, max, mask;
	uint64_t seed;
};

/* A fast keyed hash: the product of two words, folded. Not for secrets; keyed so that nobody outside can choose collisions. */
static inline uint64_t
span_intern_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 r = (unsigned __int128)a * b;

	return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* Address space for max strings of bytes_max bytes in all. 0 or -ENOMEM. */
int span_intern_init(struct span_intern *t, uint32_t max, size_t bytes_max, uint64_t seed);
void span_intern_fini(struct span_intern *t);
void span_intern_clear(struct span_intern *t);
/* The id of a string, made if it is new; 0 when there is no room. */
uint32_t span_intern(struct span_intern *t, const void *p, size_t n);
/* 0 when it is not there. */
uint32_t span_intern_find(const struct span_intern *t, const void *p, size_t n);
static inline const char *
span_intern_text(const struct span_intern *t, uint32_t id)
{
	return t->bytes + t->entries[id - 1].at;
}
static inline size_t
span_intern_len(const struct span_intern *t, uint32_t id)
{
	return t->entries[id - 1].n;
}

#endif
