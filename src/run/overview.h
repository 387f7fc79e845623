/* SPDX-License-Identifier: MIT */
/*
 * overview.h - a run at one glance: faults, throughput, latency, errors and probes over one time axis. Pure.
 */
#ifndef RUN_OVERVIEW_H
#define RUN_OVERVIEW_H

#include "run/result.h"

/* The picture as SVG, made for a page so wide (320 .. 2000 px). Lack of room shows in out's overflowed. */
void overview_svg(const struct run_result *r, double width, struct buf *out);
/*
 * The numbers behind it for tooltips, as a JSON array of columns [t, width, ok/s, fail/s, info/s, p50, p95, p99, max] with times
 * in seconds and latencies in ms.
 */
void overview_columns(const struct run_result *r, struct buf *out);

#endif
