/* SPDX-License-Identifier: MIT */
/* lineage.c - see lineage.h. */
#include "audit/lineage.h"

#include "base/assert.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEST_WALK_MAX 64                /* calls under way at once in a trace that are looked at for a parent */
#define FEW 64                          /* calls whose faults are looked for connection by connection */

/* ---- a table of numbers by 64 bit key; two different things share a key once in 2^64 ---- */

struct slot {
	uint64_t key;
	uint32_t value;
	bool used;
};
struct table {
	struct slot *slots;
	size_t mask;
};

static int
table_init(struct table *t, size_t n, struct arena *mem)
{
	size_t room = 16;

	while (room < 2 * n)
		room *= 2;
	t->mask = room - 1;
	t->slots = arena_alloc(mem, room * sizeof(*t->slots));
	return t->slots == NULL ? -ENOMEM : 0;
}

/* The place of key, which is new when !used. There is always room: at most n keys come. */
static struct slot *
table_at(const struct table *t, uint64_t key)
{
	size_t i = (size_t)key & t->mask;

	while (t->slots[i].used && t->slots[i].key != key)
		i = (i + 1) & t->mask;
	t->slots[i].key = key;
	return &t->slots[i];
}

static uint64_t
join(uint64_t a, uint64_t b)
{
	return trace_key_span(a * 0x9e3779b97f4a7c15u + b);
}

/* ---- little answers ---- */

fl_ns
lineage_start(const struct lineage_call *c)
{
	return c->asked ? c->request.at : c->answer.at;
}

fl_ns
lineage_end(const struct lineage_call *c)
{
	return c->answered ? FL_MAX(c->answer.at, lineage_start(c)) : lineage_start(c);
}

bool
lineage_bad(const struct lineage_call *c)
{
	return !c->answered || c->answer.status == 0 || c->answer.status >= 500 || (c->answer.flags & (TRACE_BROKEN | TRACE_REFUSED)) != 0;
}

uint32_t
lineage_root(const struct lineage *l, uint32_t i)
{
	while (l->calls[i].parent != LINEAGE_NONE)
		i = l->calls[i].parent;
	return i;
}

static bool
same_text(struct trace_text a, struct trace_text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

uint32_t
lineage_find(const struct lineage *l, struct trace_text line, uint64_t conn, uint64_t number)
{
	for (uint32_t i = l->count; i-- > 0; ) {
		const struct trace_event *e = lineage_event(&l->calls[i]);

		if (e->conn == conn && e->number == number && same_text(e->line, line))
			return i;
	}
	return LINEAGE_NONE;
}

uint32_t
lineage_find_span(const struct lineage *l, uint64_t span)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (lineage_event(&l->calls[i])->span == span)
			return i;
	return LINEAGE_NONE;
}

const char *
lineage_name(const struct lineage *l, uint32_t i, char *ret, size_t n)
{
	uint32_t path[32], depth = 0;
	size_t at;

	for (uint32_t up = i; up != LINEAGE_NONE; up = l->calls[up].parent) {
		if (depth == FL_ARRAY_LEN(path))        /* too deep to say in full: the middle is left out */
			memmove(path + 16, path + 17, (--depth - 16) * sizeof(path[0]));
		path[depth++] = up;
	}
	const struct trace_event *root = lineage_event(&l->calls[path[--depth]]);
	at = (size_t)snprintf(ret, n, "%.*s/%" PRIu64 "/%" PRIu64, (int)root->line.n, root->line.p == NULL ? "" : root->line.p, root->conn,
	    root->number);
	while (depth-- > 0 && at < n) {
		const struct lineage_call *c = &l->calls[path[depth]];
		const struct trace_text line = lineage_event(c)->line;

		at += (size_t)snprintf(ret + at, n - at, " > %.*s.%" PRIu32, (int)line.n, line.p == NULL ? "" : line.p, c->ordinal);
	}
	return ret;
}

uint32_t
lineage_tree(const struct lineage *l, uint32_t root, uint32_t *ret, uint32_t max)
{
	uint32_t n = 0, i = root;

	for (;;) {
		if (n < max)
			ret[n] = i;
		n++;
		if (l->calls[i].child != LINEAGE_NONE) {
			i = l->calls[i].child;
			continue;
		}
		while (i != root && l->calls[i].sibling == LINEAGE_NONE)
			i = l->calls[i].parent;
		if (i == root)
			return n;
		i = l->calls[i].sibling;
	}
}

/* ---- gathering: a request and its answer are one call ---- */

struct gather {
	struct lineage *l;
	struct table calls;
	uint64_t events;
	uint32_t room;
};

static bool
count_event(void *ud, const struct trace_event *e)
{
	struct gather *g = ud;

	g->events += e->kind == TRACE_REQUEST || e->kind == TRACE_ANSWER;
	return true;
}

static bool
gather_event(void *ud, const struct trace_event *e)
{
	struct gather *g = ud;
	const uint64_t who = join(trace_key_conn(e->line, e->conn), e->number);
	struct slot *s;
	struct lineage_call *c;

	if (e->kind != TRACE_REQUEST && e->kind != TRACE_ANSWER)
		return true;
	s = table_at(&g->calls, join(join(trace_key_trace(e->trace), e->span), who));
	if (!s->used) {
		fl_assert(g->l->count < g->room);
		s->used = true;
		s->value = g->l->count++;
		g->l->calls[s->value] = (struct lineage_call){ .parent = LINEAGE_NONE, .child = LINEAGE_NONE, .sibling = LINEAGE_NONE };
	}
	c = &g->l->calls[s->value];
	if (e->kind == TRACE_REQUEST && !c->asked) {
		c->request = *e;
		c->asked = true;
	} else if (e->kind == TRACE_ANSWER && !c->answered) {
		c->answer = *e;
		c->answered = true;
	}
	return true;
}

static int
gather(struct lineage *l, struct trace_store *s, const struct trace_query *q)
{
	struct gather g = { .l = l };

	trace_store_each(s, q, count_event, &g);
	if (g.events >= LINEAGE_NONE)
		return -ENOMEM;
	g.room = (uint32_t)g.events;
	l->calls = arena_alloc(l->mem, (size_t)g.room * sizeof(*l->calls) + 1);
	if (l->calls == NULL || table_init(&g.calls, g.room, l->mem) != 0)
		return -ENOMEM;
	trace_store_each(s, q, gather_event, &g);
	return 0;
}

/* ---- order ---- */

static int
compare_texts(struct trace_text a, struct trace_text b)
{
	int d = a.n > 0 && b.n > 0 ? memcmp(a.p, b.p, FL_MIN(a.n, b.n)) : 0;

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

static int
by_start(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const fl_ns x = lineage_start(&l->calls[i]), y = lineage_start(&l->calls[k]);

	return x != y ? (x > y) - (x < y) : (i > k) - (i < k);
}

static int
by_flow(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const struct trace_event *x = lineage_event(&l->calls[*(const uint32_t *)a]), *y = lineage_event(&l->calls[*(const uint32_t *)b]);
	int d = compare_texts(x->line, y->line);

	if (d == 0)
		d = (x->conn > y->conn) - (x->conn < y->conn);
	if (d == 0)
		d = (x->number > y->number) - (x->number < y->number);
	return d != 0 ? d : by_start(a, b, ud);
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

/* ---- links ---- */

static int
link_context(struct lineage *l)
{
	struct table spans;

	if (table_init(&spans, l->count, l->mem) != 0)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct trace_event *e = lineage_event(&l->calls[i]);
		struct slot *s;

		if (e->span == 0)
			continue;
		s = table_at(&spans, join(trace_key_trace(e->trace), e->span));
		if (!s->used)
			*s = (struct slot){ .key = s->key, .value = i, .used = true };
	}
	for (uint32_t i = 0; i < l->count; i++) {
		const struct trace_event *e = lineage_event(&l->calls[i]);
		struct slot *s;

		if (e->parent == 0)
			continue;
		s = table_at(&spans, join(trace_key_trace(e->trace), e->parent));
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

static uint64_t
key_of(const struct lineage_call *c, bool words)
{
	const struct trace_event *e = lineage_event(c);
	uint64_t key = join((uint64_t)c->parent + 1, trace_key_name(e->line));

	return words ? join(join(key, trace_key_name(e->what)), join(trace_key_name(e->text), e->hash) + 1) : key;
}

/* Lists of children in order of start, and which of its kind each is. */
static int
order_children(struct lineage *l)
{
	uint32_t *order = ordered(l, by_start), *tail = arena_alloc(l->mem, (size_t)l->count * sizeof(*tail) + 1);
	struct table counts;

	if (order == NULL || tail == NULL || table_init(&counts, 2 * (size_t)l->count, l->mem) != 0)
		return -ENOMEM;
	for (uint32_t k = 0; k < l->count; k++) {
		const uint32_t i = order[k];
		struct lineage_call *c = &l->calls[i];
		struct slot *s;

		if (c->parent == LINEAGE_NONE)
			continue;
		if (l->calls[c->parent].child == LINEAGE_NONE)
			l->calls[c->parent].child = i;
		else
			l->calls[tail[c->parent]].sibling = i;
		tail[c->parent] = i;
		s = table_at(&counts, key_of(c, false));
		s->used = true;
		c->ordinal = ++s->value;
		s = table_at(&counts, key_of(c, true));
		s->used = true;
		c->doubles = s->value++;
	}
	return 0;
}

static int
list_roots(struct lineage *l, const uint32_t *flow)
{
	l->roots = arena_alloc(l->mem, (size_t)l->count * sizeof(*l->roots) + 1);
	if (l->roots == NULL)
		return -ENOMEM;
	for (uint32_t k = 0; k < l->count; k++)
		if (l->calls[flow[k]].parent == LINEAGE_NONE)
			l->roots[l->root_count++] = flow[k];
	return 0;
}

static int
link_calls(struct lineage *l)
{
	uint32_t *order = ordered(l, by_trace), *spare = arena_alloc(l->mem, (size_t)l->count * sizeof(*spare) + 1);

	if (order == NULL || spare == NULL || link_context(l) != 0)
		return -ENOMEM;
	link_nested(l, order, spare);
	memset(spare, 0, (size_t)l->count * sizeof(*spare));
	cut_circles(l, spare);
	return order_children(l);
}

/* ---- faults ---- */

struct hitting {
	struct lineage *l;
	const uint32_t *flow;           /* calls by line, connection, number */
	uint32_t *owner;                /* of each hit */
	uint32_t room;
	bool count_only;
	uint64_t seen;
};

/* The first call in the order of flows that is not before line, conn, number. */
static uint32_t
lower(const struct hitting *h, const struct trace_event *e, uint64_t number)
{
	uint32_t lo = 0, hi = h->l->count;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;
		const struct trace_event *x = lineage_event(&h->l->calls[h->flow[mid]]);
		int d = compare_texts(x->line, e->line);

		if (d == 0)
			d = (x->conn > e->conn) - (x->conn < e->conn);
		if (d < 0 || (d == 0 && x->number < number))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
on_conn(const struct hitting *h, uint32_t k, const struct trace_event *e)
{
	const struct trace_event *x = k < h->l->count ? lineage_event(&h->l->calls[h->flow[k]]) : NULL;

	return x != NULL && x->conn == e->conn && same_text(x->line, e->line);
}

/* Which call a fault hit: the one it names, else the last of its connection that had begun. */
static uint32_t
hit_call(const struct hitting *h, const struct trace_event *e)
{
	uint32_t k = lower(h, e, e->number), found = LINEAGE_NONE;

	if (e->number != 0)
		return on_conn(h, k, e) && lineage_event(&h->l->calls[h->flow[k]])->number == e->number ? h->flow[k] : LINEAGE_NONE;
	for (; on_conn(h, k, e); k++) {
		if (found != LINEAGE_NONE && lineage_start(&h->l->calls[h->flow[k]]) > e->at)
			break;
		found = h->flow[k];
	}
	return found;
}

static bool
take_hit(void *ud, const struct trace_event *e)
{
	struct hitting *h = ud;
	uint32_t call;

	h->seen++;
	if (h->count_only)
		return true;
	call = hit_call(h, e);
	if (call == LINEAGE_NONE) {
		h->l->stray++;
		return true;
	}
	if (h->l->hit_count == h->room)
		return false;
	h->owner[h->l->hit_count] = call;
	h->l->hits[h->l->hit_count++] = *e;
	h->l->calls[call].hits++;
	return true;
}

/* Faults of all connections, or of the few that the calls are on. */
static void
each_fault(struct hitting *h, struct trace_store *s)
{
	struct trace_query q = { .kinds = 1u << TRACE_FAULT };

	if (h->l->count > FEW) {
		trace_store_each(s, &q, take_hit, h);
		return;
	}
	for (uint32_t k = 0; k < h->l->count; k++) {
		const struct trace_event *e = lineage_event(&h->l->calls[h->flow[k]]);

		if (k > 0 && on_conn(h, k - 1, e))
			continue;
		q.line = e->line;
		q.has_conn = true;
		q.conn = e->conn;
		trace_store_each(s, &q, take_hit, h);
	}
}

/* Put the hits of each call together, in the order they came. */
static int
group_hits(struct lineage *l, const uint32_t *owner)
{
	struct trace_event *sorted = arena_alloc(l->mem, (size_t)l->hit_count * sizeof(*sorted) + 1);
	uint32_t at = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++) {
		l->calls[i].hit = at;
		at += l->calls[i].hits;
		l->calls[i].hits = 0;
	}
	for (uint32_t k = 0; k < l->hit_count; k++) {
		struct lineage_call *c = &l->calls[owner[k]];

		sorted[c->hit + c->hits++] = l->hits[k];
	}
	l->hits = sorted;
	return 0;
}

static int
find_hits(struct lineage *l, struct trace_store *s, const uint32_t *flow)
{
	struct hitting h = { .l = l, .flow = flow, .count_only = true };

	each_fault(&h, s);
	if (h.seen >= LINEAGE_NONE)
		return -ENOMEM;
	h.room = (uint32_t)h.seen;
	h.count_only = false;
	l->hits = arena_alloc(l->mem, (size_t)h.room * sizeof(*l->hits) + 1);
	h.owner = arena_alloc(l->mem, (size_t)h.room * sizeof(*h.owner) + 1);
	if (l->hits == NULL || h.owner == NULL)
		return -ENOMEM;
	each_fault(&h, s);
	return group_hits(l, h.owner);
}

int
lineage_build(struct lineage *l, struct trace_store *s, const struct trace_query *q, struct arena *mem)
{
	uint32_t *flow;

	*l = (struct lineage){ .mem = mem };
	if (gather(l, s, q) != 0 || link_calls(l) != 0)
		return -ENOMEM;
	flow = ordered(l, by_flow);
	if (flow == NULL || list_roots(l, flow) != 0)
		return -ENOMEM;
	return find_hits(l, s, flow);
}
