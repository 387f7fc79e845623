/* SPDX-License-Identifier: MIT */
/* plot.h - panels one above the other on one axis of time, as SVG: axes with units, a legend for each panel, bands behind. */
#ifndef PLOT_H
#define PLOT_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>

#define PLOT_SERIES_MAX 6
#define PLOT_PANELS_MAX 4
#define PLOT_BANDS_MAX 24

enum plot_kind { PLOT_LINE, PLOT_AREA, PLOT_STEPS, PLOT_DOTS, PLOT_DASHES };

/* Colours: good, bad, warn, main, other, grey, and faint ones for the background. */
struct plot_series {
	const char *name;               /* NULL: not in the legend */
	const char *colour;
	enum plot_kind kind;
	const double *x, *y;            /* x NULL: that of the plot */
	size_t n;                       /* 0: that of the plot */
};

/* A part of the axis of time, in all panels, or in one. */
struct plot_band {
	double from, to;
	const char *colour, *name;      /* name NULL: none */
	int panel;                      /* -1: all */
};

struct plot_panel {
	const char *y_label;
	double y_max;                   /* 0: as the data */
	double y_min;                   /* with log: the lower end; 0: as the data */
	bool log;
	double height;                  /* 0: 150 */
	bool names_low;                 /* names of bands stand at the bottom */
	struct plot_series series[PLOT_SERIES_MAX];
};

struct plot {
	const char *title, *x_label;
	double x_max;
	const double *x;
	size_t n;
	struct plot_panel panels[PLOT_PANELS_MAX];
	struct plot_band bands[PLOT_BANDS_MAX];
	unsigned band_count;
};

void plot_band(struct plot *p, int panel, double from, double to, const char *colour, const char *name);
void plot_svg(const struct plot *p, struct buf *out);

#endif
