/* SPDX-License-Identifier: MIT */
/* deeds.c - see deeds.h. */
#include "audit/deeds.h"

#include "audit/tape_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int __attribute__((format(printf, 3, 4)))
refuse(struct deeds *d, uint32_t line, const char *format, ...)
{
	va_list ap;

	d->line = line;
	va_start(ap, format);
	vsnprintf(d->error, sizeof(d->error), format, ap);
	va_end(ap);
	return -EINVAL;
}

/* Words are the same whatever their case, and with - or _ or nothing between their parts. */
static bool
same_word(const char *a, const char *b)
{
	for (;;) {
		while (*a == '-' || *a == '_')
			a++;
		while (*b == '-' || *b == '_')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

/* The words of the model, for people. */
static void
list_words(const struct model *m, char *out, size_t bytes)
{
	size_t used = 0;

	out[0] = '\0';
	for (const struct model_word *w = m->words; w->f != NULL && used < bytes; w++)
		used += (size_t)snprintf(out + used, bytes - used, "%s%s", w == m->words ? "" : ", ", w->f);
}

static int
kind_of(struct deeds *d, const struct tape_op *op, uint16_t *ret)
{
	for (uint32_t i = 0; i < d->f_count; i++)
		if (d->f[i] == op->f) {
			*ret = d->kind[i];
			return 0;
		}
	if (d->model->words == NULL) {
		*ret = 0;
		return 0;
	}
	for (const struct model_word *w = d->model->words; w->f != NULL; w++) {
		if (!same_word(w->f, tape_chars(d->tape, op->f)))
			continue;
		if (d->f_count < FL_ARRAY_LEN(d->f)) {
			d->f[d->f_count] = op->f;
			d->kind[d->f_count++] = w->kind;
		}
		*ret = w->kind;
		return 0;
	}
	char words[200];

	list_words(d->model, words, sizeof(words));
	return refuse(d, op->line, "the model %s has no operation \"%.64s\"; it has: %s", d->model->name, tape_chars(d->tape, op->f), words);
}

static bool
is_pair(struct tape_value v)
{
	return tape_is_list(v) && v.count == 2;
}

/* Are all values pairs of a key and a value? A cas within such a pair is a pair itself. */
static bool
all_tuples(const struct deeds *d)
{
	for (uint32_t i = 0; i < d->tape->count; i++) {
		const struct tape_op *op = &d->tape->ops[i];

		if (op->has_key || !is_pair(op->call))
			return false;
		if (d->model->registers && same_word("cas", tape_chars(d->tape, op->f)) && !is_pair(tape_item(d->tape, op->call, 1)))
			return false;
	}
	return d->tape->count > 0;
}

/* Stores of texts say "nothing there" as nil or as "". It is "" when no read ever returned nil. */
static bool
says_empty(const struct deeds *d)
{
	for (uint32_t i = 0; i < d->tape->count; i++) {
		const struct tape_op *op = &d->tape->ops[i];
		const char *f = tape_chars(d->tape, op->f);
		struct tape_value v = op->result;

		if (op->outcome != TAPE_OK || !op->has_result || !(same_word(f, "read") || same_word(f, "get") || same_word(f, "r")))
			continue;
		if (d->tuples && is_pair(v))
			v = tape_item(d->tape, v, 1);
		if (v.type == TAPE_NIL)
			return false;
	}
	return true;
}

static struct tape_value
nil_if_empty(const struct deeds *d, struct tape_value v)
{
	return v.type == TAPE_TEXT && tape_chars_bytes(d->tape, (uint32_t)v.text) == 0 ? tape_nil() : v;
}

int
deeds_get(struct deeds *d, uint32_t op, struct model_deed *ret)
{
	const struct tape_op *o = &d->tape->ops[op];
	struct model_deed deed = { .op = o, .id = op, .outcome = (enum tape_outcome)o->outcome, .call = o->call, .has_result = o->has_result,
		.result = o->has_result ? o->result : o->call };
	int rc = kind_of(d, o, &deed.kind);

	if (rc != 0)
		return rc;
	if (d->tuples) {
		deed.call = tape_item(d->tape, o->call, 1);
		if (!o->has_result || o->outcome != TAPE_OK)
			deed.has_result = false;
		else if (!is_pair(o->result) || !tape_value_same(d->tape, tape_item(d->tape, o->result, 0), tape_item(d->tape, o->call, 0)))
			return refuse(d, o->line, "the values of this history are pairs [key, value], but this operation completes with another");
		else
			deed.result = tape_item(d->tape, o->result, 1);
		if (!deed.has_result)
			deed.result = deed.call;
	}
	if (d->empty_is_nil) {
		deed.call = nil_if_empty(d, deed.call);
		deed.result = nil_if_empty(d, deed.result);
	}
	*ret = deed;
	return 0;
}

static struct tape_value
key_of(const struct deeds *d, const struct tape_op *op)
{
	return d->tuples ? tape_item(d->tape, op->call, 0) : op->has_key ? op->key : tape_nil();
}

/* Number the objects; object[i] is that of operation i, counts come to be in objects. */
static int
number_objects(struct deeds *d, struct values *values, uint32_t *object)
{
	uint32_t *by_key = NULL, by_key_cap = 0, number;

	for (uint32_t i = 0; i < d->tape->count; i++) {
		const struct tape_op *op = &d->tape->ops[i];
		struct tape_value key = d->whole ? tape_nil() : key_of(d, op);

		if (values_number(values, key, &number) != 0)
			goto fail;
		if (number >= by_key_cap) {
			uint32_t cap = FL_MAX(2 * by_key_cap, number + 64);
			uint32_t *more = realloc(by_key, (size_t)cap * sizeof(more[0]));

			if (more == NULL)
				goto fail;
			by_key = more;
			memset(by_key + by_key_cap, 0, (size_t)(cap - by_key_cap) * sizeof(by_key[0]));
			by_key_cap = cap;
		}
		if (by_key[number] == 0) {
			struct deeds_object *o = &d->objects[d->object_count];

			*o = (struct deeds_object){ .key = key, .has_key = !d->whole && (d->tuples || op->has_key) };
			by_key[number] = ++d->object_count;
		}
		object[i] = by_key[number] - 1;
		d->objects[object[i]].count++;
	}
	free(by_key);
	return 0;
fail:
	free(by_key);
	return -ENOMEM;
}

int
deeds_init(struct deeds *d, const struct tape *t, const struct model *m, struct values *values, bool whole)
{
	size_t n = (size_t)t->count + 1;
	uint32_t *object = malloc(n * sizeof(object[0])), at = 0;
	int rc = -ENOMEM;

	*d = (struct deeds){ .tape = t, .model = m, .whole = whole || m->split == MODEL_WHOLE };
	d->list = malloc(n * sizeof(d->list[0]));
	d->objects = malloc(n * sizeof(d->objects[0]));
	if (object == NULL || d->list == NULL || d->objects == NULL)
		goto end;
	d->tuples = m->split == MODEL_BY_KEY && all_tuples(d);
	d->empty_is_nil = m->texts && says_empty(d);
	rc = number_objects(d, values, object);
	for (uint32_t k = 0; rc == 0 && k < d->object_count; k++) {
		d->objects[k].from = at;
		at += d->objects[k].count;
		d->objects[k].count = 0;
	}
	for (uint32_t i = 0; rc == 0 && i < t->count; i++) {
		struct deeds_object *o = &d->objects[object[i]];

		d->list[o->from + o->count++] = i;
	}
end:
	free(object);
	return rc;
}

void
deeds_fini(struct deeds *d)
{
	free(d->list);
	free(d->objects);
	d->list = NULL;
	d->objects = NULL;
}
