/* SPDX-License-Identifier: MIT */
/*
 * base.h - what all policies have in common: time, memory, refusals that explain themselves, events, enforcement.
 *
 * Ground rules of the library
 *  - A policy holds no clock, socket, file, thread or global. Time is an argument: nanoseconds of any clock that never goes back,
 *    the same for all calls to one object. FL_NEVER is later than every time.
 *  - Memory is taken at creation, through struct fl_alloc, and never afterwards.
 *  - Functions return 0 or a negative errno. Outputs come last and are untouched on failure. free functions take NULL.
 *  - Objects may be used by many threads at once. Where a call takes a `cell`, threads that call at the same time must give
 *    different ones (0 <= cell < opts.cells): counters of the fast path are per cell, so that no line of cache is shared.
 *  - Random decisions are a function of the seed in the options and of ordinals: the same calls give the same decisions.
 */
#ifndef FAULTLINE_BASE_H
#define FAULTLINE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FL_API __attribute__((visibility("default")))
#else
#define FL_API
#endif

#define FL_VERSION_MAJOR 0
#define FL_VERSION_MINOR 1
#define FL_VERSION_PATCH 0
/* Version of the library in use: "0.1.0". */
FL_API const char *fl_version(void);

/* A time or a duration in nanoseconds. */
typedef int64_t fl_ns;
#ifndef FL_NEVER
#define FL_US  INT64_C(1000)
#define FL_MS  INT64_C(1000000)
#define FL_SEC INT64_C(1000000000)
#define FL_NEVER INT64_MAX
#endif

#define FL_CELLS_MAX 256
#define FL_NAME_MAX 128

/* Where memory comes from. NULL instead of one: malloc() and free(). alloc() returns memory aligned for any object, or NULL. */
struct fl_alloc {
	void *(*alloc)(void *ud, size_t bytes);
	void (*free)(void *ud, void *p);
	void *ud;
};

/* Who refused: name, the word in headers and metrics, text. */
#define FL_WHOS(ROW)							\
	ROW(NONE,        "none",        "nobody")			\
	ROW(DEADLINE,    "deadline",    "the deadline")			\
	ROW(RATE_LIMIT,  "rate-limit",  "the rate limiter")		\
	ROW(SHEDDER,     "shedder",     "the load shedder")		\
	ROW(ADAPTIVE,    "adaptive",    "the adaptive limit")		\
	ROW(BULKHEAD,    "bulkhead",    "the bulkhead")			\
	ROW(BREAKER,     "breaker",     "the circuit breaker")		\
	ROW(BUDGET,      "budget",      "the retry budget")		\
	ROW(OUTLIER,     "outlier",     "outlier ejection")		\
	ROW(NO_INSTANCE, "no-instance", "no instance can be used")	\
	ROW(POOL,        "pool",        "the connection limit")		\
	ROW(FALLBACK,    "fallback",    "the fallback's bulkhead")

enum fl_who {
#define FL_WHO_ROW(id, word, text) FL_WHO_##id,
	FL_WHOS(FL_WHO_ROW)
#undef FL_WHO_ROW
	FL_WHO_COUNT
};
FL_API const char *fl_who_name(enum fl_who w);          /* "rate-limit" */

/* Why, in one line. The numbers (n[0], n[1], ...) that stand in the sentence are those of the moment. */
enum fl_reason {
	FL_REASON_NONE,
	FL_REASON_BREAKER_OPEN,         /* failed, calls, rate %, lower bound %, limit % */
	FL_REASON_BREAKER_PROBING,      /* probes under way, of */
	FL_REASON_BREAKER_PROBE,        /* openings in a row */
	FL_REASON_BREAKER_FORCED,
	FL_REASON_RATE,                 /* per second, burst */
	FL_REASON_BULKHEAD_FULL,        /* in flight, of, waiting, of */
	FL_REASON_BULKHEAD_TIMEOUT,     /* waited ms, in flight, of */
	FL_REASON_BULKHEAD_DELAY,       /* waited ms, allowed ms */
	FL_REASON_BULKHEAD_DEADLINE,    /* left ms, expected ms */
	FL_REASON_ADAPTIVE_FULL,        /* in flight, limit */
	FL_REASON_SHED_DELAY,           /* sojourn ms, target ms */
	FL_REASON_SHED_PRIORITY,        /* priority, admitted up to, sojourn ms, target ms */
	FL_REASON_SHED_ACCEPTS,         /* requests, accepts, probability % */
	FL_REASON_DEADLINE_PASSED,
	FL_REASON_DEADLINE_SHORT,       /* left ms, expected ms */
	FL_REASON_BUDGET_EMPTY,         /* tokens, of */
	FL_REASON_ALL_OUT,              /* instances, usable */
	FL_REASON_ALL_REFUSED,          /* instances asked */
	FL_REASON_POOL_FULL,            /* connections, of */
	FL_REASON_EJECTED,              /* failures in a row */
	FL_REASON_FALLBACK_FULL,        /* in flight, of */
	FL_REASON_COUNT
};

/* A refusal, with what it was decided on. */
struct fl_refusal {
	enum fl_who by;
	enum fl_reason reason;
	fl_ns retry_after;              /* from now, when trying again may help; 0: not known */
	double n[5];
	char name[FL_NAME_MAX];         /* of the policy; "" */
};
/* One plain sentence without a full stop. Cut to fit; always ends with NUL. returns buf. */
FL_API char *fl_refusal_say(const struct fl_refusal *r, char *buf, size_t buf_bytes);

/* A policy changed its state. Texts are constants or live as long as the call. */
struct fl_event {
	enum fl_who who;
	const char *name;               /* of the policy */
	const char *from, *to;          /* states: "closed", "open" */
	const char *why;                /* a sentence with the numbers */
	fl_ns at;
};
/* Called in the thread that caused it. Must not call back into the policy. */
struct fl_listener {
	void (*event)(void *ud, const struct fl_event *e);
	void *ud;
};

/* What became of a call, as far as a policy is concerned. */
enum fl_outcome {
	FL_OK,
	FL_FAILED,
	FL_OVERLOADED,                  /* the other side said that it has too much to do: 429, 503 with Retry-After */
	FL_CANCELLED,                   /* ended without telling anything: the caller left, another attempt won */
};

#ifdef __cplusplus
}
#endif

#endif
