/* SPDX-License-Identifier: MIT */
/* span_pair.h - finds who called whom among the spans that are held, and settles those that were held long enough. */
#ifndef GRAPH_SPAN_PAIR_H
#define GRAPH_SPAN_PAIR_H

#include "graph/span_state.h"

/* Relate what came since the last call. */
void span_pair_new(struct spans *s);
/*
 * Count what spans [from, to) of a half say alone, before they are settled: first what more spans can hardly change (databases, brokers with
 * an address, users), and after a time of grace (`waited`) every client that names whom it calls.
 */
void span_pair_early(struct spans *s, struct span_half *f, uint32_t from, uint32_t to, bool waited);
/* Settle the old half for good, and change places. */
void span_pair_settle(struct spans *s);

#endif
