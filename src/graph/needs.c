/* SPDX-License-Identifier: MIT */
/* needs.c - see needs.h. */
#include "graph/needs.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct making {
	const struct needs_spec *spec;
	struct arena *keep, *scratch;
	struct needs *n;
	uint32_t *group_order;          /* of the spec, by node (4) */
	struct needs_group *groups;
};

static bool
sane(const struct needs_spec *s)
{
	if (s->node_count >= NEEDS_MAX || s->group_count >= NEEDS_MAX)
		return false;
	for (uint32_t i = 0; i < s->edge_count; i++)
		if (s->from[i] >= s->node_count || s->to[i] >= s->node_count)
			return false;
	for (uint32_t g = 0; g < s->group_count; g++) {
		const struct needs_group *group = &s->groups[g];

		if (group->node >= s->node_count || group->k == 0 || group->k > group->count || group->count > NEEDS_MEMBERS_MAX)
			return false;
		for (uint32_t i = 0; i < group->count; i++)
			if (s->members[group->first + i] >= s->node_count)
				return false;
	}
	return true;
}

static int
make_groups(struct making *m)
{
	const struct needs_spec *s = m->spec;
	uint32_t total = 0, at = 0, *node = csr_numbers(m->scratch, s->group_count), *members;

	m->group_order = csr_numbers(m->scratch, s->group_count);
	m->groups = arena_alloc(m->keep, s->group_count * sizeof(*m->groups));
	if (node == NULL || m->group_order == NULL || m->groups == NULL)
		return -ENOMEM;
	for (uint32_t g = 0; g < s->group_count; g++) {
		node[g] = s->groups[g].node;
		total += s->groups[g].count;
	}
	members = csr_numbers(m->keep, total);
	if (members == NULL || csr_order(m->scratch, NULL, s->group_count, node, s->node_count, m->group_order, NULL) != 0)
		return -ENOMEM;
	for (uint32_t g = 0; g < s->group_count; g++) {
		const struct needs_group *old = &s->groups[m->group_order[g]];

		m->groups[g] = *old;
		m->groups[g].first = at;
		for (uint32_t i = 0; i < old->count; i++) {
			if (s->members[old->first + i] == old->node)
				m->groups[g].k--;                                 /* (3) */
			else
				members[at++] = s->members[old->first + i];
		}
		m->groups[g].count = at - m->groups[g].first;
	}
	m->n->groups = m->groups;
	m->n->members = members;
	m->n->group_count = s->group_count;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
sort_row(uint32_t *row, uint32_t n)
{
	if (n > 32) {
		qsort(row, n, sizeof(*row), by_number);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		uint32_t word = row[i], k = i;

		for (; k > 0 && row[k - 1] > word; k--)
			row[k] = row[k - 1];
		row[k] = word;
	}
}

struct rows {
	uint32_t *at, *hard_end, *words;
};

/* Turn counts by node (at [v + 1]) into places, with room for the words. */
static int
rows_open(struct making *m, struct rows *r, uint32_t **ret_fill)
{
	uint32_t n = m->spec->node_count;

	for (uint32_t v = 0; v < n; v++)
		r->at[v + 1] += r->at[v];
	r->words = csr_numbers(m->keep, r->at[n]);
	*ret_fill = csr_numbers(m->scratch, n);
	if (r->words == NULL || *ret_fill == NULL)
		return -ENOMEM;
	memcpy(*ret_fill, r->at, n * sizeof(**ret_fill));
	return 0;
}

static void
rows_close(const struct making *m, struct rows *r)
{
	for (uint32_t v = 0; v < m->spec->node_count; v++) {
		uint32_t end = r->at[v];

		sort_row(r->words + r->at[v], r->at[v + 1] - r->at[v]);
		while (end < r->at[v + 1] && needs_tag(r->words[end]) == NEEDS_HARD)
			end++;
		r->hard_end[v] = end;                                             /* (2) */
	}
}

static uint32_t
word_of(uint32_t id, enum needs_tag tag)
{
	return (uint32_t)tag << 30 | id;
}

static bool
soft(const struct needs_spec *s, uint32_t edge)
{
	return s->soft != NULL && s->soft[edge];
}

/* The rows of what each node needs (forward), or of who needs each node. */
static int
make_rows(struct making *m, struct rows *r, bool forward)
{
	const struct needs_spec *s = m->spec;
	uint32_t *fill;

	r->at = csr_numbers(m->keep, (size_t)s->node_count + 1);
	r->hard_end = csr_numbers(m->keep, s->node_count);
	if (r->at == NULL || r->hard_end == NULL)
		return -ENOMEM;
	const uint32_t *here = forward ? s->from : s->to, *there = forward ? s->to : s->from;

	for (uint32_t i = 0; i < s->edge_count; i++)
		r->at[here[i] + 1] += here[i] != there[i];
	for (uint32_t g = 0; g < s->group_count; g++) {
		r->at[m->groups[g].node + 1] += forward;
		for (uint32_t i = 0; i < m->groups[g].count && !forward; i++)
			r->at[m->n->members[m->groups[g].first + i] + 1]++;
	}
	if (rows_open(m, r, &fill) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->edge_count; i++)
		if (here[i] != there[i])
			r->words[fill[here[i]]++] = word_of(there[i], soft(s, i) ? NEEDS_SOFT : NEEDS_HARD);
	for (uint32_t g = 0; g < s->group_count; g++) {
		if (forward)
			r->words[fill[m->groups[g].node]++] = word_of(g, NEEDS_GROUP);
		for (uint32_t i = 0; i < m->groups[g].count && !forward; i++)
			r->words[fill[m->n->members[m->groups[g].first + i]]++] = word_of(g, NEEDS_GROUP);
	}
	rows_close(m, r);
	return 0;
}

/* The words of one tag of all rows, without it. */
static int
pick(struct making *m, const struct rows *r, enum needs_tag tag, const uint32_t **ret_at, const uint32_t **ret_words)
{
	uint32_t n = m->spec->node_count, count = 0, *at = csr_numbers(m->keep, (size_t)n + 1), *words;

	if (at == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->at[n]; i++)
		count += needs_tag(r->words[i]) == tag;
	words = csr_numbers(m->keep, count);
	if (words == NULL)
		return -ENOMEM;
	count = 0;
	for (uint32_t v = 0; v < n; v++) {
		for (uint32_t i = r->at[v]; i < r->at[v + 1]; i++)
			if (needs_tag(r->words[i]) == tag)
				words[count++] = needs_id(r->words[i]);
		at[v + 1] = count;
	}
	*ret_at = at;
	*ret_words = words;
	return 0;
}

static bool
any_soft(const struct needs_spec *s)
{
	bool found = false;

	for (uint32_t i = 0; i < s->edge_count && !found; i++)
		found = soft(s, i);
	for (uint32_t g = 0; g < s->group_count && !found; g++)
		found = s->groups[g].soft;
	return found;
}

/* What to make it of, and the spec's number of each group afterwards (scratch). */
static int
build(struct making *m)
{
	struct rows dep, use;

	if (!sane(m->spec))
		return -EINVAL;
	m->n = arena_alloc(m->keep, sizeof(*m->n));
	if (m->n == NULL || make_groups(m) != 0 || make_rows(m, &dep, true) != 0 || make_rows(m, &use, false) != 0 ||
	    pick(m, &use, NEEDS_HARD, &m->n->hard_at, &m->n->hard) != 0 || pick(m, &use, NEEDS_GROUP, &m->n->in_at, &m->n->in) != 0)
		return -ENOMEM;
	m->n->node_count = m->spec->node_count;
	m->n->any_soft = any_soft(m->spec);
	m->n->dep_at = dep.at;
	m->n->dep_hard_end = dep.hard_end;
	m->n->dep = dep.words;
	m->n->use_at = use.at;
	m->n->use_hard_end = use.hard_end;
	m->n->use = use.words;
	return 0;
}

int
needs_build(const struct needs_spec *spec, struct arena *keep, struct arena *scratch, struct needs **ret)
{
	struct making m = { .spec = spec, .keep = keep, .scratch = scratch };
	int r = build(&m);

	if (r == 0)
		*ret = m.n;
	return r;
}

static bool
in_view(const struct needs_view *view, enum sight_phase phase, enum sight_strength strength)
{
	return (phase == view->phase || phase == SIGHT_BOTH) && (strength == SIGHT_HARD || !view->hard_only);
}

int
needs_of_estate(const struct estate *e, const struct needs_view *view, struct arena *keep, struct arena *scratch, struct needs **ret)
{
	uint32_t *from = csr_numbers(scratch, e->line_count), *to = csr_numbers(scratch, e->line_count), edges = 0, chosen = 0;
	bool *is_soft = arena_alloc(scratch, e->line_count);
	struct needs_group *groups = arena_alloc(scratch, e->group_count * sizeof(*groups));
	uint32_t *number = csr_numbers(scratch, e->group_count), *group_of = csr_numbers(keep, e->group_count);

	if (from == NULL || to == NULL || is_soft == NULL || groups == NULL || number == NULL || group_of == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->line_count; i++) {
		const struct estate_line *l = &e->lines[i];

		if (l->grouped || !in_view(view, l->phase, l->strength))
			continue;
		from[edges] = l->from;
		to[edges] = l->to;
		is_soft[edges++] = l->strength == SIGHT_SOFT;
	}
	for (uint32_t i = 0; i < e->group_count; i++) {
		const struct estate_group *g = &e->groups[i];

		if (!in_view(view, g->phase, g->strength))
			continue;
		groups[chosen] = (struct needs_group){ g->node, g->k, g->member_first, g->member_count, g->strength == SIGHT_SOFT };
		number[chosen++] = i;
	}
	struct needs_spec spec = { .node_count = e->node_count, .edge_count = edges, .from = from, .to = to, .soft = is_soft,
		.group_count = chosen, .groups = groups, .members = e->members };
	struct making m = { .spec = &spec, .keep = keep, .scratch = scratch };
	int r = build(&m);

	if (r != 0)
		return r;
	for (uint32_t g = 0; g < chosen; g++)
		group_of[g] = number[m.group_order[g]];
	m.n->group_of = group_of;
	*ret = m.n;
	return 0;
}
