/* SPDX-License-Identifier: MIT */
/* spof.c - see spof.h. */
#include "graph/spof.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ranking {
	struct impact *im;
	const struct functions *f;
	const int64_t *tier;
	uint32_t *seen;                 /* by function: 2 * the failure, or that + 1 when it is down */
};

/* Count the functions of one that is hit, each once per failure, as down if anything of it is. */
static void
count_functions(const struct ranking *r, uint32_t v, uint32_t turn, bool down, struct spof *row)
{
	const struct functions *f = r->f;

	for (uint32_t i = f->of_at[v]; i < f->of_at[v + 1]; i++) {
		uint32_t *seen = &r->seen[f->of[i]];

		if (*seen >= turn)              /* those who are down are counted first */
			continue;
		*seen = turn;
		row->functions_down += down;
		row->functions_degraded += !down;
	}
}

static void
rank_one(const struct ranking *r, uint32_t v, struct spof *row)
{
	const struct impact *im = r->im;

	*row = (struct spof){ .node = v };
	impact_run(r->im, &v, 1);
	row->down = im->fall.count - 1;
	row->degraded = im->weak_count;
	for (uint32_t i = 1; i < im->fall.count && r->tier != NULL; i++)
		row->tier_down += r->tier[im->fall.order[i]] <= 1;
	if (r->f->count == 0)
		return;
	for (uint32_t i = 0; i < im->fall.count; i++)
		count_functions(r, im->fall.order[i], v + 1, true, row);
	for (uint32_t i = 0; i < im->weak_count; i++)
		count_functions(r, im->weak_order[i], v + 1, false, row);
}

static int
worse(uint32_t a, uint32_t b)
{
	return a > b ? -1 : a < b;
}

static int
compare_spofs(const void *a, const void *b)
{
	const struct spof *x = a, *y = b;
	int r = worse(x->functions_down, y->functions_down);

	if (r == 0)
		r = worse(x->tier_down, y->tier_down);
	if (r == 0)
		r = worse(x->down, y->down);
	if (r == 0)
		r = worse(x->degraded, y->degraded);
	return r != 0 ? r : worse(y->node, x->node);
}

int
spof_rank(struct impact *im, const struct functions *f, const int64_t *tier, struct arena *scratch, struct spof *ret)
{
	uint32_t n = im->fall.n->node_count;
	struct ranking r = { im, f, tier, csr_numbers(scratch, f->count) };

	if (r.seen == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		rank_one(&r, v, &ret[v]);
	if (n > 0)
		qsort(ret, n, sizeof(*ret), compare_spofs);
	return 0;
}

static int
compare_shared(const void *a, const void *b)
{
	const struct spof_shared *x = a, *y = b;

	return x->group != y->group ? (x->group < y->group ? -1 : 1) : x->node < y->node ? -1 : x->node > y->node;
}

int64_t
spof_shared(struct fall *f, struct arena *scratch, struct spof_shared *ret, uint32_t max)
{
	const struct needs *n = f->n;
	uint32_t *seen = csr_numbers(scratch, n->group_count), found = 0;

	if (seen == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n->node_count && n->group_count > 0; v++) {
		fall_undo(f, 0);
		fall_push(f, &v, 1);
		for (uint32_t i = 0; i < f->count; i++) {
			uint32_t d = f->order[i];

			for (uint32_t w = n->use_hard_end[d]; w < n->use_at[d + 1] && needs_tag(n->use[w]) == NEEDS_GROUP; w++) {
				uint32_t g = needs_id(n->use[w]);

				if (seen[g] == v + 1 || f->groups[g].spare >= 0 || f->intact[g].spare == 0 || n->groups[g].node == v)
					continue;
				seen[g] = v + 1;
				if (found < max)
					ret[found] = (struct spof_shared){ g, v, (uint32_t)(f->intact[g].spare - f->groups[g].spare) };
				found++;
			}
		}
	}
	fall_undo(f, 0);
	if (FL_MIN(found, max) > 0)
		qsort(ret, FL_MIN(found, max), sizeof(*ret), compare_shared);
	return found;
}

/* Is the only word of this member's fact the given one? */
static bool
only_there(const struct estate *e, uint32_t node, const char *key, const char *value, size_t len)
{
	const char *list = estate_node_text(e, node, key), *word;
	size_t n;
	bool there = false;

	while (estate_list_next(&list, &word, &n)) {
		if (n != len || memcmp(word, value, len) != 0)
			return false;
		there = true;
	}
	return there;
}

uint32_t
spof_together(const struct estate *e, const char *key, struct spof_together *ret, uint32_t max)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < e->group_count; i++) {
		const struct estate_group *g = &e->groups[i];
		const uint32_t *members = e->members + g->member_first;
		uint32_t spare = g->member_count - g->k;

		/* A value that too many share is the value of one of any spare + 1 of them. */
		for (uint32_t a = 0; a < g->member_count && spare > 0; a++) {
			const char *list = estate_node_text(e, members[a], key), *word;
			size_t len;
			uint32_t lost = 1;
			bool first = true;

			if (!estate_list_next(&list, &word, &len) || !only_there(e, members[a], key, word, len))
				continue;
			for (uint32_t b = 0; b < g->member_count; b++) {
				bool same = b != a && only_there(e, members[b], key, word, len);

				lost += same;
				first = first && !(same && b < a);
			}
			if (!first || lost <= spare)
				continue;
			if (found < max)
				ret[found] = (struct spof_together){ i, word, len, lost };
			found++;
		}
	}
	return found;
}
