/* SPDX-License-Identifier: MIT */
/*
 * http_conf.h - what an HTTP line is to the data path: limits, routes, the policies on each, and the clusters they lead to.
 *
 * A struct http_conf is immutable once given to the proxy and shared by reference (struct line_conf holds one). The live objects
 * that it points to (policies, clusters) are thread-safe, shared by all workers, counted by reference, and carried over into the
 * next configuration when what was asked of them is the same, so that a reload forgets nothing.
 */
#ifndef PROXY_HTTP_CONF_H
#define PROXY_HTTP_CONF_H

#include "base/types.h"
#include <stdatomic.h>
#include <stdbool.h>

struct cluster;                         /* proxy/cluster.h */
struct tls_ctx;                         /* io/tls.h */
struct http_fault_set;                  /* fault/http_fault.h */
struct fl_limiter;                      /* faultline/...: the policies */
struct fl_shedder;
struct fl_adaptive;
struct fl_bulkhead;
struct fl_breaker;
struct fl_budget;
struct fl_hedge;
struct fl_fallback;

#define HTTP_NAME_MAX 64
#define HTTP_ATTEMPTS_MAX 8

/* Time limits of a call; 0: none. Each starts when its phase starts, total when the request's head was read. */
struct http_timeouts {
	fl_ns total;                    /* default 15 s; all attempts, waits and the answer's last byte; not for upgraded connections */
	fl_ns queue;                    /* waiting for a permit; default 1 s */
	fl_ns connect;                  /* default 1 s; with the TLS handshake */
	fl_ns first_byte;               /* of an attempt: request sent to the head of the answer; default none */
	fl_ns per_try;                  /* of an attempt, whole */
	fl_ns idle;                     /* no byte moved, either direction; default 30 s */
};

/* When and how an attempt is repeated. Bits of `on`. */
enum {
	HTTP_RETRY_CONNECT = 1 << 0,    /* could not connect */
	HTTP_RETRY_RESET = 1 << 1,      /* broke before an answer came */
	HTTP_RETRY_TIMEOUT = 1 << 2,    /* per_try, first_byte */
	HTTP_RETRY_5XX = 1 << 3,        /* any 5xx but 501 and 505 */
	HTTP_RETRY_GATEWAY = 1 << 4,    /* 502, 503, 504 */
	HTTP_RETRY_429 = 1 << 5,
	HTTP_RETRY_STATUS = 1 << 6,     /* those listed */
	HTTP_RETRY_REFUSED = 1 << 7,    /* the instance's breaker or limit refused: try another */
};

/* Live policies of a line or route. NULL: none of that kind. Everything but the numbers is shared. */
struct http_policies {
	atomic_uint refs;
	char name[HTTP_NAME_MAX * 2];   /* "cart", "cart/checkout" */
	struct http_timeouts timeouts;
	bool pass_deadline;             /* write what is left into the request; read it from the client */
	unsigned attempts_max;          /* 1: no retries */
	unsigned retry_on;
	bool retry_unsafe;              /* non-idempotent methods too, even when they may have been received */
	uint16_t retry_status[16];
	unsigned retry_status_count;
	fl_ns backoff_base, backoff_max;
	bool backoff_decorrelated;
	uint32_t replay_bytes_max;      /* bodies up to this are kept for another attempt; default 64 KB */
	struct fl_budget *budget;
	struct fl_hedge *hedge;
	unsigned hedge_max;
	struct fl_limiter *limiter;
	struct fl_shedder *shedder;
	struct fl_adaptive *adaptive;
	struct fl_bulkhead *bulkhead;
	struct fl_breaker *breaker;     /* of the route as a whole, if asked for; those of instances are in the cluster */
	struct fl_fallback *fallback;
	struct cluster *fallback_cluster;
	unsigned priority;              /* 0 most important; header x-faultline-priority may lower it */
	/* Refusals of this line answer with these. */
	uint16_t refuse_status;         /* 503; a rate limit answers 429 */
};

enum http_match_kind { HTTP_MATCH_ANY, HTTP_MATCH_EXACT, HTTP_MATCH_PREFIX, HTTP_MATCH_GLOB };

/* All conditions must hold. The first route that matches is taken; the last one matches everything. */
struct http_route {
	char name[HTTP_NAME_MAX];
	char methods[8][16];            /* methods[0][0] == 0: any */
	enum http_match_kind path_kind;
	char path[256];
	char host[256];                 /* "" any */
	char header[64], header_value[128];     /* "" any; value "" : present */
	struct http_policies *policies;         /* a reference */
	struct cluster *cluster;                /* a reference */
	unsigned index;                         /* of its counters; stays the same over reloads for the same name where possible */
};

struct http_limits {
	uint32_t head_bytes_max;        /* default 64 KB */
	uint32_t fields_max;            /* default 100 */
	uint64_t body_bytes_max;        /* 0: none */
	uint32_t requests_max;          /* per client connection; 0: none */
	fl_ns head_timeout;             /* first byte of a request to the end of its head; default 10 s */
	fl_ns idle_timeout;             /* between requests; default 60 s */
	fl_ns body_timeout;             /* between two bytes of a request's body; default 30 s */
};

struct http_conf {
	atomic_uint refs;
	struct http_limits limits;
	bool forwarded;                 /* add X-Forwarded-For, -Proto, -Host */
	bool trace;                     /* continue or begin W3C traceparent; default true */
	bool server_timing;             /* tell phases and decisions to the client in headers x-faultline-*; default false */
	char via[64];                   /* "" none */
	uint32_t record_share;          /* of requests whose record goes to the ring, in 1/65536; errors and refusals always do */
	uint32_t log_share;             /* of recorded requests that go to the access log, in 1/65536 */
	struct http_fault_set *faults;  /* message faults; NULL none */
	unsigned route_count;
	struct http_route *routes;
};

/* A zeroed configuration with the defaults above, one reference, no routes. NULL: no memory. */
struct http_conf *http_conf_new(void);
struct http_conf *http_conf_ref(struct http_conf *c);
void http_conf_unref(struct http_conf *c);                      /* NULL is fine */
/* Policies with the default timeouts, and no live objects. */
struct http_policies *http_policies_new(const char *name);
struct http_policies *http_policies_ref(struct http_policies *p);
void http_policies_unref(struct http_policies *p);              /* frees the live objects with the last reference; NULL is fine */

#endif
