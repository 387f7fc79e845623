/* SPDX-License-Identifier: MIT */
/* plan.c - see plan.h. */
#include "graph/plan.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * ---- the queue: a radix heap (Ahuja, Mehlhorn, Orlin, Tarjan 1990) ----
 *
 * Nothing that is put in is earlier than what was taken last. So a node lies in the list of the highest digit in which its end differs from that
 * time, and of that digit's value; what does not differ is due, and has its place in the order. Lists keep their order when they are
 * spread over lower ones, so of equal ends the first to be ready comes first.
 */

static void
queue_init(struct plan *p)
{
	for (uint32_t i = 0; i < PLAN_LISTS; i++)
		p->lists[i] = (struct plan_list){ .due = FL_NEVER, .last = p->n->node_count + i };
}

static inline void
queue_put(struct plan *p, uint32_t v, fl_ns end)
{
	uint64_t differs = (uint64_t)end ^ (uint64_t)p->due;

	if (differs == 0) {
		p->order[p->due_count++] = v;
		__builtin_prefetch(&p->n->use[p->n->use_at[v]]);       /* finish() is next */
		return;
	}
	unsigned level = (63 - (unsigned)__builtin_clzll(differs)) / PLAN_DIGIT_BITS;
	unsigned digit = (unsigned)((uint64_t)end >> (level * PLAN_DIGIT_BITS)) % PLAN_DIGITS;
	struct plan_list *list = &p->lists[level * PLAN_DIGITS + digit];

	p->next[list->last] = v;
	list->last = v;
	list->due = FL_MIN(list->due, end);
	p->held[level] |= UINT64_C(1) << digit;
	p->levels |= 1u << level;
}

/* Spread the lowest list that holds something: its earliest is due now. False: there is none. */
static bool
queue_advance(struct plan *p)
{
	if (p->levels == 0)
		return false;
	unsigned level = (unsigned)__builtin_ctz(p->levels), digit = (unsigned)__builtin_ctzll(p->held[level]);
	struct plan_list *list = &p->lists[level * PLAN_DIGITS + digit];
	uint32_t head = p->n->node_count + level * PLAN_DIGITS + digit, last = list->last, v = p->next[head];

	p->held[level] &= p->held[level] - 1;
	p->levels &= ~((uint32_t)(p->held[level] == 0) << level);
	p->due = list->due;
	*list = (struct plan_list){ .due = FL_NEVER, .last = head };
	for (uint32_t next;; v = next) {
		next = p->next[v];
		__builtin_prefetch(&p->n->use_at[v]);
		queue_put(p, v, p->end[v]);
		if (v == last)
			return true;
	}
}

/* ---- Knuth ---- */

static void
count_needs(struct plan *p)
{
	const struct needs *n = p->n;

	for (uint32_t v = 0; v < n->node_count; v++)
		p->needs[v] = n->dep_hard_end[v] - n->dep_at[v];
	for (uint32_t g = 0; g < n->group_count; g++)
		p->needs[n->groups[g].node] += !n->groups[g].soft && n->groups[g].k > 0;
}

static void
ready(struct plan *p, const struct plan_question *q, uint32_t v, fl_ns now, uint32_t gate)
{
	bool up = q->up != NULL && q->up[v];

	fl_assert(q->recover[v] >= 0);
	p->start[v] = now;
	p->gate[v] = gate;
	p->end[v] = up ? now : plan_add(now, q->recover[v]);
	queue_put(p, v, p->end[v]);
}

/* How much each node and group waits for, and who is ready. A node that waits for nothing counts on below 0, and never comes to its last need. */
static void
begin(struct plan *p, const struct plan_question *q)
{
	const struct needs *n = p->n;

	memcpy(p->wait, p->needs, n->node_count * sizeof(*p->wait));
	memset(p->place, 0xff, n->node_count * sizeof(*p->place));              /* NEEDS_NONE */
	for (uint32_t g = 0; g < n->group_count; g++)
		p->left[g] = n->groups[g].soft ? 0 : n->groups[g].k;
	p->due = 0;
	p->count = p->due_count = 0;
	for (uint32_t v = 0; v < n->node_count; v++) {
		if (q->up != NULL && q->up[v])
			p->wait[v] = 0;
		if (p->wait[v] == 0)
			ready(p, q, v, 0, NEEDS_NONE);
	}
}

/*
 * v is up at last: one need less for each of its users. Those for whom it was the last are put aside first, whether it was or not: nobody can
 * predict that, and a branch that is not predicted costs more.
 */
static void
finish(struct plan *p, const struct plan_question *q, uint32_t v)
{
	const struct needs *n = p->n;
	uint32_t count = 0;

	for (uint32_t w = n->use_at[v]; w < n->use_at[v + 1]; w++) {
		uint32_t user = needs_id(n->use[w]);

		if (needs_tag(n->use[w]) == NEEDS_SOFT)
			break;
		if (needs_tag(n->use[w]) == NEEDS_GROUP) {
			if (p->left[user] == 0 || --p->left[user] > 0)
				continue;
			user = n->groups[user].node;
		}
		p->row[count] = user;
		count += p->wait[user]-- == 1;
	}
	for (uint32_t i = 0; i < count; i++)
		ready(p, q, p->row[i], p->end[v], v);
}

/* Who never was ready. */
static void
give_up(struct plan *p)
{
	for (uint32_t v = 0; v < p->n->node_count && p->count < p->n->node_count; v++) {
		if (p->place[v] != NEEDS_NONE)
			continue;
		p->start[v] = p->end[v] = FL_NEVER;
		p->gate[v] = NEEDS_NONE;
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
	p->sel_use_at = csr_numbers(keep, (size_t)v + 2);
	p->sel_use = csr_numbers(keep, most);
	p->row = csr_numbers(keep, most + 1);
	p->slack = arena_alloc(keep, v * sizeof(*p->slack));
	p->tail = arena_alloc(keep, v * sizeof(*p->tail));
	p->needs = csr_numbers(keep, v);
	p->wait = csr_numbers(keep, v);
	p->left = csr_numbers(keep, n->group_count);
	p->next = csr_numbers(keep, (size_t)v + PLAN_LISTS);
	if (p->start == NULL || p->end == NULL || p->order == NULL || p->place == NULL || p->gate == NULL || p->chosen == NULL ||
	    p->sel_at == NULL || p->sel == NULL || p->sel_use_at == NULL || p->sel_use == NULL || p->row == NULL || p->slack == NULL ||
	    p->tail == NULL || p->needs == NULL || p->wait == NULL || p->left == NULL || p->next == NULL)
		return -ENOMEM;
	count_needs(p);
	queue_init(p);
	return 0;
}

void
plan_times(struct plan *p, const struct plan_question *q)
{
	begin(p, q);
	do {
		for (; p->count < p->due_count; p->count++) {
			p->place[p->order[p->count]] = p->count;
			finish(p, q, p->order[p->count]);
		}
	} while (queue_advance(p));
	give_up(p);
	sum_up(p, q);
}

/* ---- what is chosen ---- */

/* The first K members of a group to be up, appended to the rows. */
static uint32_t
choose_members(struct plan *p, const struct needs_group *g, uint32_t at)
{
	uint32_t first = at, *row = p->row;

	for (uint32_t i = g->first; i < g->first + g->count && g->k > 0; i++) {
		uint32_t m = p->n->members[i], k = at;

		if (p->place[m] == NEEDS_NONE || (at - first == g->k && p->place[m] > p->place[row[at - 1]]))
			continue;
		/* Insert by place; what falls off the end is one too many. */
		for (; k > first && p->place[row[k - 1]] > p->place[m]; k--)
			if (k < first + g->k)
				row[k] = row[k - 1];
		row[k] = m;
		at += at - first < g->k;
	}
	fl_assert(at - first == g->k);
	return at;
}

/* Nobody waits for anybody yet. */
static void
choose_targets(struct plan *p, const struct plan_question *q)
{
	uint32_t n = p->n->node_count;

	memset(p->chosen, 0, n);
	memset(p->tail, 0, n * sizeof(*p->tail));
	memset(p->sel_use_at, 0, ((size_t)n + 2) * sizeof(*p->sel_use_at));
	for (uint32_t i = 0; q->targets != NULL && i < q->target_count; i++)
		p->chosen[q->targets[i]] = p->end[q->targets[i]] != FL_NEVER;
	for (uint32_t v = 0; q->targets == NULL && v < n; v++)
		p->chosen[v] = p->end[v] != FL_NEVER;
	p->chosen_count = 0;
}

/* Somebody waits for u, from whose start it takes `tail` until the last is up. */
static inline void
choose_need(struct plan *p, uint32_t u, fl_ns tail)
{
	p->chosen[u] = true;
	p->tail[u] = FL_MAX(p->tail[u], tail);
	p->sel_use_at[u + 2]++;
}

/* v is chosen, and so are those before it that it waits for. Members of groups among them are put into the rows at `at`. */
static uint32_t
choose_needs(struct plan *p, uint32_t v, uint32_t at)
{
	const struct needs *n = p->n;
	fl_ns tail = p->tail[v];
	uint32_t w = n->dep_at[v], end = n->dep_hard_end[v];

	for (; w < end; w++)
		choose_need(p, n->dep[w], tail);
	for (end = n->dep_at[v + 1]; w < end && needs_tag(n->dep[w]) == NEEDS_GROUP; w++) {
		const struct needs_group *g = &n->groups[needs_id(n->dep[w])];
		uint32_t k = at;

		for (at = g->soft ? at : choose_members(p, g, at); k < at; k++)
			choose_need(p, p->row[k], tail);
	}
	return at;
}

/*
 * From the last to the first: all who wait for a node have been here before it. So it is known then whether it is chosen and what comes after it,
 * and it tells those whom it waits for. The members it has chosen are row[wait[v]] .. row[next[v] - 1].
 */
static void
choose(struct plan *p, const struct plan_question *q)
{
	uint32_t at = 0;

	choose_targets(p, q);
	for (uint32_t i = p->count; i-- > 0;) {
		uint32_t v = p->order[i], next = p->order[i > 3 ? i - 3 : 0], soon = p->order[i > 8 ? i - 8 : 0];

		__builtin_prefetch(&p->n->dep[p->n->dep_at[next]]);
		__builtin_prefetch(&p->n->dep_at[soon]);
		__builtin_prefetch(&p->n->dep_hard_end[soon]);
		__builtin_prefetch(&p->tail[soon]);
		if (!p->chosen[v])
			continue;
		p->chosen_count++;
		p->tail[v] = plan_add(p->end[v] - p->start[v], p->tail[v]);
		p->wait[v] = at;
		if (q->up == NULL || !q->up[v])
			at = choose_needs(p, v, at);
		p->next[v] = at;
	}
}

/* The rows by node, and turned around. Who may start so late that all after it still fits in has what is left as slack. */
static void
lay_out(struct plan *p, const struct plan_question *q)
{
	const struct needs *n = p->n;
	uint32_t total = 0, sum = 0, *fill = p->sel_use_at + 1;

	for (uint32_t v = 0; v < n->node_count; v++) {
		sum += fill[v];
		fill[v] = sum;
	}
	for (uint32_t v = 0; v < n->node_count; v++) {
		p->sel_at[v] = total;
		p->slack[v] = p->chosen[v] ? p->makespan - p->start[v] - p->tail[v] : 0;
		if (!p->chosen[v] || (q->up != NULL && q->up[v]))
			continue;
		for (uint32_t w = n->dep_at[v]; w < n->dep_hard_end[v]; w++) {
			p->sel[total++] = n->dep[w];
			p->sel_use[fill[n->dep[w]]++] = v;
		}
		for (uint32_t k = p->wait[v]; k < p->next[v]; k++) {
			p->sel[total++] = p->row[k];
			p->sel_use[fill[p->row[k]]++] = v;
		}
	}
	p->sel_at[n->node_count] = total;
}

void
plan_run(struct plan *p, const struct plan_question *q)
{
	plan_times(p, q);
	choose(p, q);
	lay_out(p, q);
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
