/* SPDX-License-Identifier: MIT */
/*
 * limiter.h - rate limiter: the generic cell rate algorithm (ITU-T I.371) in one 64-bit word.
 *
 * The word is the theoretical arrival time: when the line would be idle if everything admitted so far came at the exact rate. A
 * call conforms when that is at most (burst - 1) intervals ahead of now. No refill, no timer, no window: any interval of length t sees at
 * most burst + rate * t calls. The time to come back is the difference, exactly.
 *
 * Cost: one compare-and-swap, 5 to 9 ns depending on the processor.
 */
#ifndef FAULTLINE_LIMITER_H
#define FAULTLINE_LIMITER_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_limiter;

struct fl_limiter_opts {
	size_t size;
	const char *name;
	double rate;                    /* calls per second, 0.001 to 1e9; required. Kept as whole ns between calls */
	double burst;                   /* at once; default 1: evenly spaced */
	double enforce;
	uint64_t seed;
	const struct fl_alloc *alloc;
	struct fl_listener listener;    /* it begins to refuse, or has refused nobody for a second */
};
FL_API void fl_limiter_opts_init_size(struct fl_limiter_opts *o, size_t size);
static inline void fl_limiter_opts_init(struct fl_limiter_opts *o) { fl_limiter_opts_init_size(o, sizeof(*o)); }

FL_API int fl_limiter_new(const struct fl_limiter_opts *opts, struct fl_limiter **ret_limiter, const char **ret_field);
FL_API void fl_limiter_free(struct fl_limiter *l);

/* One call of this cost (1 is usual; 0 < cost <= burst). 0; -EAGAIN with retry_after in *ret_why; -EINVAL: it never conforms. */
FL_API int fl_limiter_admit(struct fl_limiter *l, double cost, fl_ns now, struct fl_refusal *ret_why);
/*
 * Take the next free place, if it comes within wait_max.
 * ret_wait  how long to wait before going
 * returns   0; -EAGAIN: it is further away, nothing was taken
 */
FL_API int fl_limiter_reserve(struct fl_limiter *l, double cost, fl_ns wait_max, fl_ns now, fl_ns *ret_wait, struct fl_refusal *ret_why);
/* Another rate and burst, from now on; calls that were let through ahead of the rate are made good at the new one. 0 or -EINVAL. */
FL_API int fl_limiter_retune(struct fl_limiter *l, double rate, double burst, fl_ns now);

struct fl_limiter_counters {
	uint64_t refused, would_refuse;
	double rate, burst;
};
FL_API void fl_limiter_counters(const struct fl_limiter *l, struct fl_limiter_counters *ret);
FL_API char *fl_limiter_explain(const struct fl_limiter *l, fl_ns now, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
