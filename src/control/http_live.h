/* SPDX-License-Identifier: MIT */
/*
 * http_live.h - the live objects behind an HTTP line's configuration, each once: clusters and policies, and their numbers in one
 * shape. For the API, for metrics and for `faultline status`.
 */
#ifndef CONTROL_HTTP_LIVE_H
#define CONTROL_HTTP_LIVE_H

#include "proxy/cluster_report.h"
#include "proxy/http_conf.h"

/* ---- clusters ---- */

struct http_live_clusters {
	unsigned count;
	struct cluster **items;         /* borrowed from the configuration */
};
int http_live_clusters(const struct http_conf *c, struct http_live_clusters *ret);      /* 0 or -ENOMEM */
void http_live_clusters_fini(struct http_live_clusters *all);
/* One word: up, down, ejected, draining, open (its breaker), probing (half-open). */
const char *http_live_instance_state(const struct cluster_report *r);

/* ---- policies ---- */

enum http_live_kind {
	HTTP_LIVE_RATE, HTTP_LIVE_SHED, HTTP_LIVE_ADAPTIVE, HTTP_LIVE_BULKHEAD, HTTP_LIVE_BREAKER, HTTP_LIVE_BUDGET, HTTP_LIVE_HEDGE,
	HTTP_LIVE_FALLBACK, HTTP_LIVE_COUNT
};
const char *http_live_word(enum http_live_kind k);      /* "rate_limit" */

#define HTTP_LIVE_ROUTES_MAX 256u
struct http_live_policy {
	enum http_live_kind kind;
	void *object;
	char name[HTTP_NAME_MAX * 2];   /* "cart"; "cart/checkout" when it is that route's alone */
	const char *route;              /* "checkout"; "" when it is the line's */
	unsigned route_count;
	const char *routes[HTTP_LIVE_ROUTES_MAX];       /* that share it */
};
/* Each distinct object, in the order of kinds. */
void http_live_policies(const struct http_conf *c, void (*each)(void *ud, const struct http_live_policy *p), void *ud);

#define HTTP_LIVE_VALUES_MAX 10
struct http_live_numbers {
	const char *state;              /* a constant of http_live_states(): "closed", "ok", "full", ... */
	uint64_t refused, would_refuse;
	unsigned count;
	struct { const char *name; double value; bool counter; } values[HTTP_LIVE_VALUES_MAX];
};
void http_live_numbers(const struct http_live_policy *p, fl_ns now, struct http_live_numbers *ret);
/* Its state in words. Returns buf. */
char *http_live_say(const struct http_live_policy *p, fl_ns now, char *buf, size_t bytes);

/* Who refused, and which time limit ended a call, in the words of the configuration: "rate_limit", "first_byte". */
const char *http_live_who(enum fl_who w);
const char *http_live_limit(enum fl_limit l);

/* The states that a policy of this kind may be in, NULL-terminated. */
const char *const *http_live_states(enum http_live_kind k);

#endif
