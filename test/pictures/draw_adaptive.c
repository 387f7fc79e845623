/* SPDX-License-Identifier: MIT */
/* draw_adaptive.c - a service whose capacity changes under more load than it can carry. */
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { return draw_within(t, 0, 5) ? 800 : 3000; }

/* The service has 16 places; between 25 and 45 s each request takes as long as if there were 6. */
static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = (fl_ns)((draw_within(s->now, 25, 45) ? 26.7e6 : 10e6) * (0.5 + scene_draw(s, 2, ordinal)));
}

static void
sample(struct scene *s, unsigned b)
{
	struct draw_cols *c = s->conf->ud;
	struct fl_adaptive_counters k;
	if (s->conf->plan->adaptive == NULL)
		return;
	fl_adaptive_counters(s->conf->plan->adaptive, &k);
	c->c[0][b] = k.limit;
	c->c[1][b] = k.inflight;
	c->c[6][b] = (double)k.baseline / 1e6;
}

void
draw_adaptive(struct buf *out)
{
	struct fl_adaptive_opts o;
	struct fl_plan plan;
	struct plot p = { .title = "Adaptive concurrency: 16 servers; each takes 2.7 times as long from 25 s to 45 s",
		.x_label = "time (s)", .x_max = 70 };
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .total = 2 * FL_SEC };
	fl_adaptive_opts_init(&o);
	struct scene_conf conf = { .seed = 1, .length = 70 * FL_SEC, .bucket = 250 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 16, .queue_max = 3000, .serve = serve, .sample = sample };
	struct draw_cols *c = draw_cols_new(&conf);
	conf.ud = c;
	for (int with = 0; with < 2; with++) {
		if (with && fl_adaptive_new(&o, &plan.adaptive, NULL) < 0)
			abort();
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			c->c[2 + with][i] = s->count[i].p50;
			c->c[4 + with][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
			c->c[7][i] = 16;
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 5, 70, "grey", "3,000 calls a second; before, 800");
	p.panels[0] = (struct plot_panel){ .y_label = "calls at once", .series = {
		{ "in flight", "grey", PLOT_LINE, NULL, c->c[1], 0 }, { "limit", "main", PLOT_LINE, NULL, c->c[0], 0 },
		{ "servers", "bad", PLOT_DASHES, NULL, c->c[7], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "median (ms)", .log = true, .y_min = 5, .height = 130, .series = {
		{ "with", "good", PLOT_LINE, NULL, c->c[3], 0 }, { "without: 3,000 wait at the service", "bad", PLOT_LINE, NULL, c->c[2], 0 },
		{ "baseline", "main", PLOT_DASHES, NULL, c->c[6], 0 } } };
	p.panels[2] = (struct plot_panel){ .y_label = "answers per second", .height = 110, .series = {
		{ "with", "good", PLOT_LINE, NULL, c->c[5], 0 }, { "without", "bad", PLOT_LINE, NULL, c->c[4], 0 } } };
	plot_svg(&p, out);
	fl_adaptive_free(plan.adaptive);
	free(c);
}
