/* SPDX-License-Identifier: MIT */
/*
 * breaker.h - circuit breaker (Nygard, Release It!, 2007), right under asynchrony.
 *
 *      closed      calls pass; outcomes are counted in a window. Too many failures: open
 *      open        calls are refused, for a time that grows with each opening in a row
 *      half-open   a few probes pass, each with a lease; enough successes: closed, one failure: open again
 *
 * What others get wrong and this one does not
 *  (1) A permit carries the generation of the state it was given in. The result of a call admitted in an earlier state is stale:
 *      counted as such, never voted. A success from before the trip cannot close the circuit.
 *  (2) A probe holds its slot on a lease. One that has not reported when its lease ends counts as failed then, whether anybody looks
 *      or not, and frees its slot: no breaker stays half-open for ever.
 *  (3) Calls that have been in flight for longer than slow_after count as slow and failed while they last, so a dependency that
 *      hangs trips the breaker before the first time-out is reported.
 *  (4) With `confidence` the failure rate must exceed the limit by Wilson's lower bound (Wilson 1927): few calls need a clear case,
 *      many a narrow one. There is no cliff at a minimum volume.
 *
 * Cost: admit and record while closed, about 3 ns together; a refusal while open under 2 ns. No memory is shared for writing.
 */
#ifndef FAULTLINE_BREAKER_H
#define FAULTLINE_BREAKER_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fl_breaker;

enum fl_breaker_state { FL_BREAKER_CLOSED, FL_BREAKER_OPEN, FL_BREAKER_HALF_OPEN, FL_BREAKER_FORCED_OPEN, FL_BREAKER_DISABLED };
FL_API const char *fl_breaker_state_name(enum fl_breaker_state s);      /* "half-open" */

#define FL_BREAKER_BUCKETS 10
#define FL_BREAKER_PROBES_MAX 64
#define FL_BREAKER_COUNT_MAX 65536

struct fl_breaker_opts {
	size_t size;
	const char *name;               /* copied, cut at FL_NAME_MAX; default "" */
	unsigned cells;                 /* default 1 */
	fl_ns window;                   /* default 10 s, in 10 buckets */
	unsigned count;                 /* > 0: the last so many calls instead of a time; then calls share a line of cache */
	double failure_rate;            /* 0..1, default 0.5; > 1: never */
	double slow_rate;               /* 0..1, default 0.8; > 1: never */
	fl_ns slow_after;               /* a call this long is slow; default 0: none is. Over 9/10 of the window, (3) is not watched */
	unsigned volume_min;            /* calls in the window before it may open; default 10 */
	double confidence;              /* default 0.95; 0: the plain rate decides */
	fl_ns open;                     /* default 5 s */
	fl_ns open_max;                 /* default 60 s; each opening without a stable period between doubles the time */
	double jitter;                  /* of the open time, 0..1; default 0.1 */
	fl_ns stable;                   /* closed for so long: the open time starts over; default 60 s */
	unsigned probes;                /* at once while half-open; default 1 */
	unsigned successes;             /* to close; default 1 */
	fl_ns lease;                    /* of a probe, longer than a call may take; default 0: as long as the open time */
	bool overload_fails;            /* FL_OVERLOADED counts as failed; default false: it does not vote */
	double enforce;                 /* 1 enforce (default), 0 observe, between: that share of refusals */
	uint64_t seed;
	struct fl_listener listener;
	const struct fl_alloc *alloc;
};
FL_API void fl_breaker_opts_init_size(struct fl_breaker_opts *o, size_t size);
static inline void fl_breaker_opts_init(struct fl_breaker_opts *o) { fl_breaker_opts_init_size(o, sizeof(*o)); }

/* 0; -EINVAL with the option's name in *ret_field (may be NULL); -ENOMEM. */
FL_API int fl_breaker_new(const struct fl_breaker_opts *opts, struct fl_breaker **ret_breaker, const char **ret_field);
FL_API void fl_breaker_free(struct fl_breaker *b);

/* The right to one call. By value; give it back with fl_breaker_record(), once. */
struct fl_permit {
	uint32_t generation;            /* 0: not admitted by any state that counts */
	uint32_t bucket;
	uint32_t slot;                  /* of a probe + 1; 0: not a probe */
	uint32_t reserved;
};

/*
 * fl_breaker_admit - may this call go?
 * ret_why   filled when refused; NULL: not asked
 * returns   0 with a permit; -EAGAIN: refused; -EINVAL: no such cell
 */
FL_API int fl_breaker_admit(struct fl_breaker *b, unsigned cell, fl_ns now, struct fl_permit *ret_permit, struct fl_refusal *ret_why);
/*
 * fl_breaker_record - what became of it. From any thread, with that thread's cell.
 * latency   of the call; slow_after judges it
 * returns   0: counted; -ESTALE: the state it was admitted in is over; -EINVAL: no such cell
 */
FL_API int fl_breaker_record(struct fl_breaker *b, unsigned cell, const struct fl_permit *p, enum fl_outcome outcome, fl_ns latency,
    fl_ns now);
/* Would it be admitted now? Takes nothing. */
FL_API bool fl_breaker_ready(const struct fl_breaker *b, fl_ns now);
FL_API enum fl_breaker_state fl_breaker_state(const struct fl_breaker *b);
/* FORCED_OPEN, DISABLED, OPEN (for its open time), or CLOSED: back to normal, with an empty window. */
FL_API void fl_breaker_force(struct fl_breaker *b, enum fl_breaker_state s, fl_ns now);

struct fl_breaker_counters {
	uint64_t admitted, refused, would_refuse;
	uint64_t ok, failed, slow, cancelled, overloaded;       /* all that were reported, also those that did not vote */
	uint64_t stale;                 /* of these, reported after the state they were admitted in */
	uint64_t opened, closed, probes, leases_expired;
};
FL_API void fl_breaker_counters(const struct fl_breaker *b, struct fl_breaker_counters *ret);
/* What the window says. */
struct fl_breaker_view {
	enum fl_breaker_state state;
	fl_ns until;                    /* OPEN: when it will let probes through; else FL_NEVER */
	double calls, failed, slow, overdue;    /* in the window; overdue: in flight for too long, counted in the others */
	double failure_rate, slow_rate; /* 0..1 */
	unsigned openings;              /* in a row */
};
FL_API void fl_breaker_view(struct fl_breaker *b, fl_ns now, struct fl_breaker_view *ret);
/* Its state in words. returns buf. */
FL_API char *fl_breaker_explain(struct fl_breaker *b, fl_ns now, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
