/* SPDX-License-Identifier: MIT */
/* toxiproxy_api.h - the routes of Toxiproxy's HTTP API, version 2.12. */
#ifndef CONTROL_TOXIPROXY_API_H
#define CONTROL_TOXIPROXY_API_H

#include "control/api_env.h"

/* Answer q. returns 0; 1: no such path; -EINPROGRESS as api_handler_fn. */
int toxiproxy_api_route(struct api_env *env, const struct api_request *q, struct api_reply *r);

#endif
