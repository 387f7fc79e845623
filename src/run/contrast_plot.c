/* SPDX-License-Identifier: MIT */
/* contrast_plot.c - see contrast_plot.h. */
#include "run/contrast_plot.h"

#include "run/chart.h"
#include "run/words.h"
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FONT 11.0
#define COLUMNS_WIDE 200        /* of a chart: pieces of time are put together until they fit */
#define COLUMNS_NARROW 100
#define COLUMNS_MAX 200
#define LANES_MAX 8
#define LANE_PX 20.0
#define GAP_PX 14.0             /* between two charts */

/* Some buckets put together. Rates are per second; NaN: nothing is known. */
struct column {
	double from, to;                /* s since the load started */
	double asked, ok, refused, failed;
	double p50, p99;                /* ns */
	double served;                  /* requests that the servers counted */
};
struct series {
	const struct run_result *r;
	const char *name;
	unsigned count;
	struct column columns[COLUMNS_MAX];
};
struct plot {
	const struct contrast *c;
	struct buf *out;
	bool narrow;
	double left, right, y;
	struct chart_axis time;
	unsigned count;
	struct series *series;          /* CONTRAST_SIDES_MAX */
	double x[2 * COLUMNS_MAX], v[2 * COLUMNS_MAX];
};

static double
seconds(fl_ns t)
{
	return (double)t / (double)FL_SEC;
}

/* When the load of a run started, on its clock. */
static fl_ns
origin_of(const struct run_result *r)
{
	return r->load.open || r->load.bucket_count == 0 ? r->load.start : r->load.buckets[0].at;
}

/* ---- data ---- */

static void
gather(const struct result_load *l, fl_ns origin, unsigned from, unsigned to, struct column *c)
{
	double asked = 0, ok = 0, refused = 0, all = 0, ended = 0, p50 = 0, s;
	fl_ns p99 = 0;

	for (unsigned i = from; i < to; i++) {
		const struct result_bucket *b = &l->buckets[i];
		double n = (double)b->ok + b->fail + b->info;
		asked += l->open ? b->asked : n;
		ok += b->ok;
		refused += b->refused;
		all += n;
		if (n <= 0)
			continue;
		ended += n;
		p50 += n * (double)b->p50;
		p99 = FL_MAX(p99, b->p99);
	}
	*c = (struct column){ .from = seconds(l->buckets[from].at - origin), .to = seconds(l->buckets[to - 1].at + l->bucket_ns - origin) };
	s = fmax(c->to - c->from, 1e-9);
	c->asked = l->open && l->buckets[from].at >= origin + l->length ? NAN : asked / s;
	c->ok = ok / s;
	c->refused = refused / s;
	c->failed = (all - ok - refused) / s;
	c->p50 = ended > 0 ? p50 / ended : NAN;
	c->p99 = ended > 0 ? (double)p99 : NAN;
	c->served = NAN;
}

/* Spread what a server counted between two samples over the columns. */
static void
spread(struct series *s, fl_ns origin, fl_ns a, fl_ns b, double increase)
{
	const double from = seconds(a - origin), to = seconds(b - origin);

	if (to - from <= 0)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		struct column *c = &s->columns[i];
		double common = fmin(c->to, to) - fmax(c->from, from);
		if (common <= 0)
			continue;
		c->served = (isnan(c->served) ? 0 : c->served) + increase * common / (to - from) / fmax(c->to - c->from, 1e-9);
	}
}

static void
add_counter(struct series *s, fl_ns origin, const struct result_counter *k)
{
	double last = NAN;
	fl_ns last_at = 0;

	for (uint32_t i = 0; k->requests_member >= 0 && i < k->sample_count; i++) {
		double v = k->values[(size_t)i * k->member_count + (size_t)k->requests_member];
		if (isnan(v))
			continue;
		if (!isnan(last))
			spread(s, origin, last_at, k->at[i], v >= last ? v - last : v);
		last = v;
		last_at = k->at[i];
	}
}

static void
fill_series(struct series *s, const struct contrast_side *side, unsigned columns_max)
{
	const struct result_load *l = &side->r->load;
	const fl_ns origin = origin_of(side->r);
	unsigned n = l->bucket_count, group = (n + columns_max - 1) / columns_max;

	s->r = side->r;
	s->name = side->name;
	for (unsigned i = 0; i < n; i += group)
		gather(l, origin, i, FL_MIN(i + group, n), &s->columns[s->count++]);
	for (uint32_t i = 0; i < side->r->counter_count; i++)
		add_counter(s, origin, &side->r->counters[i]);
}

static double
last_second(const struct plot *p)
{
	double end = 1;

	for (unsigned i = 0; i < p->count; i++)
		if (p->series[i].count > 0)
			end = fmax(end, p->series[i].columns[p->series[i].count - 1].to);
	return end;
}

static double
field(const struct column *c, size_t offset)
{
	return *(const double *)(const void *)((const char *)c + offset);
}

/* ---- what all charts share ---- */

static void
put_time_grid(const struct plot *p, double y0, double y1, bool labels)
{
	struct chart_axis a = chart_linear(p->time.hi, p->left, p->right);
	struct chart_ticks t = chart_ticks(&a, (unsigned)fmax(2, fmin(12, (p->right - p->left) / 70)));
	char text[32];

	for (unsigned i = 0; i < t.count; i++) {
		double x = chart_at(&p->time, t.at[i]);
		if (t.at[i] > p->time.hi)
			continue;
		if (!labels) {
			chart_rule(p->out, x, y0, x, y1, "grid");
			continue;
		}
		snprintf(text, sizeof(text), "%g s", t.at[i]);
		chart_text(p->out, fmin(x, p->right), y1 + 14, x > p->right - 14 ? "end" : "middle", "tick", text);
	}
}

/* The times in which a fault was on, by the variant's own run. Instants are lines. */
static void
put_shades(const struct plot *p, const struct run_result *r, double y0, double y1)
{
	const fl_ns origin = origin_of(r);

	for (uint32_t i = 0; i < r->fault_count && i < 256; i++) {
		const struct result_fault *f = &r->faults[i];
		double x0 = chart_at(&p->time, seconds(f->from - origin));
		double x1 = f->to == FL_NEVER ? p->right : chart_at(&p->time, seconds(f->to - origin));
		if (f->to <= f->from)
			chart_rule(p->out, x0, y0, x0, y1, "markline bad");
		else
			chart_rect(p->out, x0, y0, fmax(x1 - x0, 1), y1 - y0, "shade");
	}
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
put_value_axis(const struct plot *p, const struct chart_axis *a, unsigned max, void (*label)(double, char *, size_t))
{
	struct chart_ticks t = chart_ticks(a, max);
	char text[32];

	for (unsigned i = 0; i < t.count; i++) {
		double y = chart_at(a, t.at[i]);
		chart_rule(p->out, p->left, y, p->right, y, "grid");
		label(t.at[i], text, sizeof(text));
		chart_text(p->out, p->left - 6, y + 3.5, "end", "tick", text);
	}
}

/* Begin the chart of one variant: its ground, and its name in the corner. */
static void
put_ground(struct plot *p, const struct series *s, double height)
{
	chart_rect(p->out, p->left, p->y, p->right - p->left, height, "ground");
	put_shades(p, s->r, p->y, p->y + height);
	put_time_grid(p, p->y, p->y + height, false);
}

static void
put_name(struct plot *p, const struct series *s)
{
	chart_text(p->out, p->left + 8, p->y + 15, "start", "variant", s->name);
}

/* A sum of fields as steps, two points a column. */
static unsigned
steps_of(struct plot *p, const struct series *s, const struct chart_axis *a, const size_t *fields, unsigned n)
{
	unsigned count = 0;

	for (unsigned i = 0; i < s->count; i++) {
		double v = 0;
		for (unsigned k = 0; k < n; k++)
			v += field(&s->columns[i], fields[k]);
		for (int end = 0; end < 2; end++) {
			p->x[count] = chart_at(&p->time, end ? s->columns[i].to : s->columns[i].from);
			p->v[count++] = isnan(v) ? NAN : chart_at(a, v);
		}
	}
	return count;
}

static double
highest(const struct plot *p, const size_t *fields, unsigned n)
{
	double hi = 0;

	for (unsigned i = 0; i < p->count; i++)
		for (unsigned k = 0; k < p->series[i].count; k++) {
			double v = 0;
			for (unsigned f = 0; f < n; f++)
				v += field(&p->series[i].columns[k], fields[f]);
			hi = isnan(v) ? hi : fmax(hi, v);
		}
	return hi;
}

/* ---- the charts ---- */

static void
put_requests(struct plot *p)
{
	static const struct chart_key legend[] = { { "key asked", "asked" }, { "key well", "good answers" }, { "key info", "refused" },
		{ "key fail", "late, failed, given up" } };
	static const size_t asked[] = { offsetof(struct column, asked) };
	static const size_t stack[] = { offsetof(struct column, ok), offsetof(struct column, refused), offsetof(struct column, failed) };
	static const char *const css[] = { "area good", "area info", "area fail" };
	const double height = p->narrow ? 84 : 104, hi = fmax(highest(p, asked, 1), highest(p, stack, 3));

	p->y = chart_panel(p->out, p->left, p->right, p->y + 18, "Requests per second", legend, 4) + 8;
	for (unsigned i = 0; i < p->count; i++) {
		struct chart_axis a = chart_linear(hi, p->y + height, p->y);
		const struct series *s = &p->series[i];
		unsigned n;
		put_ground(p, s, height);
		put_value_axis(p, &a, 4, rate_label);
		for (unsigned k = 3; k > 0; k--) {
			n = steps_of(p, s, &a, stack, k);
			chart_area(p->out, p->x, p->v, n, p->y + height, css[k - 1]);
		}
		n = steps_of(p, s, &a, asked, 1);
		chart_line(p->out, p->x, p->v, n, "line asked");
		put_name(p, s);
		p->y += height + GAP_PX;
	}
}

static void
put_line(struct plot *p, const struct series *s, const struct chart_axis *a, size_t offset, const char *css)
{
	for (unsigned i = 0; i < s->count; i++) {
		double v = field(&s->columns[i], offset);
		p->x[i] = chart_at(&p->time, (s->columns[i].from + s->columns[i].to) / 2);
		p->v[i] = isnan(v) ? NAN : chart_at(a, v);
	}
	chart_line(p->out, p->x, p->v, s->count, css);
}

static void
put_latency(struct plot *p)
{
	static const struct chart_key legend[] = { { "key p50", "p50" }, { "key p99", "p99" } };
	static const size_t p99[] = { offsetof(struct column, p99) };
	const double height = p->narrow ? 84 : 104, hi = highest(p, p99, 1);
	double lo = INFINITY;

	if (hi <= 0)
		return;
	for (unsigned i = 0; i < p->count; i++)
		for (unsigned k = 0; k < p->series[i].count; k++)
			lo = fmin(lo, isnan(p->series[i].columns[k].p50) ? INFINITY : fmax(p->series[i].columns[k].p50, 1000));
	p->y = chart_panel(p->out, p->left, p->right, p->y + 18, "Time to any end of a request", legend, 2) + 8;
	for (unsigned i = 0; i < p->count; i++) {
		struct chart_axis a = chart_log(lo, hi, p->y + height, p->y);
		put_ground(p, &p->series[i], height);
		put_value_axis(p, &a, 6, latency_label);
		put_line(p, &p->series[i], &a, offsetof(struct column, p99), "line p99");
		put_line(p, &p->series[i], &a, offsetof(struct column, p50), "line p50");
		put_name(p, &p->series[i]);
		p->y += height + GAP_PX;
	}
}

static void
put_servers(struct plot *p)
{
	static const struct chart_key legend[] = { { "key asked", "asked by users" }, { "key served", "seen by the servers" } };
	static const size_t asked[] = { offsetof(struct column, asked) }, served[] = { offsetof(struct column, served) };
	const double height = p->narrow ? 64 : 78, hi = fmax(highest(p, asked, 1), highest(p, served, 1));

	if (highest(p, served, 1) <= 0)
		return;
	p->y = chart_panel(p->out, p->left, p->right, p->y + 18, "Requests at the servers, per second", legend, 2) + 8;
	for (unsigned i = 0; i < p->count; i++) {
		struct chart_axis a = chart_linear(hi, p->y + height, p->y);
		const struct series *s = &p->series[i];
		unsigned n;
		put_ground(p, s, height);
		put_value_axis(p, &a, 3, rate_label);
		n = steps_of(p, s, &a, served, 1);
		chart_area(p->out, p->x, p->v, n, p->y + height, "area served");
		chart_line(p->out, p->x, p->v, n, "line served");
		n = steps_of(p, s, &a, asked, 1);
		chart_line(p->out, p->x, p->v, n, "line asked");
		put_name(p, s);
		p->y += height + GAP_PX;
	}
}

/* The disturbances as bars with their names, of the first run: those of the others come at the same times. */
static void
put_lanes(struct plot *p)
{
	const struct run_result *r = p->series[0].r;
	const fl_ns origin = origin_of(r);
	struct chart_rows rows;

	if (r->fault_count == 0)
		return;
	chart_text(p->out, p->left, p->y + 11, "start", "panel", "Disturbances");
	p->y += 18;
	chart_rows_init(&rows, LANES_MAX);
	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct result_fault *f = &r->faults[i];
		double x0 = chart_at(&p->time, seconds(f->from - origin));
		double x1 = f->to == FL_NEVER ? p->right : chart_at(&p->time, seconds(f->to - origin));
		double text = chart_text_width(f->name, FONT);
		bool instant = f->to <= f->from, inside = text + 10 <= x1 - x0, before = !inside && x1 + 6 + text > p->right;
		int row = chart_rows_place(&rows, before ? x0 - 6 - text : x0, inside || before ? fmax(x1, x0 + 4) : x1 + 6 + text);
		double y = p->y + row * LANE_PX;
		if (row < 0)
			continue;
		buf_printf(p->out, "<g class=\"fault\"><title>");
		words_safe(f->text, p->out);
		buf_puts(p->out, "</title>");
		if (instant)
			buf_printf(p->out, "<path class=\"bar\" d=\"M%.1f %.1fl5 6l-5 6l-5 -6z\"/>", x0, y + 3);
		else
			buf_printf(p->out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"15\" rx=\"3\"/>", x0, y + 1,
			    fmax(x1 - x0, 3));
		chart_text(p->out, inside ? x0 + 6 : before ? x0 - 6 : x1 + 6, y + 12.5, before ? "end" : "start", inside ? "barlabel" : "outlabel",
		    f->name);
		buf_puts(p->out, "</g>");
	}
	p->y += rows.count * LANE_PX + 4;
}

static void
draw(struct plot *p)
{
	put_lanes(p);
	put_requests(p);
	put_latency(p);
	put_servers(p);
	put_time_grid(p, p->y - GAP_PX, p->y - GAP_PX, true);
	p->y += 6;
}

static bool
fill(struct plot *p)
{
	p->series = calloc(CONTRAST_SIDES_MAX, sizeof(*p->series));
	if (p->series == NULL)
		return false;
	for (uint32_t i = 0; i < p->c->count; i++)
		if (p->c->sides[i].r != NULL && p->c->sides[i].r->load.bucket_count > 0)
			fill_series(&p->series[p->count++], &p->c->sides[i], p->narrow ? COLUMNS_NARROW : COLUMNS_WIDE);
	return true;
}

void
contrast_plot_svg(const struct contrast *c, double width, struct buf *out)
{
	struct plot *p = calloc(1, sizeof(*p));
	struct buf body;

	buf_init(&body, out->max_bytes);
	if (p != NULL) {
		*p = (struct plot){ .c = c, .out = &body, .narrow = width < 600 };
		p->left = p->narrow ? 46 : 56;
		p->right = width - (p->narrow ? 6 : 12);
		p->y = 4;
	}
	if (p == NULL || !fill(p)) {
		out->overflowed = true;
	} else if (p->count > 0) {
		p->time = (struct chart_axis){ 0, last_second(p), p->left, p->right, false };
		draw(p);
		buf_printf(out, "<svg class=\"%s\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
		    "aria-label=\"Requests, latency and load of the servers over time, by variant\">", p->narrow ? "narrow" : "wide", width, p->y);
		buf_append(out, buf_data(&body), buf_len(&body));
		buf_puts(out, "</svg>");
		out->overflowed = out->overflowed || body.overflowed;
	}
	if (p != NULL)
		free(p->series);
	free(p);
	buf_fini(&body);
}
