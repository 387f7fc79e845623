/* SPDX-License-Identifier: MIT */
/* txn_hist.c - transactions over keys, in compact arrays. Invariants: txn_hist.h. */
#include "audit/txn_hist.h"

#include "base/assert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX ((uint32_t)1 << 29)
#define TEXT_COST 64                            /* bytes of an entry of the map of texts, about */

void
txn_hist_init(struct txn_hist *h, enum txn_model model, size_t bytes_max)
{
	*h = (struct txn_hist){ .model = model, .bytes_max = bytes_max };
	map_init(&h->texts, 0, 0);
}

void
txn_hist_fini(struct txn_hist *h)
{
	if (h == NULL)
		return;
	free(h->txns);
	free(h->mops);
	free(h->elems);
	free(h->processes);
	free(h->keys);
	free(h->key_index);
	free(h->process_index);
	free(h->text_of);
	map_fini(&h->texts);
	txn_hist_init(h, h->model, h->bytes_max);
}

/* Make room for `need` items of `size` bytes in the array at p, whose room is *cap. */
static int
grow(struct txn_hist *h, void *p, size_t *cap, size_t need, size_t size)
{
	void **array = p;
	size_t more = *cap < 16 ? 16 : *cap + *cap / 2;

	if (need <= *cap)
		return 0;
	if (more < need)
		more = need;
	if (more > (size_t)UINT32_MAX - 1 || (more - *cap) * size > h->bytes_max - h->bytes)
		return -ENOBUFS;                                          /* (4) */
	void *longer = realloc(*array, more * size);

	if (longer == NULL)
		return -ENOBUFS;
	h->bytes += (more - *cap) * size;
	*array = longer;
	*cap = more;
	return 0;
}

static uint32_t
mix(uint64_t x)
{
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(x >> 32);
}

/* Double the room of an index (hash -> number + 1); it is empty then. */
static int
new_index(struct txn_hist *h, uint32_t **index, size_t *cap)
{
	size_t more = *cap == 0 ? 64 : *cap * 2;

	if (more * sizeof(**index) > h->bytes_max - h->bytes)
		return -ENOBUFS;
	uint32_t *table = calloc(more, sizeof(*table));

	if (table == NULL)
		return -ENOBUFS;
	h->bytes += (more - *cap) * sizeof(*table);
	free(*index);
	*index = table;
	*cap = more;
	return 0;
}

int
txn_hist_int(struct txn_hist *h, int64_t i, int32_t *ret_code)
{
	char digits[24];
	size_t n = sizeof(digits);
	uint64_t rest = i < 0 ? -(uint64_t)i : (uint64_t)i;

	if (i >= TXN_CODE_INT_MIN && i <= INT32_MAX) {
		*ret_code = (int32_t)i;
		return 0;
	}
	do {
		digits[--n] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest != 0);
	if (i < 0)
		digits[--n] = '-';
	return txn_hist_text(h, digits + n, sizeof(digits) - n, ret_code);
}

int
txn_hist_text(struct txn_hist *h, const char *text, size_t n, int32_t *ret_code)
{
	uintptr_t known = (uintptr_t)map_getn(&h->texts, text, n);

	if (known == 0) {
		uint32_t count = h->texts.count;

		if (count == TEXTS_MAX || n > h->bytes_max || TEXT_COST + n > h->bytes_max - h->bytes ||
		    grow(h, &h->text_of, &h->text_cap, (size_t)count + 1, sizeof(h->text_of[0])) != 0)
			return -ENOBUFS;
		known = (uintptr_t)count + 1;
		if (map_putn(&h->texts, text, n, (void *)known, NULL) != 0)
			return -ENOBUFS;
		h->bytes += TEXT_COST + n;
		h->text_of[count] = h->texts.entries[count].key;
	}
	*ret_code = (int32_t)((int64_t)TXN_NIL + (int64_t)known);
	return 0;
}

int
txn_hist_key(struct txn_hist *h, int32_t code, uint32_t *ret_key)
{
	if (h->key_index_cap <= 2 * (size_t)h->key_count) {
		if (new_index(h, &h->key_index, &h->key_index_cap) != 0)
			return -ENOBUFS;
		for (uint32_t k = 0; k < h->key_count; k++) {
			size_t p = mix((uint32_t)h->keys[k]) & (h->key_index_cap - 1);

			while (h->key_index[p] != 0)
				p = (p + 1) & (h->key_index_cap - 1);
			h->key_index[p] = k + 1;
		}
	}
	size_t place = mix((uint32_t)code) & (h->key_index_cap - 1);

	for (; h->key_index[place] != 0; place = (place + 1) & (h->key_index_cap - 1)) {
		if (h->keys[h->key_index[place] - 1] == code) {
			*ret_key = h->key_index[place] - 1;
			return 0;
		}
	}
	if (grow(h, &h->keys, &h->key_cap, (size_t)h->key_count + 1, sizeof(h->keys[0])) != 0)
		return -ENOBUFS;
	h->keys[h->key_count++] = code;
	h->key_index[place] = h->key_count;
	*ret_key = h->key_count - 1;
	return 0;
}

static int
find_process(struct txn_hist *h, int64_t process, uint32_t *ret_process)
{
	if (h->process_index_cap <= 2 * (size_t)h->process_count) {
		if (new_index(h, &h->process_index, &h->process_index_cap) != 0)
			return -ENOBUFS;
		for (uint32_t i = 0; i < h->process_count; i++) {
			size_t p = mix((uint64_t)h->processes[i]) & (h->process_index_cap - 1);

			while (h->process_index[p] != 0)
				p = (p + 1) & (h->process_index_cap - 1);
			h->process_index[p] = i + 1;
		}
	}
	size_t place = mix((uint64_t)process) & (h->process_index_cap - 1);

	for (; h->process_index[place] != 0; place = (place + 1) & (h->process_index_cap - 1)) {
		if (h->processes[h->process_index[place] - 1] == process) {
			*ret_process = h->process_index[place] - 1;
			return 0;
		}
	}
	if (grow(h, &h->processes, &h->process_cap, (size_t)h->process_count + 1, sizeof(h->processes[0])) != 0)
		return -ENOBUFS;
	h->processes[h->process_count++] = process;
	h->process_index[place] = h->process_count;
	*ret_process = h->process_count - 1;
	return 0;
}

int
txn_hist_add(struct txn_hist *h, const struct txn_head *head)
{
	uint32_t process;

	fl_assert(head->complete_pos != TXN_POS_NEVER || head->outcome == TXN_INFO);              /* (2) */
	if (find_process(h, head->process, &process) != 0 ||
	    grow(h, &h->txns, &h->txn_cap, (size_t)h->count + 1, sizeof(h->txns[0])) != 0)
		return -ENOBUFS;
	h->txns[h->count++] = (struct txn){ .first = h->mop_count, .process = process, .invoke_pos = head->invoke_pos,
		.complete_pos = head->complete_pos, .line = head->line, .outcome = head->outcome };
	if (head->invoke_pos > h->positions)
		h->positions = head->invoke_pos;
	if (head->complete_pos != TXN_POS_NEVER && head->complete_pos > h->positions)
		h->positions = head->complete_pos;
	return 0;
}

int
txn_hist_mop(struct txn_hist *h, enum txn_f f, uint32_t key, int32_t value)
{
	fl_assert(h->count > 0 && key < h->key_count);
	fl_assert(f >= TXN_W || h->txns[h->count - 1].outcome == TXN_OK);                         /* (5) */
	if (grow(h, &h->mops, &h->mop_cap, (size_t)h->mop_count + 1, sizeof(h->mops[0])) != 0)
		return -ENOBUFS;
	struct txn_mop *m = &h->mops[h->mop_count++];

	*m = (struct txn_mop){ .key = key, .f = f };
	if (f == TXN_L)
		m->at = h->elem_count;
	else
		m->value = value;
	h->txns[h->count - 1].count++;
	return 0;
}

int32_t *
txn_hist_elems(struct txn_hist *h, uint32_t n)
{
	fl_assert(h->mop_count > 0 && h->mops[h->mop_count - 1].f == TXN_L);
	if (grow(h, &h->elems, &h->elem_cap, (size_t)h->elem_count + n, sizeof(h->elems[0])) != 0)
		return NULL;
	int32_t *p = h->elems + h->elem_count;

	h->elem_count += n;
	h->mops[h->mop_count - 1].count += n;
	return p;
}

void
txn_hist_put_code(const struct txn_hist *h, int32_t code, struct buf *out)
{
	if (code == TXN_NIL)
		buf_puts(out, "nil");
	else if (code >= TXN_CODE_INT_MIN)
		buf_printf(out, "%d", (int)code);
	else
		buf_puts(out, h->text_of[(int64_t)code - TXN_NIL - 1]);
}

void
txn_hist_put_key(const struct txn_hist *h, uint32_t key, struct buf *out)
{
	fl_assert(key < h->key_count);
	txn_hist_put_code(h, h->keys[key], out);
}

#define ELEMS_SHOWN 24

void
txn_hist_put_mop(const struct txn_hist *h, const struct txn_mop *m, struct buf *out)
{
	static const char *const names[] = { "r", "r", "w", "append", "add" };
	static const char *const open[] = { " [", " {" };

	buf_printf(out, "%s ", names[m->f]);
	txn_hist_put_key(h, m->key, out);
	if (m->f != TXN_L) {
		buf_putc(out, ' ');
		txn_hist_put_code(h, m->value, out);
		return;
	}
	buf_puts(out, open[h->model == TXN_SET_ADD]);
	uint32_t from = m->count > ELEMS_SHOWN ? m->count - ELEMS_SHOWN : 0;

	if (from > 0)
		buf_puts(out, "... ");
	for (uint32_t i = from; i < m->count; i++) {
		if (i > from)
			buf_putc(out, ' ');
		txn_hist_put_code(h, txn_elems(h, m)[i], out);
	}
	buf_putc(out, h->model == TXN_SET_ADD ? '}' : ']');
}

void
txn_hist_put_who(const struct txn_hist *h, uint32_t txn, struct buf *out)
{
	const struct txn *t = &h->txns[txn];
	bool named = h->processes[t->process] < TXN_NOBODY;

	if (named)
		buf_printf(out, "process %" PRId64, h->processes[t->process]);
	if (t->line != 0)
		buf_printf(out, "%sline %" PRIu32, named ? ", " : "", t->line);
	else if (!named)
		buf_printf(out, "transaction %" PRIu32, txn);
}

const char *
txn_model_name(enum txn_model m)
{
	static const char *const names[] = { "list-append", "rw-register", "set-add" };

	return names[m];
}

const char *
txn_outcome_name(enum txn_outcome o)
{
	static const char *const names[] = { "ok", "fail", "info" };

	return names[o];
}
