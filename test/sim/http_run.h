/* SPDX-License-Identifier: MIT */
/* http_run.h - one run of one seed with HTTP lines. */
#ifndef SIM_HTTP_RUN_H
#define SIM_HTTP_RUN_H

#include "check.h"

/* Run the seed, every few ones twice: the same must happen. Returns when all is well; else the process ends (world_fail). */
void http_run_check(uint64_t seed, const struct check_opts *o);

#endif
