/* SPDX-License-Identifier: MIT */
/*
 * balance.c - which instance next.
 *
 * A pick first settles the group (priority, zone), then asks the kind for one of the group. Draws are by weight, and look at random
 * members; they fall back to a walk when they keep missing.
 */
#include "faultline/balance.h"
#include "policy/common.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DRAWS_MAX 8             /* before a walk */
#define POINTS_MAX (1u << 20)
#define ORDER_MAX 8192          /* turns in a round of weighted round robin */
#define WEIGHT_MAX 1e6
#define UNKNOWN 1e18            /* ns: dearer than all that is known */

struct point {
	uint64_t at;
	uint32_t instance;
};

struct fl_balance {
	_Alignas(64) _Atomic uint64_t turn;     /* round robin */
	struct fl_balance_opts o;
	struct point *ring;                     /* or the order of turns */
	uint32_t points;
};

void
fl_balance_opts_init_size(struct fl_balance_opts *o, size_t size)
{
	struct fl_balance_opts d = { .size = size, .kind = FL_LEAST_REQUEST, .overprovision = 1.4, .slow_start_min = 0.1, .zone_share_min = 0.7,
		.load_bound = 1.25, .points = 100 };
	memcpy(o, &d, size < sizeof(d) ? size : sizeof(d));
}

static int
by_place(const void *x, const void *y)
{
	const struct point *a = x, *b = y;
	return a->at != b->at ? (a->at > b->at) - (a->at < b->at) : (a->instance > b->instance) - (a->instance < b->instance);
}

static int
make_ring(struct fl_balance *b, const uint64_t *ids, const double *weights, unsigned n)
{
	double sum = 0;
	for (unsigned i = 0; i < n; i++)
		sum += weights[i];
	double each = b->o.points;
	if (sum * each + n > POINTS_MAX)
		each = (POINTS_MAX - n) / sum;
	b->ring = common_take(b->o.alloc, (size_t)(sum * each + n + 1) * sizeof(*b->ring));
	if (b->ring == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		uint32_t mine = weights[i] > 0 ? (uint32_t)FL_MAX(weights[i] * each, 1.0) : 0;
		for (uint32_t k = 0; k < mine; k++)
			b->ring[b->points++] = (struct point){ rng_draw(rng_key(0x72696e67, ids[i]), k, 0), i };
	}
	qsort(b->ring, b->points, sizeof(*b->ring), by_place);
	return 0;
}

/* Weights as small whole numbers: their own when they are whole, else to a sum of about 1,000. */
static uint32_t
whole_weights(const double *weights, unsigned n, uint32_t *ret)
{
	double sum = 0;
	bool whole = true;
	for (unsigned i = 0; i < n; i++) {
		sum += weights[i];
		whole &= weights[i] == floor(weights[i]) && weights[i] <= 1000;
	}
	double scale = whole && sum <= ORDER_MAX ? 1 : 1000 / sum;
	uint32_t total = 0, common = 0;
	for (unsigned i = 0; i < n; i++) {
		ret[i] = weights[i] > 0 ? (uint32_t)FL_MAX(weights[i] * scale + 0.5, 1.0) : 0;
		uint32_t a = common, c = ret[i];
		while (c != 0) {
			uint32_t rest = a % c;
			a = c;
			c = rest;
		}
		common = a;
	}
	for (unsigned i = 0; i < n; i++) {
		ret[i] = common > 0 ? ret[i] / common : 0;
		total += ret[i];
	}
	return total;
}

/* One round of smooth weighted round robin, as nginx orders it: each turn everybody gains its weight, the richest pays the sum. */
static int
make_order(struct fl_balance *b, const double *weights, unsigned n)
{
	uint32_t *w = common_take(b->o.alloc, n * sizeof(*w));
	int64_t *rich = common_take(b->o.alloc, n * sizeof(*rich));
	uint32_t total = w != NULL ? whole_weights(weights, n, w) : 0;
	b->ring = common_take(b->o.alloc, ((size_t)total + 1) * sizeof(*b->ring));
	if (w != NULL && rich != NULL && b->ring != NULL) {
		for (uint32_t t = 0; t < total; t++) {
			unsigned best = 0;
			for (unsigned i = 0; i < n; i++) {
				rich[i] += w[i];
				if (rich[i] > rich[best])
					best = i;
			}
			rich[best] -= total;
			b->ring[t].instance = best;
		}
		b->points = total;
	}
	common_give(b->o.alloc, w);
	common_give(b->o.alloc, rich);
	return b->ring == NULL || (total > 0 && b->points == 0) ? -ENOMEM : 0;
}

static bool
weights_good(const double *weights, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (weights == NULL || !(weights[i] >= 0 && weights[i] <= WEIGHT_MAX))
			return false;
	return true;
}

int
fl_balance_new(const struct fl_balance_opts *opts, const uint64_t *ids, const double *weights, unsigned n, struct fl_balance **ret_balance,
    const char **f)
{
	struct fl_balance_opts o;
	fl_balance_opts_init(&o);
	memcpy(&o, opts, FL_MIN(opts->size, sizeof(o)));
	if (!common_check((unsigned)o.kind <= FL_RANDOM, "kind", f) || !common_check(o.overprovision >= 1, "overprovision", f) ||
	    !common_check(o.slow_start >= 0, "slow_start", f) || !common_check(o.slow_start_min > 0 && o.slow_start_min <= 1, "slow_start_min", f) ||
	    !common_check(o.zone_share_min >= 0 && o.zone_share_min <= 1, "zone_share_min", f) ||
	    !common_check(o.load_bound == 0 || o.load_bound > 1, "load_bound", f) || !common_check(o.points >= 1 && o.points <= 10000, "points", f) ||
	    !common_check(n <= FL_BALANCE_INSTANCES_MAX, "n", f))
		return -EINVAL;
	bool reads = o.kind == FL_RING_HASH || o.kind == FL_ROUND_ROBIN;
	if (!common_check(!reads || weights_good(weights, n), "weights", f) ||
	    !common_check(o.kind != FL_RING_HASH || n == 0 || ids != NULL, "ids", f))
		return -EINVAL;
	struct fl_balance *b = common_take(o.alloc, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	b->o = o;
	if ((o.kind == FL_RING_HASH && make_ring(b, ids, weights, n) < 0) || (o.kind == FL_ROUND_ROBIN && make_order(b, weights, n) < 0)) {
		fl_balance_free(b);
		return -ENOMEM;
	}
	*ret_balance = b;
	return 0;
}

void
fl_balance_free(struct fl_balance *b)
{
	if (b == NULL)
		return;
	common_give(b->o.alloc, b->ring);
	common_give(b->o.alloc, b);
}

double
fl_balance_ewma(double average, fl_ns latency, fl_ns last_at, fl_ns now, fl_ns half_life)
{
	double l = (double)latency;
	if (average <= 0 || l >= average)
		return l;
	double keep = exp2(-(double)FL_MAX(now - last_at, 0) / (double)half_life);
	return average * keep + l * (1 - keep);
}

double
fl_balance_faded(double average, fl_ns last_at, fl_ns now, fl_ns half_life)
{
	return average <= 0 ? 0 : average * exp2(-(double)FL_MAX(now - last_at, 0) / (double)half_life);
}

double
fl_balance_warmth(const struct fl_balance_opts *o, fl_ns back_at, fl_ns now)
{
	if (o->slow_start <= 0 || back_at == INT64_MIN || now - back_at >= o->slow_start)
		return 1;
	return FL_MAX((double)FL_MAX(now - back_at, 0) / (double)o->slow_start, o->slow_start_min);
}

/* ---- one pick ---- */

struct pick {
	struct fl_balance *b;
	unsigned n;
	void (*view)(void *ud, unsigned i, struct fl_instance_view *ret);
	void *ud;
	const struct fl_balance_ask *ask;
	unsigned priority;
	bool zone;                      /* only local ones */
	bool again;                     /* those that were tried, too */
	double heaviest;                /* weight in the group */
	uint64_t draws;
	struct rng128 bits;             /* of a block, which is good for two draws */
};

static uint64_t
draw(struct pick *p)
{
	if (p->draws % 2 == 0)
		p->bits = rng_block(p->ask->draw, p->draws / 2, p->b->o.seed);
	return p->draws++ % 2 == 0 ? p->bits.lo : p->bits.hi;
}

static unsigned
group_of(const struct fl_instance_view *v)
{
	return FL_MIN(v->priority, FL_BALANCE_PRIORITIES_MAX - 1u);
}

/* Is instance i one that this pick may give? */
static bool
fits(const struct pick *p, unsigned i, struct fl_instance_view *v)
{
	p->view(p->ud, i, v);
	if (v->weight <= 0 || group_of(v) != p->priority || (!v->usable && !p->ask->panic) || (p->zone && !v->local))
		return false;
	for (unsigned k = 0; !p->again && k < p->ask->tried_count; k++)
		if (p->ask->tried[k] == i)
			return false;
	v->weight *= fl_balance_warmth(&p->b->o, v->back_at, p->ask->now);
	return true;
}

/* Of two drawn, the lesser is taken. What nobody uses costs nothing, whatever its weight: draws see to that one's share. */
static double
cost(const struct pick *p, const struct fl_instance_view *v)
{
	double load = v->inflight / v->weight;
	if (p->b->o.kind != FL_EWMA)
		return load;
	/* Not known yet: one call finds out, the others wait for what it says. */
	if (v->latency <= 0)
		return v->inflight == 0 ? 0 : UNKNOWN + load;
	return v->latency * (load + 1);
}

/* One by weight, but for not_this, with a look at each; -1: there is none. */
static int
walk(struct pick *p, int not_this, struct fl_instance_view *ret)
{
	struct fl_instance_view v;
	double sum = 0;
	for (unsigned i = 0; i < p->n; i++)
		if ((int)i != not_this && fits(p, i, &v))
			sum += v.weight;
	double at = rng_unit(draw(p)) * sum;
	int last = -1;
	for (unsigned i = 0; i < p->n; i++) {
		if ((int)i == not_this || !fits(p, i, &v))
			continue;
		last = (int)i;
		*ret = v;
		if ((at -= v.weight) < 0)
			return last;
	}
	return last;
}

/* The same by drawing evenly and taking each by its part of the heaviest weight, as long as that hits. */
static int
draw_one(struct pick *p, int not_this, struct fl_instance_view *ret)
{
	if (p->n == 2 && not_this >= 0)
		return fits(p, 1 - (unsigned)not_this, ret) ? 1 - not_this : -1;
	for (int k = 0; k < DRAWS_MAX; k++) {
		unsigned i = (unsigned)rng_below(draw(p), p->n);
		if ((int)i != not_this && fits(p, i, ret) && (ret->weight >= p->heaviest || rng_unit(draw(p)) * p->heaviest < ret->weight))
			return (int)i;
	}
	return walk(p, not_this, ret);
}

static int
pick_two(struct pick *p)
{
	struct fl_instance_view v, w;
	int i = draw_one(p, -1, &v);
	int k = i < 0 ? -1 : draw_one(p, i, &w);
	return k >= 0 && cost(p, &w) < cost(p, &v) ? k : i;
}

static int
pick_random(struct pick *p)
{
	struct fl_instance_view v;
	return draw_one(p, -1, &v);
}

/* The next of the order that was made at creation. Whoever cannot be used loses his turn to nobody in particular: the order moves on. */
static int
pick_turn(struct pick *p)
{
	const struct fl_balance *b = p->b;
	struct fl_instance_view v;
	if (b->points == 0)
		return -1;
	uint64_t turn = atomic_fetch_add_explicit(&p->b->turn, 1, memory_order_relaxed);
	for (uint32_t k = 0; k < b->points; k++) {
		unsigned i = b->ring[(turn + k) % b->points].instance;
		/* Slow start: an instance that is half warm takes half of its turns. */
		if (i >= p->n || !fits(p, i, &v))
			continue;
		double warm = fl_balance_warmth(&b->o, v.back_at, p->ask->now);
		if (warm < 1 && rng_unit(draw(p)) >= warm)
			continue;
		if (k > 0)
			atomic_fetch_add_explicit(&p->b->turn, k, memory_order_relaxed);
		return (int)i;
	}
	return walk(p, -1, &v);
}

/* How much an instance may have under way: load_bound times its part of all that is. */
static double
room_of(const struct pick *p, const struct fl_instance_view *v, double load, double weight)
{
	return ceil(p->b->o.load_bound * (load + 1) * v->weight / weight);
}

/* The first point at or behind a key. */
static uint32_t
ring_find(const struct fl_balance *b, uint64_t key)
{
	uint32_t low = 0, high = b->points;
	while (low < high) {
		uint32_t mid = (low + high) / 2;
		if (b->ring[mid].at < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static int
pick_ring(struct pick *p)
{
	const struct fl_balance *b = p->b;
	struct fl_instance_view v;
	double load = 0, weight = 0;
	int first = -1;
	if (b->points == 0)
		return -1;
	for (unsigned i = 0; b->o.load_bound > 0 && i < p->n; i++) {
		if (!fits(p, i, &v))
			continue;
		load += v.inflight;
		weight += v.weight;
	}
	uint32_t at = ring_find(b, rng_draw(p->ask->hash, 0, 0x6b6579));
	for (uint32_t k = 0; k < b->points; k++) {
		unsigned i = b->ring[(at + k) % b->points].instance;
		if (i >= p->n || !fits(p, i, &v))
			continue;
		if (first < 0)
			first = (int)i;
		if (b->o.load_bound <= 0 || v.inflight < room_of(p, &v, load, weight))
			return (int)i;
	}
	return first;
}

static int
pick_of_group(struct pick *p)
{
	switch (p->b->o.kind) {
	case FL_LEAST_REQUEST: case FL_EWMA: return pick_two(p);
	case FL_ROUND_ROBIN: return pick_turn(p);
	case FL_RING_HASH: return pick_ring(p);
	case FL_RANDOM: return pick_random(p);
	}
	return -1;
}

/* ---- groups ---- */

struct group {
	double all, usable, local_all, local_usable, heaviest;
};

/* What a group can carry of the whole, 0..1. */
static double
carries(const struct pick *p, const struct group *g)
{
	return g->all > 0 ? FL_MIN(1.0, p->b->o.overprovision * g->usable / g->all) : 0;
}

/* The group for this pick, by how much each can carry; -1: there is nothing at all. */
static int
choose_group(struct pick *p, const struct group *g)
{
	double all = 0, carried = 0;
	int some = -1;
	for (unsigned i = 0; i < FL_BALANCE_PRIORITIES_MAX; i++) {
		double c = carries(p, &g[i]);
		if (all == 0 && c >= 1)
			return (int)i;                  /* the usual case */
		all += c;
	}
	/* What they cannot carry together is shared in proportion. */
	double at = rng_unit(draw(p)) * FL_MIN(all, 1.0);
	for (unsigned i = 0; i < FL_BALANCE_PRIORITIES_MAX; i++) {
		if (g[i].usable <= 0)
			continue;
		some = (int)i;
		carried += FL_MIN(carries(p, &g[i]), 1 - carried);
		if (at < carried)
			return (int)i;
	}
	return some;
}

/* What there is of each group. */
static bool
look(struct pick *p, struct group g[FL_BALANCE_PRIORITIES_MAX])
{
	struct fl_instance_view v;
	bool any = false;
	memset(g, 0, FL_BALANCE_PRIORITIES_MAX * sizeof(*g));
	for (unsigned i = 0; i < p->n; i++) {
		p->view(p->ud, i, &v);
		if (v.weight <= 0)
			continue;
		struct group *mine = &g[group_of(&v)];
		bool usable = v.usable || p->ask->panic;
		mine->all += v.weight;
		mine->local_all += v.local ? v.weight : 0;
		if (!usable)
			continue;
		mine->usable += v.weight;
		mine->local_usable += v.local ? v.weight : 0;
		mine->heaviest = FL_MAX(mine->heaviest, v.weight);
		any = true;
	}
	return any;
}

/* One of a group: of our zone if that is asked for and the zone can do it, else of all. */
static int
pick_in(struct pick *p, const struct group *g, unsigned group)
{
	p->priority = group;
	p->heaviest = g[group].heaviest;
	p->zone = p->b->o.prefer_zone && g[group].local_usable > 0 && g[group].local_usable >= p->b->o.zone_share_min * g[group].local_all;
	int i = pick_of_group(p);
	if (i < 0 && p->zone) {
		p->zone = false;
		i = pick_of_group(p);
	}
	return i;
}

int
fl_balance_pick(struct fl_balance *b, unsigned n, void (*view)(void *ud, unsigned i, struct fl_instance_view *ret), void *ud,
    const struct fl_balance_ask *ask)
{
	struct pick p = { .b = b, .n = n, .view = view, .ud = ud, .ask = ask };
	struct group g[FL_BALANCE_PRIORITIES_MAX];
	struct fl_instance_view only;
	if (n == 1) {
		view(ud, 0, &only);
		return only.weight > 0 && (only.usable || ask->panic) ? 0 : -1;
	}
	if (n == 0 || !look(&p, g))
		return -1;
	int group = choose_group(&p, g);
	if (group < 0)
		return -1;
	int i = pick_in(&p, g, (unsigned)group);
	/* Everything of the group was tried: the other groups, then those that were tried. */
	for (unsigned k = 0; i < 0 && k < FL_BALANCE_PRIORITIES_MAX; k++)
		if (g[k].usable > 0 && k != (unsigned)group)
			i = pick_in(&p, g, k);
	p.again = true;
	return i >= 0 ? i : pick_in(&p, g, (unsigned)group);
}
