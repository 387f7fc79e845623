/* SPDX-License-Identifier: MIT */
/* pile_items.c - see pile_items.h. */
#include "audit/pile_items.h"

#include "audit/model_pile.h"
#include "audit/places.h"

#include <errno.h>
#include <stdlib.h>

static bool
has_value(const struct calls_one *c)
{
	return !c->any_result && (c->kind == MODEL_PILE_ADD || c->kind == MODEL_PILE_TAKE);
}

static int
find_places(const struct calls *calls, struct places *ret)
{
	int64_t *numbers = malloc(((size_t)calls->count + 1) * sizeof(numbers[0]));
	size_t n = 0;

	if (numbers == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < calls->count; i++)
		if (has_value(&calls->at[i]))
			numbers[n++] = calls->at[i].a;
	return places_init(ret, numbers, n);
}

static void
fill(struct pile_items *p, const struct calls *calls, const struct places *places)
{
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];

		if (!has_value(c)) {
			p->empties += c->kind == MODEL_PILE_EMPTY;
			p->wild += c->kind != MODEL_PILE_EMPTY;
			continue;
		}
		struct pile_items_one *item = &p->at[places_of(places, c->a)];

		if (c->kind == MODEL_PILE_TAKE) {
			item->takes++;
			if (item->takes == 1)
				item->take = i;
			continue;
		}
		p->repeated += item->adds == 1;
		item->acknowledged += calls_required(c);
		if (item->adds++ == 0)
			item->add = i;
	}
}

int
pile_items_init(struct pile_items *p, const struct calls *calls)
{
	struct places places;

	*p = (struct pile_items){ 0 };
	if (find_places(calls, &places) != 0)
		return -ENOMEM;
	p->at = malloc(((size_t)places.count + 1) * sizeof(p->at[0]));
	if (p->at == NULL) {
		places_fini(&places);
		return -ENOMEM;
	}
	p->count = places.count;
	for (uint32_t i = 0; i < p->count; i++)
		p->at[i] = (struct pile_items_one){ .add = CALLS_NONE, .take = CALLS_NONE };
	fill(p, calls, &places);
	places_fini(&places);
	uint32_t kept = 0;

	for (uint32_t i = 0; i < p->count; i++)
		if (p->at[i].adds + p->at[i].takes > 0)
			p->at[kept++] = p->at[i];
	p->count = kept;
	return 0;
}

void
pile_items_fini(struct pile_items *p)
{
	free(p->at);
	p->at = NULL;
}

bool
pile_items_illegal(struct model_finding *ret, const char *say, const uint32_t *witness, uint32_t n)
{
	*ret = (struct model_finding){ .answer = MODEL_ILLEGAL, .say = say, .enough = true };
	for (uint32_t i = 0; i < n; i++)
		if (witness[i] != CALLS_NONE && ret->witness_count < MODEL_WITNESS_MAX)
			ret->witness[ret->witness_count++] = witness[i];
	return false;
}

/* Another take of the item's value than its first. */
static uint32_t
second_take(const struct calls *calls, uint32_t first)
{
	for (uint32_t i = first + 1; i < calls->count; i++)
		if (calls->at[i].kind == MODEL_PILE_TAKE && !calls->at[i].any_result && calls->at[i].a == calls->at[first].a)
			return i;
	return CALLS_NONE;
}

bool
pile_items_sound(const struct pile_items *p, const struct calls *calls, struct model_finding *ret)
{
	for (uint32_t i = 0; i < p->count; i++) {
		const struct pile_items_one *item = &p->at[i];

		if (item->adds == 0)
			return pile_items_illegal(ret, "it was taken, but nobody put it on", (uint32_t[]){ item->take }, 1);
		if (item->takes > item->adds)
			return pile_items_illegal(ret, "it was taken more often than it was put on",
						  (uint32_t[]){ item->add, item->take, second_take(calls, item->take) }, 3);
		if (item->adds == 1 && item->takes == 1 && calls->at[item->take].ret < calls->at[item->add].inv)
			return pile_items_illegal(ret, "it was taken before it was put on", (uint32_t[]){ item->take, item->add }, 2);
	}
	return true;
}

static int
compare_spans(const void *pa, const void *pb)
{
	const struct pile_items_span *a = pa, *b = pb;

	return (a->from > b->from) - (a->from < b->from);
}

/* Join spans that overlap; the item of a joined one is that which reaches furthest. */
static uint32_t
join(struct pile_items_span *spans, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || spans[i].from >= spans[kept - 1].to)
			spans[kept++] = spans[i];
		else if (spans[i].to > spans[kept - 1].to)
			spans[kept - 1].to = spans[i].to;
	}
	return kept;
}

bool
pile_items_empties(const struct pile_items *p, const struct calls *calls, struct pile_items_span *spans, uint32_t n,
		   struct model_finding *ret)
{
	if (p->empties == 0 || n == 0)
		return true;
	qsort(spans, n, sizeof(spans[0]), compare_spans);
	n = join(spans, n);
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];
		uint32_t lo = 0, hi = n;

		if (c->kind != MODEL_PILE_EMPTY)
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (spans[mid].from < c->inv)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == 0 || c->ret >= spans[lo - 1].to)
			continue;
		pile_items_illegal(ret, "it was said to be empty, but all the while something was on it", (uint32_t[]){ i }, 1);
		ret->enough = false;
		return false;
	}
	return true;
}
