/* SPDX-License-Identifier: MIT */
/* draw_maps.h - the pictures of doc/graph-algorithms.md: a shop, and what happens to it. */
#ifndef PICTURES_DRAW_MAPS_H
#define PICTURES_DRAW_MAPS_H

#include "base/buf.h"

/* The name of picture i, "map.svg"; NULL: there are no more. */
const char *draw_maps_name(unsigned i);
void draw_maps(unsigned i, struct buf *out);

#endif
