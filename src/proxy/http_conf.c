/* SPDX-License-Identifier: MIT */
/* http_conf.c - life of HTTP lines' configurations. */
#include "proxy/http_conf.h"
#include "proxy/cluster.h"
#include "proxy/trace_conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_conf *
http_conf_new(unsigned routes)
{
	struct http_conf *c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	atomic_init(&c->refs, 1);
	c->routes = calloc(routes, sizeof(*c->routes));
	if (c->routes == NULL) {
		free(c);
		return NULL;
	}
	c->limits = (struct http_limits){ .head_bytes_max = 65536, .fields_max = 100, .head_timeout = 10 * FL_SEC,
		.idle_timeout = 60 * FL_SEC, .body_timeout = 30 * FL_SEC, .half_closed = FL_SEC };
	c->trace = true;
	c->record_share = 65536;
	return c;
}

struct http_conf *
http_conf_ref(struct http_conf *c)
{
	if (c != NULL)
		atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void
http_conf_unref(struct http_conf *c)
{
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
		return;
	for (unsigned i = 0; i < c->route_count; i++) {
		http_policies_unref(c->routes[i].policies);
		cluster_unref(c->routes[i].cluster);
		http_stats_unref(c->routes[i].stats);
	}
	trace_conf_unref(c->record);
	free(c->routes);
	free(c);
}

struct http_policies *
http_policies_new(const char *name)
{
	struct http_policies *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	atomic_init(&p->refs, 1);
	snprintf(p->name, sizeof(p->name), "%s", name);
	fl_plan_init(&p->plan);
	p->plan.name = p->name;
	p->replay_bytes_max = 65536;
	p->pass_deadline = true;
	p->refuse_status = 503;
	return p;
}

struct http_policies *
http_policies_ref(struct http_policies *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

void
http_policies_unref(struct http_policies *p)
{
	if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (p->release != NULL)
		p->release(p);
	http_canned_unref(p->canned);
	cluster_unref(p->fallback_cluster);
	free(p);
}

/* Copy n bytes and a NUL behind what is there; returns where. */
static const char *
put(char **at, const char *p, size_t n)
{
	char *to = *at;
	memcpy(to, p, n);
	to[n] = '\0';
	*at += n + 1;
	return to;
}

struct http_canned *
http_canned_new(unsigned status, const char *const *names, const char *const *values, unsigned header_count, const char *body,
    size_t body_bytes)
{
	size_t n = body_bytes + 1;
	struct http_canned *c;
	header_count = FL_MIN(header_count, FL_ARRAY_LEN(c->names));
	for (unsigned i = 0; i < header_count; i++)
		n += strlen(names[i]) + strlen(values[i]) + 2;
	c = calloc(1, sizeof(*c) + n);
	if (c == NULL)
		return NULL;
	char *at = c->text;
	atomic_init(&c->refs, 1);
	c->status = (uint16_t)status;
	c->header_count = header_count;
	for (unsigned i = 0; i < header_count; i++) {
		c->names[i] = put(&at, names[i], strlen(names[i]));
		c->values[i] = put(&at, values[i], strlen(values[i]));
	}
	c->body = put(&at, body_bytes > 0 ? body : "", body_bytes);
	c->body_bytes = body_bytes;
	return c;
}

void
http_canned_unref(struct http_canned *c)
{
	if (c != NULL && atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
		free(c);
}
