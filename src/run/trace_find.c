/* SPDX-License-Identifier: MIT */
/* trace_find.c - see trace_find.h. */
#include "run/trace_find.h"

#include "run/trace_say.h"
#include "run/words.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[TRACE_FIND_KINDS] = { "lost", "changed", "cut", "copied", "duplicate", "broke", "missing", "spread", "repeated" };

const char *
trace_find_word(enum trace_find_kind kind)
{
	return words[kind];
}

/* ---- finding ---- */

struct finding {
	const struct lineage *l;
	struct trace_find *ret;
	uint32_t count, max;
};

static void
add(struct finding *g, enum trace_find_kind kind, uint32_t call, const struct lineage_flow *flow)
{
	if (g->count < g->max)
		g->ret[g->count] = (struct trace_find){ .kind = (uint8_t)kind, .call = call, .flow = flow };
	g->count++;
}

static bool
bad_below(const struct lineage *l, const struct lineage_call *c)
{
	for (uint32_t i = c->child; i != LINEAGE_NONE; i = l->calls[i].sibling)
		if (lineage_bad(&l->calls[i]))
			return true;
	return false;
}

static bool
was_hit(const struct lineage_call *c)
{
	return c->hits > 0 || (!c->framed && c->answered && c->answer.fault != 0);
}

static void
find_framed(struct finding *g, uint32_t i)
{
	static const uint8_t kinds[] = { [LINEAGE_CHANGED] = TRACE_FIND_CHANGED, [LINEAGE_CUT] = TRACE_FIND_CUT, [LINEAGE_LOST] = TRACE_FIND_LOST };
	const struct lineage_call *c = &g->l->calls[i];

	if (lineage_bad(c))
		add(g, kinds[c->fate], i, NULL);
	if (c->copies > 0)
		add(g, TRACE_FIND_COPIED, i, NULL);
}

static void
find_answer(struct finding *g, uint32_t i)
{
	const struct lineage_call *c = &g->l->calls[i];
	const bool below = bad_below(g->l, c);

	if (lineage_bad(c) && !below)
		add(g, TRACE_FIND_BROKE, i, NULL);
	if (!lineage_bad(c) && (below || was_hit(c)))
		add(g, TRACE_FIND_SPREAD, i, NULL);
	if (c->answered && c->answer.attempts > 1)
		add(g, TRACE_FIND_REPEATED, i, NULL);
}

static void
find_call(struct finding *g, uint32_t i)
{
	const struct lineage_call *c = &g->l->calls[i];
	const struct lineage_flow *flows[8];
	uint32_t n;

	if (c->framed)
		find_framed(g, i);
	else
		find_answer(g, i);
	if (c->doubles > 0)
		add(g, TRACE_FIND_DOUBLE, i, NULL);
	if (lineage_bad(c))
		return;                         /* reason enough that nothing came of it */
	n = lineage_missing(g->l, i, flows, FL_ARRAY_LEN(flows));
	for (uint32_t k = 0; k < FL_MIN(n, FL_ARRAY_LEN(flows)); k++)
		add(g, TRACE_FIND_MISSING, i, flows[k]);
}

uint32_t
trace_find(const struct lineage *l, uint32_t root, struct trace_find *ret, uint32_t max)
{
	struct finding g = { .l = l, .ret = ret, .max = max };
	uint32_t *order = calloc(TRACE_SAY_CALLS_MAX, sizeof(*order));
	const uint32_t n = order == NULL ? 0 : lineage_tree(l, root, order, TRACE_SAY_CALLS_MAX);

	for (uint32_t k = 0; k < FL_MIN(n, TRACE_SAY_CALLS_MAX); k++) {
		const struct lineage_call *c = &l->calls[order[k]];

		for (uint32_t j = 0; j < c->joins; j++)
			if (lineage_root(l, l->joins[c->join + j]) != root)
				find_call(&g, l->joins[c->join + j]);
		find_call(&g, order[k]);
	}
	free(order);
	return g.count;
}

/* ---- saying ---- */

static void
put_ends(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct trace_text from = lineage_from(l, i), to = lineage_to(l, i);

	buf_puts(out, " on the line ");
	trace_say_text(lineage_event(&l->calls[i])->line, out);
	if (from.n > 0) {
		buf_puts(out, ", from ");
		trace_say_text(from, out);
		buf_puts(out, " to ");
		trace_say_text(to, out);
	}
}

/* Faults that were on in the run when the call was under way. false: none. */
static bool
put_rounds(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	bool any = false;

	for (uint32_t k = 0; k < l->round_count; k++) {
		const struct trace_event *on = &l->rounds[k], *off = NULL;

		if (!trace_text_is(on->what, TRACE_NOTE_ON) || on->at > lineage_end(c))
			continue;
		for (uint32_t m = k + 1; m < l->round_count && off == NULL; m++)
			if (trace_text_is(l->rounds[m].what, TRACE_NOTE_OFF) && trace_text_same(l->rounds[m].place, on->place))
				off = &l->rounds[m];
		if (off != NULL && off->at < lineage_start(c))
			continue;
		buf_puts(out, any ? ", " : "; the fault on at that time: ");
		trace_say_text(on->place, out);
		buf_puts(out, " (since ");
		trace_say_moment(on->at, lineage_start(c), out);
		buf_putc(out, ')');
		any = true;
	}
	return any;
}

/* Faults in force on its connection, in its direction. */
static bool
put_applies(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *e = lineage_event(c), *last = NULL;

	for (uint32_t k = 0; k < l->apply_count; k++) {
		const struct trace_event *a = &l->applies[k];

		if (a->conn != e->conn || (c->framed && a->dir != e->dir) || !trace_text_same(a->line, e->line) ||
		    (last != NULL && trace_text_same(last->place, a->place)))
			continue;
		buf_puts(out, last == NULL ? "; in force on its connection: fault " : ", ");
		trace_say_text(a->place, out);
		last = a;
	}
	return last != NULL;
}

/* What did it: the faults that hit it there; else those in force, else those on in the run. */
static void
put_cause(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *last = NULL;

	for (uint32_t h = 0; h < FL_MIN(c->hits, TRACE_SAY_HITS_MAX); h++) {
		const struct trace_event *e = &l->hits[c->hit + h];

		if (trace_text_is(e->what, "applies") && c->hits > 1)
			continue;
		if (last != NULL && trace_text_same(last->place, e->place) && trace_text_same(last->what, e->what))
			continue;
		buf_puts(out, last == NULL ? "; " : ", ");
		trace_say_hit(e, out);
		buf_puts(out, " at ");
		trace_say_moment(e->at, lineage_start(c), out);
		last = e;
	}
	if (last != NULL)
		return;
	if (!c->framed && c->answered && c->answer.fault != 0)
		buf_printf(out, "; hit by fault number %" PRIu64, c->answer.fault);
	else if (!put_applies(l, c, out) && !put_rounds(l, c, out))
		buf_puts(out, "; no fault is known to have hit it there");
}

static void
put_close(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *e = lineage_close(l, c);

	if (e == NULL || trace_text_is(e->text, "finished"))
		return;
	buf_puts(out, "; its connection ended: ");
	trace_say_text(e->text, out);
}

static void
say_double(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct lineage_call *c = &l->calls[i], *p = c->parent == LINEAGE_NONE ? NULL : &l->calls[c->parent];

	trace_say_name(l, i, out);
	buf_printf(out, " is a duplicate: the same had been sent %" PRIu32 " time%s before%s", c->doubles, c->doubles == 1 ? "" : "s",
	    p == NULL ? ", by its sender" : "");
	if (p == NULL)
		return;
	if (p->copies > 0 || p->doubles > 0)
		buf_puts(out, p->copies > 0 ? ", because what it came of went out more than once: " : ", because what it came of is a duplicate: ");
	else
		buf_puts(out, ", by ");
	if (p->copies == 0 && p->doubles == 0)
		trace_say_text(lineage_to(l, c->parent), out);
	else
		trace_say_name(l, c->parent, out);
}

static void
say_missing(const struct lineage *l, const struct trace_find *f, struct buf *out)
{
	buf_puts(out, "nothing came of ");
	trace_say_name(l, f->call, out);
	buf_puts(out, " on the line ");
	trace_say_text(l->lines[f->flow->below].name, out);
	buf_printf(out, ", though something did of %" PRIu32 " of %" PRIu32 " like it: ", f->flow->with, f->flow->calls);
	trace_say_text(lineage_to(l, f->call), out);
	buf_puts(out, " had it and sent nothing on");
	(void)put_rounds(l, &l->calls[f->call], out);
}

static void
say_spread(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct lineage_call *c = &l->calls[i];

	trace_say_name(l, i, out);
	if (bad_below(l, c)) {
		buf_puts(out, " was answered well though something below it was not");
		return;
	}
	buf_puts(out, " came through though it was hit");
	put_cause(l, c, out);
}

static void
say_framed(const struct lineage *l, const struct trace_find *f, struct buf *out)
{
	const struct lineage_call *c = &l->calls[f->call];

	trace_say_name(l, f->call, out);
	if (f->kind == TRACE_FIND_LOST)
		buf_puts(out, " was lost");
	else if (f->kind == TRACE_FIND_CUT)
		buf_printf(out, " was cut: %" PRIu64 " bytes came in, %" PRIu64 " went out", c->request.bytes, c->answered ? c->answer.bytes : 0);
	else if (f->kind == TRACE_FIND_COPIED)
		buf_printf(out, " went out %" PRIu32 " times", c->copies + 1);
	else
		buf_printf(out, " was changed: #%016" PRIx64 " (%" PRIu64 " bytes) came in, #%016" PRIx64 " (%" PRIu64 " bytes) went out",
		    c->request.hash, c->request.bytes, c->answer.hash, c->answer.bytes);
	put_ends(l, f->call, out);
	put_cause(l, c, out);
	if (f->kind == TRACE_FIND_LOST || f->kind == TRACE_FIND_CUT)
		put_close(l, c, out);
}

void
trace_find_say(const struct lineage *l, const struct trace_find *f, struct buf *out)
{
	const struct lineage_call *c = &l->calls[f->call];

	switch ((enum trace_find_kind)f->kind) {
	case TRACE_FIND_LOST: case TRACE_FIND_CHANGED: case TRACE_FIND_CUT: case TRACE_FIND_COPIED:
		say_framed(l, f, out);
		break;
	case TRACE_FIND_DOUBLE:
		say_double(l, f->call, out);
		break;
	case TRACE_FIND_BROKE:
		buf_puts(out, "it went wrong at ");
		trace_say_call(l, f->call, out);
		put_cause(l, c, out);
		break;
	case TRACE_FIND_MISSING:
		say_missing(l, f, out);
		break;
	case TRACE_FIND_SPREAD:
		say_spread(l, f->call, out);
		break;
	case TRACE_FIND_REPEATED:
		trace_say_name(l, f->call, out);
		buf_printf(out, " was sent to its servers %u times: what it does may have been done as often", c->answer.attempts);
		break;
	case TRACE_FIND_KINDS:
		break;
	}
}
