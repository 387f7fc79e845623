/* SPDX-License-Identifier: MIT */
/* keyhist.c - see keyhist.h. */
#include "audit/keyhist.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 64           /* of the search for optional operations that matter; then all do */

void
keyhist_fini(struct keyhist *k)
{
	if (k == NULL)
		return;
	free(k->ops);
	free(k->events);
	free(k->values);
	*k = (struct keyhist){ 0 };
}

size_t
keyhist_bytes(const struct keyhist *k)
{
	return k->op_count * (sizeof(k->ops[0]) + 2 * sizeof(k->events[0]) + 2 * sizeof(k->values[0]));
}

static int
compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Numbers for values, as they are met: open addressing; index has a number + 1, 0 is a free place. */
struct numbers {
	struct keyhist *k;
	uint32_t *index;
	size_t mask;
};

static uint32_t
value_number(const struct numbers *n, struct history_value v)
{
	uint64_t hash = ((uint64_t)v.i * 4 + (uint64_t)v.type) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (hash ^ hash >> 32) & n->mask;

	while (n->index[i] != 0 && !history_same(n->k->values[n->index[i] - 1], v))
		i = (i + 1) & n->mask;
	if (n->index[i] == 0) {
		n->k->values[n->k->value_count++] = v;
		n->index[i] = n->k->value_count;
	}
	return n->index[i] - 1;
}

/* Room for the values of n operations; nil is number 0. */
static int
numbers_init(struct numbers *ret, struct keyhist *k, uint32_t n)
{
	size_t places = 16;

	while (places < ((size_t)n * 2 + 1) * 2)
		places *= 2;
	*ret = (struct numbers){ .k = k, .index = calloc(places, sizeof(ret->index[0])), .mask = places - 1 };
	k->values = malloc(((size_t)n * 2 + 1) * sizeof(k->values[0]));
	if (ret->index == NULL || k->values == NULL)
		return -ENOMEM;
	(void)value_number(ret, history_nil());
	return 0;
}

/* Translate one operation. false: it can change no verdict. */
static bool
translate(const struct numbers *n, const struct history_op *op, bool weak, struct keyhist_op *ret)
{
	bool required = op->outcome == HISTORY_OK || op->mismatch;

	if (op->outcome == HISTORY_FAIL && !op->mismatch)
		return false;
	if (op->f == HISTORY_READ && !required)
		return false;
	if (op->mismatch && weak)
		return false;
	*ret = (struct keyhist_op){
		.id = op->index, .inv = op->invoke_pos, .ret = required ? op->complete_pos : KEYHIST_NEVER,
		.value = value_number(n, op->value), .expect = value_number(n, op->expect), .twin = KEYHIST_NONE,
	};
	if (op->f == HISTORY_READ) {
		ret->kind = KEYHIST_READ;
		ret->expect = ret->value;
	} else {
		ret->kind = op->mismatch ? KEYHIST_REFUSED : op->f == HISTORY_CAS && !weak ? KEYHIST_CAS : KEYHIST_WRITE;
	}
	return true;
}

/*
 * When is each value last seen by somebody for certain? An optional cas sees its expected value only as long as what it sets
 * can matter, so this is the least fixed point over chains of optional operations; most histories have none.
 */
static int
expire_optional(struct keyhist *k)
{
	uint32_t refused = 0, rounds = 0;
	bool changed = true;
	uint32_t *seen = calloc(k->value_count, sizeof(seen[0]));

	if (seen == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < k->op_count; i++) {
		const struct keyhist_op *o = &k->ops[i];

		if (o->kind == KEYHIST_REFUSED)
			refused = FL_MAX(refused, o->ret);
		else if (keyhist_required(o) && o->kind != KEYHIST_WRITE)
			seen[o->expect] = FL_MAX(seen[o->expect], o->ret);
	}
	k->has_refused = refused > 0;
	while (changed) {
		changed = false;
		for (uint32_t i = k->op_count; i-- > 0;) {
			struct keyhist_op *o = &k->ops[i];

			if (keyhist_required(o))
				continue;
			o->expire = rounds == ROUNDS_MAX ? KEYHIST_NEVER - 1 : FL_MAX(seen[o->value], refused);
			if (o->kind == KEYHIST_CAS && o->expire > o->inv && o->expire > seen[o->expect] && rounds < ROUNDS_MAX) {
				seen[o->expect] = o->expire;
				changed = true;
			}
		}
		rounds++;
	}
	free(seen);
	return 0;
}

/* Drop the optional operations that cannot matter. */
static void
drop_useless(struct keyhist *k)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->op_count; i++)
		if (keyhist_required(&k->ops[i]) || k->ops[i].expire > k->ops[i].inv)
			k->ops[n++] = k->ops[i];
	k->op_count = n;
}

/* Each event to the place of its position, where positions are dense; then the free places go. */
static bool
place_events(struct keyhist *k)
{
	uint32_t min = k->op_count > 0 ? k->ops[0].inv : 0, max = min, n = 0;
	size_t room;

	for (uint32_t i = 0; i < k->op_count; i++)
		max = FL_MAX(max, keyhist_required(&k->ops[i]) ? k->ops[i].ret : k->ops[i].inv);
	room = (size_t)max - min + 1;
	if (room > (size_t)k->op_count * 6)
		return false;
	uint64_t *places = malloc(room * sizeof(places[0]));

	if (places == NULL)
		return false;
	memset(places, 0xff, room * sizeof(places[0]));
	for (uint32_t i = 0; i < k->op_count; i++) {
		const struct keyhist_op *o = &k->ops[i];

		places[o->inv - min] = (uint64_t)o->inv << 32 | (uint64_t)i << 1;
		if (keyhist_required(o))
			places[o->ret - min] = (uint64_t)o->ret << 32 | (uint64_t)i << 1 | 1;
	}
	for (size_t i = 0; i < room; i++)
		if (places[i] != UINT64_MAX)
			k->events[n++] = places[i];
	k->event_count = n;
	free(places);
	return true;
}

static int
order_events(struct keyhist *k)
{
	k->events = malloc(((size_t)k->op_count * 2 + 1) * sizeof(k->events[0]));
	if (k->events == NULL)
		return -ENOMEM;
	if (place_events(k))
		return 0;
	for (uint32_t i = 0; i < k->op_count; i++) {
		const struct keyhist_op *o = &k->ops[i];

		k->events[k->event_count++] = (uint64_t)o->inv << 32 | (uint64_t)i << 1;
		if (keyhist_required(o))
			k->events[k->event_count++] = (uint64_t)o->ret << 32 | (uint64_t)i << 1 | 1;
	}
	qsort(k->events, k->event_count, sizeof(k->events[0]), compare_u64);
	return 0;
}

/* Free slots as a stack; a fresh number when it is empty. */
struct slots {
	uint32_t *free_list;
	uint32_t free_count, used;
};

static uint32_t
slot_take(struct slots *s)
{
	return s->free_count > 0 ? s->free_list[--s->free_count] : s->used++;
}

/* Do two optional operations have the same effect? What nobody looks for is all the same. */
static bool
same_effect(const struct keyhist_op *a, const struct keyhist_op *b, const bool *wanted)
{
	return a->kind == b->kind && (a->value == b->value || (!wanted[a->value] && !wanted[b->value])) &&
	       (a->kind == KEYHIST_WRITE || a->expect == b->expect);
}

/* (3): walk through the events handing out slots. alive lists the optional ones that have a slot. */
static void
walk_slots(struct keyhist *k, const bool *wanted, struct slots *required, struct slots *optional, uint32_t *alive)
{
	uint32_t alive_count = 0;

	for (uint32_t e = 0; e < k->event_count; e++) {
		struct keyhist_op *o = &k->ops[(uint32_t)k->events[e] >> 1];
		uint32_t pos = (uint32_t)(k->events[e] >> 32), kept = 0;

		if ((k->events[e] & 1) == 0) {
			o->slot = slot_take(keyhist_required(o) ? required : optional);
			for (uint32_t a = alive_count; !keyhist_required(o) && o->twin == KEYHIST_NONE && a-- > 0;)
				if (same_effect(&k->ops[alive[a]], o, wanted))
					o->twin = alive[a];
			if (!keyhist_required(o))
				alive[alive_count++] = (uint32_t)(o - k->ops);
			continue;
		}
		required->free_list[required->free_count++] = o->slot;
		/* As the search does: at a return, those that expired before it go. */
		for (uint32_t a = 0; a < alive_count; a++) {
			if (k->ops[alive[a]].expire < pos)
				optional->free_list[optional->free_count++] = k->ops[alive[a]].slot;
			else
				alive[kept++] = alive[a];
		}
		alive_count = kept;
	}
}

static int
assign_slots(struct keyhist *k)
{
	uint32_t *mem = malloc(((size_t)k->op_count * 3 + 1) * sizeof(mem[0]));
	bool *wanted = calloc(k->value_count, sizeof(wanted[0]));
	int rc = -ENOMEM;

	if (mem != NULL && wanted != NULL) {
		struct slots required = { .free_list = mem }, optional = { .free_list = mem + k->op_count };

		for (uint32_t i = 0; i < k->op_count; i++)
			if (k->ops[i].kind != KEYHIST_WRITE)
				wanted[k->ops[i].expect] = true;
		walk_slots(k, wanted, &required, &optional, mem + (size_t)k->op_count * 2);
		k->required_slots = required.used;
		k->optional_slots = optional.used;
		rc = 0;
	}
	free(mem);
	free(wanted);
	return rc;
}

int
keyhist_build(const struct history *h, const uint32_t *list, uint32_t n, struct keyhist *ret)
{
	struct keyhist k = { 0 };
	struct numbers numbers;
	int rc = numbers_init(&numbers, &k, n);

	if (rc != 0)
		goto fail;
	rc = -ENOMEM;
	k.ops = malloc(((size_t)n + 1) * sizeof(k.ops[0]));
	if (k.ops == NULL)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		fl_assert(i == 0 || (list[i] & ~KEYHIST_WEAK) > (list[i - 1] & ~KEYHIST_WEAK));
		if (translate(&numbers, &h->ops[list[i] & ~KEYHIST_WEAK], (list[i] & KEYHIST_WEAK) != 0, &k.ops[k.op_count]))
			k.op_count++;
	}
	if (expire_optional(&k) != 0)
		goto fail;
	drop_useless(&k);
	if (order_events(&k) != 0 || assign_slots(&k) != 0)
		goto fail;
	free(numbers.index);
	*ret = k;
	return 0;
fail:
	free(numbers.index);
	keyhist_fini(&k);
	return rc;
}
