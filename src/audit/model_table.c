/* SPDX-License-Identifier: MIT */
/*
 * model_table.c - see model_table.h.
 *
 * A state of a search is a row of words, a bit for each state of the table. The list of a call holds the rows that fit it.
 */
#include "audit/model_table.h"

#include "audit/tape_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANY UINT32_MAX
#define WORD_BITS 64u

struct row {
	uint32_t from, to;              /* states; from ANY, to ANY: the same */
	uint32_t f;                     /* text of the tape */
	bool has_value, has_result;
	struct tape_value value, result;
};

struct model_table {
	struct model model;
	const struct tape *tape;
	struct arena mem;
	const char **states;
	uint32_t state_count, row_count;
	struct row *rows;
	int64_t *start;
};

/* Copies what is read, so that the document need not outlive the table. */
#define TABLE_BYTES_MAX (64u << 20)

static uint32_t
state_number(struct model_table *m, const char *name)
{
	uint32_t i = 0;

	while (i < m->state_count && strcmp(m->states[i], name) != 0)
		i++;
	if (i == m->state_count && i < MODEL_TABLE_STATES_MAX) {
		m->states[i] = arena_strdup(&m->mem, name);
		if (m->states[i] == NULL)
			return ANY;
		m->state_count++;
	}
	return i;
}

/* -EINVAL: there are too many. */
static int
read_state(struct model_table *m, const struct doc_node *n, struct doc_diag *d, uint32_t *ret)
{
	const char *name;

	if (!doc_text(d, n, "the name of a state", &name))
		return -EINVAL;
	*ret = state_number(m, name);
	if (*ret < MODEL_TABLE_STATES_MAX)
		return 0;
	doc_complain(d, n, "there are more than %d states", MODEL_TABLE_STATES_MAX);
	return -EINVAL;
}

static int read_value(struct tape *t, const struct doc_node *n, struct tape_value *ret);

/* The items of a list, or the keys and values of a map. */
static int
read_items(struct tape *t, const struct doc_node *n, struct tape_value *ret)
{
	uint32_t count = n->kind == DOC_MAP ? 2 * n->count : n->count;
	struct tape_value *items = malloc(((size_t)count + 1) * sizeof(items[0]));
	int rc = items == NULL ? -ENOMEM : 0;

	for (uint32_t i = 0; rc == 0 && i < count; i++)
		rc = read_value(t, n->kind == DOC_LIST ? n->items[i] : i % 2 == 0 ? n->pairs[i / 2].key : n->pairs[i / 2].value, &items[i]);
	if (rc == 0 && n->kind == DOC_MAP)
		tape_value_sort(t, items, n->count, 2);
	if (rc == 0)
		rc = n->kind == DOC_LIST ? tape_list(t, items, count, ret) : tape_map(t, items, count / 2, ret);
	free(items);
	return rc;
}

static int
read_value(struct tape *t, const struct doc_node *n, struct tape_value *ret)
{
	uint32_t text;
	int64_t i;
	double f;
	bool b;

	if (n->kind == DOC_NULL) {
		*ret = tape_nil();
	} else if (n->kind != DOC_SCALAR) {
		return read_items(t, n, ret);
	} else if (doc_is_int(n, &i)) {
		*ret = tape_int(i);
	} else if (doc_is_bool(n, &b)) {
		*ret = tape_bool(b);
	} else if (doc_is_float(n, &f)) {
		*ret = tape_double(f);
	} else {
		int rc = tape_intern(t, n->text, strlen(n->text), &text);

		if (rc != 0)
			return rc;
		*ret = tape_text(text);
	}
	return 0;
}

static int
read_row(struct model_table *m, struct tape *t, const struct doc_node *n, struct doc_diag *d)
{
	static const char *const known[] = { "from", "f", "value", "result", "to", NULL };
	struct row *r = &m->rows[m->row_count];
	const char *f;
	int rc = 0;

	if (!doc_expect(d, n, DOC_MAP, "a transition such as { from: closed, f: open, to: open }"))
		return -EINVAL;
	doc_keys(d, n, known);
	const struct doc_node *from = doc_get(n, "from"), *name = doc_get(n, "f"), *value = doc_get(n, "value"), *result = doc_get(n, "result");
	const struct doc_node *to = doc_get(n, "to");

	*r = (struct row){ .from = ANY, .to = ANY, .has_value = value != NULL, .has_result = result != NULL };
	if (name == NULL) {
		doc_complain(d, n, "a transition needs its operation, f");
		return -EINVAL;
	}
	if (!doc_text(d, name, "the name of an operation", &f))
		return -EINVAL;
	if (from != NULL && !(from->kind == DOC_SCALAR && strcmp(from->text, "any") == 0))
		rc = read_state(m, from, d, &r->from);
	if (rc == 0 && to != NULL)
		rc = read_state(m, to, d, &r->to);
	if (rc == 0)
		rc = tape_intern(t, f, strlen(f), &r->f);
	if (rc == 0 && value != NULL)
		rc = read_value(t, value, &r->value);
	if (rc == 0 && result != NULL)
		rc = read_value(t, result, &r->result);
	m->row_count += rc == 0;
	return rc == -EINVAL ? rc : rc != 0 ? -ENOMEM : 0;
}

/* The rows that an operation may be, as a list. *ret_known: the operation has rows at all; *ret_still: none of them changes a state. */
static int
fitting(const struct model_table *m, struct model_input *in, const struct model_deed *d, struct calls_one *one, bool *ret_known, bool *ret_still)
{
	int rc = calls_list(in->calls, m->row_count, &one->list_at);

	*ret_known = false;
	*ret_still = true;
	for (uint32_t i = 0; rc == 0 && i < m->row_count; i++) {
		const struct row *r = &m->rows[i];

		if (r->f != d->op->f)
			continue;
		*ret_known = true;
		if ((r->has_value && !tape_value_same(m->tape, r->value, d->call)) ||
		    (d->outcome == TAPE_OK && r->has_result && !tape_value_same(m->tape, r->result, d->result)))
			continue;
		*ret_still &= r->to == ANY || r->to == r->from;
		in->calls->lists[one->list_at + one->list_count++] = i;
	}
	in->calls->list_count -= m->row_count - one->list_count;
	return rc;
}

static int
translate(struct model_input *in, const struct model_deed *d)
{
	const struct model_table *m = in->self;
	struct calls_one one = model_call(d);
	bool known, still;
	int rc = fitting(m, in, d, &one, &known, &still);

	if (rc != 0)
		return rc;
	if (!known)
		return model_refuse(in, "the model %.60s has no transition for \"%.64s\"", m->model.name, tape_chars(in->tape, d->op->f));
	if (still && d->outcome != TAPE_OK)
		return 0;
	/* It may narrow down what the object can be, so it is no call that only looks; but without it nothing becomes illegal. */
	one.group = still ? CALLS_ALONE(d->id) : CALLS_NONE;
	return calls_add(in->calls, &one);
}

static bool
bit(const int64_t *words, uint32_t i)
{
	return ((uint64_t)words[i / WORD_BITS] >> (i % WORD_BITS) & 1) != 0;
}

static void
set_bit(int64_t *words, uint32_t i)
{
	words[i / WORD_BITS] = (int64_t)((uint64_t)words[i / WORD_BITS] | UINT64_C(1) << (i % WORD_BITS));
}

static int
step(const void *self, const struct calls *all, const struct calls_one *c, const int64_t *state, uint32_t n, struct frontier_row *out)
{
	const struct model_table *m = self;
	bool legal = false;

	if (!frontier_room(out, n))
		return -ENOMEM;
	memset(out->at, 0, n * sizeof(out->at[0]));
	out->count = n;
	for (uint32_t k = 0; k < c->list_count; k++) {
		const struct row *r = &m->rows[all->lists[c->list_at + k]];

		for (uint32_t s = r->from == ANY ? 0 : r->from; s < (r->from == ANY ? m->state_count : r->from + 1); s++)
			if (bit(state, s)) {
				set_bit(out->at, r->to == ANY ? s : r->to);
				legal = true;
			}
	}
	return legal;
}

static void
describe(const void *self, const struct values *values, const int64_t *state, uint32_t n, struct buf *out)
{
	const struct model_table *m = self;
	bool any = false;

	(void)values;
	(void)n;
	for (uint32_t s = 0; s < m->state_count; s++)
		if (bit(state, s)) {
			(void)buf_printf(out, "%s%s", any ? " or " : "", m->states[s]);
			any = true;
		}
}

static int
read_all(struct model_table *m, const struct doc_node *root, struct tape *t, struct doc_diag *d)
{
	static const char *const known[] = { "model", "start", "keys", "transitions", NULL };
	static const char *const splits[] = { "each", "whole", NULL };
	const struct doc_node *name = doc_get(root, "model"), *start = doc_get(root, "start"), *keys = doc_get(root, "keys");
	const struct doc_node *rows = doc_get(root, "transitions");
	const char *text = "table";
	uint32_t first = 0;
	int split = 0, rc;

	if (!doc_expect(d, root, DOC_MAP, "a map with model, start and transitions"))
		return -EINVAL;
	doc_keys(d, root, known);
	if (start == NULL || rows == NULL) {
		doc_complain(d, root, "a table of transitions needs start and transitions");
		return -EINVAL;
	}
	if ((name != NULL && !doc_text(d, name, "a name", &text)) || !doc_expect(d, rows, DOC_LIST, "a list of transitions") ||
	    (keys != NULL && (split = doc_choice(d, keys, splits)) < 0))
		return -EINVAL;
	if (rows->count > MODEL_TABLE_ROWS_MAX) {
		doc_complain(d, rows, "there are more than %d transitions", MODEL_TABLE_ROWS_MAX);
		return -EINVAL;
	}
	m->states = arena_alloc(&m->mem, MODEL_TABLE_STATES_MAX * sizeof(m->states[0]));
	m->rows = arena_alloc(&m->mem, ((size_t)rows->count + 1) * sizeof(m->rows[0]));
	text = arena_strdup(&m->mem, text);
	if (m->states == NULL || m->rows == NULL || text == NULL)
		return -ENOMEM;
	rc = read_state(m, start, d, &first);
	for (uint32_t i = 0; rc == 0 && i < rows->count; i++)
		rc = read_row(m, t, rows->items[i], d);
	uint32_t words = (m->state_count + WORD_BITS - 1) / WORD_BITS;

	m->start = rc != 0 ? NULL : arena_alloc(&m->mem, words * sizeof(m->start[0]));
	if (m->start == NULL)
		return rc != 0 ? rc : -ENOMEM;
	memset(m->start, 0, words * sizeof(m->start[0]));
	set_bit(m->start, first);
	m->model = (struct model){ .name = text, .is = text, .help = "of your own", .split = split == 1 ? MODEL_WHOLE : MODEL_BY_KEY,
		.translate = translate, .step = step, .self = m, .start = m->start, .start_count = words, .describe = describe };
	return d->count > 0 ? -EINVAL : 0;
}

int
model_table_read(const struct doc_node *root, struct tape *t, struct doc_diag *d, struct model_table **ret)
{
	struct model_table *m = malloc(sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	*m = (struct model_table){ .tape = t };
	arena_init(&m->mem, TABLE_BYTES_MAX);
	int rc = read_all(m, root, t, d);

	if (rc != 0)
		model_table_free(m);
	else
		*ret = m;
	return rc;
}

void
model_table_free(struct model_table *m)
{
	if (m == NULL)
		return;
	arena_fini(&m->mem);
	free(m);
}

const struct model *
model_table_model(const struct model_table *m)
{
	return &m->model;
}
