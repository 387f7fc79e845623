/* SPDX-License-Identifier: MIT */
/* functions.c - see functions.h. */
#include "graph/functions.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	const char *word;
	size_t len;
	uint32_t node;
};

static int
compare_words(const struct entry *a, const struct entry *b)
{
	int r = memcmp(a->word, b->word, FL_MIN(a->len, b->len));

	return r != 0 ? r : a->len < b->len ? -1 : a->len > b->len;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int r = compare_words(x, y);

	return r != 0 ? r : x->node < y->node ? -1 : x->node > y->node;
}

/* All (word, node), sorted, without repetition. The first pass counts: all NULL. */
static uint32_t
gather(const struct estate *e, struct entry *all)
{
	uint32_t n = 0, kept = 0;

	for (uint32_t v = 0; v < e->node_count; v++) {
		const char *list = estate_node_text(e, v, ESTATE_FACT_FUNCTION);
		struct entry x = { .node = v };

		for (; estate_list_next(&list, &x.word, &x.len); n++)
			if (all != NULL)
				all[n] = x;
	}
	if (all == NULL || n == 0)
		return n;
	qsort(all, n, sizeof(*all), compare_entries);
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || compare_entries(&all[kept - 1], &all[i]) != 0)
			all[kept++] = all[i];
	return kept;
}

int
functions_of_estate(const struct estate *e, struct arena *keep, struct arena *scratch, struct functions *ret)
{
	uint32_t n = gather(e, NULL), count = 0;
	struct entry *all = arena_alloc(scratch, n * sizeof(*all));
	uint32_t *entries = csr_numbers(keep, n), *entry_at = csr_numbers(keep, (size_t)n + 1), *of = csr_numbers(keep, n);
	uint32_t *of_at = csr_numbers(keep, (size_t)e->node_count + 1), *function = csr_numbers(scratch, n);
	const char **names = arena_alloc(keep, n * sizeof(*names));

	if (all == NULL || entries == NULL || entry_at == NULL || of == NULL || of_at == NULL || function == NULL || names == NULL)
		return -ENOMEM;
	n = gather(e, all);
	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || compare_words(&all[i - 1], &all[i]) != 0) {
			entry_at[count] = i;
			names[count] = arena_strndup(keep, all[i].word, all[i].len);
			if (names[count++] == NULL)
				return -ENOMEM;
		}
		entries[i] = all[i].node;
		function[i] = count - 1;
	}
	entry_at[count] = n;
	if (csr_order(scratch, NULL, n, entries, e->node_count, of, of_at) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		of[i] = function[of[i]];
	*ret = (struct functions){ count, names, entry_at, entries, of_at, of };
	return 0;
}

uint32_t
functions_find(const struct functions *f, const char *name)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (strcmp(f->names[i], name) == 0)
			return i;
	return ESTATE_NONE;
}

enum impact_state
functions_state(const struct functions *f, const struct impact *im, uint32_t function)
{
	enum impact_state worst = IMPACT_UP;

	fl_assert(function < f->count);
	for (uint32_t i = f->entry_at[function]; i < f->entry_at[function + 1]; i++)
		worst = FL_MAX(worst, impact_state(im, f->entries[i]));
	return worst;
}

uint32_t
functions_where(const struct estate *e, const char *key, const char *value, uint32_t *ret_all, uint32_t *ret_some, uint32_t *ret_some_count)
{
	uint32_t all = 0, some = 0;

	for (uint32_t v = 0; v < e->node_count; v++) {
		const char *list = estate_node_text(e, v, key), *word;
		size_t len;
		bool hit = false, other = false;

		while (estate_list_next(&list, &word, &len)) {
			bool same = strlen(value) == len && memcmp(word, value, len) == 0;

			hit = hit || same;
			other = other || !same;
		}
		if (hit && !other)
			ret_all[all++] = v;
		else if (hit && ret_some != NULL)
			ret_some[some++] = v;
	}
	if (ret_some_count != NULL)
		*ret_some_count = some;
	return all;
}
