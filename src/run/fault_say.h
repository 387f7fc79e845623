/* SPDX-License-Identifier: MIT */
/* fault_say.h - a fault of an experiment in words, for reports. Pure. */
#ifndef RUN_FAULT_SAY_H
#define RUN_FAULT_SAY_H

#include "run/experiment.h"

/* "line redis, s2c", "process redis". In mem; NULL when that is full. */
const char *fault_say_place(const struct experiment *x, const struct experiment_fault *f, struct arena *mem);
/* "latency", "kill". A constant. */
const char *fault_say_kind(const struct experiment_fault *f);
/* "latency 50, jitter 20, on 30% of the connections". In mem; NULL when that is full. */
const char *fault_say_text(const struct experiment_fault *f, struct arena *mem);

#endif
