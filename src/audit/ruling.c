/* SPDX-License-Identifier: MIT */
/* ruling.c - see ruling.h. */
#include "audit/ruling.h"

#include "audit/tape_value.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#define MEM_BYTES_MAX ((size_t)256 << 20)
#define TEXT_OPS_MAX 24         /* operations shown to people for one contradiction */
#define VALUE_COLUMNS 60

void
ruling_init(struct ruling *r, const struct tape *t)
{
	*r = (struct ruling){ .tape = t, .verdict = VERDICT_UNKNOWN, .reason = "nothing was checked", .is = "", .is_not = "" };
	arena_init(&r->mem, MEM_BYTES_MAX);
}

void
ruling_fini(struct ruling *r)
{
	if (r != NULL)
		arena_fini(&r->mem);
}

static void
op_json(const struct tape *t, uint32_t index, const struct ruling_evidence *e, bool culprit, struct jsonw *w)
{
	const struct tape_op *op = &t->ops[index];

	jsonw_object(w);
	jsonw_num(w, "index", index);
	jsonw_num(w, "process", op->process);
	jsonw_str(w, "type", tape_outcome_name((enum tape_outcome)op->outcome));
	jsonw_str(w, "f", tape_chars(t, op->f));
	if (e->key != NULL) {
		jsonw_str(w, "key", e->key);
	} else if (op->has_key) {
		jsonw_key(w, "key");
		tape_value_json(t, op->key, w);
	}
	jsonw_key(w, "value");
	tape_value_json(t, op->outcome == TAPE_OK && op->has_result ? op->result : op->call, w);
	if (op->has_result && op->call.type != TAPE_NIL && !tape_value_same(t, op->call, op->result)) {
		jsonw_key(w, "invoked_value");
		tape_value_json(t, op->call, w);
	}
	jsonw_num(w, "line", op->line);
	jsonw_num(w, "invoked", op->invoke_ns);
	jsonw_key(w, "completed");
	if (op->complete_ns == FL_NEVER)
		jsonw_null(w);
	else
		jsonw_int(w, op->complete_ns);
	if (op->error != TAPE_NONE)
		jsonw_str(w, "error", tape_chars(t, op->error));
	jsonw_flag(w, "culprit", culprit);
	jsonw_end(w);
}

static void
list_json(const char *name, const uint32_t *list, uint32_t n, struct jsonw *w)
{
	jsonw_key(w, name);
	jsonw_array(w);
	for (uint32_t i = 0; i < n; i++)
		jsonw_uint(w, list[i]);
	jsonw_end(w);
}

static void
end_json(const struct ruling_end *e, struct jsonw *w)
{
	jsonw_object(w);
	list_json("order", e->order, e->order_count, w);
	jsonw_str(w, "state", e->state);
	list_json("next", e->next, e->next_count, w);
	jsonw_end(w);
}

static void
evidence_json_one(const struct ruling *r, const struct ruling_evidence *e, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_key(w, "key");
	if (e->key != NULL)
		jsonw_string(w, e->key);
	else
		jsonw_null(w);
	jsonw_str(w, "say", e->say);
	jsonw_flag(w, "minimal", e->minimal);
	jsonw_key(w, "operations");
	jsonw_array(w);
	for (uint32_t i = 0; i < e->op_count; i++)
		op_json(r->tape, e->ops[i], e, i == e->culprit, w);
	jsonw_end(w);
	jsonw_key(w, "legal_before");
	jsonw_object(w);
	jsonw_num(w, "total", e->prefix_total);
	list_json("last", e->prefix, e->prefix_count, w);
	jsonw_end(w);
	jsonw_key(w, "ends");
	jsonw_array(w);
	for (uint32_t i = 0; i < e->end_count; i++)
		end_json(&e->ends[i], w);
	jsonw_end(w);
	jsonw_end(w);
}

void
ruling_json(const struct ruling *r, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_str(w, "verdict", verdict_name(r->verdict));
	jsonw_str(w, "model", r->model);
	jsonw_str(w, "reason", r->reason);
	jsonw_num(w, "operations", r->ops);
	jsonw_num(w, "keys", r->keys);
	jsonw_num(w, "keys_invalid", r->keys_invalid);
	jsonw_num(w, "keys_unknown", r->keys_unknown);
	if (r->zero)
		jsonw_num(w, "initial", 0);
	if (r->bound > 0)
		jsonw_num(w, "staleness", r->bound);
	jsonw_key(w, "configurations");
	jsonw_uint(w, r->configs);
	jsonw_key(w, "evidence");
	jsonw_array(w);
	for (uint32_t i = 0; i < r->evidence_count; i++)
		evidence_json_one(r, &r->evidence[i], w);
	jsonw_end(w);
	jsonw_end(w);
}

/* Locks return nothing of which there is anything to be said. */
static bool
is_of_lock(const char *f)
{
	return strcmp(f, "acquire") == 0 || strcmp(f, "release") == 0 || strcmp(f, "lock") == 0 || strcmp(f, "unlock") == 0;
}

void
ruling_put_op(const struct tape *t, const struct tape_op *op, bool with_key, struct buf *out)
{
	(void)buf_puts(out, tape_chars(t, op->f));
	if (with_key && op->has_key) {
		(void)buf_putc(out, ' ');
		tape_value_put_plain(t, op->key, VALUE_COLUMNS, out);
	}
	if (op->call.type != TAPE_NIL) {
		(void)buf_putc(out, ' ');
		tape_value_put(t, op->call, VALUE_COLUMNS, out);
	}
	if (op->outcome != TAPE_OK || !op->has_result || tape_value_same(t, op->call, op->result)) {
		if (op->call.type == TAPE_NIL && op->outcome == TAPE_INFO)
			(void)buf_puts(out, " ?");
		else if (op->call.type == TAPE_NIL && op->outcome == TAPE_OK && op->has_result && !is_of_lock(tape_chars(t, op->f)))
			(void)buf_puts(out, " nil");
		return;
	}
	(void)buf_puts(out, " -> ");
	tape_value_put(t, op->result, VALUE_COLUMNS, out);
}

static void
put_text_op(const struct tape *t, const struct tape_op *op, bool with_key, bool culprit, struct buf *out)
{
	struct buf what;

	buf_init(&what, 4096);
	ruling_put_op(t, op, with_key, &what);
	(void)buf_printf(out, "  %s client %-4" PRId64 " %-24s %10.3f s", culprit ? ">" : " ", op->process, buf_str(&what),
			 (double)op->invoke_ns / (double)FL_SEC);
	if (op->complete_ns == FL_NEVER)
		(void)buf_puts(out, " ..   no answer   ");
	else
		(void)buf_printf(out, " .. %10.3f s  %s", (double)op->complete_ns / (double)FL_SEC,
				 tape_outcome_name((enum tape_outcome)op->outcome));
	if (op->error != TAPE_NONE)
		(void)buf_printf(out, " (%.200s)", tape_chars(t, op->error));
	(void)buf_printf(out, "  [line %" PRIu32 "]\n", op->line);
	buf_fini(&what);
}

static void
put_named(const struct tape *t, uint32_t index, struct buf *out)
{
	(void)buf_puts(out, "\"");
	ruling_put_op(t, &t->ops[index], false, out);
	(void)buf_printf(out, "\" of client %" PRId64, t->ops[index].process);
}

/* How far an order gets, and what cannot be next. */
static void
put_text_end(const struct tape *t, const struct ruling_end *e, struct buf *out)
{
	(void)buf_puts(out, e->order_count == 0 ? "  At the start" : "  After ");
	for (uint32_t i = 0; i < e->order_count; i++) {
		(void)buf_puts(out, i == 0 ? "" : ", ");
		put_named(t, e->order[i], out);
	}
	if (e->state[0] != '\0')
		(void)buf_printf(out, " it is %s, and", e->state);
	else
		(void)buf_puts(out, ",");
	(void)buf_puts(out, e->next_count == 1 ? " the next, " : " none of these can be next: ");
	for (uint32_t i = 0; i < e->next_count; i++) {
		(void)buf_puts(out, i == 0 ? "" : ", ");
		put_named(t, e->next[i], out);
	}
	(void)buf_puts(out, e->next_count == 1 ? ", does not fit.\n" : ".\n");
}

static void
put_text_evidence(const struct ruling *r, const struct ruling_evidence *e, struct buf *out)
{
	if (e->key != NULL)
		(void)buf_printf(out, "\nkey %s: %s.\n\n", e->key, e->say);
	else
		(void)buf_printf(out, "\n%s.\n\n", e->say);
	for (uint32_t i = 0; i < e->op_count && i < TEXT_OPS_MAX; i++)
		put_text_op(r->tape, &r->tape->ops[e->ops[i]], e->key == NULL, i == e->culprit, out);
	if (e->op_count > TEXT_OPS_MAX)
		(void)buf_printf(out, "    and %" PRIu32 " more\n", e->op_count - TEXT_OPS_MAX);
	if (!e->minimal)
		(void)buf_puts(out, "    (fewer operations might do: the budget for finding them was spent)\n");
	for (uint32_t i = 0; i < e->end_count; i++)
		put_text_end(r->tape, &e->ends[i], out);
	if (e->more_ends)
		(void)buf_puts(out, "  and others as long.\n");
	if (e->prefix_total <= e->op_count)
		return;
	(void)buf_printf(out, "  Of all operations, %" PRIu32 " fit an order before that.\n", e->prefix_total);
}

void
ruling_text(const struct ruling *r, struct buf *out)
{
	for (const char *p = verdict_name(r->verdict); *p != '\0'; p++)
		(void)buf_putc(out, (char)toupper((unsigned char)*p));
	(void)buf_printf(out, ": %s\n", r->reason);
	for (uint32_t i = 0; i < r->evidence_count; i++)
		put_text_evidence(r, &r->evidence[i], out);
	if (r->keys_invalid > r->evidence_count)
		(void)buf_printf(out, "\nand %" PRIu32 " more keys\n", r->keys_invalid - r->evidence_count);
}
