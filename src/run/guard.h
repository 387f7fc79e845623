/* SPDX-License-Identifier: MIT */
/*
 * guard.h - abort_if: is it time to stop everything? Pure; fed with what happens, asked now and then.
 *
 * Limits on the load look at a sliding window, in slots of a tenth of a second. They hold off until the window has passed
 * once and holds at least GUARD_OPS_MIN operations.
 */
#ifndef RUN_GUARD_H
#define RUN_GUARD_H

#include "run/experiment.h"
#include "run/load_live.h"
#include "run/oplog.h"

#define GUARD_SLOT_NS (100 * FL_MS)
#define GUARD_OPS_MIN 10

struct guard_count {
	uint32_t total, bad;
};
struct guard {
	const struct experiment_guard *conf;
	struct guard_count *slots;       /* a ring over the window; NULL for other kinds */
	uint32_t slot_count;
	int64_t newest;                 /* number of the slot written last; -1: none */
	uint32_t fails;                 /* of a probe, in a row */
	int64_t bytes;                  /* memory seen last */
	bool exited;
};

int guard_init(struct guard *g, const struct experiment_guard *conf);   /* 0 or -ENOMEM */
void guard_fini(struct guard *g);

void guard_op(struct guard *g, const struct oplog_op *op);              /* it ended at op->complete */
void guard_slot(struct guard *g, const struct load_live_slot *s);
void guard_probe(struct guard *g, uint32_t probe, bool held);
void guard_memory(struct guard *g, uint32_t process, int64_t bytes);
void guard_exit(struct guard *g, uint32_t process);                     /* it ended, and no fault made it */

/* Must we stop, at `now` (times as in the log)? why: 160 bytes, set when true. */
bool guard_tripped(const struct guard *g, const struct experiment *x, fl_ns now, char *why);

#endif
