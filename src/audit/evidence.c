/* SPDX-License-Identifier: MIT */
/* evidence.c - see evidence.h. */
#include "audit/evidence.h"

#include <ctype.h>
#include <inttypes.h>

#define TEXT_OPS_MAX 24         /* operations shown to people for one contradiction */

static void
put_value(const struct history *h, struct history_value v, struct jsonw *w)
{
	if (v.type == HISTORY_NIL)
		jsonw_null(w);
	else if (v.type == HISTORY_INT)
		jsonw_int(w, v.i);
	else
		jsonw_string(w, history_text(h, v));
}

static void
put_op(const struct history *h, const struct history_op *op, bool culprit, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_num(w, "index", op->index);
	jsonw_num(w, "process", op->process);
	jsonw_str(w, "type", history_outcome_name(op->outcome));
	jsonw_str(w, "f", history_f_name(op->f));
	jsonw_str(w, "key", history_key(h, op->key));
	jsonw_key(w, "value");
	if (op->f == HISTORY_CAS) {
		jsonw_array(w);
		put_value(h, op->expect, w);
		put_value(h, op->value, w);
		jsonw_end(w);
	} else {
		put_value(h, op->value, w);
	}
	jsonw_num(w, "invoked", op->invoke_ns);
	jsonw_key(w, "completed");
	if (op->complete_ns == FL_NEVER)
		jsonw_null(w);
	else
		jsonw_int(w, op->complete_ns);
	if (op->error != NULL)
		jsonw_str(w, "error", op->error);
	jsonw_flag(w, "culprit", culprit);
	jsonw_end(w);
}

static void
put_evidence(const struct verdict_outcome *o, const struct verdict_evidence *e, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_str(w, "key", e->key);
	jsonw_str(w, "say", e->say);
	jsonw_flag(w, "minimal", e->minimal);
	jsonw_key(w, "operations");
	jsonw_array(w);
	for (uint32_t i = 0; i < e->op_count; i++)
		put_op(o->history, &e->ops[i], i == e->culprit, w);
	jsonw_end(w);
	jsonw_key(w, "legal_before");
	jsonw_object(w);
	jsonw_num(w, "total", e->prefix_total);
	jsonw_key(w, "last");
	jsonw_array(w);
	for (uint32_t i = 0; i < e->prefix_count; i++)
		jsonw_uint(w, e->prefix[i]);
	jsonw_end(w);
	jsonw_key(w, "value");
	put_value(o->history, e->state, w);
	jsonw_end(w);
	jsonw_end(w);
}

void
evidence_json(const struct verdict_outcome *o, struct jsonw *w)
{
	jsonw_object(w);
	jsonw_str(w, "verdict", verdict_name(o->verdict));
	jsonw_str(w, "model", o->model);
	jsonw_str(w, "reason", o->reason);
	jsonw_num(w, "operations", o->ops);
	jsonw_num(w, "keys", o->keys);
	jsonw_num(w, "keys_invalid", o->keys_invalid);
	jsonw_num(w, "keys_unknown", o->keys_unknown);
	jsonw_key(w, "configurations");
	jsonw_uint(w, o->configs);
	jsonw_key(w, "evidence");
	jsonw_array(w);
	for (uint32_t i = 0; i < o->evidence_count; i++)
		put_evidence(o, &o->evidence[i], w);
	jsonw_end(w);
	jsonw_end(w);
}

void
evidence_put_op(const struct history *h, const struct history_op *op, struct buf *out)
{
	buf_printf(out, "%s ", history_f_name(op->f));
	if (op->f == HISTORY_READ && op->outcome != HISTORY_OK) {
		buf_puts(out, "?");
		return;
	}
	if (op->f == HISTORY_CAS) {
		(void)history_put_value(h, op->expect, out);
		buf_puts(out, " to ");
	}
	(void)history_put_value(h, op->value, out);
}

static void
put_text_op(const struct history *h, const struct history_op *op, bool culprit, struct buf *out)
{
	struct buf what;

	buf_init(&what, 2 * HISTORY_TEXT_MAX + 64);
	evidence_put_op(h, op, &what);
	buf_printf(out, "  %s client %-4" PRId64 " %-20s %10.3f s", culprit ? ">" : " ", op->process, buf_str(&what),
		   (double)op->invoke_ns / (double)FL_SEC);
	if (op->complete_ns == FL_NEVER)
		buf_printf(out, " ..   no answer");
	else
		buf_printf(out, " .. %10.3f s  %s", (double)op->complete_ns / (double)FL_SEC,
			   op->mismatch ? "refused" : history_outcome_name(op->outcome));
	if (op->error != NULL)
		buf_printf(out, " (%s)", op->error);
	buf_putc(out, '\n');
	buf_fini(&what);
}

static void
put_text_evidence(const struct verdict_outcome *o, const struct verdict_evidence *e, struct buf *out)
{
	buf_printf(out, "\nkey %s: %s.\n\n", e->key, e->say);
	for (uint32_t i = 0; i < e->op_count && i < TEXT_OPS_MAX; i++)
		put_text_op(o->history, &e->ops[i], i == e->culprit, out);
	if (e->op_count > TEXT_OPS_MAX)
		buf_printf(out, "    and %" PRIu32 " more\n", e->op_count - TEXT_OPS_MAX);
	if (!e->minimal)
		buf_puts(out, "    (fewer operations might do: the budget for finding them was spent)\n");
	if (e->prefix_total > 0) {
		buf_printf(out, "  Before that, %" PRIu32 " operations fit an order that leaves ", e->prefix_total);
		(void)history_put_value(o->history, e->state, out);
		buf_puts(out, " there.\n");
	}
}

void
evidence_text(const struct verdict_outcome *o, struct buf *out)
{
	for (const char *p = verdict_name(o->verdict); *p != '\0'; p++)
		buf_putc(out, (char)toupper((unsigned char)*p));
	if (o->verdict == VERDICT_INVALID)
		buf_printf(out, ": %" PRIu32 " of %" PRIu32 " keys %s no linearizable register\n", o->keys_invalid, o->keys,
			   o->keys_invalid == 1 ? "is" : "are");
	else
		buf_printf(out, ": %s\n", o->reason);
	for (uint32_t i = 0; i < o->evidence_count; i++)
		put_text_evidence(o, &o->evidence[i], out);
	if (o->keys_invalid > o->evidence_count)
		buf_printf(out, "\nand %" PRIu32 " more keys\n", o->keys_invalid - o->evidence_count);
}
