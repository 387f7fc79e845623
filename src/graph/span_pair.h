/* SPDX-License-Identifier: MIT */
/* span_pair.h - finds who called whom among the spans that are held, and settles those that were held long enough. */
#ifndef GRAPH_SPAN_PAIR_H
#define GRAPH_SPAN_PAIR_H

#include "graph/span_state.h"

/* Relate what came since the last call. */
void span_pair_new(struct spans *s);
/* Settle the old half for good, and change places. */
void span_pair_settle(struct spans *s);

#endif
