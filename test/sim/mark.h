/* SPDX-License-Identifier: MIT */
/*
 * mark.h - how often the things happened that the simulator is there for.
 *
 * A check that is never reached proves nothing: after many seeds every mark must have been hit (see sim.c).
 * Counts live in memory that the processes of a run share.
 */
#ifndef SIM_MARK_H
#define SIM_MARK_H

#include "fault/kind.h"
#include "faultline/call.h"
#include "http_swarm.h"
#include "proxy/line.h"

#define MARKS(ROW)                                                              \
	ROW(EXACT_BYTES,     "bytes checked to be those sent")                  \
	ROW(CORRUPT_BYTES,   "bytes checked against the corruption decided")    \
	ROW(DUPLICATE_BYTES, "bytes checked against the duplicates decided")    \
	ROW(DROP_BYTES,      "bytes checked against the gaps decided")          \
	ROW(COMPLETE_ENDS,   "ends of streams checked to be complete")          \
	ROW(WHOLE_CONNS,     "connections checked to be whole both ways")       \
	ROW(HALF_CLOSED,     "directions that went on after the other ended")   \
	ROW(RESETS_PASSED,   "resets of one peer that reset the other")         \
	ROW(LIMITS_EXACT,    "limits checked to the byte")                      \
	ROW(LATENCIES,       "delays checked")                                  \
	ROW(RATES,           "rates checked")                                   \
	ROW(DECISIONS,       "decisions compared between runs")                 \
	ROW(CONNS_LISTED,    "connections listed and checked")                  \
	ROW(SHORT_RECV,      "reads that brought less than there was")          \
	ROW(SHORT_PUSH,      "pushes that took a part")                         \
	ROW(ZERO_PUSH,       "pushes that took nothing")                        \
	ROW(SLOW_SENDS,      "sends in more than one part")                     \
	ROW(EXTRA_RECV,      "receives behind a stop")                          \
	ROW(RESET_STOPPED,   "resets told while receiving was stopped")         \
	ROW(RESET_AS_EOF,    "reads that found an end where there was a reset") \
	ROW(SEND_CUT,        "sends in flight when their socket was closed")    \
	ROW(ACCEPT_FAILED,   "accepts that failed")                             \
	ROW(ATTACH_FAILED,   "attaches that failed")                            \
	ROW(CONNECT_FAILED,  "connects that failed at once")                    \
	ROW(FAULT_UPDATES,   "faults changed")                                  \
	ROW(FAULT_REMOVALS,  "faults removed")                                  \
	ROW(LEASES,          "leases that ran out")                             \
	ROW(CUTS,            "connections cut by command")                      \
	ROW(LINE_CLOSES,     "lines closed with connections on them")           \
	ROW(LINE_REOPENS,    "lines opened again")                              \
	ROW(EVENTS,          "events taken")                                    \
	ROW(EVENTS_LOST,     "events lost as the ring was full")

/* Those of runs with HTTP lines. */
#define WEB_MARKS(ROW)                                                          \
	ROW(ARRIVALS,   "requests that arrived at servers")                     \
	ROW(REPEATS,    "requests that arrived again")                          \
	ROW(GIVEN,      "servers' answers checked")                             \
	ROW(WHOLE,      "answers checked to be whole")                          \
	ROW(LOST,       "requests without a whole answer")                      \
	ROW(STALE,      "stale answers")                                        \
	ROW(CANNED,     "fixed answers of a fallback")                          \
	ROW(INTERIM,    "interim answers")                                      \
	ROW(TUNNELS,    "upgrades")                                             \
	ROW(BULKHEADS,  "times that bulkheads were checked")                    \
	ROW(RECORDS,    "records checked")                                      \
	ROW(RETRIES,    "calls with more than one attempt")                     \
	ROW(HEDGES,     "calls with a hedge")                                   \
	ROW(BUDGETS,    "retry budgets checked")                                \
	ROW(RELOADS,    "lines changed")                                        \
	ROW(KEPT,       "lines changed to the same")                            \
	ROW(REOPENED,   "lines closed and opened again")                        \
	ROW(CUT_CONNS,  "connections of HTTP lines cut by command")             \
	ROW(DRAINED,    "instances taken out")                                  \
	ROW(FORCED,     "breakers forced")                                      \
	ROW(CRASHES,    "servers that went down")                               \
	ROW(HEALED,     "lines that were seen to heal")

enum mark {
#define MARK_ROW(id, text) MARK_##id,
	MARKS(MARK_ROW)
#undef MARK_ROW
	MARK_CLOSE,                                     /* + enum line_close */
	MARK_FAULT = MARK_CLOSE + LINE_CLOSE_COUNT,     /* + enum fault_kind: it applied */
	MARK_WEB_FIRST = MARK_FAULT + FAULT_KIND_COUNT,
	MARK_WEB_BEFORE = MARK_WEB_FIRST - 1,
#define MARK_ROW(id, text) MARK_WEB_##id,
	WEB_MARKS(MARK_ROW)
#undef MARK_ROW
	MARK_WEB_OWN,                                   /* + class of the status of the proxy's own answers */
	MARK_WEB_SIN = MARK_WEB_OWN + 6,                /* + enum web_sin */
	MARK_WEB_END = MARK_WEB_SIN + WEB_SIN_COUNT,    /* + enum fl_end, of records */
	MARK_WEB_WHO = MARK_WEB_END + FL_END_COUNT,     /* + enum fl_who that refused, of records */
	MARK_WEB_LIMIT = MARK_WEB_WHO + FL_WHO_COUNT,   /* + enum fl_limit, of records */
	MARK_COUNT = MARK_WEB_LIMIT + FL_LIMIT_COUNT
};

/* Make the shared memory; before the first fork. */
void mark_init(void);
void mark_hit(unsigned mark, uint64_t n);
uint64_t mark_count(unsigned mark);
/* It need not be seen: it cannot happen in the simulator. */
bool mark_optional(unsigned mark);
/* "delays checked", "fault latency applied", ... */
void mark_text(unsigned mark, char *buf, size_t buf_bytes);

#endif
