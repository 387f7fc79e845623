/* SPDX-License-Identifier: MIT */
/* draw_breaker.c - a service fails for twenty seconds. */
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { (void)t; return 100; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	bool sick = draw_within(s->now, 10, 30);
	(void)instance;
	w->work = sick ? 300 * FL_MS : 20 * FL_MS;
	w->outcome = scene_draw(s, 2, ordinal) < (sick ? 0.9 : 0.01) ? FL_FAILED : FL_OK;
}

struct seen {
	struct plot *p;
	struct draw_cols *c;
	enum fl_breaker_state was;
	double since;
};

/* The breaker's states as bands. */
static void
sample(struct scene *s, unsigned b)
{
	struct seen *v = s->conf->ud;
	struct fl_breaker_view view;
	fl_breaker_view(s->conf->plan->breaker, s->now, &view);
	v->c->c[4][b] = 100 * view.failure_rate;
	double at = (double)s->now / 1e9;
	if (view.state == v->was && b + 1 < s->buckets)
		return;
	if (v->was == FL_BREAKER_OPEN)
		plot_band(v->p, -1, v->since, at, "bad", at - v->since > 4 ? "open" : NULL);
	if (v->was == FL_BREAKER_HALF_OPEN)
		plot_band(v->p, -1, v->since, at, "warn", NULL);
	v->was = view.state;
	v->since = at;
}

void
draw_breaker(struct buf *out)
{
	struct fl_breaker_opts o;
	struct fl_plan plan;
	struct plot p = { .title = "Circuit breaker: 90 % of calls fail from 10 s to 30 s", .x_label = "time (s)", .x_max = 60 };
	fl_plan_init(&plan);
	fl_breaker_opts_init(&o);
	o.seed = 3;
	if (fl_breaker_new(&o, &plan.breaker, NULL) < 0)
		abort();
	struct scene_conf conf = { .seed = 1, .length = 60 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 200, .serve = serve, .sample = sample };
	struct draw_cols *c = draw_cols_new(&conf);
	struct seen seen = { &p, c, FL_BREAKER_CLOSED, 0 };
	conf.ud = &seen;
	struct scene *s = scene_run(&conf);
	for (unsigned i = 0; i < s->buckets; i++) {
		c->c[0][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
		c->c[1][i] = scene_rate(s, s->count[i].ends[FL_END_FAILED]);
		c->c[2][i] = scene_rate(s, s->count[i].ends[FL_END_REFUSED]);
		c->c[3][i] = 100 * o.failure_rate;
	}
	p.x = c->x;
	p.n = c->n;
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .series = {
		{ "answered", "good", PLOT_LINE, NULL, c->c[0], 0 }, { "failed", "bad", PLOT_LINE, NULL, c->c[1], 0 },
		{ "refused at once", "grey", PLOT_LINE, NULL, c->c[2], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "failures (%)", .y_max = 100, .height = 110, .series = {
		{ "failure rate in the window of 10 s", "main", PLOT_LINE, NULL, c->c[4], 0 },
		{ "opens when it is surely above", "bad", PLOT_DASHES, NULL, c->c[3], 0 } } };
	plot_svg(&p, out);
	scene_free(s);
	fl_breaker_free(plan.breaker);
	free(c);
}
