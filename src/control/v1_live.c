/* SPDX-License-Identifier: MIT */
/* v1_live.c - what HTTP lines do as they run. */
#include "control/v1_live.h"
#include "control/call_tail.h"
#include "control/http_live.h"
#include "control/http_view.h"
#include "control/news_tail.h"
#include "io/io.h"
#include "conf/http_doc.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_SHOWN 10u
#define CHANGES_SHOWN 20u

static bool
is_http(struct v1_call *c)
{
	if (c->line->conf != NULL)
		return true;
	api_env_error_json(c->r, 409, "this is a TCP line");
	return false;
}

/* ---- show ---- */

/* The latest calls that fit, newest first, as an array. */
static void
put_calls(struct v1_call *c, const struct call_tail_filter *f, uint64_t max)
{
	const struct call_tail *t = c->env->calls;

	jsonw_array(&c->w);
	for (uint64_t n = t->next; n > call_tail_first(t) && max > 0; n--) {
		if (!call_tail_fits(t, n - 1, f))
			continue;
		call_tail_json(t, n - 1, &c->w);
		max--;
	}
	jsonw_end(&c->w);
}

/* What happened until this moment, not until the loop looked last. */
static void
catch_up(struct v1_call *c)
{
	for (int turns = 0; call_tail_take(c->env->calls) && turns < 128; turns++)
		continue;
	news_tail_take(c->env->news);
}

void
v1_live_pairs(struct v1_call *c)
{
	struct call_tail_filter f = { .refused = true };
	fl_ns now = io_clock(c->env->io);

	if (c->line->conf == NULL)
		return;
	catch_up(c);
	http_view_instances(&c->w, c->line, now);
	http_view_routes(&c->w, c->line);
	http_view_policies(&c->w, c->line, now);
	snprintf(f.line, sizeof(f.line), "%s", c->line->name);
	jsonw_key(&c->w, "refusals");
	put_calls(c, &f, REFUSALS_SHOWN);
	jsonw_key(&c->w, "changes");
	news_tail_json(c->env->news, c->line->name, CHANGES_SHOWN, &c->w);
	jsonw_key(&c->w, "configuration");
	jsonw_object(&c->w);
	http_doc_json(&c->w, c->line->http);
	jsonw_end(&c->w);
}

void
v1_live_policies(struct v1_call *c)
{
	fl_ns now = io_clock(c->env->io);

	if (!is_http(c))
		return;
	catch_up(c);
	jsonw_object(&c->w);
	jsonw_str(&c->w, "line", c->line->name);
	http_view_policies(&c->w, c->line, now);
	http_view_instances(&c->w, c->line, now);
	jsonw_key(&c->w, "changes");
	news_tail_json(c->env->news, c->line->name, CHANGES_SHOWN, &c->w);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

void
v1_live_requests(struct v1_call *c)
{
	struct call_tail_filter f = { .status = 0 };
	const struct call_tail *t = c->env->calls;
	char status[8];

	v1_call_text(c->q, "line", f.line, sizeof(f.line));
	v1_call_text(c->q, "route", f.route, sizeof(f.route));
	v1_call_text(c->q, "trace", f.trace, sizeof(f.trace));
	f.from = v1_call_number(c->q, "from", 0, UINT64_MAX);
	f.refused = v1_call_number(c->q, "refused", 0, 1) != 0;
	f.status = (unsigned)v1_call_number(c->q, "status", 0, 599);
	if (v1_call_text(c->q, "status", status, sizeof(status)) && strlen(status) == 3 && status[0] >= '1' && status[0] <= '5' &&
	    strcmp(status + 1, "xx") == 0)
		f.status = (unsigned)(status[0] - '0');
	catch_up(c);
	jsonw_object(&c->w);
	jsonw_key(&c->w, "next");
	jsonw_uint(&c->w, t->next);
	jsonw_key(&c->w, "lost");
	jsonw_uint(&c->w, t->lost);
	jsonw_key(&c->w, "requests");
	put_calls(c, &f, v1_call_number(c->q, "limit", 100, CALL_TAIL_MAX));
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

/* ---- steer ---- */

/* Do something to an instance of each of the line's clusters. returns how many had it; the last error, if none had. */
static int
each_cluster(struct v1_call *c, int (*act)(struct cluster *cluster, const void *what, fl_ns now), const void *what)
{
	struct http_live_clusters all;
	int done = 0, rc = http_live_clusters(c->line->conf, &all);

	if (rc != 0)
		return rc;
	rc = -ENOENT;
	for (unsigned i = 0; i < all.count; i++) {
		int r = act(all.items[i], what, io_clock(c->env->io));

		done += r == 0;
		if (r != 0 && r != -ENOENT)
			rc = r;
	}
	http_live_clusters_fini(&all);
	return done > 0 ? done : rc;
}

struct drain {
	const char *address;
	bool on;
};

static int
drain_in(struct cluster *cluster, const void *what, fl_ns now)
{
	const struct drain *d = what;

	(void)now;
	return cluster_drain(cluster, d->address, d->on);
}

static void
drain(struct v1_call *c, bool on)
{
	const struct drain d = { c->q->path->segments[4], on };

	if (!is_http(c))
		return;
	if (each_cluster(c, drain_in, &d) < 0) {
		api_env_error_json(c->r, 404, "instance not found");
		return;
	}
	log_event(c->env->log, LOG_INFO, on ? "an instance drains" : "an instance takes calls again", "name", c->line->name, "instance", d.address,
	    NULL);
	jsonw_object(&c->w);
	jsonw_str(&c->w, "instance", d.address);
	jsonw_flag(&c->w, "draining", on);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

void
v1_live_drain(struct v1_call *c)
{
	drain(c, true);
}

void
v1_live_undrain(struct v1_call *c)
{
	drain(c, false);
}

/* ---- breakers ---- */

struct force {
	enum fl_breaker_state state;
	const char *instance;           /* NULL: every one */
};

static int
force_in(struct cluster *cluster, const void *what, fl_ns now)
{
	const struct force *f = what;
	struct cluster_report *r;
	unsigned n;
	int rc = -ENOENT;

	if (f->instance != NULL)
		return cluster_force(cluster, f->instance, f->state, now);
	r = calloc(CLUSTER_INSTANCES_MAX, sizeof(*r));
	n = r != NULL ? FL_MIN(cluster_reports(cluster, now, r, CLUSTER_INSTANCES_MAX), CLUSTER_INSTANCES_MAX) : 0;
	for (unsigned i = 0; i < n; i++) {
		if (cluster_force(cluster, r[i].address, f->state, now) == 0)
			rc = 0;
	}
	free(r);
	return rc;
}

/* The breakers of routes; route NULL: all. returns how many. */
static int
force_routes(struct v1_call *c, const char *route, enum fl_breaker_state state)
{
	const struct http_conf *conf = c->line->conf;
	int done = 0;

	for (unsigned i = 0; i < conf->route_count; i++) {
		if (conf->routes[i].policies->plan.breaker == NULL || (route != NULL && strcmp(conf->routes[i].name, route) != 0))
			continue;
		fl_breaker_force(conf->routes[i].policies->plan.breaker, state, io_clock(c->env->io));
		done++;
	}
	return done;
}

static void
force(struct v1_call *c, const struct doc_node *body)
{
	static const char *const known[] = { "state", "instance", "route", NULL }, *const words[] = { "open", "closed", "auto", NULL };
	static const enum fl_breaker_state states[] = { FL_BREAKER_FORCED_OPEN, FL_BREAKER_DISABLED, FL_BREAKER_CLOSED };
	const struct doc_node *state = doc_get(body, "state"), *instance = doc_get(body, "instance"), *route = doc_get(body, "route");
	struct force f = { .instance = NULL };
	struct doc_diag d;
	int i = -1, done = 0;

	doc_diag_init(&d, "body");
	doc_keys(&d, body, known);
	if (state == NULL)
		doc_complain(&d, body, "found no state, expected open, closed or auto");
	else
		i = doc_choice(&d, state, words);
	if (instance != NULL)
		doc_text(&d, instance, "the address of an instance", &f.instance);
	if (d.count > 0 || i < 0) {
		api_env_error_json(c->r, 400, buf_str(&d.text));
		doc_diag_fini(&d);
		return;
	}
	f.state = states[i];
	if (instance == NULL)
		done += force_routes(c, route != NULL ? route->text : NULL, f.state);
	if (route == NULL)
		done += FL_MAX(each_cluster(c, force_in, &f), 0);
	doc_diag_fini(&d);
	if (done == 0) {
		api_env_error_json(c->r, 404, "there is no such breaker");
		return;
	}
	log_event(c->env->log, LOG_WARN, "breakers were forced", "name", c->line->name, "to", words[i], NULL);
	jsonw_object(&c->w);
	jsonw_str(&c->w, "state", words[i]);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

void
v1_live_breaker(struct v1_call *c)
{
	struct lines_error e;
	struct doc *doc;

	if (!is_http(c))
		return;
	if (api_env_body(c->q, &e, &doc) != 0) {
		api_env_error_json(c->r, e.status, e.text);
		return;
	}
	if (doc->root->kind != DOC_MAP)
		api_env_error_json(c->r, 400, "bad request body: expected an object with state");
	else
		force(c, doc->root);
	doc_free(doc);
}
