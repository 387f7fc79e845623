/* SPDX-License-Identifier: MIT */
/* graph_notify.h - alerts to those who want them, each once, and again when it is over. */
#ifndef MAP_GRAPH_NOTIFY_H
#define MAP_GRAPH_NOTIFY_H

#include "map/alert_send.h"
#include "map/graph_ask.h"

#define GRAPH_TARGETS_MAX 16

struct graph_notice {
	unsigned alerts;                /* there are now, not acknowledged */
	unsigned told, ended, failed;   /* alerts and targets */
	char error[ALERT_ERROR_MAX];    /* of the last failure */
};

/*
 * graph_notify - tell each target what it was not told yet. What failed is tried again by the next call.
 * limit     for one target
 * returns   0, or -errno of the store with r->error. Failed targets are counted, no error.
 */
int graph_notify(struct graph_ask *a, struct graph_reply *r, const struct alert_target *targets, unsigned count, fl_ns limit,
    struct graph_notice *ret);

#endif
