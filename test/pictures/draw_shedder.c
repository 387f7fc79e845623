/* SPDX-License-Identifier: MIT */
/* draw_shedder.c - a surge of calls of four priorities in front of a bulkhead's queue. */
#include <math.h>
#include <stdlib.h>

#include "draw.h"

static double rate(fl_ns t) { return draw_within(t, 10, 50) ? 400 : 140; }
static unsigned priority(uint64_t call) { return (unsigned)(call % 4) * 4; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	w->work = (fl_ns)(50e6 * (0.5 + scene_draw(s, 2, ordinal)));
}

static void
sample(struct scene *s, unsigned b)
{
	struct draw_cols *c = s->conf->ud;
	struct fl_shedder_counters k;
	if (s->conf->plan->shedder == NULL)
		return;
	fl_shedder_counters(s->conf->plan->shedder, s->now, &k);
	c->c[4][b] = (double)k.sojourn / 1e6;
}

void
draw_shedder(struct buf *out)
{
	struct fl_shedder_opts o;
	struct fl_bulkhead_opts bo;
	struct fl_plan plan;
	struct plot p = { .title = "Load shedder: twice the calls that can be done, from 10 s to 50 s", .x_label = "time (s)", .x_max = 80 };
	fl_plan_init(&plan);
	fl_shedder_opts_init(&o);
	fl_bulkhead_opts_init(&bo);
	bo.max = 10;
	bo.queue = 300;
	bo.interval = bo.target = 10 * FL_SEC;
	bo.lifo_after = FL_NEVER;
	struct scene_conf conf = { .seed = 1, .length = 80 * FL_SEC, .bucket = FL_SEC, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 10, .serve = serve, .priority = priority, .sample = sample };
	struct draw_cols *c = draw_cols_new(&conf);
	conf.ud = c;
	for (int with = 0; with < 2; with++) {
		if (fl_bulkhead_new(&bo, &plan.bulkhead, NULL) < 0 || (with && fl_shedder_new(&o, &plan.shedder, NULL) < 0))
			abort();
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			for (unsigned k = 0; with && k < 4; k++)
				c->c[k][i] = fmin(100.0 * s->count[i].admitted_of[k] / FL_MAX(s->count[i].asked_of[k], 1u), 100);
			c->c[5 + with][i] = s->count[i].p50;
			c->c[7][i] = (double)o.target / 1e6;
		}
		scene_free(s);
		fl_bulkhead_free(plan.bulkhead);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 10, 50, "grey", "surge");
	p.panels[0] = (struct plot_panel){ .y_label = "answered (%)", .names_low = true, .y_max = 100, .series = {
		{ "priority 0", "good", PLOT_LINE, NULL, c->c[0], 0 }, { "priority 4", "main", PLOT_LINE, NULL, c->c[1], 0 },
		{ "priority 8", "warn", PLOT_LINE, NULL, c->c[2], 0 }, { "priority 12", "bad", PLOT_LINE, NULL, c->c[3], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "milliseconds", .log = true, .y_min = 1, .series = {
		{ "mean wait in the queue", "main", PLOT_LINE, NULL, c->c[4], 0 }, { "target", "bad", PLOT_DASHES, NULL, c->c[7], 0 },
		{ "median of answers", "good", PLOT_LINE, NULL, c->c[6], 0 }, { "without shedding", "grey", PLOT_LINE, NULL, c->c[5], 0 } } };
	plot_svg(&p, out);
	fl_shedder_free(plan.shedder);
	free(c);
}
