/* SPDX-License-Identifier: MIT */
/*
 * load_live.h - what a load's thread tells while it runs: a ring of tenths of a second, written by that thread alone and read by the
 * control thread alone. When the reader falls behind, tenths are put together; nothing is lost.
 */
#ifndef RUN_LOAD_LIVE_H
#define RUN_LOAD_LIVE_H

#include "base/coarse.h"
#include <stdatomic.h>
#include <stdbool.h>

#define LOAD_LIVE_NS (100 * FL_MS)
#define LOAD_LIVE_SLOTS 32

struct load_live_slot {
	fl_ns at;                       /* when it starts */
	uint32_t ok, bad;
	struct coarse latency;
};
struct load_live {
	_Atomic uint32_t written;       /* slots that were finished */
	_Atomic uint32_t taken;
	bool open;                      /* the writer's: slots[written % N] is being filled */
	struct load_live_slot slots[LOAD_LIVE_SLOTS];
};

/* The writer: something ended at `at`. */
void load_live_add(struct load_live *l, fl_ns at, bool ok, fl_ns latency);
/* The writer: it is `now`; a slot whose time is over is handed out. */
void load_live_turn(struct load_live *l, fl_ns now);
/* The reader: the next finished slot. false: there is none. */
bool load_live_take(struct load_live *l, struct load_live_slot *ret);

#endif
