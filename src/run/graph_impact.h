/* SPDX-License-Identifier: MIT */
/* graph_impact.h - answers to "what if it fails": who is hit and why; what must not fail; which redundancy is none. */
#ifndef RUN_GRAPH_IMPACT_H
#define RUN_GRAPH_IMPACT_H

#include "run/graph_map.h"

graph_fn graph_impact;

#endif
