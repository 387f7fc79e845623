/* SPDX-License-Identifier: MIT */
/* runbook_print.c - a runbook on paper. */
#include "map/runbook_print.h"

#include "run/words.h"
#include <stdlib.h>
#include <string.h>

struct printer {
	const struct runbook *b;
	struct buf *out;
	uint32_t *order;                /* steps by wave, start, place */
	uint32_t *place;                /* of a step in it, from 1 */
};

static int
by_start(const void *a, const void *b, void *ud)
{
	const struct runbook_step *s = ud, *x = &s[*(const uint32_t *)a], *y = &s[*(const uint32_t *)b];

	if (x->wave != y->wave)
		return x->wave < y->wave ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool
printer_init(struct printer *p, const struct runbook *b, struct buf *out)
{
	*p = (struct printer){ .b = b, .out = out };
	p->order = malloc((b->count + 1) * sizeof(*p->order));
	p->place = malloc((b->count + 1) * sizeof(*p->place));
	if (p->order == NULL || p->place == NULL) {
		out->overflowed = true;
		return false;
	}
	for (uint32_t i = 0; i < b->count; i++)
		p->order[i] = i;
	qsort_r(p->order, b->count, sizeof(*p->order), by_start, (void *)(uintptr_t)b->steps);
	for (uint32_t i = 0; i < b->count; i++)
		p->place[p->order[i]] = i + 1;
	return true;
}

static void
printer_fini(struct printer *p)
{
	free(p->order);
	free(p->place);
}

static void
put_usual(const struct runbook_step *s, struct buf *out)
{
	if (s->p50 <= 0)
		return;
	words_duration(s->p50, out);
	if (s->p75 > s->p50) {
		buf_puts(out, ", at times ");
		words_duration(s->p75, out);
	}
}

static void
put_after(const struct printer *p, uint32_t step)
{
	const struct runbook_step *s = &p->b->steps[step];

	for (uint32_t i = 0; i < s->after_count; i++)
		buf_printf(p->out, "%s%u", i == 0 ? "" : ", ", p->place[s->after[i]]);
}

static fl_ns
timeout_of(const struct runbook_step *s)
{
	return s->timeout > 0 ? s->timeout : RUNBOOK_TIMEOUT;
}

static bool
begins_wave(const struct printer *p, uint32_t i)
{
	return i == 0 || p->b->steps[p->order[i]].wave != p->b->steps[p->order[i - 1]].wave;
}

/* ---- text ---- */

static void
put_line(struct buf *out, const char *word, const char *text)
{
	if (text != NULL)
		buf_printf(out, "       %-8s %s\n", word, text);
}

static void
text_step(const struct printer *p, uint32_t i)
{
	uint32_t step = p->order[i];
	const struct runbook_step *s = &p->b->steps[step];

	buf_printf(p->out, "%4u.  %s", i + 1, s->name);
	if (s->after_count > 0) {
		buf_puts(p->out, "  (after ");
		put_after(p, step);
		buf_putc(p->out, ')');
	}
	if (s->p50 > 0) {
		buf_puts(p->out, "  usually ");
		put_usual(s, p->out);
	}
	buf_putc(p->out, '\n');
	put_line(p->out, "before", s->pre);
	put_line(p->out, "run", s->command);
	put_line(p->out, "person", s->manual);
	put_line(p->out, "check", s->post);
	put_line(p->out, "owner", s->owner);
	put_line(p->out, "note", s->note);
	if (s->command == NULL && s->manual == NULL)
		put_line(p->out, "nothing", s->post != NULL ? "is run: it is waited for its check" : "is to be done here: no command is known");
}

void
runbook_print_text(const struct runbook *b, const struct runbook_title *t, struct buf *out)
{
	struct printer p;

	buf_printf(out, "%s: %u steps\n", t->name, b->count);
	if (t->about != NULL)
		buf_printf(out, "%s\n", t->about);
	if (printer_init(&p, b, out))
		for (uint32_t i = 0; i < b->count; i++) {
			if (begins_wave(&p, i))
				buf_printf(out, "\nwave %u\n", b->steps[p.order[i]].wave);
			text_step(&p, i);
		}
	printer_fini(&p);
}

/* ---- Markdown ---- */

/* Text among Markdown, which makes something of these. */
static void
put_marked(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (strchr("\\`*_{}[]<>#|!", *s) != NULL)
			buf_putc(out, '\\');
		buf_putc(out, *s == '\n' ? ' ' : *s);
	}
}

static const char ticks[] = "````````````````````````````````````````````````````````````````";

/* A command as a block, fenced by more backticks than it has in a row. */
static void
put_fenced(struct buf *out, const char *word, const char *command)
{
	size_t longest = 2, row = 0;

	if (command == NULL)
		return;
	for (const char *c = command; *c != '\0'; c++) {
		row = *c == '`' ? row + 1 : 0;
		longest = FL_MAX(longest, row);
	}
	int fence = (int)FL_MIN(longest + 1, sizeof(ticks) - 1);
	buf_printf(out, "  - %s:\n\n    %.*s\n    ", word, fence, ticks);
	for (const char *c = command; *c != '\0'; c++)
		buf_puts(out, *c == '\n' ? "\n    " : (char[]){ *c, '\0' });
	buf_printf(out, "\n    %.*s\n\n", fence, ticks);
}

static void
markdown_step(const struct printer *p, uint32_t i)
{
	uint32_t step = p->order[i];
	const struct runbook_step *s = &p->b->steps[step];
	struct buf *out = p->out;

	buf_printf(out, "- [ ] **%u. ", i + 1);
	put_marked(out, s->name);
	buf_puts(out, "**");
	if (s->after_count > 0) {
		buf_puts(out, " (after ");
		put_after(p, step);
		buf_putc(out, ')');
	}
	if (s->owner != NULL) {
		buf_puts(out, ", owner ");
		put_marked(out, s->owner);
	}
	if (s->p50 > 0) {
		buf_puts(out, ", usually ");
		put_usual(s, out);
	}
	buf_puts(out, ", give up after ");
	words_duration(timeout_of(s), out);
	buf_puts(out, "\n");
	put_fenced(out, "before", s->pre);
	put_fenced(out, "run", s->command);
	if (s->manual != NULL) {
		buf_puts(out, "  - by hand: ");
		put_marked(out, s->manual);
		buf_putc(out, '\n');
	}
	put_fenced(out, "check", s->post);
	if (s->note != NULL) {
		buf_puts(out, "  - note: ");
		put_marked(out, s->note);
		buf_putc(out, '\n');
	}
	buf_puts(out, "  - began at ________  done at ________  by ____________\n");
}

void
runbook_print_markdown(const struct runbook *b, const struct runbook_title *t, struct buf *out)
{
	struct printer p;

	buf_puts(out, "# ");
	put_marked(out, t->name);
	buf_puts(out, "\n\n");
	if (t->about != NULL) {
		put_marked(out, t->about);
		buf_puts(out, "\n\n");
	}
	buf_printf(out, "%u steps. Made on ", b->count);
	words_date(t->made, false, out);
	buf_puts(out, ". A step may begin when all it stands after are done.\n");
	if (printer_init(&p, b, out))
		for (uint32_t i = 0; i < b->count; i++) {
			if (begins_wave(&p, i))
				buf_printf(out, "\n## Wave %u\n\n", b->steps[p.order[i]].wave);
			markdown_step(&p, i);
		}
	printer_fini(&p);
}

/* ---- HTML ---- */

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#1a1a1a}"
    "h1{font-size:1.5em}h2{font-size:1.1em;margin:1.6em 0 .4em;border-bottom:1px solid #ccc}"
    ".step{break-inside:avoid;border-left:3px solid #4a78b5;padding:.2em 0 .2em 1em;margin:.8em 0}"
    ".step b{font-size:1.05em}.dim{color:#666}pre{background:#f4f4f2;padding:.5em .7em;margin:.3em 0;white-space:pre-wrap;overflow-wrap:anywhere}"
    ".hand{background:#fff6dc;padding:.4em .7em;margin:.3em 0}.word{display:inline-block;width:4em;color:#666}"
    "@media print{body{margin:0;font-size:12px}pre{background:none;border:1px solid #bbb}}";

static void
put_code(struct buf *out, const char *word, const char *command)
{
	if (command == NULL)
		return;
	buf_printf(out, "<div><span class=\"word\">%s</span></div><pre>", word);
	words_safe(command, out);
	buf_puts(out, "</pre>");
}

static void
html_step(const struct printer *p, uint32_t i)
{
	uint32_t step = p->order[i];
	const struct runbook_step *s = &p->b->steps[step];
	struct buf *out = p->out;

	buf_printf(out, "<div class=\"step\"><label><input type=\"checkbox\"> <b>%u. ", i + 1);
	words_safe(s->name, out);
	buf_puts(out, "</b></label> <span class=\"dim\">");
	if (s->after_count > 0) {
		buf_puts(out, "after ");
		put_after(p, step);
		buf_puts(out, "; ");
	}
	if (s->owner != NULL) {
		buf_puts(out, "owner ");
		words_safe(s->owner, out);
		buf_puts(out, "; ");
	}
	if (s->p50 > 0) {
		buf_puts(out, "usually ");
		put_usual(s, out);
		buf_puts(out, "; ");
	}
	buf_puts(out, "give up after ");
	words_duration(timeout_of(s), out);
	buf_puts(out, "</span>");
	put_code(out, "before", s->pre);
	put_code(out, "run", s->command);
	if (s->manual != NULL) {
		buf_puts(out, "<div class=\"hand\">By hand: ");
		words_safe(s->manual, out);
		buf_puts(out, "</div>");
	}
	put_code(out, "check", s->post);
	if (s->note != NULL) {
		buf_puts(out, "<div class=\"dim\">");
		words_safe(s->note, out);
		buf_puts(out, "</div>");
	}
	buf_puts(out, "<div class=\"dim\">began ________ &nbsp; done ________ &nbsp; by ____________</div></div>\n");
}

void
runbook_print_html(const struct runbook *b, const struct runbook_title *t, struct buf *out)
{
	struct printer p;

	buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
	    "content=\"width=device-width\"><title>");
	words_safe(t->name, out);
	buf_printf(out, "</title><style>%s</style></head><body><h1>", style);
	words_safe(t->name, out);
	buf_puts(out, "</h1><p>");
	words_safe(t->about, out);
	buf_printf(out, "</p><p class=\"dim\">%u steps. Made on ", b->count);
	words_date(t->made, false, out);
	buf_puts(out, ". A step may begin when all it stands after are done.</p>\n");
	if (printer_init(&p, b, out))
		for (uint32_t i = 0; i < b->count; i++) {
			if (begins_wave(&p, i))
				buf_printf(out, "<h2>Wave %u</h2>\n", b->steps[p.order[i]].wave);
			html_step(&p, i);
		}
	buf_puts(out, "</body></html>\n");
	printer_fini(&p);
}
