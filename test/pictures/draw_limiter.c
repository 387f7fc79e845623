/* SPDX-License-Identifier: MIT */
/* draw_limiter.c - a client that sends in waves. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

/* Waves of five seconds: quiet, busy, and a burst at the start of each. */
static double
rate(fl_ns t)
{
	double in = fmod((double)t / 1e9, 5);
	return in < 0.2 ? 600 : in < 2.5 ? 160 : 40;
}

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)s;
	(void)instance;
	(void)ordinal;
	w->work = 5 * FL_MS;
}

void
draw_limiter(struct buf *out)
{
	struct fl_limiter_opts o;
	struct fl_plan plan;
	struct plot p = { .title = "Rate limiter: 100 a second, 50 at once", .x_label = "time (s)", .x_max = 15 };
	fl_plan_init(&plan);
	fl_limiter_opts_init(&o);
	o.rate = 100;
	o.burst = 50;
	if (fl_limiter_new(&o, &plan.limiter, NULL) < 0)
		abort();
	struct scene_conf conf = { .seed = 1, .length = 15 * FL_SEC, .bucket = 100 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 100, .serve = serve };
	struct draw_cols *c = draw_cols_new(&conf);
	struct scene *s = scene_run(&conf);
	double asked = 0, went = 0;
	for (unsigned i = 0; i < s->buckets; i++) {
		c->c[0][i] = scene_rate(s, s->count[i].asked);
		c->c[1][i] = scene_rate(s, s->count[i].attempts);
		c->c[2][i] = asked += s->count[i].asked;
		c->c[3][i] = went += s->count[i].attempts;
		c->c[4][i] = o.burst + o.rate * c->x[i];
	}
	p.x = c->x;
	p.n = c->n;
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .series = {
		{ "asked", "grey", PLOT_STEPS, NULL, c->c[0], 0 }, { "let through", "good", PLOT_STEPS, NULL, c->c[1], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "calls so far", .series = {
		{ "asked", "grey", PLOT_LINE, NULL, c->c[2], 0 }, { "let through", "good", PLOT_LINE, NULL, c->c[3], 0 },
		{ "never more than 50 and 100 a second", "bad", PLOT_DASHES, NULL, c->c[4], 0 } } };
	plot_svg(&p, out);
	scene_free(s);
	fl_limiter_free(plan.limiter);
	free(c);
}
