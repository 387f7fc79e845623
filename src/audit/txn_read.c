/* SPDX-License-Identifier: MIT */
/* txn_read.c - a transactional history from a tape. */
#include "audit/txn_read.h"

#include "audit/tape_value.h"
#include "base/assert.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES 7
#define TEXT_MAX ((size_t)1 << 20)

struct reader {
	struct txn_hist *h;
	const struct tape *t;
	struct txn_read_info *info;
	uint32_t names[NAMES];          /* numbers of these texts, or TAPE_NONE */
	int32_t *codes;                 /* by text: its code; 0 with known[] 0: not asked yet */
	uint8_t *known;
	struct buf scratch;
	uint32_t line;
};

static const struct {
	const char *name;
	enum txn_f f;
} names[NAMES] = {
	{ "r", TXN_R }, { "read", TXN_R }, { "w", TXN_W }, { "write", TXN_W }, { "append", TXN_APPEND }, { "add", TXN_ADD },
	{ "insert", TXN_ADD },
};

static int
refuse(struct reader *r, const char *what)
{
	r->info->line = r->line;
	snprintf(r->info->error, sizeof(r->info->error), "%s", what);
	return -EINVAL;
}

/* What a micro-operation does. false: that is none. */
static bool
f_of(const struct reader *r, struct tape_value v, enum txn_f *ret_f)
{
	for (size_t i = 0; i < NAMES; i++) {
		if (v.type != TAPE_TEXT || v.text != r->names[i] || r->names[i] == TAPE_NONE)
			continue;
		*ret_f = names[i].f;
		return true;
	}
	return false;
}

static void
find_names(struct reader *r)
{
	for (size_t i = 0; i < NAMES; i++)
		r->names[i] = tape_find(r->t, names[i].name);
}

/* A text is its own code's text, but with quotes when it could be taken for a number. */
static int
code_of_text(struct reader *r, uint32_t text, int32_t *ret)
{
	const char *p = tape_chars(r->t, text);
	size_t n = tape_chars_bytes(r->t, text);

	if (r->known[text] != 0) {
		*ret = r->codes[text];
		return 0;
	}
	int rc;

	if (n > 0 && p[0] != '-' && p[0] != '"' && (p[0] < '0' || p[0] > '9') && strcmp(p, "nil") != 0) {
		rc = txn_hist_text(r->h, p, n, ret);
	} else {
		buf_clear(&r->scratch);
		buf_putc(&r->scratch, '"');
		buf_append(&r->scratch, p, n);
		buf_putc(&r->scratch, '"');
		rc = r->scratch.overflowed ? -ENOBUFS : txn_hist_text(r->h, buf_data(&r->scratch), buf_len(&r->scratch), ret);
	}
	if (rc == 0) {
		r->known[text] = 1;
		r->codes[text] = *ret;
	}
	return rc;
}

static int
code_of(struct reader *r, struct tape_value v, int32_t *ret)
{
	switch ((enum tape_type)v.type) {
	case TAPE_NIL:
		*ret = TXN_NIL;
		return 0;
	case TAPE_INT:
		return txn_hist_int(r->h, v.i, ret);
	case TAPE_TEXT:
		return code_of_text(r, (uint32_t)v.text, ret);
	case TAPE_BOOL: case TAPE_DOUBLE: case TAPE_INTS: case TAPE_LIST: case TAPE_MAP:
		break;
	}
	buf_clear(&r->scratch);
	if (v.type == TAPE_DOUBLE)
		buf_printf(&r->scratch, "%.17g", v.d);
	else
		tape_value_put(r->t, v, TEXT_MAX, &r->scratch);
	return r->scratch.overflowed ? -ENOBUFS : txn_hist_text(r->h, buf_data(&r->scratch), buf_len(&r->scratch), ret);
}

/* The elements that a read of a list showed. */
static int
add_elems(struct reader *r, struct tape_value v)
{
	if (v.count == 0)
		return 0;
	int32_t *elems = txn_hist_elems(r->h, v.count);

	if (elems == NULL)
		return -ENOBUFS;
	if (v.type == TAPE_INTS) {
		const int32_t *ints = tape_ints(r->t, v);
		bool small = true;

		for (uint32_t i = 0; i < v.count; i++) {
			elems[i] = ints[i];
			small &= ints[i] >= TXN_CODE_INT_MIN;
		}
		if (small)
			return 0;
	}
	for (uint32_t i = 0; i < v.count; i++) {
		int32_t code;
		int rc = code_of(r, tape_item(r->t, v, i), &code);

		if (rc != 0)
			return rc;
		elems[i] = code;
	}
	return 0;
}

/* The write a model has. */
static enum txn_f
write_of(enum txn_model model)
{
	return model == TXN_LIST_APPEND ? TXN_APPEND : model == TXN_SET_ADD ? TXN_ADD : TXN_W;
}

static int
add_mop(struct reader *r, enum txn_f f, struct tape_value key, struct tape_value value, bool reads)
{
	bool lists = r->h->model != TXN_RW_REGISTER;
	uint32_t k;
	int32_t code;
	int rc;

	if (f != TXN_R && f != write_of(r->h->model))
		return refuse(r, "writes of two kinds: a history has appends, or writes, or adds");
	if (f == TXN_R && !reads)
		return 0;
	if (f == TXN_R && lists && value.type != TAPE_NIL && !tape_is_list(value))
		return refuse(r, "a read of a list or a set shows a list or nil");
	if ((rc = code_of(r, key, &code)) != 0 || (rc = txn_hist_key(r->h, code, &k)) != 0)
		return rc;
	if (f == TXN_R && lists) {
		rc = txn_hist_mop(r->h, TXN_L, k, 0);
		return rc != 0 || value.type == TAPE_NIL ? rc : add_elems(r, value);
	}
	rc = code_of(r, value, &code);
	return rc != 0 ? rc : txn_hist_mop(r->h, f, k, code);
}

static bool
is_mops(struct tape_value v)
{
	return tape_is_list(v) && (v.type == TAPE_LIST || v.count == 0);
}

/* The micro-operations of a transaction. reads: the values that its reads carry are what it saw. */
static int
add_mops(struct reader *r, struct tape_value v, bool reads)
{
	for (uint32_t i = 0; i < v.count; i++) {
		struct tape_value m = tape_item(r->t, v, i);
		enum txn_f f;
		int rc;

		if (m.type != TAPE_LIST || m.count < 2 || !f_of(r, tape_item(r->t, m, 0), &f))
			return refuse(r, "a micro-operation is [f, key, value] with f r, w, append or add");
		rc = add_mop(r, f, tape_item(r->t, m, 1), m.count > 2 ? tape_item(r->t, m, 2) : tape_nil(), reads);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
add_op(struct reader *r, const struct tape_op *op)
{
	struct txn_head head = { .process = op->process, .invoke_pos = op->lone ? 0 : op->invoke_pos + 1,
		.complete_pos = op->complete_pos == TAPE_POS_NEVER ? TXN_POS_NEVER : op->complete_pos + 1, .line = op->line,
		.outcome = op->outcome == TAPE_OK ? TXN_OK : op->outcome == TAPE_FAIL ? TXN_FAIL : TXN_INFO };
	bool ok = op->outcome == TAPE_OK;
	struct tape_value value = ok && op->has_result && op->result.type != TAPE_NIL ? op->result : op->call;
	enum txn_f f;
	int rc = txn_hist_add(r->h, &head);

	r->line = op->line;
	if (rc != 0)
		return rc;
	if (op->has_key) {
		if (!f_of(r, tape_text(op->f), &f))
			return refuse(r, "the operation is none of read, write, append and add");
		return add_mop(r, f, op->key, f == TXN_R ? op->result : value, ok && op->has_result);
	}
	if (value.type == TAPE_NIL)
		return 0;
	if (!is_mops(value))
		return refuse(r, "the value of a transaction is a list of micro-operations [f, key, value]");
	return add_mops(r, value, ok && op->has_result);
}

/* The first write of a list of micro-operations. false: there is none; *lists: a read shows a list. */
static bool
first_write(const struct reader *r, struct tape_value v, enum txn_f *ret, bool *lists)
{
	enum txn_f f;

	for (uint32_t j = 0; is_mops(v) && j < v.count; j++) {
		struct tape_value m = tape_item(r->t, v, j);

		if (m.type != TAPE_LIST || m.count < 2 || !f_of(r, tape_item(r->t, m, 0), &f))
			continue;
		*ret = f;
		if (f != TXN_R)
			return true;
		*lists |= m.count > 2 && tape_is_list(tape_item(r->t, m, 2));
	}
	return false;
}

enum txn_model
txn_read_model(const struct tape *t)
{
	struct reader r = { .t = t };
	bool lists = false, found = false;
	enum txn_f f = TXN_R;

	find_names(&r);
	for (uint32_t i = 0; i < t->count && !found; i++) {
		const struct tape_op *op = &t->ops[i];

		if (op->has_key) {
			found = f_of(&r, tape_text(op->f), &f) && f != TXN_R;
			lists |= tape_is_list(op->result);
		} else {
			/* A recorder may have written down what was done only when it was done. */
			found = first_write(&r, op->call, &f, &lists) || first_write(&r, op->result, &f, &lists);
		}
	}
	if (found)
		return f == TXN_APPEND ? TXN_LIST_APPEND : f == TXN_ADD ? TXN_SET_ADD : TXN_RW_REGISTER;
	return lists ? TXN_LIST_APPEND : TXN_RW_REGISTER;
}

int
txn_read_tape(struct txn_hist *h, const struct tape *t, struct txn_read_info *info)
{
	struct reader r = { .h = h, .t = t, .info = info };
	int rc = 0;

	*info = (struct txn_read_info){ .line = 0 };
	find_names(&r);
	buf_init(&r.scratch, TEXT_MAX);
	r.codes = calloc((size_t)t->text_count + 1, sizeof(r.codes[0]));
	r.known = calloc((size_t)t->text_count + 1, 1);
	if (r.codes == NULL || r.known == NULL)
		rc = -ENOBUFS;
	for (uint32_t i = 0; i < t->count && rc == 0; i++)
		rc = add_op(&r, &t->ops[i]);
	if (rc == -ENOBUFS) {
		info->line = r.line;
		snprintf(info->error, sizeof(info->error), "the history needs more memory than it may have");
	}
	buf_fini(&r.scratch);
	free(r.codes);
	free(r.known);
	return rc;
}
