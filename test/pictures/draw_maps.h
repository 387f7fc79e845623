/* SPDX-License-Identifier: MIT */
/* draw_maps.h - the pictures of doc/graph-algorithms.md: a shop, and what happens to it. */
#ifndef PICTURES_DRAW_MAPS_H
#define PICTURES_DRAW_MAPS_H

#include "base/buf.h"

/* The map as it is; with a failed store; with one of two stores and a soft need gone. */
void draw_maps_whole(struct buf *out);
void draw_maps_impact(struct buf *out);
void draw_maps_degraded(struct buf *out);

#endif
