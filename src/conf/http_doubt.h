/* SPDX-License-Identifier: MIT */
/*
 * http_doubt.h - policies that contradict each other: what in an HTTP line cannot do what it seems to, or does harm.
 *
 * Each kind of doubt is a row: a stable word for programs, and what is wrong about it in general. What is wrong here, with the
 * numbers, and what mends it stand in the doubt itself.
 */
#ifndef CONF_HTTP_DOUBT_H
#define CONF_HTTP_DOUBT_H

#include "base/buf.h"
#include "conf/http_cost.h"

#define HTTP_DOUBTS(ROW)                                                                                              \
	ROW(NO_TOTAL,            "no_total",            "nothing bounds the time of a call")                                    \
	ROW(TRY_OVER_TOTAL,      "per_try_over_total",  "an attempt may take as long as the whole call, so it is never repeated") \
	ROW(TRIES_OVER_TOTAL,    "attempts_over_total", "the last attempts are cut off by the total")                           \
	ROW(TIMEOUT_UNUSED,      "timeout_unused",      "a limit that another one always reaches first")                        \
	ROW(QUEUE_OVER_TOTAL,    "queue_over_total",    "a call may wait in the queue for longer than it may last")             \
	ROW(NESTED_RETRIES,      "nested_retries",      "retries on two lines one behind the other multiply")                   \
	ROW(BEHIND_OUTLIVES,     "behind_outlives",     "the line behind works on calls that were given up here")               \
	ROW(NO_BUDGET,           "no_budget",           "in an outage every call becomes as many as it may have attempts")      \
	ROW(UNSAFE_RETRY,        "unsafe_retry",        "what a request does may be done twice")                                \
	ROW(UNSAFE_HEDGE,        "unsafe_hedge",        "requests that are not idempotent are sent twice")                      \
	ROW(HEDGE_UNUSED,        "hedge_unused",        "no request of the route may be hedged")                                \
	ROW(HEDGE_LATE,          "hedge_late",          "the hedge is sent when the call is over")                              \
	ROW(RETRY_ALONE,         "retry_alone",         "there is no other instance to turn to")                                \
	ROW(BREAKER_WINDOW,      "breaker_window",      "calls fail after the window that would count them began anew")         \
	ROW(BREAKER_VOLUME,      "breaker_volume",      "the breaker never sees as many calls as it asks for")                  \
	ROW(BREAKER_SLOW,        "breaker_slow",        "no call can be slow enough to count as slow")                          \
	ROW(BREAKER_FORCED,      "breaker_forced",      "the breaker does not look at calls")                                   \
	ROW(BULKHEAD_CONNECTIONS,"bulkhead_connections","more calls are let in than there may be connections")                 \
	ROW(HEALTH_SLOW,         "health_slow",         "an ejected instance is back before a check can tell that it is well")  \
	ROW(OUTLIER_ALONE,       "outlier_alone",       "so few instances that none may be ejected")                            \
	ROW(FALLBACK_SAME,       "fallback_same",       "the fallback fails with what it stands in for")                        \
	ROW(FALLBACK_UNTRIED,    "fallback_untried",    "nobody knows whether the fallback works")                              \
	ROW(OBSERVE_ONLY,        "observe_only",        "the policy watches and refuses nothing")

enum http_doubt_kind {
#define HTTP_DOUBT_ROW(id, word, text) HTTP_DOUBT_##id,
	HTTP_DOUBTS(HTTP_DOUBT_ROW)
#undef HTTP_DOUBT_ROW
	HTTP_DOUBT_COUNT
};
const char *http_doubt_word(enum http_doubt_kind k);            /* "nested_retries" */
const char *http_doubt_text(enum http_doubt_kind k);

#define HTTP_DOUBT_TEXT_MAX 320
struct http_doubt {
	enum http_doubt_kind kind;
	struct http_ask_mark at;        /* where it stands; line 0: a default */
	char what[HTTP_DOUBT_TEXT_MAX]; /* "3 attempts of 2s take 6s, but total is 5s" */
	char fix[HTTP_DOUBT_TEXT_MAX];
};

#define HTTP_DOUBTS_MAX 64
struct http_doubts {
	unsigned count;
	struct http_doubt items[HTTP_DOUBTS_MAX];
};

/* Look at one route of one line of the set. */
void http_doubt_route(const struct http_cost_set *set, unsigned line, unsigned route, struct http_doubts *ret);
/* All routes of a line; what several routes have in common is said once. returns how many were appended to `out`, as text lines. */
unsigned http_doubt_line(const struct http_cost_set *set, unsigned line, const char *file, struct buf *out);

#endif
