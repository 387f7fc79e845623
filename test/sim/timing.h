/* SPDX-License-Identifier: MIT */
/*
 * timing.h - is a direction delayed as much as its faults say, and slowed down?
 *
 * Checks the bound on what is held, the lower bound of delays and the upper bound of rates, for connections whose
 * latency and bandwidth faults are plain
 * (no scope, all connections, no jitter) and stay as they are. Damaging faults move bytes about: then nothing is checked.
 */
#ifndef SIM_TIMING_H
#define SIM_TIMING_H

#include "fault/spec.h"
#include "world.h"

struct timing_part;
struct timing {
	bool born, off;
	uint64_t faults;                /* a sum over what matters, to see changes */
	fl_ns delay_min;
	int64_t rate;                   /* KB/s; -1 no limit */
	uint64_t bound;                 /* bytes that may be held; set by the owner */
	fl_ns first;                    /* when the first byte was received */
	uint64_t received, sent;
	struct timing_part *head, *tail;
};

/* The faults of the line are now (or are about to be) these. */
void timing_faults(struct timing *t, const struct fault_set *set, enum fl_dir dir);
/* The proxy received n bytes of this direction. returns false when it holds too many. */
bool timing_received(struct timing *t, struct world *w, uint64_t n);
/* It sent n bytes. returns false when that was too early. */
bool timing_sent(struct timing *t, struct world *w, uint64_t n);

#endif
