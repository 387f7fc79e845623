/* SPDX-License-Identifier: MIT */
/* graph_show.h - answers that show the map, and what was, as documents. doc/graph.md describes each. */
#ifndef MAP_GRAPH_SHOW_H
#define MAP_GRAPH_SHOW_H

#include "map/graph_map.h"

graph_fn graph_show, graph_diff, graph_blame;

/* "cart" and so on: one node or line as an object, with everything known of it. */
void graph_show_node(struct jsonw *w, const struct graph_map *m, uint32_t node);
void graph_show_line(struct jsonw *w, const struct graph_map *m, uint32_t line, bool evidence);

#endif
