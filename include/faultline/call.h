/* SPDX-License-Identifier: MIT */
/*
 * call.h - one call through all policies, in the right order, declared once.
 *
 * A struct fl_plan names the policies of a dependency; a struct fl_call is one call under it. The call is a state machine without
 * clock, thread or socket: its owner tells it what happened and carries out what it asks for. The same machine stands behind
 * fl_call_run(), the HTTP client, the HTTP lines of the proxy, and simulations.
 *
 * The order, and why it is this one:
 *
 *      deadline        work that cannot be done in time is refused before it costs anything
 *      rate limiter    a promise to others: counted before any queue
 *      shedder         refuses what the queue could not serve in time
 *      adaptive limit  what the dependency can carry now
 *      bulkhead        waits (bounded) for a permit, held until the last attempt's work has ended
 *      breaker         of the dependency as a whole, if there is one; asked once an attempt
 *        attempt       the owner picks an instance (whose own breaker may refuse) and tries
 *      retry, hedge    another attempt, paid from one budget, within the deadline
 *      fallback        when all that failed; never votes on any breaker
 *
 * Life of a call
 *
 *      fl_call_start(&call, plan, &info, now);
 *      for (;;) switch (fl_call_next(&call, now, &todo)) {
 *      case FL_DO_ATTEMPT:  start attempt todo.attempt; later fl_call_done(&call, todo.attempt, &result, now)
 *      case FL_DO_CANCEL:   stop attempt todo.attempt (it lost to another, or time is over); then fl_call_done() with FL_CANCELLED
 *      case FL_DO_FALLBACK: take the fallback; later fl_call_fallback_done(&call, ok, now)
 *      case FL_DO_WAIT:     nothing to do until something happens, or until todo.until (FL_NEVER: only events)
 *      case FL_DO_FINISH:   tell the caller: todo.end, todo.attempt is the one whose answer it gets
 *      case FL_DO_RELEASE:  all work has ended and every permit is back: the struct may be reused
 *      }
 *
 * FL_DO_FINISH comes as soon as the outcome is known; attempts that still run are asked to stop, and FL_DO_RELEASE follows when each
 * has been reported. So a bulkhead's permit is held for as long as there is work, not for as long as the caller is patient.
 *
 * Threads: a struct fl_call belongs to one thread at a time, except fl_call_on_grant, which is called in the thread that releases
 * a permit. Plans are immutable and shared; the policies in them are thread-safe. Nothing is allocated.
 */
#ifndef FAULTLINE_CALL_H
#define FAULTLINE_CALL_H

#include <faultline/adaptive.h>
#include <faultline/base.h>
#include <faultline/breaker.h>
#include <faultline/bulkhead.h>
#include <faultline/deadline.h>
#include <faultline/fallback.h>
#include <faultline/hedge.h>
#include <faultline/limiter.h>
#include <faultline/retry.h>
#include <faultline/shedder.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FL_CALL_ATTEMPTS_MAX 8

/* What protects a dependency. Any pointer may be NULL: no such policy. The policies must outlive the plan. */
struct fl_plan {
	size_t size;                            /* sizeof(struct fl_plan): fl_plan_init() sets it */
	const char *name;                       /* for refusals; "" */
	struct fl_timeouts timeouts;
	struct fl_limiter *limiter;
	struct fl_shedder *shedder;
	struct fl_adaptive *adaptive;
	struct fl_bulkhead *bulkhead;
	struct fl_breaker *breaker;
	struct fl_retry_opts retry;             /* attempts_max 1: no retries */
	struct fl_budget *budget;               /* for retries and hedges; NULL: unbounded by a budget (not advised) */
	struct fl_hedge *hedge;
	unsigned hedges_max;
	struct fl_fallback *fallback;
	fl_ns expected;                         /* how long an attempt takes: calls and retries with less time left are refused; 0: not known */
	bool other_instances;                   /* a retry goes elsewhere: the first one need not wait */
	uint64_t seed;
};

/* How a call ended: name, word, is there an answer. */
#define FL_ENDS(ROW)									\
	ROW(OPEN,        "open",        "it has not ended")				\
	ROW(ANSWERED,    "answered",    "an attempt succeeded")				\
	ROW(FAILED,      "failed",      "the last attempt failed, and there was no other")	\
	ROW(REFUSED,     "refused",     "a policy refused it")				\
	ROW(TIMED_OUT,   "timed_out",   "a time limit passed")				\
	ROW(FALLBACK,    "fallback",    "the fallback answered")			\
	ROW(ABANDONED,   "abandoned",   "the caller left")

enum fl_end {
#define FL_END_ROW(id, word, text) FL_END_##id,
	FL_ENDS(FL_END_ROW)
#undef FL_END_ROW
	FL_END_COUNT
};
FL_API const char *fl_end_name(enum fl_end e);          /* a stable word */

/* What is special about a call. Zeroed: nothing. */
struct fl_call_info {
	uint64_t key;                   /* which call this is: random decisions are a function of the plan's seed and this */
	unsigned cell;                  /* of the calling thread, in all policies of the plan */
	unsigned priority;              /* 0 most important */
	bool idempotent;                /* may be sent twice */
	bool no_retry;                  /* somebody above retries already */
	fl_ns deadline;                 /* the caller's, a point in time; 0: none */
	double cost;                    /* at the rate limiter; 0: 1 */
	void *ud;                       /* for the owner */
};

/* What became of an attempt. */
struct fl_attempt_result {
	enum fl_outcome outcome;        /* what breaker and limits shall think of it */
	enum fl_sent sent;
	bool retryable;                 /* of a kind that the owner retries: it knows statuses, the plan knows when and how often */
	bool no_retry;                  /* the server, or a layer below, says not to try again */
	bool refused;                   /* not tried: `why` says which policy of the instance refused */
	bool breaker_open;              /* so are those of all instances: there is no use in another attempt */
	fl_ns retry_after;              /* the server's word, from now; 0: none */
	fl_ns latency;                  /* of the attempt; 0: from its start to now */
	const struct fl_refusal *why;
};

enum fl_do { FL_DO_WAIT, FL_DO_ATTEMPT, FL_DO_CANCEL, FL_DO_FALLBACK, FL_DO_FINISH, FL_DO_RELEASE };

struct fl_todo {
	enum fl_do what;
	unsigned attempt;               /* ATTEMPT, CANCEL; FINISH with ANSWERED or FAILED: whose answer the caller gets */
	bool hedge;                     /* ATTEMPT: while another runs, to another instance */
	fl_ns until;                    /* WAIT: look again then. ATTEMPT: when it is to be over */
	enum fl_end end;                /* FINISH */
};

struct fl_call_try {
	uint8_t state;                  /* of enum in call.c */
	bool hedge, voted, cancel_told;
	struct fl_permit permit;        /* the plan's breaker's */
	fl_ns at;
};

/* One call. The owner's memory; fields are call.c's, but for info, attempts, end and refusal, which may be read. */
struct fl_call {
	const struct fl_plan *plan;
	struct fl_call_info info;
	struct fl_deadline deadline;
	fl_ns start, queued_at, retry_at, last_wait, hedge_at;
	struct fl_call_try tries[FL_CALL_ATTEMPTS_MAX];
	struct fl_waiter waiter;
	void (*granted)(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now);
	uint32_t epoch;
	uint8_t state;
	uint8_t attempts;               /* started so far */
	uint8_t flying;                 /* not reported yet */
	uint8_t hedges;
	uint8_t winner;                 /* attempt whose answer counts */
	uint8_t end;                    /* enum fl_end */
	uint8_t limit;                  /* enum fl_limit: which one ended it */
	bool has_adaptive, has_bulkhead, waiting, finish_told, rehearsal, fallback_on, failed_once;
	bool paid;                      /* for a retry that has not begun */
	bool overloaded;                /* an attempt was told so */
	bool abandoned;                 /* the bulkhead knows that nobody waits for what still runs */
	fl_ns latency;                  /* of the winner */
	uint8_t verdict;                /* enum fl_retry_verdict: why there was no other attempt */
	struct fl_refusal refusal;      /* the last one */
};

FL_API void fl_plan_init_size(struct fl_plan *p, size_t size);
/* Limits as of struct fl_timeouts: total 15 s, queue 1 s, connect 1 s, idle 30 s; retries as fl_retry_opts_init(), but 1 attempt. */
static inline void fl_plan_init(struct fl_plan *p) { fl_plan_init_size(p, sizeof(*p)); }

/*
 * fl_call_start - begin a call. Nothing is decided yet: ask fl_call_next().
 * granted  called when a bulkhead that made the call wait has answered, in the thread that released the permit: bring it to the
 *          owner's thread and call fl_call_granted() there. NULL: the call never waits, a full bulkhead refuses.
 */
FL_API void fl_call_start(struct fl_call *c, const struct fl_plan *plan, const struct fl_call_info *info,
    void (*granted)(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now), fl_ns now);
FL_API enum fl_do fl_call_next(struct fl_call *c, fl_ns now, struct fl_todo *ret_todo);
/* What happened. */
FL_API void fl_call_granted(struct fl_call *c, int res, const struct fl_refusal *why, fl_ns now);
FL_API void fl_call_done(struct fl_call *c, unsigned attempt, const struct fl_attempt_result *r, fl_ns now);
FL_API void fl_call_fallback_done(struct fl_call *c, bool good, fl_ns now);
/* The answer of this attempt is good and on its way to the caller, though its end is not there yet: no other attempt is started. */
FL_API void fl_call_commit(struct fl_call *c, unsigned attempt, fl_ns now);
/* The caller has gone. What runs is asked to stop. */
FL_API void fl_call_abandon(struct fl_call *c, fl_ns now);
/* A limit that the owner watches (connect, first byte, idle) ended an attempt: for the record. */
FL_API void fl_call_limit(struct fl_call *c, enum fl_limit limit);

/*
 * fl_call_run - the same for one thread that waits: attempt() does the work and returns when it is over.
 * clock     monotonic; sleep_until() waits; both get ud
 * attempt   fills *ret_result; the deadline is a point in time
 * fallback  NULL: none. returns whether it could
 * returns   how it ended; hedges are not made, since nothing runs beside the attempt
 */
struct fl_call_work {
	fl_ns (*clock)(void *ud);
	void (*sleep_until)(void *ud, fl_ns at);
	void (*attempt)(void *ud, unsigned attempt, fl_ns deadline, struct fl_attempt_result *ret_result);
	bool (*fallback)(void *ud, const struct fl_call *c);
	void *ud;
};
FL_API enum fl_end fl_call_run(const struct fl_plan *plan, const struct fl_call_info *info, const struct fl_call_work *work,
    struct fl_call *ret_call);
/* Why it ended so, in words. */
FL_API char *fl_call_explain(const struct fl_call *c, char *buf, size_t buf_bytes);

#ifdef __cplusplus
}
#endif

#endif
