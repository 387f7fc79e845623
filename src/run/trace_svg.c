/* SPDX-License-Identifier: MIT */
/* trace_svg.c - see trace_svg.h. */
#include "run/trace_svg.h"

#include "run/chart.h"
#include "run/trace_say.h"
#include "run/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEFT 90.0               /* of the first lifeline */
#define BETWEEN 210.0
#define TOP 74.0
#define ROW 34.0
#define SLOPE 18.0              /* an arrow falls by so much */
#define RIGHT 330.0             /* room for labels behind the last lifeline */

static const char style[] =
    "<style>.ts text{font:12px system-ui,sans-serif;fill:#222}.ts .t{font-size:15px;font-weight:600}.ts .s{font-weight:600}"
    ".ts .m{fill:#777;font-size:11px}"
    ".ts .w{fill:#b3261e}.ts .l{stroke:#bbb;stroke-width:1.5}.ts .a{stroke:#2c5f9e;stroke-width:1.5;fill:none}"
    ".ts .b{stroke:#b3261e;stroke-width:1.8;fill:none}"
    ".ts .d{stroke-dasharray:5 4}.ts .g{fill:#fff6d6}.ts .f{fill:#b3261e}.ts .h{fill:#2c5f9e}.ts .p{fill:#fff}</style>";

/* A row: one of the two events of a call. */
struct point {
	uint32_t call;
	bool end;
	fl_ns at;
};
struct drawing {
	const struct lineage *l;
	struct buf *out;
	uint32_t mark;
	fl_ns from;
	unsigned services;
	struct trace_text service[TRACE_SVG_SERVICES_MAX];
	struct point *points;
	uint32_t count;
};

/* ---- layout ---- */

static unsigned
column(struct drawing *d, struct trace_text name)
{
	static const struct trace_text client = { .p = "client", .n = 6 };

	if (name.n == 0)
		name = client;
	for (unsigned i = 0; i < d->services; i++)
		if (trace_text_same(d->service[i], name))
			return i;
	if (d->services == TRACE_SVG_SERVICES_MAX)
		return TRACE_SVG_SERVICES_MAX - 1;
	d->service[d->services] = name;
	return d->services++;
}

static int
by_moment(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	if (x->at != y->at)
		return (x->at > y->at) - (x->at < y->at);
	if (x->end != y->end)
		return x->end - y->end;
	return (x->call > y->call) - (x->call < y->call);
}

/* A call on HTTP has two arrows, a framed message one. */
static void
lay_out(struct drawing *d, const uint32_t *calls, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct lineage_call *c = &d->l->calls[calls[i]];

		column(d, lineage_from(d->l, calls[i]));
		column(d, lineage_to(d->l, calls[i]));
		d->points[d->count++] = (struct point){ .call = calls[i], .at = lineage_start(c) };
		if (!c->framed)
			d->points[d->count++] = (struct point){ .call = calls[i], .end = true, .at = lineage_end(c) };
	}
	qsort(d->points, d->count, sizeof(*d->points), by_moment);
	d->from = d->count > 0 ? d->points[0].at : 0;
}

/* ---- parts ---- */

static void
put_label(struct drawing *d, double x, double y, const char *anchor, const char *css, struct buf *text)
{
	const char *s = buf_str(text);
	char cut[96];
	const size_t n = chart_text_fit(s, 12, RIGHT - 20);

	snprintf(cut, sizeof(cut), "%.*s%s", (int)FL_MIN(n, sizeof(cut) - 4), s, s[FL_MIN(n, sizeof(cut) - 4)] != '\0' ? "…" : "");
	chart_text(d->out, x, y, anchor, css, cut);
	buf_clear(text);
}

/* A triangle whose tip is at x, y, in the direction of (dx, dy). */
static void
put_head(struct drawing *d, double x, double y, double dx, double dy, bool wrong)
{
	const double n = hypot(dx, dy), ux = 9 * dx / n, uy = 9 * dy / n, nx = -uy * 0.45, ny = ux * 0.45;

	buf_printf(d->out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fz\" class=\"%s\"/>", x, y, x - ux + nx, y - uy + ny, x - ux - nx, y - uy - ny,
	    wrong ? "f" : "h");
}

/* stops: it does not get there, and a cross says so. */
static void
put_arrow(struct drawing *d, double x0, double y0, double x1, double y1, bool wrong, bool stops, bool dashed)
{
	buf_printf(d->out, "<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s%s\"/>", x0, y0, x1, y1, wrong ? "b" : "a", dashed ? " d" : "");
	if (stops)
		buf_printf(d->out, "<path d=\"M%.1f %.1fl10 10m0 -10l-10 10\" class=\"b\"/>", x1 - 5, y1 - 5);
	else
		put_head(d, x1, y1, x1 - x0, y1 - y0, wrong);
}

/* The faults that hit a call in a direction, once each. dir 2: any. */
static void
put_faults(struct drawing *d, const struct lineage_call *c, unsigned dir, double x, double y)
{
	const struct trace_event *last = NULL;
	struct buf text;

	buf_init(&text, 4096);
	for (uint32_t h = 0; h < FL_MIN(c->hits, TRACE_SAY_HITS_MAX); h++) {
		const struct trace_event *e = &d->l->hits[c->hit + h];

		if ((dir < 2 && e->dir != dir) || (last != NULL && trace_text_same(last->place, e->place)))
			continue;
		if (last != NULL)
			buf_puts(&text, ", ");
		trace_say_text(e->place, &text);
		buf_puts(&text, ": ");
		trace_say_text(e->what, &text);
		last = e;
	}
	if (last != NULL) {
		buf_printf(d->out, "<path d=\"M%.1f %.1fl5 5l-5 5l-5 -5z\" class=\"f\"/>", x, y - 5);
		put_label(d, x + 10, y + (c->copies > 0 ? 26 : 14), "start", "w m", &text);
	}
	buf_fini(&text);
}

static double
x_of(unsigned service)
{
	return LEFT + BETWEEN * service;
}

static void
put_message(struct drawing *d, const struct point *p, double y)
{
	const struct lineage_call *c = &d->l->calls[p->call];
	const unsigned a = column(d, lineage_from(d->l, p->call)), b = column(d, lineage_to(d->l, p->call));
	const bool lost = c->fate == LINEAGE_LOST || c->fate == LINEAGE_PENDING;
	const double x0 = x_of(a), x1 = lost ? (x_of(a) + x_of(b)) / 2 : x_of(b), step = b >= a ? 2 : -2;

	put_arrow(d, x0, y, x1 - (lost ? 0 : step), y + (lost ? SLOPE / 2 : SLOPE), lineage_bad(c), lost, false);
	if (c->copies > 0)
		put_arrow(d, (x0 + x1) / 2, y + SLOPE / 2, x1 - step, y + SLOPE + 9, true, false, true);
	put_faults(d, c, 2, (x0 + x_of(b)) / 2, y + SLOPE / 2);
}

static void
put_half(struct drawing *d, const struct point *p, double y)
{
	const struct lineage_call *c = &d->l->calls[p->call];
	const unsigned a = column(d, lineage_from(d->l, p->call)), b = column(d, lineage_to(d->l, p->call));
	const double x0 = p->end ? x_of(b) : x_of(a), x1 = p->end ? x_of(a) : x_of(b), step = x1 >= x0 ? 2 : -2;
	const bool none = p->end && (!c->answered || c->answer.status == 0);

	if (none)
		put_arrow(d, x0, y, (x0 + x1) / 2, y + SLOPE / 2, true, true, true);
	else
		put_arrow(d, x0, y, x1 - step, y + SLOPE, p->end && lineage_bad(c), false, p->end);
	put_faults(d, c, p->end ? 1 : 0, (x0 + x1) / 2, y + SLOPE / 2);
}

/* What it is, at the right of all lifelines. */
static void
put_words(struct drawing *d, const struct point *p, double y)
{
	const struct lineage_call *c = &d->l->calls[p->call];
	struct buf text;
	bool wrong;

	buf_init(&text, 8192);
	if (!p->end) {
		trace_say_name(d->l, p->call, &text);
		if (!c->framed) {
			buf_putc(&text, ' ');
			trace_say_text(c->request.what, &text);
			buf_putc(&text, ' ');
			trace_say_text(c->request.text, &text);
		}
	}
	if (p->end && c->answered && c->answer.status != 0)
		buf_printf(&text, "%u", c->answer.status);
	else if (p->end)
		buf_puts(&text, "no answer");
	if (c->framed && lineage_bad(c))
		buf_puts(&text, c->fate == LINEAGE_LOST ? ": lost" : c->fate == LINEAGE_CUT ? ": cut" : ": changed");
	if (c->framed && c->copies > 0)
		buf_puts(&text, ": went out more than once");
	if (c->doubles > 0 && !p->end)
		buf_puts(&text, ": again");
	wrong = p->end ? lineage_bad(c) : c->doubles > 0 || (c->framed && (lineage_bad(c) || c->copies > 0));
	put_label(d, x_of(d->services - 1) + 14, y + 12, "start", wrong ? "w" : "", &text);
	buf_fini(&text);
}

static void
put_row(struct drawing *d, uint32_t i)
{
	const struct point *p = &d->points[i];
	const double y = TOP + ROW * i;
	struct buf text;

	if (p->call == d->mark)
		chart_rect(d->out, 0, y - 8, x_of(d->services - 1) + RIGHT, ROW - 2, "g");
	buf_init(&text, 256);
	trace_say_moment(p->at, d->from, &text);
	put_label(d, 6, y + 4, "start", "m", &text);
	buf_fini(&text);
	if (d->l->calls[p->call].framed)
		put_message(d, p, y);
	else
		put_half(d, p, y);
	put_words(d, p, y);
}

static void
put_services(struct drawing *d, double bottom)
{
	char name[64];

	for (unsigned i = 0; i < d->services; i++) {
		snprintf(name, sizeof(name), "%.*s", (int)FL_MIN(d->service[i].n, 26u), d->service[i].p);
		chart_rule(d->out, x_of(i), TOP - 16, x_of(i), bottom, "l");
		chart_text(d->out, x_of(i), TOP - 24, "middle", "s", name);
	}
}

void
trace_svg(const struct lineage *l, const uint32_t *calls, uint32_t n, uint32_t mark, const char *title, struct buf *out)
{
	const uint32_t shown = FL_MIN(n, TRACE_SVG_CALLS_MAX);
	struct drawing d = { .l = l, .out = out, .mark = mark };
	char more[64];
	double width, height;

	d.points = calloc(2 * (size_t)shown + 1, sizeof(*d.points));
	if (d.points == NULL || shown == 0) {
		free(d.points);
		return;
	}
	lay_out(&d, calls, shown);
	width = x_of(d.services - 1) + RIGHT;
	height = TOP + ROW * d.count + (n > shown ? 30 : 6);
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\" "
	    "class=\"ts\" style=\"width:%.0fpx;max-width:none\">", width, height, width, height, width);
	buf_puts(out, style);
	chart_rect(out, 0, 0, width, height, "p");
	chart_text(out, 6, 22, "start", "t", title);
	put_services(&d, TOP + ROW * d.count - 4);
	for (uint32_t i = 0; i < d.count; i++)
		put_row(&d, i);
	snprintf(more, sizeof(more), "and %u more", n - shown);
	if (n > shown)
		chart_text(out, 6, height - 10, "start", "m", more);
	buf_puts(out, "</svg>\n");
	free(d.points);
}
