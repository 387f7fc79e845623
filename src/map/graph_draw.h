/* SPDX-License-Identifier: MIT */
/* graph_draw.h - the map, or a part of it, as a picture or a table for other programs. */
#ifndef MAP_GRAPH_DRAW_H
#define MAP_GRAPH_DRAW_H

#include "graph/impact.h"
#include "map/graph_map.h"

/* Is a picture asked for (`svg`, `dot`)? */
bool graph_draw_wanted(const struct graph_ask *a);
/*
 * graph_draw - the picture as the answer.
 * show      by node; NULL: all
 * im        after impact_run(): who is hit is drawn; NULL: nobody
 * returns   0 or -errno with r->error
 */
int graph_draw(struct graph_map *m, const struct graph_ask *a, const bool *show, struct impact *im, struct graph_reply *r);

/* The whole map: options `svg`, `dot`, `csv`; without one JSON, as show has it. Words: services to draw with their neighbours. */
graph_fn graph_export;

#endif
