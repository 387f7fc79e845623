/* SPDX-License-Identifier: MIT */
/* draw_hedge.c - two in a hundred requests take half a second; for a while the service is slower altogether. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { (void)t; return 400; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	double u = scene_draw(s, 2, ordinal), v = scene_draw(s, 3, ordinal), slower = draw_within(s->now, 25, 45) ? 3 : 1;
	(void)instance;
	w->work = u < 0.02 ? (fl_ns)(500e6 * (0.7 + 0.6 * v)) : (fl_ns)(20e6 * slower * exp(0.5 * (v + scene_draw(s, 4, ordinal) - 1)));
}

static void
sample(struct scene *s, unsigned b)
{
	struct draw_cols *c = s->conf->ud;
	if (s->conf->plan->hedge == NULL)
		return;
	fl_ns d = fl_hedge_delay(s->conf->plan->hedge);
	c->c[4][b] = d == FL_NEVER ? NAN : (double)d / 1e6;
}

void
draw_hedge(struct buf *out)
{
	struct fl_hedge_opts o;
	struct fl_budget_opts bo;
	struct fl_plan plan;
	struct plot p = { .title = "Hedging: 2 % of requests hang for half a second; all are slower from 25 s to 45 s",
		.x_label = "time (s)", .x_max = 70 };
	fl_plan_init(&plan);
	fl_hedge_opts_init(&o);
	o.window = 5 * FL_SEC;
	fl_budget_opts_init(&bo);
	struct scene_conf conf = { .seed = 1, .length = 70 * FL_SEC, .bucket = FL_SEC, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 2000, .serve = serve, .sample = sample, .idempotent = true };
	struct draw_cols *c = draw_cols_new(&conf);
	conf.ud = c;
	for (int with = 0; with < 2; with++) {
		if (with && (fl_hedge_new(&o, &plan.hedge, NULL) < 0 || fl_budget_new(&bo, &plan.budget, NULL) < 0))
			abort();
		plan.hedges_max = (unsigned)with;
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			c->c[with][i] = s->count[i].p99;
			c->c[2 + with][i] = s->count[i].p50;
			c->c[5][i] = 100.0 * ((double)s->count[i].attempts / FL_MAX(s->count[i].asked, 1u) - 1);
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 25, 45, "grey", "slower");
	p.panels[0] = (struct plot_panel){ .y_label = "milliseconds", .names_low = true, .log = true, .y_min = 10, .height = 200, .series = {
		{ "p99 without", "bad", PLOT_LINE, NULL, c->c[0], 0 }, { "p99 with hedges", "good", PLOT_LINE, NULL, c->c[1], 0 },
		{ "median", "grey", PLOT_LINE, NULL, c->c[3], 0 }, { "when a hedge starts (p95)", "main", PLOT_DASHES, NULL, c->c[4], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "more requests (%)", .y_max = 20, .height = 90, .series = {
		{ "sent because of hedges", "main", PLOT_LINE, NULL, c->c[5], 0 } } };
	plot_svg(&p, out);
	fl_hedge_free(plan.hedge);
	fl_budget_free(plan.budget);
	free(c);
}
