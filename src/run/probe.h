/* SPDX-License-Identifier: MIT */
/* probe.h - one check of a probe: connect, ask, look at the answer, within its timeout. */
#ifndef RUN_PROBE_H
#define RUN_PROBE_H

#include "run/experiment.h"
#include <stdatomic.h>

#define PROBE_SAY_MAX 160

/* A probe with everything filled in. */
struct probe_job {
	const struct experiment_probe *conf;
	const char *target, *path, *send;
	const atomic_bool *alive;       /* PROBE_PROCESS */
};

/*
 * probe_check - measure once. Blocks for conf->timeout at most.
 * stop_fd   readable: give up
 * say       PROBE_SAY_MAX bytes: what was seen, also when it held
 * returns   1 held, 0 did not, -ECANCELED
 */
int probe_check(const struct probe_job *job, int stop_fd, char *say);

/* The tolerance in words: "127.0.0.1:6379 answers "+PONG" within 1 s". Returns buf. */
char *probe_want(const struct probe_job *job, char *buf, size_t buf_bytes);

#endif
