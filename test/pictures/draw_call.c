/* SPDX-License-Identifier: MIT */
/* draw_call.c - three seconds of trouble, and what becomes of them: bare retries, and a whole plan. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { (void)t; return 150; }

/* Ten servers do 200 a second; for three seconds they stand still. */
static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = draw_within(s->now, 10, 13) ? 13 * FL_SEC - s->now : (fl_ns)(50e6 * (0.5 + scene_draw(s, 2, ordinal)));
}

static void
make(struct fl_plan *plan)
{
	struct fl_breaker_opts b;
	struct fl_budget_opts t;
	struct fl_bulkhead_opts k;
	fl_breaker_opts_init(&b);
	fl_budget_opts_init(&t);
	fl_bulkhead_opts_init(&k);
	b.open = FL_SEC;
	k.max = 20;
	k.queue = 20;
	if (fl_breaker_new(&b, &plan->breaker, NULL) < 0 || fl_budget_new(&t, &plan->budget, NULL) < 0 ||
	    fl_bulkhead_new(&k, &plan->bulkhead, NULL) < 0)
		abort();
}

void
draw_call(struct buf *out)
{
	struct fl_plan plan;
	struct plot p = { .title = "All together: a service that does 200 a second stands still from 10 s to 13 s",
		.x_label = "time (s)", .x_max = 60 };
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .total = 3 * FL_SEC, .per_try = 600 * FL_MS, .queue = FL_SEC };
	plan.retry.attempts_max = 4;
	struct scene_conf conf = { .seed = 1, .length = 60 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 10, .serve = serve, .retryable = true, .idempotent = true };
	struct draw_cols *c = draw_cols_new(&conf);
	for (int with = 0; with < 2; with++) {
		if (with)
			make(&plan);
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			c->c[with][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
			c->c[2 + with][i] = scene_rate(s, s->count[i].attempts);
			c->c[4 + with][i] = s->count[i].at_service;
			c->c[6][i] = scene_rate(s, s->count[i].asked);
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 10, 13, "bad", NULL);
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .height = 130, .series = {
		{ "asked", "grey", PLOT_LINE, NULL, c->c[6], 0 }, { "answered, whole plan", "good", PLOT_LINE, NULL, c->c[1], 0 },
		{ "answered, time limit and retries alone", "bad", PLOT_LINE, NULL, c->c[0], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "attempts per second", .height = 110, .series = {
		{ "whole plan", "good", PLOT_LINE, NULL, c->c[3], 0 }, { "retries alone", "bad", PLOT_LINE, NULL, c->c[2], 0 } } };
	p.panels[2] = (struct plot_panel){ .y_label = "requests there", .height = 110, .log = true, .y_min = 1, .series = {
		{ "at the service, whole plan", "good", PLOT_LINE, NULL, c->c[5], 0 }, { "retries alone", "bad", PLOT_LINE, NULL, c->c[4], 0 } } };
	plot_svg(&p, out);
	fl_breaker_free(plan.breaker);
	fl_budget_free(plan.budget);
	fl_bulkhead_free(plan.bulkhead);
	free(c);
}
