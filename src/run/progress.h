/* SPDX-License-Identifier: MIT */
/* progress.h - one status line on a terminal, rewritten as the run goes on; nothing when standard error is none. */
#ifndef RUN_PROGRESS_H
#define RUN_PROGRESS_H

#include "base/types.h"
#include <stdbool.h>

struct progress {
	bool on;
	bool drawn;                     /* there is a line to be wiped */
	fl_ns next;                     /* when to draw again */
	unsigned columns;
};
/* quiet: never draw. */
void progress_init(struct progress *p, bool quiet);

struct progress_state {
	const char *phase;
	fl_ns at, of;                   /* of the load; of 0: not known */
	double ok, bad;                 /* operations per second */
	fl_ns p99;
	const char *faults;             /* active ones, "" none */
};
/* Draw if it is time to. */
void progress_draw(struct progress *p, fl_ns now, const struct progress_state *s);
/* Wipe the line: something else is about to be printed. */
void progress_clear(struct progress *p);

#endif
