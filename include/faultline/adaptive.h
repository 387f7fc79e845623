/* SPDX-License-Identifier: MIT */
/*
 * adaptive.h - adaptive concurrency: a limit on calls in flight that follows what the dependency can carry.
 *
 * In each window the median latency of successes is held against a baseline, the least median seen. Surely (95 %) above tolerance x
 * baseline, calls must be queueing somewhere, and the limit shrinks in proportion (gradient; after Netflix concurrency-limits and
 * Envoy); else it grows by its square root, but only while it is used. What overload says about itself (429, time-outs) shrinks it at once,
 * multiplicatively, once a window (AIMD; Chiu and Jain, 1989).
 *
 * The traps of others, and what is done about them
 *  (1) Drift: a baseline that follows the average learns overload, one that follows the minimum learns luck. This one falls only to
 *      what the median surely was at most, and rises only when the limit stands at its minimum, no more
 *      than that is in flight, and latency is still high, that is, when it cannot be our own queue.
 *  (2) Samples of calls that were admitted before the limit last fell say nothing about the lower one: permits carry the epoch, and
 *      stale ones are dropped, failures and all, so that one wave of time-outs shrinks the limit once.
 *  (3) Latencies of failures never enter.
 *  (4) No healthy traffic is shed to measure a baseline. Only when the limit was reached and latency above the baseline for 50 windows
 *      in a row, the limit is halved for one, to see whether the queue is our own: for who begins under overload, and for a service
 *      that has become slower.
 *
 * The clock must be finer than the latency: below 1 us latencies look the same.
 */
#ifndef FAULTLINE_ADAPTIVE_H
#define FAULTLINE_ADAPTIVE_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_adaptive;

struct fl_adaptive_opts {
	size_t size;
	const char *name;
	unsigned initial, min, max;     /* default 20, 4, 1000 */
	double tolerance;               /* of latency over the baseline; default 1.5 */
	fl_ns window;                   /* default 100 ms; longer until it holds samples_min */
	unsigned samples_min;           /* default 10 */
	double backoff;                 /* on overload; default 0.9 */
	double smoothing;               /* of a step, 0..1; default 0.3 */
	double enforce;
	uint64_t seed;
	struct fl_listener listener;    /* the limit reaches its minimum, and leaves it */
	const struct fl_alloc *alloc;
};
FL_API void fl_adaptive_opts_init_size(struct fl_adaptive_opts *o, size_t size);
static inline void fl_adaptive_opts_init(struct fl_adaptive_opts *o) { fl_adaptive_opts_init_size(o, sizeof(*o)); }

FL_API int fl_adaptive_new(const struct fl_adaptive_opts *opts, struct fl_adaptive **ret_adaptive, const char **ret_field);
FL_API void fl_adaptive_free(struct fl_adaptive *a);

/* 0 with the epoch; -EAGAIN. */
FL_API int fl_adaptive_admit(struct fl_adaptive *a, fl_ns now, uint32_t *ret_epoch, struct fl_refusal *ret_why);
/* The call has ended. timed_out and FL_OVERLOADED are overload; FL_FAILED and FL_CANCELLED only give the place back. */
FL_API void fl_adaptive_release(struct fl_adaptive *a, uint32_t epoch, enum fl_outcome outcome, bool timed_out, fl_ns latency, fl_ns now);
/* Is the limit reached? Two loads. Hedges are not sent then. */
FL_API bool fl_adaptive_full(const struct fl_adaptive *a);

struct fl_adaptive_counters {
	uint64_t refused;
	uint64_t would_refuse;          /* but for enforce */
	uint64_t stale, overloads, windows;
	unsigned inflight;
	double limit;
	fl_ns baseline, latency;        /* of the last window; 0: none yet */
};
FL_API void fl_adaptive_counters(struct fl_adaptive *a, struct fl_adaptive_counters *ret);
FL_API char *fl_adaptive_explain(struct fl_adaptive *a, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
