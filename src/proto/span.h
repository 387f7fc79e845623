/* SPDX-License-Identifier: MIT */
/*
 * span.h - one span as every format of traces tells it, with those of its attributes that say who called whom
 *
 * The parsers (otlp_pb.h, otlp_json.h, zipkin.h, jaeger.h) read a request and hand out resources and spans one by one. Text is lent: it
 * points into the request, or into the parser's scratch, and is valid during the call only. Attributes that no rule of pairing reads are
 * skipped where they stand.
 *
 * Invariants
 *  (1) A span that is handed out has an id and a trace id that are not 0.
 *  (2) value[k] is set if and only if bit k of has is set.
 *  (3) A resource is handed out before the spans that are of it.
 */
#ifndef PROTO_SPAN_H
#define PROTO_SPAN_H

#include "base/types.h"
#include <stdbool.h>

#define SPAN_LINKS_MAX 128u     /* of one span; more are counted, not kept */

struct span_text {
	const char *p;          /* no NUL behind it */
	uint32_t n;
};

/* The attributes that matter, of resources and of spans: name here, key on the wire. Several keys of one meaning stand together. */
#define SPAN_KEYS(X) \
	X(SERVICE_NAME, "service.name") X(SERVICE_NAMESPACE, "service.namespace") X(SERVICE_INSTANCE, "service.instance.id") \
	X(SERVICE_VERSION, "service.version") X(SERVICE_CRITICALITY, "service.criticality") \
	X(ENVIRONMENT_NAME, "deployment.environment.name") X(ENVIRONMENT, "deployment.environment") \
	X(K8S_NAMESPACE, "k8s.namespace.name") X(K8S_POD, "k8s.pod.name") X(K8S_POD_IP, "k8s.pod.ip") \
	X(K8S_DEPLOYMENT, "k8s.deployment.name") X(K8S_STATEFULSET, "k8s.statefulset.name") X(K8S_DAEMONSET, "k8s.daemonset.name") \
	X(K8S_CRONJOB, "k8s.cronjob.name") X(K8S_JOB, "k8s.job.name") X(K8S_CONTAINER, "k8s.container.name") \
	X(CONTAINER_NAME, "container.name") X(FAAS_NAME, "faas.name") X(HOST_NAME, "host.name") \
	X(PEER_NAME, "service.peer.name") X(PEER_SERVICE, "peer.service") \
	X(SERVER_ADDRESS, "server.address") X(SERVER_PORT, "server.port") X(NET_PEER_NAME, "net.peer.name") X(NET_PEER_PORT, "net.peer.port") \
	X(NETWORK_PEER_ADDRESS, "network.peer.address") X(NETWORK_PEER_PORT, "network.peer.port") \
	X(NET_SOCK_PEER_ADDR, "net.sock.peer.addr") X(NET_SOCK_PEER_PORT, "net.sock.peer.port") X(NET_SOCK_PEER_NAME, "net.sock.peer.name") \
	X(NET_PEER_IP, "net.peer.ip") X(PEER_HOSTNAME, "peer.hostname") X(PEER_ADDRESS, "peer.address") X(PEER_IPV4, "peer.ipv4") \
	X(PEER_IPV6, "peer.ipv6") X(PEER_PORT, "peer.port") \
	X(URL_FULL, "url.full") X(HTTP_URL, "http.url") X(HTTP_HOST, "http.host") X(HTTP_TARGET, "http.target") X(URL_PATH, "url.path") \
	X(HTTP_REQUEST_METHOD, "http.request.method") X(HTTP_METHOD, "http.method") \
	X(DB_SYSTEM_NAME, "db.system.name") X(DB_SYSTEM, "db.system") X(DB_TYPE, "db.type") \
	X(DB_NAMESPACE, "db.namespace") X(DB_NAME, "db.name") X(DB_INSTANCE, "db.instance") \
	X(MESSAGING_SYSTEM, "messaging.system") X(MESSAGING_DESTINATION_NAME, "messaging.destination.name") \
	X(MESSAGING_DESTINATION, "messaging.destination") X(MESSAGE_BUS_DESTINATION, "message_bus.destination") \
	X(MESSAGING_RABBIT_KEY, "messaging.rabbitmq.destination.routing_key") X(MESSAGING_RABBIT_KEY_OLD, "messaging.rabbitmq.routing_key") \
	X(MESSAGING_TEMPORARY, "messaging.destination.temporary") X(MESSAGING_ANONYMOUS, "messaging.destination.anonymous") \
	X(MESSAGING_OPERATION_TYPE, "messaging.operation.type") X(MESSAGING_OPERATION, "messaging.operation") \
	X(MESSAGING_OPERATION_NAME, "messaging.operation.name") X(MESSAGING_URL, "messaging.url") \
	X(RPC_SYSTEM_NAME, "rpc.system.name") X(RPC_SYSTEM, "rpc.system") X(RPC_SERVICE, "rpc.service") \
	X(CLIENT_ADDRESS, "client.address") X(HTTP_CLIENT_IP, "http.client_ip") \
	X(USER_AGENT, "user_agent.original") X(HTTP_USER_AGENT, "http.user_agent") X(SYNTHETIC_TYPE, "user_agent.synthetic.type") \
	X(NET_HOST_NAME, "net.host.name") X(NET_HOST_PORT, "net.host.port") \
	X(DNS_QUESTION, "dns.question.name") X(SCOPE_NAME, "otel.scope.name") X(LIBRARY_NAME, "otel.library.name") \
	X(SPAN_KIND, "span.kind") X(ERROR, "error") X(STATUS_CODE, "otel.status_code") X(COMPONENT, "component")

enum span_key {
#define X(name, text) SPAN_KEY_##name,
	SPAN_KEYS(X)
#undef X
	SPAN_KEY_COUNT,
	SPAN_KEY_NONE = SPAN_KEY_COUNT,
};
_Static_assert(SPAN_KEY_COUNT <= 128, "a set of keys is two words");

struct span_value {
	const char *p;          /* NULL: a number */
	uint32_t n;
	int64_t number;         /* booleans are 0 and 1 */
};

struct span_attrs {
	uint64_t has[2];
	struct span_value value[SPAN_KEY_COUNT];
};

static inline bool
span_has(const struct span_attrs *a, enum span_key k)
{
	return (a->has[k >> 6] >> (k & 63) & 1) != 0;
}
static inline void
span_clear(struct span_attrs *a)
{
	a->has[0] = a->has[1] = 0;
}
static inline void
span_set(struct span_attrs *a, enum span_key k, struct span_value v)
{
	a->has[k >> 6] |= UINT64_C(1) << (k & 63);
	a->value[k] = v;
}
static inline void
span_set_text(struct span_attrs *a, enum span_key k, const char *p, size_t n)
{
	span_set(a, k, (struct span_value){ .p = p, .n = (uint32_t)n });
}

/* The wire's numbers of OTLP. */
enum span_kind { SPAN_UNSPECIFIED, SPAN_INTERNAL, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };
enum span_source { SPAN_OTLP, SPAN_ZIPKIN, SPAN_JAEGER };

struct span_link {
	uint64_t trace_hi, trace_lo, id;
};

struct span {
	enum span_source source;
	uint64_t trace_hi, trace_lo, id, parent;        /* parent 0: none */
	enum span_kind kind;
	bool error;
	bool remote_known, remote;      /* does the sender say whether the parent is in another process, and is it? */
	bool shared;                    /* Zipkin: the server took over the client's id */
	int64_t start, end;             /* ns since 1970 */
	struct span_text name, scope;
	uint32_t link_count, links_lost;
	struct span_link links[SPAN_LINKS_MAX];
	struct span_attrs attrs;
};

/* What a parser found, beside what it handed out. */
struct span_counts {
	uint64_t spans;         /* handed out */
	uint64_t rejected;      /* without ids, or with ids of the wrong length */
};

/* Takes what a parser reads. Returns 0, or -errno to make the parser stop with it. */
typedef int span_resource_fn(void *arg, const struct span_attrs *resource);
typedef int span_fn(void *arg, const struct span *s);
struct span_sink {
	span_resource_fn *resource;
	span_fn *span;
	void *arg;
};

#define SPAN_SLOTS 256u
/* Finds keys. Made once for a parser. */
struct span_keys {
	uint8_t slots[SPAN_SLOTS];      /* key + 1; 0 empty */
};
void span_keys_init(struct span_keys *k);
/* SPAN_KEY_NONE when no rule reads it. */
enum span_key span_key_of(const struct span_keys *k, const char *p, size_t n);
/* The key as on the wire. */
const char *span_key_text(enum span_key k);

/* Hexadecimal digits, any number of leading zeros left out or not; ret_hi may be NULL (then at most 16). false: none, too many, or 0. */
bool span_hex(const char *p, size_t n, uint64_t *ret_hi, uint64_t *ret_lo);
/* "SERVER", "SPAN_KIND_SERVER", "server": SPAN_UNSPECIFIED when it is none of them. */
enum span_kind span_kind_of(const char *p, size_t n);

#endif
