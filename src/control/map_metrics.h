/* SPDX-License-Identifier: MIT */
/* map_metrics.h - the map on /metrics: what waits to be written, and what the receiver of spans took. */
#ifndef CONTROL_MAP_METRICS_H
#define CONTROL_MAP_METRICS_H

#include "control/api_env.h"
#include "control/openmetrics.h"

/* Nothing where no map is kept. */
void map_metrics_write(const struct api_env *env, struct openmetrics *m);

#endif
