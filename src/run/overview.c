/* SPDX-License-Identifier: MIT */
/* overview.c - see overview.h. */
#include "run/overview.h"

#include "run/chart.h"
#include "run/words.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FONT 11.0
#define COLUMNS_MAX 900         /* a page shows no more than that; buckets are put together until they fit */
#define LANES_MAX 12
#define LANE_PX 20.0
#define MARK_ROWS_MAX 5
#define TOP_PX 4.0
#define MARKS_MAX 200
#define MARK_PX 15.0
#define PROBES_MAX 16
#define SHADES_MAX 256

/* Some buckets put together. Rates are per second. */
struct column {
	fl_ns at, end;
	double ok, fail, info, asked;
	double p50, p95, p99, max;      /* ns; NaN: nothing completed */
};

struct overview {
	const struct run_result *r;
	struct buf *out;
	double width, left, right, y;
	bool narrow;
	struct chart_axis time;         /* seconds */
	struct column columns[COLUMNS_MAX];
	unsigned column_count;
	double x[COLUMNS_MAX * 2], v[COLUMNS_MAX * 2];
	double top;                     /* where the panels begin */
	int mark_row[MARKS_MAX];        /* of the label; -1: none */
};

static double
seconds(fl_ns t)
{
	return (double)t / (double)FL_SEC;
}

/* ---- data ---- */

static void
gather(const struct result_load *l, unsigned from, unsigned to, struct column *c)
{
	double ok = 0, fail = 0, info = 0, asked = 0, total = 0, p50 = 0, p95 = 0;
	fl_ns p99 = 0, max = 0;

	for (unsigned i = from; i < to; i++) {
		const struct result_bucket *b = &l->buckets[i];
		double n = (double)b->ok + b->fail + b->info;

		ok += b->ok;
		asked += b->asked;
		fail += b->fail;
		info += b->info;
		if (b->max <= 0)
			continue;
		total += n;
		p50 += n * (double)b->p50;
		p95 += n * (double)b->p95;
		p99 = FL_MAX(p99, b->p99);
		max = FL_MAX(max, b->max);
	}
	c->at = l->buckets[from].at;
	c->end = l->buckets[to - 1].at + l->bucket_ns;
	double s = fmax(seconds(c->end - c->at), 1e-9);
	c->ok = ok / s;
	c->fail = fail / s;
	c->info = info / s;
	c->asked = asked / s;
	c->p50 = total > 0 ? p50 / total : NAN;
	c->p95 = total > 0 ? p95 / total : NAN;
	c->p99 = total > 0 ? (double)p99 : NAN;
	c->max = total > 0 ? (double)max : NAN;
}

static unsigned
fill_columns(const struct run_result *r, unsigned columns_max, struct column *columns)
{
	unsigned n = r->load.bucket_count, group = (n + columns_max - 1) / columns_max, count = 0;

	for (unsigned i = 0; i < n; i += group)
		gather(&r->load, i, FL_MIN(i + group, n), &columns[count++]);
	return count;
}

/* When the picture ends: with the run, or what is shown of it. */
static double
last_second(const struct run_result *r)
{
	double end = seconds(r->duration_ns);

	if (r->load.bucket_count > 0)
		end = fmax(end, seconds(r->load.buckets[r->load.bucket_count - 1].at + r->load.bucket_ns));
	return end > 0 ? end : 1;
}

/* ---- the time axis ---- */

/* The fineness at which whole steps of time are marked. */
static double
time_step(double span, unsigned max)
{
	static const double steps[] = { 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400,
		43200, 86400 };
	size_t i = 0;

	while (i + 1 < FL_ARRAY_LEN(steps) && span / steps[i] > max)
		i++;
	return fmax(steps[i], span / max);
}

static void
time_label(double t, double span, double step, char *ret, size_t bytes)
{
	unsigned s = (unsigned)(t + 0.5);

	if (span >= 7200)
		snprintf(ret, bytes, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
	else if (span >= 180)
		snprintf(ret, bytes, "%u:%02u", s / 60, s % 60);
	else
		snprintf(ret, bytes, step < 0.1 ? "%.2f s" : step < 1 ? "%.1f s" : "%.0f s", t);
}

static unsigned
time_ticks_max(const struct overview *o)
{
	return (unsigned)fmax(2, fmin(CHART_TICKS_MAX, (o->right - o->left) / 64));
}

/* Vertical lines through what stands between y0 and y1, and with labels the axis below it. */
static void
put_time_axis(const struct overview *o, double y0, double y1, bool labels)
{
	double step = time_step(o->time.hi, time_ticks_max(o));
	char text[32];

	for (double t = 0; t <= o->time.hi * (1 + 1e-9); t += step) {
		double x = chart_at(&o->time, t);
		bool at_edge = x > o->right - 14;

		if (!labels) {
			chart_rule(o->out, x, y0, x, y1, "grid");
			continue;
		}
		time_label(t, o->time.hi, step, text, sizeof(text));
		chart_text(o->out, at_edge ? o->right : x, y1 + 14, at_edge ? "end" : "middle", "tick", text);
	}
}

/* ---- fault lanes and marks ---- */

struct shade {
	double x0, x1;
};

static int
compare_shades(const void *a, const void *b)
{
	const struct shade *x = a, *y = b;

	return (x->x0 > y->x0) - (x->x0 < y->x0);
}

/* The times in which any fault was there, shaded once however many there are. */
static void
put_shades(const struct overview *o, double y0, double y1)
{
	struct shade shades[SHADES_MAX];
	unsigned n = 0, kept = 0;

	for (uint32_t i = 0; i < o->r->fault_count && n < SHADES_MAX; i++) {
		const struct result_fault *f = &o->r->faults[i];

		if (f->to <= f->from)
			continue;
		shades[n].x0 = chart_at(&o->time, seconds(f->from));
		shades[n++].x1 = chart_at(&o->time, f->to == FL_NEVER ? o->time.hi : seconds(f->to));
	}
	qsort(shades, n, sizeof(shades[0]), compare_shades);
	for (unsigned i = 1; i < n; i++) {
		if (shades[i].x0 <= shades[kept].x1)
			shades[kept].x1 = fmax(shades[kept].x1, shades[i].x1);
		else
			shades[++kept] = shades[i];
	}
	for (unsigned i = 0; n > 0 && i <= kept; i++)
		chart_rect(o->out, shades[i].x0, y0, fmax(shades[i].x1 - shades[i].x0, 1), y1 - y0, "shade");
}

static void
put_title(const struct result_fault *f, struct buf *out)
{
	buf_puts(out, "<title>");
	words_safe(f->name, out);
	buf_puts(out, " — ");
	words_safe(f->place, out);
	buf_puts(out, "\n");
	words_safe(f->text, out);
	buf_puts(out, "\n");
	words_moment(f->from, out);
	if (f->to != f->from) {
		buf_puts(out, " to ");
		words_moment(f->to, out);
	}
	if (!f->landed)
		buf_puts(out, "\nit did nothing");
	buf_puts(out, "</title>");
}

static const struct result_fault **
sorted_faults(const struct run_result *r)
{
	const struct result_fault **list = calloc((size_t)r->fault_count + 1, sizeof(list[0]));

	for (uint32_t i = 0; list != NULL && i < r->fault_count; i++) {
		uint32_t at = i;

		/* Nearly sorted already: they come in order of the experiment. */
		for (; at > 0 && list[at - 1]->from > r->faults[i].from; at--)
			list[at] = list[at - 1];
		list[at] = &r->faults[i];
	}
	return list;
}

/* One fault: a bar, or a diamond for an instant, and its name inside or beside it. returns false when there is no row for it. */
static bool
put_fault(struct overview *o, const struct result_fault *f, struct chart_rows *rows)
{
	double x0 = chart_at(&o->time, seconds(f->from)), x1 = chart_at(&o->time, f->to == FL_NEVER ? o->time.hi : seconds(f->to));
	double text = chart_text_width(f->name, FONT), label_x = x1 + 5;
	bool instant = f->to <= f->from, inside = !instant && text + 10 <= x1 - x0, before = !inside && label_x + text > o->right;
	bool fits = inside || label_x + text <= o->right || x0 - 5 - text >= o->left;

	if (instant)
		label_x = x0 + 8;
	double from = before && fits ? x0 - 5 - text : x0 - (instant ? 5 : 0), to = inside || before || !fits ? fmax(x1, x0 + 5) : label_x + text;
	int row = chart_rows_place(rows, from, to);
	if (row < 0)
		return false;
	double y = o->y + row * LANE_PX;

	buf_printf(o->out, "<g class=\"fault%s\">", f->landed ? "" : " idle");
	put_title(f, o->out);
	if (instant)
		buf_printf(o->out, "<path class=\"bar\" d=\"M%.1f %.1fl5 6l-5 6l-5 -6z\"/>", x0, y + 3);
	else
		buf_printf(o->out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"15\" rx=\"3\"/>", x0, y + 1, fmax(x1 - x0, 3));
	if (inside)
		chart_text(o->out, x0 + 6, y + 12.5, "start", "barlabel", f->name);
	else if (fits)
		chart_text(o->out, before ? x0 - 5 - (instant ? 3 : 0) : label_x, y + 12.5, before ? "end" : "start", "outlabel", f->name);
	buf_puts(o->out, "</g>");
	return true;
}

static void
put_lanes(struct overview *o)
{
	const struct result_fault **list = sorted_faults(o->r);
	struct chart_rows rows;
	unsigned left_out = 0;
	char text[64];

	if (list == NULL || o->r->fault_count == 0) {
		free(list);
		return;
	}
	chart_text(o->out, o->left, o->y + 11, "start", "panel", "Faults");
	o->y += 18;
	chart_rows_init(&rows, LANES_MAX);
	for (uint32_t i = 0; i < o->r->fault_count; i++)
		left_out += !put_fault(o, list[i], &rows);
	o->y += rows.count * LANE_PX;
	if (left_out > 0) {
		snprintf(text, sizeof(text), "and %u more, see the table below", left_out);
		chart_text(o->out, o->left, o->y + 12, "start", "note", text);
		o->y += 16;
	}
	o->y += 8;
	free(list);
}

/* The row of a mark's label at from..to: the first in which it touches neither a label nor the line of one further down. */
static int
mark_row(double (*taken)[2], unsigned n, const int *rows, double from, double to)
{
	for (int row = 0; row < MARK_ROWS_MAX; row++) {
		bool free_here = true;

		for (unsigned i = 0; i < n; i++)
			free_here &= rows[i] != row || to + 10 < taken[i][0] || from - 10 > taken[i][1];
		if (free_here)
			return row;
	}
	return -1;
}

/* Names of the marks, above everything; their lines are drawn when it is known how far down they go. */
static void
put_mark_labels(struct overview *o)
{
	double taken[MARKS_MAX][2];
	int lowest = -1;

	for (uint32_t i = 0; i < o->r->mark_count && i < MARKS_MAX; i++) {
		const struct result_mark *m = &o->r->marks[i];
		double x = chart_at(&o->time, seconds(m->at));
		size_t fit = chart_text_fit(m->text, FONT, o->right - o->left - 20);
		char text[160];

		snprintf(text, sizeof(text), "%.*s%s", (int)FL_MIN(fit, (size_t)150), m->text, m->text[fit] != '\0' ? "…" : "");
		double w = chart_text_width(text, FONT), from = x + 4 + w <= o->right ? x + 4 : fmax(o->left, x - 4 - w);

		o->mark_row[i] = mark_row(taken, i, o->mark_row, from, from + w);
		taken[i][0] = from;
		taken[i][1] = from + w;
		if (o->mark_row[i] < 0)
			continue;
		lowest = FL_MAX(lowest, o->mark_row[i]);
		chart_text(o->out, from, o->y + o->mark_row[i] * MARK_PX + 11, "start", m->bad ? "mark bad" : "mark good", text);
	}
	o->y += lowest >= 0 ? (lowest + 1) * MARK_PX + 6 : 0;
}

static void
put_mark_lines(const struct overview *o, double y0, double y1, struct buf *out)
{
	for (uint32_t i = 0; i < o->r->mark_count && i < MARKS_MAX; i++) {
		double x = chart_at(&o->time, seconds(o->r->marks[i].at)), from = y0 + FL_MAX(o->mark_row[i], 0) * MARK_PX;

		chart_rule(out, x, from, x, y1, o->r->marks[i].bad ? "markline bad" : "markline good");
	}
}

/* ---- panels ---- */

static void
latency_label(double ns, char *ret, size_t bytes)
{
	if (ns < 999.5e3)
		snprintf(ret, bytes, "%.3g µs", ns / 1e3);
	else if (ns < 999.5e6)
		snprintf(ret, bytes, "%.3g ms", ns / 1e6);
	else
		snprintf(ret, bytes, "%.3g s", ns / 1e9);
}

static void
rate_label(double v, char *ret, size_t bytes)
{
	if (v >= 1e6)
		snprintf(ret, bytes, "%.3gM", v / 1e6);
	else if (v >= 10000)
		snprintf(ret, bytes, "%.3gk", v / 1e3);
	else
		snprintf(ret, bytes, v >= 100 ? "%.0f" : "%.3g", v);
}

static void
put_value_axis(const struct overview *o, const struct chart_axis *a, unsigned max, void (*label)(double, char *, size_t))
{
	struct chart_ticks t = chart_ticks(a, max);
	char text[32];

	for (unsigned i = 0; i < t.count; i++) {
		double y = chart_at(a, t.at[i]);

		chart_rule(o->out, o->left, y, o->right, y, "grid");
		label(t.at[i], text, sizeof(text));
		chart_text(o->out, o->left - 6, y + 3.5, "end", "tick", text);
	}
}

/* A series as steps (two points a column), for rates. Stacked on `below` (may be NULL). */
static unsigned
steps_of(struct overview *o, const struct chart_axis *a, size_t field, size_t below)
{
	unsigned n = 0;

	for (unsigned i = 0; i < o->column_count; i++) {
		const struct column *c = &o->columns[i];
		double v = *(const double *)(const void *)((const char *)c + field);

		if (below != field)
			v += *(const double *)(const void *)((const char *)c + below);
		for (int end = 0; end < 2; end++) {
			o->x[n] = chart_at(&o->time, seconds(end ? c->end : c->at));
			o->v[n++] = chart_at(a, v);
		}
	}
	return n;
}

static void
put_frame(const struct overview *o, double y0, double y1)
{
	put_shades(o, y0, y1);
	put_time_axis(o, y0, y1, false);
}

static void
put_throughput(struct overview *o)
{
	static const struct chart_key legend[] = { { "key ok", "ok" }, { "key asked", "asked" } };
	const bool open = o->r->load.open;
	double hi = 0, height = o->narrow ? 90 : 110;

	const char *title = open ? "Requests per second" : "Throughput, operations per second";
	o->y = chart_panel(o->out, o->left, o->right, o->y + 14, title, legend, open ? 2 : 1) + 7;
	for (unsigned i = 0; i < o->column_count; i++)
		hi = fmax(hi, fmax(o->columns[i].ok, o->columns[i].asked));
	struct chart_axis a = chart_linear(hi, o->y + height, o->y);
	put_frame(o, o->y, o->y + height);
	put_value_axis(o, &a, 4, rate_label);
	unsigned n = steps_of(o, &a, offsetof(struct column, ok), offsetof(struct column, ok));
	chart_area(o->out, o->x, o->v, n, o->y + height, "area ok");
	chart_line(o->out, o->x, o->v, n, "line ok");
	if (open) {
		n = steps_of(o, &a, offsetof(struct column, asked), offsetof(struct column, asked));
		chart_line(o->out, o->x, o->v, n, "line asked");
	}
	o->y += height + 12;
}

static void
put_latency(struct overview *o)
{
	static const struct chart_key legend[] = { { "key p50", "p50" }, { "key p95", "p95" }, { "key p99", "p99" }, { "key pmax", "max" } };
	static const struct { const char *css; size_t field; } series[] = { { "line pmax", offsetof(struct column, max) },
		{ "line p99", offsetof(struct column, p99) }, { "line p95", offsetof(struct column, p95) }, { "line p50",
		    offsetof(struct column, p50) } };
	double lo = INFINITY, hi = 0, height = o->narrow ? 120 : 140;

	o->y = chart_panel(o->out, o->left, o->right, o->y + 14, "Latency", legend, 4) + 7;
	for (unsigned i = 0; i < o->column_count; i++) {
		if (isnan(o->columns[i].max))
			continue;
		lo = fmin(lo, fmax(o->columns[i].p50, 1000));
		hi = fmax(hi, o->columns[i].max);
	}
	struct chart_axis a = chart_log(lo, hi, o->y + height, o->y);
	put_frame(o, o->y, o->y + height);
	if (hi > 0)
		put_value_axis(o, &a, 7, latency_label);
	else
		chart_text(o->out, (o->left + o->right) / 2, o->y + height / 2, "middle", "note", "no operation completed");
	for (size_t s = 0; s < FL_ARRAY_LEN(series); s++) {
		for (unsigned i = 0; i < o->column_count; i++) {
			double v = *(const double *)(const void *)((const char *)&o->columns[i] + series[s].field);

			o->x[i] = chart_at(&o->time, seconds(o->columns[i].at + o->columns[i].end) / 2);
			o->v[i] = isnan(v) ? NAN : chart_at(&a, v);
		}
		chart_line(o->out, o->x, o->v, o->column_count, series[s].css);
	}
	o->y += height + 12;
}

static void
put_errors(struct overview *o)
{
	static const struct chart_key legend[] = { { "key fail", "failed" }, { "key info", "unknown outcome" } };
	double hi = 0, height = 64;

	o->y = chart_panel(o->out, o->left, o->right, o->y + 14, "Errors, per second", legend, 2) + 7;
	for (unsigned i = 0; i < o->column_count; i++)
		hi = fmax(hi, o->columns[i].fail + o->columns[i].info);
	height = hi > 0 ? height : 26;
	struct chart_axis a = chart_linear(hi, o->y + height, o->y);
	put_frame(o, o->y, o->y + height);
	if (hi > 0) {
		put_value_axis(o, &a, 3, rate_label);
		unsigned n = steps_of(o, &a, offsetof(struct column, info), offsetof(struct column, fail));
		chart_area(o->out, o->x, o->v, n, o->y + height, "area info");
		n = steps_of(o, &a, offsetof(struct column, fail), offsetof(struct column, fail));
		chart_area(o->out, o->x, o->v, n, o->y + height, "area fail");
	} else {
		chart_rule(o->out, o->left, o->y + height, o->right, o->y + height, "grid");
		chart_text(o->out, o->left + 8, o->y + 17, "start", "note", "none");
	}
	o->y += height + 12;
}

/* Checks of one probe: a strip of coloured pieces, red where any check in the piece failed. */
static void
put_probe(struct overview *o, const struct result_probe *p)
{
	double last = -1e9;
	int pending = -1;
	size_t fit = chart_text_fit(p->name, FONT, o->right - o->left - 20);
	char text[160];

	snprintf(text, sizeof(text), "%.*s%s", (int)FL_MIN(fit, (size_t)150), p->name, p->name[fit] != '\0' ? "…" : "");
	chart_text(o->out, o->left + 4, o->y + 10, "start", "legend", text);
	o->y += 14;
	chart_rect(o->out, o->left, o->y, o->right - o->left, 8, "track");
	for (uint32_t i = 0; i < p->sample_count; i++) {
		double x = floor(chart_at(&o->time, seconds(p->samples[i].at)));
		int state = p->samples[i].held ? 0 : 1;

		if (x - last < 3 && pending >= state)
			continue;
		chart_rect(o->out, fmin(x - last < 3 ? last : x, o->right - 3), o->y, 3, 8, state ? "sample bad" : "sample good");
		last = x - last < 3 ? last : x;
		pending = state;
	}
	o->y += 8 + 8;
}

static void
put_probes(struct overview *o)
{
	if (o->r->probe_count == 0)
		return;
	static const struct chart_key legend[] = { { "key good", "held" }, { "key bad", "did not" } };
	o->y = chart_panel(o->out, o->left, o->right, o->y + 14, "Probes", legend, 2) + 7;
	double top = o->y;
	uint32_t shown = FL_MIN(o->r->probe_count, (uint32_t)PROBES_MAX);

	put_frame(o, top, top + shown * 30.0 - 4);
	for (uint32_t i = 0; i < shown; i++)
		put_probe(o, &o->r->probes[i]);
}

static void
draw(struct overview *o)
{
	put_mark_labels(o);
	put_lanes(o);
	o->top = o->y;
	if (o->column_count > 0) {
		put_throughput(o);
		put_latency(o);
		put_errors(o);
	}
	put_probes(o);
	put_time_axis(o, o->y - 8, o->y - 8, true);
	o->y += 12;
}

void
overview_svg(const struct run_result *r, double width, struct buf *out)
{
	struct overview *o = calloc(1, sizeof(*o));
	struct buf body;

	if (o == NULL) {
		out->overflowed = true;
		return;
	}
	buf_init(&body, out->max_bytes);
	*o = (struct overview){ .r = r, .out = &body, .width = width, .narrow = width < 600 };
	o->left = o->narrow ? 46 : 56;
	o->right = width - (o->narrow ? 6 : 12);
	o->time = (struct chart_axis){ 0, last_second(r), o->left, o->right, false };
	o->column_count = fill_columns(r, (unsigned)fmin(COLUMNS_MAX, fmax(1, o->right - o->left)), o->columns);
	o->y = TOP_PX;
	draw(o);
	buf_printf(out, "<svg class=\"overview %s\" viewBox=\"0 0 %.0f %.0f\" data-left=\"%.0f\" data-right=\"%.0f\" data-span=\"%.3f\" "
		   "data-top=\"%.0f\" role=\"img\" aria-label=\"Faults, throughput, latency, errors and probes over time\">",
		   o->narrow ? "narrow" : "wide", width, o->y, o->left, o->right, o->time.hi, o->top);
	/* Below everything, so that they cross no text. */
	put_mark_lines(o, TOP_PX, o->y - 20, out);
	buf_append(out, buf_str(&body), buf_len(&body));
	chart_rule(out, 0, o->top, 0, o->y - 20, "cursor");
	buf_puts(out, "</svg>");
	if (body.overflowed)
		out->overflowed = true;
	buf_fini(&body);
	free(o);
}

static void
put_ms(double ns, struct buf *out)
{
	if (isnan(ns))
		buf_puts(out, ",null");
	else
		buf_printf(out, ",%.3f", ns / 1e6);
}

void
overview_columns(const struct run_result *r, struct buf *out)
{
	struct column *columns = calloc(COLUMNS_MAX, sizeof(columns[0]));

	buf_putc(out, '[');
	unsigned n = columns != NULL ? fill_columns(r, COLUMNS_MAX, columns) : 0;
	for (unsigned i = 0; i < n; i++) {
		const struct column *c = &columns[i];

		buf_printf(out, "%s[%.3f,%.3f,%.1f,%.1f,%.1f", i > 0 ? "," : "", seconds(c->at), seconds(c->end - c->at), c->ok, c->fail, c->info);
		put_ms(c->p50, out);
		put_ms(c->p95, out);
		put_ms(c->p99, out);
		put_ms(c->max, out);
		buf_putc(out, ']');
	}
	buf_putc(out, ']');
	free(columns);
}
