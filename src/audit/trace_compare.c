/* SPDX-License-Identifier: MIT */
/* trace_compare.c - see trace_compare.h. */
#include "audit/trace_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const say[TRACE_COMPARE_KINDS] = {
	[TRACE_COMPARE_REQUEST] = "another request", [TRACE_COMPARE_MISSING] = "a call that is missing", [TRACE_COMPARE_EXTRA] = "one call more",
	[TRACE_COMPARE_STATUS] = "another outcome", [TRACE_COMPARE_BODY] = "another answer", [TRACE_COMPARE_ATTEMPTS] = "another number of times",
};

const char *
trace_compare_say(enum trace_compare_what what)
{
	return say[what];
}

struct pair {
	const struct lineage *a, *b;
};

static bool
differ(uint64_t x, uint64_t y)
{
	return x != 0 && y != 0 && x != y;
}

static bool
other_request(const struct lineage_call *x, const struct lineage_call *y)
{
	return x->asked && y->asked && (!trace_text_same(x->request.what, y->request.what) || !trace_text_same(x->request.text, y->request.text) ||
	    differ(x->request.hash, y->request.hash));
}

/* The first difference of the answers; TRACE_COMPARE_KINDS: none. */
static unsigned
other_answer(const struct lineage_call *x, const struct lineage_call *y)
{
	if (x->framed && y->framed)
		return x->fate != y->fate ? TRACE_COMPARE_STATUS : differ(x->answer.hash, y->answer.hash) ? TRACE_COMPARE_BODY :
		       x->copies != y->copies ? TRACE_COMPARE_ATTEMPTS : TRACE_COMPARE_KINDS;
	if (x->answered != y->answered || (x->answered && (x->answer.status != y->answer.status || x->answer.flags != y->answer.flags)))
		return TRACE_COMPARE_STATUS;
	if (x->answered && (differ(x->answer.hash, y->answer.hash) || (x->answer.hash == 0 && x->answer.bytes != y->answer.bytes)))
		return TRACE_COMPARE_BODY;
	return x->answered && x->answer.attempts != y->answer.attempts ? TRACE_COMPARE_ATTEMPTS : TRACE_COMPARE_KINDS;
}

/* The child of parent that is the ordinal-th on line. */
static uint32_t
child_like(const struct lineage *l, uint32_t parent, const struct lineage_call *like)
{
	const struct trace_text line = lineage_event(like)->line;

	for (uint32_t i = l->calls[parent].child; i != LINEAGE_NONE; i = l->calls[i].sibling)
		if (l->calls[i].ordinal == like->ordinal && l->calls[i].framed == like->framed &&
		    trace_text_same(lineage_event(&l->calls[i])->line, line) &&
		    (!like->framed || lineage_event(&l->calls[i])->dir == lineage_event(like)->dir))
			return i;
	return LINEAGE_NONE;
}

static struct trace_compare_diff
diff(unsigned what, uint32_t a, uint32_t b)
{
	return (struct trace_compare_diff){ .what = (uint8_t)what, .a = a, .b = b, .root_a = LINEAGE_NONE, .root_b = LINEAGE_NONE };
}

static uint32_t
children(const struct lineage *l, uint32_t parent)
{
	uint32_t n = 0;

	for (uint32_t i = l->calls[parent].child; i != LINEAGE_NONE; i = l->calls[i].sibling)
		n++;
	return n;
}

/* The first child of y that x has none like; else of KINDS. Each child of x has one like it under y, no two the same. */
static struct trace_compare_diff
extra_child(const struct pair *p, uint32_t x, uint32_t y)
{
	if (children(p->a, x) == children(p->b, y))
		return diff(TRACE_COMPARE_KINDS, x, y);
	for (uint32_t i = p->b->calls[y].child; i != LINEAGE_NONE; i = p->b->calls[i].sibling)
		if (child_like(p->a, x, &p->b->calls[i]) == LINEAGE_NONE)
			return diff(TRACE_COMPARE_EXTRA, LINEAGE_NONE, i);
	return diff(TRACE_COMPARE_KINDS, x, y);
}

/*
 * In causal order: the request, what it caused, the answer. No recursion: trees may be as deep as a hostile file likes. x and y walk
 * together; aligned tells which call of b stands for a call of a.
 */
static struct trace_compare_diff
compare_trees(const struct pair *p, uint32_t root_a, uint32_t root_b, uint32_t *aligned)
{
	uint32_t x = root_a, y = root_b;
	unsigned what;

	for (;;) {
		uint32_t next = p->a->calls[x].child;

		aligned[x] = y;
		if (other_request(&p->a->calls[x], &p->b->calls[y]))
			return diff(TRACE_COMPARE_REQUEST, x, y);
		what = p->a->calls[x].framed ? other_answer(&p->a->calls[x], &p->b->calls[y]) : TRACE_COMPARE_KINDS;
		if (what != TRACE_COMPARE_KINDS)        /* a message goes out before anything comes of it */
			return diff(what, x, y);
		while (next == LINEAGE_NONE) {                  /* nothing left below x: its answer, then what comes after it */
			struct trace_compare_diff d = extra_child(p, x, aligned[x]);

			if (d.what != TRACE_COMPARE_KINDS)
				return d;
			what = other_answer(&p->a->calls[x], &p->b->calls[aligned[x]]);
			if (what != TRACE_COMPARE_KINDS || x == root_a)
				return diff(what, x, aligned[x]);
			next = p->a->calls[x].sibling;
			x = p->a->calls[x].parent;
		}
		y = child_like(p->b, aligned[x], &p->a->calls[next]);
		if (y == LINEAGE_NONE)
			return diff(TRACE_COMPARE_MISSING, next, LINEAGE_NONE);
		x = next;
	}
}

static int
compare_roots(const struct lineage *a, uint32_t i, const struct lineage *b, uint32_t k)
{
	const struct trace_event *x = lineage_event(&a->calls[i]), *y = lineage_event(&b->calls[k]);
	int d = trace_text_order(x->line, y->line);

	if (d == 0)
		d = trace_text_order(x->id, y->id);
	if (d != 0 || x->id.n > 0)
		return d;
	d = (a->calls[i].framed ? x->dir : 0) - (b->calls[k].framed ? y->dir : 0);
	if (d == 0)
		d = (x->conn > y->conn) - (x->conn < y->conn);
	return d != 0 ? d : (x->number > y->number) - (x->number < y->number);
}

static fl_ns
moment(const struct pair *p, const struct trace_compare_diff *d)
{
	return d->root_a != LINEAGE_NONE ? lineage_start(&p->a->calls[d->root_a]) : FL_NEVER;
}

static int
by_moment(const void *x, const void *y, void *ud)
{
	const struct trace_compare_diff *d = x, *e = y;
	const fl_ns s = moment(ud, d), t = moment(ud, e);

	return s != t ? (s > t) - (s < t) : (d->root_b > e->root_b) - (d->root_b < e->root_b);
}

int
trace_compare(const struct lineage *a, const struct lineage *b, struct arena *mem, struct trace_compare *ret)
{
	struct pair p = { .a = a, .b = b };
	struct trace_compare c = { .count = 0 };
	uint32_t *aligned = arena_alloc(mem, (size_t)a->count * sizeof(*aligned) + 1), i = 0, k = 0;

	c.diffs = arena_alloc(mem, ((size_t)a->root_count + b->root_count) * sizeof(*c.diffs) + 1);
	if (aligned == NULL || c.diffs == NULL)
		return -ENOMEM;
	while (i < a->root_count || k < b->root_count) {
		struct trace_compare_diff d;
		int side = i == a->root_count ? 1 : k == b->root_count ? -1 : compare_roots(a, a->roots[i], b, b->roots[k]);

		if (side == 0)
			d = compare_trees(&p, a->roots[i], b->roots[k], aligned);
		else
			d = side < 0 ? diff(TRACE_COMPARE_MISSING, a->roots[i], LINEAGE_NONE) : diff(TRACE_COMPARE_EXTRA, LINEAGE_NONE, b->roots[k]);
		d.root_a = side <= 0 ? a->roots[i++] : LINEAGE_NONE;
		d.root_b = side >= 0 ? b->roots[k++] : LINEAGE_NONE;
		if (d.what == TRACE_COMPARE_KINDS)
			c.same++;
		else
			c.diffs[c.count++] = d;
	}
	qsort_r(c.diffs, c.count, sizeof(*c.diffs), by_moment, &p);
	*ret = c;
	return 0;
}
