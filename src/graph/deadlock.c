/* SPDX-License-Identifier: MIT */
/* deadlock.c - see deadlock.h. */
#include "graph/deadlock.h"

#include "base/assert.h"
#include "graph/csr.h"
#include "graph/scc.h"

#include <errno.h>
#include <string.h>

#define BATCH 256                       /* nodes of a circle to free one of at a time */
#define TRIALS_MAX (UINT64_C(1) << 30)  /* edges squared: above, needless breaks are not looked for */

/* A need inside of a circle: `from` and `to` are places in the circle, `need` one of its conditions. */
struct inner {
	uint32_t from, to, need;
	uint32_t group, cost;
	bool broken;
};
/* What a node of the circle waits for: so many more of these inner edges. */
struct condition {
	uint32_t from;
	uint32_t missing;
	uint32_t edge_first, edge_count;
};
struct circle {
	uint32_t count;
	uint32_t *nodes;
	struct inner *edges;
	uint32_t edge_count;
	struct condition *conditions;   /* those of a node lie together */
	uint32_t condition_count;
	uint32_t *condition_at;         /* by place */
	uint32_t *use_at, *use;         /* inner edges by `to` */
	uint32_t *wait, *left, *queue;  /* work of a trial: conditions of a node; edges of a condition; started ones */
	uint32_t started;
};
struct finder {
	const struct plan *p;
	deadlock_cost_fn *cost;
	void *arg;
	struct arena *keep, *scratch;
	uint32_t *stuck, stuck_count;   /* nodes */
	uint32_t *component;            /* by place in stuck */
	uint32_t *at;                   /* place in stuck by node; NEEDS_NONE */
	uint32_t *inside;               /* place in the circle by node; NEEDS_NONE outside */
	struct deadlock *circles;
	uint32_t *nodes;
	struct deadlock_break *breaks;
	uint32_t circle_count, node_count, break_count;
};

static bool
waits_for_group(const struct finder *f, uint32_t g)
{
	return !f->p->n->groups[g].soft && f->p->left[g] > 0;
}

static bool
is_stuck(const struct finder *f, uint32_t v)
{
	return f->p->end[v] == FL_NEVER;
}

/* ---- the components of what is stuck ---- */

/* Append the places of stuck nodes that v waits for; out NULL: count. */
static uint32_t
waits(const struct finder *f, uint32_t v, uint32_t *out)
{
	const struct needs *n = f->p->n;
	uint32_t count = 0;

	for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1]; w++) {
		uint32_t id = needs_id(n->dep[w]);

		if (needs_tag(n->dep[w]) == NEEDS_SOFT)
			break;
		if (needs_tag(n->dep[w]) == NEEDS_HARD) {
			if (!is_stuck(f, id))
				continue;
			if (out != NULL)
				out[count] = f->at[id];
			count++;
			continue;
		}
		for (uint32_t k = 0; k < n->groups[id].count && waits_for_group(f, id); k++) {
			uint32_t m = n->members[n->groups[id].first + k];

			if (!is_stuck(f, m))
				continue;
			if (out != NULL)
				out[count] = f->at[m];
			count++;
		}
	}
	return count;
}

static int
find_components(struct finder *f, uint32_t *ret_count)
{
	uint32_t n = f->p->n->node_count, total = 0;

	f->stuck = csr_numbers(f->scratch, n);
	f->at = csr_numbers(f->scratch, n);
	f->component = csr_numbers(f->scratch, n);
	uint32_t *row = csr_numbers(f->scratch, (size_t)n + 1), *to;

	if (f->stuck == NULL || f->at == NULL || f->component == NULL || row == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++) {
		f->at[v] = NEEDS_NONE;
		if (!is_stuck(f, v))
			continue;
		f->at[v] = f->stuck_count;
		f->stuck[f->stuck_count++] = v;
		total += waits(f, v, NULL);
	}
	to = csr_numbers(f->scratch, total);
	if (to == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->stuck_count; i++)
		row[i + 1] = row[i] + waits(f, f->stuck[i], to + row[i]);
	return scc_find(f->scratch, f->stuck_count, row, to, f->component, ret_count);
}

/* ---- one circle ---- */

static uint32_t
cost_of(const struct finder *f, uint32_t from, uint32_t to, uint32_t group)
{
	uint32_t c = f->cost == NULL ? 1 : f->cost(f->arg, from, to, group);

	fl_assert(c > 0 && c < UINT32_C(1) << 20);
	return c;
}

static void
add_edge(struct finder *f, struct circle *c, uint32_t v, uint32_t u, uint32_t group)
{
	c->edges[c->edge_count++] = (struct inner){ f->inside[v], f->inside[u], c->condition_count, group, cost_of(f, v, u, group), false };
}

/* The conditions of a node; what it needs outside of the circle is taken as there. */
static void
add_conditions(struct finder *f, struct circle *c, uint32_t v)
{
	const struct needs *n = f->p->n;

	for (uint32_t w = n->dep_at[v]; w < n->dep_at[v + 1] && needs_tag(n->dep[w]) != NEEDS_SOFT; w++) {
		uint32_t id = needs_id(n->dep[w]), first = c->edge_count, missing = 1;

		if (needs_tag(n->dep[w]) == NEEDS_HARD) {
			if (f->inside[id] != NEEDS_NONE)
				add_edge(f, c, v, id, NEEDS_NONE);
		} else if (waits_for_group(f, id)) {
			const struct needs_group *g = &n->groups[id];
			uint32_t outside = 0;

			for (uint32_t k = g->first; k < g->first + g->count; k++) {
				if (f->inside[n->members[k]] != NEEDS_NONE)
					add_edge(f, c, v, n->members[k], id);
				else
					outside += is_stuck(f, n->members[k]);
			}
			missing = f->p->left[id] > outside ? f->p->left[id] - outside : 0;
		}
		if (c->edge_count > first && missing == 0)
			c->edge_count = first;          /* there is enough outside */
		else if (c->edge_count > first)
			c->conditions[c->condition_count++] = (struct condition){ f->inside[v], missing, first, c->edge_count - first };
	}
}

static int
make_circle(struct finder *f, struct circle *c)
{
	const struct needs *n = f->p->n;
	uint32_t edges = 0, conditions = 0;

	for (uint32_t i = 0; i < c->count; i++) {
		edges += waits(f, c->nodes[i], NULL);
		conditions += n->dep_at[c->nodes[i] + 1] - n->dep_at[c->nodes[i]];
		f->inside[c->nodes[i]] = i;
	}
	c->edges = arena_alloc(f->scratch, edges * sizeof(*c->edges));
	c->conditions = arena_alloc(f->scratch, conditions * sizeof(*c->conditions));
	c->condition_at = csr_numbers(f->scratch, (size_t)c->count + 1);
	c->use_at = csr_numbers(f->scratch, (size_t)c->count + 1);
	c->use = csr_numbers(f->scratch, edges);
	c->wait = csr_numbers(f->scratch, c->count);
	c->left = csr_numbers(f->scratch, conditions);
	c->queue = csr_numbers(f->scratch, c->count);
	uint32_t *to = csr_numbers(f->scratch, edges);

	if (c->edges == NULL || c->conditions == NULL || c->condition_at == NULL || c->use_at == NULL || c->use == NULL || c->wait == NULL ||
	    c->left == NULL || c->queue == NULL || to == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->count; i++) {
		c->condition_at[i] = c->condition_count;
		add_conditions(f, c, c->nodes[i]);
	}
	c->condition_at[c->count] = c->condition_count;
	for (uint32_t i = 0; i < c->edge_count; i++)
		to[i] = c->edges[i].to;
	return csr_order(f->scratch, NULL, c->edge_count, to, c->count, c->use, c->use_at);
}

static void
start_met(struct circle *c, uint32_t condition)
{
	uint32_t from = c->conditions[condition].from;

	if (--c->wait[from] == 0)
		c->queue[c->started++] = from;
}

/* Which nodes start with what is broken now: started ones are in the queue. True: all. O(edges). */
static bool
trial(struct circle *c)
{
	c->started = 0;
	for (uint32_t i = 0; i < c->count; i++) {
		c->wait[i] = c->condition_at[i + 1] - c->condition_at[i];
		if (c->wait[i] == 0)
			c->queue[c->started++] = i;
	}
	for (uint32_t k = 0; k < c->condition_count; k++) {
		const struct condition *d = &c->conditions[k];

		c->left[k] = d->missing;
		for (uint32_t i = d->edge_first; i < d->edge_first + d->edge_count; i++)
			if (c->edges[i].broken && c->left[k] > 0 && --c->left[k] == 0)
				start_met(c, k);
	}
	for (uint32_t done = 0; done < c->started; done++) {
		for (uint32_t i = c->use_at[c->queue[done]]; i < c->use_at[c->queue[done] + 1]; i++) {
			const struct inner *e = &c->edges[c->use[i]];

			if (!e->broken && c->left[e->need] > 0 && --c->left[e->need] == 0)
				start_met(c, e->need);
		}
	}
	return c->started == c->count;
}

static uint32_t
broken_cost(const struct circle *c)
{
	uint32_t cost = 0;

	for (uint32_t i = 0; i < c->edge_count; i++)
		cost += c->edges[i].broken ? c->edges[i].cost : 0;
	return cost;
}

/* ---- breaking it: greedily, then exactly ---- */

/* The price of freeing a node: for each of its conditions that is not met, the cheapest edges that are missing. apply: break them. */
static uint32_t
free_price(struct circle *c, uint32_t place, bool apply)
{
	uint32_t price = 0;

	for (uint32_t k = c->condition_at[place]; k < c->condition_at[place + 1]; k++) {
		const struct condition *d = &c->conditions[k];

		for (uint32_t need = c->left[k], bound = 0; need > 0;) {
			uint32_t next = UINT32_MAX;

			/* Edges by rising cost; of one cost in their order. Those whose `to` has started are counted in left already. */
			for (uint32_t i = d->edge_first; i < d->edge_first + d->edge_count; i++)
				if (!c->edges[i].broken && c->edges[i].cost >= bound && c->wait[c->edges[i].to] > 0)
					next = FL_MIN(next, c->edges[i].cost);
			fl_assert(next != UINT32_MAX);
			for (uint32_t i = d->edge_first; i < d->edge_first + d->edge_count && need > 0; i++) {
				if (c->edges[i].broken || c->edges[i].cost != next || c->wait[c->edges[i].to] == 0)
					continue;
				price += next;
				need--;
				c->edges[i].broken = apply;
			}
			bound = next + 1;
		}
	}
	return price;
}

static void
drop_needless(struct circle *c)
{
	for (uint32_t i = 0; i < c->edge_count; i++) {
		if (!c->edges[i].broken)
			continue;
		c->edges[i].broken = false;
		if (!trial(c))
			c->edges[i].broken = true;
	}
}

/* How gladly a node is freed: by who waits for it, and by what it costs. */
static double
score(struct circle *c, uint32_t place)
{
	return c->wait[place] == 0 ? 0 : (c->use_at[place + 1] - c->use_at[place] + 0.5) / free_price(c, place, false);
}

/* The best node goes first. In a large circle all that are nearly as good go with it, a few in a hundred at a time. */
static void
break_greedily(struct circle *c)
{
	while (!trial(c)) {
		double best = 0;
		uint32_t batch = 1 + (c->count - c->started) / BATCH;

		for (uint32_t i = 0; i < c->count; i++)
			{
			double x = score(c, i);

			best = FL_MAX(best, x);
		}
		fl_assert(best > 0);
		for (uint32_t i = 0; i < c->count && batch > 0; i++) {
			if (score(c, i) < (batch == 1 ? best : best / 2))
				continue;
			free_price(c, i, true);
			batch--;
			if (c->count <= BATCH)
				break;
		}
	}
	if ((uint64_t)c->edge_count * c->edge_count < TRIALS_MAX)
		drop_needless(c);
}

struct exact {
	struct circle *c;
	uint32_t best;
	bool kept[DEADLOCK_EXACT];      /* the best so far */
};

/* Every set of edges from i on that costs less than the best. */
static void
break_exactly(struct exact *x, uint32_t i, uint32_t cost)
{
	struct circle *c = x->c;

	if (cost >= x->best)
		return;
	if (trial(c)) {
		x->best = cost;
		for (uint32_t k = 0; k < c->edge_count; k++)
			x->kept[k] = c->edges[k].broken;
		return;
	}
	for (; i < c->edge_count; i++) {
		c->edges[i].broken = true;
		break_exactly(x, i + 1, cost + c->edges[i].cost);
		c->edges[i].broken = false;
	}
}

static bool
break_circle(struct circle *c)
{
	break_greedily(c);
	if (c->edge_count > DEADLOCK_EXACT)
		return false;
	struct exact x = { .c = c, .best = broken_cost(c) };

	for (uint32_t i = 0; i < c->edge_count; i++) {
		x.kept[i] = c->edges[i].broken;
		c->edges[i].broken = false;
	}
	break_exactly(&x, 0, 0);
	for (uint32_t i = 0; i < c->edge_count; i++)
		c->edges[i].broken = x.kept[i];
	return true;
}

static void
report(struct finder *f, const struct circle *c, bool exact)
{
	struct deadlock *d = &f->circles[f->circle_count++];

	*d = (struct deadlock){ .node_first = f->node_count, .node_count = c->count, .break_first = f->break_count, .cost = broken_cost(c),
		.exact = exact };
	for (uint32_t i = 0; i < c->count; i++) {
		f->nodes[f->node_count++] = c->nodes[i];
		f->inside[c->nodes[i]] = NEEDS_NONE;
	}
	for (uint32_t i = 0; i < c->edge_count; i++)
		if (c->edges[i].broken)
			f->breaks[f->break_count++] = (struct deadlock_break){ c->nodes[c->edges[i].from], c->nodes[c->edges[i].to],
				c->edges[i].group, c->edges[i].cost };
	d->break_count = f->break_count - d->break_first;
}

static int
break_all(struct finder *f, uint32_t components)
{
	uint32_t *order = csr_numbers(f->scratch, f->stuck_count), *start = csr_numbers(f->scratch, (size_t)components + 1);

	if (order == NULL || start == NULL || csr_order(f->scratch, NULL, f->stuck_count, f->component, components, order, start) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < f->stuck_count; i++)
		order[i] = f->stuck[order[i]];
	for (uint32_t k = 0; k < components; k++) {
		struct arena_mark mark = arena_snapshot(f->scratch);
		struct circle c = { .count = start[k + 1] - start[k], .nodes = order + start[k] };

		if (c.count < 2)
			continue;
		if (make_circle(f, &c) != 0)
			return -ENOMEM;
		bool exact = break_circle(&c);

		if (broken_cost(&c) > 0)
			report(f, &c, exact);
		else
			for (uint32_t i = 0; i < c.count; i++)
				f->inside[c.nodes[i]] = NEEDS_NONE;       /* what is outside is enough for it */
		if (f->keep != f->scratch)
			arena_reset(f->scratch, mark);
	}
	return 0;
}

/* Places for what is found: in keep, so large that it fits whatever is found. */
static int
make_room(struct finder *f)
{
	uint32_t edges = 0;

	for (uint32_t i = 0; i < f->stuck_count; i++)
		edges += waits(f, f->stuck[i], NULL);
	f->circles = arena_alloc(f->keep, (f->stuck_count / 2 + 1) * sizeof(*f->circles));
	f->nodes = csr_numbers(f->keep, f->stuck_count);
	f->breaks = arena_alloc(f->keep, edges * sizeof(*f->breaks));
	f->inside = csr_numbers(f->scratch, f->p->n->node_count);
	if (f->circles == NULL || f->nodes == NULL || f->breaks == NULL || f->inside == NULL)
		return -ENOMEM;
	memset(f->inside, 0xff, f->p->n->node_count * sizeof(*f->inside));
	return 0;
}

int
deadlock_find(const struct plan *p, deadlock_cost_fn *cost, void *arg, struct arena *keep, struct arena *scratch, struct deadlocks *ret)
{
	struct finder f = { .p = p, .cost = cost, .arg = arg, .keep = keep, .scratch = scratch };
	uint32_t components;

	if (find_components(&f, &components) != 0 || make_room(&f) != 0 || break_all(&f, components) != 0)
		return -ENOMEM;
	*ret = (struct deadlocks){ f.circles, f.circle_count, f.nodes, f.breaks, f.node_count, f.break_count, f.stuck_count - f.node_count };
	return 0;
}

uint32_t
deadlock_estate_cost(void *arg, uint32_t from, uint32_t to, uint32_t group)
{
	const struct deadlock_estate *x = arg;

	if (group != NEEDS_NONE) {
		const struct estate_group *g = &x->e->groups[x->n->group_of[group]];

		return (g->assumed & (ESTATE_ASSUMED_STRENGTH | ESTATE_ASSUMED_PHASE)) != 0 ? 1 : 2;
	}
	uint32_t line = estate_line(x->e, from, to);

	fl_assert(line != ESTATE_NONE);
	return (x->e->lines[line].assumed & (ESTATE_ASSUMED_STRENGTH | ESTATE_ASSUMED_PHASE)) != 0 ? 1 : 4;
}
