/* SPDX-License-Identifier: MIT */
/* history.c - see history.h. */
#include "audit/history.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX (INT32_MAX / 2)         /* positions and indexes fit 31 bits */
#define ENTRY_BYTES 96                  /* what a map entry takes besides its key */

void
history_init(struct history *h, size_t bytes_max)
{
	*h = (struct history){ .bytes_max = bytes_max };
	/* The address is unpredictable enough against keys made to collide, and no result depends on it. */
	uint64_t seed = (uint64_t)(uintptr_t)h;

	map_init(&h->keys, seed, 1);
	map_init(&h->texts, seed, 2);
	map_init(&h->errors, seed, 3);
	map_init(&h->open, seed, 4);
}

void
history_fini(struct history *h)
{
	if (h == NULL)
		return;
	free(h->ops);
	map_fini(&h->keys);
	map_fini(&h->texts);
	map_fini(&h->errors);
	map_fini(&h->open);
	*h = (struct history){ 0 };
}

/* (4): take n bytes out of the allowance. */
static int
spend(struct history *h, size_t n)
{
	if (n > h->bytes_max)
		return -ENOBUFS;
	h->bytes_max -= n;
	return 0;
}

/* The number of a text in a map of texts, given by first appearance. */
static int
intern(struct history *h, struct map *m, const char *text, size_t n, uint32_t *ret_number)
{
	uintptr_t known = (uintptr_t)map_getn(m, text, n);

	if (known != 0) {
		*ret_number = (uint32_t)(known - 1);
		return 0;
	}
	if (spend(h, n + 1 + ENTRY_BYTES) != 0)
		return -ENOBUFS;
	uint32_t number = m->count;
	if (map_putn(m, text, n, (void *)((uintptr_t)number + 1), NULL) != 0) {
		h->bytes_max += n + 1 + ENTRY_BYTES;
		return -ENOBUFS;
	}
	*ret_number = number;
	return 0;
}

static int
grow(struct history *h)
{
	if (h->count < h->cap)
		return 0;
	uint32_t cap = h->cap == 0 ? 64 : h->cap * 2;
	size_t more = (size_t)(cap - h->cap) * sizeof(h->ops[0]);

	if (cap > OPS_MAX || spend(h, more) != 0)
		return -ENOBUFS;
	struct history_op *ops = realloc(h->ops, (size_t)cap * sizeof(ops[0]));
	if (ops == NULL) {
		h->bytes_max += more;
		return -ENOBUFS;
	}
	h->ops = ops;
	h->cap = cap;
	return 0;
}

/* What `open` holds of a process: CLOSED between operations, else the open operation's index + OPEN_BASE. */
#define CLOSED 1u
#define OPEN_BASE 2u

static int
set_open(struct history *h, int64_t process, uint32_t mark)
{
	bool known = map_getn(&h->open, &process, sizeof(process)) != NULL;

	if (!known && spend(h, sizeof(process) + ENTRY_BYTES) != 0)
		return -ENOBUFS;
	if (map_putn(&h->open, &process, sizeof(process), (void *)(uintptr_t)mark, NULL) == 0)
		return 0;
	if (!known)
		h->bytes_max += sizeof(process) + ENTRY_BYTES;
	return -ENOBUFS;
}

bool
history_open(const struct history *h, int64_t process, uint32_t *ret_index)
{
	uintptr_t mark = (uintptr_t)map_getn(&h->open, &process, sizeof(process));

	if (mark < OPEN_BASE)
		return false;
	*ret_index = (uint32_t)(mark - OPEN_BASE);
	return true;
}

int
history_invoke(struct history *h, const struct history_call *call, uint32_t *ret_index)
{
	uint32_t key, other;

	fl_assert(call->key != NULL);
	if (history_open(h, call->process, &other))
		return -EBUSY;
	if (grow(h) != 0 || intern(h, &h->keys, call->key, strlen(call->key), &key) != 0)
		return -ENOBUFS;
	if (set_open(h, call->process, h->count + OPEN_BASE) != 0)
		return -ENOBUFS;

	uint32_t index = h->count++;
	struct history_op *op = &h->ops[index];
	*op = (struct history_op){
		.index = index, .key = key, .invoke_pos = h->pos++, .complete_pos = HISTORY_POS_NEVER,
		.process = call->process, .invoke_ns = call->at, .complete_ns = FL_NEVER,
		.f = call->f, .outcome = HISTORY_INFO,
	};
	if (call->f != HISTORY_READ)
		op->value = call->value;
	if (call->f == HISTORY_CAS)
		op->expect = call->expect;
	if (ret_index != NULL)
		*ret_index = index;
	return 0;
}

int
history_complete(struct history *h, uint32_t index, const struct history_answer *answer)
{
	fl_assert(index < h->count);
	struct history_op *op = &h->ops[index];
	const char *error = NULL;
	uint32_t number, open;

	fl_assert(history_open(h, op->process, &open) && open == index);
	if (answer->error != NULL) {
		if (intern(h, &h->errors, answer->error, strlen(answer->error), &number) != 0)
			return -ENOBUFS;
		error = h->errors.entries[number].key;
	}
	int rc = set_open(h, op->process, CLOSED);
	fl_assert(rc == 0);     /* the process is known: nothing is allocated */

	op->complete_pos = h->pos++;
	op->complete_ns = answer->at;
	op->outcome = answer->outcome;
	op->error = error;
	op->mismatch = answer->mismatch && answer->outcome == HISTORY_FAIL && op->f == HISTORY_CAS;
	if (op->f == HISTORY_READ && op->outcome == HISTORY_OK)
		op->value = answer->value;
	return 0;
}

int
history_add_key(struct history *h, const char *key, uint32_t *ret_key)
{
	return intern(h, &h->keys, key, strlen(key), ret_key);
}

int
history_add(struct history *h, const struct history_op *op)
{
	fl_assert(op->key < h->keys.count && (h->count == 0 || op->invoke_pos > h->ops[h->count - 1].invoke_pos));
	if (grow(h) != 0)
		return -ENOBUFS;
	h->ops[h->count] = *op;
	h->ops[h->count].index = h->count;
	h->count++;
	h->pos = FL_MAX(h->pos, op->invoke_pos + 1);
	if (op->complete_pos != HISTORY_POS_NEVER)
		h->pos = FL_MAX(h->pos, op->complete_pos + 1);
	return 0;
}

int
history_intern(struct history *h, const char *text, struct history_value *ret_value)
{
	size_t n = strlen(text);
	uint32_t number;

	if (n > HISTORY_TEXT_MAX)
		return -E2BIG;
	if (intern(h, &h->texts, text, n, &number) != 0)
		return -ENOBUFS;
	*ret_value = (struct history_value){ HISTORY_TEXT, number };
	return 0;
}

uint32_t
history_key_count(const struct history *h)
{
	return h->keys.count;
}

const char *
history_key(const struct history *h, uint32_t key)
{
	fl_assert(key < h->keys.count);
	return h->keys.entries[key].key;
}

const char *
history_text(const struct history *h, struct history_value v)
{
	fl_assert(v.type == HISTORY_TEXT && v.i >= 0 && v.i < h->texts.count);
	return h->texts.entries[v.i].key;
}

int
history_put_value(const struct history *h, struct history_value v, struct buf *out)
{
	const char *text, *behind;

	switch (v.type) {
	case HISTORY_NIL:
		return buf_puts(out, h->zero ? "0" : "nil");
	case HISTORY_INT:
		return buf_printf(out, "%" PRId64, v.i);
	case HISTORY_TEXT:
		text = history_text(h, v);
		behind = text[0] == HISTORY_TEXT_MARK ? strchr(text, ':') : NULL;
		return behind != NULL ? buf_puts(out, behind + 1) : buf_printf(out, "\"%s\"", text);
	}
	fl_assert(false);
	return 0;
}

const char *
history_f_name(enum history_f f)
{
	static const char *const names[] = { "read", "write", "cas" };

	return names[f];
}

const char *
history_outcome_name(enum history_outcome o)
{
	static const char *const names[] = { "ok", "fail", "info" };

	return names[o];
}
