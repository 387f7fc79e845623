/* SPDX-License-Identifier: MIT */
/*
 * hedge.h - hedged requests: a second attempt when the first is slower than most (Dean and Barroso, "The tail at scale",
 * CACM 56(2), 2013).
 *
 * The delay is a quantile of the latency of attempts, and honest about the ones that were cut short: an attempt that lost, or ran
 * into a time limit, is known to have taken "at least t" and enters as that (product-limit estimator, Kaplan and Meier, JASA 1958).
 * Recording winners alone makes the estimate, and with it the delay, shrink until everything is hedged.
 */
#ifndef FAULTLINE_HEDGE_H
#define FAULTLINE_HEDGE_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_hedge;

struct fl_hedge_opts {
	size_t size;
	const char *name;
	unsigned cells;
	double quantile;                /* default 0.95 */
	fl_ns fixed;                    /* a fixed delay instead; default 0: the quantile */
	fl_ns delay_min;                /* default 1 ms */
	fl_ns delay_max;                /* default 10 s: slower than that is not hedged */
	unsigned samples_min;           /* no hedges before so many in the window; default 100 */
	fl_ns window;                   /* samples count for one to two of these; default 30 s */
	double enforce;
	uint64_t seed;
	const struct fl_alloc *alloc;
};
FL_API void fl_hedge_opts_init_size(struct fl_hedge_opts *o, size_t size);
static inline void fl_hedge_opts_init(struct fl_hedge_opts *o) { fl_hedge_opts_init_size(o, sizeof(*o)); }

FL_API int fl_hedge_new(const struct fl_hedge_opts *opts, struct fl_hedge **ret_hedge, const char **ret_field);
FL_API void fl_hedge_free(struct fl_hedge *h);
/* An attempt took `latency`; cut_short: it was cancelled then, or ran into a limit. About 5 ns. */
FL_API void fl_hedge_record(struct fl_hedge *h, unsigned cell, fl_ns latency, bool cut_short, fl_ns now);
/* How long after an attempt began a hedge may start; FL_NEVER: not known well enough yet, or longer than delay_max. */
FL_API fl_ns fl_hedge_delay(const struct fl_hedge *h);
/* A quantile of what was recorded; FL_NEVER: too few samples. Slow: sums all cells. */
FL_API fl_ns fl_hedge_quantile(struct fl_hedge *h, double q, fl_ns now);
/* One was started: its first attempt's fate decides whether it was worth it. */
FL_API void fl_hedge_started(struct fl_hedge *h);
FL_API void fl_hedge_won(struct fl_hedge *h, bool hedge);       /* which of the two answered first */
/* Is the nth hedge that would be started to be started (enforce)? */
FL_API bool fl_hedge_enforced(struct fl_hedge *h);

struct fl_hedge_counters {
	uint64_t started, won, lost, samples, cut_short;
	uint64_t would_start;                   /* but for enforce */
	fl_ns delay;
};
FL_API void fl_hedge_counters(const struct fl_hedge *h, struct fl_hedge_counters *ret);
FL_API char *fl_hedge_explain(const struct fl_hedge *h, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
