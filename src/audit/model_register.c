/* SPDX-License-Identifier: MIT */
/* model_register.c - see model_register.h. */
#include "audit/model_register.h"

#include <errno.h>
#include <string.h>

static const struct model_word words[] = {
	{ "read", MODEL_REGISTER_READ }, { "get", MODEL_REGISTER_READ }, { "r", MODEL_REGISTER_READ },
	{ "write", MODEL_REGISTER_WRITE }, { "put", MODEL_REGISTER_WRITE }, { "set", MODEL_REGISTER_WRITE }, { "w", MODEL_REGISTER_WRITE },
	{ "cas", MODEL_REGISTER_CAS }, { "compare-and-set", MODEL_REGISTER_CAS }, { "delete", MODEL_REGISTER_DELETE },
	{ "append", MODEL_REGISTER_APPEND }, { NULL, 0 },
};

bool
model_register_mismatch(const struct tape *t, const struct tape_op *op)
{
	return op->outcome == TAPE_FAIL && op->error != TAPE_NONE && strcmp(tape_chars(t, op->error), "cas-mismatch") == 0;
}

static int
translate_cas(struct model_input *in, const struct model_deed *d, struct calls_one *one)
{
	uint32_t a, b;

	if (!tape_is_list(d->call) || d->call.count != 2)
		return model_refuse(in, "a cas needs its value as [expected, new]");
	if (values_number(in->values, tape_item(in->tape, d->call, 0), &a) != 0 ||
	    values_number(in->values, tape_item(in->tape, d->call, 1), &b) != 0)
		return -ENOMEM;
	one->a = a;
	one->b = b;
	if (d->outcome == TAPE_FAIL) {
		one->kind = MODEL_REGISTER_REFUSED;
		one->looks = true;
		one->ret = d->op->complete_pos;
		one->group = CALLS_ALONE(d->id);
	}
	return calls_add(in->calls, one);
}

static int
translate(struct model_input *in, const struct model_deed *d)
{
	struct calls_one one = model_call(d);
	uint32_t number = 0;

	switch (d->kind) {
	case MODEL_REGISTER_READ:
		if (d->outcome != TAPE_OK)
			return 0;
		if (!d->has_result)
			return model_refuse(in, "a completed read needs the value it returned (null when there was none)");
		one.looks = true;
		one.group = CALLS_ALONE(d->id);
		break;
	case MODEL_REGISTER_CAS:
		return translate_cas(in, d, &one);
	case MODEL_REGISTER_DELETE:
		one.kind = MODEL_REGISTER_WRITE;
		return calls_add(in->calls, &one);
	case MODEL_REGISTER_APPEND:
		if (d->call.type != TAPE_TEXT)
			return model_refuse(in, "what is appended is a text");
		break;
	default:
		break;
	}
	if (values_number(in->values, d->kind == MODEL_REGISTER_READ ? d->result : d->call, &number) != 0)
		return -ENOMEM;
	one.a = number;
	return calls_add(in->calls, &one);
}

/* Is the text (or nil) of this number what the pieces of the state make together? */
static bool
reads(const struct values *values, int64_t number, const int64_t *state, uint32_t n)
{
	struct tape_value v = values->at[number];
	const char *p;
	size_t left;

	if (n == 1 && state[0] == number)
		return true;
	if (v.type == TAPE_NIL)
		return n == 0;
	if (v.type != TAPE_TEXT || (n == 1 && values->at[state[0]].type != TAPE_TEXT))
		return false;
	p = tape_chars(values->tape, (uint32_t)v.text);
	left = tape_chars_bytes(values->tape, (uint32_t)v.text);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t piece = (uint32_t)values->at[state[i]].text;
		size_t bytes = values->at[state[i]].type == TAPE_TEXT ? tape_chars_bytes(values->tape, piece) : SIZE_MAX;

		if (bytes > left || memcmp(p, tape_chars(values->tape, piece), bytes) != 0)
			return false;
		p += bytes;
		left -= bytes;
	}
	return left == 0;
}

/* The state: nothing for nil; else a value, and behind it the texts that were appended. */
static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	int64_t next = c->a;

	(void)all;
	if (c->kind == MODEL_REGISTER_READ)
		return reads(self, c->a, state, n);
	if (c->kind == MODEL_REGISTER_REFUSED)
		return !reads(self, c->a, state, n);
	if (c->kind == MODEL_REGISTER_CAS) {
		if (!reads(self, c->a, state, n))
			return 0;
		next = c->b;
	}
	if (!frontier_room(out, n + 1))
		return -ENOMEM;
	if (c->kind == MODEL_REGISTER_APPEND) {
		if (n == 1 && ((const struct values *)self)->at[state[0]].type != TAPE_TEXT)
			return 0;
		if (n > 0)
			memcpy(out->at, state, n * sizeof(state[0]));
		out->at[n] = c->a;
		out->count = n + 1;
		return 1;
	}
	out->at[0] = next;
	out->count = next != 0;
	return 1;
}

int
model_register_stale_step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n,
			  struct frontier_row *out)
{
	uint32_t k = *(const uint32_t *)self, from = n == k;

	(void)all;
	if (c->kind == MODEL_REGISTER_READ) {
		for (uint32_t i = 0; i < n; i++)
			if (state[i] == c->a)
				return 1;
		return 0;
	}
	if (!frontier_room(out, n + 1))
		return -ENOMEM;
	memcpy(out->at, state + from, (n - from) * sizeof(state[0]));
	out->at[n - from] = c->a;
	out->count = n - from + 1;
	return 1;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	if (n == 0)
		model_put_value(values, 0, 60, out);
	else if (n == 1)
		model_put_value(values, state[0], 60, out);
	else
		model_put_list(values, state, n, out);
}

const struct model model_register_plain = {
	.name = "register", .is = "linearizable register", .help = "a register for each key: read, write", .words = words,
	.registers = true, .translate = translate, .step = step, .describe = describe,
};
const struct model model_register_cas = {
	.name = "cas-register", .is = "linearizable register", .help = "the same with compare-and-set: cas [expected, new]", .words = words,
	.registers = true, .translate = translate, .step = step, .describe = describe,
};
const struct model model_register_keys = {
	.name = "key-value", .is = "linearizable key-value store", .help = "get, put, cas, delete, append (of texts) for each key",
	.words = words, .registers = true, .texts = true, .translate = translate, .step = step, .describe = describe,
};
