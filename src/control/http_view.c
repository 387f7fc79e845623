/* SPDX-License-Identifier: MIT */
/* http_view.c - what an HTTP line is doing, as JSON. */
#include "control/http_view.h"
#include "control/http_live.h"
#include "proxy/cluster_report.h"
#include "proxy/http_conf.h"
#include "conf/http_ask.h"
#include <stdlib.h>
#include <string.h>

static void
put_uint(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_uint(w, v);
}

static void
put_float(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_float(w, v);
}

static void
put_ms(struct jsonw *w, const char *key, double ns)
{
	put_float(w, key, (double)(int64_t)(ns / 1000) / 1000);
}

/* ---- numbers ---- */

static void
put_times(struct jsonw *w, const char *key, const struct http_times_sum *t)
{
	static const struct { const char *key; double q; } quantiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };

	jsonw_key(w, key);
	jsonw_object(w);
	put_uint(w, "count", t->total);
	for (size_t i = 0; i < FL_ARRAY_LEN(quantiles) && t->total > 0; i++)
		put_ms(w, quantiles[i].key, (double)http_stats_quantile(t, quantiles[i].q));
	if (t->total > 0)
		put_ms(w, "mean", (double)t->sum_us * 1000 / (double)t->total);
	jsonw_end(w);
}

/* Counters of a row of names, those that are not 0. */
static void
put_row(struct jsonw *w, const char *key, const uint64_t *values, unsigned count, const char *(*name)(unsigned i))
{
	jsonw_key(w, key);
	jsonw_object(w);
	for (unsigned i = 0; i < count; i++) {
		if (values[i] > 0)
			put_uint(w, name(i), values[i]);
	}
	jsonw_end(w);
}

static const char *
class_name(unsigned i)
{
	static const char *const names[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };

	return names[i];
}

static const char *
who_name(unsigned i)
{
	return http_live_who((enum fl_who)i);
}

static const char *
limit_name(unsigned i)
{
	return http_live_limit((enum fl_limit)i);
}

static const char *
end_name(unsigned i)
{
	return fl_end_name((enum fl_end)i);
}

static void
put_sum(struct jsonw *w, const struct http_sum *s)
{
	put_uint(w, "requests", s->requests);
	put_uint(w, "active", s->active);
	put_row(w, "status", s->status, FL_ARRAY_LEN(s->status), class_name);
	put_row(w, "ends", s->ends, FL_END_COUNT, end_name);
	put_row(w, "refused", s->refused, FL_WHO_COUNT, who_name);
	put_row(w, "limits", s->limits, FL_LIMIT_COUNT, limit_name);
	put_uint(w, "attempts", s->attempts);
	put_uint(w, "retries", s->retries);
	put_uint(w, "hedges", s->hedges);
	put_uint(w, "hedges_won", s->hedges_won);
	put_uint(w, "fallbacks", s->fallbacks);
	put_uint(w, "resent", s->resent);
	put_uint(w, "degraded", s->degraded);
	put_uint(w, "faults", s->faults);
	put_uint(w, "client_gone", s->client_gone);
	put_uint(w, "upstream_broke", s->upstream_broke);
	put_uint(w, "request_bytes", s->request_bytes);
	put_uint(w, "response_bytes", s->response_bytes);
}

static void
put_phases(struct jsonw *w, const struct http_times_sum times[HTTP_PHASE_COUNT])
{
	jsonw_key(w, "latency_ms");
	jsonw_object(w);
	for (unsigned p = 0; p < HTTP_PHASE_COUNT; p++)
		put_times(w, http_phase_name((enum http_phase)p), &times[p]);
	jsonw_end(w);
}

/* ---- of the whole line ---- */

/* Fields are all counters: as numbers in a row. */
static void
add(void *sum, const void *more, size_t bytes)
{
	uint64_t *to = sum;
	const uint64_t *from = more;

	for (size_t i = 0; i < bytes / sizeof(uint64_t); i++)
		to[i] += from[i];
}

/* What a count in each step of a histogram stands for, ns. */
static fl_ns
step_of(size_t i)
{
	struct http_times_sum one = { .total = 1 };

	one.counts[i] = 1;
	return http_stats_quantile(&one, 1);
}

/* [[microseconds, count], ...] of the steps that are not empty. */
static void
put_histogram(struct jsonw *w, const struct http_times_sum *t)
{
	jsonw_key(w, "histogram_us");
	jsonw_array(w);
	for (size_t i = 0; i < HTTP_TIMES_COUNTS; i++) {
		if (t->counts[i] == 0)
			continue;
		jsonw_array(w);
		jsonw_int(w, step_of(i) / FL_US);
		jsonw_uint(w, t->counts[i]);
		jsonw_end(w);
	}
	jsonw_end(w);
}

static void
put_total(struct jsonw *w, const struct http_conf *c, bool histogram)
{
	struct http_times_sum times[HTTP_PHASE_COUNT] = { { .total = 0 } }, t;
	struct http_sum sum = { .requests = 0 }, s;

	for (unsigned i = 0; i < c->route_count; i++) {
		http_stats_sum(c->routes[i].stats, &s);
		add(&sum, &s, sizeof(s));
		for (unsigned p = 0; p < HTTP_PHASE_COUNT; p++) {
			http_stats_times(c->routes[i].stats, (enum http_phase)p, &t);
			add(&times[p], &t, sizeof(t));
		}
	}
	put_sum(w, &sum);
	put_phases(w, times);
	if (histogram)
		put_histogram(w, &times[HTTP_PHASE_TOTAL]);
}

struct attention {
	struct jsonw *w;
	fl_ns now;
};

/* "breaker open (checkout)", of a policy that is not in a usual state. */
static void
put_attention(void *ud, const struct http_live_policy *p)
{
	static const char *const usual[] = { "ok", "closed", "idle", "learning" };
	const struct attention *a = ud;
	struct http_live_numbers n;

	http_live_numbers(p, a->now, &n);
	for (size_t i = 0; i < FL_ARRAY_LEN(usual); i++) {
		if (strcmp(n.state, usual[i]) == 0)
			return;
	}
	if (p->route[0] != '\0')
		jsonw_printf(a->w, "%s %s (%s)", http_live_word(p->kind), n.state, p->route);
	else
		jsonw_printf(a->w, "%s %s", http_live_word(p->kind), n.state);
}

static void
count_instances(const struct http_live_clusters *all, fl_ns now, unsigned *ret_total, unsigned *ret_usable)
{
	struct cluster_report *r = calloc(CLUSTER_INSTANCES_MAX, sizeof(*r));

	*ret_total = *ret_usable = 0;
	for (unsigned i = 0; r != NULL && i < all->count; i++) {
		unsigned n = FL_MIN(cluster_reports(all->items[i], now, r, CLUSTER_INSTANCES_MAX), CLUSTER_INSTANCES_MAX);

		*ret_total += n;
		for (unsigned k = 0; k < n; k++)
			*ret_usable += strcmp(http_live_instance_state(&r[k]), "up") == 0;
	}
	free(r);
}

void
http_view_summary(struct jsonw *w, const struct lines_line *l, fl_ns now, bool histogram)
{
	struct attention a = { w, now };
	struct http_live_clusters all;
	unsigned total, usable;

	if (l->conf == NULL)
		return;
	jsonw_key(w, "http");
	jsonw_object(w);
	put_total(w, l->conf, histogram);
	if (http_live_clusters(l->conf, &all) == 0) {
		count_instances(&all, now, &total, &usable);
		jsonw_num(w, "instances", total);
		jsonw_num(w, "instances_up", usable);
		http_live_clusters_fini(&all);
	}
	jsonw_key(w, "attention");
	jsonw_array(w);
	http_live_policies(l->conf, put_attention, &a);
	jsonw_end(w);
	jsonw_end(w);
}

/* ---- instances ---- */

static void
put_breaker(struct jsonw *w, const struct cluster_report *r, fl_ns now)
{
	const struct fl_breaker_view *v = &r->breaker;

	jsonw_key(w, "breaker");
	jsonw_object(w);
	jsonw_str(w, "state", fl_breaker_state_name(v->state));
	if (v->until != FL_NEVER)
		put_ms(w, "probes_in_ms", (double)FL_MAX(v->until - now, 0));
	put_float(w, "calls", v->calls);
	put_float(w, "failure_rate", v->failure_rate);
	put_float(w, "slow_rate", v->slow_rate);
	put_uint(w, "admitted", r->counters.admitted);
	put_uint(w, "refused", r->counters.refused);
	put_uint(w, "would_refuse", r->counters.would_refuse);
	put_uint(w, "opened", r->counters.opened);
	put_uint(w, "stale", r->counters.stale);
	jsonw_end(w);
}

static void
put_instance(struct jsonw *w, const struct cluster *c, const struct cluster_report *r, fl_ns now)
{
	static const char *const health[] = { "bad", "unknown", "good" };

	jsonw_object(w);
	jsonw_str(w, "cluster", cluster_conf_of(c)->name);
	jsonw_str(w, "address", r->address);
	jsonw_str(w, "state", http_live_instance_state(r));
	put_float(w, "weight", r->weight);
	jsonw_num(w, "priority", r->priority);
	jsonw_flag(w, "local", r->local);
	if (cluster_conf_of(c)->health.on) {
		jsonw_str(w, "health", health[FL_MIN(FL_MAX(r->health, -1), 1) + 1]);
		jsonw_num(w, "health_status", r->health_status);
		if (r->health_status < 0)
			jsonw_str(w, "health_error", strerror(-r->health_status));
	}
	if (r->ejected && r->ejected_until != FL_NEVER)
		put_ms(w, "ejected_for_ms", (double)FL_MAX(r->ejected_until - now, 0));
	if (r->ejected_why[0] != '\0')
		jsonw_str(w, "ejected_why", r->ejected_why);
	if (r->has_breaker)
		put_breaker(w, r, now);
	jsonw_num(w, "inflight", r->inflight);
	jsonw_num(w, "connections", r->conns);
	jsonw_num(w, "idle", r->idle);
	put_uint(w, "requests", r->requests);
	put_uint(w, "failures", r->failures);
	put_uint(w, "connect_failures", r->connect_failures);
	put_uint(w, "timeouts", r->timeouts);
	if (r->latency > 0)
		put_ms(w, "latency_ms", r->latency);
	jsonw_end(w);
}

void
http_view_instances(struct jsonw *w, const struct lines_line *l, fl_ns now)
{
	struct http_live_clusters all;
	struct cluster_report *r;

	if (l->conf == NULL || http_live_clusters(l->conf, &all) != 0)
		return;
	r = calloc(CLUSTER_INSTANCES_MAX, sizeof(*r));
	jsonw_key(w, "instances");
	jsonw_array(w);
	for (unsigned i = 0; r != NULL && i < all.count; i++) {
		unsigned n = FL_MIN(cluster_reports(all.items[i], now, r, CLUSTER_INSTANCES_MAX), CLUSTER_INSTANCES_MAX);

		for (unsigned k = 0; k < n; k++)
			put_instance(w, all.items[i], &r[k], now);
	}
	jsonw_end(w);
	free(r);
	http_live_clusters_fini(&all);
}

/* ---- routes ---- */

void
http_view_routes(struct jsonw *w, const struct lines_line *l)
{
	struct http_times_sum times[HTTP_PHASE_COUNT];
	struct http_sum s;

	if (l->conf == NULL)
		return;
	jsonw_key(w, "routes");
	jsonw_array(w);
	for (unsigned i = 0; i < l->conf->route_count; i++) {
		const struct http_route *r = &l->conf->routes[i];

		http_stats_sum(r->stats, &s);
		for (unsigned p = 0; p < HTTP_PHASE_COUNT; p++)
			http_stats_times(r->stats, (enum http_phase)p, &times[p]);
		jsonw_object(w);
		jsonw_str(w, "name", r->name);
		jsonw_str(w, "cluster", cluster_conf_of(r->cluster)->name);
		put_sum(w, &s);
		put_phases(w, times);
		jsonw_end(w);
	}
	jsonw_end(w);
}

/* ---- policies ---- */

struct policies_view {
	struct jsonw *w;
	fl_ns now;
};

static void
put_policy(void *ud, const struct http_live_policy *p)
{
	const struct policies_view *v = ud;
	struct jsonw *w = v->w;
	struct http_live_numbers n;
	char say[512];

	http_live_numbers(p, v->now, &n);
	jsonw_object(w);
	jsonw_str(w, "policy", http_live_word(p->kind));
	jsonw_str(w, "name", p->name);
	jsonw_str(w, "state", n.state);
	jsonw_key(w, "routes");
	jsonw_array(w);
	for (unsigned i = 0; i < p->route_count; i++)
		jsonw_string(w, p->routes[i]);
	jsonw_end(w);
	put_uint(w, "refused", n.refused);
	put_uint(w, "would_refuse", n.would_refuse);
	for (unsigned i = 0; i < n.count; i++)
		put_float(w, n.values[i].name, n.values[i].value);
	jsonw_str(w, "say", http_live_say(p, v->now, say, sizeof(say)));
	jsonw_end(w);
}

void
http_view_policies(struct jsonw *w, const struct lines_line *l, fl_ns now)
{
	struct policies_view v = { w, now };

	if (l->conf == NULL)
		return;
	jsonw_key(w, "policies");
	jsonw_array(w);
	http_live_policies(l->conf, put_policy, &v);
	jsonw_end(w);
}
