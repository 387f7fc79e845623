/* SPDX-License-Identifier: MIT */
/* schedule.c - see schedule.h. */
#include "graph/schedule.h"

#include "base/assert.h"
#include "graph/csr.h"

#include <errno.h>

/* A heap of nodes by key, the smallest first; of equal keys the lower number. */
struct pile {
	fl_ns *key;                     /* by node */
	uint32_t *nodes, count;
};
struct scheduler {
	const struct plan *p;
	struct schedule *s;
	struct pile ready, busy;        /* by falling tail; by end */
	uint32_t *wait;
	uint32_t *idle, idle_count;     /* crews */
};

static bool
before(const struct pile *h, uint32_t a, uint32_t b)
{
	return h->key[a] != h->key[b] ? h->key[a] < h->key[b] : a < b;
}

static void
pile_put(struct pile *h, uint32_t v, fl_ns key)
{
	uint32_t i = h->count++;

	h->key[v] = key;
	for (; i > 0 && before(h, v, h->nodes[(i - 1) / 2]); i = (i - 1) / 2)
		h->nodes[i] = h->nodes[(i - 1) / 2];
	h->nodes[i] = v;
}

static uint32_t
pile_take(struct pile *h)
{
	uint32_t first = h->nodes[0], v = h->nodes[--h->count], i = 0;

	for (uint32_t child; (child = 2 * i + 1) < h->count; i = child) {
		if (child + 1 < h->count && before(h, h->nodes[child + 1], h->nodes[child]))
			child++;
		if (!before(h, h->nodes[child], v))
			break;
		h->nodes[i] = h->nodes[child];
	}
	h->nodes[i] = v;
	return first;
}

static fl_ns
took(const struct plan *p, uint32_t v)
{
	return p->end[v] - p->start[v];
}

static void
begin_node(struct scheduler *x, uint32_t v, fl_ns now)
{
	x->s->start[v] = now;
	x->s->end[v] = plan_add(now, took(x->p, v));
	if (took(x->p, v) > 0)
		x->s->crew[v] = x->idle[--x->idle_count];
	pile_put(&x->busy, v, x->s->end[v]);
}

/* What takes no time is begun without a crew as soon as it can be. */
static void
can_start(struct scheduler *x, uint32_t v, fl_ns now)
{
	if (took(x->p, v) == 0)
		begin_node(x, v, now);
	else
		pile_put(&x->ready, v, -x->p->tail[v]);
}

static void
finish_node(struct scheduler *x, uint32_t v)
{
	const struct plan *p = x->p;

	if (x->s->crew[v] != NEEDS_NONE)
		x->idle[x->idle_count++] = x->s->crew[v];
	for (uint32_t i = p->sel_use_at[v]; i < p->sel_use_at[v + 1]; i++)
		if (--x->wait[p->sel_use[i]] == 0)
			can_start(x, p->sel_use[i], x->s->end[v]);
}

static void
go(struct scheduler *x)
{
	const struct plan *p = x->p;
	fl_ns now = 0;

	for (uint32_t v = 0; v < p->n->node_count; v++) {
		x->s->start[v] = x->s->end[v] = FL_NEVER;
		x->s->crew[v] = NEEDS_NONE;
		x->wait[v] = p->sel_at[v + 1] - p->sel_at[v];
	}
	for (uint32_t v = 0; v < p->n->node_count; v++)
		if (p->chosen[v] && x->wait[v] == 0)
			can_start(x, v, 0);
	for (;;) {
		while (x->idle_count > 0 && x->ready.count > 0)
			begin_node(x, pile_take(&x->ready), now);
		if (x->busy.count == 0)
			break;
		now = x->s->end[x->busy.nodes[0]];
		/* All that end now, so that the crews choose among all that can be started now. */
		while (x->busy.count > 0 && x->s->end[x->busy.nodes[0]] == now)
			finish_node(x, pile_take(&x->busy));
	}
	fl_assert(x->ready.count == 0);
	x->s->makespan = now;
}

static void
find_bound(const struct plan *p, struct schedule *s)
{
	fl_ns chain = 0;

	for (uint32_t v = 0; v < p->n->node_count; v++) {
		if (!p->chosen[v])
			continue;
		fl_assert(s->end[v] != FL_NEVER);
		s->work = plan_add(s->work, took(p, v));
		chain = FL_MAX(chain, p->end[v]);
	}
	s->bound = FL_MAX(chain, s->work / s->crews + (s->work % s->crews != 0));
}

int
schedule_run(const struct plan *p, uint32_t crews, struct arena *keep, struct arena *scratch, struct schedule *ret)
{
	uint32_t n = p->n->node_count;
	struct schedule s = { .crews = crews };
	struct scheduler x = { .p = p, .s = &s };

	if (crews == 0)
		return -EINVAL;
	x.idle_count = FL_MIN(crews, FL_MAX(n, 1u));
	s.start = arena_alloc(keep, n * sizeof(*s.start));
	s.end = arena_alloc(keep, n * sizeof(*s.end));
	s.crew = csr_numbers(keep, n);
	x.ready = (struct pile){ arena_alloc(scratch, n * sizeof(fl_ns)), csr_numbers(scratch, n), 0 };
	x.busy = (struct pile){ arena_alloc(scratch, n * sizeof(fl_ns)), csr_numbers(scratch, n), 0 };
	x.wait = csr_numbers(scratch, n);
	x.idle = csr_numbers(scratch, x.idle_count);
	if (s.start == NULL || s.end == NULL || s.crew == NULL || x.ready.key == NULL || x.ready.nodes == NULL || x.busy.key == NULL ||
	    x.busy.nodes == NULL || x.wait == NULL || x.idle == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < x.idle_count; i++)
		x.idle[i] = x.idle_count - 1 - i;
	go(&x);
	find_bound(p, &s);
	*ret = s;
	return 0;
}
