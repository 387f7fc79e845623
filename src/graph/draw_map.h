/* SPDX-License-Identifier: MIT */
/*
 * draw_map.h - a map, or a part of it, as a picture: an SVG that can be printed, or a file for Graphviz
 *
 * Shapes say what a node is (a cylinder keeps data, a box with cut corners passes messages, a dashed box belongs to others), fillings how it fares,
 * and lines what kind of need they are: whole for hard ones, dashed for soft ones, dots and dashes within a group, an open arrow if it may be
 * later. Nothing is said
 * by colour alone, so it can be read in black and white.
 */
#ifndef GRAPH_DRAW_MAP_H
#define GRAPH_DRAW_MAP_H

#include "base/buf.h"
#include "graph/impact.h"
#include "graph/layout.h"

struct draw_options {
	const char *title;              /* NULL: none */
	const bool *show;               /* by node of the estate; NULL: all. Lines between those shown are shown */
	struct impact *im;              /* after impact_run() on needs of this estate: states are drawn; NULL: none */
	const double *before;           /* by node of the estate: its y in the last picture, or NAN; NULL: no last picture */
};

struct draw_map {
	const struct estate *e;
	struct impact *im;
	const char *title;
	uint32_t node_count, line_count;
	const uint32_t *nodes;          /* of the estate, by number in the picture */
	const uint32_t *lines;          /* of the estate, by number in the picture */
	const uint32_t *from, *to;      /* by line in the picture: nodes in the picture */
	const char *const *labels, *const *details;     /* by node: its name, and a second row in small ("" for none) */
	const float *width, *height;
	struct layout layout;
};

/* Chooses, measures the text, and lays out. returns 0 or as layout_run(). */
int draw_map(const struct estate *e, const struct draw_options *o, struct arena *keep, struct arena *scratch, struct draw_map *ret);
/* Append the picture. returns 0 or -ENOBUFS. */
int draw_svg(const struct draw_map *m, struct buf *out);
int draw_dot(const struct draw_map *m, struct buf *out);

/* How wide a text is about, in a sans serif of this size. */
double draw_text_width(const char *s, double size);
/* Of a node in the picture: its state; UP where none are drawn. Of a line: is it a reason for the state of where it starts? */
enum impact_state draw_state(const struct draw_map *m, uint32_t node);
bool draw_is_reason(const struct draw_map *m, uint32_t line);

#endif
