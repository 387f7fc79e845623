/* SPDX-License-Identifier: MIT */
/* impact.c - see impact.h. */
#include "graph/impact.h"

#include "base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
impact_init(struct impact *im, const struct needs *n, struct arena *keep)
{
	*im = (struct impact){ 0 };
	if (fall_init(&im->fall, n, keep) != 0)
		return -ENOMEM;
	im->weak = arena_alloc(keep, ((size_t)n->node_count / 64 + 1) * sizeof(*im->weak));
	im->spare_up = arena_alloc(keep, n->group_count * sizeof(*im->spare_up));
	im->weak_order = arena_alloc(keep, n->node_count * sizeof(*im->weak_order));
	im->weak_level = arena_alloc(keep, ((size_t)n->node_count + 3) * sizeof(*im->weak_level));
	im->hop = arena_alloc(keep, n->node_count * sizeof(*im->hop));
	if (im->weak == NULL || im->spare_up == NULL || im->weak_order == NULL || im->weak_level == NULL || im->hop == NULL)
		return -ENOMEM;
	for (uint32_t g = 0; g < n->group_count; g++)
		im->spare_up[g] = im->fall.intact[g].spare;
	return 0;
}

/* Let the groups of these nodes forget that they were hit. */
static void
restore_groups(struct impact *im, const uint32_t *nodes, uint32_t count)
{
	const struct needs *n = im->fall.n;

	for (uint32_t i = 0; i < count; i++)
		for (uint32_t w = n->use_hard_end[nodes[i]]; w < n->use_at[nodes[i] + 1] && needs_tag(n->use[w]) == NEEDS_GROUP; w++)
			im->spare_up[needs_id(n->use[w])] = im->fall.intact[needs_id(n->use[w])].spare;
}

static void
forget(struct impact *im)
{
	const struct needs *n = im->fall.n;
	uint32_t hit = im->fall.count + im->weak_count;

	if (hit > n->node_count / 8) {
		memset(im->weak, 0, ((size_t)n->node_count / 64 + 1) * sizeof(*im->weak));
		for (uint32_t g = 0; g < n->group_count && n->any_soft; g++)
			im->spare_up[g] = im->fall.intact[g].spare;
	} else if (n->any_soft) {
		restore_groups(im, im->fall.order, im->fall.count);
		restore_groups(im, im->weak_order, im->weak_count);
		for (uint32_t i = 0; i < im->weak_count; i++)
			im->weak[im->weak_order[i] / 64] = 0;
	}
	fall_undo(&im->fall, 0);
	im->weak_count = 0;
	im->hop_known = false;
}

static void
weaken(struct impact *im, uint32_t v)
{
	uint64_t bit = UINT64_C(1) << v % 64;

	if (fall_is_down(&im->fall, v) || (im->weak[v / 64] & bit) != 0)
		return;
	im->weak[v / 64] |= bit;
	im->weak_order[im->weak_count++] = v;
}

static void
group_weakens(struct impact *im, uint32_t g)
{
	if (im->spare_up[g]-- == 0)
		weaken(im, im->fall.n->groups[g].node);
}

/* What one that is down does to those that stay up. */
static void
spread_down(struct impact *im, uint32_t v)
{
	const struct needs *n = im->fall.n;

	for (uint32_t w = n->use_hard_end[v]; w < n->use_at[v + 1]; w++) {
		if (needs_tag(n->use[w]) == NEEDS_GROUP)
			group_weakens(im, needs_id(n->use[w]));
		else
			weaken(im, needs_id(n->use[w]));
	}
}

/* What one that is degraded does. */
static void
spread_weak(struct impact *im, uint32_t v)
{
	const struct needs *n = im->fall.n;

	for (uint32_t w = n->use_at[v]; w < n->use_at[v + 1]; w++) {
		uint32_t id = needs_id(n->use[w]);
		enum needs_tag tag = needs_tag(n->use[w]);

		if (tag == NEEDS_HARD)
			weaken(im, id);
		else if (tag == NEEDS_GROUP && (!n->groups[id].soft || im->soft_spreads))
			group_weakens(im, id);
		else if (tag == NEEDS_SOFT && im->soft_spreads)
			weaken(im, id);
	}
}

/* Hop by hop: those who are down at a hop, then those who are degraded at it, find the degraded ones of the next. */
static void
find_weak(struct impact *im)
{
	const struct fall *f = &im->fall;
	uint32_t hop = 0;

	im->weak_level[0] = im->weak_level[1] = 0;
	for (; hop < f->level_count || im->weak_level[hop] < im->weak_level[hop + 1]; hop++) {
		for (uint32_t i = hop < f->level_count ? f->level[hop] : f->count; i < (hop < f->level_count ? f->level[hop + 1] : f->count); i++)
			spread_down(im, f->order[i]);
		for (uint32_t i = im->weak_level[hop]; i < im->weak_level[hop + 1]; i++)
			spread_weak(im, im->weak_order[i]);
		im->weak_level[hop + 2] = im->weak_count;
	}
	im->hops = hop;
}

void
impact_run(struct impact *im, const uint32_t *failed, uint32_t count)
{
	forget(im);
	fall_push(&im->fall, failed, count);
	im->hops = im->fall.level_count;
	if (im->fall.n->any_soft)
		find_weak(im);
}

const char *
impact_word(enum impact_state s)
{
	return s == IMPACT_DOWN ? "down" : s == IMPACT_DEGRADED ? "degraded" : "up";
}

static void
know_hops(struct impact *im)
{
	const struct fall *f = &im->fall;

	for (uint32_t h = 0; h < f->level_count; h++)
		for (uint32_t i = f->level[h]; i < f->level[h + 1]; i++)
			im->hop[f->order[i]] = h;
	for (uint32_t h = 0; h < im->hops && f->n->any_soft; h++)
		for (uint32_t i = im->weak_level[h]; i < im->weak_level[h + 1]; i++)
			im->hop[im->weak_order[i]] = h;
	im->hop_known = true;
}

uint32_t
impact_hop(struct impact *im, uint32_t v)
{
	if (impact_state(im, v) == IMPACT_UP)
		return NEEDS_NONE;
	if (!im->hop_known)
		know_hops(im);
	return im->hop[v];
}

/* Was v at least this bad before that hop? */
static bool
bad_before(struct impact *im, uint32_t v, enum impact_state s, uint32_t hop)
{
	return impact_state(im, v) >= s && impact_hop(im, v) < hop;
}

/* Is this group a reason for its node's state at that hop? It is when too few members are left of those who were better before it. */
static bool
group_because(struct impact *im, uint32_t id, enum impact_state s, uint32_t hop, struct impact_reason *r)
{
	const struct needs_group *g = &im->fall.n->groups[id];
	enum impact_state bad = s == IMPACT_DOWN || (g->soft && !im->soft_spreads) ? IMPACT_DOWN : IMPACT_DEGRADED;
	uint32_t lost = 0;

	if (s == IMPACT_DOWN && g->soft)
		return false;
	*r = (struct impact_reason){ IMPACT_GROUP, g->soft, NEEDS_NONE, id, 0, 0 };
	for (uint32_t i = g->first; i < g->first + g->count; i++) {
		uint32_t member = im->fall.n->members[i];
		enum impact_state m = impact_state(im, member);

		r->up += m == IMPACT_UP;
		r->alive += m != IMPACT_DOWN;
		if (!bad_before(im, member, bad, hop))
			continue;
		lost++;
		if (r->node == NEEDS_NONE || impact_hop(im, member) < impact_hop(im, r->node))
			r->node = member;
	}
	return g->count - lost < g->k;
}

static bool
need_because(struct impact *im, uint32_t word, enum impact_state s, uint32_t hop, struct impact_reason *r)
{
	uint32_t id = needs_id(word);
	bool soft = needs_tag(word) == NEEDS_SOFT;

	if (needs_tag(word) == NEEDS_GROUP)
		return group_because(im, id, s, hop, r);
	if (soft && s == IMPACT_DOWN)
		return false;
	if (!bad_before(im, id, soft && !im->soft_spreads ? IMPACT_DOWN : s, hop))
		return false;
	*r = (struct impact_reason){ IMPACT_NEED, soft, id, NEEDS_NONE, 0, 0 };
	return true;
}

struct impact_reason
impact_why(struct impact *im, uint32_t v)
{
	const struct needs *n = im->fall.n;
	enum impact_state s = impact_state(im, v);
	struct impact_reason r = { .because = IMPACT_UNHARMED, .node = NEEDS_NONE, .group = NEEDS_NONE };

	if (s == IMPACT_UP)
		return r;
	uint32_t hop = impact_hop(im, v);

	r.because = IMPACT_FAILED;
	if (hop == 0)
		return r;
	for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1]; w++)
		if (need_because(im, n->dep[w], s, hop, &r))
			return r;
	fl_assert(!"nobody is hit without a reason");
}

static int
by_group(const void *a, const void *b)
{
	uint32_t x = ((const struct impact_risk *)a)->group, y = ((const struct impact_risk *)b)->group;

	return x < y ? -1 : x > y;
}

/* Is v the first of the members that are down? So that each group is counted once, without a mark per group. */
static bool
first_lost(const struct impact *im, const struct needs_group *g, uint32_t v)
{
	for (uint32_t i = g->first; i < g->first + g->count; i++)
		if (fall_is_down(&im->fall, im->fall.n->members[i]))
			return im->fall.n->members[i] == v;
	return false;
}

uint32_t
impact_risks(const struct impact *im, struct impact_risk *ret, uint32_t max)
{
	const struct fall *f = &im->fall;
	const struct needs *n = f->n;
	uint32_t found = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		uint32_t v = f->order[i];

		for (uint32_t w = n->use_hard_end[v]; w < n->use_at[v + 1] && needs_tag(n->use[w]) == NEEDS_GROUP; w++) {
			uint32_t id = needs_id(n->use[w]);
			const struct needs_group *g = &n->groups[id];

			if (g->soft || f->groups[id].spare < 0 || fall_is_down(f, g->node) || !first_lost(im, g, v))
				continue;
			if (found < max)
				ret[found] = (struct impact_risk){ id, (uint32_t)(f->groups[id].spare + (int32_t)g->k), f->groups[id].spare == 0 };
			found++;
		}
	}
	if (max > 0)
		qsort(ret, FL_MIN(found, max), sizeof(*ret), by_group);
	return found;
}
