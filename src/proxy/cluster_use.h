/* SPDX-License-Identifier: MIT */
/* cluster_use.h - a worker begins and ceases to use a cluster; its home worker watches it meanwhile. */
#ifndef PROXY_CLUSTER_USE_H
#define PROXY_CLUSTER_USE_H

#include "proxy/cluster.h"

/* Counted; on the worker's thread. */
void cluster_use(struct worker *w, struct cluster *c);
void cluster_use_end(struct worker *w, struct cluster *c);

#endif
