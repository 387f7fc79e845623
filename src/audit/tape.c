/* SPDX-License-Identifier: MIT */
/* tape.c - see tape.h. */
#include "audit/tape.h"

#include "base/assert.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void
tape_init(struct tape *t, size_t bytes_max)
{
	*t = (struct tape){ .bytes_max = bytes_max };
}

void
tape_fini(struct tape *t)
{
	if (t == NULL)
		return;
	free(t->ops);
	free(t->items);
	free(t->ints);
	free(t->chars);
	free(t->texts);
	free(t->text_index);
	free(t->opens);
	*t = (struct tape){ .bytes_max = t->bytes_max };
}

/* Make room for need elements in all. */
static int
grow(struct tape *t, void **mem, size_t *cap, size_t need, size_t size)
{
	size_t wanted = FL_MAX(*cap + *cap / 2, (size_t)64);

	if (need <= *cap)
		return 0;
	wanted = FL_MAX(wanted, need);
	if (wanted > t->bytes_max / size || t->bytes + (wanted - *cap) * size > t->bytes_max)
		wanted = need;
	if (wanted > t->bytes_max / size || t->bytes + (wanted - *cap) * size > t->bytes_max)
		return -ENOBUFS;
	void *more = realloc(*mem, wanted * size);

	if (more == NULL)
		return -ENOBUFS;
	t->bytes += (wanted - *cap) * size;
	*mem = more;
	*cap = wanted;
	return 0;
}

static inline uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static inline uint64_t
hash_chars(const char *p, size_t n)
{
	uint64_t h = n, word;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&word, p, 8);
		h = mix(h, word);
	}
	word = 0;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)(unsigned char)p[i] << (8 * i);
	h = mix(h, word);
	return h ^ h >> 32;
}

/* The place of a text in the index: where it is, or the free place where it belongs. */
static inline size_t
text_place(const struct tape *t, const char *p, size_t n, uint32_t hash)
{
	size_t mask = t->index_cap - 1, i = hash & mask;

	for (; t->text_index[i] != 0; i = (i + 1) & mask) {
		const struct tape_text *text = &t->texts[t->text_index[i] - 1];

		if (text->hash == hash && text->bytes == n && memcmp(t->chars + text->at, p, n) == 0)
			break;
	}
	return i;
}

static int
grow_text_index(struct tape *t)
{
	size_t cap = FL_MAX(2 * t->index_cap, (size_t)256);
	size_t extra = (cap - t->index_cap) * sizeof(t->text_index[0]);
	uint32_t *index;

	if (t->bytes + extra > t->bytes_max || (index = calloc(cap, sizeof(index[0]))) == NULL)
		return -ENOBUFS;
	for (uint32_t k = 0; k < t->text_count; k++) {
		size_t i = t->texts[k].hash & (cap - 1);

		while (index[i] != 0)
			i = (i + 1) & (cap - 1);
		index[i] = k + 1;
	}
	free(t->text_index);
	t->text_index = index;
	t->index_cap = cap;
	t->bytes += extra;
	return 0;
}

int
tape_intern(struct tape *t, const char *p, size_t n, uint32_t *ret_text)
{
	uint32_t hash = (uint32_t)hash_chars(p, n);

	if (n > UINT32_MAX - 1)
		return -ENOBUFS;
	if (2 * ((size_t)t->text_count + 1) > t->index_cap && grow_text_index(t) != 0)
		return -ENOBUFS;
	size_t place = text_place(t, p, n, hash);

	if (t->text_index[place] == 0) {
		if (t->text_count >= UINT32_MAX - 2 ||
		    grow(t, (void **)&t->texts, &t->text_cap, (size_t)t->text_count + 1, sizeof(t->texts[0])) != 0 ||
		    grow(t, (void **)&t->chars, &t->char_cap, t->char_count + n + 1, 1) != 0)
			return -ENOBUFS;
		t->texts[t->text_count] = (struct tape_text){ t->char_count, (uint32_t)n, hash };
		memcpy(t->chars + t->char_count, p, n);
		t->chars[t->char_count + n] = '\0';
		t->char_count += n + 1;
		t->text_index[place] = ++t->text_count;
	}
	*ret_text = t->text_index[place] - 1;
	return 0;
}

uint32_t
tape_find(const struct tape *t, const char *text)
{
	size_t n = strlen(text);

	if (t->index_cap == 0)
		return TAPE_NONE;
	uint32_t found = t->text_index[text_place(t, text, n, (uint32_t)hash_chars(text, n))];

	return found == 0 ? TAPE_NONE : found - 1;
}

const char *
tape_chars(const struct tape *t, uint32_t text)
{
	fl_assert(text < t->text_count);
	return t->chars + t->texts[text].at;
}

size_t
tape_chars_bytes(const struct tape *t, uint32_t text)
{
	fl_assert(text < t->text_count);
	return t->texts[text].bytes;
}

struct tape_value
tape_double(double d)
{
	if (d >= -9007199254740992.0 && d <= 9007199254740992.0 && d == floor(d))
		return tape_int((int64_t)d);
	return (struct tape_value){ .type = TAPE_DOUBLE, .d = d };
}

int
tape_list(struct tape *t, const struct tape_value *items, size_t n, struct tape_value *ret)
{
	bool small = true;

	if (n > UINT32_MAX)
		return -ENOBUFS;
	for (size_t i = 0; i < n && small; i++)
		small = items[i].type == TAPE_INT && items[i].i == (int32_t)items[i].i;
	if (n == 0) {
		*ret = (struct tape_value){ .type = TAPE_INTS };
		return 0;
	}
	if (!small) {
		if (grow(t, (void **)&t->items, &t->item_cap, t->item_count + n, sizeof(t->items[0])) != 0)
			return -ENOBUFS;
		memcpy(t->items + t->item_count, items, n * sizeof(items[0]));
		*ret = (struct tape_value){ .type = TAPE_LIST, .count = (uint32_t)n, .at = t->item_count };
		t->item_count += n;
		return 0;
	}
	if (grow(t, (void **)&t->ints, &t->int_cap, t->int_count + n, sizeof(t->ints[0])) != 0)
		return -ENOBUFS;
	for (size_t i = 0; i < n; i++)
		t->ints[t->int_count + i] = (int32_t)items[i].i;
	*ret = (struct tape_value){ .type = TAPE_INTS, .count = (uint32_t)n, .at = t->int_count };
	t->int_count += n;
	return 0;
}

int
tape_map(struct tape *t, const struct tape_value *pairs, size_t n, struct tape_value *ret)
{
	if (n > UINT32_MAX / 2 || grow(t, (void **)&t->items, &t->item_cap, t->item_count + 2 * n, sizeof(t->items[0])) != 0)
		return -ENOBUFS;
	if (n > 0)
		memcpy(t->items + t->item_count, pairs, 2 * n * sizeof(pairs[0]));
	*ret = (struct tape_value){ .type = TAPE_MAP, .count = (uint32_t)n, .at = t->item_count };
	t->item_count += 2 * n;
	return 0;
}

/* The place of a process: where it is, or the free place where it belongs. */
static inline size_t
open_place(const struct tape *t, int64_t process)
{
	size_t mask = t->open_cap - 1, i = (size_t)mix(0, (uint64_t)process) & mask;

	while (t->opens[i].op != 0 && t->opens[i].process != process)
		i = (i + 1) & mask;
	return i;
}

static int
grow_opens(struct tape *t)
{
	size_t cap = FL_MAX(2 * t->open_cap, (size_t)256), old_cap = t->open_cap;
	size_t extra = (cap - old_cap) * sizeof(t->opens[0]);
	struct tape_open *old = t->opens, *opens;

	if (t->bytes + extra > t->bytes_max || (opens = calloc(cap, sizeof(opens[0]))) == NULL)
		return -ENOBUFS;
	t->opens = opens;
	t->open_cap = cap;
	t->bytes += extra;
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].op != 0)
			t->opens[open_place(t, old[i].process)] = old[i];
	free(old);
	return 0;
}

bool
tape_open(const struct tape *t, int64_t process, uint32_t *ret_op)
{
	if (t->open_cap == 0)
		return false;
	uint32_t op = t->opens[open_place(t, process)].op;

	if (op == 0 || t->ops[op - 1].complete_pos != TAPE_POS_NEVER)
		return false;
	*ret_op = op - 1;
	return true;
}

int
tape_invoke(struct tape *t, const struct tape_call *call, uint32_t *ret_op)
{
	uint32_t open;

	if (tape_open(t, call->process, &open))
		return -EBUSY;
	if (t->pos >= TAPE_POS_NEVER - 2 || t->count >= TAPE_NONE - 2)
		return -ENOBUFS;
	if (2 * ((size_t)t->open_count + 1) > t->open_cap && grow_opens(t) != 0)
		return -ENOBUFS;
	if (grow(t, (void **)&t->ops, &t->op_cap, (size_t)t->count + 1, sizeof(t->ops[0])) != 0)
		return -ENOBUFS;
	struct tape_open *o = &t->opens[open_place(t, call->process)];

	t->open_count += o->op == 0;
	t->ops[t->count] = (struct tape_op){ .process = call->process, .invoke_ns = call->at, .complete_ns = FL_NEVER, .invoke_pos = t->pos++,
		.complete_pos = TAPE_POS_NEVER, .f = call->f, .error = TAPE_NONE, .line = call->line, .outcome = TAPE_INFO,
		.has_key = call->has_key, .key = call->key, .call = call->value };
	*o = (struct tape_open){ call->process, ++t->count };
	if (ret_op != NULL)
		*ret_op = t->count - 1;
	return 0;
}

void
tape_complete(struct tape *t, uint32_t op, const struct tape_answer *answer)
{
	fl_assert(op < t->count && t->ops[op].complete_pos == TAPE_POS_NEVER);
	struct tape_op *o = &t->ops[op];

	o->complete_pos = t->pos++;
	o->complete_ns = answer->at;
	o->outcome = (uint8_t)answer->outcome;
	o->has_result = answer->has_value;
	o->result = answer->value;
	o->error = answer->error;
}

const char *
tape_outcome_name(enum tape_outcome o)
{
	static const char *const names[] = { "ok", "fail", "info" };

	return names[o];
}
