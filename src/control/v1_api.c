/* SPDX-License-Identifier: MIT */
/* v1_api.c - the daemon's own API. */
#include "control/v1_api.h"
#include "base/units.h"
#include "base/version.h"
#include "control/call_tail.h"
#include "control/event_tail.h"
#include "control/graph_service.h"
#include "control/line_json.h"
#include "control/trace_tail.h"
#include "control/v1_call.h"
#include "control/http_view.h"
#include "control/v1_http.h"
#include "control/v1_live.h"
#include "io/io.h"
#include "proxy/http_conf.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONNS_MAX 10000u        /* in one answer */

/* ---- the daemon ---- */

static void
version(struct v1_call *c)
{
	jsonw_object(&c->w);
	jsonw_str(&c->w, "version", VERSION_FAULTLINE);
	jsonw_num(&c->w, "api", VERSION_API);
	jsonw_str(&c->w, "toxiproxy", VERSION_TOXIPROXY);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

static void
put_map(struct jsonw *w, struct graph_service *map)
{
	struct graph_service_counts c = graph_service_count(map);

	jsonw_key(w, "map");
	jsonw_object(w);
	jsonw_num(w, "waiting", (int64_t)c.waiting);
	jsonw_num(w, "waiting_bytes", (int64_t)c.waiting_bytes);
	jsonw_num(w, "kept", (int64_t)c.kept);
	jsonw_num(w, "dropped", (int64_t)c.dropped);
	jsonw_end(w);
}

static void
status(struct v1_call *c)
{
	struct lines *t = c->env->lines;

	jsonw_object(&c->w);
	jsonw_str(&c->w, "version", VERSION_FAULTLINE);
	line_json_ms(&c->w, "uptime_ms", (io_now(c->env->io) - c->env->started) / FL_MS * FL_MS);
	jsonw_key(&c->w, "seed");
	jsonw_uint(&c->w, t->seed);
	jsonw_num(&c->w, "workers", proxy_workers(c->env->proxy));
	jsonw_num(&c->w, "lines", t->by_name.count);
	jsonw_key(&c->w, "connections");
	jsonw_uint(&c->w, proxy_conns(c->env->proxy));
	jsonw_num(&c->w, "connections_max", proxy_conns_max(c->env->proxy));
	jsonw_key(&c->w, "events");
	jsonw_uint(&c->w, c->env->events->next);
	jsonw_key(&c->w, "events_lost");
	jsonw_uint(&c->w, c->env->events->lost + c->env->events->unwritten);
	jsonw_key(&c->w, "traced");
	jsonw_uint(&c->w, trace_recorder_events(c->env->trace->recorder));
	jsonw_key(&c->w, "traced_lost");
	jsonw_uint(&c->w, trace_recorder_lost(c->env->trace->recorder));
	jsonw_flag(&c->w, "draining", t->draining);
	if (c->env->graph != NULL)
		put_map(&c->w, c->env->graph);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

static const char *
type_name(enum kind_attr_type t)
{
	static const char *const names[] = { "integer", "number", "boolean", "choice", "file", "text" };

	return names[t];
}

static void
put_bound(struct jsonw *w, const char *key, double v)
{
	if (v <= -0x1p63 || v >= 0x1p63)
		return;
	jsonw_key(w, key);
	jsonw_float(w, v);
}

static void
put_attribute(struct jsonw *w, const struct kind_attr *a)
{
	jsonw_object(w);
	jsonw_str(w, "name", a->name);
	jsonw_str(w, "type", type_name(a->type));
	jsonw_str(w, "doc", a->doc);
	if (a->type == ATTR_INT || a->type == ATTR_FLOAT) {
		put_bound(w, "min", a->min);
		put_bound(w, "max", a->max);
		put_bound(w, "default", a->def);
	} else if (a->type == ATTR_BOOL) {
		jsonw_flag(w, "default", a->def != 0);
	} else if (a->type == ATTR_ENUM) {
		jsonw_key(w, "choices");
		jsonw_array(w);
		for (size_t i = 0; a->values[i] != NULL; i++)
			jsonw_string(w, a->values[i]);
		jsonw_end(w);
		jsonw_str(w, "default", a->values[(size_t)a->def]);
	}
	jsonw_end(w);
}

static void
faults(struct v1_call *c)
{
	static const char *const acts_on[] = { [KIND_STREAM] = "stream", [KIND_CONNECT] = "connect", [KIND_HTTP] = "http" };

	jsonw_array(&c->w);
	for (unsigned k = 0; k < FAULT_KIND_COUNT; k++) {
		const struct kind_info *info = kind_info((enum fault_kind)k);

		jsonw_object(&c->w);
		jsonw_str(&c->w, "type", info->name);
		jsonw_str(&c->w, "doc", info->doc);
		jsonw_str(&c->w, "acts_on", acts_on[info->place]);
		jsonw_flag(&c->w, "toxiproxy", info->go_type[0] != '\0');
		jsonw_key(&c->w, "attributes");
		jsonw_array(&c->w);
		for (size_t i = 0; i < info->attr_count; i++)
			put_attribute(&c->w, &info->attrs[i]);
		jsonw_end(&c->w);
		jsonw_end(&c->w);
	}
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

static void
events(struct v1_call *c)
{
	char line[LINE_NAME_MAX];
	bool one = v1_call_text(c->q, "line", line, sizeof(line));

	while (event_tail_take(c->env->events))
		continue;
	event_tail_write(c->env->events, v1_call_number(c->q, "from", 0, UINT64_MAX), v1_call_number(c->q, "max", 1000, EVENT_TAIL_MAX),
	    one ? line : NULL, &c->r->body);
	c->r->status = 200;
	c->r->content_type = "application/x-ndjson";
}

/* The latest messages, as the blocks of a trace store: what `faultline trace` reads. */
static void
trace(struct v1_call *c)
{
	const uint8_t *p;
	size_t n;

	while (event_tail_take(c->env->events))
		continue;
	while (call_tail_take(c->env->calls))
		continue;
	trace_tail_take(c->env->trace, io_clock(c->env->io));
	n = trace_recorder_tail(c->env->trace->recorder, &p);
	(void)buf_append(&c->r->body, p, n);
	c->r->status = 200;
	c->r->content_type = "application/octet-stream";
}

static void
reload(struct v1_call *c)
{
	struct buf report;
	int rc;

	buf_init(&report, 65536);
	rc = c->env->reload(c->env->ud, &report);
	if (rc == -EINPROGRESS) {
		c->rc = rc;
	} else if (rc != 0) {
		api_env_error_json(c->r, 400, buf_str(&report));
	} else {
		jsonw_object(&c->w);
		jsonw_str(&c->w, "report", buf_str(&report));
		jsonw_end(&c->w);
		api_env_json(c->r, 200);
	}
	buf_fini(&report);
}

static void
drain(struct v1_call *c)
{
	char text[32];
	fl_ns limit = -1;

	if (v1_call_text(c->q, "limit", text, sizeof(text)) && (units_parse_duration(text, &limit) != 0 || limit < 0)) {
		api_env_error_json(c->r, 400, "limit: expected a duration such as 10s");
		return;
	}
	c->env->drain(c->env->ud, limit);
	jsonw_object(&c->w);
	jsonw_flag(&c->w, "draining", true);
	jsonw_key(&c->w, "connections");
	jsonw_uint(&c->w, proxy_conns(c->env->proxy));
	jsonw_end(&c->w);
	api_env_json(c->r, 202);
}

/* ---- lines ---- */

static void
put_direction(struct jsonw *w, const char *key, uint64_t received, uint64_t sent)
{
	jsonw_key(w, key);
	jsonw_object(w);
	jsonw_key(w, "received_bytes");
	jsonw_uint(w, received);
	jsonw_key(w, "sent_bytes");
	jsonw_uint(w, sent);
	jsonw_end(w);
}

static void
put_toxic(struct jsonw *w, const struct lines_toxic *x, fl_ns now)
{
	jsonw_object(w);
	jsonw_key(w, "id");
	jsonw_uint(w, x->spec.id);
	jsonw_num(w, "version", x->spec.version);
	line_json_toxic_pairs(w, &x->spec);
	line_json_ms(w, "age_ms", (now - x->spec.since_ns) / FL_MS * FL_MS);
	if (x->expires != FL_NEVER)
		line_json_ms(w, "lease_left_ms", FL_MAX(x->expires - now, 0) / FL_MS * FL_MS);
	jsonw_end(w);
}

/* What surrounds the line's bytes; nothing of a plain one. */
static void
put_wire(struct jsonw *w, const struct line_wire *wire)
{
	if (wire == NULL)
		return;
	jsonw_flag(w, "tls", wire->tls_server != NULL);
	jsonw_flag(w, "upstream_tls", wire->tls_client != NULL);
	jsonw_flag(w, "accept_proxy", wire->accept_proxy);
	jsonw_num(w, "send_proxy", wire->send_proxy);
	jsonw_num(w, "sni_routes", wire->route_count);
}

/* The pairs of a line. */
static void
put_line(struct jsonw *w, const struct lines_line *l, fl_ns now, bool histogram)
{
	struct line_counters n;

	lines_counters(l, &n);
	line_json_line_pairs(w, l);
	put_wire(w, l->wire);
	jsonw_flag(w, "traced", l->trace != NULL || (l->conf != NULL && l->conf->record != NULL));
	jsonw_str(w, "from", l->origin != NULL ? "config" : "api");
	jsonw_key(w, "connections");
	jsonw_uint(w, n.active);
	jsonw_key(w, "accepted");
	jsonw_uint(w, n.accepted);
	put_direction(w, "upstream_traffic", n.received_bytes[FL_C2S], n.sent_bytes[FL_C2S]);
	put_direction(w, "downstream_traffic", n.received_bytes[FL_S2C], n.sent_bytes[FL_S2C]);
	jsonw_key(w, "closed");
	jsonw_object(w);
	for (int i = 0; i < LINE_CLOSE_COUNT; i++) {
		if (n.closed[i] == 0)
			continue;
		jsonw_key(w, line_close_name((enum line_close)i));
		jsonw_uint(w, n.closed[i]);
	}
	jsonw_end(w);
	jsonw_key(w, "toxics");
	jsonw_array(w);
	for (uint32_t i = 0; i < l->toxic_count; i++)
		put_toxic(w, l->toxics[i], now);
	jsonw_end(w);
	http_view_summary(w, l, now, histogram);
}

static void
line_index(struct v1_call *c)
{
	struct map_entry **sorted = map_sorted(&c->env->lines->by_name);
	bool instances = v1_call_number(c->q, "instances", 0, 1) != 0, histogram = v1_call_number(c->q, "histogram", 0, 1) != 0;
	fl_ns now = io_clock(c->env->io);

	jsonw_array(&c->w);
	for (uint32_t i = 0; sorted != NULL && i < c->env->lines->by_name.count; i++) {
		jsonw_object(&c->w);
		put_line(&c->w, sorted[i]->value, now, histogram);
		if (instances)
			http_view_instances(&c->w, sorted[i]->value, now);
		jsonw_end(&c->w);
	}
	jsonw_end(&c->w);
	free(sorted);
	api_env_json(c->r, 200);
}

static void
line_show(struct v1_call *c)
{
	jsonw_object(&c->w);
	put_line(&c->w, c->line, io_clock(c->env->io), v1_call_number(c->q, "histogram", 0, 1) != 0);
	v1_live_pairs(c);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

static void
put_addr(struct jsonw *w, const char *key, const struct io_addr *a)
{
	char text[ADDR_TEXT_MAX];

	jsonw_key(w, key);
	if (a->len == 0)
		jsonw_null(w);
	else
		jsonw_string(w, addr_format(a, text, sizeof(text)));
}

static const char *
fault_name(const struct lines_line *l, uint64_t id)
{
	for (uint32_t i = 0; i < l->toxic_count; i++) {
		if (l->toxics[i]->spec.id == id)
			return l->toxics[i]->spec.name;
	}
	return "";
}

static void
put_conn_fault(struct jsonw *w, const struct lines_line *l, const struct proxy_conn_fault *f)
{
	jsonw_object(w);
	jsonw_str(w, "name", fault_name(l, f->fault_id));
	jsonw_str(w, "stream", f->dir == FL_C2S ? "upstream" : "downstream");
	jsonw_flag(w, "applies", f->active);
	jsonw_key(w, "seen_bytes");
	jsonw_uint(w, f->in_bytes);
	jsonw_key(w, "hits");
	jsonw_uint(w, f->hits);
	jsonw_num(w, "held_bytes", f->held_bytes);
	jsonw_end(w);
}

static void
put_conn(struct jsonw *w, const struct lines_line *l, const struct proxy_conn *p, fl_ns now)
{
	jsonw_object(w);
	jsonw_key(w, "conn");
	jsonw_uint(w, p->ordinal);
	jsonw_key(w, "key");
	jsonw_printf(w, "%016" PRIx64, p->key);
	jsonw_str(w, "state", p->state);
	line_json_ms(w, "age_ms", FL_MAX(now - p->opened_ns, 0) / FL_MS * FL_MS);
	put_addr(w, "client", &p->client);
	put_addr(w, "listener", &p->proxy_client_side);
	put_addr(w, "source", &p->proxy_server_side);
	put_addr(w, "server", &p->server);
	for (int d = 0; d < 2; d++) {
		jsonw_key(w, d == FL_C2S ? "upstream" : "downstream");
		jsonw_object(w);
		jsonw_key(w, "received_bytes");
		jsonw_uint(w, p->received_bytes[d]);
		jsonw_key(w, "sent_bytes");
		jsonw_uint(w, p->sent_bytes[d]);
		jsonw_num(w, "held_bytes", p->held_bytes[d]);
		jsonw_flag(w, "ended", p->eof[d]);
		jsonw_end(w);
	}
	jsonw_key(w, "faults");
	jsonw_array(w);
	for (unsigned i = 0; i < p->fault_count; i++)
		put_conn_fault(w, l, &p->faults[i]);
	jsonw_end(w);
	jsonw_end(w);
}

static void
line_connections(struct v1_call *c)
{
	uint64_t max = v1_call_number(c->q, "max", 1000, CONNS_MAX), total = 0;
	struct proxy_conn *conns = calloc(max + 1, sizeof(*conns));

	if (conns == NULL) {
		api_env_error_json(c->r, 503, "out of memory");
		return;
	}
	if (c->line->line != NULL)
		total = proxy_line_conns(c->env->proxy, c->line->line, conns, max);
	jsonw_object(&c->w);
	jsonw_key(&c->w, "count");
	jsonw_uint(&c->w, total);
	jsonw_key(&c->w, "connections");
	jsonw_array(&c->w);
	for (uint64_t i = 0; i < FL_MIN(total, max); i++)
		put_conn(&c->w, c->line, &conns[i], io_now(c->env->io));
	jsonw_end(&c->w);
	jsonw_end(&c->w);
	free(conns);
	api_env_json(c->r, 200);
}

/* DELETE: end the connections, not the line. */
static void
line_cut(struct v1_call *c)
{
	bool reset = v1_call_number(c->q, "reset", 0, 1) != 0;
	uint64_t n = c->line->line != NULL ? proxy_line_cut(c->env->proxy, c->line->line, reset) : 0;

	jsonw_object(&c->w);
	jsonw_key(&c->w, "closed");
	jsonw_uint(&c->w, n);
	jsonw_end(&c->w);
	api_env_json(c->r, 200);
}

/* ---- routes ---- */

static const struct route {
	const char *method;
	const char *segments[5];        /* behind "v1"; "{}" is a name, the first of which is a line's */
	void (*run)(struct v1_call *c);
} routes[] = {
	{ "GET", { "version" }, version },
	{ "GET", { "status" }, status },
	{ "GET", { "faults" }, faults },
	{ "GET", { "events" }, events },
	{ "GET", { "trace" }, trace },
	{ "GET", { "lines" }, line_index },
	{ "POST", { "lines" }, v1_http_create },
	{ "GET", { "lines", "{}" }, line_show },
	{ "PATCH", { "lines", "{}" }, v1_http_patch },
	{ "DELETE", { "lines", "{}" }, v1_http_delete },
	{ "PATCH", { "lines", "{}", "policies" }, v1_http_policies },
	{ "GET", { "lines", "{}", "explain" }, v1_http_explain },
	{ "GET", { "lines", "{}", "policies" }, v1_live_policies },
	{ "POST", { "lines", "{}", "breaker" }, v1_live_breaker },
	{ "POST", { "lines", "{}", "instances", "{}", "drain" }, v1_live_drain },
	{ "POST", { "lines", "{}", "instances", "{}", "undrain" }, v1_live_undrain },
	{ "GET", { "requests" }, v1_live_requests },
	{ "GET", { "lines", "{}", "connections" }, line_connections },
	{ "DELETE", { "lines", "{}", "connections" }, line_cut },
	{ "POST", { "reload" }, reload },
	{ "POST", { "drain" }, drain },
};

static bool
matches(const struct route *route, const struct url_path *p)
{
	unsigned n = 0;

	while (n < FL_ARRAY_LEN(route->segments) && route->segments[n] != NULL)
		n++;
	if (p->count != n + 1)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (route->segments[i][0] != '{' && strcmp(route->segments[i], p->segments[i + 1]) != 0)
			return false;
	}
	return true;
}

/* Everything about the map is answered by its own thread. */
static int
graph_route(struct api_env *env, const struct api_request *q, struct api_reply *r)
{
	int rc;

	if (env->graph == NULL) {
		api_env_error_json(r, 404, "this daemon keeps no map; start it with --graph FILE");
		return 0;
	}
	rc = graph_service_answer(env->graph, q, r);
	if (rc == 1) {
		api_env_error_json(r, 404, "no such path under /v1/graph");
		return 0;
	}
	return rc;
}

int
v1_api_route(struct api_env *env, const struct api_request *q, struct api_reply *r)
{
	struct v1_call c = { .env = env, .q = q, .r = r };
	bool known = false;

	if (q->path->count < 2 || strcmp(q->path->segments[0], "v1") != 0)
		return 1;
	if (strcmp(q->path->segments[1], "graph") == 0)
		return graph_route(env, q, r);
	jsonw_init(&c.w, &r->body);
	for (size_t i = 0; i < FL_ARRAY_LEN(routes); i++) {
		if (!matches(&routes[i], q->path))
			continue;
		known = true;
		if (!api_env_is(q, routes[i].method))
			continue;
		if (routes[i].segments[1] != NULL) {
			c.line = lines_find(env->lines, q->path->segments[2]);
			if (c.line == NULL) {
				api_env_error_json(r, 404, "line not found");
				return 0;
			}
		}
		routes[i].run(&c);
		return c.rc;
	}
	if (known)
		api_env_error_json(r, 405, "the method does not fit the path");
	else
		api_env_error_json(r, 404, "no such path under /v1");
	return 0;
}
