/* SPDX-License-Identifier: MIT */
/* graph_when.h - points in time as people write them, and as documents show them. */
#ifndef MAP_GRAPH_WHEN_H
#define MAP_GRAPH_WHEN_H

#include "base/types.h"

/*
 * graph_when_parse - "now", "2026-03-01", "2026-03-01T12:00[:00[.5]][Z|+02:00]" (without a zone: UTC), "@1700000000" (seconds),
 * "-2h" or "2h ago", "yesterday". now, *ret: ns since 1970.
 * returns 0 or -EINVAL
 */
int graph_when_parse(const char *text, int64_t now, int64_t *ret);
/* What graph_when_parse() expects, for complaints. */
#define GRAPH_WHEN_EXPECTED "a time such as 2026-03-01T12:00Z, -2h, yesterday or now"

#endif
