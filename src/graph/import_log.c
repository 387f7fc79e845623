/* SPDX-License-Identifier: MIT */
/*
 * import_log.c - see import_log.h. A line is cut into words, "..." and [...] being one each; which words mean what is the format's matter.
 *
 * The proxy is called by the log's own name, or by what syslog says.
 */
#include "graph/import_log.h"
#include "graph/import_log_call.h"
#include "graph/import_log_line.h"
#include <stdio.h>
#include <string.h>

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

/* A list of n words with commas between them, from word i on. */
static void
words_of(const struct log_words *w, unsigned i, unsigned n, const char **ret, size_t *ret_n)
{
	*ret = w->p[i];
	*ret_n = (size_t)(w->p[i + n - 1] + w->n[i + n - 1] - w->p[i]);
}

/* ingress-nginx: ... request_length request_time [upstream-name] [] upstream_addr upstream_length upstream_time upstream_status id */
static bool
ingress(const struct log_words *w, struct import_log_tries *t)
{
	for (unsigned i = 8; i + 5 < w->count; i++) {
		unsigned n = 1;

		if (w->p[i][0] != '[' || w->p[i + 1][0] != '[')
			continue;
		while (i + 1 + n < w->count && w->p[i + 1 + n][w->n[i + 1 + n] - 1] == ',')
			n++;
		if (i + 1 + 4 * n >= w->count)
			return false;
		t->ingress = w->p[i] + 1;
		t->ingress_n = w->n[i] - 2;
		words_of(w, i + 2, n, &t->upstream, &t->upstream_n);
		words_of(w, i + 2 + 2 * n, n, &t->times, &t->times_n);
		words_of(w, i + 2 + 3 * n, n, &t->status, &t->status_n);
		return true;
	}
	return false;
}

/* Of each attempt the address, whether it failed, and what it took. */
static void
nginx_upstreams(struct import *im, const struct import_log_call *c, const struct log_words *w)
{
	static const char *const addr_names[] = { "ua", "upstream_addr", "upstream", "uaddr", "upstream_host", NULL };
	static const char *const status_names[] = { "us", "upstream_status", "ustatus", NULL }, *const time_names[] = { "urt",
	    "upstream_response_time", "ut", NULL };
	static const char *const host_names[] = { "proxy_host", "upstream_name", NULL };
	struct import_log_tries t = { .status = "" };
	char host[IMPORT_HOST_MAX];
	const char *name;
	size_t name_n;

	if (!named(w, addr_names, &t.upstream, &t.upstream_n) && !ingress(w, &t))
		return;
	(void)named(w, status_names, &t.status, &t.status_n);
	(void)named(w, time_names, &t.times, &t.times_n);
	if (named(w, host_names, &name, &name_n) && name_n < sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)name_n, name);
		t.hint = host;
	}
	import_log_tries(im, c, &t);
}

/* Traefik's own form of it: ... "router@provider" "http://10.0.0.5:80" 3ms */
static bool
traefik(struct import *im, const struct import_log_call *c, const struct log_words *w)
{
	unsigned i = w->count;
	struct import_log_tries t = { .status = "" };

	if (i < 8 || w->n[i - 1] < 3 || memcmp(w->p[i - 1] + w->n[i - 1] - 2, "ms", 2) != 0 || w->p[i - 2][0] != '"' || w->p[i - 3][0] != '"')
		return false;
	t.upstream = memmem(w->p[i - 2], w->n[i - 2], "://", 3);
	if (t.upstream != NULL) {
		t.upstream += 3;
		t.upstream_n = (size_t)(w->p[i - 2] + w->n[i - 2] - 1 - t.upstream);
		t.latency = (uint64_t)FL_MAX(FL_MIN(import_log_number(w->p[i - 1], w->n[i - 1]), 1e9), 0) * FL_MS;
		t.error = c->status >= 500;
		import_log_tries(im, c, &t);
	}
	return true;
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
	struct import_log_call c = { .source = "nginx" };
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
		c.at = import_line(im, number);
		c.status = status_of(&w, at + 2);
		snprintf(address, sizeof(address), "%.*s", (int)w.n[0], w.p[0]);
		import_log_caller(im, &c, address, "http");
		if (!traefik(im, &c, &w))
			nginx_upstreams(im, &c, &w);
	}
}

/* HAProxy */

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
haproxy_line(struct import *im, struct import_log_call *c, const struct log_words *w, const char *fallback)
{
	unsigned i = 1;
	const char *slash, *colon, *backend;
	char address[64], name[256];
	size_t backend_n, server_n;
	bool http;

	while (i < w->count && (w->p[i][0] != '[' || !import_log_time(w->p[i] + 1, w->n[i] - 2, &c->when)))
		i++;
	if (i + 4 >= w->count)
		return false;
	slash = memchr(w->p[i + 2], '/', w->n[i + 2]);
	colon = memrchr(w->p[i - 1], ':', w->n[i - 1]);
	if (colon == NULL || slash == NULL || w->n[i - 1] >= sizeof(address))
		return false;
	snprintf(address, sizeof(address), "%.*s", (int)(colon - w->p[i - 1]), w->p[i - 1]);
	/* "Nov 20 22:31:06 lb haproxy[123]: " */
	snprintf(c->proxy, sizeof(c->proxy), "%s", fallback);
	if (i >= 3 && w->n[i - 2] > 8 && memcmp(w->p[i - 2], "haproxy[", 8) == 0)
		snprintf(c->proxy, sizeof(c->proxy), "%.*s", (int)FL_MIN(w->n[i - 3], sizeof(c->proxy) - 1), w->p[i - 3]);
	http = w->p[w->count - 1][0] == '"';
	c->status = http ? status_of(w, i + 4) : 0;
	import_log_caller(im, c, address, "http");
	backend = w->p[i + 2];
	backend_n = (size_t)(slash - backend);
	server_n = w->n[i + 2] - backend_n - 1;
	if (slash[1] == '<' || server_n == 0 || backend_n >= sizeof(name) || server_n >= sizeof(name))
		return true;
	import_log_server(backend, backend_n, slash + 1, server_n, name, sizeof(name));
	struct import_log_to to = { .name = name, .protocol = http ? "http" : "tcp", .error = http && (c->status >= 500 || c->status == 0),
		.latency = haproxy_latency(w->p[i + 3], w->n[i + 3]) };
	import_log_callee(im, c, &to);
	return true;
}

void
import_haproxy_add(struct import *im)
{
	const char *p = im->file->text, *end = p + im->file->n, *line;
	struct import_log_call c = { .source = "haproxy" };
	char fallback[256];
	uint32_t number = 0;
	size_t len;

	import_log_name(im, fallback, sizeof(fallback));
	while (import_next_line(&p, end, &line, &len) && im->failed == 0) {
		struct log_words w;

		number++;
		import_log_split(line, len, &w);
		c.at = import_line(im, number);
		/* Starts and stops of servers are told in the same file. */
		if (len > 0 && !haproxy_line(im, &c, &w, fallback) && memchr(line, '[', len) != NULL &&
		    memmem(line, len, "/", 1) != NULL && memmem(line, len, "Server ", 7) == NULL && memmem(line, len, "Proxy ", 6) == NULL)
			import_drop(im);
	}
}
