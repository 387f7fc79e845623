/* SPDX-License-Identifier: MIT */
/* ruling_ends.c - see ruling_ends.h. */
#include "audit/ruling_ends.h"

#include "audit/ends.h"
#include "audit/model_register.h"

#include <errno.h>
#include <string.h>

#define STATE_BYTES_MAX 2048

/* The operations of a contradiction as calls. */
static int
translate(const struct ruling_evidence *e, struct deeds *d, struct values *values, struct calls *calls)
{
	struct model_input in = { .self = d->model->self, .tape = d->tape, .values = values, .calls = calls };
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < e->op_count; i++) {
		struct model_deed deed;

		rc = deeds_get(d, e->ops[i], &deed);
		if (rc == 0 && (deed.outcome != TAPE_FAIL || model_register_mismatch(d->tape, deed.op)))
			rc = d->model->translate(&in, &deed);
	}
	return rc;
}

/* Calls become operations, each once where several calls are one. */
static const uint32_t *
take_ops(struct ruling *r, const struct calls *calls, const uint32_t *list, uint32_t n, uint32_t *ret_count)
{
	uint32_t *ops = arena_alloc(&r->mem, ((size_t)n + 1) * sizeof(ops[0])), count = 0;

	for (uint32_t i = 0; ops != NULL && i < n; i++)
		if (count == 0 || ops[count - 1] != calls->at[list[i]].id)
			ops[count++] = calls->at[list[i]].id;
	*ret_count = count;
	return ops;
}

static int
take_end(struct ruling *r, const struct model *m, const void *self, const struct values *values, const struct calls *calls,
	 const struct ends_one *from, struct ruling_end *ret)
{
	struct buf state;

	ret->order = take_ops(r, calls, from->order, from->order_count, &ret->order_count);
	ret->next = take_ops(r, calls, from->next, from->next_count, &ret->next_count);
	buf_init(&state, STATE_BYTES_MAX);
	if (m->describe != NULL)
		m->describe(self, values, from->state, from->state_count, &state);
	ret->state = arena_strdup(&r->mem, buf_str(&state));
	buf_fini(&state);
	return ret->order == NULL || ret->next == NULL || ret->state == NULL ? -ENOMEM : 0;
}

static int
add_one(struct ruling *r, struct ruling_evidence *e, struct deeds *d, struct values *values, const void *self)
{
	struct calls calls = { 0 };
	struct ends ends = { .count = 0 };
	struct ruling_end *list = NULL;
	int rc = translate(e, d, values, &calls);

	if (rc == 0)
		rc = ends_find(&calls, d->model, self, &ends);
	/* What a monitor shows may leave out what was put there: then nothing fits, and that says nothing. */
	if (rc == 0 && ends.count > 0 && (ends.at[0].order_count > 0 || e->op_count == 1)) {
		list = arena_alloc(&r->mem, ends.count * sizeof(list[0]));
		rc = list == NULL ? -ENOMEM : 0;
	}
	for (uint32_t i = 0; rc == 0 && list != NULL && i < ends.count; i++)
		rc = take_end(r, d->model, self, values, &calls, &ends.at[i], &list[i]);
	if (rc == 0) {
		e->ends = list;
		e->end_count = list == NULL ? 0 : ends.count;
		e->more_ends = list != NULL && ends.more;
	}
	ends_fini(&ends);
	calls_fini(&calls);
	return rc;
}

int
ruling_ends_add(struct ruling *r, struct deeds *d, struct values *values, const void *self)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < r->evidence_count; i++)
		if (r->evidence[i].op_count <= ENDS_CALLS_MAX)
			rc = add_one(r, &r->evidence[i], d, values, self);
	return rc;
}
