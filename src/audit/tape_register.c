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
#define HISTORY_BYTES_MAX ((size_t)64 << 30)

struct bridge {
	struct deeds *deeds;
	const struct tape *tape;
	struct history history;
	uint32_t *op_of;                /* of the history -> of the tape */
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
		*ret = v.type == TAPE_NIL ? history_nil() : history_int(v.i);
		return 0;
	}
	if (v.type == TAPE_TEXT) {
		const char *p = tape_chars(b->tape, (uint32_t)v.text);
		size_t n = tape_chars_bytes(b->tape, (uint32_t)v.text);

		if (n < TEXT_SHOWN && memchr(p, '\0', n) == NULL && (n == 0 || p[0] != '\x01'))
			return history_intern(&b->history, p, ret);
	}
	buf_init(&text, 4096);
	if (v.type == TAPE_TEXT) {
		(void)buf_printf(&text, "\x01%" PRIu64 ":%.60s", v.text, tape_chars(b->tape, (uint32_t)v.text));
	} else {
		(void)buf_printf(&text, "\x01#%016" PRIx64 ":", tape_value_hash(b->tape, v));
		tape_value_put(b->tape, v, 2000, &text);
	}
	rc = text.overflowed ? -ENOBUFS : history_intern(&b->history, buf_str(&text), ret);
	buf_fini(&text);
	return rc;
}

static int
add_invoke(struct bridge *b, const struct model_deed *d, const char *key)
{
	static const enum history_f f_of[] = { [MODEL_REGISTER_READ] = HISTORY_READ, [MODEL_REGISTER_WRITE] = HISTORY_WRITE,
		[MODEL_REGISTER_CAS] = HISTORY_CAS, [MODEL_REGISTER_DELETE] = HISTORY_WRITE };
	struct history_call call = { .process = d->id, .f = f_of[d->kind], .key = key, .at = d->op->invoke_ns };
	uint32_t index;
	int rc = 0;

	if (d->kind == MODEL_REGISTER_CAS) {
		if (!tape_is_list(d->call) || d->call.count != 2)
			return refuse(b, d->op, "a cas needs its value as [expected, new]");
		rc = value_of(b, tape_item(b->tape, d->call, 0), &call.expect);
		if (rc == 0)
			rc = value_of(b, tape_item(b->tape, d->call, 1), &call.value);
	} else if (d->kind == MODEL_REGISTER_WRITE) {
		rc = value_of(b, d->call, &call.value);
	}
	if (rc == 0)
		rc = history_invoke(&b->history, &call, &index);
	if (rc == 0)
		b->op_of[index] = d->id;
	return rc;
}

static int
add_complete(struct bridge *b, const struct model_deed *d)
{
	struct history_answer answer = { .outcome = (enum history_outcome)d->outcome, .at = d->op->complete_ns,
		.mismatch = model_register_mismatch(b->tape, d->op) };
	uint32_t index;
	int rc = 0;

	if (d->kind == MODEL_REGISTER_READ && d->outcome == TAPE_OK) {
		if (!d->has_result)
			return refuse(b, d->op, "a completed read needs the value it returned (null when there was none)");
		rc = value_of(b, d->result, &answer.value);
	} else if (d->outcome == TAPE_OK && d->has_result && d->kind != MODEL_REGISTER_DELETE && d->result.type != TAPE_NIL &&
		   d->result.type != TAPE_BOOL && !tape_value_same(b->tape, d->call, d->result)) {
		return refuse(b, d->op, "it completes with another value than it was invoked with");
	}
	if (rc != 0 || !history_open(&b->history, d->id, &index))
		return rc != 0 ? rc : -EINVAL;
	return history_complete(&b->history, index, &answer);
}

struct event {
	uint32_t pos, op, object;
	bool complete;
};

/* The events of all operations in order of position: positions are dense, so each has its place. */
static struct event *
order_events(const struct bridge *b)
{
	struct event *events = calloc((size_t)b->tape->pos + 1, sizeof(events[0]));

	for (uint32_t k = 0; events != NULL && k < b->deeds->object_count; k++)
		for (uint32_t i = 0; i < b->deeds->objects[k].count; i++) {
			uint32_t op = b->deeds->list[b->deeds->objects[k].from + i];
			const struct tape_op *o = &b->tape->ops[op];

			events[o->invoke_pos] = (struct event){ o->invoke_pos, op, k, false };
			if (o->complete_pos != TAPE_POS_NEVER)
				events[o->complete_pos] = (struct event){ o->complete_pos, op, k, true };
		}
	return events;
}

/* Keys by name: the number of the object before it, so that no two are the same. */
static void
key_name(const struct bridge *b, uint32_t object, struct buf *out)
{
	buf_clear(out);
	(void)buf_printf(out, "%" PRIu32 ":", object);
	tape_value_put_plain(b->tape, b->deeds->objects[object].key, 200, out);
}

static int
fill(struct bridge *b)
{
	struct event *events = order_events(b);
	struct buf key;
	int rc = events == NULL ? -ENOMEM : 0;

	buf_init(&key, 4096);
	for (uint32_t i = 0; rc == 0 && i < b->tape->pos; i++) {
		struct model_deed d;

		rc = deeds_get(b->deeds, events[i].op, &d);
		if (rc != 0)
			break;
		if (!events[i].complete)
			key_name(b, events[i].object, &key);
		rc = events[i].complete ? add_complete(b, &d) : add_invoke(b, &d, buf_str(&key));
	}
	buf_fini(&key);
	free(events);
	return rc == -ENOBUFS || rc == -E2BIG ? -ENOMEM : rc;
}

/* What register.h says, of the operations of the tape. */
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
	const char *key = strchr(from->key, ':');

	if (e->say == NULL)
		return -ENOMEM;
	if (b->deeds->object_count > 0 && b->deeds->objects[0].has_key)
		e->key = arena_strdup(&r->mem, key == NULL ? from->key : key + 1);
	r->evidence_count++;
	return 0;
}

static int
take_outcome(const struct bridge *b, const struct verdict_outcome *o, struct ruling *r)
{
	int rc = 0;

	r->verdict = o->verdict;
	r->reason = arena_strdup(&r->mem, o->reason);
	r->keys = o->keys;
	r->keys_invalid = o->keys_invalid;
	r->keys_unknown = o->keys_unknown;
	r->ops = o->ops;
	r->configs = o->configs;
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
	b.op_of = malloc(((size_t)d->tape->count + 1) * sizeof(b.op_of[0]));
	int rc = b.op_of == NULL ? -ENOMEM : fill(&b);

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
