/* SPDX-License-Identifier: MIT */
/* draw_deadline.c - a service with a long queue: does it know how long its callers wait? */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { return draw_within(t, 10, 20) ? 400 : 150; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = (fl_ns)(50e6 * (0.5 + scene_draw(s, 2, ordinal)));
}

/* The deadline came with the request: what cannot be done in time is not begun. */
static bool
begins(struct scene *s, fl_ns began)
{
	struct fl_deadline d = fl_deadline_of(&s->conf->plan->timeouts, began, 0);
	return fl_deadline_check(d, 75 * FL_MS, s->now, NULL) == 0;
}

void
draw_deadline(struct buf *out)
{
	struct fl_plan plan;
	struct plot p = { .title = "Deadlines: callers wait for one second; twice as many of them from 10 s to 20 s",
		.x_label = "time (s)", .x_max = 60 };
	fl_plan_init(&plan);
	plan.timeouts = (struct fl_timeouts){ .total = FL_SEC };
	struct scene_conf conf = { .seed = 1, .length = 60 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 10, .serve = serve };
	struct draw_cols *c = draw_cols_new(&conf);
	for (int with = 0; with < 2; with++) {
		conf.begins = with ? begins : NULL;
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			c->c[with][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
			c->c[2 + with][i] = s->count[i].waiting;
			c->c[4][i] = scene_rate(s, s->count[i].asked);
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 10, 20, "grey", "surge");
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .series = {
		{ "asked", "grey", PLOT_LINE, NULL, c->c[4], 0 }, { "answered in time, deadline passed on", "good", PLOT_LINE, NULL, c->c[1], 0 },
		{ "not passed on", "bad", PLOT_LINE, NULL, c->c[0], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "requests waiting", .series = {
		{ "at the service, deadline passed on", "good", PLOT_LINE, NULL, c->c[3], 0 },
		{ "not passed on: for callers who have gone", "bad", PLOT_LINE, NULL, c->c[2], 0 } } };
	plot_svg(&p, out);
	free(c);
}
