/* SPDX-License-Identifier: MIT */
/* states.c - see states.h. */
#include "audit/states.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
states_init(struct states *s, size_t bytes_max)
{
	*s = (struct states){ .bytes_max = bytes_max };
}

void
states_fini(struct states *s)
{
	free(s->words);
	free(s->rows);
	free(s->index);
	*s = (struct states){ .bytes_max = s->bytes_max };
}

static uint32_t
hash_words(const int64_t *words, uint32_t n)
{
	uint64_t h = n;

	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ (uint64_t)words[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

static int
grow(struct states *s, void **mem, size_t *cap, size_t need, size_t size)
{
	size_t wanted = FL_MAX(*cap * 2, FL_MAX(need, (size_t)64));

	if (need <= *cap)
		return 0;
	if (wanted > s->bytes_max / size || s->bytes + (wanted - *cap) * size > s->bytes_max)
		return -ENOBUFS;
	void *more = realloc(*mem, wanted * size);

	if (more == NULL)
		return -ENOBUFS;
	s->bytes += (wanted - *cap) * size;
	*mem = more;
	*cap = wanted;
	return 0;
}

static void
fill_index(struct states *s)
{
	memset(s->index, 0, s->index_cap * sizeof(s->index[0]));
	for (uint32_t k = 0; k < s->count; k++) {
		size_t i = s->rows[k].hash & (s->index_cap - 1);

		while (s->index[i] != 0)
			i = (i + 1) & (s->index_cap - 1);
		s->index[i] = k + 1;
	}
}

static int
grow_index(struct states *s)
{
	size_t cap = s->index_cap == 0 ? 64 : 2 * s->index_cap;
	int rc = grow(s, (void **)&s->index, &s->index_cap, cap, sizeof(s->index[0]));

	if (rc == 0)
		fill_index(s);
	return rc;
}

int
states_put(struct states *s, const int64_t *words, uint32_t n, uint32_t *ret)
{
	uint32_t hash = hash_words(words, n);

	if (2 * ((size_t)s->count + 1) > s->index_cap && grow_index(s) != 0)
		return -ENOBUFS;
	size_t i = hash & (s->index_cap - 1);

	for (; s->index[i] != 0; i = (i + 1) & (s->index_cap - 1)) {
		const struct states_row *row = &s->rows[s->index[i] - 1];

		if (row->hash == hash && row->count == n && (n == 0 || memcmp(s->words + row->at, words, n * sizeof(words[0])) == 0)) {
			*ret = s->index[i] - 1;
			return 0;
		}
	}
	if (s->count >= STATES_NONE - 1 || grow(s, (void **)&s->rows, &s->row_cap, (size_t)s->count + 1, sizeof(s->rows[0])) != 0 ||
	    grow(s, (void **)&s->words, &s->word_cap, s->word_count + n + 1, sizeof(s->words[0])) != 0)
		return -ENOBUFS;
	if (n > 0)
		memcpy(s->words + s->word_count, words, n * sizeof(words[0]));
	s->rows[s->count] = (struct states_row){ s->word_count, n, hash };
	s->word_count += n;
	s->index[i] = ++s->count;
	*ret = s->count - 1;
	return 0;
}

void
states_keep(struct states *s, uint32_t *marks)
{
	size_t words = 0;
	uint32_t n = 0;

	for (uint32_t k = 0; k < s->count; k++) {
		struct states_row row = s->rows[k];

		if (marks[k] == 0)
			continue;
		if (row.count > 0)
			memmove(s->words + words, s->words + row.at, row.count * sizeof(s->words[0]));
		row.at = words;
		words += row.count;
		s->rows[n++] = row;
		marks[k] = n;
	}
	s->count = n;
	s->word_count = words;
	if (s->index_cap > 0)
		fill_index(s);
}
