/* SPDX-License-Identifier: MIT */
/*
 * http_metrics.h - metrics of HTTP lines: calls by route, their phases, instances, policies. doc/metrics.md has every name.
 *
 * What is written is bounded: beyond ROUTES_MAX routes, INSTANCES_MAX instances and POLICIES_MAX policies the rest is left out,
 * and faultline_metrics_omitted says how much.
 */
#ifndef CONTROL_HTTP_METRICS_H
#define CONTROL_HTTP_METRICS_H

#include "control/api_env.h"
#include "control/openmetrics.h"

#define HTTP_METRICS_ROUTES_MAX 2000u
#define HTTP_METRICS_INSTANCES_MAX 10000u
#define HTTP_METRICS_POLICIES_MAX 10000u

/* Is there an HTTP line? */
bool http_metrics_any(const struct api_env *env);
/* Append them; nothing when there is no HTTP line. */
void http_metrics_write(const struct api_env *env, struct openmetrics *m);

#endif
