/* SPDX-License-Identifier: MIT */
/* http_control.c - see http_control.h. */
#include "http_control.h"
#include "http_audit.h"
#include "http_caller.h"
#include "http_conf_draw.h"
#include "io_sim.h"
#include "mark.h"
#include "proto/yaml.h"
#include "proxy/cluster_report.h"
#include "proxy/http_conf.h"
#include "proxy/proxy.h"
#include "proxy/worker.h"
#include "conf/http_doc.h"
#include "conf/http_keep.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 8192
#define CONF_BYTES_MAX 65536
#define INSTANCES_MAX 16
#define CONNS_MAX 256

static void
wake(void)
{
	struct io *io;

	for (unsigned i = 0; (io = io_sim_at(i)) != NULL; i++) {
		io_clock(io);
		io_wake(io);
	}
}

/* ---- configurations ---- */

static struct http_conf *
read_conf(struct web *x, const struct web_line *l, const char *text)
{
	struct http_doc_env env = { .keep = x->keep, .seed = x->swarm->conf_seed, .workers = proxy_workers(x->proxy), .now = x->world->now };
	struct http_conf *conf = NULL;
	struct doc *doc = NULL;
	struct doc_diag d;

	doc_diag_init(&d, "sim.yaml");
	if (yaml_parse(text, strlen(text), &d, &doc) != 0 || http_doc_read(doc->root, l->name, NULL, &env, &d, &conf) != 0)
		world_fail(x->world, "the configuration is refused: %s\n%s", buf_str(&d.text), text);
	doc_diag_fini(&d);
	doc_free(doc);
	return conf;
}

/* Remember the counters of a configuration: they are looked at in the end. */
static void
note_stats(struct web *x, const struct http_conf *c)
{
	for (unsigned i = 0; i < c->route_count; i++) {
		unsigned k = 0;

		while (k < x->stats_count && x->stats[k] != c->routes[i].stats)
			k++;
		if (k < x->stats_count)
			continue;
		fl_assert(k < FL_ARRAY_LEN(x->stats));
		x->stats[x->stats_count++] = http_stats_ref(c->routes[i].stats);
	}
}

/* A new version of the line's configuration; text: the same as before is asked for. */
static struct line_conf *
new_version(struct web *x, struct web_line *l, bool same)
{
	struct web_version *v = &l->versions[l->version_count];
	struct line_conf *c = line_conf_new(l->name);
	struct buf y;

	fl_assert(l->version_count < WEB_VERSIONS_MAX && c != NULL);
	buf_init(&y, CONF_BYTES_MAX);
	if (same && l->text != NULL) {
		v->facts = v[-1].facts;
	} else {
		http_conf_draw(x, &x->ops, &y, &v->facts);
		fl_assert(!y.overflowed);
		l->text = world_alloc(x->world, buf_len(&y) + 1);
		memcpy(l->text, buf_str(&y), buf_len(&y));
	}
	buf_fini(&y);
	if (x->world->verbose)
		fprintf(stderr, "---- %s ----\n%s----\n", l->name, l->text);
	c->http = read_conf(x, l, l->text);
	fl_assert(line_conf_faults(c, NULL, 0) == 0);
	note_stats(x, c->http);
	v->since = x->world->now;
	v->conf = c;
	l->version_count++;
	return c;
}

/* ---- lines ---- */

void
http_control_open(struct web *x, struct web_line *l)
{
	struct listener *listener;
	struct end *none;
	int token, r;

	fl_assert(l->line == NULL);
	if (l->version_count == 0)
		new_version(x, l, false);
	fl_assert(io_bind(l->life_count == 0 ? &l->wanted : &l->listen, &token, &l->listen) == 0);
	net_token_get(x->net, token, &listener, &none);
	wake();
	r = proxy_line_open(x->proxy, l->versions[l->version_count - 1].conf, token, &l->line);
	if (r < 0) {
		l->line = NULL;
		io_discard(token, false);
		return;
	}
	fl_assert(l->life_count < FL_ARRAY_LEN(l->lives));
	l->lives[l->life_count].listener = listener;
	l->lives[l->life_count++].since = x->world->now;
}

/* Connections of the line break, and their clients cannot know why. */
static void
excuse(struct web *x, const struct web_line *l)
{
	for (struct web_client *c = x->clients; c != NULL; c = c->next)
		if (c->line == l && !c->over)
			c->cut = true;
}

void
http_control_close(struct web *x, struct web_line *l)
{
	struct line_counters k;

	excuse(x, l);
	wake();
	world_note(x->world, "control: closes line %lld", l->number, 0, 0);
	http_audit_line(x, l);
	proxy_line_close(x->proxy, l->line);
	proxy_line_counters(l->line, &k);
	l->line = NULL;
}

static void
change(struct web *x, struct web_line *l, bool same)
{
	if (l->version_count == WEB_VERSIONS_MAX)
		return;
	world_note(x->world, "control: line %lld is changed, same %lld", l->number, same, 0);
	wake();
	fl_assert(proxy_line_set(x->proxy, l->line, new_version(x, l, same)) == 0);
	mark_hit(same ? MARK_WEB_KEPT : MARK_WEB_RELOADS, 1);
}

static void
reopen(struct web *x, struct web_line *l)
{
	if (l->life_count == FL_ARRAY_LEN(l->lives))
		return;
	http_control_close(x, l);
	mark_hit(MARK_WEB_REOPENED, 1);
	http_control_open(x, l);
}

static void
cut(struct web *x, struct web_line *l)
{
	bool reset = rnd_chance(&x->ops, 500);

	excuse(x, l);
	wake();
	uint64_t n = proxy_line_cut(x->proxy, l->line, reset);
	mark_hit(MARK_WEB_CUT_CONNS, n);
	world_note(x->world, "control: cuts %lld connections of line %lld, reset %lld", (long long)n, l->number, reset);
}

/* ---- instances ---- */

static const struct http_conf *
conf_now(const struct web_line *l)
{
	return l->versions[l->version_count - 1].conf->http;
}

/* Drain, or force the breaker of, an instance of some route. */
static void
handle_instance(struct web *x, struct web_line *l, bool force)
{
	struct cluster_report list[INSTANCES_MAX];
	const struct http_conf *c = conf_now(l);
	struct cluster *cluster = c->routes[rnd_below(&x->ops, c->route_count)].cluster;
	unsigned n = FL_MIN(cluster_reports(cluster, x->world->now, list, INSTANCES_MAX), (unsigned)INSTANCES_MAX);

	if (n == 0)
		return;
	const char *address = list[rnd_below(&x->ops, n)].address;
	if (!force) {
		bool drain = rnd_chance(&x->ops, 600);

		world_note(x->world, "control: an instance of line %lld, drain %lld", l->number, drain, 0);
		cluster_drain(cluster, address, drain);
		mark_hit(MARK_WEB_DRAINED, drain);
		l->handled = true;
	} else {
		enum fl_breaker_state s = rnd_chance(&x->ops, 500) ? FL_BREAKER_FORCED_OPEN : FL_BREAKER_CLOSED;

		world_note(x->world, "control: a breaker of line %lld is forced to %lld", l->number, s, 0);
		if (cluster_force(cluster, address, s, x->world->now) == 0)
			mark_hit(MARK_WEB_FORCED, 1);
		l->handled = true;
	}
}

/* All that was drained or forced by hand comes back. */
static void
restore(struct web *x, struct web_line *l)
{
	struct cluster_report list[INSTANCES_MAX];

	for (unsigned v = 0; v < l->version_count; v++) {
		const struct http_conf *c = l->versions[v].conf->http;

		for (unsigned i = 0; i < c->route_count; i++) {
			unsigned n = cluster_reports(c->routes[i].cluster, x->world->now, list, INSTANCES_MAX);

			for (unsigned k = 0; k < n && k < INSTANCES_MAX; k++) {
				cluster_drain(c->routes[i].cluster, list[k].address, false);
				cluster_force(c->routes[i].cluster, list[k].address, FL_BREAKER_CLOSED, x->world->now);
			}
		}
	}
}

/* ---- all operations ---- */

static void
look(struct web *x, struct web_line *l)
{
	struct proxy_conn conns[CONNS_MAX];
	struct cluster_report list[INSTANCES_MAX];
	const struct http_conf *c = conf_now(l);
	uint64_t n;

	wake();
	n = proxy_line_conns(x->proxy, l->line, conns, CONNS_MAX);
	world_note(x->world, "control: line %lld has %lld connections", l->number, (long long)n, 0);
	for (unsigned i = 0; i < c->route_count; i++)
		cluster_reports(c->routes[i].cluster, x->world->now, list, INSTANCES_MAX);
	http_audit_line(x, l);
}

static enum web_op
draw_op(struct web *x)
{
	uint64_t sum = 0, n;
	unsigned i;

	for (i = 0; i < WEB_OP_COUNT; i++)
		sum += x->swarm->op_weight[i];
	n = rnd_below(&x->ops, sum);
	for (i = 0; n >= x->swarm->op_weight[i]; i++)
		n -= x->swarm->op_weight[i];
	return (enum web_op)i;
}

void
http_control_operate(struct web *x)
{
	struct web_line *l = &x->lines[rnd_below(&x->ops, x->swarm->lines)];
	enum web_op op = draw_op(x);

	if (l->line == NULL)
		http_control_open(x, l);
	if (l->line == NULL)
		return;
	switch (op) {
	case WEB_OP_RELOAD: change(x, l, false); break;
	case WEB_OP_SAME: change(x, l, true); break;
	case WEB_OP_CUT: cut(x, l); break;
	case WEB_OP_REOPEN: reopen(x, l); break;
	case WEB_OP_DRAIN_INSTANCE: handle_instance(x, l, false); break;
	case WEB_OP_FORCE: handle_instance(x, l, true); break;
	case WEB_OP_RECORDS: http_audit_records(x); break;
	case WEB_OP_REPORT: look(x, l); break;
	case WEB_OP_COUNT: break;
	}
}

void
http_control_calm(struct web *x)
{
	for (unsigned i = 0; i < x->swarm->lines; i++) {
		struct web_line *l = &x->lines[i];

		if (l->line == NULL)
			http_control_open(x, l);
		if (l->line == NULL)
			world_fail(x->world, "line %u cannot be opened again", i);
		if (l->handled)
			restore(x, l);
	}
}

/* ---- life ---- */

void
http_control_start(struct web *x)
{
	const struct http_swarm *s = x->swarm;
	struct proxy_opts opts = { .workers = s->workers, .conns_max = s->conns_max, .lines_max = 2 * HTTP_SWARM_LINES_MAX + 32,
		.buffer_bytes = s->buffer_bytes, .records_max = RECORDS_MAX, .no_threads = true };

	fl_assert(resolver_new(1, &x->resolver) == 0);
	opts.resolver = x->resolver;
	fl_assert(proxy_new(&opts, &x->proxy) == 0);
	fl_assert(http_keep_new(&x->keep) == 0);
}

void
http_control_stop(struct web *x)
{
	resolver_free(x->resolver);
	io_sim_end();
	proxy_free(x->proxy);
	for (unsigned i = 0; i < x->swarm->lines; i++)
		for (unsigned v = 0; v < x->lines[i].version_count; v++)
			line_conf_unref(x->lines[i].versions[v].conf);
	http_keep_free(x->keep);
	for (unsigned i = 0; i < x->stats_count; i++)
		http_stats_unref(x->stats[i]);
}
