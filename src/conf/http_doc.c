/* SPDX-License-Identifier: MIT */
/* http_doc.c - an HTTP line as it stands in a file. */
#include "conf/http_doc.h"
#include "conf/http_ask.h"
#include "conf/http_doc_policies.h"
#include "conf/http_doc_routes.h"
#include "conf/http_doc_upstreams.h"
#include "conf/http_field.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEM_MAX (64u << 20)
#define DAY ((double)(86400 * FL_SEC))
#define REST "default"                  /* the route of what no other matches */

static const struct http_field limit_fields[] = {
	{ "head", HTTP_FIELD_BYTES, HTTP_FIELD_AT(struct http_limits, head_bytes_max), 1024, 1 << 20, NULL },
	{ "fields", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_limits, fields_max), 8, 1000, NULL },
	{ "body", HTTP_FIELD_BYTES, HTTP_FIELD_AT(struct http_limits, body_bytes_max), 0, 0x1p62, NULL },
	{ "requests", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_limits, requests_max), 0, 1e9, NULL },
	{ "head_timeout", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_limits, head_timeout), FL_MS, DAY, NULL },
	{ "idle_timeout", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_limits, idle_timeout), FL_MS, DAY, NULL },
	{ "body_timeout", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_limits, body_timeout), FL_MS, DAY, NULL },
	{ "half_closed", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_limits, half_closed), 0, DAY, NULL },
	HTTP_FIELD_END
};
static const struct http_field line_fields[] = {
	{ "forwarded", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_doc, forwarded), 0, 0, NULL },
	{ "server_timing", HTTP_FIELD_BOOL, HTTP_FIELD_AT(struct http_doc, server_timing), 0, 0, NULL },
	{ "via", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_doc, via), 0, 0, NULL },
	{ "record_share", HTTP_FIELD_SHARE16, HTTP_FIELD_AT(struct http_doc, record_share), 0, 1, NULL },
	HTTP_FIELD_END
};
static const struct http_field log_fields[] = {
	{ "path", HTTP_FIELD_TEXT, HTTP_FIELD_AT(struct http_doc, log_path), 0, 0, NULL },
	{ "share", HTTP_FIELD_SHARE16, HTTP_FIELD_AT(struct http_doc, log_share), 0, 1, NULL },
	HTTP_FIELD_END
};

/* One reading. */
struct reader {
	struct http_doc *h;
	struct doc_diag *d;
	struct http_doc_policies_env env;
	bool spent;                     /* memory ran out */
};

static const struct doc_node *
said(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind != DOC_NULL ? n : NULL;
}

bool
http_doc_is(const struct doc_node *line, struct doc_diag *d)
{
	static const char *const words[] = { "tcp", "http", NULL };
	const struct doc_node *n = said(line, "protocol");

	return n != NULL && doc_choice(d, n, words) == 1;
}

static void
init(struct http_doc *h, const char *name)
{
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->limits = (struct http_limits){ .head_bytes_max = 65536, .fields_max = 100, .head_timeout = 10 * FL_SEC, .idle_timeout = 60 * FL_SEC,
		.body_timeout = 30 * FL_SEC, .half_closed = FL_SEC };
	h->record_share = 65536;
	h->log_share = 65536;
	http_doc_policies_init(&h->policies, name);
}

/* Room for another cluster, a copy of an earlier one under a new name. */
static struct http_ask_upstreams *
add_upstreams(struct http_doc *h, const struct http_ask_upstreams *like, const char *owner, const char *suffix)
{
	struct http_ask_upstreams *u = &h->upstreams[h->upstreams_count++];

	if (like != NULL)
		*u = *like;
	else
		http_doc_upstreams_init(u);
	snprintf(u->name, sizeof(u->name), "%s%s", owner, suffix);
	return u;
}

/* ---- policies ---- */

static void
read_policies(struct reader *r, const struct doc_node *n, struct http_ask_policies *p)
{
	const struct doc_node *fallback = NULL;
	struct http_ask_upstreams *u;

	if (n == NULL)
		return;
	if (!http_doc_policies_read(n, &r->env, p, &fallback))
		r->spent = true;
	if (fallback == NULL)
		return;
	u = add_upstreams(r->h, &r->h->upstreams[0], p->name, " fallback");
	u->breaker.on = u->outlier.on = u->health.on = false;
	p->fallback.upstreams = (int)(u - r->h->upstreams);
	if (!http_doc_upstreams_read(fallback, true, &r->h->mem, r->d, u))
		r->spent = true;
}

/* Breakers of instances stand with the instances. */
static void
place_breaker(struct reader *r, const struct doc_node *policies, struct http_ask_policies *p, struct http_ask_upstreams *u, bool shared)
{
	const struct doc_node *n = doc_get(policies, "breaker");

	u->connect_timeout = p->timeouts.connect > 0 ? p->timeouts.connect : u->connect_timeout;
	if (shared && http_doc_policies_same_breaker(&p->breaker, &u->breaker)) {
		p->breaker.own = false;
	} else if (shared && p->breaker.own && n != NULL) {
		if (!p->breaker.on && u->breaker.on)
			doc_complain(r->d, n, "found breaker: false, but the breakers of the line's instances hold for all routes; "
			    "expected upstreams of the route's own beside it");
		else if (p->breaker.on && p->breaker.per == HTTP_ASK_PER_INSTANCE && doc_get(n, "per") != NULL)
			doc_complain(r->d, doc_get(n, "per"), "found per: instance on a route that shares the line's instances, "
			    "expected per: route, or upstreams of its own");
		p->breaker.per = HTTP_ASK_PER_ROUTE;
	} else if (!shared && p->breaker.on && p->breaker.per == HTTP_ASK_PER_INSTANCE) {
		u->breaker = p->breaker;
	}
}

/* ---- routes ---- */

static void
read_route(struct reader *r, const struct doc_node *n, uint32_t i)
{
	struct http_doc *h = r->h;
	struct http_ask_route *route = &h->routes[i];
	const char *known[32] = { "name", "match", "policies" };
	char name[HTTP_NAME_MAX * 2];
	bool shared = !http_doc_upstreams_said(n);

	for (size_t k = 0; http_doc_upstreams_keys[k] != NULL; k++)
		known[3 + k] = http_doc_upstreams_keys[k];
	if (!doc_expect(r->d, n, DOC_MAP, "a route: a map with name and match"))
		return;
	route->at = (struct http_ask_mark){ n->line, n->column };
	doc_keys(r->d, n, known);
	http_doc_routes_name(n, i, r->d, h->routes);
	http_doc_routes_match(doc_get(n, "match"), r->d, route);
	snprintf(name, sizeof(name), "%s/%s", h->name, route->name);
	route->policies = h->policies;
	http_doc_policies_inherit(&route->policies, name);
	read_policies(r, said(n, "policies"), &route->policies);
	if (!shared) {
		struct http_ask_upstreams *u = add_upstreams(h, &h->upstreams[0], name, "");

		u->breaker.on = false;
		route->upstreams = (unsigned)(u - h->upstreams);
		if (!http_doc_upstreams_read(n, false, &h->mem, r->d, u))
			r->spent = true;
	}
	place_breaker(r, doc_get(n, "policies"), &route->policies, &h->upstreams[route->upstreams], shared);
}

static void
add_rest(struct http_doc *h)
{
	struct http_ask_route *route = &h->routes[h->route_count++];

	snprintf(route->name, sizeof(route->name), REST);
	route->policies = h->policies;
	http_doc_policies_inherit(&route->policies, h->name);
}

static void
read_routes(struct reader *r, const struct doc_node *line)
{
	const struct doc_node *n = said(line, "routes");
	struct http_doc *h = r->h;
	uint32_t count = n != NULL && n->kind == DOC_LIST ? n->count : 0;

	if (n != NULL && doc_expect(r->d, n, DOC_LIST, "a list of routes") && count > HTTP_ASK_ROUTES_MAX) {
		doc_complain(r->d, n, "found %u routes, expected at most %u", count, HTTP_ASK_ROUTES_MAX);
		count = 0;
	}
	h->routes = arena_alloc(&h->mem, (count + 1) * sizeof(*h->routes));
	if (h->routes == NULL) {
		r->spent = true;
		return;
	}
	for (uint32_t i = 0; i < count && !r->spent; i++) {
		read_route(r, n->items[i], i);
		h->route_count++;
		if (http_doc_routes_any(&h->routes[i]) && i + 1 < count)
			doc_complain(r->d, n->items[i], "found a route that matches everything before others, expected it to be the last");
		else if (strcmp(h->routes[i].name, REST) == 0 && !http_doc_routes_any(&h->routes[i]))
			doc_complain(r->d, n->items[i], "found the name \"" REST "\" with a match, expected it for the route of all the rest");
	}
	if (h->route_count == 0 || !http_doc_routes_any(&h->routes[h->route_count - 1]))
		add_rest(h);
}

/* ---- the line ---- */

static void
read_keys(struct reader *r, const struct doc_node *line, const char *const *extra)
{
	static const char *const own[] = { "protocol", "limits", "access_log", "policies", "routes", "trace", NULL };
	const char *known[HTTP_FIELDS_MAX] = { NULL };
	size_t count = 0;

	for (size_t i = 0; own[i] != NULL; i++)
		known[count++] = own[i];
	for (size_t i = 0; http_doc_upstreams_keys[i] != NULL; i++)
		known[count++] = http_doc_upstreams_keys[i];
	for (size_t i = 0; extra != NULL && extra[i] != NULL && count < HTTP_FIELDS_MAX - 8; i++)
		known[count++] = extra[i];
	http_field_read(line, line_fields, known, r->d, r->h);
	if (r->h->via[strcspn(r->h->via, "\r\n")] != '\0')
		doc_unexpected(r->d, doc_get(line, "via"), "a name on one line");
}

/* A path that is not absolute begins beside the file that says it. */
static void
place_log(struct reader *r, const struct doc_node *n)
{
	const char *slash = strrchr(r->env.beside, '/');
	char path[sizeof(r->h->log_path)];
	int used;

	if (r->h->log_path[0] == '/' || slash == NULL)
		return;
	used = snprintf(path, sizeof(path), "%.*s%s", (int)(slash - r->env.beside + 1), r->env.beside, r->h->log_path);
	if (used < 0 || (size_t)used >= sizeof(path))
		doc_complain(r->d, n, "found a path that is too long, expected at most %zu bytes", sizeof(path) - 1);
	else
		memcpy(r->h->log_path, path, (size_t)used + 1);
}

static void
read_log(struct reader *r, const struct doc_node *n)
{
	if (n->kind == DOC_SCALAR)
		http_field_value(n, &log_fields[0], r->d, r->h);
	else if (doc_expect(r->d, n, DOC_MAP, "the path of a file, or a map such as {path: access.jsonl, share: 1%}") &&
	    http_field_read(n, log_fields, NULL, r->d, r->h) && r->h->log_path[0] == '\0')
		doc_complain(r->d, n, "found an access log without path, expected one such as path: access.jsonl");
	if (r->env.beside == NULL)
		doc_complain(r->d, n, "found an access log, expected none: only the configuration file may name files");
	else
		place_log(r, n);
}

static size_t
clusters_max(const struct doc_node *line)
{
	const struct doc_node *routes = doc_get(line, "routes");

	return 2 + (routes != NULL && routes->kind == DOC_LIST ? FL_MIN(routes->count, HTTP_ASK_ROUTES_MAX) * 2 : 0);
}

static int
read_line(struct reader *r, const struct doc_node *line, const char *const *extra)
{
	struct http_doc *h = r->h;
	const struct doc_node *n;

	h->upstreams = arena_alloc(&h->mem, clusters_max(line) * sizeof(*h->upstreams));
	if (h->upstreams == NULL)
		return -ENOMEM;
	read_keys(r, line, extra);
	if ((n = said(line, "limits")) != NULL && doc_expect(r->d, n, DOC_MAP, "a map of limits such as {head: 64KB}"))
		http_field_read(n, limit_fields, NULL, r->d, &h->limits);
	trace_doc_read(said(line, "trace"), true, r->d, &h->trace);
	if ((n = said(line, "access_log")) != NULL)
		read_log(r, n);
	add_upstreams(h, NULL, h->name, "");
	if (!http_doc_upstreams_read(line, true, &h->mem, r->d, &h->upstreams[0]))
		return -ENOMEM;
	read_policies(r, said(line, "policies"), &h->policies);
	place_breaker(r, doc_get(line, "policies"), &h->policies, &h->upstreams[0], false);
	read_routes(r, line);
	return r->spent ? -ENOMEM : 0;
}

int
http_doc_parse(const struct doc_node *line, const char *name, const char *const *extra, const char *beside, struct doc_diag *d,
    struct http_doc **ret_doc)
{
	struct http_doc *h;
	struct reader r = { .d = d };
	unsigned before = d->count;
	int rc;

	if (!doc_expect(d, line, DOC_MAP, "a map with protocol: http and upstream"))
		return -EINVAL;
	if (name[0] == '\0' || strlen(name) >= HTTP_NAME_MAX) {
		doc_complain(d, line, "found a name of %zu bytes, expected 1 to %d for an HTTP line", strlen(name), HTTP_NAME_MAX - 1);
		return -EINVAL;
	}
	h = calloc(1, sizeof(*h));
	if (h == NULL)
		return -ENOMEM;
	h->refs = 1;
	arena_init(&h->mem, MEM_MAX);
	init(h, name);
	r.h = h;
	r.env = (struct http_doc_policies_env){ .mem = &h->mem, .d = d, .beside = beside };
	rc = read_line(&r, line, extra);
	if (rc == 0 && d->count != before)
		rc = -EINVAL;
	if (rc != 0) {
		http_doc_free(h);
		return rc;
	}
	*ret_doc = h;
	return 0;
}

int
http_doc_read(const struct doc_node *line, const char *name, const char *const *extra, const struct http_doc_env *env, struct doc_diag *d,
    struct http_conf **ret_conf)
{
	struct http_doc *h;
	int rc = http_doc_parse(line, name, extra, d->name, d, &h);

	if (rc != 0)
		return rc;
	rc = http_doc_build(h, env, ret_conf);
	http_doc_free(h);
	return rc;
}

void
http_doc_free(struct http_doc *h)
{
	if (h == NULL || --h->refs > 0)
		return;
	arena_fini(&h->mem);
	free(h);
}

struct http_doc *
http_doc_ref(struct http_doc *h)
{
	h->refs++;
	return h;
}

/* ---- as JSON ---- */

static void
put_routes(struct jsonw *w, const struct http_doc *h)
{
	jsonw_key(w, "routes");
	jsonw_array(w);
	for (unsigned i = 0; i < h->route_count; i++) {
		const struct http_ask_route *r = &h->routes[i];

		jsonw_object(w);
		jsonw_str(w, "name", r->name);
		jsonw_key(w, "match");
		http_doc_routes_json(w, r);
		if (r->upstreams > 0)
			http_doc_upstreams_json(w, &h->upstreams[r->upstreams]);
		jsonw_key(w, "policies");
		jsonw_object(w);
		http_doc_policies_json(w, &r->policies);
		jsonw_end(w);
		jsonw_end(w);
	}
	jsonw_end(w);
}

void
http_doc_json(struct jsonw *w, const struct http_doc *h)
{
	jsonw_str(w, "protocol", "http");
	http_doc_upstreams_json(w, &h->upstreams[0]);
	jsonw_key(w, "limits");
	jsonw_object(w);
	http_field_json(w, limit_fields, &h->limits);
	jsonw_end(w);
	http_field_json(w, line_fields, h);
	jsonw_key(w, "trace");
	trace_doc_json(w, &h->trace, true);
	jsonw_key(w, "access_log");
	if (h->log_path[0] != '\0') {
		jsonw_object(w);
		http_field_json(w, log_fields, h);
		jsonw_end(w);
	} else {
		jsonw_null(w);
	}
	jsonw_key(w, "policies");
	jsonw_object(w);
	http_doc_policies_json(w, &h->policies);
	jsonw_end(w);
	put_routes(w, h);
}
