/* SPDX-License-Identifier: MIT */
/*
 * cuts.c - see cuts.h.
 *
 * The search works on a copy of the part that the entries need, with a node on top that needs all entries: it is the last one, the target.
 */
#include "graph/cuts.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/fall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct search {
	const struct needs *whole;
	const struct cuts_options *o;
	uint32_t *small;                /* number in the copy by number in the whole; NEEDS_NONE */
	uint32_t *whole_of;             /* and back */
	uint32_t count, target;
	struct fall fall;
	uint32_t *supports;             /* one list per depth, and one more to compare with */
	uint32_t *stack;
	uint32_t *mark;                 /* by node: the last support that it was put into */
	uint32_t marks;
	bool *barred;                   /* by node: not to be tried here */
	uint32_t chosen[CUTS_SIZE_MAX];
	uint32_t size;                  /* that is searched for now */
	struct cut *sets;
	uint32_t set_count, pairs_first, pairs_end;
	uint64_t tries;
	bool stopped;
};

/* ---- the copy ---- */

static void
reach(struct search *s, uint32_t v)
{
	if (s->small[v] != NEEDS_NONE)
		return;
	s->small[v] = s->count;
	s->whole_of[s->count++] = v;
}

/* All that the entries need hard, alone or in groups. */
static void
reach_all(struct search *s, const uint32_t *entries, uint32_t entry_count, uint32_t *ret_edges, uint32_t *ret_groups, uint32_t *ret_members)
{
	const struct needs *n = s->whole;

	for (uint32_t i = 0; i < entry_count; i++)
		reach(s, entries[i]);
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t v = s->whole_of[i];

		*ret_edges += n->dep_hard_end[v] - n->dep_at[v];
		for (uint32_t w = n->dep_at[v]; w < n->dep_hard_end[v]; w++)
			reach(s, n->dep[w]);
		for (uint32_t w = n->dep_hard_end[v]; w < n->dep_at[v + 1] && needs_tag(n->dep[w]) == NEEDS_GROUP; w++) {
			const struct needs_group *g = &n->groups[needs_id(n->dep[w])];

			if (g->soft || g->k == 0)
				continue;
			++*ret_groups;
			*ret_members += g->count;
			for (uint32_t k = g->first; k < g->first + g->count; k++)
				reach(s, n->members[k]);
		}
	}
}

static void
copy_groups(struct search *s, uint32_t i, struct needs_group *groups, uint32_t *members, struct needs_spec *spec, uint32_t *at)
{
	const struct needs *n = s->whole;
	uint32_t v = s->whole_of[i];

	for (uint32_t w = n->dep_hard_end[v]; w < n->dep_at[v + 1] && needs_tag(n->dep[w]) == NEEDS_GROUP; w++) {
		const struct needs_group *g = &n->groups[needs_id(n->dep[w])];

		if (g->soft || g->k == 0)
			continue;
		groups[spec->group_count++] = (struct needs_group){ .node = i, .k = g->k, .first = *at, .count = g->count };
		for (uint32_t k = g->first; k < g->first + g->count; k++)
			members[(*at)++] = s->small[n->members[k]];
	}
}

static int
copy(struct search *s, const uint32_t *entries, uint32_t entry_count, struct arena *scratch, struct needs **ret)
{
	const struct needs *n = s->whole;
	uint32_t edges = 0, group_count = 0, member_count = 0, at = 0;

	reach_all(s, entries, entry_count, &edges, &group_count, &member_count);
	s->target = s->count;
	uint32_t *from = csr_numbers(scratch, (size_t)edges + entry_count), *to = csr_numbers(scratch, (size_t)edges + entry_count);
	struct needs_group *groups = arena_alloc(scratch, group_count * sizeof(*groups));
	uint32_t *members = csr_numbers(scratch, member_count);
	struct needs_spec spec = { .node_count = s->count + 1, .from = from, .to = to, .groups = groups, .members = members };

	if (from == NULL || to == NULL || groups == NULL || members == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t v = s->whole_of[i];

		for (uint32_t w = n->dep_at[v]; w < n->dep_hard_end[v]; w++) {
			from[spec.edge_count] = i;
			to[spec.edge_count++] = s->small[n->dep[w]];
		}
		copy_groups(s, i, groups, members, &spec, &at);
	}
	for (uint32_t i = 0; i < entry_count; i++) {
		from[spec.edge_count] = s->target;
		to[spec.edge_count++] = s->small[entries[i]];
	}
	return needs_build(&spec, scratch, scratch, ret);
}

/* ---- supports ---- */

static void
support_add(struct search *s, uint32_t v, uint32_t *stack, uint32_t *top)
{
	if (s->mark[v] == s->marks)
		return;
	s->mark[v] = s->marks;
	stack[(*top)++] = v;
}

/* How gladly a member is taken: it is there already, then what needs not be tried, then what `other` support does not hold. */
static unsigned
liking(const struct search *s, uint32_t v, uint32_t other)
{
	if (fall_is_down(&s->fall, v))
		return 0;
	return s->mark[v] == s->marks ? 4 : s->barred[v] ? 3 : other != 0 && s->mark[v] == other ? 1 : 2;
}

static void
support_group(struct search *s, const struct needs_group *g, uint32_t other, uint32_t *stack, uint32_t *top)
{
	uint32_t taken = 0;

	for (unsigned like = 4; like > 0; like--) {
		for (uint32_t k = g->first; k < g->first + g->count && taken < g->k; k++) {
			uint32_t v = s->fall.n->members[k];

			if (liking(s, v, other) != like)
				continue;
			taken++;                /* and from now on it is one that is there already, so it is not taken twice */
			support_add(s, v, stack, top);
		}
	}
	fl_assert(taken >= g->k);
}

/*
 * A set that holds the target and, for each of its nodes, what that needs; none is down. Into list, without barred ones and the target.
 * other: the mark of a support to keep away from, 0: none. returns how many.
 */
static uint32_t
support(struct search *s, uint32_t other, uint32_t *list)
{
	const struct needs *n = s->fall.n;
	uint32_t top = 0, count = 0;

	s->marks++;
	support_add(s, s->target, s->stack, &top);
	while (top > 0) {
		uint32_t v = s->stack[--top];

		if (!s->barred[v] && v != s->target)
			list[count++] = v;
		for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1]; w++) {
			if (needs_tag(n->dep[w]) == NEEDS_GROUP)
				support_group(s, &n->groups[needs_id(n->dep[w])], other, s->stack, &top);
			else
				support_add(s, n->dep[w], s->stack, &top);
		}
	}
	return count;
}

/* ---- the tree ---- */

static bool
try_node(struct search *s, uint32_t v)
{
	if (++s->tries > s->o->tries_max)
		s->stopped = true;
	fall_push(&s->fall, &v, 1);
	return fall_is_down(&s->fall, s->target);
}

static int
compare_cuts(const void *a, const void *b)
{
	const struct cut *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	for (uint32_t i = 0; i < x->size; i++)
		if (x->nodes[i] != y->nodes[i])
			return x->nodes[i] < y->nodes[i] ? -1 : 1;
	return 0;
}

static int
compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Is some pair of these three a cut? Cuts of one node are barred, so nothing else can be inside. */
static bool
holds_pair(const struct search *s, const struct cut *c)
{
	for (uint32_t leave = 0; leave < 3 && c->size == 3; leave++) {
		struct cut pair = { .nodes = { c->nodes[leave == 0], c->nodes[leave == 2 ? 1 : 2] }, .size = 2 };

		if (bsearch(&pair, s->sets + s->pairs_first, s->pairs_end - s->pairs_first, sizeof(pair), compare_cuts) != NULL)
			return true;
	}
	return false;
}

static void
record(struct search *s)
{
	struct cut c = { .size = s->size };

	for (uint32_t i = 0; i < s->size; i++)
		c.nodes[i] = s->whole_of[s->chosen[i]];
	qsort(c.nodes, c.size, sizeof(c.nodes[0]), compare_numbers);
	if (holds_pair(s, &c))
		return;
	if (s->set_count == s->o->sets_max) {
		s->stopped = true;
		return;
	}
	s->sets[s->set_count++] = c;
}

/* The last node of a cut: it is in both of two supports. */
static void
last_node(struct search *s, uint32_t depth, uint32_t *list)
{
	uint32_t n = support(s, 0, list), mark = s->marks, *more = s->supports + (size_t)CUTS_SIZE_MAX * s->target;

	support(s, mark, more);
	for (uint32_t i = 0; i < n && !s->stopped; i++) {
		uint32_t before = s->fall.count;

		if (s->mark[list[i]] != s->marks)
			continue;
		s->chosen[depth] = list[i];
		if (try_node(s, list[i]))
			record(s);
		fall_undo(&s->fall, before);
	}
}

/* Fill chosen[depth ..]; those before are down. */
static void
descend(struct search *s, uint32_t depth)
{
	uint32_t *list = s->supports + (size_t)depth * s->target;

	if (depth + 1 == s->size) {
		last_node(s, depth, list);
		return;
	}
	uint32_t n = support(s, 0, list), tried = 0;

	for (; tried < n && !s->stopped; tried++) {
		uint32_t before = s->fall.count;

		s->chosen[depth] = list[tried];
		if (!try_node(s, list[tried]))
			descend(s, depth + 1);
		fall_undo(&s->fall, before);
		s->barred[list[tried]] = true;          /* sets with it have all been seen */
	}
	for (uint32_t i = 0; i < tried; i++)
		s->barred[list[i]] = false;
}

static void
search_all(struct search *s, struct cuts *ret)
{
	for (s->size = 1; s->size <= s->o->size_max && !s->stopped; s->size++) {
		uint32_t first = s->set_count;

		descend(s, 0);
		if (s->set_count > first)
			qsort(s->sets + first, s->set_count - first, sizeof(*s->sets), compare_cuts);
		for (uint32_t i = first; i < s->set_count && s->size == 1; i++)
			s->barred[s->small[s->sets[i].nodes[0]]] = true;
		if (s->size == 2) {
			s->pairs_first = first;
			s->pairs_end = s->set_count;
		}
		if (!s->stopped)
			ret->size_complete = s->size;
	}
}

static int
prepare(struct search *s, const uint32_t *entries, uint32_t entry_count, struct arena *keep, struct arena *scratch)
{
	struct needs *part;
	int r;

	s->small = csr_numbers(scratch, s->whole->node_count);
	s->whole_of = csr_numbers(scratch, (size_t)s->whole->node_count + 1);
	if (s->small == NULL || s->whole_of == NULL)
		return -ENOMEM;
	memset(s->small, 0xff, s->whole->node_count * sizeof(*s->small));
	r = copy(s, entries, entry_count, scratch, &part);
	if (r != 0)
		return r;
	s->supports = csr_numbers(scratch, (size_t)(CUTS_SIZE_MAX + 1) * (s->count + 1));
	s->stack = csr_numbers(scratch, (size_t)s->count + 1);
	s->mark = csr_numbers(scratch, (size_t)s->count + 1);
	s->barred = arena_alloc(scratch, (size_t)s->count + 1);
	s->sets = arena_alloc(keep, s->o->sets_max * sizeof(*s->sets));
	if (s->supports == NULL || s->stack == NULL || s->mark == NULL || s->barred == NULL || s->sets == NULL ||
	    fall_init(&s->fall, part, scratch) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->count && s->o->never != NULL; i++)
		s->barred[i] = (s->o->never[s->whole_of[i] / 64] >> s->whole_of[i] % 64 & 1) != 0;
	return 0;
}

int
cuts_find(const struct needs *n, const uint32_t *entries, uint32_t entry_count, const struct cuts_options *o, struct arena *keep,
    struct arena *scratch, struct cuts *ret)
{
	struct search s = { .whole = n, .o = o };
	struct cuts all = { 0 };

	if (o->size_max == 0 || o->size_max > CUTS_SIZE_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < entry_count; i++)
		if (entries[i] >= n->node_count)
			return -EINVAL;
	int r = prepare(&s, entries, entry_count, keep, scratch);

	if (r != 0)
		return r;
	search_all(&s, &all);
	all.sets = s.sets;
	all.count = s.set_count;
	all.tries = s.tries;
	*ret = all;
	return 0;
}
