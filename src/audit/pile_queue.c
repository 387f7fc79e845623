/* SPDX-License-Identifier: MIT */
/* pile_queue.c - see pile_queue.h. */
#include "audit/pile_queue.h"

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
	return in_order(q) && empties(q, open);
}

int
pile_queue_check(const struct calls *calls, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct queue q = { .calls = calls, .finding = &finding };

	if (pile_items_init(&q.items, calls) != 0)
		return -ENOMEM;
	q.by_inv = malloc(((size_t)q.items.count + 1) * 2 * sizeof(q.by_inv[0]));
	q.spans = malloc(((size_t)q.items.count + 1) * sizeof(q.spans[0]));
	int rc = q.by_inv == NULL || q.spans == NULL ? -ENOMEM : 0;

	if (rc == 0 && pile_items_sound(&q.items, calls, &finding) && q.items.repeated == 0) {
		q.by_ret = q.by_inv + q.items.count + 1;
		if (judge(&q, true))
			finding.answer = MODEL_LEGAL;
		else if (q.items.wild > 0) {
			/* Takes of which nobody knows what they took may be why: look again without what they may have taken. */
			finding.answer = MODEL_UNSURE;
			if (judge(&q, false))
				finding.answer = MODEL_UNSURE;
		}
	}
	if (rc == 0)
		*ret = finding;
	free(q.by_inv);
	free(q.spans);
	pile_items_fini(&q.items);
	return rc;
}
