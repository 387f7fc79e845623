/* SPDX-License-Identifier: MIT */
/* frontier.c - see frontier.h. */
#include "audit/frontier.h"

#include "audit/configs.h"
#include "audit/trail.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATES_TIDY_BYTES ((size_t)32 << 20)

struct search {
	const struct frontier_ask *ask;
	const struct calls_one *calls;
	struct frontier_budget *budget;
	struct configs sets[3];
	struct configs *frontier, *work, *out;
	struct trail trail;
	struct states states;
	size_t states_tidy_at;
	struct frontier_row made;
	uint32_t *slot;                 /* of each call; required and optional ones are numbered apart */
	uint32_t *class;                /* of each call: those with one effect have one */
	uint32_t *tried;                /* class -> stamp */
	uint32_t stamp;
	uint32_t *lookers, *doers;      /* pending; doers by return, those that never return last by invocation */
	uint32_t looker_count, doer_count;
	uint64_t *row, *parent, *leaving;
	uint32_t target;
	int rc;                         /* the first failure within a step */
};

bool
frontier_room(struct frontier_row *row, uint32_t n)
{
	if (n <= row->cap)
		return true;
	int64_t *more = n > UINT32_MAX / 2 ? NULL : realloc(row->at, (size_t)n * 2 * sizeof(more[0]));

	if (more == NULL)
		return false;
	row->at = more;
	row->cap = n * 2;
	return true;
}

void
frontier_fini(struct frontier_result *r)
{
	free(r->order);
	r->order = NULL;
}

static void
search_fini(struct search *s)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(s->sets); i++)
		configs_fini(&s->sets[i]);
	trail_fini(&s->trail);
	states_fini(&s->states);
	free(s->made.at);
	free(s->slot);
	free(s->row);
}

static uint64_t
effect_hash(const struct calls *all, const struct calls_one *c)
{
	uint64_t h = c->kind * UINT64_C(2) + c->any_result;

	h = (h ^ (uint64_t)c->a) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29 ^ (uint64_t)c->b) * UINT64_C(0x9e3779b97f4a7c15);
	for (uint32_t i = 0; i < c->list_count; i++)
		h = (h ^ h >> 29 ^ (uint64_t)all->lists[c->list_at + i]) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* The class of a call is the number of the first with its effect. index has 2^bits places. */
static void
find_classes(struct search *s, uint32_t *index, uint32_t mask)
{
	for (uint32_t i = 0; i < s->ask->calls->count; i++) {
		uint32_t at = (uint32_t)effect_hash(s->ask->calls, &s->calls[i]) & mask;

		while (index[at] != 0 && !calls_same_effect(s->ask->calls, &s->calls[index[at] - 1], &s->calls[i]))
			at = (at + 1) & mask;
		if (index[at] == 0)
			index[at] = i + 1;
		s->class[i] = index[at] - 1;
	}
}

/* Hand out slots: a required call has one until it returns, an optional one for ever. free_list has room for all. */
static void
find_slots(struct search *s, const struct calls_event *events, uint32_t n, uint32_t *free_list, uint32_t *ret_required, uint32_t *ret_optional)
{
	uint32_t free_count = 0, required = 0, optional = 0;

	for (uint32_t e = 0; e < n; e++) {
		uint32_t i = events[e].call;

		if (s->calls[i].looks && !calls_required(&s->calls[i]))
			continue;
		if (events[e].ret)
			free_list[free_count++] = s->slot[i];
		else if (!calls_required(&s->calls[i]))
			s->slot[i] = optional++;
		else
			s->slot[i] = free_count > 0 ? free_list[--free_count] : required++;
	}
	*ret_required = required;
	*ret_optional = optional;
}

static int
init_lists(struct search *s, const struct calls_event *events, uint32_t event_count, uint32_t *ret_required, uint32_t *ret_optional)
{
	size_t n = (size_t)s->ask->calls->count + 1, places = 64;

	while (places < 2 * n)
		places *= 2;
	if (places > UINT32_MAX)
		return -ENOMEM;
	uint32_t *index = calloc(places, sizeof(index[0]));

	s->slot = calloc(n * 5, sizeof(s->slot[0]));
	if (index == NULL || s->slot == NULL) {
		free(index);
		return -ENOMEM;
	}
	s->class = s->slot + n;
	s->tried = s->class + n;
	s->lookers = s->tried + n;
	s->doers = s->lookers + n;
	find_classes(s, index, (uint32_t)places - 1);
	free(index);
	find_slots(s, events, event_count, s->doers, ret_required, ret_optional);
	return 0;
}

static int
search_init(struct search *s, const struct frontier_ask *ask, struct frontier_budget *budget, const struct calls_event *events, uint32_t n)
{
	uint32_t required = 0, optional = 0, start;
	size_t share = budget->bytes_max / 5;

	*s = (struct search){ .ask = ask, .calls = ask->calls->at, .budget = budget, .states_tidy_at = STATES_TIDY_BYTES };
	states_init(&s->states, share);
	trail_init(&s->trail, share);
	s->frontier = &s->sets[0];
	s->work = &s->sets[1];
	s->out = &s->sets[2];
	int rc = init_lists(s, events, n, &required, &optional);

	for (size_t i = 0; i < FL_ARRAY_LEN(s->sets); i++)
		configs_init(&s->sets[i], (required + 63) / 64, (optional + 63) / 64, share);
	if (rc != 0)
		return rc;
	s->row = calloc((size_t)s->frontier->stride * 3, sizeof(s->row[0]));
	if (s->row == NULL)
		return -ENOMEM;
	s->parent = s->row + s->frontier->stride;
	s->leaving = s->parent + s->frontier->stride;
	rc = states_put(&s->states, ask->start, ask->start_count, &start);
	s->row[0] = start;
	return rc != 0 ? rc : configs_add(s->frontier, s->row);
}

static void
set_trail(struct search *s, uint64_t *row, uint32_t call)
{
	if (s->ask->want_order)
		row[1] = (row[1] & ~UINT64_C(0xffffffff)) | trail_add(&s->trail, configs_trail(row), call);
}

/* 1: legal and s->made is the new state; 0: not; negative: failure. */
static int
try_call(struct search *s, uint32_t call, uint32_t state)
{
	uint32_t n;
	const int64_t *at = states_row(&s->states, state, &n);

	return s->ask->step(s->ask->self, s->ask->calls, &s->calls[call], at, n, &s->made);
}

/*
 * A configuration of this step: everything that only looks takes effect as it can; then, when the target is done, it goes on
 * to the next frontier, else there is more to try.
 */
static int
put(struct search *s, uint64_t *row)
{
	uint64_t *done = configs_done(s->work, row);
	int rc = 0;

	for (uint32_t i = 0; i < s->looker_count; i++) {
		uint32_t call = s->lookers[i];

		if (configs_bit(done, s->slot[call]) || (rc = try_call(s, call, configs_value(row))) == 0)
			continue;
		if (rc < 0)
			return rc;
		configs_set(done, s->slot[call]);
		set_trail(s, row, call);
	}
	if (!configs_bit(done, s->slot[s->target]))
		return configs_add(s->work, row);
	memcpy(s->leaving, row, s->work->stride * sizeof(row[0]));
	configs_unset(configs_done(s->work, s->leaving), s->slot[s->target]);
	return configs_add(s->out, s->leaving);
}

/* The call takes effect in the parent configuration, if that is possible and of use. */
static int
apply(struct search *s, uint32_t call)
{
	bool required = calls_required(&s->calls[call]);
	uint32_t state = 0;
	int rc = try_call(s, call, configs_value(s->parent));

	s->work->work++;
	if (rc <= 0)
		return rc;
	rc = states_put(&s->states, s->made.at, s->made.count, &state);
	if (rc != 0 || (!required && state == configs_value(s->parent)))
		return rc;
	memcpy(s->row, s->parent, s->work->stride * sizeof(s->row[0]));
	s->row[0] = state;
	configs_set(required ? configs_done(s->work, s->row) : configs_used(s->work, s->row), s->slot[call]);
	set_trail(s, s->row, call);
	return put(s, s->row);
}

/* Everything that can happen next in configuration i of work. */
static int
expand(struct search *s, uint32_t i)
{
	int rc = 0;

	memcpy(s->parent, configs_row(s->work, i), s->work->stride * sizeof(s->parent[0]));
	if (configs_dead(s->parent))
		return 0;
	s->stamp++;
	for (uint32_t k = 0; rc == 0 && k < s->doer_count; k++) {
		uint32_t call = s->doers[k], class = s->class[call];
		const uint64_t *bits = calls_required(&s->calls[call]) ? configs_done(s->work, s->parent) : configs_used(s->work, s->parent);

		if (configs_bit(bits, s->slot[call]) || s->tried[class] == s->stamp)
			continue;
		s->tried[class] = s->stamp;
		rc = apply(s, call);
	}
	return rc;
}

static void
spend(struct search *s)
{
	uint64_t work = s->work->work + s->out->work;

	s->budget->configs -= FL_MIN(work, s->budget->configs);
	s->work->work = s->out->work = 0;
}

/* Forget every path that does not lead to a configuration of the set. */
static void
tidy_trail(struct search *s, struct configs *set)
{
	if (!trail_tidy_begin(&s->trail))
		return;
	for (uint32_t i = 0; i < set->count; i++)
		trail_keep(&s->trail, configs_trail(configs_row(set, i)));
	trail_tidy_end(&s->trail);
	for (uint32_t i = 0; i < set->count; i++) {
		uint64_t *row = configs_row(set, i);

		row[1] = (row[1] & ~UINT64_C(0xffffffff)) | trail_moved(&s->trail, configs_trail(row));
	}
	trail_tidy_done(&s->trail);
}

/* Forget every state that no configuration of the frontier is in, and write the frontier again with their new numbers. */
static int
tidy_states(struct search *s)
{
	uint32_t *marks = calloc((size_t)s->states.count + 1, sizeof(marks[0]));
	int rc = 0;

	if (marks == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->frontier->count; i++)
		if (!configs_dead(configs_row(s->frontier, i)))
			marks[configs_value(configs_row(s->frontier, i))] = 1;
	states_keep(&s->states, marks);
	configs_clear(s->work);
	for (uint32_t i = 0; rc == 0 && i < s->frontier->count; i++) {
		memcpy(s->row, configs_row(s->frontier, i), s->work->stride * sizeof(s->row[0]));
		if (configs_dead(s->row))
			continue;
		s->row[0] = marks[configs_value(s->row)] - 1;
		rc = configs_add(s->work, s->row);
	}
	free(marks);
	struct configs *old = s->frontier;

	s->frontier = s->work;
	s->work = old;
	s->states_tidy_at = FL_MAX(STATES_TIDY_BYTES, 2 * s->states.word_count * sizeof(int64_t));
	return rc;
}

/* The target returns: the frontier becomes every configuration in which it took effect. */
static enum frontier_answer
step(struct search *s)
{
	int rc = 0;

	configs_clear(s->work);
	configs_clear(s->out);
	for (uint32_t i = 0; rc == 0 && i < s->frontier->count; i++) {
		memcpy(s->row, configs_row(s->frontier, i), s->work->stride * sizeof(s->row[0]));
		if (!configs_dead(s->row))
			rc = put(s, s->row);
	}
	for (uint32_t i = 0; rc == 0 && i < s->work->count; i++) {
		rc = expand(s, i);
		if (i % 64 == 0 || s->work->work > 4096)
			spend(s);
		if (s->budget->configs == 0)
			return FRONTIER_SPENT;
	}
	spend(s);
	if (rc != 0)
		return FRONTIER_NO_MEMORY;
	if (s->out->count == 0)
		return FRONTIER_ILLEGAL;
	struct configs *old = s->frontier;

	s->frontier = s->out;
	s->out = old;
	if (s->ask->want_order && trail_wants_tidy(&s->trail))
		tidy_trail(s, s->frontier);
	if (s->states.word_count * sizeof(int64_t) > s->states_tidy_at && tidy_states(s) != 0)
		return FRONTIER_NO_MEMORY;
	return s->budget->configs == 0 ? FRONTIER_SPENT : FRONTIER_LEGAL;
}

static void
list_del(uint32_t *list, uint32_t *count, uint32_t call)
{
	uint32_t i = 0;

	while (i < *count && list[i] != call)
		i++;
	fl_assert(i < *count);
	memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(list[0]));
	--*count;
}

/* By return; the lists' order at the start is by invocation, and stays so among those that never return. */
static void
doers_add(struct search *s, uint32_t call)
{
	uint32_t i = s->doer_count++;

	for (; i > 0 && s->calls[s->doers[i - 1]].ret > s->calls[call].ret; i--)
		s->doers[i] = s->doers[i - 1];
	s->doers[i] = call;
}

static enum frontier_answer
handle(struct search *s, const struct calls_event *event)
{
	const struct calls_one *c = &s->calls[event->call];

	if (!event->ret) {
		if (!c->looks)
			doers_add(s, event->call);
		else if (calls_required(c))
			s->lookers[s->looker_count++] = event->call;
		return FRONTIER_LEGAL;
	}
	s->target = event->call;
	enum frontier_answer answer = step(s);

	if (answer == FRONTIER_LEGAL)
		list_del(c->looks ? s->lookers : s->doers, c->looks ? &s->looker_count : &s->doer_count, event->call);
	return answer;
}

static void
take_order(struct search *s, bool legal, struct frontier_result *ret)
{
	uint32_t node = UINT32_MAX;

	if (!legal && !s->trail.lost)
		tidy_trail(s, s->work);
	for (uint32_t i = 0; legal && node == UINT32_MAX && i < s->frontier->count; i++)
		if (!configs_dead(configs_row(s->frontier, i)))
			node = configs_trail(configs_row(s->frontier, i));
	(void)trail_path(&s->trail, node, &ret->order, &ret->order_count);
}

void
frontier_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret)
{
	struct calls_event *events = NULL;
	uint32_t n = 0;
	struct search s;

	*ret = (struct frontier_result){ .answer = FRONTIER_NO_MEMORY };
	if (calls_events(ask->calls, &events, &n) != 0)
		return;
	if (search_init(&s, ask, budget, events, n) != 0)
		goto end;
	ret->answer = FRONTIER_LEGAL;
	for (uint32_t e = 0; e < n && ret->answer == FRONTIER_LEGAL; e++) {
		ret->answer = handle(&s, &events[e]);
		ret->culprit = events[e].call;
	}
	ret->pending = s.looker_count + s.doer_count;
	if (ask->want_order && (ret->answer == FRONTIER_LEGAL || ret->answer == FRONTIER_ILLEGAL))
		take_order(&s, ret->answer == FRONTIER_LEGAL, ret);
end:
	search_fini(&s);
	free(events);
}
