/* SPDX-License-Identifier: MIT */
/*
 * retry.h - whether, when and at whose cost a failed attempt is repeated.
 *
 * The budget is a bucket of tokens filled by successes (as in the AWS SDKs and gRPC; M. Brooker, "Fixing retries with token buckets
 * and circuit breakers", 2022) and not by calls under way: in an outage nothing succeeds, so nothing is filled, and load stays within
 * (1 + ratio) of what was asked for. Retries and hedges draw on the same bucket.
 */
#ifndef FAULTLINE_RETRY_H
#define FAULTLINE_RETRY_H

#include <faultline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the budget ---- */

struct fl_budget;

struct fl_budget_opts {
	size_t size;
	const char *name;
	unsigned cells;                 /* default 1 */
	double ratio;                   /* tokens for a success; a retry costs 1. 0..1, default 0.1 */
	double max;                     /* tokens it holds at most, and at first; default 10 */
	double reserve;                 /* tokens a second without any success, for calls that are rare; default 0.1 */
	double enforce;
	uint64_t seed;
	const struct fl_alloc *alloc;
	struct fl_listener listener;    /* it is spent, or half full again */
};
FL_API void fl_budget_opts_init_size(struct fl_budget_opts *o, size_t size);
static inline void fl_budget_opts_init(struct fl_budget_opts *o) { fl_budget_opts_init_size(o, sizeof(*o)); }

FL_API int fl_budget_new(const struct fl_budget_opts *opts, struct fl_budget **ret_budget, const char **ret_field);
FL_API void fl_budget_free(struct fl_budget *b);
/* A call succeeded at its first attempt or a later one. About 1 ns; every 16th of a cell touches the shared bucket. */
FL_API void fl_budget_deposit(struct fl_budget *b, unsigned cell);
/* Pay for one more attempt. 0 or -EAGAIN. */
FL_API int fl_budget_withdraw(struct fl_budget *b, fl_ns now, struct fl_refusal *ret_why);
/* It was not made after all. */
FL_API void fl_budget_refund(struct fl_budget *b);

struct fl_budget_counters {
	uint64_t withdrawn, refused, would_refuse;
	double tokens, max;
};
FL_API void fl_budget_counters(const struct fl_budget *b, struct fl_budget_counters *ret);
FL_API char *fl_budget_explain(const struct fl_budget *b, char *buf, size_t buf_bytes);

/* ---- the decision ---- */

/* How far an attempt got before it failed. */
enum fl_sent {
	FL_NEVER_SENT,                  /* no byte of the request can have been seen */
	FL_SENT_UNKNOWN,                /* it may have been received, and carried out */
	FL_ANSWERED,                    /* there was an answer */
};

struct fl_retry_opts {
	size_t size;
	unsigned attempts_max;          /* with the first; default 3; 1: none */
	fl_ns base;                     /* of the backoff; default 25 ms */
	fl_ns max;                      /* default 1 s */
	bool decorrelated;              /* wait between base and 3 x the last wait (M. Brooker, 2015); default: full jitter, 0..base x 2^n */
	fl_ns retry_after_max;          /* longer words of the server end it; default 5 s */
	bool unsafe;                    /* repeat what may have been carried out, idempotent or not; default false */
	uint64_t seed;
	/* Another wait than these, constant for one: before retry 1, 2, ... unit is drawn from 0..1 for jitter. Must be pure. NULL: as said */
	fl_ns (*backoff)(void *ud, unsigned retry, double unit);
	void *backoff_ud;
};
FL_API void fl_retry_opts_init_size(struct fl_retry_opts *o, size_t size);
static inline void fl_retry_opts_init(struct fl_retry_opts *o) { fl_retry_opts_init_size(o, sizeof(*o)); }

/* Why there is no other attempt; FL_RETRY_YES: there is. */
#define FL_RETRIES(ROW)								\
	ROW(YES,            "yes")						\
	ROW(NOT_RETRYABLE,  "failures of this kind are not repeated")		\
	ROW(ATTEMPTS,       "no attempts are left")				\
	ROW(NOT_IDEMPOTENT, "it may have been carried out, and is not idempotent")	\
	ROW(DEADLINE,       "no time is left")					\
	ROW(BREAKER,        "the circuit breaker is open")			\
	ROW(LOWER_LAYER,    "the other side says not to repeat it")		\
	ROW(RETRY_AFTER,    "the other side asks for more patience than there is")	\
	ROW(BUDGET,         "the retry budget is spent")

enum fl_retry_verdict {
#define FL_RETRY_ROW(id, text) FL_RETRY_##id,
	FL_RETRIES(FL_RETRY_ROW)
#undef FL_RETRY_ROW
	FL_RETRY_COUNT
};
FL_API const char *fl_retry_text(enum fl_retry_verdict v);

struct fl_retry_ask {
	unsigned attempts;              /* made so far */
	enum fl_sent sent;
	bool retryable;                 /* the kind of failure is one that is repeated */
	bool idempotent;
	bool no_retry;                  /* somebody below, or above, retries already */
	bool breaker_open;
	bool other_instance;            /* the next attempt goes elsewhere: no backoff before the first of these */
	fl_ns retry_after;              /* the server's word, from now; the backoff comes on top; 0: none */
	fl_ns deadline;                 /* a point in time; FL_NEVER: none */
	fl_ns expected;                 /* how long an attempt takes: one that cannot end in time is not made; 0: not known */
	fl_ns last_wait;                /* of the retry before; 0: none */
	uint64_t key;                   /* of the call */
};
/* ret_wait is set with FL_RETRY_YES alone; then one token of the budget (NULL: there is none) has been paid. */
FL_API enum fl_retry_verdict fl_retry_next(const struct fl_retry_opts *o, struct fl_budget *budget, const struct fl_retry_ask *ask, fl_ns now,
    fl_ns *ret_wait, struct fl_refusal *ret_why);

#ifdef __cplusplus
}
#endif

#endif
