/* SPDX-License-Identifier: MIT */
/*
 * import_log.c - see import_log.h. A line is cut into words, "..." and [...] being one each; which words mean what is the format's matter.
 *
 * Callers from outside are one node, "user": their addresses are no services. The proxy is called by the log's own name, or by what syslog says.
 */
#include "graph/import_log.h"
#include "graph/import_log_line.h"
#include "graph/import_ref.h"
#include "graph/import_tally.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One call as the log has it; empty is not said. */
struct call {
	char proxy[256];
	int64_t when;
	unsigned status;        /* to the caller */
};

static void
caller_line(struct import *im, const char *source, const struct call *c, const char *address, struct import_at at)
{
	struct sight s = import_sight(SIGHT_LINE, source);

	if (import_host_is_self(address))
		return;
	s.from_kind = import_log_is_outside(address) ? SIGHT_USER : SIGHT_KIND_UNKNOWN;
	s.from = s.from_kind == SIGHT_USER ? "user" : address;
	s.to = c->proxy;
	s.to_kind = SIGHT_SERVICE;
	s.protocol = "http";
	s.first = c->when;
	s.count = 1;
	s.errors = c->status >= 500;
	import_tally_add(im, &s, at);
}

static void
callee_line(struct import *im, const char *source, const struct call *c, const char *to, const char *space, const char *protocol, bool error,
    uint64_t latency,
    struct import_at at)
{
	struct sight s = import_sight(SIGHT_LINE, source);
	bool address = strchr(to, ':') != NULL || import_host_is_address(to);

	s.from = c->proxy;
	s.from_kind = SIGHT_SERVICE;
	s.to = to;
	s.to_space = space;
	s.to_kind = address ? SIGHT_KIND_UNKNOWN : strchr(to, '.') != NULL ? SIGHT_EXTERNAL : SIGHT_SERVICE;
	s.protocol = protocol;
	s.first = c->when;
	s.count = 1;
	s.errors = error;
	s.latency = latency;
	import_tally_add(im, &s, at);
}

/* nginx */

/* The value of the first of these names in name=value or name: value. */
static bool
named(const struct log_words *w, const char *const *names, const char **ret, size_t *ret_n)
{
	for (; *names != NULL; names++) {
		size_t n = strlen(*names);

		for (unsigned i = 0; i < w->count; i++) {
			const char *p = w->p[i];
			size_t left = w->n[i];

			if (left <= n || memcmp(p, *names, n) != 0 || (p[n] != '=' && p[n] != ':'))
				continue;
			p += n + 1;
			left -= n + 1;
			if (left == 0 && i + 1 < w->count) {
				p = w->p[i + 1];
				left = w->n[i + 1];
			}
			if (left > 1 && p[0] == '"') {
				p++;
				left -= 2;
			}
			*ret = p;
			*ret_n = left;
			return true;
		}
	}
	return false;
}

/* ingress-nginx: ... request_length request_time [upstream-name] [] upstream_addr upstream_length upstream_time upstream_status id */
static bool
ingress(const struct log_words *w, const char **ret, size_t *ret_n, const char **ret_status, size_t *ret_status_n)
{
	for (unsigned i = 8; i + 5 < w->count; i++) {
		if (w->p[i][0] == '[' && w->p[i + 1][0] == '[') {
			*ret = w->p[i + 2];
			*ret_n = w->n[i + 2];
			*ret_status = w->p[i + 5];
			*ret_status_n = w->n[i + 5];
			return true;
		}
	}
	return false;
}

/* The n-th of "10.0.0.1:80, 10.0.0.2:80 : 10.0.0.3:80": attempts, and groups behind an internal redirect. */
static bool
attempt(const char *list, size_t n, unsigned k, char *out, size_t out_bytes)
{
	size_t i = 0;

	for (;; k--) {
		size_t len = 0;

		while (i < n && (list[i] == ' ' || list[i] == ',' || (list[i] == ':' && (i == 0 || list[i - 1] == ' '))))
			i++;
		while (i + len < n && list[i + len] != ',' && list[i + len] != ' ')
			len++;
		if (len == 0)
			return false;
		if (k == 0) {
			snprintf(out, out_bytes, "%.*s", (int)FL_MIN(len, out_bytes - 1), list + i);
			return true;
		}
		i += len;
	}
}

static void
nginx_upstreams(struct import *im, const struct call *c, const struct log_words *w, struct import_at at)
{
	static const char *const addr_names[] = { "ua", "upstream_addr", "upstream", "uaddr", "upstream_host", NULL };
	static const char *const status_names[] = { "us", "upstream_status", "ustatus", NULL }, *const time_names[] = { "urt",
	    "upstream_response_time", "ut", NULL };
	static const char *const host_names[] = { "proxy_host", "upstream_name", NULL };
	const char *addr, *status = "", *host, *times = "";
	size_t addr_n, status_n = 0, host_n = 0, times_n = 0;
	char one[128], code[32], took[32], name[IMPORT_HOST_MAX];

	if (!named(w, addr_names, &addr, &addr_n) && !ingress(w, &addr, &addr_n, &status, &status_n))
		return;
	(void)named(w, status_names, &status, &status_n);
	(void)named(w, time_names, &times, &times_n);
	if (!named(w, host_names, &host, &host_n))
		host_n = 0;
	for (unsigned k = 0; attempt(addr, addr_n, k, one, sizeof(one)); k++) {
		double sec;

		if (strcmp(one, "-") == 0 || strncmp(one, "unix:", 5) == 0)
			continue;
		code[0] = took[0] = '\0';
		(void)attempt(status, status_n, k, code, sizeof(code));
		(void)attempt(times, times_n, k, took, sizeof(took));
		sec = strtod(took, NULL);
		if (host_n > 0 && host_n < sizeof(name) && host[0] != '-') {
			snprintf(name, sizeof(name), "%.*s", (int)host_n, host);
			name[strcspn(name, ":")] = '\0';
			if (name[0] != '\0' && !import_host_is_address(name))
				import_tally_hint(im, one, name);
		}
		callee_line(im, "nginx", c, one, NULL, "http", code[0] == '5', sec > 0 && sec < 1e6 ? (uint64_t)(sec * 1e9) : 0, at);
	}
}

static unsigned
status_of(const struct log_words *w, unsigned i)
{
	double v = i < w->count ? import_log_number(w->p[i], w->n[i]) : 0;

	return v > 0 && v < 1000 ? (unsigned)v : 0;
}

void
import_nginx_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct call c = { .when = 0 };
	uint32_t number = 0;
	size_t len;

	import_log_name(im, c.proxy, sizeof(c.proxy));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct log_words w;
		unsigned at = 0;
		char address[64];

		number++;
		if (len == 0)
			continue;
		import_log_split(line, len, &w);
		while (at < w.count && w.p[at][0] != '[')
			at++;
		if (at < 1 || at + 2 >= w.count || !import_log_time(w.p[at] + 1, w.n[at] - 2, &c.when) || w.p[at + 1][0] != '"' ||
		    w.n[0] >= sizeof(address)) {
			import_drop(im);
			continue;
		}
		c.status = status_of(&w, at + 2);
		snprintf(address, sizeof(address), "%.*s", (int)w.n[0], w.p[0]);
		if (import_host_is_address(address))
			caller_line(im, "nginx", &c, address, import_line(im, number));
		nginx_upstreams(im, &c, &w, import_line(im, number));
	}
}

/* HAProxy */

/* "api1" as it is; of a name that only numbers the servers, the backend without its prefix. */
static void
server_name(const char *backend, size_t backend_n, const char *server, size_t server_n, char *out, size_t out_bytes)
{
	static const char *const plain[] = { "s", "srv", "server", "node", "backend", "b", "n" };
	size_t letters = 0, skip = 0;

	while (letters < server_n && ((server[letters] >= 'a' && server[letters] <= 'z') || (server[letters] >= 'A' && server[letters] <= 'Z')))
		letters++;
	for (size_t i = 0; i < FL_ARRAY_LEN(plain); i++) {
		size_t rest = letters;

		while (rest < server_n && (server[rest] == '-' || server[rest] == '_' || (server[rest] >= '0' && server[rest] <= '9')))
			rest++;
		if (rest == server_n && strlen(plain[i]) == letters && memcmp(plain[i], server, letters) == 0) {
			skip = backend_n > 3 && (memcmp(backend, "be_", 3) == 0 || memcmp(backend, "bk_", 3) == 0 ||
			    memcmp(backend, "be-", 3) == 0) ? 3 : 0;
			snprintf(out, out_bytes, "%.*s", (int)(backend_n - skip), backend + skip);
			return;
		}
	}
	snprintf(out, out_bytes, "%.*s", (int)FL_MIN(server_n, out_bytes - 1), server);
}

/* Tq/Tw/Tc/Tr/Ta: connecting and waiting for the answer, ms; -1 where it came to an end before. */
static uint64_t
haproxy_latency(const char *timers, size_t n)
{
	long v[5] = { 0 };
	unsigned count = 0;
	const char *p = timers, *end = timers + n;

	while (p < end && count < 5) {
		v[count++] = (long)FL_MAX(FL_MIN(import_log_number(p, (size_t)(end - p)), 1e9), -1e9);
		p = memchr(p, '/', (size_t)(end - p));
		if (p == NULL)
			break;
		p++;
	}
	return count == 5 && v[2] >= 0 && v[3] >= 0 && v[2] + v[3] < 100000000 ? (uint64_t)(v[2] + v[3]) * FL_MS : 0;
}

/* client [time] frontend backend/server timers status ... ; false: it is no such line. */
static bool
haproxy_line(struct import *im, struct call *c, const struct log_words *w, const char *fallback, struct import_at at)
{
	unsigned i = 1;
	const char *slash, *colon, *backend;
	char address[64], name[256];
	size_t backend_n, server_n;
	bool http, error;

	while (i < w->count && (w->p[i][0] != '[' || !import_log_time(w->p[i] + 1, w->n[i] - 2, &c->when)))
		i++;
	if (i + 4 >= w->count)
		return false;
	colon = memrchr(w->p[i - 1], ':', w->n[i - 1]);
	slash = memchr(w->p[i + 2], '/', w->n[i + 2]);
	if (colon == NULL || slash == NULL || (size_t)(colon - w->p[i - 1]) >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - w->p[i - 1]), w->p[i - 1]);
	/* "Nov 20 22:31:06 lb haproxy[123]: " */
	snprintf(c->proxy, sizeof(c->proxy), "%s", fallback);
	if (i >= 3 && w->n[i - 2] > 8 && memcmp(w->p[i - 2], "haproxy[", 8) == 0)
		snprintf(c->proxy, sizeof(c->proxy), "%.*s", (int)FL_MIN(w->n[i - 3], sizeof(c->proxy) - 1), w->p[i - 3]);
	http = w->p[w->count - 1][0] == '"';
	c->status = http ? status_of(w, i + 4) : 0;
	if (import_host_is_address(address))
		caller_line(im, "haproxy", c, address, at);
	backend = w->p[i + 2];
	backend_n = (size_t)(slash - backend);
	server_n = w->n[i + 2] - backend_n - 1;
	if (slash[1] == '<' || server_n == 0 || backend_n >= sizeof(name) || server_n >= sizeof(name))
		return true;
	server_name(backend, backend_n, slash + 1, server_n, name, sizeof(name));
	error = http && (c->status >= 500 || c->status == 0);
	callee_line(im, "haproxy", c, name, NULL, http ? "http" : "tcp", error, haproxy_latency(w->p[i + 3], w->n[i + 3]), at);
	return true;
}

void
import_haproxy_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct call c = { .when = 0 };
	char fallback[256];
	uint32_t number = 0;
	size_t len;

	import_log_name(im, fallback, sizeof(fallback));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct log_words w;

		number++;
		import_log_split(line, len, &w);
		/* Starts and stops of servers are told in the same file. */
		if (len > 0 && !haproxy_line(im, &c, &w, fallback, import_line(im, number)) && memchr(line, '[', len) != NULL &&
		    memmem(line, len, "/", 1) != NULL && memmem(line, len, "Server ", 7) == NULL && memmem(line, len, "Proxy ", 6) == NULL)
			import_drop(im);
	}
}

/* Envoy */

/* "outbound|9080|v1|reviews.default.svc.cluster.local": the service and its namespace. */
static bool
cluster_host(const char *cluster, size_t n, char *host, size_t host_bytes, char *space, size_t space_bytes)
{
	const char *bar = memrchr(cluster, '|', n);
	char *svc, *dot;

	space[0] = '\0';
	if (bar == NULL || (size_t)(cluster + n - bar) >= host_bytes)
		return false;
	snprintf(host, host_bytes, "%.*s", (int)(cluster + n - bar) - 1, bar + 1);
	svc = strstr(host, ".svc");
	if (svc != NULL) {
		*svc = '\0';
		dot = strchr(host, '.');
		if (dot != NULL) {
			snprintf(space, space_bytes, "%s", dot + 1);
			*dot = '\0';
		}
	}
	return host[0] != '\0';
}

/* The caller of a sidecar's own service: told when its address has a name. */
static void
envoy_inbound(struct import *im, const struct call *c, const struct log_words *w, unsigned cluster, struct import_at at)
{
	struct sight s = import_sight(SIGHT_LINE, "envoy");
	char address[64];

	if (cluster + 3 >= w->count || w->n[cluster + 3] >= sizeof(address))
		return;
	snprintf(address, sizeof(address), "%.*s", (int)w->n[cluster + 3], w->p[cluster + 3]);
	s.from = address;
	s.to = c->proxy;
	s.to_kind = SIGHT_SERVICE;
	s.protocol = "http";
	s.first = c->when;
	s.count = 1;
	s.errors = c->status >= 500;
	import_tally_add_named(im, &s, at);
}

static void
envoy_call(struct import *im, const struct call *c, const struct log_words *w, unsigned upstream, struct import_at at)
{
	char to[IMPORT_HOST_MAX] = "", space[IMPORT_HOST_MAX] = "", authority[IMPORT_HOST_MAX] = "";
	const char *cluster = upstream + 1 < w->count ? w->p[upstream + 1] : "";
	size_t cluster_n = upstream + 1 < w->count ? w->n[upstream + 1] : 0;
	unsigned xff = upstream - 4;
	double ms = xff > 0 ? import_log_number(w->p[xff - 1], w->n[xff - 1]) : 0;
	bool tcp = c->status == 0;

	if (cluster_n > 8 && memcmp(cluster, "inbound|", 8) == 0) {
		envoy_inbound(im, c, w, upstream + 1, at);
		return;
	}
	if (cluster_n >= 16 && memcmp(cluster, "BlackHoleCluster", 16) == 0)
		return;
	snprintf(authority, sizeof(authority), "%.*s", (int)FL_MIN(w->n[upstream - 1] - 2, sizeof(authority) - 1), w->p[upstream - 1] + 1);
	authority[strcspn(authority, ":")] = '\0';
	if (!(cluster_n > 9 && memcmp(cluster, "outbound|", 9) == 0 && cluster_host(cluster, cluster_n, to, sizeof(to), space, sizeof(space)))) {
		if (w->n[upstream] < 5 || w->n[upstream] - 2 >= sizeof(to))
			return;         /* "-": nobody was chosen */
		snprintf(to, sizeof(to), "%.*s", (int)(w->n[upstream] - 2), w->p[upstream] + 1);
		if (authority[0] != '\0' && strcmp(authority, "-") != 0 && (strchr(authority, '.') == NULL || strstr(authority, ".svc") != NULL ||
		    (cluster_n == 18 && memcmp(cluster, "PassthroughCluster", 18) == 0))) {
			char *svc = strstr(authority, ".svc");

			if (svc != NULL)
				authority[strcspn(authority, ".")] = '\0';
			import_tally_hint(im, to, authority);
		}
	}
	callee_line(im, "envoy", c, to, space, tcp ? "tcp" : "http", c->status >= 500, ms > 0 && ms < 1e9 ? (uint64_t)(ms * 1e6) : 0, at);
}

void
import_envoy_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct call c = { .when = 0 };
	uint32_t number = 0;
	size_t len;

	import_log_name(im, c.proxy, sizeof(c.proxy));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct log_words w;
		unsigned last, first = 0;

		number++;
		if (len == 0)
			continue;
		import_log_split(line, len, &w);
		while (first < w.count && w.p[first][0] != '[')
			first++;
		for (last = w.count; last > 0 && w.p[last - 1][0] != '"'; last--)
			;
		/* Time, request, status; and at the end five in quotes: forwarded for, agent, id, authority, upstream. */
		if (first + 2 >= w.count || last < first + 8 || w.n[first] < 22 || w.n[last - 1] < 2 || w.n[last - 2] < 2 ||
		    w.p[last - 2][0] != '"' ||
		    !import_time(w.p[first] + 1, w.n[first] - 2, &c.when)) {
			import_drop(im);
			continue;
		}
		c.status = status_of(&w, first + 2);
		envoy_call(im, &c, &w, last - 1, import_line(im, number));
	}
}
