/* SPDX-License-Identifier: MIT */
/*
 * http_metrics.c - metrics of HTTP lines.
 *
 * A family's samples must stand together, so everything is looked at once, kept for the time of the call, and written family by
 * family. Workers are not asked: their counters are read as they are.
 */
#include "control/http_metrics.h"
#include "control/access_log.h"
#include "control/call_tail.h"
#include "control/http_live.h"
#include "io/io.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct route_row {
	const char *line, *route;
	const struct http_stats *stats;
	struct http_sum sum;
};
struct instance_row {
	const char *line, *cluster;
	struct cluster_report r;
};
struct policy_row {
	const char *line;
	enum http_live_kind kind;
	const char *route;
	struct http_live_numbers n;
};

struct seen {
	struct openmetrics *m;
	fl_ns now;
	struct route_row *routes;
	struct instance_row *instances;
	struct policy_row *policies;
	unsigned route_count, instance_count, policy_count;
	unsigned routes_omitted, instances_omitted, policies_omitted;
	const char *line;               /* at hand */
};

/* ---- looking ---- */

static void
see_policy(void *ud, const struct http_live_policy *p)
{
	struct seen *s = ud;
	struct policy_row *row;

	if (s->policy_count == HTTP_METRICS_POLICIES_MAX) {
		s->policies_omitted++;
		return;
	}
	row = &s->policies[s->policy_count++];
	*row = (struct policy_row){ .line = s->line, .kind = p->kind, .route = p->route };
	http_live_numbers(p, s->now, &row->n);
}

static void
see_cluster(struct seen *s, struct cluster *c, struct cluster_report *room)
{
	unsigned n = cluster_reports(c, s->now, room, CLUSTER_INSTANCES_MAX);

	for (unsigned i = 0; i < FL_MIN(n, CLUSTER_INSTANCES_MAX); i++) {
		if (s->instance_count == HTTP_METRICS_INSTANCES_MAX)
			s->instances_omitted++;
		else
			s->instances[s->instance_count++] = (struct instance_row){ s->line, cluster_conf_of(c)->name, room[i] };
	}
}

static void
see_line(struct seen *s, const struct lines_line *l, struct cluster_report *room)
{
	struct http_live_clusters all;

	s->line = l->name;
	for (unsigned i = 0; i < l->conf->route_count; i++) {
		struct route_row *row = &s->routes[s->route_count];

		if (s->route_count == HTTP_METRICS_ROUTES_MAX) {
			s->routes_omitted++;
			continue;
		}
		*row = (struct route_row){ .line = l->name, .route = l->conf->routes[i].name, .stats = l->conf->routes[i].stats };
		http_stats_sum(row->stats, &row->sum);
		s->route_count++;
	}
	http_live_policies(l->conf, see_policy, s);
	if (http_live_clusters(l->conf, &all) != 0)
		return;
	for (unsigned i = 0; i < all.count; i++)
		see_cluster(s, all.items[i], room);
	http_live_clusters_fini(&all);
}

/* How many rows there may be at most. */
static void
count_rows(const struct api_env *env, size_t *ret_routes, size_t *ret_instances)
{
	*ret_routes = *ret_instances = 0;
	list_for(link, &env->lines->order) {
		const struct lines_line *l = list_entry(link, struct lines_line, link);

		if (l->conf != NULL) {
			*ret_routes += l->conf->route_count;
			*ret_instances += CLUSTER_INSTANCES_MAX;
		}
	}
}

static void
seen_fini(struct seen *s)
{
	free(s->routes);
	free(s->instances);
	free(s->policies);
}

static bool
see(const struct api_env *env, struct seen *s)
{
	struct cluster_report *room = calloc(CLUSTER_INSTANCES_MAX, sizeof(*room));
	size_t routes, instances;
	bool good;

	count_rows(env, &routes, &instances);
	s->routes = calloc(FL_MIN(routes, HTTP_METRICS_ROUTES_MAX) + 1, sizeof(*s->routes));
	s->instances = calloc(FL_MIN(instances, HTTP_METRICS_INSTANCES_MAX) + 1, sizeof(*s->instances));
	s->policies = calloc(FL_MIN(routes * HTTP_LIVE_COUNT, HTTP_METRICS_POLICIES_MAX) + 1, sizeof(*s->policies));
	good = room != NULL && s->routes != NULL && s->instances != NULL && s->policies != NULL;
	if (good) {
		list_for(link, &env->lines->order) {
			const struct lines_line *l = list_entry(link, struct lines_line, link);

			if (l->conf != NULL)
				see_line(s, l, room);
		}
	}
	free(room);
	return good;
}

/* ---- calls ---- */

#define COUNTER(name, field, unit, help) { name, unit, help, offsetof(struct http_sum, field) }
static const struct { const char *name, *unit, *help; size_t offset; } counters[] = {
	COUNTER("faultline_http_attempts", attempts, NULL, "Attempts made for calls on a route, hedges included."),
	COUNTER("faultline_http_retries", retries, NULL, "Attempts that repeated a failed one."),
	COUNTER("faultline_http_hedges", hedges, NULL, "Attempts made beside one that was slow."),
	COUNTER("faultline_http_hedges_won", hedges_won, NULL, "Hedges that answered first."),
	COUNTER("faultline_http_fallbacks", fallbacks, NULL, "Calls that took the fallback."),
	COUNTER("faultline_http_resent", resent, NULL,
	    "Attempts that went on over another connection, or at another instance: nobody had seen the request, or it may be repeated."),
	COUNTER("faultline_http_degraded", degraded, NULL, "Calls that were answered by a fallback."),
	COUNTER("faultline_http_faulted", faults, NULL, "Calls that a fault hit."),
	COUNTER("faultline_http_client_gone", client_gone, NULL, "Calls whose client left before the answer."),
	COUNTER("faultline_http_upstream_broke", upstream_broke, NULL, "Answers that the server broke off."),
	COUNTER("faultline_http_request_bytes", request_bytes, "bytes", "Bytes of requests, heads included."),
	COUNTER("faultline_http_response_bytes", response_bytes, "bytes", "Bytes of answers, heads included."),
};

static void
put_requests(const struct seen *s)
{
	static const char *const classes[] = { "none", "1xx", "2xx", "3xx", "4xx", "5xx" };

	openmetrics_family(s->m, "faultline_http_requests", OPENMETRICS_COUNTER, NULL,
	    "Calls that ended, by class of the status told to the client.");
	for (unsigned i = 0; i < s->route_count; i++) {
		for (unsigned k = 0; k < FL_ARRAY_LEN(classes); k++) {
			const struct openmetrics_label l[] = { { "line", s->routes[i].line }, { "route", s->routes[i].route },
				{ "code_class", classes[k] } };

			if (s->routes[i].sum.status[k] > 0 || k == 2 || k == 5)
				openmetrics_uint(s->m, l, 3, s->routes[i].sum.status[k]);
		}
	}
	openmetrics_family(s->m, "faultline_http_active", OPENMETRICS_GAUGE, NULL, "Calls under way.");
	for (unsigned i = 0; i < s->route_count; i++) {
		const struct openmetrics_label l[] = { { "line", s->routes[i].line }, { "route", s->routes[i].route } };

		openmetrics_uint(s->m, l, 2, s->routes[i].sum.active);
	}
}

static void
put_counters(const struct seen *s)
{
	for (size_t c = 0; c < FL_ARRAY_LEN(counters); c++) {
		openmetrics_family(s->m, counters[c].name, OPENMETRICS_COUNTER, counters[c].unit, counters[c].help);
		for (unsigned i = 0; i < s->route_count; i++) {
			const struct openmetrics_label l[] = { { "line", s->routes[i].line }, { "route", s->routes[i].route } };
			uint64_t v;

			memcpy(&v, (const char *)&s->routes[i].sum + counters[c].offset, sizeof(v));
			openmetrics_uint(s->m, l, 2, v);
		}
	}
}

static const char *
end_name(unsigned i)
{
	return fl_end_name((enum fl_end)i);
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

/* A row of counters by a further label, those that are not 0. */
static void
put_by(const struct seen *s, const char *family, const char *help, const char *label, size_t offset, unsigned from, unsigned count,
    const char *(*name)(unsigned i))
{
	openmetrics_family(s->m, family, OPENMETRICS_COUNTER, NULL, help);
	for (unsigned i = 0; i < s->route_count; i++) {
		for (unsigned k = from; k < count; k++) {
			const struct openmetrics_label l[] = { { "line", s->routes[i].line }, { "route", s->routes[i].route }, { label, name(k) } };
			uint64_t v;

			memcpy(&v, (const char *)&s->routes[i].sum + offset + k * sizeof(v), sizeof(v));
			if (v > 0)
				openmetrics_uint(s->m, l, 3, v);
		}
	}
}

static void
put_phases(const struct seen *s)
{
	static const double bounds[] = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };
	struct openmetrics_bucket buckets[FL_ARRAY_LEN(bounds)];
	struct http_times_sum t;

	openmetrics_family(s->m, "faultline_http_phase_seconds", OPENMETRICS_HISTOGRAM, "seconds",
	    "How long phases of calls took; phase total: from the request read to the answer sent.");
	for (unsigned i = 0; i < s->route_count; i++) {
		for (unsigned p = 0; p < HTTP_PHASE_COUNT; p++) {
			const struct openmetrics_label l[] = { { "line", s->routes[i].line }, { "route", s->routes[i].route },
				{ "phase", http_phase_name((enum http_phase)p) } };
			uint64_t total = 0;

			http_stats_times(s->routes[i].stats, (enum http_phase)p, &t);
			/* Counted while others count on: the whole is what the parts are. */
			for (size_t k = 0; k < HTTP_TIMES_COUNTS; k++)
				total += t.counts[k];
			for (size_t k = 0; k < FL_ARRAY_LEN(bounds); k++)
				buckets[k] = (struct openmetrics_bucket){ bounds[k], http_stats_within(&t, (fl_ns)(bounds[k] * 1e9)) };
			openmetrics_histogram(s->m, l, 3, buckets, FL_ARRAY_LEN(bounds), total, (double)t.sum_us / 1e6);
		}
	}
}

/* ---- instances ---- */

static double
of_up(const struct cluster_report *r)
{
	return strcmp(http_live_instance_state(r), "up") == 0;
}

static double
of_inflight(const struct cluster_report *r)
{
	return r->inflight;
}

static double
of_connections(const struct cluster_report *r)
{
	return r->conns;
}

static double
of_idle(const struct cluster_report *r)
{
	return r->idle;
}

static double
of_requests(const struct cluster_report *r)
{
	return (double)r->requests;
}

static double
of_failures(const struct cluster_report *r)
{
	return (double)r->failures;
}

static double
of_connect_failures(const struct cluster_report *r)
{
	return (double)r->connect_failures;
}

static double
of_timeouts(const struct cluster_report *r)
{
	return (double)r->timeouts;
}

static double
of_latency(const struct cluster_report *r)
{
	return r->latency / 1e9;
}

static const struct {
	const char *name;
	enum openmetrics_type type;
	const char *unit, *help;
	double (*of)(const struct cluster_report *r);
} instance_families[] = {
	{ "faultline_instance_up", OPENMETRICS_GAUGE, NULL, "1: it takes calls; 0: it is down, ejected, draining, or its breaker is not closed.",
	    of_up },
	{ "faultline_instance_inflight", OPENMETRICS_GAUGE, NULL, "Calls under way to an instance.", of_inflight },
	{ "faultline_instance_connections", OPENMETRICS_GAUGE, NULL, "Connections to an instance, idle ones too.", of_connections },
	{ "faultline_instance_idle_connections", OPENMETRICS_GAUGE, NULL, "Idle connections to an instance.", of_idle },
	{ "faultline_instance_requests", OPENMETRICS_COUNTER, NULL, "Attempts sent to an instance.", of_requests },
	{ "faultline_instance_failures", OPENMETRICS_COUNTER, NULL, "Attempts that failed at an instance.", of_failures },
	{ "faultline_instance_connect_failures", OPENMETRICS_COUNTER, NULL, "Connections to an instance that could not be made.",
	    of_connect_failures },
	{ "faultline_instance_timeouts", OPENMETRICS_COUNTER, NULL, "Attempts that ran out of time at an instance.", of_timeouts },
	{ "faultline_instance_latency_seconds", OPENMETRICS_GAUGE, "seconds", "Moving average of an instance's latency.", of_latency },
};

static void
put_instances(const struct seen *s)
{
	for (size_t f = 0; f < FL_ARRAY_LEN(instance_families); f++) {
		openmetrics_family(s->m, instance_families[f].name, instance_families[f].type, instance_families[f].unit, instance_families[f].help);
		for (unsigned i = 0; i < s->instance_count; i++) {
			const struct instance_row *row = &s->instances[i];
			const struct openmetrics_label l[] = { { "line", row->line }, { "cluster", row->cluster }, { "instance", row->r.address } };

			openmetrics_float(s->m, l, 3, instance_families[f].of(&row->r));
		}
	}
}

/* ---- policies ---- */

static void
put_state(const struct seen *s, const char *line, const char *route, const char *instance, const char *policy, const char *const *states,
    const char *state)
{
	for (size_t i = 0; states[i] != NULL; i++) {
		const struct openmetrics_label l[] = { { "line", line }, { "route", route }, { "instance", instance }, { "policy", policy },
			{ "state", states[i] } };

		openmetrics_uint(s->m, l, 5, strcmp(states[i], state) == 0);
	}
}

/* Of "cart/checkout": "checkout", the route whose instances these are; of "cart": "". */
static const char *
route_of(const struct instance_row *row)
{
	size_t n = strlen(row->line);

	return strlen(row->cluster) > n ? row->cluster + n + 1 : "";
}

static void
put_states(const struct seen *s)
{
	openmetrics_family(s->m, "faultline_policy_state", OPENMETRICS_GAUGE, NULL,
	    "1 for the state that a policy is in, 0 for the others it may be in; route \"\": the line's, for all routes without their own.");
	for (unsigned i = 0; i < s->policy_count; i++) {
		const struct policy_row *p = &s->policies[i];

		put_state(s, p->line, p->route, "", http_live_word(p->kind), http_live_states(p->kind), p->n.state);
	}
	for (unsigned i = 0; i < s->instance_count; i++) {
		const struct instance_row *row = &s->instances[i];

		if (row->r.has_breaker)
			put_state(s, row->line, route_of(row), row->r.address, "breaker", http_live_states(HTTP_LIVE_BREAKER),
			    fl_breaker_state_name(row->r.breaker.state));
	}
}

static void
put_refusals(const struct seen *s, const char *family, const char *help, bool observed)
{
	openmetrics_family(s->m, family, OPENMETRICS_COUNTER, NULL, help);
	for (unsigned i = 0; i < s->policy_count; i++) {
		const struct policy_row *p = &s->policies[i];
		const struct openmetrics_label l[] = { { "line", p->line }, { "route", p->route }, { "instance", "" },
			{ "policy", http_live_word(p->kind) } };

		openmetrics_uint(s->m, l, 4, observed ? p->n.would_refuse : p->n.refused);
	}
	for (unsigned i = 0; i < s->instance_count; i++) {
		const struct instance_row *row = &s->instances[i];
		const struct openmetrics_label l[] = { { "line", row->line }, { "route", route_of(row) }, { "instance", row->r.address },
			{ "policy", "breaker" } };

		if (row->r.has_breaker)
			openmetrics_uint(s->m, l, 4, observed ? row->r.counters.would_refuse : row->r.counters.refused);
	}
}

/* faultline_bulkhead_inflight, faultline_shed_sojourn_seconds, faultline_breaker_opened_total, ... */
static void
put_values(const struct seen *s, enum http_live_kind kind, unsigned index)
{
	bool begun = false;

	for (unsigned i = 0; i < s->policy_count; i++) {
		const struct policy_row *p = &s->policies[i];
		const struct openmetrics_label l[] = { { "line", p->line }, { "route", p->route } };
		const char *name, *unit = NULL;
		char family[96];
		size_t n;
		bool ms;

		if (p->kind != kind || index >= p->n.count)
			continue;
		name = p->n.values[index].name;
		n = strlen(name);
		ms = n > 3 && strcmp(name + n - 3, "_ms") == 0;
		if (ms)
			unit = "seconds";
		if (!begun) {
			snprintf(family, sizeof(family), "faultline_%s_%.*s%s", http_live_word(kind), (int)(ms ? n - 3 : n), name,
			    ms ? "_seconds" : "");
			openmetrics_family(s->m, family, p->n.values[index].counter ? OPENMETRICS_COUNTER : OPENMETRICS_GAUGE, unit,
			    "A number of this policy; see doc/metrics.md.");
		}
		begun = true;
		if (!isnan(p->n.values[index].value))
			openmetrics_float(s->m, l, 2, ms ? p->n.values[index].value / 1000 : p->n.values[index].value);
	}
}

static void
put_policies(const struct seen *s)
{
	put_states(s);
	put_refusals(s, "faultline_policy_refusals", "Calls and attempts that a policy refused.", false);
	put_refusals(s, "faultline_policy_would_refuse", "What a policy that only observes would have refused.", true);
	for (unsigned k = 0; k < HTTP_LIVE_COUNT; k++) {
		for (unsigned i = 0; i < HTTP_LIVE_VALUES_MAX; i++)
			put_values(s, (enum http_live_kind)k, i);
	}
}

/* ---- of ourselves ---- */

static void
put_own(const struct api_env *env, const struct seen *s)
{
	const struct { const char *what; unsigned count; } omitted[] = {
		{ "routes", s->routes_omitted }, { "instances", s->instances_omitted }, { "policies", s->policies_omitted },
	};
	struct access_log_counters log;

	openmetrics_family(s->m, "faultline_metrics_omitted", OPENMETRICS_GAUGE, NULL, "What metrics leave out, because it would be too much.");
	for (size_t i = 0; i < FL_ARRAY_LEN(omitted); i++)
		openmetrics_uint(s->m, &(struct openmetrics_label){ "what", omitted[i].what }, 1, omitted[i].count);
	access_log_counters(env->calls->log, &log);
	openmetrics_family(s->m, "faultline_access_log_lines", OPENMETRICS_COUNTER, NULL, "Lines written to access logs.");
	openmetrics_uint(s->m, NULL, 0, log.written);
	openmetrics_family(s->m, "faultline_access_log_dropped", OPENMETRICS_COUNTER, NULL, "Lines that access logs missed: a disk is full or slow.");
	openmetrics_uint(s->m, NULL, 0, log.dropped);
	openmetrics_family(s->m, "faultline_requests_recorded", OPENMETRICS_COUNTER, NULL, "Calls that were recorded.");
	openmetrics_uint(s->m, NULL, 0, env->calls->next);
	openmetrics_family(s->m, "faultline_requests_unrecorded", OPENMETRICS_COUNTER, NULL, "Calls for whose record there was no room.");
	openmetrics_uint(s->m, NULL, 0, env->calls->lost);
}

bool
http_metrics_any(const struct api_env *env)
{
	list_for(link, &env->lines->order) {
		if (list_entry(link, struct lines_line, link)->conf != NULL)
			return true;
	}
	return false;
}

void
http_metrics_write(const struct api_env *env, struct openmetrics *m)
{
	struct seen s = { .m = m, .now = io_clock(env->io) };

	if (!http_metrics_any(env))
		return;
	if (see(env, &s)) {
		put_requests(&s);
		put_counters(&s);
		put_by(&s, "faultline_http_ends", "How calls ended.", "end", offsetof(struct http_sum, ends), 1, FL_END_COUNT, end_name);
		put_by(&s, "faultline_http_refusals", "Calls that were refused, by who refused.", "policy", offsetof(struct http_sum, refused), 1,
		    FL_WHO_COUNT, who_name);
		put_by(&s, "faultline_http_timeouts", "Calls that ran out of time, by the limit.", "limit", offsetof(struct http_sum, limits), 1,
		    FL_LIMIT_COUNT, limit_name);
		put_phases(&s);
		put_instances(&s);
		put_policies(&s);
		put_own(env, &s);
	}
	seen_fini(&s);
}
