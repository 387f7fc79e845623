/* SPDX-License-Identifier: MIT */
/*
 * bulkhead.h - at most N pieces of work at once, and a bounded, honest queue for those that may wait.
 *
 * A permit belongs to the work, not to the patience of whoever asked: it is given back when the work has really ended (the answer
 * came, the connection was closed), so a time-out never lets an N + 1st piece in. fl_bulkhead_abandon() says that nobody waits for
 * the work any more; the gauge `abandoned` then tells how much of N is spent on answers for nobody.
 *
 * The queue: first in, first out while it drains; last in, first out once it has not been empty for lifo_after, since then the
 * oldest have the least chance of being waited for (adaptive LIFO). At dequeue, whoever has waited for longer than is allowed is
 * refused: `interval` while the queue was empty lately, `target` when it was not (controlled delay; both: B. Maurer, "Fail at Scale",
 * ACM Queue 13(8), 2015, after CoDel of Nichols and Jacobson, ACM Queue 10(5), 2012). Nobody waits for longer than `interval`, whether
 * anything is released or not: fl_call sees to it. Higher priorities first. Whoever cannot be served by its
 * deadline is refused at once. When the queue is full, a newcomer takes the place of somebody less important; last in, first out, also
 * that of the oldest of his own priority.
 *
 * Invariants: never more than max permits are out, in no interleaving; no waiter is forgotten: each is granted, refused, or left.
 * Cost: acquire and release one locked instruction each, 10 to 17 ns together depending on the processor; the lock is taken only
 * when there is a queue.
 */
#ifndef FAULTLINE_BULKHEAD_H
#define FAULTLINE_BULKHEAD_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_bulkhead;

#define FL_BULKHEAD_PRIORITIES 8

struct fl_bulkhead_opts {
	size_t size;
	const char *name;
	unsigned max;                   /* permits; default 64 */
	unsigned queue;                 /* waiters; default 0: no queue */
	fl_ns interval;                 /* longest wait while the queue empties now and then; default 100 ms */
	fl_ns target;                   /* and when it does not; default 5 ms */
	fl_ns lifo_after;               /* default 100 ms; FL_NEVER: always first in, first out */
	fl_ns expected;                 /* how long work takes: whoever has less time left is refused; default 0 */
	double enforce;                 /* where it is not enforced, nobody waits either */
	uint64_t seed;
	const struct fl_alloc *alloc;
	struct fl_listener listener;    /* the queue stands (last in, first out), or drains again */
};
FL_API void fl_bulkhead_opts_init_size(struct fl_bulkhead_opts *o, size_t size);
static inline void fl_bulkhead_opts_init(struct fl_bulkhead_opts *o) { fl_bulkhead_opts_init_size(o, sizeof(*o)); }

FL_API int fl_bulkhead_new(const struct fl_bulkhead_opts *opts, struct fl_bulkhead **ret_bulkhead, const char **ret_field);
FL_API void fl_bulkhead_free(struct fl_bulkhead *b);

/*
 * Somebody who waits. Embedded in the owner's object; zero it first. answered() is called once, in the thread that released a
 * permit or looked at the queue: res 0 the permit is his, -EAGAIN refused (why says so). It must be quick and may not call back.
 */
struct fl_waiter {
	struct fl_waiter *next, *prev;
	fl_ns since, deadline;          /* deadline: 0 none */
	uint8_t priority;               /* 0 first .. FL_BULKHEAD_PRIORITIES - 1 */
	uint8_t state;                  /* 0 idle, 1 waiting, 2 answered */
	void (*answered)(struct fl_waiter *w, int res, const struct fl_refusal *why, fl_ns now);
};

/* A permit at once. 0, or -EAGAIN. Does not overtake those who wait. */
FL_API int fl_bulkhead_acquire(struct fl_bulkhead *b, fl_ns now, struct fl_refusal *ret_why);
/*
 * A permit at once, or a place in the queue.
 * returns  0: it is yours. -EINPROGRESS: w waits, answered() will come (or came, before this returned). -EAGAIN: refused.
 */
FL_API int fl_bulkhead_enter(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now, struct fl_refusal *ret_why);
/* Wait no longer. 0: w is out. -EALREADY: it was answered (or is being answered now): the answer counts. */
FL_API int fl_bulkhead_leave(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now);
/* The longest that anybody waits (interval). Whoever has waited for so long should call fl_bulkhead_expire(). */
FL_API fl_ns fl_bulkhead_patience(const struct fl_bulkhead *b);
/*
 * w has waited for as long as anybody may, though nothing was released meanwhile: refuse it.
 * returns  -EAGAIN: refused, w is out. -EALREADY: it was answered (or is being answered now): the answer counts.
 */
FL_API int fl_bulkhead_expire(struct fl_bulkhead *b, struct fl_waiter *w, fl_ns now, struct fl_refusal *ret_why);
/* Give a permit back: the work has ended. Grants what can be granted, from within. */
FL_API void fl_bulkhead_release(struct fl_bulkhead *b, fl_ns now);
/* Nobody waits for the work any more, which goes on. Later fl_bulkhead_release_abandoned() instead of release(). */
FL_API void fl_bulkhead_abandon(struct fl_bulkhead *b);
FL_API void fl_bulkhead_release_abandoned(struct fl_bulkhead *b, fl_ns now);
/* Refuse waiters whose time is over. Needed only where nothing is released for long, and nobody calls fl_bulkhead_expire(). */
FL_API void fl_bulkhead_tick(struct fl_bulkhead *b, fl_ns now);
/* Other limits, at once; more than max may be out until enough were released. 0 or -EINVAL. */
FL_API int fl_bulkhead_retune(struct fl_bulkhead *b, unsigned max, unsigned queue, fl_ns now);

struct fl_bulkhead_counters {
	uint64_t queued, refused_full, refused_delay, refused_deadline, left, would_refuse;
	unsigned inflight, waiting, abandoned, max, queue, inflight_most;
};
FL_API void fl_bulkhead_counters(const struct fl_bulkhead *b, struct fl_bulkhead_counters *ret);
FL_API char *fl_bulkhead_explain(const struct fl_bulkhead *b, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
