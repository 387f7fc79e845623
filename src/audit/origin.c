/* SPDX-License-Identifier: MIT */
/* origin.c - see origin.h. */
#include "audit/origin.h"

#include "audit/model_many.h"
#include "audit/model_register.h"

#include <errno.h>
#include <stdlib.h>

#define NEVER UINT32_MAX
#define EARLY_MIN 2

struct origin {
	struct deeds *deeds;
	struct values keys;             /* numbers of keys */
	uint32_t *first;                /* by number of key: where somebody first called to put a 0; NEVER */
	uint32_t cap;
	bool nil, zero;                 /* seen */
	uint32_t early;                 /* operations that saw a 0 before that */
	uint32_t last;                  /* of them, its pos */
	enum { ORIGIN_LOOK, ORIGIN_FIRST, ORIGIN_EARLY } pass;
};

static int
number(struct origin *o, struct tape_value key, uint32_t *ret)
{
	if (values_number(&o->keys, key, ret) != 0)
		return -ENOMEM;
	if (*ret < o->cap)
		return 0;
	uint32_t cap = FL_MAX(2 * o->cap, *ret + 64), *more = realloc(o->first, (size_t)cap * sizeof(more[0]));

	if (more == NULL)
		return -ENOMEM;
	o->first = more;
	for (; o->cap < cap; o->cap++)
		more[o->cap] = NEVER;
	return 0;
}

/* The value was put there (or was to be) by an operation that was called at pos, or seen by one that was over at pos. */
static int
note(struct origin *o, struct tape_value key, struct tape_value value, bool put, uint32_t pos)
{
	bool zero = value.type == TAPE_INT && value.i == 0;
	uint32_t k;

	if (o->pass == ORIGIN_LOOK) {
		o->nil |= value.type == TAPE_NIL;
		o->zero |= zero && !put;
		return 0;
	}
	if (!zero || put != (o->pass == ORIGIN_FIRST))
		return 0;
	if (number(o, key, &k) != 0)
		return -ENOMEM;
	if (put) {
		o->first[k] = FL_MIN(o->first[k], pos);
	} else if (pos < o->first[k] && (o->early == 0 || o->last != pos)) {
		o->early++;
		o->last = pos;
	}
	return 0;
}

static int
note_register(struct origin *o, struct tape_value key, const struct model_deed *d)
{
	const struct tape_op *op = d->op;
	bool ok = d->outcome == TAPE_OK;
	int rc = 0;

	switch (d->kind) {
	case MODEL_REGISTER_READ:
		return ok && d->has_result ? note(o, key, d->result, false, op->complete_pos) : 0;
	case MODEL_REGISTER_WRITE:
		return note(o, key, d->call, true, op->invoke_pos);
	case MODEL_REGISTER_CAS:
		if (!tape_is_list(d->call) || d->call.count != 2)
			return 0;
		if (ok)
			rc = note(o, key, tape_item(o->deeds->tape, d->call, 0), false, op->complete_pos);
		return rc != 0 ? rc : note(o, key, tape_item(o->deeds->tape, d->call, 1), true, op->invoke_pos);
	default:
		o->nil = true;
		return 0;
	}
}

static int
note_many(struct origin *o, const struct model_deed *d)
{
	struct model_many_micro m;
	bool ok = d->outcome == TAPE_OK;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && model_many_get(o->deeds->tape, d, i, &m); i++)
		if (m.write || ok)
			rc = note(o, m.key, m.value, m.write, m.write ? d->op->invoke_pos : d->op->complete_pos);
	return rc;
}

/* Nothing behind this operation of the object, which is the only one of its key, can matter in this pass. */
static bool
is_settled(const struct origin *o, struct tape_value key, const struct tape_op *op)
{
	uint32_t k;

	if (o->pass == ORIGIN_LOOK || !values_find(&o->keys, key, &k) || k >= o->cap)
		return false;
	return o->first[k] < op->invoke_pos;
}

static int
walk(struct origin *o, bool many)
{
	struct deeds *d = o->deeds;
	struct model_deed deed;
	int rc = 0;

	for (uint32_t k = 0; rc == 0 && k < d->object_count && !o->nil && o->early < EARLY_MIN; k++) {
		const struct deeds_object *object = &d->objects[k];

		for (uint32_t i = 0; rc == 0 && i < object->count && !o->nil; i++) {
			if (!many && is_settled(o, object->key, &d->tape->ops[d->list[object->from + i]]))
				break;
			if (deeds_get(d, d->list[object->from + i], &deed) == 0)
				rc = many ? note_many(o, &deed) : note_register(o, object->key, &deed);
		}
	}
	return rc;
}

bool
origin_is_of(const struct model *m)
{
	return m == &model_many_register || m == &model_register_plain || m == &model_register_cas;
}

int
origin_is_zero(struct deeds *d, bool *ret)
{
	bool many = d->model == &model_many_register;
	struct origin o = { .deeds = d };
	int rc = 0;

	if (!origin_is_of(d->model)) {
		*ret = false;
		return 0;
	}
	rc = walk(&o, many);
	if (rc == 0 && o.zero && !o.nil) {
		rc = values_init(&o.keys, d->tape);
		for (o.pass = ORIGIN_FIRST; rc == 0 && o.pass <= ORIGIN_EARLY; o.pass++)
			rc = walk(&o, many);
	}
	if (rc == 0)
		*ret = o.early >= EARLY_MIN;
	free(o.first);
	values_fini(&o.keys);
	return rc;
}
