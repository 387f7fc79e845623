/* SPDX-License-Identifier: MIT */
/* timeline.h - the faults of an experiment as moments in order. Pure. */
#ifndef RUN_TIMELINE_H
#define RUN_TIMELINE_H

#include "run/experiment.h"

struct timeline_step {
	fl_ns at;                       /* after the load started */
	uint32_t fault;                 /* index into experiment.faults */
	uint32_t round;                 /* of its repetitions, from 0 */
	bool on;                        /* it begins (or happens); false: it ends */
};
/*
 * timeline_new - all steps in order of time, ends before beginnings at the same time, in the order of the file otherwise.
 * Steps at or after the experiment's end are left out: healing ends everything.
 * returns    0 or -ENOMEM; free() ret_steps
 */
int timeline_new(const struct experiment *x, struct timeline_step **ret_steps, uint32_t *ret_count);

#endif
