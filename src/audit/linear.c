/* SPDX-License-Identifier: MIT */
/* linear.c - see linear.h. */
#include "audit/linear.h"

#include "audit/configs.h"
#include "audit/trail.h"
#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN 0x80000000u      /* of a step: the write goes just before the last write made before this step */

struct search {
	const struct keyhist *k;
	struct linear_budget *budget;
	struct configs sets[3];
	struct configs *frontier, *work, *out;
	struct trail trail;
	uint32_t *seen;                 /* value -> the last position at which somebody can see it */
	uint32_t *by_read, *by_cas;     /* value -> stamp of the last step in which such an operation waited for it */
	uint32_t stamp;
	bool by_refused;                /* and does any refused cas wait for another value? */
	uint32_t *readers, *writers, *optional;         /* pending: reads and refused cas; required writes and cas; optional */
	uint32_t reader_count, writer_count, optional_count;
	uint64_t *row, *parent, *leaving, *hiding, *expired;    /* one configuration each; the last: bits of optional ones */
	uint32_t pos;                   /* of the event being handled */
	uint32_t target;                /* the operation that returns */
	bool plain;                     /* the configuration at hand was just made by a required plain write */
	bool want_order;
};

void
linear_fini(struct linear_result *r)
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
	free(s->seen);
	free(s->readers);
	free(s->row);
}

/* Until when can each value be seen? */
static void
fill_seen(struct search *s)
{
	for (uint32_t i = 0; i < s->k->op_count; i++) {
		const struct keyhist_op *o = &s->k->ops[i];
		uint32_t until = keyhist_required(o) ? o->ret : o->expire;

		if (o->kind != KEYHIST_WRITE)
			s->seen[o->expect] = FL_MAX(s->seen[o->expect], until);
	}
}

static int
search_init(struct search *s, const struct keyhist *k, struct linear_budget *budget, bool want_order)
{
	uint32_t done_words = (k->required_slots + 63) / 64, used_words = (k->optional_slots + 63) / 64;
	size_t share = budget->bytes_max / 4;

	*s = (struct search){ .k = k, .budget = budget, .want_order = want_order };
	for (size_t i = 0; i < FL_ARRAY_LEN(s->sets); i++)
		configs_init(&s->sets[i], done_words, used_words, share);
	s->frontier = &s->sets[0];
	s->work = &s->sets[1];
	s->out = &s->sets[2];
	trail_init(&s->trail, share);

	size_t lists = (size_t)k->op_count + 1, stride = s->frontier->stride;
	s->seen = calloc(((size_t)k->value_count + 1) * 3, sizeof(s->seen[0]));
	s->readers = calloc(lists * 3, sizeof(s->readers[0]));
	s->row = calloc(stride * 4 + used_words + 1, sizeof(s->row[0]));
	if (s->seen == NULL || s->readers == NULL || s->row == NULL)
		return -ENOMEM;
	s->by_read = s->seen + k->value_count + 1;
	s->by_cas = s->by_read + k->value_count + 1;
	s->writers = s->readers + lists;
	s->optional = s->writers + lists;
	s->parent = s->row + stride;
	s->leaving = s->row + stride * 2;
	s->hiding = s->row + stride * 3;
	s->expired = s->row + stride * 4;
	fill_seen(s);
	return configs_add(s->frontier, s->row);
}

static void
set_trail(struct search *s, uint64_t *row, uint32_t step)
{
	if (s->want_order)
		row[1] = (row[1] & ~UINT64_C(0xffffffff)) | trail_add(&s->trail, configs_trail(row), step);
}

/* Does this observation agree with this value? */
static bool
agrees(const struct keyhist_op *o, uint32_t value)
{
	return (o->expect == value) == (o->kind == KEYHIST_READ);
}

/*
 * Let every pending read that agrees with value take effect. As they are part of a step that is HIDDEN or 0, only those that
 * are done on condition do so in the first case, and all in the second. Did anybody look?
 */
static bool
look(struct search *s, uint64_t *row, uint32_t value, uint32_t hidden)
{
	uint64_t *done = configs_done(s->work, row), *bound = configs_bound(s->work, row);
	bool looked = false;

	for (uint32_t i = 0; i < s->reader_count; i++) {
		const struct keyhist_op *o = &s->k->ops[s->readers[i]];
		bool is_done = configs_bit(done, o->slot), on_condition = configs_bit(bound, o->slot);

		if (!agrees(o, value) || (hidden != 0 ? !on_condition : is_done && !on_condition))
			continue;
		configs_set(done, o->slot);
		configs_unset(bound, o->slot);
		set_trail(s, row, s->readers[i] | hidden);
		looked = true;
	}
	return looked;
}

/* Is this a required plain write that counts as done but may still be shown? */
static bool
hideable(const struct search *s, uint64_t *row, const struct keyhist_op *o)
{
	return o->kind == KEYHIST_WRITE && configs_bit(configs_done(s->work, row), o->slot) &&
	       !configs_bit(configs_bound(s->work, row), o->slot);
}

/* Decide that a hideable write was hidden: it goes before the last write, and with it the reads on that condition. */
static void
hide(struct search *s, uint64_t *row, uint32_t number)
{
	configs_set(configs_bound(s->work, row), s->k->ops[number].slot);
	set_trail(s, row, number | HIDDEN);
	(void)look(s, row, s->k->ops[number].value, HIDDEN);
}

/* A plain write is about to take effect: everything that may count as done just before it. */
static void
offer_hiding(struct search *s, uint64_t *row)
{
	uint64_t *done = configs_done(s->work, row), *bound = configs_bound(s->work, row);

	for (uint32_t i = 0; i < s->writer_count; i++)
		if (s->k->ops[s->writers[i]].kind == KEYHIST_WRITE)
			configs_set(done, s->k->ops[s->writers[i]].slot);
	for (uint32_t r = 0; r < s->reader_count; r++) {
		const struct keyhist_op *o = &s->k->ops[s->readers[r]];

		for (uint32_t i = 0; i < s->writer_count && !configs_bit(done, o->slot); i++) {
			const struct keyhist_op *w = &s->k->ops[s->writers[i]];

			if (hideable(s, row, w) && agrees(o, w->value)) {
				configs_set(done, o->slot);
				configs_set(bound, o->slot);
			}
		}
	}
}

/* The target has returned in this configuration: free its bits and put it into the next frontier. */
static int
leave(struct search *s, const uint64_t *row)
{
	const struct keyhist_op *x = &s->k->ops[s->target];

	memcpy(s->leaving, row, s->work->stride * sizeof(row[0]));
	s->leaving[1] &= ~CONFIGS_FRESH;
	configs_unset(configs_done(s->work, s->leaving), x->slot);
	configs_unset(configs_bound(s->work, s->leaving), x->slot);
	return configs_add(s->out, s->leaving);
}

/* The target is done, perhaps on condition: then let it be so, in every way. */
static int
finish(struct search *s, const uint64_t *row)
{
	const struct keyhist_op *x = &s->k->ops[s->target];
	size_t bytes = s->work->stride * sizeof(row[0]);
	int rc = 0;

	memcpy(s->hiding, row, bytes);
	if (hideable(s, s->hiding, x)) {
		hide(s, s->hiding, s->target);
		return leave(s, s->hiding);
	}
	if (keyhist_writes(x) || !configs_bit(configs_bound(s->work, s->hiding), x->slot))
		return leave(s, row);
	for (uint32_t i = 0; rc == 0 && i < s->writer_count; i++) {
		const struct keyhist_op *w = &s->k->ops[s->writers[i]];

		memcpy(s->hiding, row, bytes);
		if (!hideable(s, s->hiding, w) || !agrees(x, w->value))
			continue;
		hide(s, s->hiding, s->writers[i]);
		rc = leave(s, s->hiding);
	}
	return rc;
}

/*
 * A configuration of this step: from the frontier, or made in it. When the target is done it goes on to the next frontier; as
 * long as it is done on condition only, there is more to try. What was made in this step must not go on on condition: showing
 * what is needed now and making the rest later is as good.
 */
static int
put(struct search *s, uint64_t *row, bool made)
{
	const struct keyhist_op *x = &s->k->ops[s->target];

	/* The last rule but one. Values are seen at their returns, so one seen last at this very return still counts. */
	if (configs_value(row) < s->k->value_count && s->seen[configs_value(row)] < s->pos)
		row[0] = s->k->value_count;
	if (look(s, row, configs_value(row), 0) && !s->plain)
		row[1] &= ~CONFIGS_FRESH;
	bool done = configs_bit(configs_done(s->work, row), x->slot);
	bool bound = configs_bit(configs_bound(s->work, row), x->slot);
	bool more = !done || (x->kind == KEYHIST_WRITE ? !bound : bound);
	int rc = 0;

	if (done && !(made && more))
		rc = finish(s, row);
	if (rc == 0 && more)
		rc = configs_add(s->work, row);
	return rc;
}

/* Say which values are wanted in this step, and by whom. */
static void
note_wanted(struct search *s)
{
	s->stamp++;
	s->by_refused = false;
	for (uint32_t i = 0; i < s->reader_count; i++) {
		const struct keyhist_op *o = &s->k->ops[s->readers[i]];

		if (o->kind == KEYHIST_READ)
			s->by_read[o->expect] = s->stamp;
		else
			s->by_refused = true;
	}
	for (uint32_t i = 0; i < s->writer_count; i++)
		if (s->k->ops[s->writers[i]].kind == KEYHIST_CAS)
			s->by_cas[s->k->ops[s->writers[i]].expect] = s->stamp;
	for (uint32_t i = 0; i < s->optional_count; i++)
		if (s->k->ops[s->optional[i]].kind == KEYHIST_CAS)
			s->by_cas[s->k->ops[s->optional[i]].expect] = s->stamp;
}

/*
 * Can making this plain write now lead anywhere? To the target, or to a cas; an unknown one also to reads (those of a required
 * one may be hidden with it). Else it can as well be made later.
 */
static bool
useful(const struct search *s, uint32_t number)
{
	const struct keyhist_op *o = &s->k->ops[number], *x = &s->k->ops[s->target];

	if (number == s->target || s->by_cas[o->value] == s->stamp)
		return true;
	if (!keyhist_required(o) && (s->by_refused || s->by_read[o->value] == s->stamp))
		return true;
	return !keyhist_writes(x) && agrees(x, o->value);
}

/* Apply operation o to the parent configuration, if that is possible and of use. */
static int
apply(struct search *s, uint32_t number)
{
	const struct keyhist_op *o = &s->k->ops[number];
	uint64_t *row = s->row;

	if (o->kind == KEYHIST_CAS ? o->expect != configs_value(s->parent) : (s->parent[1] & CONFIGS_FRESH) != 0)
		return 0;
	if (o->kind == KEYHIST_WRITE && !useful(s, number))
		return 0;
	if (o->kind == KEYHIST_CAS && !keyhist_required(o) && o->value == o->expect)
		return 0;
	memcpy(row, s->parent, s->work->stride * sizeof(row[0]));
	row[0] = o->value;
	row[1] &= ~CONFIGS_FRESH;
	s->plain = keyhist_required(o) && o->kind == KEYHIST_WRITE;
	if (keyhist_required(o))
		configs_set(configs_done(s->work, row), o->slot);
	else
		configs_set(configs_used(s->work, row), o->slot);
	if (s->plain)
		configs_set(configs_bound(s->work, row), o->slot);
	if (o->kind == KEYHIST_WRITE) {
		row[1] |= CONFIGS_FRESH;
		offer_hiding(s, row);
	}
	set_trail(s, row, number);
	return put(s, row, true);
}

/* Everything that can happen next in configuration i of work. */
static int
expand(struct search *s, uint32_t i)
{
	int rc = 0;

	memcpy(s->parent, configs_row(s->work, i), s->work->stride * sizeof(s->parent[0]));
	if (configs_dead(s->parent))
		return 0;
	uint64_t *done = configs_done(s->work, s->parent), *bound = configs_bound(s->work, s->parent);
	uint64_t *used = configs_used(s->work, s->parent);

	for (uint32_t w = 0; rc == 0 && w < s->writer_count; w++) {
		const struct keyhist_op *o = &s->k->ops[s->writers[w]];

		if (!configs_bit(o->kind == KEYHIST_WRITE ? bound : done, o->slot))
			rc = apply(s, s->writers[w]);
	}
	for (uint32_t w = 0; rc == 0 && w < s->optional_count; w++) {
		const struct keyhist_op *o = &s->k->ops[s->optional[w]];

		if (!configs_bit(used, o->slot) && (o->twin == KEYHIST_NONE || configs_bit(used, s->k->ops[o->twin].slot)))
			rc = apply(s, s->optional[w]);
	}
	return rc;
}

/* Take out the optional operations whose effect cannot matter from here on, and say which bits go. */
static void
expire(struct search *s)
{
	uint32_t kept = 0;

	memset(s->expired, 0, s->work->used_words * sizeof(s->expired[0]));
	for (uint32_t i = 0; i < s->optional_count; i++) {
		const struct keyhist_op *o = &s->k->ops[s->optional[i]];

		if (o->expire < s->pos)
			configs_set(s->expired, o->slot);
		else
			s->optional[kept++] = s->optional[i];
	}
	s->optional_count = kept;
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

/* The target returns: the frontier becomes every configuration in which it took effect. */
static enum linear_answer
step(struct search *s)
{
	int rc = 0;

	configs_clear(s->work);
	configs_clear(s->out);
	expire(s);
	note_wanted(s);
	for (uint32_t i = 0; rc == 0 && i < s->frontier->count; i++) {
		const uint64_t *row = configs_row(s->frontier, i);

		if (configs_dead(row))
			continue;
		memcpy(s->row, row, s->work->stride * sizeof(row[0]));
		for (uint32_t w = 0; w < s->work->used_words; w++)
			configs_used(s->work, s->row)[w] &= ~s->expired[w];
		s->plain = false;
		rc = put(s, s->row, false);
	}
	for (uint32_t i = 0; rc == 0 && i < s->work->count; i++) {
		rc = expand(s, i);
		if (i % 64 == 0 || s->work->work > 4096)
			spend(s);
		if (s->budget->configs == 0)
			return LINEAR_SPENT;
	}
	spend(s);
	if (rc != 0)
		return LINEAR_NO_MEMORY;
	if (s->out->count == 0)
		return LINEAR_ILLEGAL;
	struct configs *old = s->frontier;
	s->frontier = s->out;
	s->out = old;
	if (s->want_order && trail_wants_tidy(&s->trail))
		tidy_trail(s, s->frontier);
	return s->budget->configs == 0 ? LINEAR_SPENT : LINEAR_LEGAL;
}

static void
list_del(uint32_t *list, uint32_t *count, uint32_t number)
{
	uint32_t i = 0;

	while (i < *count && list[i] != number)
		i++;
	fl_assert(i < *count);
	memmove(&list[i], &list[i + 1], (*count - i - 1) * sizeof(list[0]));
	--*count;
}

static enum linear_answer
handle(struct search *s, uint64_t event)
{
	uint32_t number = (uint32_t)event >> 1;
	const struct keyhist_op *o = &s->k->ops[number];
	bool writes = keyhist_writes(o);
	uint32_t *list = writes ? s->writers : s->readers, *count = writes ? &s->writer_count : &s->reader_count;

	if ((event & 1) == 0) {
		if (keyhist_required(o))
			list[(*count)++] = number;
		else
			s->optional[s->optional_count++] = number;
		return LINEAR_LEGAL;
	}
	s->pos = (uint32_t)(event >> 32);
	s->target = number;
	enum linear_answer answer = step(s);
	if (answer == LINEAR_LEGAL)
		list_del(list, count, number);
	return answer;
}

/* Turn steps into an order: hidden writes go before the write that hid them. In place. */
static void
settle_order(const struct keyhist *k, uint32_t *steps, uint32_t n)
{
	uint32_t last = 0;      /* the last write */

	for (uint32_t i = 0; i < n; i++) {
		uint32_t number = steps[i] & ~HIDDEN;

		if (steps[i] & HIDDEN) {
			memmove(&steps[last + 1], &steps[last], (i - last) * sizeof(steps[0]));
			steps[last++] = number;
		} else if (k->ops[number].kind == KEYHIST_WRITE) {
			last = i;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		steps[i] = k->ops[steps[i]].id;
}

static void
take_order(struct search *s, bool legal, struct linear_result *ret)
{
	uint32_t node = UINT32_MAX;

	if (!legal && !s->trail.lost)
		tidy_trail(s, s->work);
	for (uint32_t i = 0; legal && node == UINT32_MAX && i < s->frontier->count; i++)
		if (!configs_dead(configs_row(s->frontier, i)))
			node = configs_trail(configs_row(s->frontier, i));
	if (trail_path(&s->trail, node, &ret->order, &ret->order_count) == 0)
		settle_order(s->k, ret->order, ret->order_count);
}

void
linear_check(const struct keyhist *k, struct linear_budget *budget, bool want_order, struct linear_result *ret)
{
	struct search s;

	*ret = (struct linear_result){ .answer = LINEAR_NO_MEMORY };
	if (search_init(&s, k, budget, want_order) != 0)
		goto end;
	ret->answer = LINEAR_LEGAL;
	for (uint32_t e = 0; e < k->event_count && ret->answer == LINEAR_LEGAL; e++) {
		ret->answer = handle(&s, k->events[e]);
		ret->culprit = (uint32_t)k->events[e] >> 1;
	}
	ret->pending = s.reader_count + s.writer_count + s.optional_count;
	if (want_order && (ret->answer == LINEAR_LEGAL || ret->answer == LINEAR_ILLEGAL))
		take_order(&s, ret->answer == LINEAR_LEGAL, ret);
end:
	search_fini(&s);
}
