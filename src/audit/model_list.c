/* SPDX-License-Identifier: MIT */
/* model_list.c - see model_list.h. */
#include "audit/model_list.h"

#include "audit/ranks.h"

#include <errno.h>
#include <string.h>

static const struct model_word words[] = {
	{ "append", MODEL_LIST_APPEND }, { "add", MODEL_LIST_APPEND }, { "read", MODEL_LIST_READ }, { "r", MODEL_LIST_READ },
	{ "get", MODEL_LIST_READ }, { NULL, 0 },
};

static int
translate(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	uint32_t number;

	if (d->kind == MODEL_LIST_APPEND) {
		if (values_number(in->values, d->call, &number) != 0)
			return -ENOMEM;
		one.a = number;
		return calls_add(in->calls, &one);
	}
	if (d->outcome != TAPE_OK)
		return 0;
	if (!d->has_result || (!tape_is_list(d->result) && d->result.type != TAPE_NIL))
		return model_refuse(in, "a completed read of a list needs its elements");
	int rc = model_list(in, d->result, false, &one);

	one.looks = true;
	one.group = CALLS_ALONE(d->id);
	return rc != 0 ? rc : calls_add(in->calls, &one);
}

static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	if (c->kind == MODEL_LIST_READ)
		return n == c->list_count && (n == 0 || memcmp(state, all->lists + c->list_at, n * sizeof(state[0])) == 0);
	if (!frontier_room(out, n + 1))
		return -ENOMEM;
	if (n > 0)
		memcpy(out->at, state, n * sizeof(state[0]));
	out->at[n] = c->a;
	out->count = n + 1;
	return 1;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	model_put_list(values, state, n, out);
}

const struct model model_list_append = {
	.name = "append-list", .is = "linearizable list", .help = "a list for each key: append, read (the list of its elements)",
	.words = words, .translate = translate, .step = step, .monitor = ranks_list_check,
	.describe = describe,
};
