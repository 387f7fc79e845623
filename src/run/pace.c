/* SPDX-License-Identifier: MIT */
/* pace.c - a rate over time, cut into straight legs, and arrivals along them. */
#include "run/pace.h"

#include "base/assert.h"
#include "base/rng.h"
#include <math.h>

static double
seconds(fl_ns t)
{
	return (double)t / (double)FL_SEC;
}

/* The rate by the steps alone; just before t when `left`. */
static double
step_rate(const struct pace_conf *c, fl_ns t, bool left)
{
	double before = c->rate;

	for (uint32_t i = 0; i < c->step_count; i++) {
		const struct pace_step *s = &c->steps[i];
		if (t < s->at || (t == s->at && left))
			break;
		if (t < s->at + s->over)
			return before + (s->rate - before) * (double)(t - s->at) / (double)s->over;
		before = s->rate;
	}
	return before;
}

/* The surge that holds between a and b, a piece without a border of one inside; NULL: none. */
static const struct pace_surge *
surge_at(const struct pace_conf *c, fl_ns a, fl_ns b)
{
	for (uint32_t i = c->surge_count; i > 0; i--) {
		const struct pace_surge *s = &c->surges[i - 1];
		if (s->at <= a && b <= s->at + s->length)
			return s;
	}
	return NULL;
}

/* Enter a border in the sorted list, once. */
static void
add_border(fl_ns *borders, uint32_t *count, fl_ns t, fl_ns end)
{
	uint32_t i = *count;

	if (t < 0 || t > end)
		return;
	while (i > 0 && borders[i - 1] > t)
		i--;
	if (i > 0 && borders[i - 1] == t)
		return;
	for (uint32_t k = *count; k > i; k--)
		borders[k] = borders[k - 1];
	borders[i] = t;
	(*count)++;
}

void
pace_init(struct pace *p, const struct pace_conf *conf, uint64_t key)
{
	fl_ns borders[PACE_LEGS_MAX + 1];
	uint32_t count = 0;

	fl_assert(conf->step_count <= PACE_STEPS_MAX && conf->surge_count <= PACE_SURGES_MAX && conf->duration > 0);
	add_border(borders, &count, 0, conf->duration);
	add_border(borders, &count, conf->duration, conf->duration);
	for (uint32_t i = 0; i < conf->step_count; i++) {
		add_border(borders, &count, conf->steps[i].at, conf->duration);
		add_border(borders, &count, conf->steps[i].at + conf->steps[i].over, conf->duration);
	}
	for (uint32_t i = 0; i < conf->surge_count; i++) {
		add_border(borders, &count, conf->surges[i].at, conf->duration);
		add_border(borders, &count, conf->surges[i].at + conf->surges[i].length, conf->duration);
	}
	*p = (struct pace){ .key = key, .even = conf->even, .leg_count = count - 1 };
	for (uint32_t i = 0; i < p->leg_count; i++) {
		struct pace_leg *l = &p->legs[i];
		const struct pace_surge *s;
		l->from = borders[i];
		l->to = borders[i + 1];
		s = surge_at(conf, l->from, l->to);
		l->rate_from = s != NULL ? s->rate : step_rate(conf, l->from, false);
		l->rate_to = s != NULL ? s->rate : step_rate(conf, l->to, true);
	}
	if (!p->even)
		p->wanted = -log1p(-rng_unit(rng_draw(key, 0, 0)));
}

static double
area_of(const struct pace_leg *l)
{
	return (l->rate_from + l->rate_to) / 2 * seconds(l->to - l->from);
}

/* Where in the leg, in seconds, the area from its start is `area`: the root of rate * x + slope / 2 * x^2 = area. */
static double
along(const struct pace_leg *l, double area)
{
	double slope = (l->rate_to - l->rate_from) / seconds(l->to - l->from);
	double root = l->rate_from * l->rate_from + 2 * slope * area;

	return area <= 0 ? 0 : 2 * area / (l->rate_from + sqrt(fmax(root, 0)));
}

bool
pace_next(struct pace *p, fl_ns *ret_due)
{
	const struct pace_leg *l;
	fl_ns at;

	while (p->leg < p->leg_count && p->wanted >= p->area + area_of(&p->legs[p->leg])) {
		p->area += area_of(&p->legs[p->leg]);
		p->leg++;
	}
	if (p->leg == p->leg_count)
		return false;
	l = &p->legs[p->leg];
	at = l->from + (fl_ns)(along(l, p->wanted - p->area) * (double)FL_SEC);
	p->last = FL_MAX(p->last, FL_MIN(at, l->to));   /* (2), whatever rounding does */
	p->n++;
	p->wanted += p->even ? 1 : -log1p(-rng_unit(rng_draw(p->key, p->n, 0)));
	*ret_due = p->last;
	return true;
}

double
pace_total(const struct pace *p)
{
	double total = 0;

	for (uint32_t i = 0; i < p->leg_count; i++)
		total += area_of(&p->legs[i]);
	return total;
}

double
pace_rate(const struct pace *p, fl_ns at)
{
	for (uint32_t i = 0; i < p->leg_count; i++) {
		const struct pace_leg *l = &p->legs[i];
		if (at < l->to)
			return l->rate_from + (l->rate_to - l->rate_from) * (double)(at - l->from) / (double)(l->to - l->from);
	}
	return 0;
}
