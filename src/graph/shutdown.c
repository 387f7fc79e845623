/* SPDX-License-Identifier: MIT */
/* shutdown.c - see shutdown.h. */
#include "graph/shutdown.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/scc.h"

#include <errno.h>
#include <stdlib.h>

struct stopping {
	const struct needs *n;
	struct arena *scratch;
	uint32_t *at, *to;              /* whom each node uses */
	uint32_t *component, count;
	bool *kept;
};

/* Append all that v uses, whichever way; out NULL: count. */
static uint32_t
uses(const struct needs *n, uint32_t v, uint32_t *out)
{
	uint32_t count = 0;

	for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1]; w++) {
		uint32_t id = needs_id(n->dep[w]);
		const uint32_t *to = &id;
		uint32_t more = 1;

		if (needs_tag(n->dep[w]) == NEEDS_GROUP) {
			to = n->members + n->groups[id].first;
			more = n->groups[id].count;
		}
		for (uint32_t i = 0; i < more; i++, count++)
			if (out != NULL)
				out[count] = to[i];
	}
	return count;
}

static int
make_rows(struct stopping *x)
{
	uint32_t n = x->n->node_count;

	x->at = csr_numbers(x->scratch, (size_t)n + 1);
	if (x->at == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		x->at[v + 1] = x->at[v] + uses(x->n, v, NULL);
	x->to = csr_numbers(x->scratch, x->at[n]);
	if (x->to == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		uses(x->n, v, x->to + x->at[v]);
	return 0;
}

/* What those who must stay need hard stays too; of a group every member, since any of them may be the one that is used. */
static int
find_kept(struct stopping *x, const uint32_t *keep_up, uint32_t keep_count)
{
	const struct needs *n = x->n;
	uint32_t *stack = csr_numbers(x->scratch, (size_t)n->node_count + 1), top = 0;

	x->kept = arena_alloc(x->scratch, n->node_count);
	if (stack == NULL || x->kept == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < keep_count; i++) {
		if (!x->kept[keep_up[i]])
			stack[top++] = keep_up[i];
		x->kept[keep_up[i]] = true;
	}
	while (top > 0) {
		uint32_t v = stack[--top];

		for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1]; w++) {
			uint32_t id = needs_id(n->dep[w]), count = 1;
			const uint32_t *to = &id;

			if (needs_tag(n->dep[w]) == NEEDS_SOFT)
				break;
			if (needs_tag(n->dep[w]) == NEEDS_GROUP) {
				count = n->groups[id].soft ? 0 : n->groups[id].count;
				to = n->members + n->groups[id].first;
			}
			for (uint32_t i = 0; i < count; i++) {
				if (!x->kept[to[i]])
					stack[top++] = to[i];
				x->kept[to[i]] = true;
			}
		}
	}
	return 0;
}

/* When each component can begin: after the last of its users, which have higher numbers. */
static int
find_times(struct stopping *x, const fl_ns *stop, fl_ns *begin, fl_ns *takes)
{
	uint32_t n = x->n->node_count, *order = csr_numbers(x->scratch, n), *start = csr_numbers(x->scratch, (size_t)x->count + 1);

	if (order == NULL || start == NULL || csr_order(x->scratch, NULL, n, x->component, x->count, order, start) != 0)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		if (!x->kept[v] && stop != NULL)
			takes[x->component[v]] = FL_MAX(takes[x->component[v]], stop[v]);
	for (uint32_t i = n; i-- > 0;) {
		uint32_t v = order[i], c = x->component[v];
		fl_ns end = begin[c] > FL_NEVER - 1 - takes[c] ? FL_NEVER - 1 : begin[c] + takes[c];

		if (x->kept[v])
			continue;
		for (uint32_t k = x->at[v]; k < x->at[v + 1]; k++)
			if (x->component[x->to[k]] != c)
				begin[x->component[x->to[k]]] = FL_MAX(begin[x->component[x->to[k]]], end);
	}
	return 0;
}

static int
compare_steps(const void *a, const void *b)
{
	const struct shutdown_step *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static void
report(const struct stopping *x, const fl_ns *begin, const fl_ns *takes, struct shutdown_step *steps, uint32_t *kept, struct shutdown *ret)
{
	for (uint32_t v = 0; v < x->n->node_count; v++) {
		uint32_t c = x->component[v];

		if (x->kept[v]) {
			kept[ret->kept_count++] = v;
			continue;
		}
		fl_ns end = begin[c] > FL_NEVER - 1 - takes[c] ? FL_NEVER - 1 : begin[c] + takes[c];

		steps[ret->count++] = (struct shutdown_step){ v, c, begin[c], end };
		ret->makespan = FL_MAX(ret->makespan, end);
	}
	if (ret->count > 0)
		qsort(steps, ret->count, sizeof(*steps), compare_steps);
	ret->steps = steps;
	ret->kept = kept;
}

int
shutdown_run(const struct needs *n, const fl_ns *stop, const uint32_t *keep_up, uint32_t keep_count, struct arena *keep,
    struct arena *scratch, struct shutdown *ret)
{
	struct stopping x = { .n = n, .scratch = scratch };
	struct shutdown all = { 0 };
	struct shutdown_step *steps = arena_alloc(keep, n->node_count * sizeof(*steps));
	uint32_t *kept = csr_numbers(keep, n->node_count);

	x.component = csr_numbers(scratch, n->node_count);
	if (steps == NULL || kept == NULL || x.component == NULL || make_rows(&x) != 0 || find_kept(&x, keep_up, keep_count) != 0 ||
	    scc_find(scratch, n->node_count, x.at, x.to, x.component, &x.count) != 0)
		return -ENOMEM;
	fl_ns *begin = arena_alloc(scratch, x.count * sizeof(*begin)), *takes = arena_alloc(scratch, x.count * sizeof(*takes));

	if (begin == NULL || takes == NULL || find_times(&x, stop, begin, takes) != 0)
		return -ENOMEM;
	report(&x, begin, takes, steps, kept, &all);
	*ret = all;
	return 0;
}
