/* SPDX-License-Identifier: MIT */
/* draw_outlier.c - one of five instances fails half of its calls for a while. */
#include <stdio.h>
#include <stdlib.h>

#include "draw.h"

#define INSTANCES 5
#define SICK 2

struct set {
	struct fl_balance *balance;
	struct fl_outlier *outlier;
	struct fl_outlier_host hosts[INSTANCES];
	struct plot *p;
	double since;
	bool was_out;
};

static double rate(fl_ns t) { (void)t; return 200; }

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	w->work = (fl_ns)(30e6 * (0.5 + scene_draw(s, 2, ordinal)));
	w->outcome = instance == SICK && draw_within(s->now, 10, 40) && scene_draw(s, 3, ordinal) < 0.5 ? FL_FAILED : FL_OK;
}

static void
view(void *ud, unsigned i, struct fl_instance_view *ret)
{
	struct scene *s = ud;
	struct set *t = s->conf->ud;
	*ret = (struct fl_instance_view){ .weight = 1, .inflight = s->inflight[i], .back_at = INT64_MIN, .usable = true };
	if (t->outlier == NULL)
		return;
	ret->usable = fl_outlier_usable(t->outlier, &t->hosts[i], s->now);
	ret->back_at = fl_outlier_back_at(&t->hosts[i]);
}

static int
pick(struct scene *s, uint64_t ordinal)
{
	struct set *t = s->conf->ud;
	struct fl_balance_ask ask = { .draw = ordinal, .now = s->now };
	return fl_balance_pick(t->balance, INSTANCES, view, s, &ask);
}

static void
ended(struct scene *s, unsigned instance, enum fl_outcome outcome, fl_ns began)
{
	struct set *t = s->conf->ud;
	if (t->outlier != NULL)
		fl_outlier_record(t->outlier, &t->hosts[instance], outcome, began, s->now);
}

static void
sample(struct scene *s, unsigned b)
{
	struct set *t = s->conf->ud;
	struct fl_outlier_view v;
	if (t->outlier == NULL)
		return;
	if (s->now / FL_SEC != (s->now - s->conf->bucket) / FL_SEC)
		fl_outlier_tick(t->outlier, s->now);
	fl_outlier_view(t->outlier, &t->hosts[SICK], s->now, &v);
	double at = (double)s->now / 1e9;
	if (v.ejected != t->was_out || (v.ejected && b + 1 == s->buckets)) {
		if (t->was_out)
			plot_band(t->p, 0, t->since, at, "warn", at - t->since > 3 ? "ejected" : NULL);
		t->since = at;
	}
	t->was_out = v.ejected;
}

void
draw_outlier(struct buf *out)
{
	struct fl_outlier_opts o;
	struct fl_balance_opts bo;
	struct fl_plan plan;
	struct set set = { .since = 0 };
	struct plot p = { .title = "Outlier ejection: one of five instances fails half of its calls from 10 s to 40 s",
		.x_label = "time (s)", .x_max = 80 };
	fl_plan_init(&plan);
	fl_outlier_opts_init(&o);
	o.seed = 4;
	fl_balance_opts_init(&bo);
	bo.slow_start = 5 * FL_SEC;
	if (fl_balance_new(&bo, NULL, NULL, INSTANCES, &set.balance, NULL) < 0)
		abort();
	struct scene_conf conf = { .seed = 1, .length = 80 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = INSTANCES,
		.servers = 100, .serve = serve, .pick = pick, .ended = ended, .sample = sample, .ud = &set };
	struct draw_cols *c = draw_cols_new(&conf);
	set.p = &p;
	for (int with = 0; with < 2; with++) {
		if (with && fl_outlier_new(&o, &set.outlier, NULL) < 0)
			abort();
		for (unsigned i = 0; i < INSTANCES; i++) {
			char name[16];
			snprintf(name, sizeof(name), "instance %u", i);
			if (with)
				fl_outlier_add(set.outlier, &set.hosts[i], name, 0);
		}
		struct scene *s = scene_run(&conf);
		for (unsigned i = 0; i < s->buckets; i++) {
			for (unsigned k = 0; with && k < INSTANCES; k++)
				c->c[k][i] = scene_rate(s, s->count[i].begun[k]);
			c->c[6 + with][i] = 100.0 * s->count[i].failed / FL_MAX(s->count[i].attempts, 1u);
		}
		scene_free(s);
	}
	p.x = c->x;
	p.n = c->n;
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .y_max = 80, .series = {
		{ "each of the well ones", "grey", PLOT_LINE, NULL, c->c[0], 0 }, { NULL, "grey", PLOT_LINE, NULL, c->c[1], 0 },
		{ NULL, "grey", PLOT_LINE, NULL, c->c[3], 0 }, { NULL, "grey", PLOT_LINE, NULL, c->c[4], 0 },
		{ "the sick one", "bad", PLOT_LINE, NULL, c->c[SICK], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "failed calls (%)", .y_max = 20, .height = 110, .series = {
		{ "without", "grey", PLOT_LINE, NULL, c->c[6], 0 }, { "with ejection", "good", PLOT_LINE, NULL, c->c[7], 0 } } };
	plot_svg(&p, out);
	for (unsigned i = 0; i < INSTANCES; i++)
		fl_outlier_remove(set.outlier, &set.hosts[i]);
	fl_outlier_free(set.outlier);
	fl_balance_free(set.balance);
	free(c);
}
