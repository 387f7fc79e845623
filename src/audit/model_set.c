/* SPDX-License-Identifier: MIT */
/* model_set.c - see model_set.h. */
#include "audit/model_set.h"

#include "audit/ranks.h"

#include <errno.h>
#include <string.h>

static const struct model_word words[] = {
	{ "add", MODEL_SET_ADD }, { "insert", MODEL_SET_ADD }, { "put", MODEL_SET_ADD }, { "remove", MODEL_SET_REMOVE },
	{ "delete", MODEL_SET_REMOVE }, { "contains", MODEL_SET_HAS }, { "has", MODEL_SET_HAS }, { "member", MODEL_SET_HAS },
	{ "lookup", MODEL_SET_HAS }, { "find", MODEL_SET_HAS }, { "read", MODEL_SET_READ }, { "get", MODEL_SET_READ }, { NULL, 0 },
};

static int
translate_read(struct model_input *in, const struct model_deed *d, struct calls_one *one)
{
	if (d->outcome != TAPE_OK)
		return 0;
	if (!d->has_result || (!tape_is_list(d->result) && d->result.type != TAPE_NIL))
		return model_refuse(in, "a completed read of a set needs the list of its elements");
	int rc = model_list(in, d->result, true, one);

	one->looks = true;
	one->group = CALLS_ALONE(d->id);
	return rc != 0 ? rc : calls_add(in->calls, one);
}

/* The element of a look may stand in the call, or in the result as [element, answer]. */
static int
translate(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	bool answered = d->outcome == TAPE_OK && d->has_result && d->result.type == TAPE_BOOL && d->call.type != TAPE_BOOL;
	uint32_t number;

	if (d->kind == MODEL_SET_READ)
		return translate_read(in, d, &one);
	if (d->call.type == TAPE_NIL)
		return model_refuse(in, "there is no element");
	if (values_number(in->values, d->call, &number) != 0)
		return -ENOMEM;
	one.a = number;
	one.group = number;
	one.b = answered ? d->result.i : MODEL_SET_ANY;
	if (d->kind == MODEL_SET_HAS) {
		if (d->outcome != TAPE_OK)
			return 0;
		if (!answered)
			return model_refuse(in, "a completed look for an element returns true or false");
	}
	/* To add what is there, to remove what is not, and to look change nothing. */
	one.looks = d->kind == MODEL_SET_HAS || one.b == 0;
	return calls_add(in->calls, &one);
}

static bool
find(const int64_t *state, uint32_t n, int64_t a, uint32_t *ret_place)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (state[mid] < a)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_place = lo;
	return lo < n && state[lo] == a;
}

/* The state: the elements in order. */
static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	uint32_t at;

	(void)self;
	if (c->kind == MODEL_SET_READ)
		return n == c->list_count && (n == 0 || memcmp(state, all->lists + c->list_at, n * sizeof(state[0])) == 0);
	bool there = find(state, n, c->a, &at);

	if (c->kind == MODEL_SET_HAS)
		return there == (c->b == 1);
	bool adds = c->kind == MODEL_SET_ADD, changes = adds != there;

	if (c->b != MODEL_SET_ANY && changes != (c->b == 1))
		return 0;
	if (!frontier_room(out, n + 1))
		return -ENOMEM;
	out->count = n;
	if (n > 0)
		memcpy(out->at, state, n * sizeof(state[0]));
	if (!changes)
		return 1;
	if (adds) {
		memmove(out->at + at + 1, out->at + at, (n - at) * sizeof(state[0]));
		out->at[at] = c->a;
		out->count = n + 1;
	} else {
		memmove(out->at + at, out->at + at + 1, (n - at - 1) * sizeof(state[0]));
		out->count = n - 1;
	}
	return 1;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	model_put_list(values, state, n, out);
}

const struct model model_set_any = {
	.name = "set", .is = "linearizable set", .help = "a set: add, remove, contains, read (the list of its elements)", .words = words,
	.elements = true, .translate = translate, .step = step, .monitor = ranks_set_check,
	.describe = describe,
};
const struct model model_set_grow = {
	.name = "g-set", .is = "linearizable grow-only set", .help = "a set that only grows: add, contains, read", .words = words,
	.elements = true, .translate = translate, .step = step, .monitor = ranks_set_check,
	.describe = describe,
};
