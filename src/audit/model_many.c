/* SPDX-License-Identifier: MIT */
/* model_many.c - see model_many.h. */
#include "audit/model_many.h"

#include <errno.h>
#include <string.h>

enum { MANY_TXN, MANY_READ, MANY_WRITE };

static const struct model_word words[] = {
	{ "txn", MANY_TXN }, { "read", MANY_READ }, { "r", MANY_READ }, { "write", MANY_WRITE }, { "w", MANY_WRITE }, { NULL, 0 },
};

static int
put(struct model_input *in, struct calls_one *one, bool write, struct tape_value key, struct tape_value value)
{
	uint32_t at, k, v;

	if (values_number(in->values, key, &k) != 0 || values_number(in->values, value, &v) != 0 || calls_list(in->calls, 3, &at) != 0)
		return -ENOMEM;
	in->calls->lists[at] = write;
	in->calls->lists[at + 1] = k;
	in->calls->lists[at + 2] = v;
	one->list_count += 3;
	one->looks = one->looks && !write;
	return 0;
}

/* Whether a micro-operation writes: its name says. -EINVAL: it says nothing. */
static int
writes(const struct tape *t, struct tape_value f)
{
	static const char *const names[] = { "r", "read", "get", "w", "write", "put" };

	for (size_t i = 0; f.type == TAPE_TEXT && i < FL_ARRAY_LEN(names); i++)
		if (strcmp(tape_chars(t, (uint32_t)f.text), names[i]) == 0)
			return i >= 3;
	return -EINVAL;
}

static int
put_micro(struct model_input *in, struct calls_one *one, struct tape_value micro, bool known)
{
	if (!tape_is_list(micro) || micro.count < 2 || micro.count > 3)
		return model_refuse(in, "a micro-operation is [\"r\", key, value] or [\"w\", key, value]");
	int write = writes(in->tape, tape_item(in->tape, micro, 0));

	if (write < 0)
		return model_refuse(in, "a micro-operation is [\"r\", key, value] or [\"w\", key, value]");
	if (!write && !known)
		return 0;
	return put(in, one, write == 1, tape_item(in->tape, micro, 1), micro.count == 3 ? tape_item(in->tape, micro, 2) : tape_nil());
}

/* A map of keys to values, or micro-operations. */
static int
translate(struct model_input *in, const struct model_deed *d)
{
	bool known = d->outcome == TAPE_OK;
	struct tape_value v = known && d->has_result ? d->result : d->call;
	struct calls_one one = model_call(d);
	int rc = 0;

	one.looks = true;
	one.list_at = (uint32_t)in->calls->list_count;
	if (v.type == TAPE_NIL && d->kind == MANY_READ && !known)
		return 0;
	if (v.type == TAPE_MAP && d->kind != MANY_TXN) {
		for (uint32_t i = 0; rc == 0 && i < v.count; i++)
			if (known || d->kind == MANY_WRITE)
				rc = put(in, &one, d->kind == MANY_WRITE, tape_pair(in->tape, v, i)[0], tape_pair(in->tape, v, i)[1]);
	} else if (tape_is_list(v)) {
		for (uint32_t i = 0; rc == 0 && i < v.count; i++)
			rc = put_micro(in, &one, tape_item(in->tape, v, i), known);
	} else {
		return model_refuse(in, "a transaction is a list of micro-operations [\"r\" or \"w\", key, value], or a map of keys to values");
	}
	if (rc != 0 || one.list_count == 0 || (one.looks && !known))
		return rc;
	one.kind = MANY_TXN;
	one.group = one.looks ? CALLS_ALONE(d->id) : CALLS_NONE;
	return calls_add(in->calls, &one);
}

bool
model_many_get(const struct tape *t, const struct model_deed *d, uint32_t i, struct model_many_micro *ret)
{
	struct tape_value v = d->outcome == TAPE_OK && d->has_result ? d->result : d->call, micro;

	if (v.type == TAPE_MAP && i < v.count && d->kind != MANY_TXN) {
		*ret = (struct model_many_micro){ d->kind == MANY_WRITE, tape_pair(t, v, i)[0], tape_pair(t, v, i)[1] };
		return true;
	}
	if (!tape_is_list(v) || i >= v.count)
		return false;
	micro = tape_item(t, v, i);
	if (!tape_is_list(micro) || micro.count < 2 || micro.count > 3)
		return false;
	int write = writes(t, tape_item(t, micro, 0));

	*ret = (struct model_many_micro){ write == 1, tape_item(t, micro, 1), micro.count == 3 ? tape_item(t, micro, 2) : tape_nil() };
	return write >= 0;
}

/* The state: pairs of key and value in order of keys, without those that are nil. */
static uint32_t
find(const int64_t *row, uint32_t n, int64_t key)
{
	uint32_t i = 0;

	while (i < n && row[i] < key)
		i += 2;
	return i;
}

static void
set(struct frontier_row *out, int64_t key, int64_t value)
{
	uint32_t i = find(out->at, out->count, key);
	bool there = i < out->count && out->at[i] == key;

	if (there && value == 0) {
		memmove(out->at + i, out->at + i + 2, (out->count - i - 2) * sizeof(out->at[0]));
		out->count -= 2;
		return;
	}
	if (!there && value == 0)
		return;
	if (!there) {
		memmove(out->at + i + 2, out->at + i, (out->count - i) * sizeof(out->at[0]));
		out->count += 2;
	}
	out->at[i] = key;
	out->at[i + 1] = value;
}

static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	const int64_t *list = all->lists + c->list_at;

	(void)self;
	if (!frontier_room(out, n + c->list_count + 2))
		return -ENOMEM;
	if (n > 0)
		memcpy(out->at, state, n * sizeof(state[0]));
	out->count = n;
	for (uint32_t k = 0; k < c->list_count; k += 3) {
		if (list[k] != 0) {
			set(out, list[k + 1], list[k + 2]);
			continue;
		}
		uint32_t i = find(out->at, out->count, list[k + 1]);

		if ((i < out->count && out->at[i] == list[k + 1] ? out->at[i + 1] : 0) != list[k + 2])
			return 0;
	}
	return 1;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	(void)self;
	(void)buf_putc(out, '{');
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		(void)buf_puts(out, i > 0 ? ", " : "");
		model_put_value(values, state[i], 40, out);
		(void)buf_puts(out, ": ");
		model_put_value(values, state[i + 1], 40, out);
	}
	(void)buf_putc(out, '}');
}

const struct model model_many_register = {
	.name = "multi-register", .is = "linearizable multi-register",
	.help = "registers read and written together: txn [[\"r\", key, value], [\"w\", key, value]]", .words = words, .split = MODEL_WHOLE,
	.translate = translate, .step = step, .describe = describe,
};
