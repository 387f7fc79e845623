/* SPDX-License-Identifier: MIT */
/* v1_api.h - the daemon's own API, under /v1. doc/api.md describes it. */
#ifndef CONTROL_V1_API_H
#define CONTROL_V1_API_H

#include "control/api_env.h"

/* Answer q. returns 0; 1: no such path; -EINPROGRESS as api_handler_fn. */
int v1_api_route(struct api_env *env, const struct api_request *q, struct api_reply *r);

#endif
