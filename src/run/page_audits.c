/* SPDX-License-Identifier: MIT */
/* page_audits.c - each audit a card: verdict, evidence with the faults of that time, the drawing, the commands. */
#include "run/page_audits.h"

#include "run/words.h"
#include <inttypes.h>
#include <string.h>

#define WIDTH 1000
#define ROW 18
#define LEFT 170
#define BANDS_MAX 24u
#define OPS_SHOWN 40u

static double
place(const struct run_result *r, fl_ns at)
{
	double share = r->duration_ns > 0 ? (double)at / (double)r->duration_ns : 0;

	return LEFT + (share < 0 ? 0 : share > 1 ? 1 : share) * (WIDTH - LEFT - 10);
}

static uint32_t
put_bands(const struct run_result *r, struct buf *out)
{
	uint32_t row = 0;

	for (uint32_t i = 0; i < r->fault_count && row < BANDS_MAX; i++) {
		const struct result_fault *f = &r->faults[i];
		double x = place(r, f->from), end = f->to == FL_NEVER ? WIDTH - 10 : place(r, f->to);

		buf_printf(out, "<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"12\" rx=\"2\" fill=\"#d98324\" opacity=\".75\"/>"
		    "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">", x, row * ROW + 4, end - x < 2 ? 2 : end - x, LEFT - 8, row * ROW + 14);
		words_safen(f->name, FL_MIN(strlen(f->name), (size_t)24), out);
		buf_puts(out, "</text>");
		row++;
	}
	return row;
}

/* When the evidence is from, and which faults there were: the run from left to right. */
static void
put_strip(const struct run_result *r, const struct result_audit *a, struct buf *out)
{
	uint32_t bands = FL_MIN(r->fault_count, BANDS_MAX), rows = 0, row;

	for (uint32_t i = 0; i < a->evidence_count; i++)
		rows += a->evidence[i].from != FL_NEVER;
	if (rows == 0)
		return;
	buf_printf(out, "<div class=scroll style=\"margin:14px 0\"><svg viewBox=\"0 0 %d %u\" width=\"%d\" height=\"%u\" role=img "
	    "style=\"max-width:none\">"
	    "<g font-size=\"12\" fill=\"currentColor\" font-family=\"sans-serif\">",
	    WIDTH, (bands + rows) * ROW + 24, WIDTH, (bands + rows) * ROW + 24);
	row = put_bands(r, out);
	for (uint32_t i = 0; i < a->evidence_count; i++) {
		const struct result_evidence *e = &a->evidence[i];
		double x, end;

		if (e->from == FL_NEVER)
			continue;
		x = place(r, e->from);
		end = place(r, e->to);
		buf_printf(out, "<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"12\" rx=\"2\" fill=\"#c0392b\"/>"
		    "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">", x - 1, row * ROW + 4, end - x < 3 ? 3 : end - x, LEFT - 8, row * ROW + 14);
		words_safen(e->what, FL_MIN(strlen(e->what), (size_t)24), out);
		buf_puts(out, "</text>");
		row++;
	}
	buf_printf(out, "<line x1=\"%d\" x2=\"%d\" y1=\"%u\" y2=\"%u\" stroke=\"currentColor\" opacity=\".4\"/>"
	    "<text x=\"%d\" y=\"%u\">0 s</text><text x=\"%d\" y=\"%u\" text-anchor=\"end\">%.1f s</text></g></svg></div>",
	    LEFT, WIDTH - 10, row * ROW + 4, row * ROW + 4, LEFT, row * ROW + 18, WIDTH - 10, row * ROW + 18,
	    (double)r->duration_ns / (double)FL_SEC);
}

static void
put_evidence(const struct result_evidence *e, struct buf *out)
{
	buf_puts(out, "<h3>");
	words_safe(e->what, out);
	buf_puts(out, "</h3><p class=say>");
	words_safe_sentence(e->say, out);
	buf_puts(out, "</p>");
	if (e->op_count > 0)
		buf_puts(out, "<pre class=small style=\"white-space:pre-wrap\">");
	for (uint32_t i = 0; i < e->op_count && i < OPS_SHOWN; i++) {
		words_safe(e->ops[i], out);
		buf_putc(out, '\n');
	}
	if (e->op_count > 0)
		buf_puts(out, "</pre>");
	if (e->from == FL_NEVER)
		return;
	buf_printf(out, "<p class=\"small soft\">From %.3f s to %.3f s of the run. Faults that were active then: ", (double)e->from / (double)FL_SEC,
	    (double)e->to / (double)FL_SEC);
	words_safe(e->during != NULL ? e->during : "none", out);
	buf_puts(out, ".</p>");
}

/* As an image of its own: its style sheet is none of the page's, and nothing in it is carried out. */
static void
put_drawing(const char *svg, struct buf *out)
{
	buf_puts(out, "<details><summary class=small>Drawing</summary><div class=scroll><img alt=\"drawing of the evidence\" "
	    "src=\"data:image/svg+xml,");
	for (; *svg != '\0'; svg++) {
		unsigned char c = (unsigned char)*svg;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.~()*!:,;=/ ", c) != NULL)
			buf_putc(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
	buf_puts(out, "\"></div></details>");
}

static void
put_command(const char *label, const char *command, struct buf *out)
{
	if (command == NULL)
		return;
	buf_printf(out, "<div class=again><span class=label>%s</span><code>", label);
	words_safe(command, out);
	buf_puts(out, "</code></div>");
}

static void
put_audit(const struct run_result *r, const struct result_audit *a, struct buf *out)
{
	buf_printf(out, "<div class=card><div class=kicker><span class=\"badge %s\">%s</span><span>", words_verdict_id(a->verdict),
	    words_verdict(a->verdict));
	words_safe(a->name, out);
	if (strcmp(a->name, a->what) != 0) {
		buf_puts(out, " <span class=soft>(");
		words_safe(a->what, out);
		buf_puts(out, ")</span>");
	}
	buf_puts(out, "</span></div><p style=\"margin:10px 0 0\">");
	words_safe_sentence(a->reason, out);
	buf_puts(out, "</p>");
	put_strip(r, a, out);
	for (uint32_t i = 0; i < a->evidence_count; i++)
		put_evidence(&a->evidence[i], out);
	if (a->svg != NULL && strncmp(a->svg, "<svg", 4) == 0)
		put_drawing(a->svg, out);
	if (a->lines != NULL) {
		buf_puts(out, "<p class=\"small soft\">Lines: ");
		words_safe(a->lines, out);
		buf_puts(out, ".</p>");
	}
	put_command("Judge again, in the run directory", a->command, out);
	put_command("Run it again", r->replay, out);
	buf_puts(out, "</div>");
}

/* The first message that something is wrong with, drawn. */
static void
put_trace(const struct run_result *r, struct buf *out)
{
	if (r->trace_svg == NULL || r->trace_text == NULL)
		return;
	buf_puts(out, "<div class=card><div class=kicker><span>Messages</span></div><p style=\"margin:10px 0 0\">");
	buf_printf(out, "%u went wrong on the lines that are traced. The first is ", r->trace_wrong);
	words_safe(r->trace_message, out);
	buf_puts(out, ":</p><pre class=small style=\"white-space:pre-wrap\">");
	words_safe(r->trace_text, out);
	buf_puts(out, "</pre><div class=scroll>");
	buf_puts(out, r->trace_svg);
	buf_puts(out, "</div>");
	put_command("All of them", r->trace, out);
	buf_puts(out, "</div>");
}

void
page_audits(const struct run_result *r, struct buf *out)
{
	if (r->audit_count == 0) {
		put_trace(r, out);
		return;
	}
	buf_puts(out, r->audit_count == 1 ? "<h2>Audit</h2>" : "<h2>Audits</h2>");
	for (uint32_t i = 0; i < r->audit_count; i++)
		put_audit(r, &r->audits[i], out);
	put_trace(r, out);
}
