/* SPDX-License-Identifier: MIT */
/*
 * map.c - hash map from byte strings to pointers (open addressing, linear probing, SipHash keyed).
 *
 * Invariants
 *  (1) index_cap is 0 or a power of two >= 2 * cap, so every probe ends at an empty place.
 *  (2) entries[0 .. count) are live; deleting moves the last one into the gap.
 *  (3) Between an entry's home place and its place in the index there is no empty place: deleting shifts back, there
 *      are no tombstones.
 */
#include "base/map.h"

#include "base/assert.h"
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_MIN 8
#define CAP_MAX (UINT32_C(1) << 30)

void
map_init(struct map *m, uint64_t seed0, uint64_t seed1)
{
	*m = (struct map){ .seed = { seed0, seed1 } };
}

void
map_fini(struct map *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->index);
	map_init(m, m->seed[0], m->seed[1]);
}

static bool
same_key(const struct map_entry *e, uint64_t hash, const void *key, size_t key_len)
{
	return e->hash == hash && e->key_len == key_len && (key_len == 0 || memcmp(e->key, key, key_len) == 0);
}

/* The place in the index that holds the key, or the empty one where it would go. index_cap > 0. */
static uint32_t
find_place(const struct map *m, uint64_t hash, const void *key, size_t key_len)
{
	uint32_t mask = m->index_cap - 1;
	uint32_t place = (uint32_t)hash & mask;

	while (m->index[place] != 0 && !same_key(&m->entries[m->index[place] - 1], hash, key, key_len))
		place = (place + 1) & mask;
	return place;
}

static void
reindex(struct map *m)
{
	uint32_t mask = m->index_cap - 1;

	memset(m->index, 0, m->index_cap * sizeof(m->index[0]));
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t place = (uint32_t)m->entries[i].hash & mask;

		while (m->index[place] != 0)
			place = (place + 1) & mask;
		m->index[place] = i + 1;
	}
}

static int
grow(struct map *m)
{
	uint32_t cap = m->cap == 0 ? CAP_MIN : m->cap * 2;

	if (cap > CAP_MAX)
		return -ENOMEM;
	struct map_entry *entries = realloc(m->entries, cap * sizeof(entries[0]));

	if (entries == NULL)
		return -ENOMEM;
	m->entries = entries;
	uint32_t *index = realloc(m->index, (size_t)cap * 2 * sizeof(index[0]));

	if (index == NULL)
		return -ENOMEM;         /* the longer entries do no harm: cap says what counts */
	m->index = index;
	m->index_cap = cap * 2;                                           /* (1) */
	m->cap = cap;
	reindex(m);
	return 0;
}

int
map_putn(struct map *m, const void *key, size_t key_len, void *value, void **ret_old)
{
	uint64_t hash = hash_bytes(m->seed[0], m->seed[1], key, key_len);
	uint32_t place = m->index_cap == 0 ? 0 : find_place(m, hash, key, key_len);
	void *old = NULL;

	if (m->index_cap > 0 && m->index[place] != 0) {
		struct map_entry *e = &m->entries[m->index[place] - 1];

		old = e->value;
		e->value = value;
	} else {
		char *copy = key_len == SIZE_MAX ? NULL : malloc(key_len + 1);

		if (copy == NULL || (m->count == m->cap && grow(m) < 0)) {
			free(copy);
			return -ENOMEM;
		}
		if (key_len > 0)
			memcpy(copy, key, key_len);
		copy[key_len] = '\0';
		place = find_place(m, hash, key, key_len);
		m->entries[m->count++] = (struct map_entry){ copy, key_len, hash, value };
		m->index[place] = m->count;
	}
	if (ret_old != NULL)
		*ret_old = old;
	return 0;
}

int
map_put(struct map *m, const char *key, void *value, void **ret_old)
{
	return map_putn(m, key, strlen(key), value, ret_old);
}

void *
map_getn(const struct map *m, const void *key, size_t key_len)
{
	if (m->count == 0)
		return NULL;
	uint32_t i = m->index[find_place(m, hash_bytes(m->seed[0], m->seed[1], key, key_len), key, key_len)];

	return i == 0 ? NULL : m->entries[i - 1].value;
}

void *
map_get(const struct map *m, const char *key)
{
	return map_getn(m, key, strlen(key));
}

/* Empty a place and move back those behind it that may come nearer to their home. */
static void
unindex(struct map *m, uint32_t gap)
{
	uint32_t mask = m->index_cap - 1;

	m->index[gap] = 0;
	for (uint32_t p = (gap + 1) & mask; m->index[p] != 0; p = (p + 1) & mask) {
		uint32_t home = (uint32_t)m->entries[m->index[p] - 1].hash & mask;

		if (((p - home) & mask) < ((p - gap) & mask))
			continue;       /* its home lies behind the gap */
		m->index[gap] = m->index[p];                              /* (3) */
		m->index[p] = 0;
		gap = p;
	}
}

void *
map_deln(struct map *m, const void *key, size_t key_len)
{
	if (m->count == 0)
		return NULL;
	uint32_t place = find_place(m, hash_bytes(m->seed[0], m->seed[1], key, key_len), key, key_len);

	if (m->index[place] == 0)
		return NULL;
	struct map_entry *e = &m->entries[m->index[place] - 1];
	struct map_entry *last = &m->entries[m->count - 1];
	void *value = e->value;

	free(e->key);
	if (e != last) {
		uint32_t moved = find_place(m, last->hash, last->key, last->key_len);

		fl_assert(m->index[moved] == m->count);
		m->index[moved] = m->index[place];                        /* (2) */
		*e = *last;
	}
	m->count--;
	unindex(m, place);
	return value;
}

void *
map_del(struct map *m, const char *key)
{
	return map_deln(m, key, strlen(key));
}

static int
by_key(const void *a, const void *b)
{
	const struct map_entry *x = *(struct map_entry *const *)a, *y = *(struct map_entry *const *)b;
	int r = memcmp(x->key, y->key, FL_MIN(x->key_len, y->key_len));

	if (r != 0)
		return r;
	return (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

struct map_entry **
map_sorted(const struct map *m)
{
	if (m->count == 0)
		return NULL;
	struct map_entry **all = malloc(m->count * sizeof(struct map_entry *));

	if (all == NULL)
		return NULL;
	for (uint32_t i = 0; i < m->count; i++)
		all[i] = &m->entries[i];
	qsort(all, m->count, sizeof(struct map_entry *), by_key);
	return all;
}
