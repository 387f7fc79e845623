/* SPDX-License-Identifier: MIT */
/* chart.c - see chart.h. */
#include "run/chart.h"

#include "run/words.h"
#include <math.h>
#include <string.h>

#define LABEL_GAP 8.0
#define PANEL_FONT 11.0
#define PANEL_LINE 15.0
#define KEY_ROOM 28.0           /* a key's line and the space behind its text */
#define EM 0.61                 /* mean width of a character in a sans-serif font */

/* (1) */
static double
finite_or(double v, double otherwise)
{
	return isfinite(v) ? v : otherwise;
}

/* The round number (1, 2, 5 times a power of ten) that is not below v > 0. */
static double
round_up(double v)
{
	double power = pow(10, floor(log10(v))), m = v / power;

	return (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10) * power;
}

struct chart_axis
chart_linear(double hi, double p0, double p1)
{
	struct chart_axis a = { 0, 1, p0, p1, false };

	hi = finite_or(hi, 0);
	if (hi > 1e-9 && hi < 1e15) {
		double step = round_up(hi / 4);

		a.hi = ceil(hi / step - 1e-9) * step;
	}
	return a;
}

struct chart_axis
chart_log(double lo, double hi, double p0, double p1)
{
	lo = finite_or(lo, 0);
	hi = finite_or(hi, 0);
	if (!(hi > 0))
		hi = lo = 1;
	if (!(lo > 0) || lo > hi)
		lo = hi;
	lo = fmax(lo, hi / 1e9) * 0.8;
	hi *= 1.25;
	if (hi / lo < 10) {
		double middle = sqrt(lo * hi);

		lo = middle / sqrt(10);
		hi = middle * sqrt(10);
	}
	return (struct chart_axis){ lo, hi, p0, p1, true };
}

double
chart_at(const struct chart_axis *a, double v)
{
	double share;

	if (isnan(v))
		v = a->lo;
	v = fmin(fmax(v, a->lo), a->hi);
	share = a->log ? log(v / a->lo) / log(a->hi / a->lo) : (v - a->lo) / (a->hi - a->lo);
	return a->p0 + share * (a->p1 - a->p0);
}

static void
add_tick(struct chart_ticks *t, const struct chart_axis *a, double v)
{
	double slack = (a->hi - a->lo) * 1e-9;

	/* Adding 0 makes a 0 of a -0. */
	if (t->count < CHART_TICKS_MAX && v >= a->lo - slack && v <= a->hi + slack)
		t->at[t->count++] = v + 0.0;
}

/* Ticks at m times powers of ten, for the m in the list. */
static struct chart_ticks
log_ticks(const struct chart_axis *a, const double *m, unsigned n, unsigned every)
{
	struct chart_ticks t = { .count = 0 };
	int first = (int)floor(log10(a->lo));

	for (int e = first; e <= (int)ceil(log10(a->hi)) && t.count < CHART_TICKS_MAX; e++) {
		/* Decades that are left out must not depend on where the axis begins. */
		if (((e % (int)every) + (int)every) % (int)every != 0)
			continue;
		for (unsigned i = 0; i < n; i++)
			add_tick(&t, a, m[i] * pow(10, e));
	}
	return t;
}

struct chart_ticks
chart_ticks(const struct chart_axis *a, unsigned max)
{
	static const double fine[] = { 1, 2, 5 }, coarse[] = { 1, 3 }, decades[] = { 1 };
	struct chart_ticks t = { .count = 0 };

	if (!a->log) {
		double step = round_up((a->hi - a->lo) / max);

		for (double i = ceil(a->lo / step - 1e-9); t.count < max + 1 && i * step <= a->hi * (1 + 1e-9); i++)
			add_tick(&t, a, i * step);
		return t;
	}
	t = log_ticks(a, fine, 3, 1);
	if (t.count > max)
		t = log_ticks(a, coarse, 2, 1);
	for (unsigned every = 1; t.count > max && every < 8; every++)
		t = log_ticks(a, decades, 1, every);
	return t;
}

double
chart_text_width(const char *s, double font_px)
{
	double n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n * font_px * EM;
}

size_t
chart_text_fit(const char *s, double font_px, double width)
{
	size_t i = 0;

	for (double w = 0; s[i] != '\0'; w += font_px * EM) {
		size_t n = 1;

		while (((unsigned char)s[i + n] & 0xc0) == 0x80)
			n++;
		if (w + font_px * EM > width)
			break;
		i += n;
	}
	return i;
}

void
chart_text(struct buf *out, double x, double y, const char *anchor, const char *css, const char *s)
{
	buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, css);
	words_safe(s, out);
	buf_puts(out, "</text>");
}

void
chart_rect(struct buf *out, double x, double y, double w, double h, const char *css)
{
	buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>", x, y, fmax(w, 0), fmax(h, 0), css);
}

void
chart_rule(struct buf *out, double x0, double y0, double x1, double y1, const char *css)
{
	buf_printf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>", x0, y0, x1, y1, css);
}

void
chart_line(struct buf *out, const double *x, const double *y, size_t n, const char *css)
{
	bool open = false;

	buf_printf(out, "<path class=\"%s\" d=\"", css);
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n || isnan(y[i + 1]);

		if (!isnan(y[i]) && !open)
			buf_printf(out, "M%.1f %.1f%s", x[i], y[i], last ? "h.01" : "");
		else if (!isnan(y[i]))
			buf_printf(out, "L%.1f %.1f", x[i], y[i]);
		open = !isnan(y[i]);
	}
	buf_puts(out, "\"/>");
}

void
chart_area(struct buf *out, const double *x, const double *y, size_t n, double base, const char *css)
{
	if (n == 0)
		return;
	buf_printf(out, "<path class=\"%s\" d=\"M%.1f %.1f", css, x[0], base);
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "L%.1f %.1f", x[i], isnan(y[i]) ? base : y[i]);
	buf_printf(out, "L%.1f %.1fZ\"/>", x[n - 1], base);
}

double
chart_panel(struct buf *out, double left, double right, double y, const char *title, const struct chart_key *keys, unsigned n)
{
	double w = 0, x;

	for (unsigned i = 0; i < n; i++)
		w += chart_text_width(keys[i].text, PANEL_FONT) + KEY_ROOM;
	chart_text(out, left, y, "start", "panel", title);
	x = right - w + 8;
	if (x < left + chart_text_width(title, PANEL_FONT + 1) + 20) {
		y += PANEL_LINE;
		x = left;
	}
	for (unsigned i = 0; i < n; i++) {
		w = chart_text_width(keys[i].text, PANEL_FONT);
		if (x > left && x + 14 + w > right) {
			y += PANEL_LINE;
			x = left;
		}
		chart_rule(out, x, y - 4, x + 10, y - 4, keys[i].css);
		chart_text(out, x + 14, y, "start", "legend", keys[i].text);
		x += w + KEY_ROOM;
	}
	return y;
}

void
chart_rows_init(struct chart_rows *r, unsigned max)
{
	r->count = 0;
	r->max = FL_MIN(max, (unsigned)CHART_ROWS_MAX);
}

int
chart_rows_place(struct chart_rows *r, double x0, double x1)
{
	unsigned i = 0;

	while (i < r->count && r->end[i] + LABEL_GAP > x0)
		i++;
	if (i == r->max)
		return -1;
	if (i == r->count)
		r->count++;
	r->end[i] = x1;
	return (int)i;
}
