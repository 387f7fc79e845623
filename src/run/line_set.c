/* SPDX-License-Identifier: MIT */
/* line_set.c - an experiment's lines in a proxy. */
#include "run/line_set.h"

#include "base/arena.h"
#include "base/assert.h"
#include "io/clock.h"
#include "io/io.h"
#include "io/port.h"
#include "proxy/worker.h"
#include "run/exp_line.h"
#include "conf/http_news.h"
#include "run/trace_recorder.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct open_line {
	const struct experiment_line *conf;
	const char *listen, *upstream;
	struct http_conf *http;         /* NULL: a line of connections */
	struct trace_conf *trace;       /* NULL: its messages are not recorded, or it is an HTTP line */
	int port_lock;                  /* -1: none */
	struct io_addr addr;
	char text[ADDR_TEXT_MAX];
	struct line *line;              /* NULL: down */
	unsigned lives;
	struct line_counters before;    /* of earlier lives */
};
/* A fault of the experiment on a line. */
struct switched {
	bool on;
	fl_ns since;
	uint32_t version, round;
	struct spec_shared *shared;
};
struct line_set {
	struct proxy *proxy;
	const struct experiment *x;
	uint64_t seed;
	struct trace_recorder *trace;
	struct arena mem;
	struct switched *faults;
	uint32_t count;
	struct open_line lines[EXPERIMENT_LINES_MAX];
	const char *addresses[EXPERIMENT_LINES_MAX];
};

static uint32_t
collect(const struct line_set *l, uint32_t line, enum fl_dir dir, struct fault_spec *specs, uint32_t n)
{
	for (uint32_t i = 0; i < l->x->fault_count; i++) {
		const struct experiment_fault *f = &l->x->faults[i];
		const struct switched *s = &l->faults[i];
		if (f->action != ACTION_FAULT || f->line != (int)line || f->spec.dir != dir || !s->on)
			continue;
		specs[n] = f->spec;
		specs[n].id = f->first + s->round + 1;
		specs[n].version = s->version;
		specs[n].since_ns = s->since;
		specs[n].key = spec_key(l->seed, l->x->lines[line].name, f->spec.name);
		specs[n].shared = s->shared;
		n++;
	}
	return n;
}

/* The line's configuration as it is to be now; NULL: no memory. */
static struct line_conf *
make_conf(const struct line_set *l, uint32_t line)
{
	const struct open_line *o = &l->lines[line];
	struct line_conf *c = line_conf_new(o->conf->name);
	struct fault_spec *specs = calloc(l->x->fault_count + 1, sizeof(*specs));
	uint32_t n;

	if (c != NULL && specs != NULL) {
		c->half_close = o->conf->half_close;
		c->key = o->conf->key;
		c->connect_timeout = o->conf->connect_timeout;
		c->conns_max = o->conf->conns_max;
		c->http = http_conf_ref(o->http);
		c->trace = trace_conf_ref(o->trace);
		(void)line_conf_upstream(c, o->upstream);       /* checked when it was opened */
		n = collect(l, line, FL_C2S, specs, 0);
		n = collect(l, line, FL_S2C, specs, n);
		(void)line_conf_faults(c, specs, n);
	}
	free(specs);
	if (c != NULL && c->faults == NULL) {
		line_conf_unref(c);
		return NULL;
	}
	return c;
}

static int
apply(struct line_set *l, uint32_t line)
{
	struct line_conf *c;
	int rc;

	if (l->lines[line].line == NULL)
		return 0;               /* down: it takes them when it comes up */
	c = make_conf(l, line);
	if (c == NULL)
		return -ENOMEM;
	rc = proxy_line_set(l->proxy, l->lines[line].line, c);
	line_conf_unref(c);
	return rc;
}

static int
bring_up(struct line_set *l, uint32_t line)
{
	struct open_line *o = &l->lines[line];
	struct line_conf *c = make_conf(l, line);
	int token, rc;

	if (c == NULL)
		return -ENOMEM;
	rc = io_bind(&o->addr, &token, &o->addr);
	if (rc == 0) {
		if (o->http != NULL || o->trace != NULL)
			trace_recorder_line(l->trace, o->conf->name, o->http != NULL ? o->http->record : o->trace, true, clock_mono());
		rc = proxy_line_open(l->proxy, c, token, &o->line);
		if (rc < 0)
			io_discard(token, false);
	}
	if (rc == 0)
		o->lives++;
	line_conf_unref(c);
	return rc;
}

/* A port of 0 becomes one outside the ephemeral range, so that it is still ours after the line was down. */
static int
fix_port(struct open_line *o)
{
	int port;

	if (o->addr.sa.sa_family == AF_UNIX || addr_port(&o->addr) != 0)
		return 0;
	port = port_reserve(&o->port_lock);
	if (port < 0)
		return port;
	if (o->addr.sa.sa_family == AF_INET)
		o->addr.in.sin_port = htons((uint16_t)port);
	else
		o->addr.in6.sin6_port = htons((uint16_t)port);
	return 0;
}

/* The HTTP line with everything filled in, and its live objects. */
static int
build_http(struct open_line *o, const struct line_set_opts *opts, const struct subst_values *values, char *error)
{
	struct http_doc_env env = { .keep = opts->keep, .seed = opts->seed, .workers = proxy_workers(opts->proxy),
		.listener = http_news_listener(opts->news), .resolver = proxy_crew(opts->proxy)->resolver, .now = clock_mono() };
	struct http_doc *doc = NULL;
	struct doc_diag d;
	int rc;

	doc_diag_init(&d, NULL);
	rc = exp_line_http(o->conf, values, opts->beside, &d, &doc);
	if (rc == 0)
		rc = http_doc_build(doc, &env, &o->http);
	if (rc < 0)
		snprintf(error, LINE_SET_ERROR_MAX, "line %s: %.400s", o->conf->name, d.count > 0 ? buf_str(&d.text) : strerror(-rc));
	http_doc_free(doc);
	doc_diag_fini(&d);
	return rc;
}

static int
check_upstream(struct open_line *o, const struct line_set_opts *opts, const struct subst_values *values, char *error)
{
	struct line_conf *probe;
	int rc;

	if (o->conf->http != NULL)
		return build_http(o, opts, values, error);
	probe = line_conf_new(o->conf->name);
	rc = probe == NULL ? -ENOMEM : line_conf_upstream(probe, o->upstream);
	if (rc < 0)
		snprintf(error, LINE_SET_ERROR_MAX, "line %s: upstream %.100s is not HOST:PORT or unix:PATH", o->conf->name, o->upstream);
	line_conf_unref(probe);
	return rc;
}

static int
open_one(struct line_set *l, uint32_t i, const struct line_set_opts *opts, const struct subst_values *values, char *error)
{
	struct open_line *o = &l->lines[i];
	int rc;

	o->conf = &l->x->lines[i];
	o->port_lock = -1;
	o->listen = subst_expand(&l->mem, o->conf->listen, values);
	o->upstream = subst_expand(&l->mem, o->conf->upstream, values);
	if (o->listen == NULL || o->upstream == NULL)
		return -ENOMEM;
	o->trace = trace_doc_conf(&o->conf->trace);
	if (o->conf->trace.on && o->trace == NULL)
		return -ENOMEM;
	rc = check_upstream(o, opts, values, error);
	if (rc < 0)
		return rc;
	rc = addr_parse(o->listen, &o->addr);
	if (rc < 0)
		snprintf(error, LINE_SET_ERROR_MAX, "line %s: listen %.100s is not IP:PORT or unix:PATH", o->conf->name, o->listen);
	else if ((rc = fix_port(o)) < 0 || (rc = bring_up(l, i)) < 0)
		snprintf(error, LINE_SET_ERROR_MAX, "line %s cannot listen on %.100s: %s", o->conf->name, o->listen, strerror(-rc));
	addr_format(&o->addr, o->text, sizeof(o->text));
	l->addresses[i] = o->text;
	return rc;
}

int
line_set_open(const struct line_set_opts *opts, struct subst_values *values, struct line_set **ret_lines, char *error)
{
	const struct experiment *x = opts->x;
	struct line_set *l = calloc(1, sizeof(*l));
	int rc = 0;

	snprintf(error, LINE_SET_ERROR_MAX, "no memory for the lines");
	if (l == NULL)
		return -ENOMEM;
	arena_init(&l->mem, 1u << 20);
	l->proxy = opts->proxy;
	l->x = x;
	l->seed = opts->seed;
	l->trace = opts->trace;
	l->faults = calloc(x->fault_count + 1, sizeof(*l->faults));
	if (l->faults == NULL)
		rc = -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < x->fault_count; i++) {
		const struct fault_spec *f = &x->faults[i].spec;
		if (x->faults[i].action != ACTION_FAULT || f->kind != FAULT_BANDWIDTH || f->values[BANDWIDTH_SHARED].i == 0)
			continue;
		l->faults[i].shared = spec_shared_new();
		rc = l->faults[i].shared == NULL ? -ENOMEM : 0;
	}
	for (; rc == 0 && l->count < x->line_count; l->count++)
		rc = open_one(l, l->count, opts, values, error);
	if (rc < 0) {
		line_set_free(l);
		return rc;
	}
	values->lines = l->addresses;
	*ret_lines = l;
	return 0;
}

static void
take_down(struct line_set *l, uint32_t line)
{
	struct open_line *o = &l->lines[line];

	if (o->line == NULL)
		return;
	(void)proxy_line_cut(l->proxy, o->line, false);
	line_set_counters(l, line, &o->before);
	o->before.active = 0;
	proxy_line_close(l->proxy, o->line);
	o->line = NULL;
}

void
line_set_free(struct line_set *l)
{
	if (l == NULL)
		return;
	for (uint32_t i = 0; i < EXPERIMENT_LINES_MAX; i++) {
		if (l->lines[i].conf == NULL)
			continue;
		take_down(l, i);
		http_conf_unref(l->lines[i].http);
		trace_conf_unref(l->lines[i].trace);
		if (l->lines[i].port_lock >= 0)
			close(l->lines[i].port_lock);
	}
	for (uint32_t i = 0; l->faults != NULL && i < l->x->fault_count; i++)
		spec_shared_unref(l->faults[i].shared);
	free(l->faults);
	arena_fini(&l->mem);
	free(l);
}

const char *
line_set_address(const struct line_set *l, uint32_t line)
{
	fl_assert(line < l->count);
	return l->lines[line].text;
}

const char *
line_set_upstream(const struct line_set *l, uint32_t line)
{
	fl_assert(line < l->count);
	return l->lines[line].upstream;
}

const struct io_addr *
line_set_listen(const struct line_set *l, uint32_t line)
{
	fl_assert(line < l->count);
	return &l->lines[line].addr;
}

int
line_set_fault(struct line_set *l, uint32_t fault, uint32_t round, bool on)
{
	const struct experiment_fault *f = &l->x->faults[fault];
	struct switched *s = &l->faults[fault];

	fl_assert(f->action == ACTION_FAULT && f->line >= 0);
	if (s->on == on)
		return 0;
	s->on = on;
	s->round = round;
	s->since = clock_mono();
	s->version++;
	return apply(l, (uint32_t)f->line);
}

int
line_set_down(struct line_set *l, uint32_t line, bool down)
{
	fl_assert(line < l->count);
	if (down)
		take_down(l, line);
	else if (l->lines[line].line == NULL)
		return bring_up(l, line);
	return 0;
}

uint64_t
line_set_cut(struct line_set *l, uint32_t line, bool reset)
{
	fl_assert(line < l->count);
	return l->lines[line].line == NULL ? 0 : proxy_line_cut(l->proxy, l->lines[line].line, reset);
}

int
line_set_heal(struct line_set *l)
{
	int rc = 0;

	for (uint32_t i = 0; i < l->x->fault_count; i++)
		l->faults[i].on = false;
	for (uint32_t i = 0; i < l->count; i++) {
		int one = l->lines[i].line == NULL ? bring_up(l, i) : apply(l, i);
		rc = rc == 0 ? one : rc;
	}
	return rc;
}

const struct http_conf *
line_set_http(const struct line_set *l, uint32_t line)
{
	fl_assert(line < l->count);
	return l->lines[line].http;
}

unsigned
line_set_lives(const struct line_set *l, uint32_t line)
{
	return l->lines[line].lives;
}

void
line_set_counters(const struct line_set *l, uint32_t line, struct line_counters *ret)
{
	const struct open_line *o = &l->lines[line];
	struct line_counters now = { 0 };

	if (o->line != NULL)
		proxy_line_counters(o->line, &now);
	now.accepted += o->before.accepted;
	for (int d = 0; d < 2; d++) {
		now.received_bytes[d] += o->before.received_bytes[d];
		now.sent_bytes[d] += o->before.sent_bytes[d];
	}
	for (int r = 0; r < LINE_CLOSE_COUNT; r++)
		now.closed[r] += o->before.closed[r];
	*ret = now;
}
