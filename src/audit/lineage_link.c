/* SPDX-License-Identifier: MIT */
/* lineage_link.c - see lineage_link.h. */
#include "audit/lineage_link.h"

#include "audit/lineage_table.h"
#include <stdlib.h>
#include <string.h>

#define NEST_WALK_MAX 64                /* calls under way at once in a trace that are looked at for a parent */
#define SLACK (100 * FL_MS)             /* a worker notes what it has sent a moment after it may have been received by another */
#define ID_WALK_MAX 256                 /* earlier messages of an id that are looked at */

#define FLOW_LINES_MAX 256u             /* lines of which flows are counted */


static uint64_t
both(uint64_t a, uint64_t b)
{
	return lineage_table_join(a, b);
}

/* ---- order ---- */

static int
by_start(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const fl_ns x = lineage_start(&l->calls[i]), y = lineage_start(&l->calls[k]);

	return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

/* Of one trace together, longest first where they start together. */
static int
by_trace(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const struct lineage_call *x = &l->calls[*(const uint32_t *)a], *y = &l->calls[*(const uint32_t *)b];
	int d = memcmp(lineage_event(x)->trace, lineage_event(y)->trace, 16);

	if (d == 0)
		d = (lineage_start(x) > lineage_start(y)) - (lineage_start(x) < lineage_start(y));
	if (d == 0)
		d = (lineage_end(x) < lineage_end(y)) - (lineage_end(x) > lineage_end(y));
	return d != 0 ? d : by_start(a, b, ud);
}

static int
by_id(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const struct lineage_call *x = &l->calls[*(const uint32_t *)a], *y = &l->calls[*(const uint32_t *)b];
	int d = trace_text_order(lineage_event(x)->id, lineage_event(y)->id);

	return d != 0 ? d : by_start(a, b, ud);
}

/* Roots: by line, then those with an id by it, the others by connection and number. */
static int
by_name(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const struct lineage_call *c = &l->calls[*(const uint32_t *)a], *d = &l->calls[*(const uint32_t *)b];
	const struct trace_event *x = lineage_event(c), *y = lineage_event(d);
	int o = trace_text_order(x->line, y->line);

	if (o == 0)
		o = trace_text_order(x->id, y->id);
	if (o == 0 && x->id.n > 0)
		return by_start(a, b, ud);
	if (o == 0)
		o = (c->framed ? x->dir : 0) - (d->framed ? y->dir : 0);
	if (o == 0)
		o = (x->conn > y->conn) - (x->conn < y->conn);
	if (o == 0)
		o = (x->number > y->number) - (x->number < y->number);
	return o != 0 ? o : by_start(a, b, ud);
}

static uint32_t *
ordered(struct lineage *l, int (*compare)(const void *, const void *, void *))
{
	uint32_t *order = arena_alloc(l->mem, (size_t)l->count * sizeof(*order) + 1);

	if (order == NULL)
		return NULL;
	for (uint32_t i = 0; i < l->count; i++)
		order[i] = i;
	qsort_r(order, l->count, sizeof(*order), compare, l);
	return order;
}

/* ---- by context ---- */

static int
link_context(struct lineage *l)
{
	struct lineage_table spans;

	if (lineage_table_init(&spans, l->count, l->mem) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct trace_event *e = lineage_event(&l->calls[i]);
		struct lineage_slot *s;

		if (e->span == 0)
			continue;
		s = lineage_table_at(&spans, both(trace_key_trace(e->trace), e->span));
		if (!s->used)
			*s = (struct lineage_slot){ .key = s->key, .value = i, .used = true };
	}
	for (uint32_t i = 0; i < l->count; i++) {
		const struct trace_event *e = lineage_event(&l->calls[i]);
		struct lineage_slot *s;

		if (e->parent == 0)
			continue;
		s = lineage_table_at(&spans, both(trace_key_trace(e->trace), e->parent));
		if (!s->used || s->value == i)
			continue;
		l->calls[i].parent = s->value;
		l->calls[i].link = LINEAGE_CONTEXT;
	}
	return 0;
}

/* Calls whose parent no line saw: within the shortest call of their trace that lasts as long as they do. */
static void
link_nested(struct lineage *l, const uint32_t *order, uint32_t *open)
{
	uint32_t depth = 0;

	for (uint32_t k = 0; k < l->count; k++) {
		const uint32_t i = order[k];
		struct lineage_call *c = &l->calls[i];
		const struct trace_event *e = lineage_event(c);

		if (depth > 0 && memcmp(lineage_event(&l->calls[open[depth - 1]])->trace, e->trace, 16) != 0)
			depth = 0;
		while (depth > 0 && lineage_end(&l->calls[open[depth - 1]]) < lineage_start(c))
			depth--;
		for (uint32_t d = depth; d > 0 && depth - d < NEST_WALK_MAX && e->parent != 0 && c->parent == LINEAGE_NONE; d--) {
			if (lineage_end(&l->calls[open[d - 1]]) < lineage_end(c))
				continue;
			c->parent = open[d - 1];
			c->link = LINEAGE_NESTED;
		}
		open[depth++] = i;
	}
}

/* ---- by ids ---- */

uint32_t
lineage_link_line(const struct lineage *l, struct trace_text name)
{
	uint32_t lo = 0, hi = l->line_count;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (trace_text_order(l->lines[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->line_count && trace_text_same(l->lines[lo].name, name) ? lo : LINEAGE_NONE;
}

struct ends {
	struct trace_text from, to;
};

/* Services that a call goes from and to, as far as its line says. */
static struct ends
ends_of(const struct lineage *l, const struct lineage_call *c)
{
	const struct trace_event *e = lineage_event(c);
	const uint32_t k = lineage_link_line(l, e->line);
	struct ends n = { .from = { .p = NULL } };

	if (k == LINEAGE_NONE)
		return n;
	n = (struct ends){ .from = l->lines[k].from, .to = l->lines[k].to };
	return c->framed && e->dir == 1 ? (struct ends){ .from = n.to, .to = n.from } : n;
}

/* When the service had it. */
static fl_ns
arrival(const struct lineage_call *c)
{
	return c->framed && c->answered ? c->answer.at : lineage_start(c);
}

/* May call i have come of message n, as far as moment and services say? *ret_known: the services say so. */
static bool
may_cause(const struct lineage *l, uint32_t n, uint32_t i, fl_ns slack, bool *ret_known)
{
	const struct lineage_call *a = &l->calls[n], *b = &l->calls[i];
	const struct trace_event *x = lineage_event(a), *y = lineage_event(b);
	const struct ends p = ends_of(l, a), q = ends_of(l, b);

	if (arrival(a) - slack > lineage_start(b) || (a->framed && !a->answered))
		return false;
	*ret_known = p.to.n > 0 && q.from.n > 0;
	if (*ret_known)
		return trace_text_same(p.to, q.from);
	if (trace_text_same(x->line, y->line))
		return a->framed && b->framed && x->conn == y->conn && x->dir == 0 && y->dir == 1;
	return true;
}

/* Is it another result of the same kind: a message on the same line, the same way? */
static bool
same_kind(const struct lineage_call *a, const struct lineage_call *b)
{
	const struct trace_event *x = lineage_event(a), *y = lineage_event(b);

	return trace_text_same(x->line, y->line) && a->framed == b->framed && (!a->framed || x->dir == y->dir);
}

/*
 * Nothing had arrived when it was sent, by the notes of two workers: the message nearest in time is its parent, where the services say
 * that it may be.
 */
static void
link_late(struct lineage *l, const uint32_t *order, uint32_t from, uint32_t k)
{
	struct lineage_call *c = &l->calls[order[k]];
	const fl_ns start = lineage_start(c);
	fl_ns nearest = SLACK;
	bool known;

	for (uint32_t n = k > from + ID_WALK_MAX ? k - ID_WALK_MAX : from; n < l->count && n < k + ID_WALK_MAX; n++) {
		const struct lineage_call *a = &l->calls[order[n]];

		if (n == k || lineage_start(a) - SLACK > start || !trace_text_same(lineage_event(a)->id, lineage_event(c)->id) ||
		    !may_cause(l, order[n], order[k], SLACK, &known) || !known || arrival(a) - start > nearest)
			continue;
		nearest = arrival(a) - start;
		c->parent = order[n];
		c->link = LINEAGE_ID;
	}
}

/* order[k] is looked at; those of its id before it stand from `from` on. The latest is its parent, others since the result before join. */
static void
link_one(struct lineage *l, const uint32_t *order, uint32_t from, uint32_t k, uint32_t *room)
{
	const uint32_t i = order[k];
	struct lineage_call *c = &l->calls[i];
	bool known;

	c->join = l->join_count;
	for (uint32_t n = k; n > from && k - n < ID_WALK_MAX; n--) {
		const uint32_t j = order[n - 1];

		if (c->parent != LINEAGE_NONE && same_kind(&l->calls[j], c))
			break;
		if (!may_cause(l, j, i, 0, &known))
			continue;
		if (c->parent == LINEAGE_NONE) {
			c->parent = j;
			c->link = LINEAGE_ID;
		} else if (known && c->joins < LINEAGE_JOINS_MAX && *room > 0) {
			l->joins[l->join_count++] = j;
			c->joins++;
			(*room)--;
		}
		if (!known)
			break;
	}
	if (c->parent == LINEAGE_NONE)
		link_late(l, order, from, k);
}

static int
link_ids(struct lineage *l)
{
	const uint32_t *order = ordered(l, by_id);
	uint32_t room, from = 0;

	room = l->count > UINT32_MAX / 4 ? UINT32_MAX : 4 * l->count;
	l->joins = arena_alloc(l->mem, (size_t)room * sizeof(*l->joins) + 1);
	if (order == NULL || l->joins == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k < l->count; k++) {
		const struct trace_text id = lineage_event(&l->calls[order[k]])->id;

		if (!trace_text_same(id, lineage_event(&l->calls[order[from]])->id))
			from = k;
		if (id.n > 0 && l->calls[order[k]].parent == LINEAGE_NONE)
			link_one(l, order, from, k, &room);
	}
	return 0;
}

/* ---- circles, children, roots ---- */

/* Spans can be made up so that they are each other's ancestors: the link that closes a circle goes. */
static void
cut_circles(struct lineage *l, uint32_t *mark)
{
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t next;

		for (uint32_t up = i; up != LINEAGE_NONE && mark[up] == 0; up = next) {
			mark[up] = i + 1;
			next = l->calls[up].parent;
			if (next == LINEAGE_NONE || mark[next] != i + 1)
				continue;
			l->calls[up].parent = next = LINEAGE_NONE;
			l->calls[up].link = LINEAGE_ROOT;
			l->circles++;
		}
	}
}

/* What a call says, to see whether another says the same. 0: that is not known. */
static uint64_t
says(const struct lineage_call *c)
{
	const struct trace_event *e = lineage_event(c);

	if (e->id.n > 0 && (e->flags & TRACE_KEYED) == 0)
		return both(trace_key_id(e->id), 1);
	if (c->framed)
		return e->hash == 0 || c->parent == LINEAGE_NONE ? 0 : both(e->hash, 2);
	return c->parent == LINEAGE_NONE ? 0 : both(both(trace_key_name(e->what), trace_key_name(e->text)), e->hash);
}

static uint64_t
place_of(const struct lineage_call *c)
{
	const struct trace_event *e = lineage_event(c);

	return both(both((uint64_t)c->parent + 1, trace_key_name(e->line)), c->framed ? 1u + e->dir : 0);
}

/* Which of its kind each is, and whether it says what one before it says. */
static void
number(struct lineage_call *c, const struct lineage_table *counts)
{
	const uint64_t what = says(c);
	struct lineage_slot *s;

	if (c->parent != LINEAGE_NONE) {
		s = lineage_table_at(counts, place_of(c));
		s->used = true;
		c->ordinal = ++s->value;
	}
	if (what == 0)
		return;
	s = lineage_table_at(counts, both(both(place_of(c), what), 1));
	s->used = true;
	c->doubles = s->value++;
}

/* Lists of children in order of start. */
static int
order_children(struct lineage *l)
{
	uint32_t *order = ordered(l, by_start), *tail = arena_alloc(l->mem, (size_t)l->count * sizeof(*tail) + 1);
	struct lineage_table counts;

	if (order == NULL || tail == NULL || lineage_table_init(&counts, 2 * (size_t)l->count, l->mem) != 0)
		return -ENOMEM;
	for (uint32_t k = 0; k < l->count; k++) {
		const uint32_t i = order[k];
		struct lineage_call *c = &l->calls[i];

		number(c, &counts);
		if (c->parent == LINEAGE_NONE)
			continue;
		if (l->calls[c->parent].child == LINEAGE_NONE)
			l->calls[c->parent].child = i;
		else
			l->calls[tail[c->parent]].sibling = i;
		tail[c->parent] = i;
	}
	return 0;
}

static int
list_roots(struct lineage *l)
{
	const uint32_t *order = ordered(l, by_name);

	l->roots = arena_alloc(l->mem, (size_t)l->count * sizeof(*l->roots) + 1);
	if (order == NULL || l->roots == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k < l->count; k++)
		if (l->calls[order[k]].parent == LINEAGE_NONE)
			l->roots[l->root_count++] = order[k];
	return 0;
}

/* ---- flows: what as a rule comes of what ---- */

/* The line of a call towards a server. */
static uint32_t
flow_line(const struct lineage *l, const struct lineage_call *c)
{
	return c->framed && lineage_event(c)->dir == 1 ? LINEAGE_NONE : lineage_link_line(l, lineage_event(c)->line);
}

static void
count_flow(struct lineage *l, const struct lineage_call *c, uint32_t line, const struct lineage_table *pairs)
{
	const uint32_t above = flow_line(l, &l->calls[c->parent]);
	struct lineage_slot *s;

	if (above == LINEAGE_NONE)
		return;
	s = lineage_table_at(pairs, (uint64_t)above * l->line_count + line + 1);
	if (!s->used) {
		s->used = true;
		s->value = l->flow_count;
		l->flows[l->flow_count++] = (struct lineage_flow){ .line = above, .below = line };
	}
	l->flows[s->value].with++;
}

static int
count_flows(struct lineage *l)
{
	const uint32_t n = l->line_count;
	uint32_t *calls = arena_alloc(l->mem, (size_t)n * sizeof(*calls) + 1);
	struct lineage_table pairs;

	if (n == 0 || n > FLOW_LINES_MAX)
		return 0;
	l->flows = arena_alloc(l->mem, (size_t)n * n * sizeof(*l->flows));
	if (calls == NULL || l->flows == NULL || lineage_table_init(&pairs, (size_t)n * n, l->mem) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct lineage_call *c = &l->calls[i];
		const uint32_t line = flow_line(l, c);

		if (line == LINEAGE_NONE)
			continue;
		calls[line]++;
		if (c->ordinal == 1)            /* further ones below the same parent are counted by it */
			count_flow(l, c, line, &pairs);
	}
	for (uint32_t f = 0; f < l->flow_count; f++)
		l->flows[f].calls = calls[l->flows[f].line];
	return 0;
}

int
lineage_link(struct lineage *l)
{
	uint32_t *order = ordered(l, by_trace), *spare = arena_alloc(l->mem, (size_t)l->count * sizeof(*spare) + 1);

	if (order == NULL || spare == NULL || link_context(l) != 0)
		return -ENOMEM;
	link_nested(l, order, spare);
	if (link_ids(l) != 0)
		return -ENOMEM;
	memset(spare, 0, (size_t)l->count * sizeof(*spare));
	cut_circles(l, spare);
	return order_children(l) != 0 || list_roots(l) != 0 || count_flows(l) != 0 ? -ENOMEM : 0;
}
