/* SPDX-License-Identifier: MIT */
/* calls.c - see calls.h. */
#include "audit/calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
calls_fini(struct calls *c)
{
	if (c == NULL)
		return;
	free(c->at);
	free(c->lists);
	*c = (struct calls){ 0 };
}

int
calls_add(struct calls *c, const struct calls_one *one)
{
	if (c->count == c->cap) {
		uint32_t cap = c->cap == 0 ? 64 : c->cap + c->cap / 2;
		struct calls_one *more = cap < c->cap ? NULL : realloc(c->at, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		c->at = more;
		c->cap = cap;
	}
	c->at[c->count++] = *one;
	return 0;
}

int
calls_list(struct calls *c, uint32_t n, uint32_t *ret_at)
{
	if (c->list_count + n > c->list_cap) {
		size_t cap = FL_MAX(c->list_cap + c->list_cap / 2, c->list_count + n + 64);
		int64_t *more = cap > UINT32_MAX ? NULL : realloc(c->lists, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		c->lists = more;
		c->list_cap = cap;
	}
	*ret_at = (uint32_t)c->list_count;
	c->list_count += n;
	return 0;
}

bool
calls_same_effect(const struct calls *all, const struct calls_one *x, const struct calls_one *y)
{
	return x->object == y->object && x->kind == y->kind && x->a == y->a && x->b == y->b && x->any_result == y->any_result &&
	       x->list_count == y->list_count &&
	       (x->list_count == 0 || memcmp(all->lists + x->list_at, all->lists + y->list_at, x->list_count * sizeof(all->lists[0])) == 0);
}

static int
compare_events(const void *pa, const void *pb)
{
	const struct calls_event *a = pa, *b = pb;

	if (a->pos != b->pos)
		return a->pos < b->pos ? -1 : 1;
	if (a->ret != b->ret)
		return a->ret ? 1 : -1;
	return (a->call > b->call) - (a->call < b->call);
}

int
calls_events(const struct calls *c, struct calls_event **ret, uint32_t *ret_count)
{
	struct calls_event *events = malloc(((size_t)c->count * 2 + 1) * sizeof(events[0]));
	uint32_t n = 0;

	if (events == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->count; i++) {
		events[n++] = (struct calls_event){ c->at[i].inv, i, false };
		if (calls_required(&c->at[i]))
			events[n++] = (struct calls_event){ c->at[i].ret, i, true };
	}
	qsort(events, n, sizeof(events[0]), compare_events);
	*ret = events;
	*ret_count = n;
	return 0;
}
