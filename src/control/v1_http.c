/* SPDX-License-Identifier: MIT */
/*
 * v1_http.c - lines made and changed through /v1, in the words of faultline.yaml.
 *
 * A body is read whole and checked whole; what is wrong is told with its line and column in the body, and nothing changes.
 */
#include "control/v1_http.h"
#include "control/http_set.h"
#include "control/line_body.h"
#include "control/line_doc.h"
#include "control/line_json.h"
#include "proto/json.h"
#include "conf/http_ask.h"
#include "conf/http_doc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A body, the trees it is laid over, and what comes of them. */
struct change {
	struct doc *body, *source;
	struct arena mem;
	struct doc_diag d;
	struct lines_ask ask;
	char listen[LINES_ADDRESS_MAX];
};

static void
change_fini(struct change *x)
{
	line_body_free(&x->ask);
	arena_fini(&x->mem);
	doc_diag_fini(&x->d);
	doc_free(x->body);
	doc_free(x->source);
}

/* false: it was answered. */
static bool
change_init(struct v1_call *c, struct change *x)
{
	struct lines_error e;
	int rc;

	*x = (struct change){ .body = NULL };
	arena_init(&x->mem, DOC_BYTES_MAX);
	doc_diag_init(&x->d, "body");
	line_body_init(&x->ask);
	rc = api_env_body(c->q, &e, &x->body);
	if (rc == 0 && x->body->root->kind != DOC_MAP)
		rc = lines_refuse(&e, EINVAL, 400, "bad request body: found %s, expected an object", line_body_kind(x->body->root));
	if (rc == 0)
		return true;
	api_env_error_json(c->r, e.status, e.text);
	change_fini(x);
	return false;
}

/* Answer with what is wrong with the body. */
static void
wrong(struct v1_call *c, struct change *x)
{
	if (x->d.count > 0)
		api_env_error_json(c->r, 400, buf_str(&x->d.text));
	else
		api_env_error_json(c->r, 503, "out of memory");
}

static void
show(struct v1_call *c, const struct lines_line *l, unsigned status)
{
	line_json_line(&c->w, l);
	api_env_json(c->r, status);
}

/* ---- make and delete ---- */

void
v1_http_create(struct v1_call *c)
{
	static const struct doc_node nobody = { .kind = DOC_SCALAR, .text = "" };
	const struct doc_node *name;
	struct lines_line *l;
	struct lines_error e;
	struct change x;
	int rc;

	if (!change_init(c, &x))
		return;
	name = doc_get(x.body->root, "name");
	if (name == NULL || name->kind != DOC_SCALAR)
		doc_complain(&x.d, x.body->root, "found no name, expected one such as \"name\": \"cart\"");
	line_doc_read(x.body->root, name != NULL ? name : &nobody, NULL, &x.d, &x.ask);
	if (x.d.count > 0) {
		wrong(c, &x);
	} else {
		rc = lines_create(c->env->lines, &x.ask, &e, &l);
		if (rc != 0)
			v1_call_refused(c, rc, &e);
		else
			show(c, l, 201);
	}
	change_fini(&x);
}

void
v1_http_delete(struct v1_call *c)
{
	lines_delete(c->env->lines, c->line);
	api_env_empty(c->r, 204);
}

/* ---- change ---- */

/* Lay a patch over what was said of the line, and make the line that. */
static void
apply(struct v1_call *c, struct change *x, const struct doc_node *patch)
{
	const struct lines_line *l = c->line;
	struct lines_error e;
	int rc = patch != NULL ? line_doc_again(x->source->root, patch, &x->mem, &x->d, &x->ask) : -ENOMEM;

	if (rc != 0 || x->d.count > 0) {
		wrong(c, x);
		return;
	}
	x->ask.origin = l->origin;
	rc = lines_update(c->env->lines, c->line, &x->ask, &e);
	if (rc != 0)
		v1_call_refused(c, rc, &e);
	else
		show(c, c->line, 200);
}

/* The line as it is, to be changed. false: it was answered. */
static bool
begin(struct v1_call *c, struct change *x)
{
	char error[JSON_ERROR_MAX];
	const struct lines_line *l = c->line;

	if (l->http == NULL) {
		api_env_error_json(c->r, 409, "this is a TCP line: PATCH /proxies/NAME changes it");
		return false;
	}
	if (!change_init(c, x))
		return false;
	memcpy(x->listen, l->listen, sizeof(x->listen));
	x->ask.name = l->name;
	x->ask.listen = x->listen;
	x->ask.enabled = l->enabled;
	x->ask.half_close = l->half_close;
	x->ask.key = l->key;
	x->ask.connect_timeout = l->connect_timeout;
	if (json_parse(l->source, strlen(l->source), error, &x->source) == 0)
		return true;
	api_env_error_json(c->r, 503, error);
	change_fini(x);
	return false;
}

void
v1_http_patch(struct v1_call *c)
{
	struct change x;

	if (!begin(c, &x))
		return;
	line_doc_place(x.body->root, &x.d, &x.ask);
	apply(c, &x, x.body->root);
	change_fini(&x);
}

static bool
has_route(const struct http_doc *h, const char *name)
{
	for (unsigned i = 0; i < h->route_count; i++) {
		if (strcmp(h->routes[i].name, name) == 0)
			return true;
	}
	return false;
}

void
v1_http_policies(struct v1_call *c)
{
	struct change x;
	char route[HTTP_NAME_MAX];
	bool one = v1_call_text(c->q, "route", route, sizeof(route));

	if (!begin(c, &x))
		return;
	if (one && !has_route(c->line->http, route)) {
		api_env_error_json(c->r, 404, "route not found");
		change_fini(&x);
		return;
	}
	apply(c, &x, line_doc_policies_patch(x.source->root, one ? route : NULL, x.body->root, &x.mem));
	change_fini(&x);
}

/* ---- look ---- */

void
v1_http_explain(struct v1_call *c)
{
	uint64_t width = v1_call_number(c->q, "width", 1000, 1000);
	struct http_cost_set set;
	char name[HTTP_NAME_MAX];
	int line, route = -1;

	if (c->line->http == NULL) {
		api_env_error_json(c->r, 409, "this is a TCP line: it has no policies");
		return;
	}
	if (http_set_of_lines(c->env->lines, &set) != 0) {
		api_env_error_json(c->r, 503, "out of memory");
		return;
	}
	line = http_set_find(&set, c->line->name);
	if (v1_call_text(c->q, "route", name, sizeof(name)) && (route = http_set_route(&set, (unsigned)line, name)) < 0) {
		api_env_error_json(c->r, 404, "route not found");
	} else {
		http_set_explain(&set, (unsigned)line, route, width < 1000 ? (int)width : -1, &c->w);
		api_env_json(c->r, 200);
	}
	http_set_fini(&set);
}
