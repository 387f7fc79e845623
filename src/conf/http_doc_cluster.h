/* SPDX-License-Identifier: MIT */
/* http_doc_cluster.h - the live instances of an HTTP line or route. */
#ifndef CONF_HTTP_DOC_CLUSTER_H
#define CONF_HTTP_DOC_CLUSTER_H

#include "conf/http_ask.h"
#include "conf/http_doc.h"

struct cluster;

/*
 * The cluster that is asked for, within a session of env->keep: the one there is if the same is asked of it, else a new one that
 * takes over the instances whose address stays. One reference is the caller's. 0 or -errno.
 */
int http_doc_cluster(const struct http_doc_env *env, const struct http_ask_upstreams *u, struct cluster **ret_cluster);
/* The place of its cluster in the registry. Returns buf. */
char *http_doc_cluster_place(const struct http_ask_upstreams *u, char *buf, size_t bytes);

#endif
