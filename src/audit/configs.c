/* SPDX-License-Identifier: MIT */
/* configs.c - see configs.h. */
#include "audit/configs.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An entry is empty when it is of another generation. Entries with equal value and done share one, chained through the rows. */
struct configs_slot {
	uint32_t generation, head;
};
#define CHAIN_END UINT32_MAX
#define COUNT_MAX (UINT32_C(1) << 30)

void
configs_init(struct configs *c, uint32_t done_words, uint32_t used_words, size_t bytes_max)
{
	*c = (struct configs){ .done_words = done_words, .used_words = used_words, .bytes_max = bytes_max, .generation = 1 };
	c->stride = CONFIGS_HEAD + 2 * done_words + used_words;
}

void
configs_fini(struct configs *c)
{
	free(c->words);
	free(c->index);
	c->words = NULL;
	c->index = NULL;
}

void
configs_clear(struct configs *c)
{
	c->count = 0;
	if (++c->generation == 0) {
		if (c->index != NULL)
			memset(c->index, 0, c->index_cap * sizeof(c->index[0]));
		c->generation = 1;
	}
}

static uint64_t
mix(uint64_t h)
{
	/* The finaliser of MurmurHash3 (Appleby, public domain). */
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t
hash_row(const struct configs *c, const uint64_t *row)
{
	uint64_t h = mix(configs_value(row) + UINT64_C(0x9e3779b97f4a7c15));

	for (uint32_t i = 0; i < c->done_words; i++)
		h = mix(h ^ row[CONFIGS_HEAD + i]);
	return h;
}

/* The slot of the row's value and done: empty, or of its equals. */
static struct configs_slot *
find_slot(const struct configs *c, const uint64_t *row)
{
	for (uint64_t at = hash_row(c, row);; at++) {
		struct configs_slot *s = &c->index[at & (c->index_cap - 1)];

		if (s->generation != c->generation)
			return s;
		const uint64_t *other = configs_row(c, s->head);
		if (configs_value(other) == configs_value(row) &&
		    memcmp(other + CONFIGS_HEAD, row + CONFIGS_HEAD, c->done_words * sizeof(*row)) == 0)
			return s;
	}
}

static uint32_t
chain_next(const uint64_t *row)
{
	return (uint32_t)(row[0] >> 32);
}

static void
chain_set(uint64_t *row, uint32_t next)
{
	row[0] = (uint64_t)next << 32 | (uint32_t)row[0];
}

static int
grow_index(struct configs *c)
{
	uint32_t cap = c->index_cap == 0 ? 64 : c->index_cap * 2;
	size_t more = (size_t)(cap - c->index_cap) * sizeof(c->index[0]);

	if (c->bytes + more > c->bytes_max)
		return -ENOBUFS;
	struct configs_slot *index = calloc(cap, sizeof(index[0]));
	if (index == NULL)
		return -ENOBUFS;
	free(c->index);
	c->index = index;
	c->index_cap = cap;
	c->bytes += more;
	/* Heads of chains only: each is the newest of its chain, so walking down and skipping known slots finds them. */
	for (uint32_t i = c->count; i-- > 0;) {
		struct configs_slot *s = find_slot(c, configs_row(c, i));

		if (s->generation != c->generation)
			*s = (struct configs_slot){ c->generation, i };
	}
	return 0;
}

static int
grow_rows(struct configs *c)
{
	uint32_t cap = c->cap == 0 ? 32 : c->cap * 2;
	size_t more = (size_t)(cap - c->cap) * c->stride * sizeof(c->words[0]);

	if (cap > COUNT_MAX || c->bytes + more > c->bytes_max)
		return -ENOBUFS;
	uint64_t *words = realloc(c->words, (size_t)cap * c->stride * sizeof(words[0]));
	if (words == NULL)
		return -ENOBUFS;
	c->words = words;
	c->cap = cap;
	c->bytes += more;
	return 0;
}

/* How the bound and used sets of a and b compare: bit 0: a is a subset of b, bit 1: b of a. */
static unsigned
compare(const struct configs *c, const uint64_t *a, const uint64_t *b)
{
	unsigned result = 3;

	for (uint32_t i = CONFIGS_HEAD + c->done_words; i < c->stride && result != 0; i++) {
		if (a[i] & ~b[i])
			result &= ~1u;
		if (b[i] & ~a[i])
			result &= ~2u;
	}
	return result;
}

int
configs_add(struct configs *c, const uint64_t *row)
{
	if (c->count == c->cap && grow_rows(c) != 0)
		return -ENOBUFS;
	if ((uint64_t)(c->count + 1) * 2 > c->index_cap && grow_index(c) != 0)
		return -ENOBUFS;

	struct configs_slot *slot = find_slot(c, row);
	uint32_t head = slot->generation == c->generation ? slot->head : CHAIN_END;

	c->work++;
	for (uint32_t i = head; i != CHAIN_END; i = chain_next(configs_row(c, i))) {
		uint64_t *other = configs_row(c, i);

		c->work += 1 + c->stride / 8;
		if (configs_dead(other))
			continue;
		unsigned order = compare(c, other, row);
		if (order & 1)
			return 0;
		if (order & 2)
			other[1] |= CONFIGS_DEAD;
	}
	uint64_t *mine = configs_row(c, c->count);
	memcpy(mine, row, c->stride * sizeof(*row));
	chain_set(mine, head);
	*slot = (struct configs_slot){ c->generation, c->count };
	c->count++;
	return 0;
}
