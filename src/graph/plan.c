/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. */
#include "graph/plan.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
plan_init(struct plan *p, const struct needs *n, struct arena *keep)
{
	uint32_t v = n->node_count;
	uint64_t most = n->dep_at[v];

	for (uint32_t g = 0; g < n->group_count; g++)
		most += n->groups[g].k;
	*p = (struct plan){ .n = n, .last = NEEDS_NONE };
	p->start = arena_alloc(keep, v * sizeof(*p->start));
	p->end = arena_alloc(keep, v * sizeof(*p->end));
	p->order = csr_numbers(keep, v);
	p->place = csr_numbers(keep, v);
	p->gate = csr_numbers(keep, v);
	p->chosen = arena_alloc(keep, v);
	p->sel_at = csr_numbers(keep, (size_t)v + 1);
	p->sel = csr_numbers(keep, most);
	p->sel_use_at = csr_numbers(keep, (size_t)v + 1);
	p->sel_use = csr_numbers(keep, most);
	p->slack = arena_alloc(keep, v * sizeof(*p->slack));
	p->tail = arena_alloc(keep, v * sizeof(*p->tail));
	p->wait = csr_numbers(keep, v);
	p->left = csr_numbers(keep, n->group_count);
	p->next = csr_numbers(keep, v);
	if (p->start == NULL || p->end == NULL || p->order == NULL || p->place == NULL || p->gate == NULL || p->chosen == NULL ||
	    p->sel_at == NULL || p->sel == NULL || p->sel_use_at == NULL || p->sel_use == NULL || p->slack == NULL || p->tail == NULL ||
	    p->wait == NULL || p->left == NULL || p->next == NULL)
		return -ENOMEM;
	return 0;
}

/*
 * ---- the queue: a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan 1990) ----
 *
 * Nothing that is put in is earlier than what was taken last, so a node lies in the list of the highest bit in which its end differs from that
 * time; list 0 is what is due. Lists keep their order when they are spread over lower ones, so of equal ends the first to be ready
 * comes first.
 */

static void
queue_put(struct plan *p, uint32_t v)
{
	uint64_t differs = (uint64_t)p->end[v] ^ (uint64_t)p->due;
	unsigned list = differs == 0 ? 0 : 64 - (unsigned)__builtin_clzll(differs);

	p->held |= list == 0 ? 0 : UINT64_C(1) << (list - 1);
	p->next[v] = NEEDS_NONE;
	if (p->lists[list].first == NEEDS_NONE)
		p->lists[list].first = v;
	else
		p->next[p->lists[list].last] = v;
	p->lists[list].last = v;
}

/* Spread the lowest list that holds something: its earliest is due now. False: there is none. */
static bool
queue_advance(struct plan *p)
{
	if (p->held == 0)
		return false;
	unsigned list = 1 + (unsigned)__builtin_ctzll(p->held);
	uint32_t v = p->lists[list].first;

	p->held &= p->held - 1;
	p->lists[list].first = NEEDS_NONE;
	p->due = p->end[v];
	for (uint32_t u = v; u != NEEDS_NONE; u = p->next[u])
		p->due = FL_MIN(p->due, p->end[u]);
	for (uint32_t next; v != NEEDS_NONE; v = next) {
		next = p->next[v];
		queue_put(p, v);
	}
	return true;
}

/* The next to be up; NEEDS_NONE: nobody is on the way. */
static uint32_t
queue_take(struct plan *p)
{
	if (p->lists[0].first == NEEDS_NONE && !queue_advance(p))
		return NEEDS_NONE;
	uint32_t v = p->lists[0].first;

	p->lists[0].first = p->next[v];
	return v;
}

/* ---- Knuth ---- */

static void
ready(struct plan *p, const struct plan_question *q, uint32_t v, fl_ns now, uint32_t gate)
{
	bool up = q->up != NULL && q->up[v];

	fl_assert(q->recover[v] >= 0);
	p->start[v] = now;
	p->gate[v] = gate;
	p->end[v] = up ? now : plan_add(now, q->recover[v]);
	queue_put(p, v);
}

/* How much each node and group waits for; who waits for nothing is ready. */
static void
begin(struct plan *p, const struct plan_question *q)
{
	const struct needs *n = p->n;

	for (uint32_t v = 0; v < n->node_count; v++) {
		p->wait[v] = n->dep_hard_end[v] - n->dep_at[v];
		p->end[v] = p->start[v] = FL_NEVER;
		p->gate[v] = p->place[v] = NEEDS_NONE;
	}
	for (uint32_t g = 0; g < n->group_count; g++) {
		p->left[g] = n->groups[g].k;
		p->wait[n->groups[g].node] += !n->groups[g].soft && n->groups[g].k > 0;
	}
	p->count = 0;
	p->due = 0;
	p->held = 0;
	for (unsigned i = 0; i < PLAN_LISTS; i++)
		p->lists[i].first = NEEDS_NONE;
	for (uint32_t v = 0; v < n->node_count; v++) {
		if (q->up != NULL && q->up[v])
			p->wait[v] = 0;
		if (p->wait[v] == 0)
			ready(p, q, v, 0, NEEDS_NONE);
	}
}

/* v is up at last: one need less for each of its users. */
static void
finish(struct plan *p, const struct plan_question *q, uint32_t v)
{
	const struct needs *n = p->n;

	for (uint32_t w = n->use_at[v]; w < n->use_at[v + 1]; w++) {
		uint32_t user = needs_id(n->use[w]);

		if (needs_tag(n->use[w]) == NEEDS_SOFT)
			break;
		if (needs_tag(n->use[w]) == NEEDS_GROUP) {
			const struct needs_group *g = &n->groups[user];

			if (g->soft || p->left[user] == 0 || --p->left[user] > 0)
				continue;
			user = g->node;
		}
		/* Who is up already waits for nothing, and was ready from the start. */
		if (p->wait[user] > 0 && --p->wait[user] == 0)
			ready(p, q, user, p->end[v], v);
	}
}

static void
sum_up(struct plan *p, const struct plan_question *q)
{
	uint32_t count = q->targets == NULL ? p->n->node_count : q->target_count;

	p->makespan = 0;
	p->last = NEEDS_NONE;
	p->stuck = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t v = q->targets == NULL ? i : q->targets[i];

		if (p->end[v] == FL_NEVER) {
			p->stuck++;
		} else if (p->last == NEEDS_NONE || p->end[v] > p->makespan) {
			p->makespan = p->end[v];
			p->last = v;
		}
	}
}

void
plan_times(struct plan *p, const struct plan_question *q)
{
	begin(p, q);
	for (uint32_t v; (v = queue_take(p)) != NEEDS_NONE;) {
		p->place[v] = p->count;
		p->order[p->count++] = v;
		finish(p, q, v);
	}
	sum_up(p, q);
}

/* ---- what is chosen ---- */

/* The first K members of a group to be up, appended to sel. */
static uint32_t
choose_members(struct plan *p, const struct needs_group *g, uint32_t at)
{
	uint32_t first = at;

	for (uint32_t i = g->first; i < g->first + g->count && g->k > 0; i++) {
		uint32_t m = p->n->members[i], k = at;

		if (p->place[m] == NEEDS_NONE || (at - first == g->k && p->place[m] > p->place[p->sel[at - 1]]))
			continue;
		/* Insert by place; what falls off the end is one too many. */
		for (; k > first && p->place[p->sel[k - 1]] > p->place[m]; k--)
			if (k < first + g->k)
				p->sel[k] = p->sel[k - 1];
		p->sel[k] = m;
		at += at - first < g->k;
	}
	fl_assert(at - first == g->k);
	return at;
}

/* The row of a chosen one: those before it that it waits for. */
static uint32_t
choose_row(struct plan *p, const struct plan_question *q, uint32_t v, uint32_t at)
{
	const struct needs *n = p->n;
	uint32_t first = at;

	if (q->up != NULL && q->up[v])
		return at;
	for (uint32_t w = n->dep_at[v]; w < n->dep_hard_end[v]; w++)
		p->sel[at++] = n->dep[w];
	for (uint32_t w = n->dep_hard_end[v]; w < n->dep_at[v + 1] && needs_tag(n->dep[w]) == NEEDS_GROUP; w++)
		if (!n->groups[needs_id(n->dep[w])].soft)
			at = choose_members(p, &n->groups[needs_id(n->dep[w])], at);
	for (uint32_t i = first; i < at; i++)
		p->chosen[p->sel[i]] = true;
	return at;
}

static void
choose(struct plan *p, const struct plan_question *q)
{
	uint32_t n = p->n->node_count, at = 0;

	memset(p->chosen, 0, n);
	for (uint32_t i = 0; q->targets != NULL && i < q->target_count; i++)
		p->chosen[q->targets[i]] = p->end[q->targets[i]] != FL_NEVER;
	for (uint32_t i = 0; q->targets == NULL && i < p->count; i++)
		p->chosen[p->order[i]] = true;
	/* From the last to the first, so that who is needed is known before its own row is made. sel_at is by place at first. */
	p->chosen_count = 0;
	for (uint32_t i = p->count; i-- > 0;) {
		p->sel_use_at[i] = at;
		if (p->chosen[p->order[i]]) {
			p->chosen_count++;
			at = choose_row(p, q, p->order[i], at);
		}
		p->slack[i] = at;               /* where the row ends */
	}
	/* Rows by node instead: through sel_use, which is free yet. */
	uint32_t total = 0;

	for (uint32_t v = 0; v < n; v++) {
		p->sel_at[v] = total;
		if (p->place[v] == NEEDS_NONE)
			continue;
		uint32_t from = p->sel_use_at[p->place[v]], count = (uint32_t)p->slack[p->place[v]] - from;

		memcpy(p->sel_use + total, p->sel + from, count * sizeof(*p->sel));
		total += count;
	}
	p->sel_at[n] = total;
	memcpy(p->sel, p->sel_use, total * sizeof(*p->sel));
}

static void
turn_around(struct plan *p)
{
	uint32_t n = p->n->node_count;

	memset(p->sel_use_at, 0, ((size_t)n + 1) * sizeof(*p->sel_use_at));
	for (uint32_t i = 0; i < p->sel_at[n]; i++)
		p->sel_use_at[p->sel[i] + 1]++;
	for (uint32_t v = 0; v < n; v++)
		p->sel_use_at[v + 1] += p->sel_use_at[v];
	/* Fill from the back of the rows of the next ones, then the places are right again. */
	for (uint32_t v = 0; v < n; v++)
		for (uint32_t i = p->sel_at[v]; i < p->sel_at[v + 1]; i++)
			p->sel_use[p->sel_use_at[p->sel[i]]++] = v;
	for (uint32_t v = n; v > 0; v--)
		p->sel_use_at[v] = p->sel_use_at[v - 1];
	p->sel_use_at[0] = 0;
}

static void
measure(struct plan *p)
{
	memset(p->slack, 0, p->n->node_count * sizeof(*p->slack));
	memset(p->tail, 0, p->n->node_count * sizeof(*p->tail));
	for (uint32_t i = p->count; i-- > 0;) {
		uint32_t v = p->order[i];
		fl_ns late = p->makespan, took = p->end[v] - p->start[v], rest = 0;

		for (uint32_t k = p->sel_use_at[v]; k < p->sel_use_at[v + 1]; k++) {
			uint32_t u = p->sel_use[k];
			fl_ns start = p->end[u] + p->slack[u] - (p->end[u] - p->start[u]);

			late = FL_MIN(late, start);
			rest = FL_MAX(rest, p->tail[u]);
		}
		if (!p->chosen[v])
			continue;
		p->slack[v] = late - p->end[v];
		p->tail[v] = plan_add(took, rest);
	}
}

void
plan_run(struct plan *p, const struct plan_question *q)
{
	plan_times(p, q);
	choose(p, q);
	turn_around(p);
	measure(p);
}

uint32_t
plan_critical(const struct plan *p, uint32_t *ret)
{
	uint32_t n = 0;

	for (uint32_t v = p->last; v != NEEDS_NONE; v = p->gate[v])
		ret[n++] = v;
	for (uint32_t i = 0; i < n / 2; i++) {
		uint32_t v = ret[i];

		ret[i] = ret[n - 1 - i];
		ret[n - 1 - i] = v;
	}
	return n;
}

static int
compare_starts(const void *a, const void *b, void *arg)
{
	const struct plan *p = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	if (p->start[x] != p->start[y])
		return p->start[x] < p->start[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

uint32_t
plan_waves(const struct plan *p, uint32_t *ret_nodes, uint32_t *ret_wave_at)
{
	uint32_t n = 0, waves = 0;

	for (uint32_t v = 0; v < p->n->node_count; v++)
		if (p->chosen[v])
			ret_nodes[n++] = v;
	if (n > 0)
		qsort_r(ret_nodes, n, sizeof(*ret_nodes), compare_starts, (void *)(uintptr_t)p);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || p->start[ret_nodes[i]] != p->start[ret_nodes[i - 1]])
			ret_wave_at[waves++] = i;
	ret_wave_at[waves] = n;
	return waves;
}
