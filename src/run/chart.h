/* SPDX-License-Identifier: MIT */
/*
 * chart.h - the parts that pictures in reports are made of: axes, ticks, lines, labels that do not run into each other. Pure.
 *
 * Pictures are SVG inside HTML. Sizes are CSS pixels; colours come from the page's style sheet by class. Lack of room shows in
 * the buffer's overflowed alone.
 *
 * Invariants
 *  (1) Whatever the data (empty, constant, infinite, huge), every coordinate written is finite and inside the picture.
 */
#ifndef RUN_CHART_H
#define RUN_CHART_H

#include "base/buf.h"
#include "base/types.h"
#include <stdbool.h>

/* Values lo..hi are drawn at p0..p1. lo < hi; for log both are positive. */
struct chart_axis {
	double lo, hi, p0, p1;
	bool log;
};

#define CHART_TICKS_MAX 32
struct chart_ticks {
	double at[CHART_TICKS_MAX];
	unsigned count;
};

/* An axis from 0 to a round number not below hi (1 when there is nothing). */
struct chart_axis chart_linear(double hi, double p0, double p1);
/* A logarithmic axis with some room around lo..hi, at least one decade long. Values <= 0 count as none. */
struct chart_axis chart_log(double lo, double hi, double p0, double p1);
/* Where v is drawn; values outside stand at the edge. */
double chart_at(const struct chart_axis *a, double v);
/* Round values on the axis, at most max (2 .. CHART_TICKS_MAX), at least two wherever that is possible. */
struct chart_ticks chart_ticks(const struct chart_axis *a, unsigned max);

/* Roughly how wide a text is drawn: the first n bytes of UTF-8 at a font size. */
double chart_text_width(const char *s, double font_px);
/* How many bytes of s fit into width, cut between characters; all when it fits. */
size_t chart_text_fit(const char *s, double font_px, double width);

/* Text at x, y, escaped. anchor: "start", "middle", "end". class may hold several. */
void chart_text(struct buf *out, double x, double y, const char *anchor, const char *css, const char *s);
void chart_rect(struct buf *out, double x, double y, double w, double h, const char *css);
void chart_rule(struct buf *out, double x0, double y0, double x1, double y1, const char *css);
/* A line through points; a NaN breaks it, a point alone becomes a dot. */
void chart_line(struct buf *out, const double *x, const double *y, size_t n, const char *css);
/* The area between a line and y = base; NaN is the base. */
void chart_area(struct buf *out, const double *x, const double *y, size_t n, double base, const char *css);

/*
 * The name of a panel at y, and behind it (or on the next lines) what its colours mean: a short line of class css, and text.
 * returns the y of the last line
 */
struct chart_key {
	const char *css, *text;
};
double chart_panel(struct buf *out, double left, double right, double y, const char *title, const struct chart_key *keys, unsigned n);

/* Rows of labels: each label gets the first row in which it does not touch another. */
#define CHART_ROWS_MAX 16
struct chart_rows {
	double end[CHART_ROWS_MAX];
	unsigned count, max;
};
void chart_rows_init(struct chart_rows *r, unsigned max);
/* The row for something that takes x0..x1, given in order of x0; -1: no row is free. */
int chart_rows_place(struct chart_rows *r, double x0, double x1);

#endif
