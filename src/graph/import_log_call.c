/* SPDX-License-Identifier: MIT */
/* import_log_call.c - see import_log_call.h. */
#include "graph/import_log_call.h"
#include "graph/import_log_line.h"
#include "graph/import_tally.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The host of "10.0.0.5:80", "[::1]:80", "cart:8080" or of any of them without a port; n of host bytes suffice. */
static void
host_of(const char *s, char *host, size_t n)
{
	const char *colon = strrchr(s, ':');
	size_t len = strlen(s);

	if (s[0] == '[') {
		s++;
		len = strcspn(s, "]");
	} else if (colon != NULL && strchr(s, ':') == colon) {
		len = (size_t)(colon - s);
	}
	snprintf(host, n, "%.*s", (int)FL_MIN(len, n - 1), s);
}

void
import_log_caller(struct import *im, const struct import_log_call *c, const char *address, const char *protocol)
{
	struct sight s = import_sight(SIGHT_LINE, c->source);
	char host[IMPORT_HOST_MAX];

	/* A socket of both families writes the older one so: ::ffff:10.0.0.5. */
	if (strncasecmp(address, "::ffff:", 7) == 0 && strchr(address + 7, '.') != NULL)
		address += 7;
	host_of(address, host, sizeof(host));
	if (!import_host_is_address(host) || import_host_is_self(host))
		return;
	s.from_kind = import_log_is_outside(host) ? SIGHT_USER : SIGHT_KIND_UNKNOWN;
	s.from = s.from_kind == SIGHT_USER ? "user" : host;
	s.to = c->proxy;
	s.to_kind = SIGHT_SERVICE;
	s.protocol = protocol;
	s.first = c->when;
	s.count = 1;
	s.errors = c->status >= 500;
	import_tally_add(im, &s, c->at);
}

void
import_log_split_host(char *host, char *space)
{
	char *svc = strstr(host, ".svc"), *dot;

	if (svc == NULL || (svc[4] != '\0' && svc[4] != '.'))
		return;
	*svc = '\0';
	dot = strchr(host, '.');
	if (dot != NULL) {
		snprintf(space, IMPORT_HOST_MAX, "%s", dot + 1);
		*dot = '\0';
	}
}

void
import_log_callee(struct import *im, const struct import_log_call *c, const struct import_log_to *to)
{
	struct sight s = import_sight(SIGHT_LINE, c->source);
	char host[IMPORT_HOST_MAX], space[IMPORT_HOST_MAX] = "";
	bool address;

	host_of(to->name, host, sizeof(host));
	address = import_host_is_address(host);
	import_log_split_host(host, space);
	if (host[0] == '\0' || (!address && import_host_is_self(host)))
		return;
	s.from = c->proxy;
	s.from_kind = SIGHT_SERVICE;
	s.to = address ? to->name : host;
	s.to_space = space[0] != '\0' ? space : to->space;
	s.to_kind = address ? SIGHT_KIND_UNKNOWN : strchr(host, '.') != NULL ? SIGHT_EXTERNAL : SIGHT_SERVICE;
	s.protocol = to->protocol;
	s.first = c->when;
	s.count = 1;
	s.errors = to->error;
	s.latency = to->latency;
	import_tally_add(im, &s, c->at);
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

/* What the address may be called, from a setting such as $proxy_host. */
static void
hint(struct import *im, const char *address, const char *setting)
{
	char name[IMPORT_HOST_MAX];

	host_of(setting, name, sizeof(name));
	if (name[0] != '\0' && strcmp(name, "-") != 0 && !import_host_is_address(name) && !import_host_is_self(name))
		import_tally_hint(im, address, name);
}

void
import_log_tries(struct import *im, const struct import_log_call *c, const struct import_log_tries *t)
{
	char one[IMPORT_HOST_MAX], code[32], took[32], name[IMPORT_HOST_MAX], space[IMPORT_HOST_MAX], whole[IMPORT_HOST_MAX];
	bool named = false;

	if (t->ingress != NULL && t->ingress_n < sizeof(whole)) {
		snprintf(whole, sizeof(whole), "%.*s", (int)t->ingress_n, t->ingress);
		named = import_log_ingress(whole, t->space != NULL ? t->space : "", name, space);
	}
	for (unsigned k = 0; attempt(t->upstream, t->upstream_n, k, one, sizeof(one)); k++) {
		struct import_log_to to = { .name = named ? name : one, .space = named ? space : NULL, .protocol = "http" };
		double sec;

		if (strcmp(one, "-") == 0 || strncmp(one, "unix:", 5) == 0)
			continue;
		code[0] = took[0] = '\0';
		(void)attempt(t->status, t->status_n, k, code, sizeof(code));
		(void)attempt(t->times, t->times_n, k, took, sizeof(took));
		sec = import_log_number(took, strlen(took));
		to.latency = sec > 0 && sec < 1e6 ? (uint64_t)(sec * 1e9) : t->latency;
		to.error = code[0] != '\0' ? code[0] == '5' : t->error;
		if (t->hint != NULL)
			hint(im, one, t->hint);
		import_log_callee(im, c, &to);
	}
}

void
import_log_server(const char *backend, size_t backend_n, const char *server, size_t server_n, char *out, size_t out_bytes)
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
			snprintf(out, out_bytes, "%.*s", (int)FL_MIN(backend_n - skip, out_bytes - 1), backend + skip);
			return;
		}
	}
	snprintf(out, out_bytes, "%.*s", (int)FL_MIN(server_n, out_bytes - 1), server);
}

bool
import_log_ingress(const char *upstream, const char *space, char *name, char *ret_space)
{
	const char *port = strrchr(upstream, '-'), *from;
	size_t n = strlen(space);

	if (port == NULL || port == upstream || strlen(upstream) >= IMPORT_HOST_MAX)
		return false;
	if (n > 0 && strncmp(upstream, space, n) == 0 && upstream[n] == '-') {
		from = upstream + n + 1;
	} else {
		/* Of "a-b-80" it is plain where the namespace ends, of "a-b-c-80" it is not. */
		from = strchr(upstream, '-') + 1;
		if (from <= port && memchr(from, '-', (size_t)(port - from)) != NULL && strncmp(upstream, "default-", 8) != 0)
			return false;
	}
	if (from >= port)
		return false;
	snprintf(ret_space, IMPORT_HOST_MAX, "%.*s", (int)(from - upstream) - 1, upstream);
	snprintf(name, IMPORT_HOST_MAX, "%.*s", (int)(port - from), from);
	return true;
}
