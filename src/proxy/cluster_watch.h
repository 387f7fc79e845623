/* SPDX-License-Identifier: MIT */
/* cluster_watch.h - what the home worker of a cluster does beside the calls: names, health checks, ejection by rates. */
#ifndef PROXY_CLUSTER_WATCH_H
#define PROXY_CLUSTER_WATCH_H

#include "proxy/cluster.h"

struct cluster_watch;
/* NULL: no memory, the cluster goes without. On the home worker. */
struct cluster_watch *cluster_watch_start(struct worker *w, struct cluster *c);
void cluster_watch_stop(struct worker *w, struct cluster_watch *x);     /* NULL is fine */

#endif
