/* SPDX-License-Identifier: MIT */
/*
 * graph_apps.h - the map of applications: services rolled up to what they are part of
 *
 * A service that is part of none stands for itself. What joins two services of one application is left out; between two applications all evidence
 * is kept, and a group stays one as far as its members are of several. Facts are of services, and so there are none.
 */
#ifndef MAP_GRAPH_APPS_H
#define MAP_GRAPH_APPS_H

#include "map/graph_map.h"

/* The application of a node, or its own name. */
const char *graph_apps_name(const struct graph_map *m, uint32_t node);
/* Make m the map of applications; its nodes are applications from then on. 0, or -ENOMEM with r->error. */
int graph_apps_roll(struct graph_map *m, struct graph_reply *r);

#endif
