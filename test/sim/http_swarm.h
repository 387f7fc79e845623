/* SPDX-License-Identifier: MIT */
/* http_swarm.h - everything that differs from seed to seed in a run with HTTP lines, drawn from the seed alone. See swarm.h. */
#ifndef SIM_HTTP_SWARM_H
#define SIM_HTTP_SWARM_H

#include "net.h"

#define HTTP_SWARM_LINES_MAX 3
#define HTTP_SWARM_SERVERS_MAX 5

/* What a server may do instead of answering well. */
#define WEB_SINS(ROW)										\
	ROW(STATUS,      "answers with an error")						\
	ROW(OVERLOADED,  "answers 503 or 429 with Retry-After")					\
	ROW(SLOW_HEAD,   "answers late")							\
	ROW(SLOW_BODY,   "answers slowly")							\
	ROW(RESET,       "resets at a byte of the answer")					\
	ROW(CUT,         "closes at a byte of the answer")					\
	ROW(SILENT,      "never answers")							\
	ROW(LEAVES,      "closes behind the answer, without a word")				\
	ROW(SHORT,       "sends less than it said")						\
	ROW(EXTRA,       "sends more than it said")						\
	ROW(RUBBISH,     "answers with something else than HTTP")				\
	ROW(INTERIM,     "sends interim answers first")						\
	ROW(EARLY,       "answers before the request is whole")					\
	ROW(OLD,         "answers as HTTP/1.0, until it closes")				\
	ROW(SLOW_READ,   "reads requests slowly")

enum web_sin {
#define WEB_SIN_ROW(id, text) WEB_##id,
	WEB_SINS(WEB_SIN_ROW)
#undef WEB_SIN_ROW
	WEB_SIN_COUNT
};

enum web_op {
	WEB_OP_RELOAD, WEB_OP_SAME, WEB_OP_CUT, WEB_OP_REOPEN, WEB_OP_DRAIN_INSTANCE, WEB_OP_FORCE, WEB_OP_RECORDS, WEB_OP_REPORT, WEB_OP_COUNT
};

struct http_swarm {
	uint64_t seed, traffic_seed, net_seed, ops_seed, behaviour_seed, conf_seed;
	unsigned lines, servers, workers, conns;
	fl_ns trouble_ns;
	struct net_trouble trouble;
	unsigned lag;
	fl_ns lag_ns_max, cpu_ns_max;
	bool scarce;                    /* little memory, few connections: refusals for want of them are lawful */
	uint32_t conns_max;
	size_t buffer_bytes;
	/* Clients; shares in 1/1000. */
	bool crowded;                   /* they come at nearly the same time */
	unsigned requests_max, depth_max;
	uint64_t body_bytes_max;
	uint32_t chunk_bytes_max, read_bytes_max;
	fl_ns think_ns_max, gap_ns_max, read_gap_ns_max;
	unsigned vanish, stall, half_close, old_version, pipeline;
	unsigned method_weight[6];      /* GET HEAD POST PUT DELETE, and an upgrade */
	unsigned expects, keyed, deadlines, chunked, no_retry;
	/* Servers. */
	uint32_t sins;                  /* mask of enum web_sin in play */
	unsigned sinful;                /* share of requests, while a server is sick */
	unsigned sick;                  /* share of the time */
	unsigned down;                  /* share of the time */
	uint64_t answer_bytes_max;
	fl_ns serve_ns_max, slow_ns_max;
	unsigned leaves_idle;           /* a server closes connections that are idle */
	/* Configuration. */
	unsigned policy;                /* share of policies that are there */
	unsigned routes_max;
	unsigned named;                 /* share of upstreams that are names */
	unsigned health, outlier;
	bool hedged, breaker, bulkhead, limiter, adaptive, shed, fallback, retry, observe;
	bool always_records;
	/* Control. */
	unsigned ops;
	unsigned op_weight[WEB_OP_COUNT];
	unsigned stop_at_once;
};

void http_swarm_draw(struct http_swarm *s, uint64_t seed, uint32_t ops);
struct net_trouble http_swarm_calm(const struct http_swarm *s);
void http_swarm_print(const struct http_swarm *s);
const char *web_sin_text(enum web_sin sin);

#endif
