/* SPDX-License-Identifier: MIT */
/*
 * toxiproxy_api.c - the routes of Toxiproxy's HTTP API.
 *
 * Where the body of a request on an existing proxy holds `toxics`: PATCH makes the proxy's toxics those; POST passes it over,
 * because Toxiproxy's own clients send back with it what they once read.
 */
#include "control/toxiproxy_api.h"
#include "base/version.h"
#include "control/line_body.h"
#include "control/line_doc.h"
#include "control/line_json.h"
#include "control/metrics.h"
#include "control/openmetrics.h"
#include "conf/http_doc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One request on its way through a route. */
struct call {
	struct api_env *env;
	const struct api_request *q;
	struct api_reply *r;
	struct lines_line *line;        /* of the path, where there is one */
	struct lines_toxic *toxic;
	struct lines_error e;
	struct jsonw w;
};

typedef int route_fn(struct call *c);

/* ---- proxies ---- */

static int
proxy_index(struct call *c)
{
	struct map_entry **sorted = map_sorted(&c->env->lines->by_name);

	jsonw_object(&c->w);
	for (uint32_t i = 0; sorted != NULL && i < c->env->lines->by_name.count; i++) {
		const struct lines_line *l = sorted[i]->value;

		jsonw_key(&c->w, l->name);
		line_json_line(&c->w, l);
	}
	jsonw_end(&c->w);
	free(sorted);
	api_env_json(c->r, 200);
	return 0;
}

static int
show_line(struct call *c, const struct lines_line *l, unsigned status)
{
	line_json_line(&c->w, l);
	api_env_json(c->r, status);
	return 0;
}

static int
proxy_create(struct call *c)
{
	struct lines_ask ask;
	struct lines_line *l;
	struct doc *doc;
	int rc = api_env_body(c->q, &c->e, &doc);

	if (rc != 0)
		return rc;
	line_body_init(&ask);
	rc = line_body_line(doc->root, "Proxy", "toxiproxy.Proxy", &ask, &c->e);
	if (rc == 0 && ask.name[0] == '\0')
		rc = lines_refuse(&c->e, EINVAL, 400, "missing required field: name");
	if (rc == 0 && ask.upstream[0] == '\0')
		rc = lines_refuse(&c->e, EINVAL, 400, "missing required field: upstream");
	if (rc == 0)
		rc = lines_create(c->env->lines, &ask, &c->e, &l);
	line_body_free(&ask);
	doc_free(doc);
	return rc == 0 ? show_line(c, l, 201) : rc;
}

static int
proxy_show(struct call *c)
{
	return show_line(c, c->line, 200);
}

/* An HTTP line stays one; another upstream than was shown is its only instance from now on. */
static int
keep_http(struct call *c, struct lines_ask *ask)
{
	const struct lines_line *l = c->line;
	struct doc_diag d;
	int rc = 0;

	if (l->http == NULL)
		return 0;
	ask->http = http_doc_ref(l->http);
	ask->source = strdup(l->source);
	if (ask->source == NULL)
		return lines_refuse(&c->e, ENOMEM, 503, "out of memory");
	if (strcmp(ask->upstream, l->upstream) == 0)
		return 0;
	doc_diag_init(&d, NULL);
	rc = line_doc_lead(ask->upstream, &d, ask);
	if (rc != 0)
		lines_refuse(&c->e, -rc, 400, "bad request body: upstream: %.400s", rc == -ENOMEM ? "out of memory" : buf_str(&d.text));
	doc_diag_fini(&d);
	return rc;
}

static int
proxy_update(struct call *c)
{
	const struct lines_line *l = c->line;
	struct lines_ask ask = { .name = l->name, .listen = l->listen, .upstream = l->upstream, .origin = l->origin, .enabled = l->enabled,
		.half_close = l->half_close, .key = l->key, .connect_timeout = l->connect_timeout };
	char listen[LINES_ADDRESS_MAX], upstream[LINES_ADDRESS_MAX];
	struct doc *doc;
	int rc = api_env_body(c->q, &c->e, &doc);

	if (rc != 0)
		return rc;
	memcpy(listen, l->listen, sizeof(listen));
	memcpy(upstream, l->upstream, sizeof(upstream));
	ask.listen = listen;
	ask.upstream = upstream;
	rc = line_body_line(doc->root, "Proxy", "toxiproxy.Proxy", &ask, &c->e);
	ask.name = l->name;
	ask.has_toxics = ask.has_toxics && api_env_is(c->q, "PATCH");
	if (rc == 0)
		rc = keep_http(c, &ask);
	if (rc == 0)
		rc = lines_update(c->env->lines, c->line, &ask, &c->e);
	line_body_free(&ask);
	doc_free(doc);
	return rc == 0 ? show_line(c, c->line, 200) : rc;
}

static int
proxy_delete(struct call *c)
{
	lines_delete(c->env->lines, c->line);
	api_env_empty(c->r, 204);
	return 0;
}

static int
reset(struct call *c)
{
	int rc = lines_reset(c->env->lines, &c->e);

	if (rc == 0)
		api_env_empty(c->r, 204);
	return rc;
}

/* ---- populate ---- */

/* ret_lines: malloc'ed, NULL when nothing was done. */
static int
populate_list(struct lines *t, const struct doc_node *n, struct lines_error *e, struct lines_line ***ret_lines, uint32_t *ret_done)
{
	struct lines_line **lines;
	struct lines_ask *asks;
	uint32_t count, done = 0;
	int rc = line_body_list(n, &asks, &count, e);

	if (rc != 0)
		return rc;
	lines = calloc(count + 1, sizeof(struct lines_line *));
	rc = lines != NULL ? lines_populate(t, asks, count, e, lines, &done) : lines_refuse(e, ENOMEM, 503, "out of memory");
	line_body_list_free(asks, count);
	*ret_lines = lines;
	*ret_done = done;
	return rc;
}

static int
populate(struct call *c)
{
	struct lines_line **lines = NULL;
	uint32_t done = 0;
	struct doc *doc;
	int rc = api_env_body(c->q, &c->e, &doc);

	if (rc == 0) {
		rc = populate_list(c->env->lines, doc->root, &c->e, &lines, &done);
		doc_free(doc);
	}
	if (rc == -EINPROGRESS) {
		free(lines);
		return rc;
	}
	jsonw_object(&c->w);
	if (rc != 0) {
		jsonw_str(&c->w, "error", c->e.text);
		jsonw_num(&c->w, "status", c->e.status);
	}
	jsonw_key(&c->w, "proxies");
	if (done == 0)
		jsonw_null(&c->w);
	else
		jsonw_array(&c->w);
	for (uint32_t i = 0; i < done; i++)
		line_json_line(&c->w, lines[i]);
	if (done != 0)
		jsonw_end(&c->w);
	jsonw_end(&c->w);
	free(lines);
	api_env_json(c->r, rc == 0 ? 201 : c->e.status);
	return 0;
}

/* ---- toxics ---- */

static int
toxic_index(struct call *c)
{
	line_json_toxics(&c->w, c->line);
	api_env_json(c->r, 200);
	return 0;
}

static int
toxic_show(struct call *c)
{
	line_json_toxic(&c->w, &c->toxic->spec);
	api_env_json(c->r, 200);
	return 0;
}

static int
toxic_create(struct call *c)
{
	struct fault_spec spec;
	struct doc *doc;
	int rc = api_env_body(c->q, &c->e, &doc);

	if (rc != 0)
		return rc;
	rc = line_body_toxic(doc->root, c->line, &spec, &c->e);
	doc_free(doc);
	if (rc != 0)
		return rc;
	rc = lines_toxic_add(c->env->lines, c->line, &spec, &c->e, &c->toxic);
	spec_samples_unref(spec.samples);
	return rc == 0 ? toxic_show(c) : rc;
}

static int
toxic_update(struct call *c)
{
	struct fault_spec spec = c->toxic->spec;
	const struct spec_samples *before = spec.samples;
	bool lease;
	struct doc *doc;
	int rc = api_env_body(c->q, &c->e, &doc);

	if (rc != 0)
		return rc;
	rc = line_body_toxic_update(doc->root, &spec, &lease, &c->e);
	doc_free(doc);
	if (rc != 0)
		return rc;
	rc = lines_toxic_set(c->env->lines, c->toxic, &spec, lease, &c->e);
	if (spec.samples != before)
		spec_samples_unref(spec.samples);
	return rc == 0 ? toxic_show(c) : rc;
}

static int
toxic_delete(struct call *c)
{
	lines_toxic_remove(c->env->lines, c->toxic);
	api_env_empty(c->r, 204);
	return 0;
}

/* ---- the rest ---- */

static int
version(struct call *c)
{
	buf_puts(&c->r->body, "{\"version\": \"" VERSION_TOXIPROXY "\"}\n");
	c->r->status = 200;
	c->r->content_type = "application/json;charset=utf-8";
	return 0;
}

static int
metrics(struct call *c)
{
	bool open = openmetrics_wanted(http1_field(c->q->http, "Accept"));

	metrics_write(c->env, open, &c->r->body);
	c->r->status = 200;
	c->r->content_type = open ? OPENMETRICS_TYPE_OPEN : OPENMETRICS_TYPE_TEXT;
	return 0;
}

/* A word of a path: itself, or a name to be looked up. */
#define LINE "{proxy}"
#define TOXIC "{toxic}"

static const struct route {
	const char *segments[4];
	const char *methods;            /* " GET ", NULL: any */
	route_fn *run;
} routes[] = {
	{ { "version" }, " GET ", version },
	{ { "proxies" }, " GET ", proxy_index },
	{ { "proxies" }, " POST ", proxy_create },
	{ { "proxies", LINE }, " GET ", proxy_show },
	{ { "proxies", LINE }, " POST PATCH ", proxy_update },
	{ { "proxies", LINE }, " DELETE ", proxy_delete },
	{ { "proxies", LINE, "toxics" }, " GET ", toxic_index },
	{ { "proxies", LINE, "toxics" }, " POST ", toxic_create },
	{ { "proxies", LINE, "toxics", TOXIC }, " GET ", toxic_show },
	{ { "proxies", LINE, "toxics", TOXIC }, " POST PATCH ", toxic_update },
	{ { "proxies", LINE, "toxics", TOXIC }, " DELETE ", toxic_delete },
	{ { "reset" }, " POST ", reset },
	{ { "populate" }, " POST ", populate },
	{ { "metrics" }, NULL, metrics },
};

static bool
path_matches(const struct route *route, const struct url_path *p)
{
	for (unsigned i = 0; i < FL_ARRAY_LEN(route->segments); i++) {
		const char *want = route->segments[i];

		if (want == NULL)
			return p->count == i;
		if (i >= p->count)
			return false;
		if (want[0] == '{' ? p->segments[i][0] == '\0' : strcmp(want, p->segments[i]) != 0)
			return false;
	}
	return p->count == FL_ARRAY_LEN(route->segments);
}

static bool
method_matches(const struct route *route, const char *method)
{
	size_t n = strlen(method);
	const char *at;

	if (route->methods == NULL)
		return true;
	for (at = strstr(route->methods, method); at != NULL; at = strstr(at + 1, method)) {
		if (at[-1] == ' ' && at[n] == ' ')
			return true;
	}
	return false;
}

/* 20 characters that sort by time, as Toxiproxy's: 4 bytes of time, then the count of requests. */
static void
put_request_id(struct call *c)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	uint64_t n = ++c->env->requests, seed = c->env->lines->seed;
	uint32_t now = (uint32_t)time(NULL);
	uint8_t raw[13] = { (uint8_t)(now >> 24), (uint8_t)(now >> 16), (uint8_t)(now >> 8), (uint8_t)now, (uint8_t)(seed >>
	    16), (uint8_t)(seed >> 8),
		(uint8_t)seed, (uint8_t)(n >> 32), (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	char id[21] = "";

	for (unsigned i = 0; i < 20; i++) {
		unsigned bit = i * 5, at = bit / 8;
		unsigned pair = (unsigned)raw[at] << 8 | raw[at + 1];

		id[i] = digits[pair >> (11 - bit % 8) & 31];
	}
	buf_printf(&c->r->headers, "X-Toxiproxy-Request-Id: %s\r\n", id);
}

/* Look up what the path names. 0 or -ENOENT. */
static int
look_up(struct call *c, const struct route *route)
{
	const struct url_path *p = c->q->path;

	if (route->segments[1] == NULL)
		return 0;
	c->line = lines_find(c->env->lines, p->segments[1]);
	if (c->line == NULL)
		return lines_refuse(&c->e, ENOENT, 404, "proxy not found");
	if (route->segments[2] == NULL || route->segments[3] == NULL)
		return 0;
	c->toxic = lines_toxic_find(c->line, p->segments[3]);
	if (c->toxic == NULL)
		return lines_refuse(&c->e, ENOENT, 404, "toxic not found");
	return 0;
}

static int
run(struct call *c, const struct route *route)
{
	int rc = look_up(c, route);

	jsonw_init(&c->w, &c->r->body);
	if (rc == 0)
		rc = route->run(c);
	if (rc == -EINPROGRESS)
		return rc;
	if (rc != 0)
		api_env_error(c->r, c->e.status, c->e.text);
	put_request_id(c);
	return 0;
}

int
toxiproxy_api_route(struct api_env *env, const struct api_request *q, struct api_reply *r)
{
	struct call c = { .env = env, .q = q, .r = r };
	bool known = false;

	for (size_t i = 0; i < FL_ARRAY_LEN(routes); i++) {
		if (routes[i].run == metrics && !metrics_are_on(env))
			continue;
		if (!path_matches(&routes[i], q->path))
			continue;
		known = true;
		if (method_matches(&routes[i], q->http->method))
			return run(&c, &routes[i]);
	}
	if (!known)
		return 1;
	api_env_empty(r, 405);
	return 0;
}
