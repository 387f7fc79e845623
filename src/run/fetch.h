/* SPDX-License-Identifier: MIT */
/* fetch.h - one HTTP exchange with a server, by a thread that waits: for counters and calls of an experiment. */
#ifndef RUN_FETCH_H
#define RUN_FETCH_H

#include "base/buf.h"
#include "io/client.h"

#define FETCH_SAY_MAX 160

struct fetch {
	const char *method;
	const char *target;             /* host:port, unix:path */
	const char *path;
	size_t body_max;                /* of the answer */
};
/*
 * fetch - ask, and read the answer whole.
 * body      given initialised, gets the body
 * say       FETCH_SAY_MAX bytes: what went wrong
 * returns   the status, or -errno with say (-ECANCELED: called off)
 */
int fetch(const struct fetch *f, const struct client_wait *w, struct buf *body, char *say);

#endif
