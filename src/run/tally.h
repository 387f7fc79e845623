/* SPDX-License-Identifier: MIT */
/*
 * tally.h - the load in numbers: live, for the status line, and whole, for the report.
 *
 * Latency is counted from when an operation was due, so waiting behind a slow one counts (no coordinated omission). A
 * compare-and-set that met another value was answered: it counts as ok here, though it fails in the history.
 */
#ifndef RUN_TALLY_H
#define RUN_TALLY_H

#include "base/arena.h"
#include "base/hist.h"
#include "run/load_live.h"
#include "run/oplog.h"
#include "run/result.h"

static inline bool
tally_is_ok(const struct oplog_op *op)
{
	return op->outcome == HISTORY_OK || op->error == OPLOG_MISMATCH;
}

/* The last second or two. */
struct tally {
	struct hist *now, *before;      /* of this second and the one before */
	fl_ns second;                   /* where this one starts */
	uint32_t ok[2], bad[2];
	uint64_t ok_total, bad_total;
};
int tally_init(struct tally *t);        /* 0 or -ENOMEM */
void tally_fini(struct tally *t);
void tally_op(struct tally *t, const struct oplog_op *op);
void tally_slot(struct tally *t, const struct load_live_slot *s);
struct tally_rates {
	double ok, bad;                 /* per second */
	fl_ns p99;
};
struct tally_rates tally_rates(struct tally *t, fl_ns now);

/*
 * tally_load - everything the logs say, for the report. The writers have ended.
 * mem        gets buckets and texts
 * hist       room for the latencies, which ret points to
 * returns    0 or -ENOMEM
 */
int tally_load(struct oplog *const *logs, uint32_t count, fl_ns duration, struct arena *mem, struct hist *hist, struct result_load *ret);

#endif
