/* SPDX-License-Identifier: MIT */
/* metrics.h - /metrics, in Prometheus' text format 0.0.4 or in OpenMetrics. doc/metrics.md has every name. */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "control/api_env.h"

/* Is there anything to show? */
bool metrics_are_on(const struct api_env *env);
/* Append what env's flags ask for: live counters of the lines, and of the process. */
void metrics_write(const struct api_env *env, bool open, struct buf *out);

#endif
