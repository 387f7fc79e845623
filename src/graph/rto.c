/* SPDX-License-Identifier: MIT */
/* rto.c - see rto.h. */
#include "graph/rto.h"

#include "base/assert.h"
#include "base/rng.h"
#include "base/units.h"
#include "graph/csr.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P75_Z 0.6744897501960817        /* three quarters of the normal distribution lie below */
#define RUNS_MAX 100000u

const char *
rto_origin_word(enum rto_origin o)
{
	static const char *const words[] = { "assumed", "probe", "declared", "history", "drill" };

	return words[o];
}

const char *
rto_verdict_word(enum rto_verdict v)
{
	static const char *const words[] = { "met", "missed with these crews", "missed", "never" };

	return words[v];
}

/* ---- durations ---- */

/* A fact of one source as a duration that is not negative. */
static bool
said(const struct estate *e, uint32_t v, const char *key, const char *source, fl_ns *ret)
{
	const struct estate_fact *f = estate_node_fact_of(e, v, key, source);
	fl_ns ns;

	if (f == NULL || units_parse_duration(f->value, &ns) != 0 || ns < 0)
		return false;
	*ret = ns;
	return true;
}

/* What one source (NULL: the best) says. */
static bool
said_all(const struct estate *e, uint32_t v, const char *source, struct rto_duration *d)
{
	bool one = said(e, v, ESTATE_FACT_RECOVER, source, &d->recover), half = said(e, v, ESTATE_FACT_RECOVER_P50, source, &d->p50);
	bool most = said(e, v, ESTATE_FACT_RECOVER_P75, source, &d->p75);

	if (!one && !half && !most)
		return false;
	if (!half)
		d->p50 = one ? d->recover : d->p75;
	if (!most)
		d->p75 = FL_MAX(d->p50, one ? d->recover : d->p50);
	d->recover = most || !one ? d->p75 : d->recover;
	d->p75 = FL_MAX(d->p75, d->p50);
	return true;
}

void
rto_durations(const struct estate *e, fl_ns fallback, struct rto_duration *ret, fl_ns *ret_recover)
{
	fl_assert(fallback >= 0);
	for (uint32_t v = 0; v < e->node_count; v++) {
		struct rto_duration *d = &ret[v];
		bool ours = e->nodes[v].kind != SIGHT_USER && e->nodes[v].kind != SIGHT_EXTERNAL;

		*d = (struct rto_duration){ .recover = ours ? fallback : 0, .origin = RTO_ASSUMED };
		d->p50 = d->p75 = d->recover;
		if (said_all(e, v, "drill", d)) {
			d->origin = RTO_DRILL;
		} else if (said_all(e, v, "history", d)) {
			d->origin = RTO_HISTORY;
		} else if (said_all(e, v, NULL, d)) {
			d->origin = RTO_DECLARED;
		} else if (said(e, v, ESTATE_FACT_RECOVER_PROBE, NULL, &d->recover)) {
			d->p50 = d->p75 = d->recover;
			d->origin = RTO_PROBE;
		}
		if (ret_recover != NULL)
			ret_recover[v] = d->recover;
	}
}

/* ---- verdicts ---- */

static int
compare_rows(const void *a, const void *b)
{
	const struct rto_row *x = a, *y = b;

	if (x->verdict != y->verdict)
		return x->verdict > y->verdict ? -1 : 1;
	if (x->margin != y->margin)
		return x->margin < y->margin ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static struct rto_row
judge(uint32_t v, fl_ns rto, fl_ns serve, const fl_ns *crews)
{
	struct rto_row r = { .node = v, .verdict = RTO_NEVER, .rto = rto, .end = FL_NEVER, .margin = FL_NEVER };

	if (serve == FL_NEVER)
		return r;
	r.end = crews != NULL ? crews[v] : serve;
	r.verdict = serve > rto ? RTO_MISSED : r.end > rto ? RTO_MISSED_CREWS : RTO_MET;
	r.margin = rto - r.end;
	return r;
}

uint32_t
rto_verdicts(const struct estate *e, const struct plan *p, const fl_ns *serve, const fl_ns *crews, struct rto_row *ret, uint32_t max)
{
	uint32_t count = 0;
	fl_ns rto;

	for (uint32_t v = 0; v < e->node_count; v++) {
		if ((!p->chosen[v] && p->end[v] != FL_NEVER) || estate_node_ns(e, v, ESTATE_FACT_RTO, &rto) != 0)
			continue;
		if (count < max)
			ret[count] = judge(v, rto, serve[v], crews);
		count++;
	}
	if (FL_MIN(count, max) > 0)
		qsort(ret, FL_MIN(count, max), sizeof(*ret), compare_rows);
	return count;
}

/* ---- promises that contradict each other ---- */

struct promises {
	const struct needs *n;
	fl_ns *rto;                     /* FL_NEVER: no objective */
	fl_ns *floor;                   /* before which it cannot be up if all keep their promises to the minute */
	uint32_t *why;                  /* whose promise that is; NEEDS_NONE */
	fl_ns *sorted;                  /* room for the largest group */
};

static fl_ns
promise_of(const struct promises *x, uint32_t v)
{
	return x->rto[v] != FL_NEVER ? x->rto[v] : x->floor[v];
}

static uint32_t
promiser(const struct promises *x, uint32_t v)
{
	return x->rto[v] != FL_NEVER ? v : x->why[v];
}

static int
compare_ns(const void *a, const void *b)
{
	fl_ns x = *(const fl_ns *)a, y = *(const fl_ns *)b;

	return x < y ? -1 : x > y;
}

/* The promise that one need of v comes down to, and whose it is. A group comes down to its K-th earliest. */
static fl_ns
need_promise(const struct promises *x, uint32_t word, uint32_t *ret_who)
{
	uint32_t id = needs_id(word);

	if (needs_tag(word) == NEEDS_HARD) {
		*ret_who = promiser(x, id);
		return promise_of(x, id);
	}
	const struct needs_group *g = &x->n->groups[id];

	*ret_who = NEEDS_NONE;
	if (g->soft || g->k == 0)
		return 0;
	for (uint32_t i = 0; i < g->count; i++)
		x->sorted[i] = promise_of(x, x->n->members[g->first + i]);
	qsort(x->sorted, g->count, sizeof(*x->sorted), compare_ns);
	for (uint32_t i = g->first; i < g->first + g->count && *ret_who == NEEDS_NONE; i++)
		if (promise_of(x, x->n->members[i]) == x->sorted[g->k - 1])
			*ret_who = promiser(x, x->n->members[i]);
	return x->sorted[g->k - 1];
}

/* Raise the floor of v to the latest of its needs. True: it rose. */
static bool
raise_floor(struct promises *x, uint32_t v)
{
	bool rose = false;

	for (uint32_t w = x->n->dep_at[v]; w < x->n->dep_at[v + 1] && needs_tag(x->n->dep[w]) != NEEDS_SOFT; w++) {
		uint32_t who;
		fl_ns p = need_promise(x, x->n->dep[w], &who);

		if (p > x->floor[v]) {
			x->floor[v] = p;
			x->why[v] = who;
			rose = true;
		}
	}
	return rose;
}

/* Floors only rise, and only to one of the objectives, so this ends. */
static int
raise_all(struct promises *x, struct arena *scratch)
{
	uint32_t n = x->n->node_count, head = 0, count = 0, *ring = csr_numbers(scratch, n);
	bool *queued = arena_alloc(scratch, n);

	if (ring == NULL || queued == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++) {
		ring[count++] = v;
		queued[v] = true;
	}
	while (count > 0) {
		uint32_t v = ring[head];

		head = head + 1 == n ? 0 : head + 1;
		count--;
		queued[v] = false;
		if (!raise_floor(x, v) || x->rto[v] != FL_NEVER)
			continue;
		for (uint32_t w = x->n->use_at[v]; w < x->n->use_at[v + 1]; w++) {
			uint32_t u = needs_id(x->n->use[w]);

			u = needs_tag(x->n->use[w]) == NEEDS_GROUP ? x->n->groups[u].node : u;
			if (queued[u])
				continue;
			queued[u] = true;
			ring[(uint32_t)(((uint64_t)head + count++) % n)] = u;
		}
	}
	return 0;
}

static uint32_t
group_of_floor(const struct promises *x, uint32_t v)
{
	for (uint32_t w = x->n->dep_at[v]; w < x->n->dep_at[v + 1] && needs_tag(x->n->dep[w]) != NEEDS_SOFT; w++) {
		uint32_t who;

		if (need_promise(x, x->n->dep[w], &who) == x->floor[v])
			return needs_tag(x->n->dep[w]) == NEEDS_GROUP ? needs_id(x->n->dep[w]) : NEEDS_NONE;
	}
	return NEEDS_NONE;
}

int64_t
rto_inversions(const struct estate *e, const struct needs *n, struct arena *scratch, struct rto_inversion *ret, uint32_t max)
{
	uint32_t largest = 0, found = 0, v = n->node_count;
	struct promises x = { .n = n, .rto = arena_alloc(scratch, v * sizeof(fl_ns)), .floor = arena_alloc(scratch, v * sizeof(fl_ns)),
		.why = csr_numbers(scratch, v) };

	for (uint32_t g = 0; g < n->group_count; g++)
		largest = FL_MAX(largest, n->groups[g].count);
	x.sorted = arena_alloc(scratch, largest * sizeof(*x.sorted));
	if (x.rto == NULL || x.floor == NULL || x.why == NULL || x.sorted == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < v; i++) {
		x.rto[i] = FL_NEVER;
		x.why[i] = NEEDS_NONE;
		(void)estate_node_ns(e, i, ESTATE_FACT_RTO, &x.rto[i]);         /* untouched where there is none */
	}
	if (raise_all(&x, scratch) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < v; i++) {
		if (x.rto[i] == FL_NEVER || x.rto[i] >= x.floor[i])
			continue;
		if (found < max)
			ret[found] = (struct rto_inversion){ i, x.why[i], group_of_floor(&x, i), x.rto[i], x.floor[i] };
		found++;
	}
	return found;
}

/* ---- what to speed up ---- */

static uint32_t
misses(const struct estate *e, const struct plan *p)
{
	uint32_t count = 0;
	fl_ns rto;

	for (uint32_t v = 0; v < e->node_count; v++)
		if (p->chosen[v] && estate_node_ns(e, v, ESTATE_FACT_RTO, &rto) == 0)
			count += p->end[v] > rto;
	return count;
}

/* The `tries` longest of those without slack, by falling time: insertion into a short list. */
static uint32_t
candidates(const struct plan *p, const fl_ns *recover, uint32_t tries, struct rto_gain *ret)
{
	uint32_t count = 0;

	for (uint32_t v = 0; v < p->n->node_count && tries > 0; v++) {
		if (!p->chosen[v] || p->slack[v] > 0 || p->end[v] == p->start[v])
			continue;
		if (count == tries && recover[ret[count - 1].node] >= recover[v])
			continue;
		uint32_t k = count < tries ? count++ : count - 1;

		for (; k > 0 && recover[ret[k - 1].node] < recover[v]; k--)
			ret[k] = ret[k - 1];
		ret[k] = (struct rto_gain){ .node = v };
	}
	return count;
}

static int
compare_gains(const void *a, const void *b)
{
	const struct rto_gain *x = a, *y = b;

	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	if (x->fixed != y->fixed)
		return x->fixed > y->fixed ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

uint32_t
rto_gains(const struct estate *e, struct plan *p, const struct plan_question *q, fl_ns *scratch_recover, uint32_t tries, struct rto_gain *ret)
{
	uint32_t count = candidates(p, q->recover, tries, ret), before = misses(e, p);
	fl_ns makespan = p->makespan;
	struct plan_question faster = *q;

	faster.recover = scratch_recover;
	memcpy(scratch_recover, q->recover, p->n->node_count * sizeof(*scratch_recover));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t v = ret[i].node;

		scratch_recover[v] = q->recover[v] / 2;
		plan_times(p, &faster);
		ret[i].gain_half = makespan - p->makespan;
		scratch_recover[v] = 0;
		plan_times(p, &faster);
		ret[i].gain = makespan - p->makespan;
		ret[i].fixed = before - misses(e, p);
		scratch_recover[v] = q->recover[v];
	}
	plan_times(p, q);
	if (count > 0)
		qsort(ret, count, sizeof(*ret), compare_gains);
	return count;
}

/* ---- chances ---- */

static fl_ns
draw(const struct rto_duration *d, uint64_t seed, uint32_t run, uint32_t node)
{
	if (d->p75 <= d->p50 || d->p50 <= 0)
		return d->recover;
	double sigma = log((double)d->p75 / (double)d->p50) / P75_Z, z = rng_normal(rng_block(seed, run, node));
	double ns = (double)d->p50 * exp(sigma * z);

	return ns < 1e18 ? (fl_ns)ns : INT64_C(1000000000000000000);
}

static void
count_run(const struct estate *e, const struct plan *p, const fl_ns *rto, struct rto_chances *c)
{
	for (uint32_t v = p->last; v != NEEDS_NONE; v = p->gate[v])
		c->critical[v]++;
	for (uint32_t v = 0; v < e->node_count; v++)
		c->met[v] += rto[v] != FL_NEVER && p->end[v] <= rto[v];
}

int
rto_simulate(const struct estate *e, struct plan *p, const struct plan_question *q, const struct rto_duration *d, uint64_t seed, uint32_t runs,
    struct arena *keep, struct arena *scratch, struct rto_chances *ret)
{
	uint32_t n = e->node_count;
	struct rto_chances c = { .runs = runs, .critical = csr_numbers(keep, n), .met = csr_numbers(keep, n) };
	fl_ns *recover = arena_alloc(scratch, n * sizeof(*recover)), *rto = arena_alloc(scratch, n * sizeof(*rto));
	fl_ns *spans = arena_alloc(scratch, (size_t)FL_MIN(runs, RUNS_MAX) * sizeof(*spans));
	struct plan_question drawn = *q;

	if (runs == 0 || runs > RUNS_MAX)
		return -EINVAL;
	if (c.critical == NULL || c.met == NULL || recover == NULL || rto == NULL || spans == NULL)
		return -ENOMEM;
	for (uint32_t v = 0; v < n; v++) {
		rto[v] = FL_NEVER;
		(void)estate_node_ns(e, v, ESTATE_FACT_RTO, &rto[v]);           /* untouched where there is none */
	}
	drawn.recover = recover;
	for (uint32_t run = 0; run < runs; run++) {
		for (uint32_t v = 0; v < n; v++)
			recover[v] = draw(&d[v], seed, run, v);
		plan_times(p, &drawn);
		spans[run] = p->makespan;
		count_run(e, p, rto, &c);
	}
	plan_times(p, q);
	qsort(spans, runs, sizeof(*spans), compare_ns);
	c.p50 = spans[(runs - 1) / 2];
	c.p90 = spans[(uint64_t)(runs - 1) * 9 / 10];
	c.worst = spans[runs - 1];
	*ret = c;
	return 0;
}
