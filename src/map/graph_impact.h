/* SPDX-License-Identifier: MIT */
/* graph_impact.h - answers to "what if it fails": who is hit and why; what must not fail; which redundancy is none. */
#ifndef MAP_GRAPH_IMPACT_H
#define MAP_GRAPH_IMPACT_H

#include "map/graph_map.h"

graph_fn graph_impact;

#endif
