/* SPDX-License-Identifier: MIT */
/* graph_answers.h - every question about the map by its name: what `faultline graph NAME` and /v1/graph/NAME have in common. */
#ifndef MAP_GRAPH_ANSWERS_H
#define MAP_GRAPH_ANSWERS_H

#include "map/graph_ask.h"

struct graph_verb {
	const char *name;
	graph_fn *run;
	bool writes;
};
/* NULL: there is none of this name. */
const struct graph_verb *graph_answers_find(const char *name);

#endif
