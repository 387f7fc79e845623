/* SPDX-License-Identifier: MIT */
/* tape_register.c - see tape_register.h. */
#include "audit/tape_register.h"

#include "audit/model_register.h"
#include "audit/register.h"
#include "audit/tape_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SHOWN 200
#define KEY_SHOWN 200
#define HISTORY_BYTES_MAX ((size_t)64 << 30)

struct bridge {
	struct deeds *deeds;
	const struct tape *tape;
	struct history history;
	uint32_t *op_of;                /* operation of the history -> of the tape */
};

static int
refuse(struct bridge *b, const struct tape_op *op, const char *why)
{
	b->deeds->line = op->line;
	snprintf(b->deeds->error, sizeof(b->deeds->error), "%s", why);
	return -EINVAL;
}

/*
 * A value as registers have it: nil, a number or a text. Everything else, and long texts, become texts that no other value can
 * be: the number of the value's text, or its form as JSON with a mark before it.
 */
static int
value_of(struct bridge *b, struct tape_value v, struct history_value *ret)
{
	struct buf text;
	int rc;

	if (v.type == TAPE_NIL || v.type == TAPE_INT) {
		*ret = v.type == TAPE_NIL || (v.i == 0 && b->history.zero) ? history_nil() : history_int(v.i);
		return 0;
	}
	if (v.type == TAPE_TEXT) {
		const char *p = tape_chars(b->tape, (uint32_t)v.text);
		size_t n = tape_chars_bytes(b->tape, (uint32_t)v.text);

		if (n < TEXT_SHOWN && memchr(p, '\0', n) == NULL && (n == 0 || p[0] != HISTORY_TEXT_MARK))
			return history_intern(&b->history, p, ret);
	}
	buf_init(&text, 4096);
	if (v.type == TAPE_TEXT) {
		(void)buf_printf(&text, "%c%" PRIu64 ":\"%.60s%s\"", HISTORY_TEXT_MARK, v.text, tape_chars(b->tape, (uint32_t)v.text),
				 tape_chars_bytes(b->tape, (uint32_t)v.text) > 60 ? "..." : "");
	} else {
		(void)buf_printf(&text, "%c#%016" PRIx64 ":", HISTORY_TEXT_MARK, tape_value_hash(b->tape, v));
		tape_value_put(b->tape, v, 2000, &text);
	}
	rc = text.overflowed ? -ENOBUFS : history_intern(&b->history, buf_str(&text), ret);
	buf_fini(&text);
	return rc;
}

/* What was asked. */
static int
take_call(struct bridge *b, const struct model_deed *d, struct history_op *op)
{
	int rc = 0;

	if (d->kind == MODEL_REGISTER_CAS) {
		if (!tape_is_list(d->call) || d->call.count != 2)
			return refuse(b, d->op, "a cas needs its value as [expected, new]");
		rc = value_of(b, tape_item(b->tape, d->call, 0), &op->expect);
		if (rc == 0)
			rc = value_of(b, tape_item(b->tape, d->call, 1), &op->value);
	} else if (d->kind == MODEL_REGISTER_WRITE) {
		rc = value_of(b, d->call, &op->value);
	}
	return rc;
}

/* What came back. */
static int
take_result(struct bridge *b, const struct model_deed *d, struct history_op *op)
{
	if (d->outcome != TAPE_OK)
		return 0;
	if (d->kind == MODEL_REGISTER_READ)
		return d->has_result ? value_of(b, d->result, &op->value) :
			refuse(b, d->op, "a completed read needs the value it returned (null when there was none)");
	if (d->has_result && d->kind != MODEL_REGISTER_DELETE && d->result.type != TAPE_NIL && d->result.type != TAPE_BOOL &&
	    !tape_value_same(b->tape, d->call, d->result))
		return refuse(b, d->op, "it completes with another value than it was invoked with");
	return 0;
}

static int
add_op(struct bridge *b, uint32_t i, uint32_t key)
{
	static const enum history_f f_of[] = { [MODEL_REGISTER_READ] = HISTORY_READ, [MODEL_REGISTER_WRITE] = HISTORY_WRITE,
		[MODEL_REGISTER_CAS] = HISTORY_CAS, [MODEL_REGISTER_DELETE] = HISTORY_WRITE };
	struct model_deed d;
	int rc = deeds_get(b->deeds, i, &d);

	if (rc != 0)
		return rc;
	struct history_op op = { .key = key, .invoke_pos = d.op->invoke_pos, .complete_pos = d.op->complete_pos, .process = d.op->process,
		.invoke_ns = d.op->invoke_ns, .complete_ns = d.op->complete_ns, .f = f_of[d.kind], .outcome = (enum history_outcome)d.outcome,
		.mismatch = d.kind == MODEL_REGISTER_CAS && model_register_mismatch(b->tape, d.op),
		.error = d.op->error == TAPE_NONE ? NULL : tape_chars(b->tape, d.op->error) };

	rc = take_call(b, &d, &op);
	if (rc == 0)
		rc = take_result(b, &d, &op);
	return rc != 0 ? rc : history_add(&b->history, &op);
}

/* Keys by name. No two are the same: where a text is what another value would be called, or is long, its number is added. */
static void
key_name(const struct bridge *b, uint32_t object, struct buf *out)
{
	const struct deeds_object *o = &b->deeds->objects[object];

	buf_clear(out);
	if (!o->has_key) {
		(void)buf_puts(out, "register");
		return;
	}
	tape_value_put_plain(b->tape, o->key, KEY_SHOWN, out);
	bool text = o->key.type == TAPE_TEXT, number = o->key.type == TAPE_INT;

	if ((!text && tape_find(b->tape, buf_str(out)) != TAPE_NONE) || (!text && !number) || buf_len(out) >= KEY_SHOWN)
		(void)buf_printf(out, " #%" PRIu32, object);
}

/* The operations of the objects in order of invocation, each with the key of its object. */
static int
fill(struct bridge *b)
{
	uint32_t *key_of = malloc(((size_t)b->tape->count + 1) * sizeof(key_of[0]));
	struct buf name;
	int rc;

	b->op_of = malloc(((size_t)b->tape->count + 1) * sizeof(b->op_of[0]));
	rc = key_of == NULL || b->op_of == NULL ? -ENOMEM : 0;
	if (rc == 0)
		memset(key_of, 0xff, (size_t)b->tape->count * sizeof(key_of[0]));

	buf_init(&name, 4096);
	for (uint32_t k = 0; rc == 0 && k < b->deeds->object_count; k++) {
		const struct deeds_object *o = &b->deeds->objects[k];
		uint32_t key = 0;

		key_name(b, k, &name);
		rc = history_add_key(&b->history, buf_str(&name), &key);
		for (uint32_t i = 0; i < o->count; i++)
			key_of[b->deeds->list[o->from + i]] = key;
	}
	for (uint32_t i = 0; rc == 0 && i < b->tape->count; i++) {
		if (key_of[i] == UINT32_MAX)
			continue;
		b->op_of[b->history.count] = i;
		rc = add_op(b, i, key_of[i]);
	}
	buf_fini(&name);
	free(key_of);
	return rc == -ENOBUFS || rc == -E2BIG ? -ENOMEM : rc;
}

/* What register.h says. */
static int
take_evidence(const struct bridge *b, const struct verdict_evidence *from, struct ruling *r)
{
	struct ruling_evidence *e = &r->evidence[r->evidence_count];
	uint32_t *ops = arena_alloc(&r->mem, ((size_t)from->op_count + 1) * sizeof(ops[0]));
	uint32_t *prefix = arena_alloc(&r->mem, ((size_t)from->prefix_count + 1) * sizeof(prefix[0]));

	if (ops == NULL || prefix == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->op_count; i++)
		ops[i] = b->op_of[from->ops[i].index];
	for (uint32_t i = 0; i < from->prefix_count; i++)
		prefix[i] = b->op_of[from->prefix[i]];
	*e = (struct ruling_evidence){ .say = arena_strdup(&r->mem, from->say), .ops = ops, .op_count = from->op_count,
		.culprit = from->culprit, .minimal = from->minimal, .prefix = prefix, .prefix_count = from->prefix_count,
		.prefix_total = from->prefix_total };
	if (e->say == NULL)
		return -ENOMEM;
	if (b->deeds->object_count > 0 && b->deeds->objects[0].has_key)
		e->key = arena_strdup(&r->mem, from->key);
	r->evidence_count++;
	return 0;
}

static int
take_outcome(const struct bridge *b, const struct verdict_outcome *o, struct ruling *r)
{
	int rc = 0;

	r->verdict = o->verdict;
	r->reason = arena_strdup(&r->mem, o->reason);
	r->unknown = o->unknown == NULL ? NULL : arena_strdup(&r->mem, o->unknown);
	r->keys = o->keys;
	r->keys_invalid = o->keys_invalid;
	r->keys_unknown = o->keys_unknown;
	r->ops = o->ops;
	r->configs = o->configs;
	for (uint32_t i = 0; i < b->history.count; i++)
		r->unknown_ops += b->history.ops[i].outcome == HISTORY_INFO;
	for (uint32_t i = 0; rc == 0 && i < o->evidence_count; i++)
		rc = take_evidence(b, &o->evidence[i], r);
	return r->reason == NULL ? -ENOMEM : rc;
}

int
tape_register_check(struct deeds *d, const struct checker_options *opt, struct ruling *ret)
{
	struct register_options options = { .configs_max = opt->configs_max, .memory_bytes_max = opt->memory_bytes_max,
		.minimise_configs_max = opt->minimise_configs_max };
	struct bridge b = { .deeds = d, .tape = d->tape };
	struct verdict_outcome outcome;

	history_init(&b.history, HISTORY_BYTES_MAX);
	b.history.zero = d->zero;
	int rc = fill(&b);

	if (rc == 0)
		rc = register_check(&b.history, &options, &outcome);
	if (rc == 0) {
		rc = take_outcome(&b, &outcome, ret);
		verdict_fini(&outcome);
	}
	history_fini(&b.history);
	free(b.op_of);
	return rc;
}
