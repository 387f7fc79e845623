/* SPDX-License-Identifier: MIT */
/* measure.h - one check of a probe: connect, ask, look at the answer, within its timeout. */
#ifndef RUN_MEASURE_H
#define RUN_MEASURE_H

#include "run/experiment.h"
#include <stdatomic.h>

#define MEASURE_SAY_MAX 160

/* A probe with everything filled in. */
struct measure {
	const struct experiment_probe *conf;
	const char *target, *path, *send;
	const atomic_bool *alive;       /* PROBE_PROCESS */
};

/*
 * measure_probe - measure once. Blocks for conf->timeout at most.
 * stop_fd   readable: give up
 * say       MEASURE_SAY_MAX bytes: what was seen, also when it held
 * returns   1 held, 0 did not, -ECANCELED
 */
int measure_probe(const struct measure *job, int stop_fd, char *say);

/* The tolerance in words: "127.0.0.1:6379 answers "+PONG" within 1 s". Returns buf. */
char *measure_want(const struct measure *job, char *buf, size_t buf_bytes);

#endif
