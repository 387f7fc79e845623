/* SPDX-License-Identifier: MIT */
/*
 * http_conf.h - what an HTTP line is to the data path: limits, routes, the policies on each, and the clusters they lead to.
 *
 * A struct http_conf is immutable once given to the proxy and shared by reference (struct line_conf holds one). The live objects
 * that it points to (policies, clusters, counters) are thread-safe, shared by all workers, counted by reference, and carried over
 * into the next configuration when what was asked of them is the same, so that a reload forgets nothing.
 */
#ifndef PROXY_HTTP_CONF_H
#define PROXY_HTTP_CONF_H

#include "faultline/call.h"
#include "proxy/http_stats.h"

struct cluster;                         /* proxy/cluster.h */
struct http_fault_set;                  /* fault/http_fault.h */

#define HTTP_NAME_MAX 64
#define HTTP_ATTEMPTS_MAX FL_CALL_ATTEMPTS_MAX
#define http_timeouts fl_timeouts       /* the same struct: no unit differs */

/* What is repeated. Bits of retry_on. */
enum {
	HTTP_RETRY_CONNECT = 1 << 0,    /* could not connect */
	HTTP_RETRY_RESET = 1 << 1,      /* broke before an answer came */
	HTTP_RETRY_TIMEOUT = 1 << 2,    /* connect, first_byte, per_try */
	HTTP_RETRY_5XX = 1 << 3,        /* any 5xx but 501 and 505 */
	HTTP_RETRY_GATEWAY = 1 << 4,    /* 502, 503, 504 */
	HTTP_RETRY_429 = 1 << 5,
	HTTP_RETRY_STATUS = 1 << 6,     /* those listed */
	HTTP_RETRY_REFUSED = 1 << 7,    /* no instance took it: breakers, limits of connections */
};

/* An answer of our own. Immutable; shared by reference. */
struct http_canned {
	atomic_uint refs;
	uint16_t status;
	unsigned header_count;
	const char *names[16], *values[16];
	const char *body;
	size_t body_bytes;
	char text[];                    /* where those point to */
};

/*
 * Live policies of a line or route. In `plan` every pointer is to an object that is freed by release(), with the last reference.
 */
struct http_policies {
	atomic_uint refs;
	char name[HTTP_NAME_MAX * 2];   /* "cart", "cart/checkout" */
	struct fl_plan plan;            /* name, timeouts, policies, retry and hedge numbers; plan.other_instances by the cluster */
	bool pass_deadline;             /* write what is left into the request; read it from the client */
	unsigned retry_on;
	uint16_t retry_status[16];
	unsigned retry_status_count;
	uint32_t replay_bytes_max;      /* bodies up to this are kept for another attempt */
	unsigned priority;              /* 0 most important, to 127; a request's x-faultline-priority may lower it */
	uint16_t refuse_status;         /* of refusals: 503; the rate limit answers 429 */
	struct fl_stale *stale;         /* fallback: the last good answer; NULL: none */
	struct http_canned *canned;     /* fallback: an answer of our own; NULL: none */
	struct cluster *fallback_cluster;       /* fallback: other instances; NULL: none */
	void (*release)(struct http_policies *p);       /* give the live objects back; NULL: there are none */
	void *keep;                     /* release()'s */
};

enum http_match_kind { HTTP_MATCH_ANY, HTTP_MATCH_EXACT, HTTP_MATCH_PREFIX, HTTP_MATCH_GLOB };

/* All conditions must hold. The first route that matches is taken; the last one matches everything. */
struct http_route {
	char name[HTTP_NAME_MAX];
	char methods[8][16];            /* methods[0][0] == 0: any */
	enum http_match_kind path_kind;
	char path[256];
	char host[256];                 /* "" any; without port, letters in any case; "*.example.org" */
	char header[64], header_value[128];     /* "" any; value "": present */
	struct http_policies *policies;         /* a reference */
	struct cluster *cluster;                /* a reference */
	struct http_stats *stats;               /* a reference */
};

struct http_limits {
	uint32_t head_bytes_max;        /* default 64 KB */
	uint32_t fields_max;            /* default 100 */
	uint64_t body_bytes_max;        /* 0: none */
	uint32_t requests_max;          /* per client connection; 0: none */
	fl_ns head_timeout;             /* first byte of a request to the end of its head; default 10 s */
	fl_ns idle_timeout;             /* between requests; default 60 s */
	fl_ns body_timeout;             /* between two bytes of a request's body; default 30 s */
	fl_ns half_closed;              /* a client that says no more gets an answer that begins within this; 0: whenever; default 1 s */
};

struct trace_conf;                      /* proxy/trace_conf.h */
struct http_conf {
	atomic_uint refs;
	uint64_t seed;                  /* of the line: for draws of its calls */
	struct http_limits limits;
	bool forwarded;                 /* add X-Forwarded-For, -Proto, -Host */
	bool trace;                     /* continue or begin W3C traceparent; default true */
	struct trace_conf *record;      /* ids and hashes of its messages are recorded; a reference; NULL: they are not */
	bool server_timing;             /* tell phases and decisions to the client in Server-Timing; default false */
	char via[64];                   /* "" none */
	uint32_t record_share;          /* of requests whose record goes to the ring, in 1/65536; errors and refusals always do */
	uint32_t log_share;             /* of recorded requests that go to the access log, in 1/65536 */
	unsigned route_count;
	struct http_route *routes;
};

/* A zeroed configuration with the defaults above, one reference, room for so many routes. NULL: no memory. */
struct http_conf *http_conf_new(unsigned routes);
struct http_conf *http_conf_ref(struct http_conf *c);           /* NULL is fine */
void http_conf_unref(struct http_conf *c);                      /* NULL is fine */
/* Policies with the default timeouts, and no live objects. */
struct http_policies *http_policies_new(const char *name);
struct http_policies *http_policies_ref(struct http_policies *p);
void http_policies_unref(struct http_policies *p);              /* NULL is fine */
/* Copies what it is given. NULL: no memory. */
struct http_canned *http_canned_new(unsigned status, const char *const *names, const char *const *values, unsigned header_count,
    const char *body, size_t body_bytes);
void http_canned_unref(struct http_canned *c);                  /* NULL is fine */

#endif
