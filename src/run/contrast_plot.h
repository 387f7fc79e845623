/* SPDX-License-Identifier: MIT */
/*
 * contrast_plot.h - the runs of variants as one picture: for each thing that is worth seeing a chart of each variant, one above the
 * other on the same axes. Time counts from the start of each load. Pure.
 */
#ifndef RUN_CONTRAST_PLOT_H
#define RUN_CONTRAST_PLOT_H

#include "run/contrast.h"

/* As SVG, made for a page so wide (320 .. 2000 px). Nothing when no side has a load. Lack of room shows in out's overflowed. */
void contrast_plot_svg(const struct contrast *c, double width, struct buf *out);

#endif
