/* SPDX-License-Identifier: MIT */
/* pile_total.c - see pile_total.h. */
#include "audit/pile_total.h"

#include "audit/model_pile.h"
#include "audit/pile_items.h"

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

static void
count(const struct pile_items *p, const struct calls *calls, bool lose, bool repeat, struct model_finding *ret)
{
	uint64_t lost = 0, excused = excuses(calls);
	uint32_t first_lost = CALLS_NONE;

	for (uint32_t i = 0; i < p->count; i++) {
		const struct pile_items_one *item = &p->at[i];

		if (item->adds > 0 && item->takes > item->adds && !repeat) {
			pile_items_illegal(ret, "it was taken more often than it was put on", (uint32_t[]){ item->add, item->take }, 2);
			return;
		}
		if (item->adds == 0) {
			pile_items_illegal(ret, "it was taken, but nobody put it on", (uint32_t[]){ item->take }, 1);
			return;
		}
		if (item->adds == 1 && item->take != CALLS_NONE && calls->at[item->take].ret < calls->at[item->add].inv) {
			pile_items_illegal(ret, "it was taken before it was put on", (uint32_t[]){ item->take, item->add }, 2);
			return;
		}
		if (item->acknowledged > item->takes) {
			lost += item->acknowledged - item->takes;
			first_lost = first_lost == CALLS_NONE ? item->add : first_lost;
		}
	}
	ret->answer = MODEL_LEGAL;
	if (!lose && lost > excused)
		pile_items_illegal(ret, "it was acknowledged, but nobody took it", (uint32_t[]){ first_lost }, 1);
}

static int
check(const struct calls *calls, bool lose, bool repeat, struct model_finding *ret)
{
	struct model_finding finding = { .answer = MODEL_UNSURE };
	struct pile_items items;
	int rc = pile_items_init(&items, calls);

	if (rc != 0)
		return rc;
	count(&items, calls, lose, repeat, &finding);
	*ret = finding;
	pile_items_fini(&items);
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
