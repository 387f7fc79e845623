/* SPDX-License-Identifier: MIT */
/* object.c - see object.h. */
#include "audit/object.h"

#include "audit/depth.h"
#include "audit/sequence.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SHARE UINT64_C(2000000)
#define SHARE_GROWTH 16

/* What one look at some calls says. */
struct look {
	enum object_answer answer;
	struct model_finding finding;   /* of the monitor, when it decided */
	bool monitored;
	struct frontier_result search;
};

void
object_fini(struct object_result *r)
{
	free(r->calls);
	free(r->order);
	r->calls = NULL;
	r->order = NULL;
}

/* true: the calls follow each other without overlap and are all required; then one run tells. */
static bool
follow_each_other(const struct calls *calls)
{
	for (uint32_t i = 0; i < calls->count; i++)
		if (!calls_required(&calls->at[i]) || (i > 0 && calls->at[i].inv <= calls->at[i - 1].ret))
			return false;
	return true;
}

/* Calls that follow each other. */
static enum object_answer
run_through(const struct object_ask *ask, const struct calls *calls, struct look *ret)
{
	frontier_step_fn *step = ask->step != NULL ? ask->step : ask->model->step;
	struct frontier_row rows[2] = { { 0 } };
	enum object_answer answer = OBJECT_LEGAL;
	uint32_t now = 0;

	if (!frontier_room(&rows[0], ask->model->start_count + 1))
		return OBJECT_NO_MEMORY;
	if (ask->model->start_count > 0)
		memcpy(rows[0].at, ask->model->start, ask->model->start_count * sizeof(rows[0].at[0]));
	rows[0].count = ask->model->start_count;
	for (uint32_t i = 0; answer == OBJECT_LEGAL && i < calls->count; i++) {
		const struct calls_one *c = &calls->at[i];
		int rc = step(ask->self, calls, c, rows[now].at, rows[now].count, &rows[1 - now]);

		if (rc < 0)
			answer = OBJECT_NO_MEMORY;
		else if (rc == 0)
			answer = OBJECT_ILLEGAL;
		else if (!c->looks)
			now = 1 - now;
		ret->search.culprit = i;
	}
	free(rows[0].at);
	free(rows[1].at);
	return answer;
}

/*
 * In turns, with growing shares of the budget: breadth decides most histories, both ways; where too much is possible for long,
 * depth may find an order soon.
 */
static void
both_ways(const struct frontier_ask *f, struct frontier_budget *budget, struct frontier_result *ret)
{
	uint64_t share = FIRST_SHARE;

	for (unsigned turn = 0;; turn++, share *= turn % 2 == 0 ? SHARE_GROWTH : 1) {
		uint64_t given = FL_MIN(share, budget->configs);
		struct frontier_budget part = { given, budget->bytes_max };

		frontier_fini(ret);
		if (turn % 2 == 0)
			frontier_check(f, &part, ret);
		else
			depth_check(f, &part, ret);
		budget->configs -= given - part.configs;
		if (ret->answer == FRONTIER_LEGAL || ret->answer == FRONTIER_ILLEGAL)
			return;
		/* Out of memory with little spent will be so again. */
		if (budget->configs == 0 || (turn >= 3 && ret->answer == FRONTIER_NO_MEMORY))
			return;
	}
}

static enum object_answer
search(const struct object_ask *ask, const struct calls *calls, struct frontier_budget *budget, bool want_order, struct look *ret)
{
	struct frontier_ask f = { .calls = calls, .step = ask->step != NULL ? ask->step : ask->model->step, .self = ask->self,
		.start = ask->model->start, .start_count = ask->model->start_count, .want_order = want_order };

	if (ask->sequential)
		sequence_check(&f, budget, &ret->search);
	else if (ask->depth_first)
		depth_check(&f, budget, &ret->search);
	else if (!want_order && follow_each_other(calls))
		return run_through(ask, calls, ret);
	else
		both_ways(&f, budget, &ret->search);
	switch (ret->search.answer) {
	case FRONTIER_LEGAL: return OBJECT_LEGAL;
	case FRONTIER_ILLEGAL: break;
	case FRONTIER_SPENT: return OBJECT_SPENT;
	case FRONTIER_NO_MEMORY: return OBJECT_NO_MEMORY;
	}
	bool unknown = false;

	for (uint32_t i = 0; i < calls->count; i++)
		unknown |= calls->at[i].any_result;
	if (unknown && ask->model->guesses != NULL && ask->model->guesses(calls))
		return OBJECT_GUESSED;
	return OBJECT_ILLEGAL;
}

static void
look(const struct object_ask *ask, const struct calls *calls, struct frontier_budget *budget, struct look *ret)
{
	*ret = (struct look){ .answer = OBJECT_NO_MEMORY };
	if (ask->model->monitor != NULL && ask->step == NULL && !ask->sequential && !(ask->depth_first && ask->model->step != NULL)) {
		if (ask->model->monitor(calls, &ret->finding) != 0)
			return;
		ret->monitored = ret->finding.answer != MODEL_UNSURE;
		if (ret->monitored) {
			ret->answer = ret->finding.answer == MODEL_LEGAL ? OBJECT_LEGAL : OBJECT_ILLEGAL;
			return;
		}
	}
	if (ask->model->step == NULL) {
		ret->answer = OBJECT_GUESSED;
		return;
	}
	ret->answer = search(ask, calls, budget, false, ret);
}

/* Some of the calls: those of the groups that are kept, and of no group. number[i]: the call's number in all. */
struct part {
	struct calls calls;
	uint32_t *number;
};

static void
part_fini(struct part *p)
{
	free(p->calls.at);
	free(p->number);
}

static int
part_init(struct part *p, const struct calls *all)
{
	*p = (struct part){ 0 };
	p->calls.at = malloc(((size_t)all->count + 1) * sizeof(p->calls.at[0]));
	p->number = malloc(((size_t)all->count + 1) * sizeof(p->number[0]));
	p->calls.lists = all->lists;
	if (p->calls.at != NULL && p->number != NULL)
		return 0;
	part_fini(p);
	return -ENOMEM;
}

/* Group numbers made dense: group[i] of each call, CALLS_NONE for those that must stay. */
struct groups {
	uint32_t *of;                   /* call -> group */
	bool *kept;                     /* group -> is it in the part? */
	uint32_t count;
};

static void
take_part(struct part *p, const struct calls *all, const struct groups *g)
{
	p->calls.count = 0;
	for (uint32_t i = 0; i < all->count; i++) {
		if (g->of[i] != CALLS_NONE && !g->kept[g->of[i]])
			continue;
		p->number[p->calls.count] = i;
		p->calls.at[p->calls.count++] = all->at[i];
	}
}

static void
groups_fini(struct groups *g)
{
	free(g->of);
	free(g->kept);
}

struct group_of {
	uint32_t group, call;
};

static int
compare_groups(const void *pa, const void *pb)
{
	const struct group_of *a = pa, *b = pb;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return (a->call > b->call) - (a->call < b->call);
}

/* Groups are numbered by their last call, so that those near the culprit have the greatest numbers. */
static int
groups_init(struct groups *g, const struct calls *all)
{
	struct group_of *list = malloc(((size_t)all->count + 1) * sizeof(list[0]));
	uint32_t *last = malloc(((size_t)all->count + 1) * sizeof(last[0])), n = 0;

	*g = (struct groups){ .of = malloc(((size_t)all->count + 1) * sizeof(g->of[0])),
		.kept = malloc(((size_t)all->count + 1) * sizeof(g->kept[0])) };
	if (list == NULL || last == NULL || g->of == NULL || g->kept == NULL) {
		free(list);
		free(last);
		groups_fini(g);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < all->count; i++) {
		g->of[i] = CALLS_NONE;
		if (all->at[i].group != CALLS_NONE)
			list[n++] = (struct group_of){ all->at[i].group, i };
	}
	qsort(list, n, sizeof(list[0]), compare_groups);
	/* last[i]: the last call of the group of call i. */
	for (uint32_t i = n; i-- > 0;)
		last[list[i].call] = i + 1 < n && list[i + 1].group == list[i].group ? last[list[i + 1].call] : list[i].call;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->at[i].group != CALLS_NONE && last[i] == i)
			g->of[i] = g->count++;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->at[i].group != CALLS_NONE)
			g->of[i] = g->of[last[i]];
	free(list);
	free(last);
	return 0;
}

struct shrinking {
	const struct object_ask *ask;
	const struct calls *all;
	struct groups groups;
	struct part part;
	struct frontier_budget *budget;
	bool spent;
};

/* Are the groups that are kept illegal on their own? */
static bool
still_illegal(struct shrinking *s)
{
	struct look l;

	if (s->budget->configs == 0) {
		s->spent = true;
		return false;
	}
	take_part(&s->part, s->all, &s->groups);
	/* Looking costs even where nothing is searched: so it ends in time. */
	s->budget->configs -= FL_MIN(s->budget->configs, (uint64_t)s->all->count / 2 + (uint64_t)s->part.calls.count * 8);
	look(s->ask, &s->part.calls, s->budget, &l);
	frontier_fini(&l.search);
	s->spent |= l.answer == OBJECT_SPENT || l.answer == OBJECT_NO_MEMORY;
	return l.answer == OBJECT_ILLEGAL;
}

/* The least tail of groups that is illegal, by doubling. */
static void
find_tail(struct shrinking *s)
{
	uint32_t n = s->groups.count;

	for (uint32_t tail = 4; tail < n && !s->spent; tail *= 4) {
		for (uint32_t k = 0; k < n; k++)
			s->groups.kept[k] = k >= n - tail;
		if (still_illegal(s))
			return;
	}
	s->spent = false;
	for (uint32_t k = 0; k < n; k++)
		s->groups.kept[k] = true;
}

/* Take away runs of groups, ever shorter ones, as long as what is left is illegal (Zeller, Hildebrandt, TSE 2002). */
static void
take_away(struct shrinking *s)
{
	uint32_t n = s->groups.count, *list = malloc(((size_t)n + 1) * sizeof(list[0])), count = 0;

	if (list == NULL) {
		s->spent = true;
		return;
	}
	for (uint32_t k = 0; k < n; k++)
		if (s->groups.kept[k])
			list[count++] = k;
	for (uint32_t run = count / 2 + 1; run > 0 && count > 0 && !s->spent; run = run == 1 ? 0 : (run + 1) / 2) {
		bool any = true;

		while (any && !s->spent) {
			any = false;
			for (uint32_t from = 0; from < count && !s->spent;) {
				uint32_t len = FL_MIN(run, count - from);

				for (uint32_t i = 0; i < len; i++)
					s->groups.kept[list[from + i]] = false;
				if (still_illegal(s)) {
					memmove(&list[from], &list[from + len], (count - from - len) * sizeof(list[0]));
					count -= len;
					any = run == 1;
					continue;
				}
				for (uint32_t i = 0; i < len; i++)
					s->groups.kept[list[from + i]] = true;
				from += len;
			}
		}
	}
	free(list);
}

/* The part that is left: its calls, where it shows, and the longest order before that. */
static int
conclude(struct shrinking *s, struct object_result *ret)
{
	struct frontier_budget budget = { FL_MAX(s->budget->configs, UINT64_C(1000000)), s->budget->bytes_max };
	struct look l, with_order = { 0 };

	take_part(&s->part, s->all, &s->groups);
	look(s->ask, &s->part.calls, &budget, &l);
	frontier_fini(&l.search);
	uint32_t n = s->part.calls.count;

	ret->calls = malloc(((size_t)n + 1) * sizeof(ret->calls[0]));
	if (ret->calls == NULL || l.answer != OBJECT_ILLEGAL)
		return -ENOMEM;
	ret->call_count = n;
	memcpy(ret->calls, s->part.number, n * sizeof(ret->calls[0]));
	ret->say = l.monitored ? l.finding.say : NULL;
	ret->culprit = l.monitored ? l.finding.witness[l.finding.witness_count - 1] : l.search.culprit;
	if (s->ask->model->step != NULL && search(s->ask, &s->part.calls, &budget, true, &with_order) == OBJECT_ILLEGAL) {
		ret->culprit = with_order.search.culprit;
		ret->order = with_order.search.order;
		ret->order_count = with_order.search.order_count;
		with_order.search.order = NULL;
		for (uint32_t i = 0; i < ret->order_count; i++)
			ret->order[i] = s->part.number[ret->order[i]];
	}
	frontier_fini(&with_order.search);
	return 0;
}

/*
 * Everything after the culprit's return says nothing: cut it off. Calls that had not returned by then may not have happened.
 */
static void
cut_off(const struct calls *all, uint32_t culprit, struct part *ret)
{
	uint32_t end = all->at[culprit].ret;

	for (uint32_t i = 0; i < all->count; i++) {
		struct calls_one c = all->at[i];

		if (c.inv > end || (c.looks && c.ret > end))
			continue;
		if (c.ret > end)
			c.ret = CALLS_NEVER;
		ret->number[ret->calls.count] = i;
		ret->calls.at[ret->calls.count++] = c;
	}
}

/* The numbers in a part become those in the whole. */
static void
translate(uint32_t *list, uint32_t n, const struct part *p)
{
	for (uint32_t i = 0; i < n; i++)
		list[i] = p->number[list[i]];
}

/* Make all, which is illegal, as small as can be: first a tail of it, then by pieces. */
static int
shrink_to(const struct object_ask *ask, const struct calls *all, bool tail, struct frontier_budget *budget, struct object_result *ret)
{
	struct shrinking s = { .ask = ask, .all = all, .budget = budget };
	int rc = groups_init(&s.groups, all);

	if (rc != 0)
		return rc;
	rc = part_init(&s.part, all);
	if (rc == 0) {
		for (uint32_t k = 0; k < s.groups.count; k++)
			s.groups.kept[k] = true;
		if (tail) {
			find_tail(&s);
			take_part(&s.part, all, &s.groups);
			rc = shrink_to(ask, &s.part.calls, false, budget, ret);
			translate(ret->calls, rc == 0 ? ret->call_count : 0, &s.part);
			translate(ret->order, rc == 0 ? ret->order_count : 0, &s.part);
		} else {
			take_away(&s);
			rc = conclude(&s, ret);
			ret->minimal = !s.spent;
		}
		part_fini(&s.part);
	}
	groups_fini(&s.groups);
	return rc;
}

static int
shrink(const struct object_ask *ask, const struct calls *all, const struct look *l, struct frontier_budget *budget, struct object_result *ret)
{
	struct part cut;
	int rc;

	if (l->monitored || ask->sequential)
		return shrink_to(ask, all, true, budget, ret);
	rc = part_init(&cut, all);
	if (rc != 0)
		return rc;
	cut_off(all, l->search.culprit, &cut);
	rc = shrink_to(ask, &cut.calls, true, budget, ret);
	translate(ret->calls, rc == 0 ? ret->call_count : 0, &cut);
	translate(ret->order, rc == 0 ? ret->order_count : 0, &cut);
	part_fini(&cut);
	if (rc == 0)
		return rc;
	/* The search in depth stops where its longest order does, which need not be where every order must. */
	object_fini(ret);
	ret->call_count = ret->order_count = 0;
	return shrink_to(ask, all, true, budget, ret);
}

/* Nothing but the calls that were named, or the one at which the search failed. */
static int
take_witness(const struct look *l, struct object_result *ret)
{
	uint32_t n = l->monitored ? l->finding.witness_count : 1;

	ret->calls = malloc(((size_t)n + 1) * sizeof(ret->calls[0]));
	if (ret->calls == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		ret->calls[i] = l->monitored ? l->finding.witness[i] : l->search.culprit;
	ret->call_count = n;
	ret->culprit = n - 1;
	ret->say = l->monitored ? l->finding.say : NULL;
	ret->minimal = l->monitored && l->finding.enough;
	return 0;
}

static void
explain(const struct object_ask *ask, const struct calls *calls, const struct look *l, struct frontier_budget *minimise, struct object_result *ret)
{
	int rc = l->monitored && l->finding.enough ? take_witness(l, ret) : shrink(ask, calls, l, minimise, ret);

	if (rc == 0)
		return;
	object_fini(ret);
	ret->order_count = 0;
	if (take_witness(l, ret) != 0)
		ret->answer = OBJECT_NO_MEMORY;
}

void
object_check(const struct object_ask *ask, const struct calls *calls, struct frontier_budget *budget, struct frontier_budget *minimise,
	     struct object_result *ret)
{
	struct look l;

	*ret = (struct object_result){ 0 };
	look(ask, calls, budget, &l);
	ret->answer = l.answer;
	ret->at = l.search.culprit;
	ret->pending = l.search.pending;
	if (l.answer == OBJECT_ILLEGAL)
		explain(ask, calls, &l, minimise, ret);
	frontier_fini(&l.search);
}
