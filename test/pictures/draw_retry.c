/* SPDX-License-Identifier: MIT */
/* draw_retry.c - retries in a time of few failures, and in an outage, with a budget and without. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { (void)t; return 200; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = 20 * FL_MS;
	w->outcome = scene_draw(s, 2, ordinal) < (draw_within(s->now, 15, 35) ? 0.97 : 0.05) ? FL_FAILED : FL_OK;
}

static void
sample(struct scene *s, unsigned b)
{
	struct draw_cols *c = s->conf->ud;
	struct fl_budget_counters k;
	if (s->conf->plan->budget == NULL)
		return;
	fl_budget_counters(s->conf->plan->budget, &k);
	c->c[3][b] = k.tokens;
}

void
draw_retry(struct buf *out)
{
	struct fl_budget_opts o;
	struct fl_plan plan;
	struct plot p = { .title = "Retries: 5 % of attempts fail, and 97 % from 15 s to 35 s", .x_label = "time (s)", .x_max = 60 };
	fl_plan_init(&plan);
	plan.retry.attempts_max = 4;
	fl_budget_opts_init(&o);
	struct scene_conf conf = { .seed = 1, .length = 60 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 500, .serve = serve, .sample = sample, .retryable = true, .idempotent = true };
	struct draw_cols *c = draw_cols_new(&conf);
	conf.ud = c;
	for (int with = 0; with < 2; with++) {
		if (with && fl_budget_new(&o, &plan.budget, NULL) < 0)
			abort();
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			unsigned good = s->count[i].ends[FL_END_ANSWERED], all = good + s->count[i].ends[FL_END_FAILED];
			c->c[with][i] = scene_rate(s, s->count[i].attempts);
			c->c[2][i] = scene_rate(s, s->count[i].asked);
			c->c[4 + with][i] = all > 0 ? 100.0 * good / all : NAN;
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 15, 35, "bad", "outage");
	p.panels[0] = (struct plot_panel){ .y_label = "attempts per second", .series = {
		{ "up to 4 attempts, no budget", "bad", PLOT_LINE, NULL, c->c[0], 0 }, { "with the budget", "good", PLOT_LINE, NULL, c->c[1], 0 },
		{ "calls", "grey", PLOT_LINE, NULL, c->c[2], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "calls answered (%)", .y_max = 100, .height = 110, .series = {
		{ "no budget", "bad", PLOT_LINE, NULL, c->c[4], 0 }, { "with the budget", "good", PLOT_LINE, NULL, c->c[5], 0 } } };
	p.panels[2] = (struct plot_panel){ .y_label = "tokens", .height = 80, .series = {
		{ "in the budget: each success brings 0.1, each further attempt takes 1", "main", PLOT_LINE, NULL, c->c[3], 0 } } };
	plot_svg(&p, out);
	fl_budget_free(plan.budget);
	free(c);
}
