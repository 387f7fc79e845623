/* SPDX-License-Identifier: MIT */
/*
 * graph_service.h - the daemon's map: a thread that owns its store, answers questions about it, keeps what the daemon itself sees, and
 * tells alerts
 *
 * The control loop never waits for it: a question is put off (-EINPROGRESS) until its answer is there, as a name that is being looked up is.
 * When the store cannot be written (a full disk) what was to be kept is kept back, within bounds, an alarm is told, and it is tried again.
 */
#ifndef CONTROL_GRAPH_SERVICE_H
#define CONTROL_GRAPH_SERVICE_H

#include "control/api.h"
#include "graph/sight.h"
#include "map/alert_send.h"

struct graph_service;

struct graph_service_opts {
	const char *store;
	const struct alert_target *targets;     /* borrowed */
	unsigned target_count;
	fl_ns alerts_every;             /* 0: a minute */
	size_t waiting_bytes;           /* of sightings that wait to be written; 0: 16 MiB */
	/* From its thread: an answer is there; something went wrong (or, alarm false, is well again). */
	void (*ready)(void *ud);
	void (*say)(void *ud, bool alarm, const char *text);
	void *ud;
};

#define GRAPH_SERVICE_ERROR 256
/* Open the store and start. 0 or -errno with error. */
int graph_service_start(const struct graph_service_opts *o, char *error, struct graph_service **ret);
/* Keep what waits, and end. NULL is fine. */
void graph_service_stop(struct graph_service *s);

/*
 * graph_service_answer - /v1/graph/VERB[/WORD...][?OPTION=VALUE&...]; words may also be given as `word`. The body of import is what is imported.
 * returns   0: r is filled; -EINPROGRESS: offer it again when ready() was called; 1: there is no such verb
 */
int graph_service_answer(struct graph_service *s, const struct api_request *q, struct api_reply *r);

/* Keep sightings (of our own lines): copied, with all they say. Dropped, counted and told when too many wait. */
void graph_service_sight(struct graph_service *s, const struct sight *sights, unsigned count);

struct graph_service_counts {
	uint64_t waiting, waiting_bytes, waiting_max;   /* sightings to be written now; their bytes, and how many may wait */
	uint64_t kept, dropped;                         /* ever */
};
struct graph_service_counts graph_service_count(struct graph_service *s);       /* any thread */

#endif
