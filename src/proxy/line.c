/* SPDX-License-Identifier: MIT */
/* line.c - configurations of lines, names of close reasons, and the keys of connections. */
#include "proxy/line.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include "fault/http_fault.h"
#include "proxy/http_conf.h"
#include "proxy/trace_conf.h"
#include "io/tls.h"
#include "proto/client_hello.h"
#include "proxy/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT (10 * FL_SEC)
#define GREETING_TIMEOUT (10 * FL_SEC)
#define CLIENTS_MAX 65536               /* power of two; beyond 3/4 of it new clients are keyed by ordinal */

struct line_conf *
line_conf_new(const char *name)
{
	struct line_conf *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->half_close = true;
	c->connect_timeout = CONNECT_TIMEOUT;
	return c;
}

int
line_conf_faults(struct line_conf *c, const struct fault_spec *specs, uint32_t count)
{
	struct fault_set *faults = spec_set_new(specs, count);
	struct http_fault_set *http = NULL;

	fl_assert(c->faults == NULL && c->http_faults == NULL);
	if (faults == NULL || http_fault_set_new(faults, &http) != 0) {
		spec_set_unref(faults);
		return -ENOMEM;
	}
	c->faults = faults;
	c->http_faults = http;
	return 0;
}

struct line_conf *
line_conf_ref(struct line_conf *c)
{
	unsigned before = atomic_fetch_add(&c->refs, 1);
	fl_assert(before > 0);
	return c;
}

void
line_conf_unref(struct line_conf *c)
{
	if (c == NULL || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	spec_set_unref(c->faults);
	http_fault_set_unref(c->http_faults);
	http_conf_unref(c->http);
	trace_conf_unref(c->trace);
	line_wire_unref(c->wire);
	free(c);
}

int
line_target_set(struct line_target *t, const char *text)
{
	t->addr.len = 0;
	t->host[0] = t->port[0] = '\0';
	if (strncmp(text, "unix:", 5) == 0)
		return addr_parse(text, &t->addr);
	/* ":80" means this host; to connect, not to listen, that is a look-up. */
	if (text[0] != ':' && addr_parse(text, &t->addr) == 0)
		return 0;
	if (addr_split(text, t->host, sizeof(t->host), t->port, sizeof(t->port)) < 0) {
		t->host[0] = t->port[0] = '\0';
		return -EINVAL;
	}
	if (t->host[0] == '\0')
		snprintf(t->host, sizeof(t->host), "localhost");
	return 0;
}

int
line_conf_upstream(struct line_conf *c, const char *text)
{
	struct line_target t;
	int r = line_target_set(&t, text);
	memcpy(c->host, t.host, sizeof(c->host));
	memcpy(c->port, t.port, sizeof(c->port));
	c->upstream = t.addr;
	return r;
}

/* ---- what surrounds the bytes ---- */

struct line_wire *
line_wire_new(void)
{
	struct line_wire *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	atomic_init(&w->refs, 1);
	w->greeting_timeout = GREETING_TIMEOUT;
	return w;
}

struct line_wire *
line_wire_ref(struct line_wire *w)
{
	if (w != NULL) {
		unsigned before = atomic_fetch_add(&w->refs, 1);
		fl_assert(before > 0);
	}
	return w;
}

void
line_wire_unref(struct line_wire *w)
{
	if (w == NULL || atomic_fetch_sub(&w->refs, 1) > 1)
		return;
	tls_ctx_unref(w->tls_server);
	tls_ctx_unref(w->tls_client);
	free(w->mem);
	free(w);
}

const struct line_target *
line_wire_route(const struct line_wire *w, const char *name)
{
	for (uint32_t i = 0; i < w->route_count; i++)
		for (uint32_t k = 0; k < w->routes[i].name_count; k++)
			if (client_hello_matches(w->routes[i].names[k], name))
				return &w->routes[i].target;
	return NULL;
}

const char *
line_close_name(enum line_close r)
{
	static const char *const names[] = {
#define LINE_CLOSE_ROW(id, word, is_error, text) word,
		LINE_CLOSE_REASONS(LINE_CLOSE_ROW)
#undef LINE_CLOSE_ROW
	};
	fl_assert(r < LINE_CLOSE_COUNT);
	return names[r];
}

const char *
line_close_text(enum line_close r)
{
	static const char *const texts[] = {
#define LINE_CLOSE_ROW(id, word, is_error, text) text,
		LINE_CLOSE_REASONS(LINE_CLOSE_ROW)
#undef LINE_CLOSE_ROW
	};
	fl_assert(r < LINE_CLOSE_COUNT);
	return texts[r];
}

bool
line_close_is_error(enum line_close r)
{
	static const bool errors[] = {
#define LINE_CLOSE_ROW(id, word, is_error, text) is_error,
		LINE_CLOSE_REASONS(LINE_CLOSE_ROW)
#undef LINE_CLOSE_ROW
	};
	fl_assert(r < LINE_CLOSE_COUNT);
	return errors[r];
}

/* ---- connections counted by client ---- */

struct client {
	uint8_t ip[16];
	uint64_t count;                 /* 0: free */
};
struct line_clients {
	uint32_t used;
	struct client table[CLIENTS_MAX];       /* open addressing; pages are touched as clients come */
};

int
line_clients_new(struct line_clients **ret_clients)
{
	*ret_clients = calloc(1, sizeof(**ret_clients));
	return *ret_clients == NULL ? -ENOMEM : 0;
}

void
line_clients_free(struct line_clients *c)
{
	free(c);
}

uint64_t
line_clients_key(struct line_clients *c, const struct io_addr *client, uint64_t ordinal)
{
	uint8_t ip[16];
	if (!addr_ip16(client, ip))
		return ordinal;
	uint64_t hash = hash_bytes(0, 0, ip, sizeof(ip));
	for (uint32_t i = (uint32_t)hash & (CLIENTS_MAX - 1);; i = (i + 1) & (CLIENTS_MAX - 1)) {
		struct client *at = &c->table[i];
		if (at->count == 0) {
			if (c->used >= CLIENTS_MAX / 4 * 3)
				return ordinal;
			memcpy(at->ip, ip, sizeof(ip));
			c->used++;
		} else if (memcmp(at->ip, ip, sizeof(ip)) != 0) {
			continue;
		}
		return rng_key(hash, ++at->count);
	}
}
