/* SPDX-License-Identifier: MIT */
/* toxiproxy_api.h - the routes of Toxiproxy's HTTP API, version 2.12. */
#ifndef CONTROL_TOXIPROXY_API_H
#define CONTROL_TOXIPROXY_API_H

#include "control/api_env.h"

/* Answer q. returns 0; 1: no such path; -EINPROGRESS as api_handler_fn. */
int toxiproxy_api_route(struct api_env *env, const struct api_request *q, struct api_reply *r);

/*
 * toxiproxy_api_config - what /populate does, for Toxiproxy's -config file: a JSON array of proxies.
 * returns   0; -EINPROGRESS as lines_populate(); -errno with e set
 * ret_done  how many lines were made or found
 */
int toxiproxy_api_config(struct lines *t, const struct doc_node *list, struct lines_error *e, uint32_t *ret_done);

#endif
