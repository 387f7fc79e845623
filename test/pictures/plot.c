/* SPDX-License-Identifier: MIT */
/* plot.c - see plot.h. */
#include "plot.h"

#include "base/assert.h"
#include "run/chart.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WIDTH 800.0
#define LEFT 76.0
#define RIGHT 18.0
#define TITLE 34.0
#define LEGEND 26.0             /* above each panel */
#define BOTTOM 46.0
#define HEIGHT 150.0
#define GAP 10.0
#define FONT 11.0               /* for the width of texts: a little less than their size, since small letters prevail */

static const char style[] =
    "<style>"
    "text{font:12px system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#3a4250}"
    ".title{font-size:15px;font-weight:600;fill:#1b212b}.axis{fill:#5a6372}.unit{fill:#5a6372}"
    ".frame{stroke:#8a93a3;fill:none;stroke-width:1}.grid{stroke:#e4e8ee;stroke-width:1}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.area{stroke:none;opacity:.85}.dash{stroke-dasharray:6 4;stroke-width:1.6}"
    ".s-good{stroke:#178a5a}.s-bad{stroke:#cf3b3b}.s-warn{stroke:#d98a00}.s-main{stroke:#2563c9}.s-other{stroke:#8546b8}.s-grey{stroke:#8b95a5}"
    ".s-teal{stroke:#0f94a8}"
    ".f-good{fill:#178a5a}.f-bad{fill:#cf3b3b}.f-warn{fill:#e0a030}.f-main{fill:#2563c9}.f-other{fill:#8546b8}.f-grey{fill:#a9b2bf}"
    ".f-teal{fill:#0f94a8}"
    ".b-bad{fill:#cf3b3b;opacity:.10}.b-warn{fill:#e0a030;opacity:.20}.b-grey{fill:#5a6372;opacity:.08}.b-good{fill:#178a5a;opacity:.12}"
    ".name{font-size:11px;fill:#6a7382;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-opacity:.7}"
    "</style>";

void
plot_band(struct plot *p, int panel, double from, double to, const char *colour, const char *name)
{
	fl_assert(p->band_count < PLOT_BANDS_MAX);
	p->bands[p->band_count++] = (struct plot_band){ from, to, colour, name, panel };
}

static size_t
series_n(const struct plot *p, const struct plot_series *s)
{
	return s->n > 0 ? s->n : p->n;
}

static struct chart_axis
y_axis(const struct plot *p, const struct plot_panel *panel, double top, double bottom)
{
	double hi = 0, lo = INFINITY;
	for (const struct plot_series *s = panel->series; s < panel->series + PLOT_SERIES_MAX && s->y != NULL; s++) {
		for (size_t i = 0; i < series_n(p, s); i++) {
			if (!isfinite(s->y[i]))
				continue;
			hi = fmax(hi, s->y[i]);
			lo = s->y[i] > 0 ? fmin(lo, s->y[i]) : lo;
		}
	}
	hi = panel->y_max > 0 ? panel->y_max : hi;
	if (panel->log)
		return chart_log(panel->y_min > 0 ? panel->y_min : lo, hi, bottom, top);
	return chart_linear(hi, bottom, top);
}

static void
number(double v, char *buf, size_t n)
{
	if (v >= 10000 && fmod(v, 1000) == 0)
		snprintf(buf, n, "%.0f,000", v / 1000);
	else
		snprintf(buf, n, "%.6g", v);
}

static void
draw_frame(const struct plot *p, const struct plot_panel *panel, const struct chart_axis *x, const struct chart_axis *y, double top, double bottom,
    bool last, struct buf *out)
{
	struct chart_ticks t = chart_ticks(y, 5);
	char text[32], css[64];
	for (unsigned i = 0; i < t.count; i++) {
		double at = chart_at(y, t.at[i]);
		chart_rule(out, LEFT, at, WIDTH - RIGHT, at, "grid");
		number(t.at[i], text, sizeof(text));
		chart_text(out, LEFT - 7, at + 4, "end", "axis", text);
	}
	t = chart_ticks(x, 10);
	for (unsigned i = 0; i < t.count; i++) {
		double at = chart_at(x, t.at[i]);
		chart_rule(out, at, bottom, at, bottom + 4, "frame");
		number(t.at[i], text, sizeof(text));
		if (last)
			chart_text(out, at, bottom + 18, "middle", "axis", text);
	}
	int n = (int)(panel - p->panels);
	for (unsigned i = 0; i < p->band_count; i++) {
		const struct plot_band *b = &p->bands[i];
		if (b->panel >= 0 && b->panel != n)
			continue;
		double from = chart_at(x, b->from), to = chart_at(x, b->to);
		snprintf(css, sizeof(css), "b-%s", b->colour);
		chart_rect(out, from, top, to - from, bottom - top, css);
	}
	chart_rule(out, LEFT, bottom, WIDTH - RIGHT, bottom, "frame");
	chart_rule(out, LEFT, top, LEFT, bottom, "frame");
	buf_printf(out, "<text transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\" class=\"unit\">%s</text>", (top + bottom) / 2,
	    panel->y_label);
	if (last)
		chart_text(out, (LEFT + WIDTH - RIGHT) / 2, bottom + 36, "middle", "unit", p->x_label);
}

/* Names of bands stand inside, over the lines. */
static void
draw_band_names(const struct plot *p, int panel, const struct chart_axis *x, double top, double bottom, struct buf *out)
{
	double y = p->panels[panel].names_low ? bottom - 6 : top + 13;
	for (unsigned i = 0; i < p->band_count; i++) {
		const struct plot_band *b = &p->bands[i];
		if (b->name == NULL || (b->panel >= 0 ? b->panel != panel : panel != 0))
			continue;
		double from = chart_at(x, b->from), to = chart_at(x, b->to), w = chart_text_width(b->name, 11);
		if (w < to - from + 30)
			chart_text(out, (from + to) / 2, y, "middle", "name", b->name);
	}
}

static void
draw_steps(const double *x, const double *y, size_t n, const char *css, struct buf *out)
{
	buf_printf(out, "<path class=\"%s\" d=\"", css);
	bool open = false;
	for (size_t i = 0; i < n; i++) {
		if (!isnan(y[i]))
			buf_printf(out, open ? "H%.1fV%.1f" : "M%.1f %.1f", x[i], y[i]);
		open = !isnan(y[i]);
	}
	buf_puts(out, "\"/>");
}

static void
draw_dots(const double *x, const double *y, size_t n, const char *colour, struct buf *out)
{
	buf_printf(out, "<path class=\"s-%s\" fill=\"none\" stroke-width=\"3\" stroke-linecap=\"round\" opacity=\".6\" d=\"", colour);
	for (size_t i = 0; i < n; i++)
		if (!isnan(y[i]))
			buf_printf(out, "M%.1f %.1fh0", x[i], y[i]);
	buf_puts(out, "\"/>");
}

static void
draw_series(const struct plot *p, const struct plot_series *s, const struct chart_axis *x, const struct chart_axis *y, double bottom,
    struct buf *out)
{
	size_t n = series_n(p, s);
	double *px = calloc(2 * n + 1, sizeof(*px)), *py = px + n;
	const double *sx = s->x != NULL ? s->x : p->x;
	char css[64];
	fl_assert(px != NULL);
	for (size_t i = 0; i < n; i++) {
		px[i] = chart_at(x, sx[i]);
		py[i] = isnan(s->y[i]) ? NAN : chart_at(y, s->y[i]);
	}
	snprintf(css, sizeof(css), "line s-%s%s", s->colour, s->kind == PLOT_DASHES ? " dash" : "");
	switch (s->kind) {
	case PLOT_AREA:
		snprintf(css, sizeof(css), "area f-%s", s->colour);
		chart_area(out, px, py, n, bottom, css);
		break;
	case PLOT_STEPS:
		draw_steps(px, py, n, css, out);
		break;
	case PLOT_DOTS:
		draw_dots(px, py, n, s->colour, out);
		break;
	case PLOT_LINE:
	case PLOT_DASHES:
		chart_line(out, px, py, n, css);
		break;
	}
	free(px);
}

/* From left to right above the panel. */
static void
draw_legend(const struct plot_panel *panel, double top, struct buf *out)
{
	double at = LEFT + 2, y = top - 9;
	char css[64];
	for (const struct plot_series *s = panel->series; s < panel->series + PLOT_SERIES_MAX && s->y != NULL; s++) {
		if (s->name == NULL)
			continue;
		if (s->kind == PLOT_AREA) {
			snprintf(css, sizeof(css), "area f-%s", s->colour);
			chart_rect(out, at, y - 9, 16, 10, css);
		} else if (s->kind == PLOT_DOTS) {
			double x = at + 8, cy = y - 4;
			buf_printf(out, "<path class=\"s-%s\" stroke-width=\"7\" stroke-linecap=\"round\" d=\"M%.1f %.1fh0\"/>", s->colour, x, cy);
		} else {
			snprintf(css, sizeof(css), "line s-%s%s", s->colour, s->kind == PLOT_DASHES ? " dash" : "");
			chart_rule(out, at, y - 4, at + 18, y - 4, css);
		}
		chart_text(out, at + 23, y, "start", "", s->name);
		at += 23 + chart_text_width(s->name, FONT) + 14;
	}
	fl_assert(at < WIDTH + 8);              /* else the legend needs fewer words */
}

void
plot_svg(const struct plot *p, struct buf *out)
{
	double height = TITLE + BOTTOM, top = TITLE;
	unsigned panels = 0;
	for (; panels < PLOT_PANELS_MAX && p->panels[panels].y_label != NULL; panels++)
		height += LEGEND + (p->panels[panels].height > 0 ? p->panels[panels].height : HEIGHT) + (panels > 0 ? GAP : 0);
	buf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">", WIDTH,
	    height, WIDTH, height);
	buf_puts(out, style);
	buf_printf(out, "<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>", WIDTH, height);
	chart_text(out, LEFT, 22, "start", "title", p->title);
	struct chart_axis x = { 0, p->x_max, LEFT, WIDTH - RIGHT, false };
	for (unsigned i = 0; i < panels; i++) {
		const struct plot_panel *panel = &p->panels[i];
		top += LEGEND;
		double bottom = top + (panel->height > 0 ? panel->height : HEIGHT);
		struct chart_axis y = y_axis(p, panel, top, bottom);
		draw_frame(p, panel, &x, &y, top, bottom, i + 1 == panels, out);
		for (const struct plot_series *s = panel->series; s < panel->series + PLOT_SERIES_MAX && s->y != NULL; s++)
			draw_series(p, s, &x, &y, bottom, out);
		draw_band_names(p, (int)i, &x, top, bottom, out);
		draw_legend(panel, top, out);
		top = bottom + GAP;
	}
	buf_puts(out, "</svg>\n");
	fl_assert(!out->overflowed);
}
