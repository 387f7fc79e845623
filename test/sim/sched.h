/* SPDX-License-Identifier: MIT */
/*
 * sched.h - whose turn it is: what is due in the world comes first, then a worker that has something to do, drawn; time passes only
 * when there is neither.
 */
#ifndef SIM_SCHED_H
#define SIM_SCHED_H

#include "net.h"

struct sched {
	struct world *world;
	struct net *net;
	void (*turn)(void *ud, unsigned worker);        /* one turn of the worker whose struct io has this number */
	void *ud;
	unsigned lag;                   /* share of turns after which a worker is kept from running, /1000 */
	fl_ns lag_ns_max;
	fl_ns cpu_ns_max;               /* a turn takes up to this */
	uint64_t turns;
};

/* Do what comes next. returns false when nothing is left before `until`; then it is that time. */
bool sched_step(struct sched *s, fl_ns until);
/* Until then, or a little later. */
void sched_run(struct sched *s, fl_ns until);

#endif
