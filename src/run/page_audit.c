/* SPDX-License-Identifier: MIT */
/* page_audit.c - see page_audit.h. */
#include "run/page_audit.h"

#include "audit/evidence.h"
#include "run/spacetime.h"
#include "run/words.h"
#include <inttypes.h>
#include <string.h>

#define WIDE_PX 1036
#define NARROW_PX 350
#define ROWS_MAX 200
#define OPEN_MAX 2              /* contradictions shown at once; the others fold */

static void
put_op_text(const struct history *h, const struct history_op *op, struct buf *out)
{
	struct buf text;

	buf_init(&text, 2 * HISTORY_TEXT_MAX + 64);
	evidence_put_op(h, op, &text);
	words_safen(buf_str(&text), buf_len(&text), out);
	buf_fini(&text);
}

static void
put_row(const struct history *h, const struct history_op *op, bool culprit, struct buf *out)
{
	buf_printf(out, "<tr%s><td class=nowrap data-l=client>client %" PRId64 "</td><td data-l=operation><b>", culprit ? " class=culprit" : "",
		   op->process);
	put_op_text(h, op, out);
	buf_puts(out, "</b></td><td class=n data-l=called>");
	words_moment(op->invoke_ns, out);
	buf_puts(out, "</td><td class=n data-l=answered>");
	if (op->complete_ns == FL_NEVER)
		buf_puts(out, "never");
	else
		words_moment(op->complete_ns, out);
	buf_puts(out, "</td><td class=n data-l=took>");
	if (op->complete_ns != FL_NEVER)
		words_duration(op->complete_ns - op->invoke_ns, out);
	buf_printf(out, "</td><td data-l=outcome>%s", op->mismatch ? "refused" : op->outcome == HISTORY_INFO ? "unknown" :
		   history_outcome_name(op->outcome));
	if (op->error != NULL) {
		buf_puts(out, " <span class=soft>(");
		words_safe(op->error, out);
		buf_puts(out, ")</span>");
	}
	buf_printf(out, "</td><td class=n data-l=\"in history\">#%" PRIu32 "</td></tr>", op->index);
}

static void
put_table(const struct verdict_outcome *a, const struct verdict_evidence *e, struct buf *out)
{
	buf_puts(out, "<div class=scroll><table class=\"stack ops\"><thead><tr><th>client</th><th>operation</th><th class=n>called at</th>"
		 "<th class=n>answered at</th><th class=n>took</th><th>outcome</th><th class=n>in history</th></tr></thead><tbody>");
	for (uint32_t i = 0; i < e->op_count && i < ROWS_MAX; i++)
		put_row(a->history, &e->ops[i], i == e->culprit, out);
	buf_puts(out, "</tbody></table></div>");
	if (e->op_count > ROWS_MAX)
		buf_printf(out, "<p class=\"small soft\">and %" PRIu32 " more; report.json has them all</p>", e->op_count - ROWS_MAX);
	if (!e->minimal)
		buf_puts(out, "<p class=\"small soft\">Fewer operations might do: the budget for finding them was spent.</p>");
}

/* What is still fine: the end of the longest order that explains everything up to the culprit. */
static void
put_prefix(const struct verdict_outcome *a, const struct verdict_evidence *e, struct buf *out)
{
	struct buf value;

	if (e->prefix_count == 0)
		return;
	buf_init(&value, HISTORY_TEXT_MAX + 16);
	(void)history_put_value(a->history, e->state, &value);
	buf_puts(out, "<details style=\"margin-top:12px\"><summary class=small>The longest order that explains what came before: ");
	words_count(e->prefix_total, out);
	buf_puts(out, " operations, leaving ");
	words_safen(buf_str(&value), buf_len(&value), out);
	buf_puts(out, "</summary><ol class=order>");
	if (e->prefix_total > e->prefix_count)
		buf_puts(out, "<li>…</li>");
	for (uint32_t i = 0; i < e->prefix_count; i++) {
		const struct history_op *op = &a->history->ops[e->prefix[i]];

		buf_printf(out, "<li title=\"client %" PRId64 ", called at %.3f s, #%" PRIu32 "\">", op->process,
			   (double)op->invoke_ns / (double)FL_SEC, op->index);
		put_op_text(a->history, op, out);
		buf_puts(out, "</li>");
	}
	buf_puts(out, "</ol></details>");
	buf_fini(&value);
}

static void
put_evidence(const struct run_result *r, uint32_t i, struct buf *out)
{
	const struct verdict_evidence *e = &r->audit->evidence[i];
	bool open = i < OPEN_MAX;

	buf_puts(out, "<div class=card>");
	if (!open)
		buf_puts(out, "<details><summary>");
	buf_puts(out, open ? "<h3>Key <code>" : "Key <code>");
	words_safe(e->key, out);
	buf_puts(out, open ? "</code></h3>" : "</code> <span class=\"soft small\" style=\"font-weight:400\">");
	if (!open) {
		words_safe(e->say, out);
		buf_puts(out, "</span></summary>");
	}
	buf_puts(out, "<p class=say>");
	words_safe_sentence(e->say, out);
	buf_puts(out, "</p>");
	spacetime_svg(r, e, WIDE_PX, out);
	spacetime_svg(r, e, NARROW_PX, out);
	buf_puts(out, "<p class=\"small soft\" style=\"margin:2px 0 14px\">A box reaches from the call to the answer; the "
	    "operation took effect somewhere "
		 "in it. Time is not to scale, order is. The crossed one fits nowhere.</p>");
	put_table(r->audit, e, out);
	put_prefix(r->audit, e, out);
	if (!open)
		buf_puts(out, "</details>");
	buf_puts(out, "</div>");
}

void
page_audit(const struct run_result *r, struct buf *out)
{
	static const char *const classes[] = { [VERDICT_VALID] = "held", [VERDICT_INVALID] = "finding", [VERDICT_UNKNOWN] = "" };
	static const char *const words[] = { [VERDICT_VALID] = "VALID", [VERDICT_INVALID] = "INVALID", [VERDICT_UNKNOWN] = "UNKNOWN" };
	const struct verdict_outcome *a = r->audit;

	if (a == NULL)
		return;
	buf_puts(out, a->verdict == VERDICT_INVALID ? "<h2>What contradicts what</h2>" : "<h2>Audit</h2>");
	buf_printf(out, "<div class=card><div class=kicker><span class=\"badge %s\">%s</span><span>", classes[a->verdict], words[a->verdict]);
	words_safe(r->audit_name != NULL ? r->audit_name : a->model, out);
	if (r->audit_name != NULL && strcmp(r->audit_name, a->model) != 0)
		buf_printf(out, " <span class=soft>(%s)</span>", a->model);
	buf_puts(out, "</span></div><p style=\"margin:10px 0 0\">");
	if (a->verdict == VERDICT_INVALID) {
		buf_printf(out, "%" PRIu32 " of %" PRIu32 " keys cannot have been one register that holds one value at a "
		    "time", a->keys_invalid, a->keys);
		buf_puts(out, ". Searched: ");
		words_count(a->ops, out);
		buf_puts(out, " operations.");
	} else {
		words_safe(a->reason, out);
	}
	if (a->keys_invalid > a->evidence_count)
		buf_printf(out, " The first %" PRIu32 " are shown.", a->evidence_count);
	buf_puts(out, "</p></div>");
	for (uint32_t i = 0; i < a->evidence_count; i++)
		put_evidence(r, i, out);
}
