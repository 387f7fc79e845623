/* SPDX-License-Identifier: MIT */
/*
 * import_log_call.h - a call that a proxy's log tells of, whatever the log's form: who called the proxy, and whom it called for that.
 *
 * Callers from outside are one node, "user": their addresses are no services.
 */
#ifndef GRAPH_IMPORT_LOG_CALL_H
#define GRAPH_IMPORT_LOG_CALL_H

#include "graph/import_ref.h"
#include "graph/import_say.h"

struct import_log_call {
	const char *source;     /* "nginx", ... */
	char proxy[256];
	int64_t when;
	unsigned status;        /* to the caller; 0: not said */
	struct import_at at;
};

/* Whom the proxy called. */
struct import_log_to {
	const char *name, *space;       /* name: a service, or an address with or without a port; space: NULL or "": none */
	const char *protocol;
	bool error;
	uint64_t latency;               /* ns */
};

/* Somebody with that address, with or without a port, called the proxy. What is no address, or the machine itself, is nobody. */
void import_log_caller(struct import *im, const struct import_log_call *c, const char *address, const char *protocol);
void import_log_callee(struct import *im, const struct import_log_call *c, const struct import_log_to *to);

/* Attempts at upstreams, as nginx writes them: "10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80", and as many statuses and times (s). */
struct import_log_tries {
	const char *upstream, *status, *times, *ingress;
	size_t upstream_n, status_n, times_n, ingress_n;        /* ingress: what ingress-nginx calls the upstream; NULL: not said */
	const char *space;              /* its namespace; NULL: not said */
	const char *hint;               /* how the addresses may be called; NULL: not said */
	uint64_t latency;               /* of one attempt without times */
	bool error;                     /* of one without status */
};
void import_log_tries(struct import *im, const struct import_log_call *c, const struct import_log_tries *t);
/* HAProxy: "api1" as it is; of a name that only numbers the servers, the backend without its prefix. */
void import_log_server(const char *backend, size_t backend_n, const char *server, size_t server_n, char *out, size_t out_bytes);
/* "reviews.default.svc.cluster.local" into the service and its namespace; what is none stays. Both have IMPORT_HOST_MAX bytes. */
void import_log_split_host(char *host, char *space);
/* A service's name as Kubernetes' routers write it, namespace-name-port; space: its namespace if that is said, "" otherwise. false: not plain. */
bool import_log_ingress(const char *upstream, const char *space, char *name, char *ret_space);

/* An Envoy's access log, whatever its form; "" or "-": not said. */
struct import_log_envoy {
	const char *cluster, *upstream, *authority, *upstream_local, *caller;
	bool tcp;
	uint64_t latency;
};
void import_log_envoy(struct import *im, const struct import_log_call *c, const struct import_log_envoy *e);

#endif
