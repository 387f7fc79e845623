/* SPDX-License-Identifier: MIT */
/*
 * lineage_gather.c - see lineage_gather.h.
 *
 * What went out of a line with frames is found among what came in by its content. Between two messages that are found, what is left
 * on both sides is set against each other in order: those were changed. What came in and is left then is lost; what went out
 * and is left is a piece of something.
 */
#include "audit/lineage_gather.h"

#include "audit/lineage_table.h"
#include "base/assert.h"
#include <stdlib.h>
#include <string.h>

struct gather {
	struct lineage *l;
	const struct trace_query *q;
	struct lineage_table calls;
	struct trace_event *outs;
	uint32_t out_count, out_room, call_room, apply_room, close_room, round_room, line_room;
	uint64_t seen[TRACE_KINDS], applies, rounds, closes, lines;
};

/* ---- counting ---- */

static bool
is_apply(const struct trace_event *e)
{
	return e->kind == TRACE_FAULT && e->number == 0 && (trace_text_is(e->what, "applies") || trace_text_is(e->what, "connect_delay") ||
	    trace_text_is(e->what, "refuse"));
}

static bool
is_round(const struct trace_event *e)
{
	return e->kind == TRACE_NOTE && (trace_text_is(e->what, TRACE_NOTE_ON) || trace_text_is(e->what, TRACE_NOTE_OFF));
}

/* Notes are about all of it. */
static bool
is_wanted(const struct gather *g, const struct trace_event *e)
{
	return e->kind == TRACE_NOTE || trace_store_fits(g->q, e);
}

static bool
count_event(void *ud, const struct trace_event *e)
{
	struct gather *g = ud;

	if (!is_wanted(g, e))
		return true;
	g->seen[e->kind]++;
	g->applies += is_apply(e);
	g->rounds += is_round(e);
	g->closes += e->kind == TRACE_NOTE && trace_text_is(e->what, TRACE_NOTE_CLOSE);
	g->lines += e->kind == TRACE_NOTE && trace_text_is(e->what, TRACE_NOTE_LINE);
	return true;
}

/* ---- taking ---- */

static struct lineage_call *
call_of(struct gather *g, uint64_t key)
{
	struct lineage_slot *s = lineage_table_at(&g->calls, key);

	if (!s->used) {
		fl_assert(g->l->count < g->call_room);
		s->used = true;
		s->value = g->l->count++;
		g->l->calls[s->value] = (struct lineage_call){ .parent = LINEAGE_NONE, .child = LINEAGE_NONE, .sibling = LINEAGE_NONE };
	}
	return &g->l->calls[s->value];
}

static void
take_call(struct gather *g, const struct trace_event *e)
{
	const uint64_t flow = lineage_table_join(lineage_table_join(trace_key_conn(e->line, e->conn), e->number), e->dir);
	struct lineage_call *c;

	if (e->kind == TRACE_IN) {
		c = call_of(g, lineage_table_join(flow, 1));
		c->framed = true;
	} else {
		c = call_of(g, lineage_table_join(lineage_table_join(trace_key_trace(e->trace), e->span),
		    lineage_table_join(trace_key_conn(e->line, e->conn), e->number)));
	}
	if (e->kind != TRACE_ANSWER && !c->asked) {
		c->request = *e;
		c->asked = true;
	} else if (e->kind == TRACE_ANSWER && !c->answered) {
		c->answer = *e;
		c->answered = true;
	}
}

static void
take_note(struct gather *g, const struct trace_event *e)
{
	struct lineage *l = g->l;

	if (is_round(e) && l->round_count < g->round_room)
		l->rounds[l->round_count++] = *e;
	else if (trace_text_is(e->what, TRACE_NOTE_CLOSE) && l->close_count < g->close_room)
		l->closes[l->close_count++] = *e;
	else if (trace_text_is(e->what, TRACE_NOTE_LINE) && l->line_count < g->line_room)
		l->lines[l->line_count++] = (struct lineage_line){ .name = e->line, .from = e->text, .to = e->place };
}

static bool
take_event(void *ud, const struct trace_event *e)
{
	struct gather *g = ud;

	if (!is_wanted(g, e))
		return true;
	if (e->kind == TRACE_REQUEST || e->kind == TRACE_ANSWER || e->kind == TRACE_IN)
		take_call(g, e);
	else if (e->kind == TRACE_OUT && g->out_count < g->out_room)
		g->outs[g->out_count++] = *e;
	else if (e->kind == TRACE_NOTE)
		take_note(g, e);
	else if (is_apply(e) && g->l->apply_count < g->apply_room)
		g->l->applies[g->l->apply_count++] = *e;
	return true;
}

/* ---- order ---- */

int
lineage_gather_order(const struct trace_event *x, const struct trace_event *y)
{
	int d = trace_text_order(x->line, y->line);

	if (d == 0)
		d = (x->conn > y->conn) - (x->conn < y->conn);
	if (d == 0)
		d = (x->dir > y->dir) - (x->dir < y->dir);
	return d != 0 ? d : (x->number > y->number) - (x->number < y->number);
}

/* The direction of a call is that of its request. */
static int
by_flow(const void *a, const void *b, void *ud)
{
	const struct lineage *l = ud;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	struct trace_event x = *lineage_event(&l->calls[i]), y = *lineage_event(&l->calls[k]);
	int d;

	x.dir = l->calls[i].framed ? x.dir : 0;
	y.dir = l->calls[k].framed ? y.dir : 0;
	d = lineage_gather_order(&x, &y);
	if (d == 0)
		d = (x.at > y.at) - (x.at < y.at);
	return d != 0 ? d : (i > k) - (i < k);
}

static int
by_event(const void *a, const void *b)
{
	const struct trace_event *x = a, *y = b;
	int d = lineage_gather_order(x, y);

	return d != 0 ? d : (x->at > y->at) - (x->at < y->at);
}

static int
by_moment(const void *a, const void *b)
{
	const struct trace_event *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

static int
by_name(const void *a, const void *b)
{
	const struct lineage_line *x = a, *y = b;

	return trace_text_order(x->name, y->name);
}

/* Each line once, with what was said of it last (notes of a name are in the order of the store). */
static void
settle_lines(struct lineage *l)
{
	uint32_t n = 0;

	for (uint32_t i = 1; i < l->line_count; i++)            /* qsort() would not keep their order, and they are few */
		for (uint32_t k = i; k > 0 && by_name(&l->lines[k - 1], &l->lines[k]) > 0; k--) {
			struct lineage_line other = l->lines[k];

			l->lines[k] = l->lines[k - 1];
			l->lines[k - 1] = other;
		}
	for (uint32_t i = 0; i < l->line_count; i++) {
		if (n > 0 && trace_text_same(l->lines[n - 1].name, l->lines[i].name))
			n--;
		l->lines[n++] = l->lines[i];
	}
	l->line_count = n;
}

/* ---- what went out, against what came in ---- */

/* One direction of a connection: calls flow[from..to), outs[first..last). */
struct stream {
	struct lineage *l;
	const uint32_t *flow;
	uint32_t from, to;
	const struct trace_event *outs;
	uint32_t first, last;
	uint32_t *match;                /* per out: index in flow, or LINEAGE_NONE */
	struct lineage_table heads;     /* by content: 1 + the first call in flow that is not passed yet */
	uint32_t *next;                 /* per call: 1 + the next of the same content; 0: none */
};

static struct lineage_call *
at(const struct stream *s, uint32_t k)
{
	return &s->l->calls[s->flow[k]];
}

/* Those whose content is found, in order. An out of a content that was found before is a copy. */
static void
match_contents(struct stream *s)
{
	uint32_t least = s->from;

	for (uint32_t k = s->to; k-- > s->from; ) {
		struct lineage_slot *h = lineage_table_at(&s->heads, at(s, k)->request.hash);

		s->next[k - s->from] = h->used ? h->value : 0;
		h->used = true;
		h->value = k + 1;
	}
	for (uint32_t o = s->first; o < s->last; o++) {
		struct lineage_slot *h = lineage_table_at(&s->heads, s->outs[o].hash);
		uint32_t k = h->used ? h->value : 0;

		s->match[o - s->first] = LINEAGE_NONE;
		if (k == 0 || (s->outs[o].flags & TRACE_UNFRAMED) != 0)
			continue;
		while (k - 1 < least && s->next[k - 1 - s->from] != 0)
			k = s->next[k - 1 - s->from];
		h->value = k;
		s->match[o - s->first] = k - 1;
		if (k - 1 < least) {
			at(s, k - 1)->copies += at(s, k - 1)->answered;
		} else {
			at(s, k - 1)->answer = s->outs[o];
			at(s, k - 1)->answered = true;
			least = k;
		}
	}
}

/* What lies between two messages that were found: outs o..o_end that match nothing, calls k..k_end that did not go out. */
static void
match_gap(struct stream *s, uint32_t o, uint32_t o_end, uint32_t k, uint32_t k_end)
{
	for (; o < o_end; o++) {
		if (s->match[o - s->first] != LINEAGE_NONE)
			continue;               /* a copy */
		while (k < k_end && at(s, k)->answered)
			k++;
		if (k == k_end) {
			s->l->pieces++;
			continue;
		}
		at(s, k)->answer = s->outs[o];
		at(s, k)->answered = true;
	}
}

static void
match_rest(struct stream *s)
{
	uint32_t o = s->first, k = s->from;

	for (uint32_t i = s->first; i < s->last; i++) {
		const uint32_t m = s->match[i - s->first];

		if (m == LINEAGE_NONE || m < k)
			continue;
		match_gap(s, o, i, k, m);
		o = i + 1;
		k = m + 1;
	}
	match_gap(s, o, s->last, k, s->to);
}

static void
settle_fates(struct stream *s, bool closed)
{
	bool later = false;

	for (uint32_t k = s->to; k-- > s->from; ) {
		struct lineage_call *c = at(s, k);

		if (!c->answered)
			c->fate = later || closed ? LINEAGE_LOST : LINEAGE_PENDING;
		else if (((c->request.flags | c->answer.flags) & TRACE_BROKEN) != 0)
			c->fate = LINEAGE_CUT;
		else
			c->fate = c->request.hash == c->answer.hash ? LINEAGE_WHOLE : LINEAGE_CHANGED;
		later = later || c->answered;
	}
}

const struct trace_event *
lineage_gather_close(const struct lineage *l, const struct trace_event *e)
{
	struct trace_event key = { .line = e->line, .conn = e->conn };
	uint32_t lo = 0, hi = l->close_count;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (lineage_gather_order(&l->closes[mid], &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->close_count && lineage_gather_order(&l->closes[lo], &key) == 0 ? &l->closes[lo] : NULL;
}

static int
align(struct gather *g, struct stream *s)
{
	struct lineage *l = g->l;
	struct arena_mark mark = arena_snapshot(l->mem);

	s->match = arena_alloc(l->mem, (size_t)(s->last - s->first) * sizeof(*s->match) + 1);
	s->next = arena_alloc(l->mem, (size_t)(s->to - s->from) * sizeof(*s->next) + 1);
	if (s->match == NULL || s->next == NULL || lineage_table_init(&s->heads, (size_t)(s->to - s->from) + (s->last - s->first), l->mem) != 0)
		return -ENOMEM;
	match_contents(s);
	match_rest(s);
	settle_fates(s, lineage_gather_close(l, &at(s, s->from)->request) != NULL);
	arena_reset(l->mem, mark);
	return 0;
}

static bool
same_stream(const struct trace_event *x, const struct trace_event *y)
{
	return x->conn == y->conn && x->dir == y->dir && trace_text_same(x->line, y->line);
}

static int
align_all(struct gather *g, const uint32_t *flow)
{
	struct lineage *l = g->l;
	uint32_t o = 0;

	for (uint32_t k = 0, end; k < l->count; k = end) {
		const struct trace_event *e = &l->calls[flow[k]].request;
		struct stream s = { .l = l, .flow = flow, .from = k, .outs = g->outs };
		int rc;

		end = k + 1;
		if (!l->calls[flow[k]].framed)
			continue;
		while (end < l->count && l->calls[flow[end]].framed && same_stream(e, &l->calls[flow[end]].request))
			end++;
		while (o < g->out_count && lineage_gather_order(&g->outs[o], e) < 0 && !same_stream(&g->outs[o], e))
			o++;
		s.to = end;
		s.first = o;
		while (o < g->out_count && same_stream(&g->outs[o], e))
			o++;
		s.last = o;
		rc = align(g, &s);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* ---- all of it ---- */

static int
make_room(struct gather *g)
{
	struct lineage *l = g->l;
	const uint64_t calls = g->seen[TRACE_REQUEST] + g->seen[TRACE_ANSWER] + g->seen[TRACE_IN];

	if (calls >= LINEAGE_NONE || g->seen[TRACE_OUT] >= LINEAGE_NONE || g->seen[TRACE_NOTE] >= LINEAGE_NONE || g->applies >= LINEAGE_NONE)
		return -ENOMEM;
	g->call_room = (uint32_t)calls;
	g->out_room = (uint32_t)g->seen[TRACE_OUT];
	g->apply_room = (uint32_t)g->applies;
	g->close_room = (uint32_t)g->closes;
	g->round_room = (uint32_t)g->rounds;
	g->line_room = (uint32_t)g->lines;
	l->calls = arena_alloc(l->mem, (size_t)g->call_room * sizeof(*l->calls) + 1);
	g->outs = arena_alloc(l->mem, (size_t)g->out_room * sizeof(*g->outs) + 1);
	l->applies = arena_alloc(l->mem, (size_t)g->apply_room * sizeof(*l->applies) + 1);
	l->closes = arena_alloc(l->mem, (size_t)g->close_room * sizeof(*l->closes) + 1);
	l->rounds = arena_alloc(l->mem, (size_t)g->round_room * sizeof(*l->rounds) + 1);
	l->lines = arena_alloc(l->mem, (size_t)g->line_room * sizeof(*l->lines) + 1);
	if (lineage_table_init(&g->calls, g->call_room, l->mem) != 0)
		return -ENOMEM;
	return l->mem->overflowed ? -ENOMEM : 0;
}

int
lineage_gather(struct lineage *l, struct trace_store *s, const struct trace_query *q, uint32_t **ret_flow)
{
	struct gather g = { .l = l, .q = q };
	const struct trace_query all = { .kinds = 0 };
	uint32_t *flow;
	int rc;

	trace_store_each(s, &all, count_event, &g);
	rc = make_room(&g);
	if (rc != 0)
		return rc;
	trace_store_each(s, &all, take_event, &g);
	flow = arena_alloc(l->mem, (size_t)l->count * sizeof(*flow) + 1);
	if (flow == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++)
		flow[i] = i;
	qsort_r(flow, l->count, sizeof(*flow), by_flow, l);
	qsort(g.outs, g.out_count, sizeof(*g.outs), by_event);
	qsort(l->applies, l->apply_count, sizeof(*l->applies), by_event);
	qsort(l->closes, l->close_count, sizeof(*l->closes), by_event);
	qsort(l->rounds, l->round_count, sizeof(*l->rounds), by_moment);
	settle_lines(l);
	*ret_flow = flow;
	return align_all(&g, flow);
}
