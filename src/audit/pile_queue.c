/* SPDX-License-Identifier: MIT */
/* pile_queue.c - see pile_queue.h. */
#include "audit/pile_queue.h"

#include "audit/model_pile.h"
#include "audit/pile_items.h"

#include <errno.h>
#include <stdlib.h>

/* An item that surely was on the queue: when it was put on, when the taking of it began. */
struct moment {
	uint32_t at;                    /* what it is sorted by */
	uint32_t item;
};

struct queue {
	const struct calls *calls;
	struct pile_items items;
	struct moment *by_inv, *by_ret; /* adds by invocation; of those that returned, by return */
	uint32_t inv_count, ret_count;
	struct pile_items_span *spans;
	struct model_finding *finding;
	bool ordered;                   /* false: a bag, which gives out what is in it in any order */
};

static int
compare_moments(const void *pa, const void *pb)
{
	const struct moment *a = pa, *b = pb;

	return (a->at > b->at) - (a->at < b->at);
}

static bool
already_sorted(const struct moment *m, uint32_t n)
{
	for (uint32_t i = 1; i < n; i++)
		if (m[i].at < m[i - 1].at)
			return false;
	return true;
}

static void
sort(struct moment *m, uint32_t n)
{
	if (!already_sorted(m, n))
		qsort(m, n, sizeof(m[0]), compare_moments);
}

/* open: items that nobody surely took count as well. */
static void
fill(struct queue *q, bool open)
{
	q->inv_count = q->ret_count = 0;
	for (uint32_t i = 0; i < q->items.count; i++) {
		const struct pile_items_one *item = &q->items.at[i];
		const struct calls_one *add = &q->calls->at[item->add];

		if (item->take != CALLS_NONE)
			q->by_inv[q->inv_count++] = (struct moment){ add->inv, i };
		if (calls_required(add) && (open || item->take != CALLS_NONE))
			q->by_ret[q->ret_count++] = (struct moment){ add->ret, i };
	}
	sort(q->by_inv, q->inv_count);
	sort(q->by_ret, q->ret_count);
}

/* When the taking of an item began; CALLS_NEVER: it did not. */
static uint32_t
take_inv(const struct queue *q, uint32_t item)
{
	uint32_t take = q->items.at[item].take;

	return take == CALLS_NONE ? CALLS_NEVER : q->calls->at[take].inv;
}

/* Of all items put on before b began to be, is one surely taken after it, or never? */
static bool
in_order(struct queue *q)
{
	uint32_t last = CALLS_NONE, last_inv = 0;

	for (uint32_t i = 0, k = 0; i < q->inv_count; i++) {
		const struct pile_items_one *b = &q->items.at[q->by_inv[i].item];

		for (; k < q->ret_count && q->by_ret[k].at < q->by_inv[i].at; k++)
			if (last == CALLS_NONE || take_inv(q, q->by_ret[k].item) > last_inv) {
				last = q->by_ret[k].item;
				last_inv = take_inv(q, last);
			}
		if (last == CALLS_NONE || q->calls->at[b->take].ret >= last_inv)
			continue;
		const struct pile_items_one *a = &q->items.at[last];

		return pile_items_illegal(q->finding, last_inv == CALLS_NEVER ?
					  "the later of two values was taken, and the earlier never was" :
					  "the later of two values was taken before the earlier one",
					  (uint32_t[]){ a->add, b->add, a->take, b->take }, 4);
	}
	return true;
}

static bool
empties(struct queue *q, bool open)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->items.count; i++) {
		const struct calls_one *add = &q->calls->at[q->items.at[i].add];
		uint32_t to = take_inv(q, i);

		if (calls_required(add) && add->ret < to && (open || to != CALLS_NEVER))
			q->spans[n++] = (struct pile_items_span){ add->ret, to, i };
	}
	return pile_items_empties(&q->items, q->calls, q->spans, n, q->finding);
}

static bool
judge(struct queue *q, bool open)
{
	fill(q, open);
	return (!q->ordered || in_order(q)) && empties(q, open);
}

/* Something that shows by when whatever was put on before `at` was gone: a later value that was taken, or an empty queue. */
struct limit {
	uint32_t at, deadline;
	uint32_t add, take;             /* calls; of an empty queue add is CALLS_NONE */
};

/* An item that nobody surely took, and by when it must be gone. */
struct due {
	uint32_t deadline, item, limit;
};

static int
compare_limits(const void *pa, const void *pb)
{
	const struct limit *a = pa, *b = pb;

	return (a->at > b->at) - (a->at < b->at);
}

static int
compare_dues(const void *pa, const void *pb)
{
	const struct due *a = pa, *b = pb;

	if (a->deadline != b->deadline)
		return a->deadline < b->deadline ? -1 : 1;
	return (a->item > b->item) - (a->item < b->item);
}

/* All limits, each with the earliest deadline from it on. */
static uint32_t
find_limits(const struct queue *q, struct limit *limits)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->items.count; i++) {
		const struct pile_items_one *b = &q->items.at[i];

		if (b->take != CALLS_NONE && q->ordered)
			limits[n++] = (struct limit){ q->calls->at[b->add].inv, q->calls->at[b->take].ret, b->add, b->take };
	}
	for (uint32_t i = 0; i < q->calls->count; i++)
		if (q->calls->at[i].kind == MODEL_PILE_EMPTY)
			limits[n++] = (struct limit){ q->calls->at[i].inv, q->calls->at[i].ret, CALLS_NONE, i };
	qsort(limits, n, sizeof(limits[0]), compare_limits);
	for (uint32_t i = n; i-- > 1;)
		if (limits[i].deadline < limits[i - 1].deadline) {
			uint32_t at = limits[i - 1].at;

			limits[i - 1] = limits[i];
			limits[i - 1].at = at;
		}
	return n;
}

/* The items that must be gone though nobody surely took them, the most urgent first. */
static uint32_t
find_dues(const struct queue *q, const struct limit *limits, uint32_t limit_count, struct due *dues)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->items.count; i++) {
		const struct pile_items_one *a = &q->items.at[i];
		uint32_t lo = 0, hi = limit_count;

		if (a->take != CALLS_NONE || !calls_required(&q->calls->at[a->add]))
			continue;
		while (lo < hi) {
			uint32_t mid = lo + (hi - lo) / 2;

			if (limits[mid].at <= q->calls->at[a->add].ret)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo < limit_count)
			dues[n++] = (struct due){ limits[lo].deadline, i, lo };
	}
	qsort(dues, n, sizeof(dues[0]), compare_dues);
	return n;
}

/*
 * Give each item that must be gone a take of which nobody knows what it took. Such a take may be as late as it likes, so all that
 * counts is when it began: the most urgent item gets the first. False: there is not one for each, so no order exists.
 */
static bool
give_out(struct queue *q, const struct limit *limits, const struct due *dues, uint32_t due_count)
{
	uint32_t call = 0;

	for (uint32_t i = 0; i < due_count; i++, call++) {
		const struct limit *l = &limits[dues[i].limit];

		while (call < q->calls->count && !q->calls->at[call].any_result)
			call++;
		if (call == q->calls->count || q->calls->at[call].inv > dues[i].deadline) {
			(void)pile_items_illegal(q->finding, l->add == CALLS_NONE ?
						 "it was said to be empty, but this was on it, and no take of unknown outcome can have taken it" :
						 "the later of two values was taken, and no take of unknown outcome can have taken the earlier",
						 (uint32_t[]){ q->items.at[dues[i].item].add, l->add, l->take }, 3);
			q->finding->enough = false;
			return false;
		}
		q->items.at[dues[i].item].take = call;
	}
	return true;
}

/* Takes of which nobody knows what they took may be why it does not fit: 0 or -ENOMEM. */
static int
judge_wild(struct queue *q)
{
	uint32_t room = q->items.count + q->items.empties + 1;
	struct limit *limits = malloc((size_t)room * sizeof(limits[0]));
	struct due *dues = malloc((size_t)room * sizeof(dues[0]));
	int rc = limits == NULL || dues == NULL ? -ENOMEM : 0;

	if (rc == 0) {
		uint32_t n = find_limits(q, limits);

		q->finding->answer = MODEL_UNSURE;
		/* Where it still does not fit, several together are on the queue while it is said to be empty: a search has to tell. */
		if (give_out(q, limits, dues, find_dues(q, limits, n, dues)))
			*q->finding = (struct model_finding){ .answer = judge(q, true) ? MODEL_LEGAL : MODEL_UNSURE };
	}
	free(limits);
	free(dues);
	return rc;
}

static int
check(const struct calls *calls, bool ordered, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct queue q = { .calls = calls, .finding = &finding, .ordered = ordered };

	if (pile_items_init(&q.items, calls) != 0)
		return -ENOMEM;
	q.by_inv = malloc(((size_t)q.items.count + 1) * 2 * sizeof(q.by_inv[0]));
	q.spans = malloc(((size_t)q.items.count + 1) * sizeof(q.spans[0]));
	int rc = q.by_inv == NULL || q.spans == NULL ? -ENOMEM : 0;

	if (rc == 0 && pile_items_sound(&q.items, calls, &finding) && q.items.repeated == 0) {
		q.by_ret = q.by_inv + q.items.count + 1;
		if (judge(&q, true))
			finding.answer = MODEL_LEGAL;
		else if (q.items.wild > 0 && judge(&q, false))
			rc = judge_wild(&q);
	}
	if (rc == 0)
		*ret = finding;
	free(q.by_inv);
	free(q.spans);
	pile_items_fini(&q.items);
	return rc;
}

int
pile_queue_check(const struct calls *calls, struct model_finding *ret)
{
	return check(calls, true, ret);
}

int
pile_queue_check_bag(const struct calls *calls, struct model_finding *ret)
{
	return check(calls, false, ret);
}
