/* SPDX-License-Identifier: MIT */
/* writers.c - see writers.h. */
#include "audit/writers.h"

#include <errno.h>
#include <stdlib.h>

void
writers_fini(struct writers *w)
{
	free(w->by_value);
	free(w->value_start);
	free(w->reach);
	free(w->by_ret);
	free(w->newest);
	*w = (struct writers){ 0 };
}

/* Counting sort by value; ops are in order of invocation already. */
static void
sort_by_value(struct writers *w)
{
	const struct keyhist *k = w->k;

	for (uint32_t i = 0; i < k->op_count; i++)
		if (keyhist_writes(&k->ops[i]))
			w->value_start[k->ops[i].value + 1]++;
	for (uint32_t v = 0; v < k->value_count; v++)
		w->value_start[v + 1] += w->value_start[v];
	/* Fill from the back so that the starts end up where they belong. */
	for (uint32_t v = k->value_count; v > 0; v--)
		w->value_start[v] = w->value_start[v - 1];
	w->value_start[0] = 0;
	for (uint32_t i = 0; i < k->op_count; i++)
		if (keyhist_writes(&k->ops[i]))
			w->by_value[w->value_start[k->ops[i].value + 1]++] = i;
	for (uint32_t v = 0; v < k->value_count; v++) {
		uint32_t reach = 0;

		for (uint32_t i = w->value_start[v]; i < w->value_start[v + 1]; i++)
			w->reach[i] = reach = FL_MAX(reach, k->ops[w->by_value[i]].ret);
	}
}

static void
sort_by_ret(struct writers *w)
{
	const struct keyhist *k = w->k;

	for (uint32_t e = 0; e < k->event_count; e++) {
		uint32_t number = (uint32_t)k->events[e] >> 1;

		if ((k->events[e] & 1) == 0 || !keyhist_writes(&k->ops[number]))
			continue;
		uint32_t newest = w->ret_count > 0 ? w->newest[w->ret_count - 1] : number;
		w->by_ret[w->ret_count] = number;
		w->newest[w->ret_count++] = k->ops[newest].inv > k->ops[number].inv ? newest : number;
	}
}

int
writers_init(struct writers *w, const struct keyhist *k)
{
	size_t n = (size_t)k->op_count + 1;

	*w = (struct writers){ .k = k };
	w->by_value = calloc(n, sizeof(w->by_value[0]));
	w->value_start = calloc((size_t)k->value_count + 2, sizeof(w->value_start[0]));
	w->reach = calloc(n, sizeof(w->reach[0]));
	w->by_ret = calloc(n, sizeof(w->by_ret[0]));
	w->newest = calloc(n, sizeof(w->newest[0]));
	if (w->by_value == NULL || w->value_start == NULL || w->reach == NULL || w->by_ret == NULL || w->newest == NULL) {
		writers_fini(w);
		return -ENOMEM;
	}
	sort_by_value(w);
	sort_by_ret(w);
	return 0;
}

uint32_t
writers_newest(const struct writers *w, uint32_t pos)
{
	uint32_t lo = 0, hi = w->ret_count;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->k->ops[w->by_ret[mid]].ret < pos)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? w->newest[lo - 1] : KEYHIST_NONE;
}

uint32_t
writers_of(const struct writers *w, const struct keyhist_op *observer, uint32_t *ret, uint32_t ret_max, uint32_t *ret_stale)
{
	uint32_t newest = writers_newest(w, observer->inv), found = 0, value = observer->expect;
	uint32_t until = keyhist_required(observer) ? observer->ret : observer->expire;

	*ret_stale = KEYHIST_NONE;
	for (uint32_t i = w->value_start[value + 1]; i-- > w->value_start[value];) {
		const struct keyhist_op *o = &w->k->ops[w->by_value[i]];

		if (o == observer || o->inv > until)
			continue;
		if (newest != KEYHIST_NONE && o->ret < w->k->ops[newest].inv) {
			if (*ret_stale == KEYHIST_NONE)
				*ret_stale = w->by_value[i];
			if (w->reach[i] < w->k->ops[newest].inv)
				break;
			continue;
		}
		if (found < ret_max)
			ret[found] = w->by_value[i];
		found++;
	}
	return found;
}
