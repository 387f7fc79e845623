/* SPDX-License-Identifier: MIT */
/* draw_fallback.c - a service is away; answers kept from before stand in for it. */
#include <math.h>
#include <stdlib.h>

#include "base/rng.h"
#include "draw.h"

#define KEYS 3000

struct kept {
	struct fl_stale *stale;
	double oldest[SCENE_BUCKETS_MAX];       /* s, of those given */
};

static double rate(fl_ns t) { (void)t; return 200; }

/* What a call asks for: few things often, many seldom. */
static uint64_t
key_of(uint64_t call)
{
	double u = rng_unit(rng_draw(9, call, 9));
	return (uint64_t)(KEYS * u * u * u);
}

static void
serve(struct scene *s, unsigned instance, uint64_t ordinal, struct scene_work *w)
{
	(void)instance;
	(void)ordinal;
	w->work = 20 * FL_MS;
	w->outcome = draw_within(s->now, 20, 45) ? FL_FAILED : FL_OK;
}

static void
answered(struct scene *s, uint64_t call)
{
	struct kept *k = s->conf->ud;
	char body[200] = { 0 };
	fl_stale_put(k->stale, 0, key_of(call), body, sizeof(body), s->now);
}

static bool
fallback(struct scene *s, uint64_t call)
{
	struct kept *k = s->conf->ud;
	char body[200];
	size_t n;
	fl_ns age;
	if (fl_stale_get(k->stale, 0, key_of(call), body, sizeof(body), s->now, &n, &age) != 0)
		return false;
	double *oldest = &k->oldest[s->now / s->conf->bucket];
	*oldest = isnan(*oldest) ? (double)age / 1e9 : fmax(*oldest, (double)age / 1e9);
	return true;
}

void
draw_fallback(struct buf *out)
{
	struct fl_fallback_opts o;
	struct fl_stale_opts so;
	struct fl_plan plan;
	struct kept *kept = calloc(1, sizeof(*kept));
	struct plot p = { .title = "Fallback: the service is away from 20 s to 45 s; answers are kept for half a minute",
		.x_label = "time (s)", .x_max = 70 };
	fl_plan_init(&plan);
	fl_fallback_opts_init(&o);
	fl_stale_opts_init(&so);
	so.age_max = 30 * FL_SEC;
	if (kept == NULL || fl_fallback_new(&o, &plan.fallback, NULL) < 0 || fl_stale_new(&so, &kept->stale, NULL) < 0)
		abort();
	for (unsigned i = 0; i < SCENE_BUCKETS_MAX; i++)
		kept->oldest[i] = NAN;
	struct scene_conf conf = { .seed = 1, .length = 70 * FL_SEC, .bucket = 500 * FL_MS, .plan = &plan, .rate = rate, .instances = 1,
		.servers = 100, .serve = serve, .answered = answered, .fallback = fallback, .ud = kept };
	struct draw_cols *c = draw_cols_new(&conf);
	struct scene *s = scene_run(&conf);
	for (unsigned i = 0; i < s->buckets; i++) {
		c->c[0][i] = scene_rate(s, s->count[i].ends[FL_END_ANSWERED]);
		c->c[1][i] = scene_rate(s, s->count[i].ends[FL_END_FALLBACK]);
		c->c[2][i] = scene_rate(s, s->count[i].ends[FL_END_FAILED]);
	}
	p.x = c->x;
	p.n = c->n;
	plot_band(&p, -1, 20, 45, "bad", "outage");
	p.panels[0] = (struct plot_panel){ .y_label = "calls per second", .series = {
		{ "fresh answers", "good", PLOT_LINE, NULL, c->c[0], 0 }, { "stale answers", "warn", PLOT_LINE, NULL, c->c[1], 0 },
		{ "failed: nothing kept, or too old", "bad", PLOT_LINE, NULL, c->c[2], 0 } } };
	p.panels[1] = (struct plot_panel){ .y_label = "age (s)", .height = 90, .series = {
		{ "of the oldest stale answer given", "warn", PLOT_LINE, NULL, kept->oldest, 0 } } };
	plot_svg(&p, out);
	scene_free(s);
	fl_fallback_free(plan.fallback);
	fl_stale_free(kept->stale);
	free(kept);
	free(c);
}
