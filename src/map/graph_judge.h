/* SPDX-License-Identifier: MIT */
/* graph_judge.h - answers that look for something: queries, lint, drift, coverage; and facts set by hand. */
#ifndef MAP_GRAPH_JUDGE_H
#define MAP_GRAPH_JUDGE_H

#include "map/graph_map.h"

graph_fn graph_query, graph_lint, graph_drift, graph_coverage;
/* "set SUBJECT KEY=VALUE...", "list", "register KEY TYPE": overlays over services and lines. */
graph_fn graph_fact;

#endif
