/* SPDX-License-Identifier: MIT */
/*
 * http_stats.h - what is counted of the calls of an HTTP route: one cell a worker, one writer a cell, read at any time.
 */
#ifndef PROXY_HTTP_STATS_H
#define PROXY_HTTP_STATS_H

#include "base/types.h"
#include "faultline/call.h"
#include <stdatomic.h>

/* Phases of a call that are timed: name, word, text. */
#define HTTP_PHASES(ROW)										\
	ROW(TOTAL,      "total",      "request read to answer sent")				\
	ROW(QUEUE,      "queue",      "waiting for a permit")					\
	ROW(CONNECT,    "connect",    "connecting to an instance, when no idle connection was there")	\
	ROW(FIRST_BYTE, "first_byte", "an attempt's start to the head of its answer")		\
	ROW(BODY,       "body",       "the head of the answer to its end")

enum http_phase {
#define HTTP_PHASE_ROW(id, word, text) HTTP_PHASE_##id,
	HTTP_PHASES(HTTP_PHASE_ROW)
#undef HTTP_PHASE_ROW
	HTTP_PHASE_COUNT
};
const char *http_phase_name(enum http_phase p);

/* Log-linear: exact below 8 us, then 8 steps for every doubling, up to 1.2 h. */
#define HTTP_TIMES_COUNTS 248
struct http_times {
	_Atomic uint32_t counts[HTTP_TIMES_COUNTS];
	_Atomic uint64_t total, sum_us;
};

struct http_cell {
	_Alignas(64) _Atomic uint64_t requests;         /* heads read and routed */
	_Atomic uint64_t active;                        /* now */
	_Atomic uint64_t status[6];                     /* answers by class: [2] 2xx; [0] none was given */
	_Atomic uint64_t attempts, retries, hedges, hedges_won, fallbacks, degraded, resent;
	_Atomic uint64_t refused[FL_WHO_COUNT], limits[FL_LIMIT_COUNT], ends[FL_END_COUNT];
	_Atomic uint64_t retry_stops[FL_RETRY_COUNT];   /* why there was no (other) retry of a failed attempt */
	_Atomic uint64_t faults;                        /* requests that a fault hit */
	_Atomic uint64_t client_gone, upstream_broke;
	_Atomic uint64_t request_bytes, response_bytes;
	struct http_times times[HTTP_PHASE_COUNT];
};

/* Of a route; shared by reference, kept over configurations. */
struct http_stats {
	atomic_uint refs;
	unsigned workers;
	struct http_cell cells[];
};

struct http_stats *http_stats_new(unsigned workers);            /* NULL: no memory */
struct http_stats *http_stats_ref(struct http_stats *s);
void http_stats_unref(struct http_stats *s);                    /* NULL is fine */

void http_stats_time(struct http_times *t, fl_ns value);        /* O(1); the cell's worker */

/* Sums over the workers, plain. */
struct http_times_sum {
	uint64_t counts[HTTP_TIMES_COUNTS], total, sum_us;
};
struct http_sum {
	uint64_t requests, active, status[6], attempts, retries, hedges, hedges_won, fallbacks, degraded, resent;
	uint64_t refused[FL_WHO_COUNT], limits[FL_LIMIT_COUNT], ends[FL_END_COUNT], retry_stops[FL_RETRY_COUNT];
	uint64_t faults, client_gone, upstream_broke, request_bytes, response_bytes;
};
void http_stats_sum(const struct http_stats *s, struct http_sum *ret);
void http_stats_times(const struct http_stats *s, enum http_phase p, struct http_times_sum *ret);
fl_ns http_stats_quantile(const struct http_times_sum *t, double q);    /* 0 when empty */
/* How many took at most so long: for cumulative buckets. The step that the limit falls into counts if its upper end is within it. */
uint64_t http_stats_within(const struct http_times_sum *t, fl_ns limit);

#endif
