/* SPDX-License-Identifier: MIT */
/* draw_bulkhead.c - a service becomes ten times as slow for ten seconds. */
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { (void)t; return 120; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = (fl_ns)((draw_within(s->now, 10, 20) ? 400e6 : 40e6) * (0.5 + scene_draw(s, 2, ordinal)));
}

void
draw_bulkhead(struct buf *out)
{
	struct fl_bulkhead_opts o;
	struct fl_plan plan;
	struct plot p = { .title = "Bulkhead: the service takes ten times as long from 10 s to 20 s", .x_label = "time (s)", .x_max = 40 };
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .queue = FL_SEC };
	fl_bulkhead_opts_init(&o);
	o.max = 10;
	o.queue = 20;
	struct scene_conf conf = { .seed = 1, .length = 40 * FL_SEC, .bucket = 250 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 8, .serve = serve };
	struct draw_cols *c = draw_cols_new(&conf);
	for (int with = 0; with < 2; with++) {
		if (with && fl_bulkhead_new(&o, &plan.bulkhead, NULL) < 0)
			abort();
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			c->c[with][i] = s->count[i].at_service;
			c->c[2 + with][i] = s->count[i].p99;
			c->c[4][i] = scene_rate(s, s->count[i].ends[FL_END_REFUSED]);
			c->c[5 + with][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 10, 20, "grey", "slow");
	p.panels[0] = (struct plot_panel){ .y_label = "requests there", .names_low = true, .log = true, .y_min = 1, .height = 130, .series = {
		{ "at the service, with max: 10", "good", PLOT_LINE, NULL, c->c[1], 0 }, { "without", "bad", PLOT_LINE, NULL, c->c[0], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "p99 (ms)", .log = true, .y_min = 10, .height = 130, .series = {
		{ "of answers, with", "good", PLOT_LINE, NULL, c->c[3], 0 }, { "without", "bad", PLOT_LINE, NULL, c->c[2], 0 } } };
	p.panels[2] = (struct plot_panel){ .y_label = "calls per second", .height = 110, .series = {
		{ "answered, with", "good", PLOT_LINE, NULL, c->c[6], 0 }, { "refused", "grey", PLOT_LINE, NULL, c->c[4], 0 } } };
	plot_svg(&p, out);
	fl_bulkhead_free(plan.bulkhead);
	free(c);
}
