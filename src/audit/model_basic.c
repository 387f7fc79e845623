/* SPDX-License-Identifier: MIT */
/* model_basic.c - see model_basic.h. */
#include "audit/model_basic.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { COUNTER_ADD, COUNTER_SUBTRACT, COUNTER_READ, COUNTER_ADD_AND_GET, COUNTER_GET_AND_ADD };

static const struct model_word counter_words[] = {
	{ "add", COUNTER_ADD }, { "inc", COUNTER_ADD }, { "increment", COUNTER_ADD }, { "incr", COUNTER_ADD }, { "sub", COUNTER_SUBTRACT },
	{ "dec", COUNTER_SUBTRACT }, { "decrement", COUNTER_SUBTRACT }, { "decr", COUNTER_SUBTRACT }, { "subtract", COUNTER_SUBTRACT },
	{ "read", COUNTER_READ }, { "get", COUNTER_READ }, { "add-and-get", COUNTER_ADD_AND_GET },
	{ "increment-and-get", COUNTER_ADD_AND_GET }, { "get-and-add", COUNTER_GET_AND_ADD }, { "get-and-increment", COUNTER_GET_AND_ADD },
	{ NULL, 0 },
};

static int
whole(struct model_input *in, struct tape_value v, const char *what, int64_t *ret)
{
	/* Sums of 2^32 of them cannot overflow. */
	if (v.type != TAPE_INT || v.i > INT32_MAX || v.i < -INT32_MAX)
		return model_refuse(in, "%s is a whole number of at most 31 bits", what);
	*ret = v.i;
	return 0;
}

static int
translate_counter(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	int rc = 0;

	if (d->kind == COUNTER_READ) {
		if (d->outcome != TAPE_OK)
			return 0;
		if (!d->has_result || d->result.type != TAPE_INT)
			return model_refuse(in, "a completed read of a counter needs the whole number it returned");
		one.a = d->result.i;
		one.looks = true;
		one.group = CALLS_ALONE(d->id);
		return calls_add(in->calls, &one);
	}
	one.a = 1;
	if (d->call.type != TAPE_NIL)
		rc = whole(in, d->call, "what is added to a counter", &one.a);
	if (rc == 0 && d->kind >= COUNTER_ADD_AND_GET) {
		one.any_result = d->outcome != TAPE_OK;
		if (!one.any_result && (!d->has_result || d->result.type != TAPE_INT))
			return model_refuse(in, "this operation needs the whole number it returned");
		one.b = one.any_result ? 0 : d->result.i;
	}
	if (rc != 0)
		return rc;
	if (d->kind == COUNTER_SUBTRACT) {
		one.kind = COUNTER_ADD;
		one.a = -one.a;
	}
	return one.a == 0 && one.kind == COUNTER_ADD ? 0 : calls_add(in->calls, &one);
}

static int
step_counter(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	(void)n;
	if (c->kind == COUNTER_READ)
		return state[0] == c->a;
	if (!c->any_result && ((c->kind == COUNTER_ADD_AND_GET && state[0] + c->a != c->b) || (c->kind == COUNTER_GET_AND_ADD && state[0] != c->b)))
		return 0;
	if (!frontier_room(out, 1))
		return -ENOMEM;
	out->at[0] = state[0] + c->a;
	out->count = 1;
	return 1;
}

static void
describe_counter(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	(void)values;
	(void)n;
	(void)buf_printf(out, "%" PRId64, state[0]);
}

static const int64_t counter_start[] = { 0 };
const struct model model_basic_counter = {
	.name = "counter", .is = "linearizable counter", .help = "a counter that begins at 0: add, decrement, read", .words = counter_words,
	.translate = translate_counter, .step = step_counter, .start = counter_start, .start_count = 1, .describe = describe_counter,
};

enum { LOCK_ACQUIRE, LOCK_RELEASE };

static const struct model_word lock_words[] = {
	{ "acquire", LOCK_ACQUIRE }, { "lock", LOCK_ACQUIRE }, { "release", LOCK_RELEASE }, { "unlock", LOCK_RELEASE }, { NULL, 0 },
};

/* a: the owner, where owners matter; b: the fencing token. */
static int
translate_lock(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);

	(void)in;
	return calls_add(in->calls, &one);
}

static int
translate_owned(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);

	one.a = d->op->process;
	return calls_add(in->calls, &one);
}

static int
translate_fenced(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);

	one.a = d->op->process;
	if (d->kind == LOCK_RELEASE)
		return calls_add(in->calls, &one);
	one.any_result = d->outcome != TAPE_OK;
	if (!one.any_result && (!d->has_result || d->result.type != TAPE_INT))
		return model_refuse(in, "a completed acquire of a fenced lock needs its token, a whole number");
	one.b = one.any_result ? 0 : d->result.i;
	return calls_add(in->calls, &one);
}

/* The state: is it locked, by whom, the greatest token so far. A token that is not known is the least that is possible. */
static int
step_lock(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	bool locked = state[0] != 0;

	(void)self;
	(void)all;
	(void)n;
	if (c->kind == LOCK_ACQUIRE ? locked : !locked || state[1] != c->a)
		return 0;
	if (!frontier_room(out, 2))
		return -ENOMEM;
	out->at[0] = c->kind == LOCK_ACQUIRE;
	out->at[1] = c->kind == LOCK_ACQUIRE ? c->a : 0;
	out->count = 2;
	return 1;
}

static int
step_fenced(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	int64_t token = c->any_result ? state[2] + (state[2] < INT64_MAX) : c->b;

	if (c->kind == LOCK_ACQUIRE && !c->any_result && token <= state[2])
		return 0;
	if (!frontier_room(out, 3))
		return -ENOMEM;
	int rc = step_lock(self, all, c, state, n, out);

	out->at[2] = c->kind == LOCK_ACQUIRE ? token : state[2];
	out->count = 3;
	return rc;
}

static void
describe_lock(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	(void)values;
	(void)n;
	(void)buf_puts(out, state[0] != 0 ? "held" : "free");
}

static void
describe_owned(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	(void)values;
	if (state[0] != 0)
		(void)buf_printf(out, "held by client %" PRId64, state[1]);
	else
		(void)buf_puts(out, "free");
	if (n == 3 && state[2] != INT64_MIN)
		(void)buf_printf(out, ", the last token being %" PRId64, state[2]);
}

static const int64_t lock_start[] = { 0, 0, INT64_MIN };
const struct model model_basic_mutex = {
	.name = "mutex", .is = "linearizable lock", .help = "a lock: acquire, release, by anybody", .words = lock_words,
	.translate = translate_lock, .step = step_lock, .start = lock_start, .start_count = 2, .describe = describe_lock,
};
const struct model model_basic_owner_mutex = {
	.name = "owner-mutex", .is = "linearizable lock", .help = "a lock that only the process that holds it can release", .words = lock_words,
	.translate = translate_owned, .step = step_lock, .start = lock_start, .start_count = 2, .describe = describe_owned,
};
const struct model model_basic_fenced = {
	.name = "fenced-mutex", .is = "lock with growing fencing tokens",
	.help = "the same; acquire returns a token that is greater than all before", .words = lock_words, .translate = translate_fenced,
	.step = step_fenced, .start = lock_start, .start_count = 3, .describe = describe_owned,
};

enum { UNIQUE_GENERATE };

static const struct model_word unique_words[] = {
	{ "generate", UNIQUE_GENERATE }, { "next", UNIQUE_GENERATE }, { "new-id", UNIQUE_GENERATE }, { NULL, 0 },
};

static int
translate_unique(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	uint32_t number;

	if (d->outcome != TAPE_OK)
		return 0;
	if (!d->has_result || d->result.type == TAPE_NIL)
		return model_refuse(in, "a completed generate needs the identity it returned");
	if (values_number(in->values, d->result, &number) != 0)
		return -ENOMEM;
	one.a = number;
	one.group = number;
	one.looks = true;
	return calls_add(in->calls, &one);
}

static int
compare_identities(const void *pa, const void *pb)
{
	const int64_t (*a)[2] = pa, (*b)[2] = pb;

	if ((*a)[0] != (*b)[0])
		return (*a)[0] < (*b)[0] ? -1 : 1;
	return ((*a)[1] > (*b)[1]) - ((*a)[1] < (*b)[1]);
}

static int
check_unique(const struct calls *calls, struct model_finding *ret)
{
	int64_t (*all)[2] = malloc(((size_t)calls->count + 1) * sizeof(all[0]));
	struct model_finding finding = { .answer = MODEL_LEGAL };

	if (all == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < calls->count; i++) {
		all[i][0] = calls->at[i].a;
		all[i][1] = i;
	}
	qsort(all, calls->count, sizeof(all[0]), compare_identities);
	for (uint32_t i = 1; i < calls->count && finding.answer == MODEL_LEGAL; i++)
		if (all[i][0] == all[i - 1][0])
			finding = (struct model_finding){ .answer = MODEL_ILLEGAL, .say = "the same identity was given out twice", .enough = true,
				.witness = { (uint32_t)all[i - 1][1], (uint32_t)all[i][1] }, .witness_count = 2 };
	free(all);
	*ret = finding;
	return 0;
}

const struct model model_basic_unique = {
	.name = "unique-ids", .is = "generator of unique identities", .help = "generate: no two results are the same", .words = unique_words,
	.translate = translate_unique, .monitor = check_unique,
};
