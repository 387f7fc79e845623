/* SPDX-License-Identifier: MIT */
/* coverage.c - see coverage.h. */
#include "graph/coverage.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[COVERAGE_OUTCOMES] = { "never", "survived", "healed", "broke" };

const char *
coverage_word(enum coverage_outcome o)
{
	return (unsigned)o < COVERAGE_OUTCOMES ? words[o] : "";
}

enum coverage_outcome
coverage_outcome_of(const char *word)
{
	for (unsigned i = 0; i < COVERAGE_OUTCOMES; i++)
		if (strcmp(word, words[i]) == 0)
			return (enum coverage_outcome)i;
	return COVERAGE_NEVER;
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *
kind_of(const struct estate_fact *f)
{
	return strncmp(f->key, COVERAGE_KEY, strlen(COVERAGE_KEY)) == 0 ? f->key + strlen(COVERAGE_KEY) : NULL;
}

/* All kinds that lines have facts of, sorted, each once; those in the list left out. all: room for the facts. */
static uint32_t
other_kinds(const struct estate *e, const char *const *kinds, uint32_t kind_count, const char **all)
{
	uint32_t n = 0, kept = 0;

	for (uint32_t i = 0; i < e->line_count; i++)
		for (uint32_t k = e->lines[i].fact_first; k < e->lines[i].fact_first + e->lines[i].fact_count; k++)
			if (kind_of(&e->facts[k]) != NULL)
				all[n++] = kind_of(&e->facts[k]);
	if (n > 0)
		qsort(all, n, sizeof(*all), compare_words);
	for (uint32_t i = 0; i < n; i++) {
		bool known = kept > 0 && strcmp(all[kept - 1], all[i]) == 0;

		for (uint32_t k = 0; k < kind_count && !known; k++)
			known = strcmp(kinds[k], all[i]) == 0;
		if (!known)
			all[kept++] = all[i];
	}
	return kept;
}

static uint32_t
find_kind(const struct coverage *c, const char *kind)
{
	for (uint32_t k = 0; k < c->kind_count; k++)
		if (strcmp(c->kinds[k], kind) == 0)
			return k;
	fl_assert(!"every kind is in the list");
}

static int
compare_cells(const void *a, const void *b)
{
	const struct coverage_cell *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->fact->last > y->fact->last ? -1 : x->fact->last < y->fact->last;
}

/* The cells with a known outcome; of several for one pair the latest. */
static uint32_t
fill(const struct estate *e, struct coverage *c, struct coverage_cell *cells)
{
	uint32_t n = 0, kept = 0;

	for (uint32_t i = 0; i < e->line_count; i++) {
		for (uint32_t k = e->lines[i].fact_first; k < e->lines[i].fact_first + e->lines[i].fact_count; k++) {
			const struct estate_fact *f = &e->facts[k];

			if (kind_of(f) == NULL)
				continue;
			enum coverage_outcome o = coverage_outcome_of(f->value);

			if (o == COVERAGE_NEVER)
				c->unread++;
			else
				cells[n++] = (struct coverage_cell){ i, find_kind(c, kind_of(f)), o, f };
		}
	}
	if (n > 0)
		qsort(cells, n, sizeof(*cells), compare_cells);
	for (uint32_t i = 0; i < n; i++)
		if (kept == 0 || cells[kept - 1].line != cells[i].line || cells[kept - 1].kind != cells[i].kind)
			cells[kept++] = cells[i];
	return kept;
}

int
coverage_of_estate(const struct estate *e, const char *const *kinds, uint32_t kind_count, struct arena *keep, struct arena *scratch,
    struct coverage *ret)
{
	const char **others = arena_alloc(scratch, e->fact_count * sizeof(*others)), **all;
	struct coverage_cell *cells = arena_alloc(keep, e->fact_count * sizeof(*cells));
	struct coverage c = { 0 };

	if (others == NULL || cells == NULL)
		return -ENOMEM;
	uint32_t more = other_kinds(e, kinds, kind_count, others);
	uint32_t *by_outcome = arena_alloc(keep, ((size_t)kind_count + more) * COVERAGE_OUTCOMES * sizeof(*by_outcome));

	all = arena_alloc(keep, ((size_t)kind_count + more) * sizeof(*all));
	if (by_outcome == NULL || all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < kind_count + more; i++)
		all[i] = i < kind_count ? kinds[i] : others[i - kind_count];
	c.kinds = all;
	c.kind_count = kind_count + more;
	c.cells = cells;
	c.cell_count = fill(e, &c, cells);
	for (uint32_t i = 0; i < c.cell_count; i++)
		by_outcome[cells[i].kind * COVERAGE_OUTCOMES + cells[i].outcome]++;
	for (uint32_t k = 0; k < c.kind_count; k++) {
		uint32_t *row = by_outcome + (size_t)k * COVERAGE_OUTCOMES;

		row[COVERAGE_NEVER] = e->line_count - row[COVERAGE_SURVIVED] - row[COVERAGE_HEALED] - row[COVERAGE_BROKE];
		for (unsigned o = 0; o < COVERAGE_OUTCOMES; o++)
			c.total[o] += row[o];
	}
	c.by_outcome = by_outcome;
	*ret = c;
	return 0;
}

enum coverage_outcome
coverage_at(const struct coverage *c, uint32_t line, uint32_t kind)
{
	uint32_t low = 0, high = c->cell_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct coverage_cell *x = &c->cells[middle];

		if (x->line < line || (x->line == line && x->kind < kind))
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->cell_count && c->cells[low].line == line && c->cells[low].kind == kind ? c->cells[low].outcome : COVERAGE_NEVER;
}
