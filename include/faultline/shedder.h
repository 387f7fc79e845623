/* SPDX-License-Identifier: MIT */
/*
 * shedder.h - load shedding: refuse early, and the least important first.
 *
 * Two judges, either or both:
 *  - by queue: how long work waited in the owner's own queue (sojourn) is told to it; while the mean of a window is above the target, the
 *    admission level sinks, so that a share of the work is refused, that of the lowest priority first; while it is below, the level
 *    rises again (DAGOR of WeChat: Zhou et al., SoCC 2018). What waited says it directly; nothing is inferred from latency.
 *  - by accepts: of the requests sent in the last two minutes, how many did the other side accept? The probability of refusing here
 *    is max(0, (requests - K x accepts) / (requests + 1)) (Google SRE book, chapter 21, "client-side throttling").
 */
#ifndef FAULTLINE_SHEDDER_H
#define FAULTLINE_SHEDDER_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_shedder;

#define FL_SHEDDER_LEVELS 128           /* priorities: 0 is shed last */

struct fl_shedder_opts {
	size_t size;
	const char *name;
	unsigned cells;
	fl_ns target;                   /* of the sojourn; default 20 ms; 0: not judged by queue */
	fl_ns window;                   /* between two moves of the level; default 500 ms */
	double step_down, step_up;      /* share of the admitted work; defaults 0.05 and 0.01 */
	double k;                       /* of the throttle; default 0: not judged by accepts; 2 is usual */
	fl_ns k_window;                 /* default 120 s */
	double enforce;
	uint64_t seed;
	struct fl_listener listener;    /* begins to shed, ends */
	const struct fl_alloc *alloc;
};
FL_API void fl_shedder_opts_init_size(struct fl_shedder_opts *o, size_t size);
static inline void fl_shedder_opts_init(struct fl_shedder_opts *o) { fl_shedder_opts_init_size(o, sizeof(*o)); }

FL_API int fl_shedder_new(const struct fl_shedder_opts *opts, struct fl_shedder **ret_shedder, const char **ret_field);
FL_API void fl_shedder_free(struct fl_shedder *s);

/*
 * May this one in? key: which it is, for the draws within a priority and of the throttle.
 * 0 or -EAGAIN. Each one that is asked for counts as a request of the throttle, whether it is let in or not.
 */
FL_API int fl_shedder_admit(struct fl_shedder *s, unsigned cell, unsigned priority, uint64_t key, fl_ns now, struct fl_refusal *ret_why);
/* Work left the owner's queue after waiting so long, to be done or to be given up (0: it did not wait). */
FL_API void fl_shedder_sojourn(struct fl_shedder *s, unsigned cell, fl_ns waited, fl_ns now);
/* The other side accepted it: answered, and not by saying that it has too much to do. */
FL_API void fl_shedder_accepted(struct fl_shedder *s, unsigned cell, fl_ns now);

struct fl_shedder_counters {
	uint64_t admitted, refused;
	uint64_t would_refuse;          /* but for enforce */
	double level;                   /* work admitted, of FL_SHEDDER_LEVELS: 128 everything */
	fl_ns sojourn;                  /* mean of the last window in which work left the queue; 0: nobody asked since */
	double requests, accepts;       /* of the throttle's window */
};
FL_API void fl_shedder_counters(struct fl_shedder *s, fl_ns now, struct fl_shedder_counters *ret);
FL_API char *fl_shedder_explain(struct fl_shedder *s, fl_ns now, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
