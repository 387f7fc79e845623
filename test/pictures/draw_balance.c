/* SPDX-License-Identifier: MIT */
/* draw_balance.c - ten instances, two of them three times as slow: what each way of choosing makes of more and more load. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

#define INSTANCES 10
#define SERVERS 4
#define LOADS 9

static const unsigned loads[LOADS] = { 10, 20, 30, 40, 50, 60, 70, 80, 90 };
static const enum fl_balance_kind kinds[] = { FL_RANDOM, FL_ROUND_ROBIN, FL_LEAST_REQUEST, FL_EWMA };

struct set {
	struct fl_balance *balance;
	double load, latency[INSTANCES];
	fl_ns at[INSTANCES];
};

/* Eight instances do 4 in 10 ms, two 4 in 30 ms. */
static double capacity(void) { return 8 * 400 + 2 * 400.0 / 3; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	w->work = (fl_ns)((instance < 2 ? 30e6 : 10e6) * (0.5 + scene_draw(s, 2, ordinal)));
}

static void
view(void *ud, unsigned i, struct fl_instance_view *ret)
{
	struct scene *s = ud;
	struct set *t = s->conf->ud;
	*ret = (struct fl_instance_view){ .weight = 1, .inflight = s->inflight[i], .back_at = INT64_MIN, .usable = true,
		.latency = fl_balance_faded(t->latency[i], t->at[i], s->now, 2 * FL_SEC) };
}

static int
pick(struct scene *s, uint64_t ordinal)
{
	struct set *t = s->conf->ud;
	struct fl_balance_ask ask = { .draw = ordinal, .now = s->now };
	return fl_balance_pick(t->balance, INSTANCES, view, s, &ask);
}

static void
ended(struct scene *s, unsigned i, enum fl_outcome outcome, fl_ns began)
{
	struct set *t = s->conf->ud;
	(void)outcome;
	t->latency[i] = fl_balance_ewma(t->latency[i], s->now - began, t->at[i], s->now, 2 * FL_SEC);
	t->at[i] = s->now;
}

#define RATE(n) static double rate_##n(fl_ns t) { (void)t; return capacity() * n / 100; }
RATE(10) RATE(20) RATE(30) RATE(40) RATE(50) RATE(60) RATE(70) RATE(80) RATE(90)
#undef RATE

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The 99th percentile of all but the first two seconds, ms. */
static double
p99(const struct scene *s)
{
	double *took = malloc((s->end_count + 1) * sizeof(*took)), v;
	size_t n = 0;
	if (took == NULL)
		abort();
	for (size_t i = 0; i < s->end_count; i++)
		if (s->ends[i].at > 2 * FL_SEC && s->ends[i].end == FL_END_ANSWERED)
			took[n++] = (double)s->ends[i].took / 1e6;
	qsort(took, n, sizeof(*took), by_size);
	v = n > 0 ? took[(size_t)(0.99 * (double)n)] : NAN;
	free(took);
	return v;
}

void
draw_balance(struct buf *out)
{
	static double (*const rates[LOADS])(fl_ns t) = { rate_10, rate_20, rate_30, rate_40, rate_50, rate_60, rate_70, rate_80, rate_90 };
	struct fl_plan plan;
	struct plot p = { .title = "Load balancing: ten instances, of which two are three times as slow",
		.x_label = "load (% of what all can do together)",
		.x_max = 100 };
	double x[LOADS], y[FL_ARRAY_LEN(kinds)][LOADS], slow[FL_ARRAY_LEN(kinds)][LOADS];
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .total = 5 * FL_SEC };
	for (size_t k = 0; k < FL_ARRAY_LEN(kinds); k++) {
		for (unsigned l = 0; l < LOADS; l++) {
			struct fl_balance_opts o;
			struct set set = { .load = loads[l] };
			double ones[INSTANCES], begun = 0, all = 0;
			for (unsigned i = 0; i < INSTANCES; i++)
				ones[i] = 1;
			fl_balance_opts_init(&o);
			o.kind = kinds[k];
			if (fl_balance_new(&o, NULL, ones, INSTANCES, &set.balance, NULL) < 0)
				abort();
			struct scene_conf conf = { .seed = 1, .length = 6 * FL_SEC, .bucket = FL_SEC, .plan = &plan, .rate = rates[l],
				.instances = INSTANCES, .servers = SERVERS, .serve = serve, .pick = pick, .ended = ended, .ud = &set };
			struct scene *s = scene_run(&conf);
			for (unsigned b = 2; b < s->buckets; b++) {
				begun += s->count[b].begun[0] + s->count[b].begun[1];
				all += s->count[b].attempts;
			}
			x[l] = loads[l];
			y[k][l] = p99(s);
			slow[k][l] = 100 * begun / all;
			scene_free(s);
			fl_balance_free(set.balance);
		}
	}
	p.x = x;
	p.n = LOADS;
	p.panels[0] = (struct plot_panel){ .y_label = "p99 (ms)", .log = true, .y_min = 10, .height = 220, .series = {
		{ "random", "grey", PLOT_LINE, NULL, y[0], 0 }, { "round_robin", "bad", PLOT_LINE, NULL, y[1], 0 },
		{ "least_request", "main", PLOT_LINE, NULL, y[2], 0 }, { "peak_ewma", "good", PLOT_LINE, NULL, y[3], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "share (%)", .height = 110, .y_max = 25, .series = {
		{ "of the two slow instances: random", "grey", PLOT_LINE, NULL, slow[0], 0 }, { "round_robin", "bad", PLOT_LINE, NULL, slow[1], 0 },
		{ "least_request", "main", PLOT_LINE, NULL, slow[2], 0 }, { "peak_ewma", "good", PLOT_LINE, NULL, slow[3], 0 } } };
	plot_svg(&p, out);
}
