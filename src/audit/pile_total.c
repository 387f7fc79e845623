/* SPDX-License-Identifier: MIT */
/* pile_total.c - see pile_total.h. */
#include "audit/pile_total.h"

#include "audit/model_pile.h"
#include "audit/pile_items.h"

#include <errno.h>
#include <stdlib.h>

/* Unknown takes: how many values they may have taken; UINT64_MAX where there is a drain among them. */
static uint64_t
excuses(const struct calls *calls)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < calls->count; i++) {
		if (calls->at[i].kind == MODEL_PILE_DRAIN)
			return UINT64_MAX;
		n += calls->at[i].any_result;
	}
	return n;
}

/* One call of a value. Puts are sorted by invocation, takes by return, and stand behind the puts of their value. */
struct one {
	int64_t value;
	uint32_t pos, call;
	bool take;
};

static int
compare(const void *pa, const void *pb)
{
	const struct one *a = pa, *b = pb;

	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	if (a->take != b->take)
		return a->take ? 1 : -1;
	if (a->pos != b->pos)
		return a->pos < b->pos ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

static int
sort_out(const struct calls *calls, struct one **ret, uint32_t *ret_count)
{
	struct one *all = malloc(((size_t)calls->count + 1) * sizeof(all[0]));
	uint32_t n = 0;

	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];
		bool take = c->kind == MODEL_PILE_TAKE;

		if (!c->any_result && (take || c->kind == MODEL_PILE_ADD))
			all[n++] = (struct one){ c->a, take ? c->ret : c->inv, i, take };
	}
	qsort(all, n, sizeof(all[0]), compare);
	*ret = all;
	*ret_count = n;
	return 0;
}

/*
 * One value: puts and takes of it. A take is of a put that was invoked before it returned; the k-th that returns needs k of them
 * where nothing may repeat, and the k-th last put needs k takes behind it where nothing may be lost. false: the finding is filled in.
 */
static bool
judge(const struct one *puts, uint32_t put_count, const struct one *takes, uint32_t take_count, bool repeat, struct model_finding *ret)
{
	if (take_count > 0 && put_count == 0)
		return pile_items_illegal(ret, "it was taken, but nobody put it on", (uint32_t[]){ takes[0].call }, 1);
	if (take_count > 0 && takes[0].pos < puts[0].pos)
		return pile_items_illegal(ret, "it was taken before it was put on", (uint32_t[]){ takes[0].call, puts[0].call }, 2);
	for (uint32_t k = 1; k < take_count && !repeat; k++)
		if (k >= put_count || takes[k].pos < puts[k].pos)
			return pile_items_illegal(ret, "it was taken more often than it was put on by then",
						  (uint32_t[]){ puts[k - 1].call, takes[k - 1].call, takes[k].call }, 3);
	return true;
}

/* How many acknowledged puts no take can be of; ret_first: the first of them in the history. */
static uint32_t
count_lost(const struct calls *calls, const struct one *puts, uint32_t put_count, const struct one *takes, uint32_t take_count, uint32_t *ret_first)
{
	uint32_t lost = 0;

	for (uint32_t k = put_count; k-- > 0;) {
		if (!calls_required(&calls->at[puts[k].call]))
			continue;
		if (take_count > 0 && takes[take_count - 1].pos > puts[k].pos) {
			take_count--;
			continue;
		}
		lost++;
		*ret_first = puts[k].call;
	}
	return lost;
}

static int
check(const struct calls *calls, bool lose, bool repeat, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_LEGAL };
	uint32_t n = 0, first_lost = CALLS_NONE;
	uint64_t lost = 0;
	struct one *all;

	if (sort_out(calls, &all, &n) != 0)
		return -ENOMEM;
	for (uint32_t from = 0, to, takes; from < n && finding.answer == MODEL_LEGAL; from = to) {
		uint32_t first = CALLS_NONE;

		for (to = from; to < n && all[to].value == all[from].value && !all[to].take; to++)
			;
		for (takes = to; to < n && all[to].value == all[from].value; to++)
			;
		if (!judge(all + from, takes - from, all + takes, to - takes, repeat, &finding))
			break;
		lost += count_lost(calls, all + from, takes - from, all + takes, to - takes, &first);
		first_lost = FL_MIN(first_lost, first);
	}
	if (finding.answer == MODEL_LEGAL && !lose && lost > excuses(calls))
		pile_items_illegal(&finding, "it was acknowledged, but nobody took it", (uint32_t[]){ first_lost }, 1);
	free(all);
	*ret = finding;
	return 0;
}

int
pile_total_at_least(const struct calls *calls, struct model_finding *ret)
{
	return check(calls, false, true, ret);
}

int
pile_total_at_most(const struct calls *calls, struct model_finding *ret)
{
	return check(calls, true, false, ret);
}

int
pile_total_exactly(const struct calls *calls, struct model_finding *ret)
{
	return check(calls, false, false, ret);
}
