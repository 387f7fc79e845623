/* SPDX-License-Identifier: MIT */
/* model_pile.c - see model_pile.h. */
#include "audit/model_pile.h"

#include "audit/pile_queue.h"
#include "audit/pile_stack.h"
#include "audit/pile_total.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WILD (-1)

static const struct model_word words[] = {
	{ "enqueue", MODEL_PILE_ADD }, { "enq", MODEL_PILE_ADD }, { "push", MODEL_PILE_ADD }, { "insert", MODEL_PILE_ADD },
	{ "add", MODEL_PILE_ADD }, { "offer", MODEL_PILE_ADD }, { "put", MODEL_PILE_ADD }, { "send", MODEL_PILE_ADD },
	{ "dequeue", MODEL_PILE_TAKE }, { "deq", MODEL_PILE_TAKE }, { "pop", MODEL_PILE_TAKE }, { "take", MODEL_PILE_TAKE },
	{ "poll", MODEL_PILE_TAKE }, { "receive", MODEL_PILE_TAKE }, { "delete-min", MODEL_PILE_TAKE }, { "pop-min", MODEL_PILE_TAKE },
	{ "extract-min", MODEL_PILE_TAKE }, { "delete-max", MODEL_PILE_TAKE }, { "pop-max", MODEL_PILE_TAKE },
	{ "extract-max", MODEL_PILE_TAKE }, { "remove", MODEL_PILE_TAKE }, { "drain", MODEL_PILE_DRAIN }, { NULL, 0 },
};

/* The priority of a value: itself, or the first of a pair. */
static int
priority(struct model_input *in, struct tape_value v, int64_t *ret)
{
	if (tape_is_list(v) && v.count == 2)
		v = tape_item(in->tape, v, 0);
	if (v.type != TAPE_INT)
		return model_refuse(in, "the priority of a value is a whole number, or the first of a pair [priority, item]");
	*ret = v.i;
	return 0;
}

static int
add_call(struct model_input *in, struct calls_one *one, struct tape_value v, bool with_priority)
{
	uint32_t number;

	if (values_number(in->values, v, &number) != 0)
		return -ENOMEM;
	one->a = number;
	one->group = number;
	int rc = with_priority ? priority(in, v, &one->b) : 0;

	return rc != 0 ? rc : calls_add(in->calls, one);
}

static int
translate_take(struct model_input *in, const struct model_deed *d, struct calls_one *one, bool with_priority)
{
	if (d->outcome != TAPE_OK) {
		one->any_result = true;
		return calls_add(in->calls, one);
	}
	if (!d->has_result)
		return model_refuse(in, "a completed take needs the value it took (null when there was none)");
	if (d->result.type == TAPE_NIL) {
		one->kind = MODEL_PILE_EMPTY;
		one->looks = true;
		one->group = CALLS_ALONE(d->id);
		return calls_add(in->calls, one);
	}
	return add_call(in, one, d->result, with_priority);
}

/* A drain is as many takes. */
static int
translate_drain(struct model_input *in, const struct model_deed *d, struct calls_one *one, bool with_priority, bool counted)
{
	int rc = 0;

	if (d->outcome != TAPE_OK && !counted)
		return model_refuse(in, "a drain whose outcome is unknown cannot be judged by this model");
	one->kind = d->outcome == TAPE_OK ? MODEL_PILE_TAKE : MODEL_PILE_DRAIN;
	if (d->outcome != TAPE_OK)
		return calls_add(in->calls, one);
	if (!tape_is_list(d->result) && d->result.type != TAPE_NIL)
		return model_refuse(in, "a drain returns the list of the values it took");
	for (uint32_t i = 0; rc == 0 && d->result.type != TAPE_NIL && i < d->result.count; i++)
		rc = add_call(in, one, tape_item(in->tape, d->result, i), with_priority);
	return rc;
}

static int
translate_any(struct model_input *in, const struct model_deed *d, bool with_priority, bool counted)
{
	struct calls_one one = model_call(d);

	if (d->kind == MODEL_PILE_TAKE)
		return translate_take(in, d, &one, with_priority);
	if (d->kind == MODEL_PILE_DRAIN)
		return translate_drain(in, d, &one, with_priority, counted);
	if (d->call.type == TAPE_NIL)
		return model_refuse(in, "there is no value to put on");
	if (d->outcome == TAPE_OK && d->has_result && d->result.type == TAPE_BOOL && d->call.type != TAPE_BOOL && d->result.i == 0)
		return 0;       /* it was refused: nothing happened */
	return add_call(in, &one, d->call, with_priority);
}

static int
translate(struct model_input *in, const struct model_deed *d)
{
	return translate_any(in, d, false, false);
}

static int
translate_priority(struct model_input *in, const struct model_deed *d)
{
	return translate_any(in, d, true, false);
}

static int
translate_counted(struct model_input *in, const struct model_deed *d)
{
	return translate_any(in, d, false, true);
}

/* The state without the number at i, n of them. */
static int
without(struct frontier_row *out, const int64_t *state, uint32_t n, uint32_t i, uint32_t width)
{
	if (!frontier_room(out, n))
		return -ENOMEM;
	memcpy(out->at, state, i * sizeof(state[0]));
	memcpy(out->at + i, state + i + width, (n - i - width) * sizeof(state[0]));
	out->count = n - width;
	return 1;
}

static int
with(struct frontier_row *out, const int64_t *state, uint32_t n, uint32_t i, const int64_t *more, uint32_t width)
{
	if (!frontier_room(out, n + width))
		return -ENOMEM;
	if (n > 0)
		memcpy(out->at, state, i * sizeof(state[0]));
	memcpy(out->at + i, more, width * sizeof(more[0]));
	if (n > i)
		memcpy(out->at + i + width, state + i, (n - i) * sizeof(state[0]));
	out->count = n + width;
	return 1;
}

/* A queue is taken off at its front, a stack at its end. */
static int
step_line(const struct calls_one *c, const int64_t *state, uint32_t n, bool front, struct frontier_row *out)
{
	uint32_t at = front || n == 0 ? 0 : n - 1;

	switch (c->kind) {
	case MODEL_PILE_ADD:
		return with(out, state, n, n, &c->a, 1);
	case MODEL_PILE_EMPTY:
		return n == 0;
	default:
		if (n == 0 || (!c->any_result && state[at] != c->a))
			return 0;
		return without(out, state, n, at, 1);
	}
}

static int
step_queue(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	return step_line(c, state, n, true, out);
}

static int
step_stack(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	return step_line(c, state, n, false, out);
}

/* The state: pairs of priority and value, sorted by both; the first in order of `sign` times the priority is the next. */
static int
step_sorted(const struct calls_one *c, const int64_t *state, uint32_t n, bool max, struct frontier_row *out)
{
	uint32_t i = 0;

	if (c->kind == MODEL_PILE_EMPTY)
		return n == 0;
	if (c->kind == MODEL_PILE_ADD) {
		int64_t pair[2] = { c->b, c->a };

		while (i < n && (state[i] < c->b || (state[i] == c->b && state[i + 1] < c->a)))
			i += 2;
		return with(out, state, n, i, pair, 2);
	}
	if (n == 0)
		return 0;
	int64_t next = max ? state[n - 2] : state[0];

	if (c->any_result)
		return without(out, state, n, max ? n - 2 : 0, 2);
	for (; i < n; i += 2)
		if (state[i] == next && state[i] == c->b && state[i + 1] == c->a)
			return without(out, state, n, i, 2);
	return 0;
}

static int
step_min(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	return step_sorted(c, state, n, false, out);
}

static int
step_max(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	(void)self;
	(void)all;
	return step_sorted(c, state, n, true, out);
}

/* No wild take took more than there was: before each mark there are at least as many values as marks up to it. */
static bool
covered(const int64_t *state, uint32_t n)
{
	uint32_t items = 0, marks = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (state[i] != WILD)
			items++;
		else if (++marks > items)
			return false;
	}
	return true;
}

/*
 * The state of a bag: what was put in, in order of its number between marks. A mark is a take of which nobody knows what it took:
 * one of those before it that nobody else took. So nothing is guessed, and a known take is best served by the last of its value.
 */
static int
step_bag(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	static const int64_t mark = WILD;
	uint32_t i = n, marks = 0;

	(void)self;
	(void)all;
	if (c->kind == MODEL_PILE_ADD) {
		while (i > 0 && state[i - 1] > c->a)
			i--;
		return with(out, state, n, i, &c->a, 1);
	}
	if (c->kind == MODEL_PILE_EMPTY) {
		for (i = 0; i < n; i++)
			marks += state[i] == WILD;
		return 2 * marks == n;
	}
	if (c->any_result) {
		int rc = with(out, state, n, n, &mark, 1);

		return rc < 0 ? rc : covered(out->at, out->count);
	}
	while (i > 0 && state[i - 1] != c->a)
		i--;
	if (i == 0)
		return 0;
	int rc = without(out, state, n, i - 1, 1);

	return rc < 0 ? rc : covered(out->at, out->count);
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	model_put_list(values, state, n, out);
}

static void
describe_bag(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	uint32_t marks = 0;

	(void)self;
	(void)buf_putc(out, '[');
	for (uint32_t i = 0; i < n; i++) {
		marks += state[i] == WILD;
		(void)buf_puts(out, i > 0 && state[i] != WILD ? " " : "");
		model_put_value(values, state[i], 40, out);
	}
	(void)buf_putc(out, ']');
	if (marks > 0)
		(void)buf_printf(out, " without %" PRIu32 " of them", marks);
}

static int
compare_priorities(const void *pa, const void *pb)
{
	const int64_t (*a)[2] = pa, (*b)[2] = pb;

	return ((*a)[0] > (*b)[0]) - ((*a)[0] < (*b)[0]);
}

/* Do values differ that have the same priority? Then an unknown take may have taken either. */
static bool
has_ties(const struct calls *calls)
{
	int64_t (*all)[2] = malloc(((size_t)calls->count + 1) * sizeof(all[0]));
	bool ties = all == NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; all != NULL && i < calls->count; i++)
		if (calls->at[i].kind == MODEL_PILE_ADD) {
			all[n][0] = calls->at[i].b;
			all[n++][1] = calls->at[i].a;
		}
	if (all != NULL)
		qsort(all, n, sizeof(all[0]), compare_priorities);
	for (uint32_t i = 1; i < n && all != NULL; i++)
		ties |= all[i][0] == all[i - 1][0] && all[i][1] != all[i - 1][1];
	free(all);
	return ties;
}

/* Pairs of priority and value. */
static void
describe_sorted(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	(void)buf_putc(out, '[');
	for (uint32_t i = 1; i < n; i += 2) {
		(void)buf_puts(out, i > 1 ? " " : "");
		model_put_value(values, state[i], 40, out);
	}
	(void)buf_putc(out, ']');
}

const struct model model_pile_queue = {
	.name = "queue", .is = "linearizable FIFO queue", .help = "a FIFO queue: enqueue, dequeue (null: it was empty)", .words = words,
	.translate = translate, .step = step_queue, .monitor = pile_queue_check,
	.describe = describe,
};
const struct model model_pile_stack = {
	.name = "stack", .is = "linearizable stack", .help = "a stack: push, pop (null: it was empty)", .words = words,
	.translate = translate, .step = step_stack, .monitor = pile_stack_check,
	.describe = describe,
};
const struct model model_pile_priority = {
	.name = "priority-queue", .is = "linearizable priority queue",
	.help = "insert, delete-min (null: it was empty); a value is its priority, or [priority, item]", .words = words,
	.translate = translate_priority, .step = step_min, .guesses = has_ties, .describe = describe_sorted,
};
const struct model model_pile_max_priority = {
	.name = "max-priority-queue", .is = "linearizable priority queue", .help = "the same with the greatest first: insert, delete-max",
	.words = words, .translate = translate_priority, .step = step_max, .guesses = has_ties,
	.describe = describe_sorted,
};
const struct model model_pile_bag = {
	.name = "unordered-queue", .is = "linearizable unordered queue", .help = "a queue that gives out what is in it in any order",
	.words = words, .translate = translate, .step = step_bag, .monitor = pile_queue_check_bag,
	.describe = describe_bag,
};
const struct model model_pile_total = {
	.name = "total-queue", .is = "queue that delivers at least once", .help = "a queue in any order, drained at the end: at least once",
	.words = words, .translate = translate_counted, .monitor = pile_total_at_least,
};
const struct model model_pile_exactly = {
	.name = "total-queue-exactly-once", .is = "queue that delivers exactly once", .help = "the same: exactly once",
	.words = words, .translate = translate_counted, .monitor = pile_total_exactly,
};
const struct model model_pile_at_most = {
	.name = "total-queue-at-most-once", .is = "queue that delivers at most once", .help = "the same: at most once",
	.words = words, .translate = translate_counted, .monitor = pile_total_at_most,
};
