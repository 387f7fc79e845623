/* SPDX-License-Identifier: MIT */
/* api_routes.h - from a request to the route that answers it; what holds for all routes stands here. */
#ifndef CONTROL_API_ROUTES_H
#define CONTROL_API_ROUTES_H

#include "control/api_env.h"

/* An api_handler_fn; ud is a struct api_env. */
int api_routes_handle(void *ud, const struct api_request *q, struct api_reply *r);

#endif
