/* SPDX-License-Identifier: MIT */
/* metrics.h - /metrics: Prometheus' text format 0.0.4. */
#ifndef CONTROL_METRICS_H
#define CONTROL_METRICS_H

#include "control/api_env.h"

/* Append what env's flags ask for: live counters of the lines, and of the process. */
void metrics_write(const struct api_env *env, struct buf *out);

#endif
