/* SPDX-License-Identifier: MIT */
/* span_peer.c - whom a span calls, from its own attributes. */
#include "graph/span_peer.h"

#include <string.h>
#include <strings.h>

static bool
is(struct span_text t, const char *word)
{
	return strlen(word) == t.n && strncasecmp(t.p, word, t.n) == 0;
}

static bool
is_one_of(struct span_text t, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is(t, *words))
			return true;
	return false;
}

static bool
begins(struct span_text t, const char *word)
{
	size_t n = strlen(word);

	return t.n >= n && strncasecmp(t.p, word, n) == 0;
}

static bool
ends(struct span_text t, const char *word)
{
	size_t n = strlen(word);

	return t.n >= n && memcmp(t.p + t.n - n, word, n) == 0;
}

/* The first of these keys that has a text that is not empty. */
static struct span_text
first_text(const struct span_attrs *a, const enum span_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (span_has(a, keys[i]) && a->value[keys[i]].p != NULL && a->value[keys[i]].n > 0)
			return (struct span_text){ a->value[keys[i]].p, a->value[keys[i]].n };
	return (struct span_text){ "", 0 };
}

#define TEXT(a, ...) \
	first_text((a), (const enum span_key[]){ __VA_ARGS__ }, sizeof((const enum span_key[]){ __VA_ARGS__ }) / sizeof(enum span_key))

static bool
any_of(const struct span_attrs *a, enum span_key k1, enum span_key k2)
{
	return span_has(a, k1) || span_has(a, k2);
}

enum span_protocol
span_protocol_of(const struct span *s)
{
	const struct span_attrs *a = &s->attrs;

	if (span_has(a, SPAN_KEY_MESSAGING_SYSTEM) || any_of(a, SPAN_KEY_MESSAGING_DESTINATION_NAME, SPAN_KEY_MESSAGING_DESTINATION) ||
	    span_has(a, SPAN_KEY_MESSAGE_BUS_DESTINATION))
		return SPAN_PROTO_MESSAGING;
	if (any_of(a, SPAN_KEY_DB_SYSTEM_NAME, SPAN_KEY_DB_SYSTEM) || span_has(a, SPAN_KEY_DB_TYPE))
		return SPAN_PROTO_DB;
	if (s->kind == SPAN_PRODUCER || s->kind == SPAN_CONSUMER)
		return SPAN_PROTO_MESSAGING;
	/* A client of a database that has no word for its system. */
	if (s->kind == SPAN_CLIENT && (any_of(a, SPAN_KEY_DB_NAMESPACE, SPAN_KEY_DB_NAME) || span_has(a, SPAN_KEY_DB_INSTANCE)))
		return SPAN_PROTO_DB;
	if (any_of(a, SPAN_KEY_RPC_SYSTEM_NAME, SPAN_KEY_RPC_SYSTEM) || span_has(a, SPAN_KEY_RPC_SERVICE))
		return SPAN_PROTO_RPC;
	if (any_of(a, SPAN_KEY_HTTP_REQUEST_METHOD, SPAN_KEY_HTTP_METHOD) || any_of(a, SPAN_KEY_URL_FULL, SPAN_KEY_HTTP_URL))
		return SPAN_PROTO_HTTP;
	return SPAN_PROTO_UNKNOWN;
}

/* ---- addresses ---- */

static bool
host_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == ':' ||
	    c == '%' || c >= 0x80;
}

static uint16_t
port_of(const char *p, size_t n)
{
	uint32_t v = 0;

	if (n == 0 || n > 5)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		v = v * 10 + (uint32_t)(p[i] - '0');
	}
	return v <= 65535 ? (uint16_t)v : 0;
}

/* Cut "[v6]:port", "host:port" and the first of "a:1,b:2"; v6 without brackets has more colons than one. */
static struct span_text
cut_port(struct span_text t, uint16_t *ret_port)
{
	const char *comma = memchr(t.p, ',', t.n), *colon, *end;

	if (comma != NULL)
		t.n = (uint32_t)(comma - t.p);
	if (t.n > 0 && t.p[0] == '[') {
		end = memchr(t.p, ']', t.n);
		if (end == NULL)
			return (struct span_text){ "", 0 };
		size_t rest = t.n - (size_t)(end - t.p) - 1;
		uint16_t port = rest > 1 && end[1] == ':' ? port_of(end + 2, rest - 1) : 0;

		if (port != 0)
			*ret_port = port;
		return (struct span_text){ t.p + 1, (uint32_t)(end - t.p - 1) };
	}
	colon = memchr(t.p, ':', t.n);
	if (colon == NULL || memchr(colon + 1, ':', t.n - (size_t)(colon - t.p) - 1) != NULL)
		return t;
	uint16_t port = port_of(colon + 1, t.n - (size_t)(colon - t.p) - 1);

	if (port != 0)
		*ret_port = port;
	return (struct span_text){ t.p, (uint32_t)(colon - t.p) };
}

/* An IPv4 address in an IPv6 one is the IPv4 address. */
static struct span_text
unmap(struct span_text t)
{
	return begins(t, "::ffff:") && memchr(t.p, '.', t.n) != NULL ? (struct span_text){ t.p + 7, t.n - 7 } : t;
}

/* Targets of gRPC: "dns:///host:port", "dns://resolver/host:port", "ipv4:10.0.0.1:80". */
static struct span_text
cut_scheme(struct span_text t)
{
	const char *p = t.n > 3 ? memmem(t.p, t.n, "://", 3) : NULL;

	if (begins(t, "ipv4:") || begins(t, "ipv6:"))
		return (struct span_text){ t.p + 5, t.n - 5 };
	if (p == NULL)
		return t;
	for (const char *end = t.p + t.n, *q = p + 3; q < end; q++)
		if (*q == '/')
			p = q - 2;
	return (struct span_text){ p + 3, t.n - (uint32_t)(p + 3 - t.p) };
}

/* Take a host, with or without a port; false when it is none. */
static bool
take_host(struct span_peer *p, struct span_text t)
{
	uint16_t port = 0;

	t = unmap(cut_port(cut_scheme(t), &port));
	while (t.n > 0 && t.p[t.n - 1] == '.')
		t.n--;
	if (t.n == 0 || t.n > 253 || begins(t, "unknown") || is(t, "0.0.0.0") || is(t, "::") || is(t, "null") || is(t, "undefined"))
		return false;
	for (uint32_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.p[i];

		if (!host_char(c))
			return false;
		p->host_mem[i] = c >= 'A' && c <= 'Z' ? (char)(c | 32) : (char)c;
	}
	p->host = (struct span_text){ p->host_mem, t.n };
	if (port != 0)
		p->port = port;
	return true;
}

/* Host and port of "scheme://user@host:port/path". */
static bool
take_url(struct span_peer *p, struct span_text t)
{
	static const struct { const char *scheme; uint16_t port; } ports[] = {
		{ "http:", 80 }, { "https:", 443 }, { "ws:", 80 }, { "wss:", 443 }, { "amqp:", 5672 }, { "amqps:", 5671 },
		{ "nats:", 4222 }, { "redis:", 6379 }, { "postgresql:", 5432 }, { "postgres:", 5432 }, { "mysql:", 3306 },
		{ "mongodb:", 27017 },
	};
	const char *start = t.n > 3 ? memmem(t.p, t.n, "://", 3) : NULL;
	uint16_t port = 0;

	if (start == NULL)
		return false;
	for (size_t i = 0; i < FL_ARRAY_LEN(ports); i++)
		if (begins(t, ports[i].scheme))
			port = ports[i].port;
	struct span_text a = { start + 3, t.n - (uint32_t)(start + 3 - t.p) };
	uint32_t n = 0;

	while (n < a.n && strchr("/?#", a.p[n]) == NULL)
		n++;
	a.n = n;
	for (uint32_t i = 0; i < n; i++)
		if (t.n > 0 && start[3 + i] == '@')
			a = (struct span_text){ start + 3 + i + 1, n - i - 1 };
	p->port = port;
	return take_host(p, a);
}

static void
take_port(const struct span_attrs *a, struct span_peer *p, enum span_key k)
{
	if (p->port != 0 || !span_has(a, k))
		return;
	const struct span_value *v = &a->value[k];

	if (v->p != NULL)
		p->port = port_of(v->p, v->n);
	else if (v->number > 0 && v->number <= 65535)
		p->port = (uint16_t)v->number;
}

bool
span_peer_numeric(const char *host, size_t n)
{
	if (memchr(host, ':', n) != NULL)
		return true;
	for (size_t i = 0; i < n; i++)
		if ((host[i] < '0' || host[i] > '9') && host[i] != '.')
			return n == 9 && memcmp(host, "localhost", 9) == 0;
	return true;
}

uint32_t
span_peer_ipv4(struct span_text t)
{
	uint32_t v = 0, part = 0, parts = 1, digits = 0;

	t = unmap(t);
	for (uint32_t i = 0; i < t.n; i++) {
		if (t.p[i] == '.' && digits > 0) {
			v = v << 8 | part;
			part = digits = 0;
			parts++;
		} else if (t.p[i] >= '0' && t.p[i] <= '9' && digits < 3) {
			part = part * 10 + (uint32_t)(t.p[i] - '0');
			digits++;
		} else {
			return 0;
		}
		if (part > 255 || parts > 4)
			return 0;
	}
	return parts == 4 && digits > 0 ? v << 8 | part : 0;
}

/* The address that was called, as new and old conventions name it; a name is believed before a number. */
static void
read_address(const struct span_attrs *a, struct span_peer *p)
{
	static const struct { enum span_key host, port; } keys[] = {
		{ SPAN_KEY_SERVER_ADDRESS, SPAN_KEY_SERVER_PORT }, { SPAN_KEY_NET_PEER_NAME, SPAN_KEY_NET_PEER_PORT },
		{ SPAN_KEY_PEER_HOSTNAME, SPAN_KEY_PEER_PORT }, { SPAN_KEY_NET_SOCK_PEER_NAME, SPAN_KEY_NET_SOCK_PEER_PORT },
	}, numbers[] = {
		{ SPAN_KEY_NETWORK_PEER_ADDRESS, SPAN_KEY_NETWORK_PEER_PORT }, { SPAN_KEY_NET_SOCK_PEER_ADDR, SPAN_KEY_NET_SOCK_PEER_PORT },
		{ SPAN_KEY_NET_PEER_IP, SPAN_KEY_NET_PEER_PORT }, { SPAN_KEY_PEER_IPV4, SPAN_KEY_PEER_PORT },
		{ SPAN_KEY_PEER_IPV6, SPAN_KEY_PEER_PORT }, { SPAN_KEY_PEER_ADDRESS, SPAN_KEY_PEER_PORT },
	};

	for (size_t i = 0; i < FL_ARRAY_LEN(keys); i++) {
		if (span_has(a, keys[i].host) && take_host(p, TEXT(a, keys[i].host))) {
			take_port(a, p, keys[i].port);
			return;
		}
	}
	if (take_url(p, TEXT(a, SPAN_KEY_URL_FULL, SPAN_KEY_HTTP_URL, SPAN_KEY_MESSAGING_URL)) || take_host(p, TEXT(a, SPAN_KEY_HTTP_HOST)))
		return;
	for (size_t i = 0; i < FL_ARRAY_LEN(numbers); i++) {
		if (span_has(a, numbers[i].host) && take_host(p, TEXT(a, numbers[i].host))) {
			take_port(a, p, numbers[i].port);
			return;
		}
	}
}

/* ---- names ---- */

/* What is in the process itself is no dependency. */
static bool
is_embedded(struct span_text system)
{
	static const char *const words[] = { "sqlite", "h2", "h2database", "derby", "hsqldb", "duckdb", "caffeine", NULL };

	return is_one_of(system, words);
}

/* Names that libraries put in for want of one: an address says more. */
static bool
is_generic(struct span_text name, struct span_text system)
{
	static const char *const words[] = {
		"redis", "mysql", "mariadb", "postgresql", "postgres", "mongodb", "kafka", "rabbitmq", "memcached", "elasticsearch", "cassandra",
		"sql", "db", "database", "localhost", NULL
	};

	return is_one_of(name, words) || (name.n == system.n && strncasecmp(name.p, system.p, name.n) == 0);
}

/* A text that says something. */
static bool
is_name(struct span_text t)
{
	return t.n > 0 && t.n <= 200 && !begins(t, "unknown") && !is(t, "null") && !is(t, "undefined") && !is(t, "none") && !is(t, "?");
}

static void
read_datastore(const struct span *s, const struct span_attrs *resource, struct span_peer *p)
{
	p->type = SPAN_PEER_DATASTORE;
	p->system = TEXT(&s->attrs, SPAN_KEY_DB_SYSTEM_NAME, SPAN_KEY_DB_SYSTEM, SPAN_KEY_DB_TYPE);
	p->part = TEXT(&s->attrs, SPAN_KEY_DB_NAMESPACE, SPAN_KEY_DB_NAME, SPAN_KEY_DB_INSTANCE);
	if (p->part.n == 0)
		p->part = TEXT(resource, SPAN_KEY_DB_NAMESPACE, SPAN_KEY_DB_NAME);
}

static bool
is_true(const struct span_attrs *a, enum span_key k)
{
	const struct span_value *v = &a->value[k];

	return span_has(a, k) && (v->p == NULL ? v->number != 0 : is((struct span_text){ v->p, v->n }, "true"));
}

/* Destinations that are made for one answer are no part of the map. */
static void
read_broker(const struct span *s, struct span_peer *p)
{
	const struct span_attrs *a = &s->attrs;

	p->type = SPAN_PEER_BROKER;
	p->system = TEXT(a, SPAN_KEY_MESSAGING_SYSTEM);
	if (is_true(a, SPAN_KEY_MESSAGING_TEMPORARY) || is_true(a, SPAN_KEY_MESSAGING_ANONYMOUS))
		return;
	p->part = TEXT(a, SPAN_KEY_MESSAGING_DESTINATION_NAME, SPAN_KEY_MESSAGING_DESTINATION, SPAN_KEY_MESSAGE_BUS_DESTINATION,
	    SPAN_KEY_MESSAGING_RABBIT_KEY, SPAN_KEY_MESSAGING_RABBIT_KEY_OLD);
}

bool
span_peer_read(const struct span *s, const struct span_attrs *resource, enum span_protocol protocol, struct span_peer *ret)
{
	const struct span_attrs *a = &s->attrs;

	ret->type = SPAN_PEER_EXTERNAL;
	ret->port = 0;
	ret->host = ret->system = ret->part = (struct span_text){ "", 0 };
	if (protocol == SPAN_PROTO_DB)
		read_datastore(s, resource, ret);
	else if (protocol == SPAN_PROTO_MESSAGING)
		read_broker(s, ret);
	read_address(a, ret);
	ret->name = TEXT(a, SPAN_KEY_PEER_NAME, SPAN_KEY_PEER_SERVICE);
	if (!is_name(ret->name) || (ret->host.n > 0 && is_generic(ret->name, ret->system)))
		ret->name = (struct span_text){ "", 0 };
	if (ret->type == SPAN_PEER_DATASTORE && ret->host.n == 0 && is_embedded(ret->system))
		return false;
	if (ret->part.n > 200)
		ret->part = (struct span_text){ "", 0 };
	if (ret->name.n > 0 || ret->host.n > 0)
		return true;
	/* The last resort: what it is called on the other side, then what it is. */
	if (ret->type == SPAN_PEER_DATASTORE)
		ret->name = is_name(ret->part) ? ret->part : ret->system;
	else if (ret->type == SPAN_PEER_BROKER)
		ret->name = ret->system;
	else
		ret->name = TEXT(a, SPAN_KEY_RPC_SERVICE);
	return is_name(ret->name);
}

bool
span_peer_own(const struct span *s, struct span_peer *ret)
{
	const struct span_attrs *a = &s->attrs;

	ret->type = SPAN_PEER_EXTERNAL;
	ret->port = 0;
	ret->host = ret->name = ret->system = ret->part = (struct span_text){ "", 0 };
	if (!take_host(ret, TEXT(a, SPAN_KEY_SERVER_ADDRESS)) && !take_host(ret, TEXT(a, SPAN_KEY_NET_HOST_NAME)) &&
	    !take_host(ret, TEXT(a, SPAN_KEY_HTTP_HOST)))
		return false;
	take_port(a, ret, SPAN_KEY_SERVER_PORT);
	take_port(a, ret, SPAN_KEY_NET_HOST_PORT);
	return true;
}

bool
span_peer_named_caller(const struct span *s, struct span_peer *ret)
{
	ret->type = SPAN_PEER_EXTERNAL;
	ret->port = 0;
	ret->host = ret->system = ret->part = (struct span_text){ "", 0 };
	ret->name = TEXT(&s->attrs, SPAN_KEY_PEER_NAME, SPAN_KEY_PEER_SERVICE);
	return is_name(ret->name);
}

uint32_t
span_peer_caller(const struct span *s)
{
	return span_peer_ipv4(TEXT(&s->attrs, SPAN_KEY_CLIENT_ADDRESS, SPAN_KEY_HTTP_CLIENT_IP, SPAN_KEY_NETWORK_PEER_ADDRESS,
	    SPAN_KEY_NET_SOCK_PEER_ADDR, SPAN_KEY_NET_PEER_IP));
}

bool
span_peer_noise(const struct span *s)
{
	static const char *const names[] = {
		"tcp.connect", "tls.connect", "ipc.connect", "connect", "resolve", "ssl handshake", "http.dns", "http.connect", "http.tls",
		"http.getconn", NULL
	};
	static const char *const scopes[] = { "/instrumentation-dns", "/instrumentation-net", "/instrumentation-fs" };

	if (span_has(&s->attrs, SPAN_KEY_DNS_QUESTION) || begins(s->name, "dns.") || begins(s->name, "fs "))
		return true;
	for (size_t i = 0; i < FL_ARRAY_LEN(scopes); i++)
		if (ends(s->scope, scopes[i]))
			return true;
	/* An HTTP tunnel is asked for with CONNECT, too; then the span says more than its name. */
	return is_one_of(s->name, names) && span_protocol_of(s) == SPAN_PROTO_UNKNOWN;
}

bool
span_peer_probe(const struct span *s)
{
	static const char *const agents[] = {
		"kube-probe", "prometheus", "googlehc", "elb-healthchecker", "consul health check", "amazon-route53-health", "blackbox-exporter",
		"blackbox exporter", "uptime-kuma", "haproxy", NULL
	};
	static const char *const paths[] = {
		"/health", "/healthz", "/health/live", "/health/ready", "/livez", "/readyz", "/ready", "/live", "/metrics", "/-/healthy",
		"/-/ready", "/actuator/health", "/actuator/prometheus", "/ping", NULL
	};
	struct span_text agent = TEXT(&s->attrs, SPAN_KEY_USER_AGENT, SPAN_KEY_HTTP_USER_AGENT);
	struct span_text path = TEXT(&s->attrs, SPAN_KEY_URL_PATH, SPAN_KEY_HTTP_TARGET);

	if (span_has(&s->attrs, SPAN_KEY_SYNTHETIC_TYPE))
		return true;
	for (size_t i = 0; agents[i] != NULL; i++)
		if (begins(agent, agents[i]))
			return true;
	if (begins((struct span_text){ s->name.p, s->name.n }, "grpc.health.v1.Health/"))
		return true;
	return is_one_of(path, paths);
}
