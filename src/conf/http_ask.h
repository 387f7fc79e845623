/* SPDX-License-Identifier: MIT */
/*
 * http_ask.h - what one HTTP line asks for, as plain values: the result of reading, before anything live is made of it.
 *
 * Who explains, checks or shows a line reads this; http_doc_build() alone turns it into live objects.
 *
 * Invariants
 *  (1) The last route matches everything.
 *  (2) A policy that is `own` belongs to the line or route that holds it; otherwise it is the line's, and so is the live object.
 *  (3) upstreams[0] is the line's; a route refers to upstreams by index.
 *  (4) Options of policies have no name, listener, seed or memory yet: http_doc_build() adds them.
 */
#ifndef CONF_HTTP_ASK_H
#define CONF_HTTP_ASK_H

#include "base/arena.h"
#include "faultline/adaptive.h"
#include "faultline/balance.h"
#include "faultline/breaker.h"
#include "faultline/bulkhead.h"
#include "faultline/fallback.h"
#include "faultline/hedge.h"
#include "faultline/limiter.h"
#include "faultline/outlier.h"
#include "faultline/retry.h"
#include "faultline/shedder.h"
#include "proxy/http_conf.h"
#include "conf/trace_doc.h"

#define HTTP_ASK_INSTANCES_MAX 1024u    /* of one list */
#define HTTP_ASK_ROUTES_MAX 256u
#define HTTP_ASK_ADDRESS_MAX 300
#define HTTP_ASK_ZONE_MAX 32

/* Where something stood; line 0: nowhere, it is a default. */
struct http_ask_mark {
	uint32_t line, column;
};

/* ---- where calls go ---- */

struct http_ask_instance {
	struct http_ask_mark at;
	char address[HTTP_ASK_ADDRESS_MAX];
	char zone[HTTP_ASK_ZONE_MAX];
	uint32_t weight;
	uint32_t priority;              /* 0 first; higher ones are used when too few of the lower are fit */
	uint32_t connections_max;       /* to it, all workers; 0: as the pool says */
};

struct http_ask_balance {
	struct fl_balance_opts o;
	char header[64];                /* ring_hash: what is hashed; "" the client's address */
	fl_ns decay;                    /* peak_ewma */
};

struct http_ask_pool {
	uint32_t idle_max;              /* kept open per instance and worker */
	fl_ns idle_timeout;
	fl_ns lifetime;                 /* of a connection; 0: none */
	uint32_t requests_max;          /* on one connection; 0: none */
	uint32_t connections_max;       /* per instance, all workers; 0: none */
};

struct http_ask_health {
	struct http_ask_mark at;
	bool on, tcp;
	char path[256];
	char host[256];                 /* "" the instance's address */
	fl_ns interval, timeout;
	uint32_t rise, fall;
	uint16_t status_min, status_max;
};

struct http_ask_outlier {
	struct http_ask_mark at;
	bool on;
	struct fl_outlier_opts o;
};

struct http_ask_breaker {
	struct http_ask_mark at;
	bool on, own;
	int per;                        /* enum http_ask_per */
	int mode;                       /* enum http_ask_breaker_mode */
	struct fl_breaker_opts o;
};
enum http_ask_per { HTTP_ASK_PER_INSTANCE, HTTP_ASK_PER_ROUTE };
enum http_ask_breaker_mode { HTTP_ASK_BREAKER_AUTO, HTTP_ASK_BREAKER_FORCED_OPEN, HTTP_ASK_BREAKER_DISABLED };

struct http_ask_upstreams {
	struct http_ask_mark at;
	char name[HTTP_NAME_MAX * 2];   /* of the cluster: "cart", "cart/checkout", "cart fallback" */
	uint32_t count;
	struct http_ask_instance *instances;
	fl_ns dns_refresh;
	struct http_ask_balance balance;
	char zone[HTTP_ASK_ZONE_MAX];   /* ours: instances of the same zone are preferred */
	double panic;                   /* when fewer than this share are fit, all are used */
	struct http_ask_pool pool;
	struct http_ask_health health;
	struct http_ask_outlier outlier;
	struct http_ask_breaker breaker;        /* per instance; on: there is one */
	fl_ns connect_timeout;
};

/* ---- policies ---- */

struct http_ask_retry {
	struct http_ask_mark at;
	bool on, own;
	struct fl_retry_opts o;
	int jitter;                     /* 0 full, 1 decorrelated */
	unsigned conditions;            /* HTTP_RETRY_... */
	uint32_t status_count;
	uint16_t status[16];
	uint64_t replay_bytes;
};

struct http_ask_budget {
	struct http_ask_mark at;
	bool on, own;
	struct fl_budget_opts o;
};

struct http_ask_hedge {
	struct http_ask_mark at;
	bool on, own;
	struct fl_hedge_opts o;
	uint32_t max;                   /* further attempts at once */
};

struct http_ask_bulkhead {
	struct http_ask_mark at;
	bool on, own;
	struct fl_bulkhead_opts o;      /* max 0: not said */
};

struct http_ask_rate {
	struct http_ask_mark at;
	bool on, own;
	struct fl_limiter_opts o;       /* burst 0: not said */
};

struct http_ask_adaptive {
	struct http_ask_mark at;
	bool on, own;
	struct fl_adaptive_opts o;
};

struct http_ask_shed {
	struct http_ask_mark at;
	bool on, own;
	struct fl_shedder_opts o;
};

struct http_ask_header {
	const char *name, *value;
};

struct http_ask_fallback {
	struct http_ask_mark at;
	bool on, own;
	bool is_static, is_stale;
	struct fl_fallback_opts o;
	struct fl_stale_opts stale;
	uint16_t status;
	const char *body;               /* of the arena */
	size_t body_bytes;
	uint32_t header_count;
	struct http_ask_header headers[16];
	int upstreams;                  /* index; 0: none */
};

/* What holds for the calls of a line, or of a route. */
struct http_ask_policies {
	char name[HTTP_NAME_MAX * 2];
	struct http_ask_mark at, timeout_at;
	struct http_timeouts timeouts;
	bool pass_deadline;
	uint32_t priority;
	uint16_t refuse_status;
	struct http_ask_retry retry;
	struct http_ask_budget budget;
	struct http_ask_hedge hedge;
	struct http_ask_breaker breaker;
	struct http_ask_bulkhead bulkhead;
	struct http_ask_rate rate;
	struct http_ask_adaptive adaptive;
	struct http_ask_shed shed;
	struct http_ask_fallback fallback;
	double enforce;                 /* what single policies say wins */
};

/* ---- a line ---- */

struct http_ask_route {
	struct http_ask_mark at;
	char name[HTTP_NAME_MAX];
	char methods[8][16];
	enum http_match_kind path_kind;
	char path[256], host[256], header[64], header_value[128];
	struct http_ask_policies policies;
	unsigned upstreams;             /* index */
};

struct http_doc {
	unsigned refs;
	struct arena mem;               /* texts, instances */
	char name[HTTP_NAME_MAX];
	struct http_limits limits;
	bool forwarded, server_timing;
	struct trace_doc trace;
	char via[64];
	uint32_t record_share;          /* in 1/65536, as struct http_conf has them */
	uint32_t log_share;
	char log_path[1024];            /* "" no access log */
	struct http_ask_policies policies;
	unsigned upstreams_count;
	struct http_ask_upstreams *upstreams;
	unsigned route_count;
	struct http_ask_route *routes;
};

#endif
