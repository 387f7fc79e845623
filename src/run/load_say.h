/* SPDX-License-Identifier: MIT */
/* load_say.h - the load of an experiment in words, for reports. Pure. */
#ifndef RUN_LOAD_SAY_H
#define RUN_LOAD_SAY_H

#include "run/experiment.h"

/* "8 clients through line redis, 60 operations a second each, for 12.0 s: ...". In mem; NULL without a load, or when mem is full. */
const char *load_say(const struct experiment *x, struct arena *mem);

#endif
