/* SPDX-License-Identifier: MIT */
/*
 * check.h - everything that is checked for one seed: a run with trouble; every few seeds the same run again (it must be the same
 * to the last event); every few seeds the same traffic under other circumstances (the faults must decide the same).
 */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "run.h"

struct check_opts {
	const char *program;            /* argv[0], for the command that repeats */
	bool verbose;
	bool relay;                     /* the harness's relay instead of the proxy */
	bool http;                      /* HTTP lines: see http_run.h */
	bool lose_a_byte;
	uint32_t ops;                   /* or SWARM_OPS_AUTO */
};

/* Returns when all is well; else the process ends (world_fail). */
void check_seed(uint64_t seed, const struct check_opts *o);

#endif
