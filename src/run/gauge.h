/* SPDX-License-Identifier: MIT */
/*
 * gauge.h - the numbers of a run (metric.h), from what its report knows. Pure.
 *
 * A disturbance is a fault or a surge of the load. Before the first of them is the steady state; after the last of them the run
 * heals: from the first moment on from which, in the second that follows and in all that is left together, at least
 * GAUGE_HEALED_SHARE of the steady state's share of requests ended well. Requests count by when they were due.
 */
#ifndef RUN_GAUGE_H
#define RUN_GAUGE_H

#include "run/result.h"

#define GAUGE_HEALED_SHARE 0.95

void gauge_fill(const struct run_result *r, struct metric_set *ret);
/* When the first disturbance began and the last ended; false: there was none. */
bool gauge_disturbed(const struct run_result *r, fl_ns *ret_from, fl_ns *ret_to);

#endif
