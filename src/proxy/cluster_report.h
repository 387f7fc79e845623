/* SPDX-License-Identifier: MIT */
/* cluster_report.h - how the instances of a cluster are, for the control side. */
#ifndef PROXY_CLUSTER_REPORT_H
#define PROXY_CLUSTER_REPORT_H

#include "proxy/cluster.h"

struct cluster_report {
	char address[ADDR_TEXT_MAX];
	double weight;
	unsigned priority;
	bool local, usable, draining, ejected;
	fl_ns ejected_until;
	char ejected_why[128];                  /* why, in words */
	int health, health_status;
	fl_ns health_at;
	int inflight, conns, idle;
	uint64_t requests, failures, connect_failures, timeouts;
	double latency;                         /* ns */
	bool has_breaker;
	struct fl_breaker_view breaker;
	struct fl_breaker_counters counters;
};
/* Up to max instances; returns how many there are. */
unsigned cluster_reports(struct cluster *c, fl_ns now, struct cluster_report *ret, unsigned max);

#endif
