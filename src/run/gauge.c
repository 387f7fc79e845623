/* SPDX-License-Identifier: MIT */
/* gauge.c - the numbers of a run. */
#include "run/gauge.h"

#include <math.h>

#define STEADY_LEAST 20         /* requests before the first disturbance that make a steady state; with fewer all must end well */

static fl_ns
load_end(const struct run_result *r)
{
	const struct result_load *l = &r->load;

	if (l->open)
		return l->start + l->length;
	return l->bucket_count == 0 ? r->duration_ns : l->buckets[l->bucket_count - 1].at + l->bucket_ns;
}

bool
gauge_disturbed(const struct run_result *r, fl_ns *ret_from, fl_ns *ret_to)
{
	bool any = false;
	fl_ns from = FL_NEVER, to = 0;

	for (uint32_t i = 0; i < r->fault_count; i++) {
		const struct result_fault *f = &r->faults[i];
		any = true;
		from = FL_MIN(from, f->from);
		to = FL_MAX(to, f->to == FL_NEVER ? load_end(r) : f->to);
	}
	if (!any)
		return false;
	*ret_from = from;
	*ret_to = FL_MIN(to, load_end(r));
	return true;
}

struct sums {
	double asked, good;
};

static void
add_bucket(const struct result_load *l, const struct result_bucket *b, struct sums *s)
{
	s->asked += l->open ? b->asked : (double)b->ok + b->fail + b->info;
	s->good += l->open ? b->asked_ok : b->ok;
}

static double
share(double part, double whole)
{
	return whole > 0 ? part / whole : NAN;
}

/* Requests due from..to, both on the edge of a bucket at least. */
static struct sums
between(const struct result_load *l, fl_ns from, fl_ns to)
{
	struct sums s = { 0, 0 };

	for (uint32_t i = 0; i < l->bucket_count; i++)
		if (l->buckets[i].at >= from && l->buckets[i].at + l->bucket_ns <= to)
			add_bucket(l, &l->buckets[i], &s);
	return s;
}

static double
time_to_heal(const struct run_result *r, fl_ns first, fl_ns last)
{
	const struct result_load *l = &r->load;
	const struct sums before = between(l, 0, first);
	const double wanted = GAUGE_HEALED_SHARE * (before.asked >= STEADY_LEAST ? share(before.good, before.asked) : 1);
	const fl_ns end = load_end(r);

	if (end - last < FL_SEC || l->bucket_ns <= 0)
		return NAN;
	for (uint32_t i = 0; i < l->bucket_count; i++) {
		const fl_ns at = l->buckets[i].at;
		struct sums second, rest;
		if (at + l->bucket_ns <= last || at + FL_SEC > end)
			continue;
		second = between(l, at, at + FL_SEC);
		rest = between(l, at, end);
		if (second.asked > 0 && second.good >= wanted * second.asked && rest.good >= wanted * rest.asked)
			return (double)FL_MAX(at - last, 0);
	}
	return INFINITY;
}

static void
fill_latency(const struct result_load *l, double *of)
{
	if (l->latency != NULL && l->latency->total > 0) {
		of[METRIC_P50] = (double)hist_quantile(l->latency, 0.5);
		of[METRIC_P95] = (double)hist_quantile(l->latency, 0.95);
		of[METRIC_P99] = (double)hist_quantile(l->latency, 0.99);
		of[METRIC_P999] = (double)hist_quantile(l->latency, 0.999);
		of[METRIC_MAX] = (double)l->latency->max;
	}
	if (l->latency_ok != NULL && l->latency_ok->total > 0) {
		of[METRIC_OK_P50] = (double)hist_quantile(l->latency_ok, 0.5);
		of[METRIC_OK_P99] = (double)hist_quantile(l->latency_ok, 0.99);
		of[METRIC_OK_P999] = (double)hist_quantile(l->latency_ok, 0.999);
	}
}

/* What the servers' own counters say. */
static void
fill_servers(const struct run_result *r, double asked, double *of)
{
	double requests = 0, worked = 0, wasted = 0;
	bool has_requests = false, has_work = false;

	for (uint32_t i = 0; i < r->counter_count; i++) {
		const struct result_counter *c = &r->counters[i];
		if (!isnan(c->requests)) {
			requests += c->requests;
			has_requests = true;
		}
		if (!isnan(c->worked) && !isnan(c->wasted)) {
			worked += c->worked;
			wasted += c->wasted;
			has_work = true;
		}
	}
	if (has_requests)
		of[METRIC_AMPLIFICATION] = share(requests, asked);
	if (has_work)
		of[METRIC_WASTED] = share(wasted, worked);
}

void
gauge_fill(const struct run_result *r, struct metric_set *ret)
{
	const struct result_load *l = &r->load;
	const double total = (double)l->ok + (double)l->fail + (double)l->info;
	const double seconds = (double)(l->open ? l->length : r->duration_ns) / (double)FL_SEC;
	double *of = ret->of;
	fl_ns first, last;

	for (int m = 0; m < METRIC_COUNT; m++)
		of[m] = NAN;
	if (total <= 0)
		return;
	of[METRIC_GOODPUT] = (double)l->ok / total;
	of[METRIC_ERRORS] = (double)(l->fail + l->info) / total;
	of[METRIC_OPERATIONS] = (double)l->ok;
	of[METRIC_RATE] = share((double)l->ok, seconds);
	if (l->open) {
		of[METRIC_LATE] = (double)l->late / total;
		of[METRIC_REFUSED] = (double)l->refused / total;
	}
	fill_latency(l, of);
	fill_servers(r, total, of);
	if (!gauge_disturbed(r, &first, &last))
		return;
	struct sums during = between(l, first - l->bucket_ns + 1, last + l->bucket_ns - 1), after = between(l, last, load_end(r));
	of[METRIC_GOODPUT_DURING] = share(during.good, during.asked);
	of[METRIC_GOODPUT_AFTER] = share(after.good, after.asked);
	of[METRIC_HEAL] = time_to_heal(r, first, last);
}
