/* SPDX-License-Identifier: MIT */
/* spacetime.c - see spacetime.h. */
#include "run/spacetime.h"

#include "audit/evidence.h"
#include "run/chart.h"
#include "run/words.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FONT 12.0
#define SMALL 11.0
#define MARKS_MAX 24
#define TIMES_MAX (2 * SPACETIME_OPS_MAX + MARKS_MAX)
#define LABEL_ROWS_MAX 4
#define BOX_PX 20.0
#define LABEL_PX 15.0

struct lane {
	int64_t process;
	unsigned rows;                  /* of labels above its boxes */
	double ends[LABEL_ROWS_MAX], y;
};

struct picture {
	const struct run_result *r;
	const struct verdict_evidence *e;
	const struct history *h;
	struct buf *out;
	double left, right, y;
	const struct history_op *ops;
	unsigned op_count, culprit;
	struct lane lanes[SPACETIME_OPS_MAX];
	unsigned lane_count;
	unsigned lane_of[SPACETIME_OPS_MAX], row_of[SPACETIME_OPS_MAX];
	fl_ns times[TIMES_MAX];         /* of everything that is drawn, sorted, each once */
	double x[TIMES_MAX];
	unsigned time_count;
	const struct result_mark *marks[MARKS_MAX];
	unsigned mark_count;
	bool cut;                       /* some operations are left out */
};

/* ---- what is drawn ---- */

static int
compare_times(const void *a, const void *b)
{
	const fl_ns *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* All operations, or those around the culprit when there are too many. */
static void
choose_ops(struct picture *p)
{
	unsigned from = 0, n = p->e->op_count;

	if (n > SPACETIME_OPS_MAX) {
		unsigned keep_before = SPACETIME_OPS_MAX * 3 / 4;

		from = p->e->culprit > keep_before ? p->e->culprit - keep_before : 0;
		from = FL_MIN(from, n - SPACETIME_OPS_MAX);
		n = SPACETIME_OPS_MAX;
		p->cut = true;
	}
	p->ops = p->e->ops + from;
	p->op_count = n;
	p->culprit = p->e->culprit - from;
}

static bool
has_end(const struct history_op *op)
{
	return op->outcome != HISTORY_INFO && op->complete_ns != FL_NEVER;
}

static void
choose_marks(struct picture *p)
{
	fl_ns from = FL_NEVER, to = INT64_MIN;

	for (unsigned i = 0; i < p->op_count; i++) {
		from = FL_MIN(from, p->ops[i].invoke_ns);
		to = FL_MAX(to, has_end(&p->ops[i]) ? p->ops[i].complete_ns : p->ops[i].invoke_ns);
	}
	for (uint32_t i = 0; i < p->r->mark_count && p->mark_count < MARKS_MAX; i++)
		if (p->r->marks[i].at >= from && p->r->marks[i].at <= to)
			p->marks[p->mark_count++] = &p->r->marks[i];
}

static void
gather_times(struct picture *p)
{
	unsigned n = 0, kept = 0;

	for (unsigned i = 0; i < p->op_count; i++) {
		p->times[n++] = p->ops[i].invoke_ns;
		if (has_end(&p->ops[i]))
			p->times[n++] = p->ops[i].complete_ns;
	}
	for (unsigned i = 0; i < p->mark_count; i++)
		p->times[n++] = p->marks[i]->at;
	qsort(p->times, n, sizeof(p->times[0]), compare_times);
	for (unsigned i = 0; i < n; i++)
		if (i == 0 || p->times[i] != p->times[kept - 1])
			p->times[kept++] = p->times[i];
	p->time_count = kept;
}

/* ---- where ---- */

static unsigned
time_index(const struct picture *p, fl_ns t)
{
	const fl_ns *found = bsearch(&t, p->times, p->time_count, sizeof(t), compare_times);

	return found != NULL ? (unsigned)(found - p->times) : 0;
}

static double
x_of(const struct picture *p, fl_ns t)
{
	return p->x[time_index(p, t)];
}

/* The stretches between moments: longer times get more room, but only as their logarithm grows. */
static void
place_times(struct picture *p)
{
	double total = 0, at = p->left + 14, room = p->right - p->left - 40;

	for (unsigned i = 1; i < p->time_count; i++)
		total += 1.5 + fmax(0, log10((double)(p->times[i] - p->times[i - 1]) / 1e5));
	for (unsigned i = 0; i < p->time_count; i++) {
		if (i > 0)
			at += room * (1.5 + fmax(0, log10((double)(p->times[i] - p->times[i - 1]) / 1e5))) / total;
		p->x[i] = at;
	}
}

static void
label_of(const struct picture *p, unsigned i, char *ret, size_t bytes)
{
	struct buf text;

	buf_init(&text, 2 * HISTORY_TEXT_MAX + 64);
	evidence_put_op(p->h, &p->ops[i], &text);
	size_t fit = chart_text_fit(buf_str(&text), FONT, FL_MIN(240.0, p->right - p->left));
	snprintf(ret, bytes, "%.*s%s", (int)FL_MIN(fit, bytes - 8), buf_str(&text), buf_str(&text)[fit] != '\0' ? "…" : "");
	buf_fini(&text);
}

static double
box_end(const struct picture *p, const struct history_op *op)
{
	return has_end(op) ? x_of(p, op->complete_ns) : p->right;
}

static double
label_x(const struct picture *p, unsigned i, double w)
{
	return fmax(p->left, fmin(x_of(p, p->ops[i].invoke_ns), p->right - w));
}

/* Which lane, and which row of labels in it. Operations come in order of invocation, so rows fill from the left. */
static void
place_ops(struct picture *p)
{
	char text[512];

	for (unsigned i = 0; i < p->op_count; i++) {
		unsigned l = 0, row = 0;

		while (l < p->lane_count && p->lanes[l].process != p->ops[i].process)
			l++;
		if (l == p->lane_count)
			p->lanes[p->lane_count++] = (struct lane){ .process = p->ops[i].process };
		label_of(p, i, text, sizeof(text));
		double w = chart_text_width(text, FONT), x = label_x(p, i, w);
		while (row + 1 < LABEL_ROWS_MAX && row < p->lanes[l].rows && p->lanes[l].ends[row] + 8 > x)
			row++;
		if (row == p->lanes[l].rows)
			p->lanes[l].rows++;
		p->lanes[l].ends[row] = x + w;
		p->lane_of[i] = l;
		p->row_of[i] = row;
	}
}

/* ---- drawing ---- */

static void
put_lanes(struct picture *p)
{
	char text[48];

	for (unsigned l = 0; l < p->lane_count; l++) {
		struct lane *lane = &p->lanes[l];

		lane->y = p->y;
		p->y += 8 + lane->rows * LABEL_PX + BOX_PX + 8;
		chart_rect(p->out, 0, lane->y, p->right, p->y - lane->y, l % 2 ? "lane odd" : "lane");
		snprintf(text, sizeof(text), p->left > 60 ? "client %" PRId64 : "%" PRId64, lane->process);
		chart_text(p->out, p->left - 10, p->y - 8 - BOX_PX / 2 + 4, "end", "client", text);
	}
}

static void
put_op(const struct picture *p, unsigned i)
{
	const struct history_op *op = &p->ops[i];
	const struct lane *lane = &p->lanes[p->lane_of[i]];
	double x0 = x_of(p, op->invoke_ns), x1 = box_end(p, op), box_y = lane->y + 8 + lane->rows * LABEL_PX;
	bool culprit = i == p->culprit;
	char text[512];

	label_of(p, i, text, sizeof(text));
	buf_printf(p->out, "<g class=\"op %s %s%s\"><title>", history_f_name(op->f), history_outcome_name(op->outcome), culprit ? " culprit" : "");
	words_safe(text, p->out);
	buf_puts(p->out, "\n");
	words_moment(op->invoke_ns, p->out);
	buf_puts(p->out, " to ");
	if (op->complete_ns == FL_NEVER)
		buf_puts(p->out, "never: no answer");
	else
		words_moment(op->complete_ns, p->out);
	buf_puts(p->out, "</title>");
	buf_printf(p->out, "<rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\"/>", x0, box_y,
	    fmax(x1 - x0, 4), BOX_PX);
	double w = chart_text_width(text, FONT), y = box_y - 5 - (lane->rows - 1 - p->row_of[i]) * LABEL_PX;
	chart_text(p->out, label_x(p, i, w), y, "start", "what", text);
	if (!has_end(op))
		chart_text(p->out, x1 - 6, box_y + 14, "end", "open", "outcome unknown");
	if (culprit)
		buf_printf(p->out, "<path class=\"cross\" d=\"M%.1f %.1fl8 8m0 -8l-8 8\"/>", fmax((x0 + fmax(x1, x0 + 4)) / 2 - 4, x0 - 2),
			   box_y + BOX_PX / 2 - 4);
	buf_puts(p->out, "</g>");
}

/* Names of the marks above the lanes, in as many rows as they need. */
static void
put_mark_labels(struct picture *p)
{
	struct chart_rows rows;
	int lowest = -1;

	chart_rows_init(&rows, 6);
	for (unsigned i = 0; i < p->mark_count; i++) {
		double x = x_of(p, p->marks[i]->at);
		size_t fit = chart_text_fit(p->marks[i]->text, SMALL, p->right - p->left);
		char text[200];

		snprintf(text, sizeof(text), "%.*s%s", (int)FL_MIN(fit, (size_t)190), p->marks[i]->text, p->marks[i]->text[fit] != '\0' ? "…" : "");
		double w = chart_text_width(text, SMALL), from = x + 4 + w <= p->right ? x + 4 : fmax(0, p->right - w);
		int row = chart_rows_place(&rows, from, from + w);
		if (row < 0)
			continue;
		lowest = row > lowest ? row : lowest;
		chart_text(p->out, from, p->y + row * 15 + 11, "start", p->marks[i]->bad ? "mark bad" : "mark good", text);
	}
	p->y += (lowest + 1) * 15 + (lowest >= 0 ? 6 : 0);
}

/* Digits behind the point that tell all moments apart, 3 to 6. */
static int
digits_needed(const struct picture *p)
{
	fl_ns least = FL_MS, unit = FL_MS;
	int digits = 3;

	for (unsigned i = 1; i < p->time_count; i++)
		least = FL_MIN(least, p->times[i] - p->times[i - 1]);
	for (; unit > least && digits < 6; unit /= 10)
		digits++;
	return digits;
}

/* Times along the bottom, as many as fit. */
static void
put_times(struct picture *p)
{
	int digits = digits_needed(p);
	struct chart_rows rows;
	char text[32];

	chart_rows_init(&rows, 2);
	for (unsigned i = 0; i < p->time_count; i++) {
		snprintf(text, sizeof(text), "%.*f s", digits, (double)p->times[i] / (double)FL_SEC);
		double w = chart_text_width(text, SMALL), from = fmax(0, fmin(p->x[i] - w / 2, p->right - w));
		int row = chart_rows_place(&rows, from, from + w);

		chart_rule(p->out, p->x[i], p->y, p->x[i], p->y + (row == 1 ? 16 : 4), "tickline");
		if (row >= 0)
			chart_text(p->out, from, p->y + 15 + row * 13, "start", "tick", text);
	}
	p->y += 34;
}

static void
draw(struct picture *p)
{
	put_mark_labels(p);
	double top = p->y;

	put_lanes(p);
	for (unsigned i = 0; i < p->mark_count; i++) {
		double x = x_of(p, p->marks[i]->at);

		chart_rule(p->out, x, top - 4, x, p->y, p->marks[i]->bad ? "markline bad" : "markline good");
	}
	for (unsigned i = 0; i < p->op_count; i++)
		put_op(p, i);
	put_times(p);
	if (p->cut) {
		char text[80];

		snprintf(text, sizeof(text), "%" PRIu32 " more operations are in the table", p->e->op_count - p->op_count);
		chart_text(p->out, p->left, p->y + 8, "start", "note", text);
		p->y += 16;
	}
}

void
spacetime_svg(const struct run_result *r, const struct verdict_evidence *e, double width, struct buf *out)
{
	struct picture *p = calloc(1, sizeof(*p));
	struct buf body;

	if (p == NULL || e->op_count == 0) {
		out->overflowed |= p == NULL;
		free(p);
		return;
	}
	buf_init(&body, out->max_bytes);
	*p = (struct picture){ .r = r, .e = e, .h = r->audit->history, .out = &body, .right = width, .left = width < 600 ? 34 : 84, .y = 4 };
	choose_ops(p);
	choose_marks(p);
	gather_times(p);
	place_times(p);
	place_ops(p);
	draw(p);
	buf_printf(out, "<svg class=\"spacetime %s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"The contradicting "
	    "operations, a lane for each "
		   "client\">", width < 600 ? "narrow" : "wide", width, p->y);
	buf_append(out, buf_str(&body), buf_len(&body));
	buf_puts(out, "</svg>");
	if (body.overflowed)
		out->overflowed = true;
	buf_fini(&body);
	free(p);
}
