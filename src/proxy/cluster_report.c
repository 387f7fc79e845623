/* SPDX-License-Identifier: MIT */
/* cluster_report.c - how the instances of a cluster are. */
#include "proxy/cluster_report.h"
#include "proxy/cluster_pick.h"

#include <stdio.h>

static void
report(const struct cluster *c, const struct instance *i, unsigned panics, fl_ns now, struct cluster_report *r)
{
	*r = (struct cluster_report){ .weight = i->weight, .priority = i->priority, .local = i->local,
		.usable = cluster_pick_usable(i, panics, now), .draining = atomic_load(&i->draining),
		.inflight = (int)atomic_load(&i->inflight), .conns = (int)atomic_load(&i->conns), .idle = (int)atomic_load(&i->idle),
		.failures = atomic_load(&i->core->failures), .connect_failures = atomic_load(&i->core->connect_failures),
		.timeouts = atomic_load(&i->core->timeouts), .latency = atomic_load(&i->core->latency),
		.has_breaker = i->core->breaker != NULL };
	snprintf(r->address, sizeof(r->address), "%s", i->text);
	for (unsigned w = 0; w < cluster_conf_of(c)->workers; w++)
		r->requests += atomic_load_explicit(&i->seats[w].picked, memory_order_relaxed);
	if (i->judge != NULL) {
		struct fl_outlier_view v;
		fl_outlier_view(cluster_outlier_of(i), &i->judge->host, now, &v);
		r->ejected = v.ejected;
		r->ejected_until = v.until;
		if (v.ejected)
			fl_outlier_explain(cluster_outlier_of(i), &i->judge->host, now, r->ejected_why, sizeof(r->ejected_why));
		r->health = atomic_load(&i->judge->health_state);
		r->health_status = atomic_load(&i->judge->health_status);
		r->health_at = atomic_load(&i->judge->health_at);
	}
	if (r->has_breaker) {
		fl_breaker_view(i->core->breaker, now, &r->breaker);
		fl_breaker_counters(i->core->breaker, &r->counters);
	}
}

unsigned
cluster_reports(struct cluster *c, fl_ns now, struct cluster_report *ret, unsigned max)
{
	struct cluster_sight s;
	unsigned n = cluster_look(c, &s), panics = cluster_pick_panics(c, s.items, n, now);
	for (unsigned i = 0; i < n && i < max; i++)
		report(c, s.items[i], panics, now, &ret[i]);
	cluster_look_away(&s);
	return n;
}
