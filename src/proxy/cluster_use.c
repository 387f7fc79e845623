/* SPDX-License-Identifier: MIT */
/* cluster_use.c - a worker begins and ceases to use a cluster. */
#include "proxy/cluster_use.h"
#include "proxy/cluster_watch.h"

void
cluster_use(struct worker *w, struct cluster *c)
{
	if (cluster_attach(w, c) && w->index == 0)
		*cluster_watch_of(c) = cluster_watch_start(w, c);
}

void
cluster_use_end(struct worker *w, struct cluster *c)
{
	cluster_ref(c);
	cluster_detach(w, c);
	if (!cluster_used(w, c) && w->index == 0) {
		cluster_watch_stop(w, *cluster_watch_of(c));
		*cluster_watch_of(c) = NULL;
	}
	cluster_unref(c);
}
