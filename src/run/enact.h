/* SPDX-License-Identifier: MIT */
/* enact.h - a step of the timeline, done: a fault begins or ends, a process is killed, a line goes down. */
#ifndef RUN_ENACT_H
#define RUN_ENACT_H

#include "run/timeline.h"
#include "run/watch.h"

void enact(struct watch *w, const struct timeline_step *t);

#endif
