/* SPDX-License-Identifier: MIT */
/*
 * map.h - hash map from byte strings to pointers (open addressing, linear probing, SipHash keyed).
 *
 * Keys are copied. Iteration follows insertion order while nothing was deleted; map_sorted() gives byte order.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/types.h"
#include <stdbool.h>

struct map_entry {
	char *key;              /* NUL-terminated copy; may hold NULs inside */
	size_t key_len;
	uint64_t hash;
	void *value;
};
struct map {
	struct map_entry *entries;      /* dense, in insertion order */
	uint32_t *index;                /* hash table of entry number + 1 */
	uint32_t count, cap, index_cap;
	uint64_t seed[2];
};

/* seed: anything unpredictable when keys come from outside; zeros are fine for our own keys. */
void map_init(struct map *m, uint64_t seed0, uint64_t seed1);
void map_fini(struct map *m);   /* keys are freed, values are the caller's */

/* Insert or replace. returns 0 or -ENOMEM; ret_old (may be NULL) gets the replaced value or NULL. */
int map_put(struct map *m, const char *key, void *value, void **ret_old);
int map_putn(struct map *m, const void *key, size_t key_len, void *value, void **ret_old);
void *map_get(const struct map *m, const char *key);                    /* NULL: not found */
void *map_getn(const struct map *m, const void *key, size_t key_len);
void *map_del(struct map *m, const char *key);                          /* the value, NULL: not found */
void *map_deln(struct map *m, const void *key, size_t key_len);
/* Entries as an array of count pointers sorted by key bytes; free() it. NULL when empty or no memory. */
struct map_entry **map_sorted(const struct map *m);

#endif
