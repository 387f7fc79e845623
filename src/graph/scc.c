/* SPDX-License-Identifier: MIT */
/* scc.c - see scc.h. */
#include "graph/scc.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>

struct tarjan {
	const uint32_t *at, *to;
	uint32_t *low;                  /* 0: not seen; else the lowest number that is reached, from 1 */
	uint32_t *next;                 /* the next edge to look at */
	uint32_t *path, path_count;     /* from the root to where we are */
	uint32_t *open, open_count;     /* seen, and not in a component yet */
	uint32_t *component;
	uint32_t number, count;
};

static void
enter(struct tarjan *t, uint32_t v)
{
	t->low[v] = ++t->number;
	t->next[v] = t->at[v];
	t->path[t->path_count++] = v;
	t->open[t->open_count++] = v;
}

/* Everything below v is seen: if nothing leads above it, what is open since v is a component. own: v's own number. */
static void
leave(struct tarjan *t, uint32_t v, uint32_t own)
{
	if (t->low[v] == own) {
		uint32_t u;

		do {
			u = t->open[--t->open_count];
			t->component[u] = t->count;
			t->low[u] = UINT32_MAX;         /* never the lowest again */
		} while (u != v);
		t->count++;
	}
	t->path_count--;
	if (t->path_count > 0) {
		uint32_t above = t->path[t->path_count - 1];

		if (t->low[v] < t->low[above])
			t->low[above] = t->low[v];
	}
}

static void
walk(struct tarjan *t, uint32_t root, uint32_t *own)
{
	enter(t, root);
	own[root] = t->number;
	while (t->path_count > 0) {
		uint32_t v = t->path[t->path_count - 1];

		if (t->next[v] == t->at[v + 1]) {
			leave(t, v, own[v]);
			continue;
		}
		uint32_t u = t->to[t->next[v]++];

		if (t->low[u] == 0) {
			enter(t, u);
			own[u] = t->number;
		} else if (t->low[u] < t->low[v]) {
			t->low[v] = t->low[u];
		}
	}
}

int
scc_find(struct arena *scratch, uint32_t n, const uint32_t *at, const uint32_t *to, uint32_t *ret_component, uint32_t *ret_count)
{
	struct arena_mark mark = arena_snapshot(scratch);
	struct tarjan t = { .at = at, .to = to, .low = csr_numbers(scratch, n), .next = csr_numbers(scratch, n),
		.path = csr_numbers(scratch, n), .open = csr_numbers(scratch, n), .component = ret_component };
	uint32_t *own = csr_numbers(scratch, n);

	if (t.low == NULL || t.next == NULL || t.path == NULL || t.open == NULL || own == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++)
		if (t.low[v] == 0)
			walk(&t, v, own);
	fl_assert(t.open_count == 0 && t.number == n);
	*ret_count = t.count;
	arena_reset(scratch, mark);
	return 0;
}
