/* SPDX-License-Identifier: MIT */
/* trace_say.c - see trace_say.h. */
#include "run/trace_say.h"

#include "run/words.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void
trace_say_text(struct trace_text t, struct buf *out)
{
	for (uint32_t i = 0; i < t.n; i++)
		buf_putc(out, (unsigned char)t.p[i] < 0x20 || t.p[i] == 0x7f ? '?' : t.p[i]);
}

/* ---- calls ---- */

static void
put_flow(const struct lineage *l, uint32_t i, struct buf *out)
{
	char name[LINEAGE_NAME_MAX];

	lineage_flow_name(l, i, name, sizeof(name));
	trace_say_text((struct trace_text){ .p = name, .n = (uint32_t)strlen(name) }, out);
}

void
trace_say_name(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct trace_event *e = lineage_event(&l->calls[i]);

	put_flow(l, i, out);
	if (e->id.n == 0)
		return;
	buf_puts(out, (e->flags & TRACE_KEYED) != 0 ? " (key " : " (id ");
	trace_say_text(e->id, out);
	buf_putc(out, ')');
}

static void
put_answer(const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *a = &c->answer;

	if (!c->answered) {
		buf_puts(out, "no answer seen");
		return;
	}
	if (a->status != 0)
		buf_printf(out, "%" PRIu32, a->status);
	else
		buf_puts(out, "no answer");
	if (c->asked) {
		buf_puts(out, " in ");
		words_duration(lineage_end(c) - lineage_start(c), out);
	}
	if (a->place.n > 0) {
		buf_puts(out, " from ");
		trace_say_text(a->place, out);
	}
	if (a->attempts > 1)
		buf_printf(out, ", %u attempts", a->attempts);
	buf_puts(out, (a->flags & TRACE_HEDGED) != 0 ? ", hedged" : "");
	buf_puts(out, (a->flags & TRACE_DEGRADED) != 0 ? ", by the fallback" : "");
	if ((a->flags & (TRACE_REFUSED | TRACE_BROKEN)) != 0) {
		buf_puts(out, ", ");
		trace_say_text(a->what, out);
	}
	if (a->text.n > 0) {
		buf_puts(out, ": ");
		trace_say_text(a->text, out);
	}
}

static void
put_fate(const struct lineage_call *c, struct buf *out)
{
	const fl_ns took = lineage_end(c) - lineage_start(c);

	switch ((enum lineage_fate)c->fate) {
	case LINEAGE_WHOLE: buf_puts(out, "went out"); break;
	case LINEAGE_CHANGED: buf_puts(out, "went out CHANGED"); break;
	case LINEAGE_CUT: buf_puts(out, "CUT"); break;
	case LINEAGE_LOST: buf_puts(out, "LOST"); return;
	case LINEAGE_PENDING: buf_puts(out, "had not gone out when the recording ended"); return;
	}
	if (c->answered && took >= FL_MS) {
		buf_puts(out, " after ");
		words_duration(took, out);
	}
	if (c->copies > 0)
		buf_printf(out, ", and %" PRIu32 " time%s MORE", c->copies, c->copies == 1 ? "" : "s");
}

static void
put_request(const struct lineage_call *c, struct buf *out)
{
	if (c->framed) {
		buf_printf(out, "%" PRIu64 " bytes", c->request.bytes);
		return;
	}
	if (!c->asked)
		buf_puts(out, "(request not seen)");
	trace_say_text(c->request.what, out);
	if (c->request.text.n > 0)
		buf_putc(out, ' ');
	trace_say_text(c->request.text, out);
}

void
trace_say_call(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct lineage_call *c = &l->calls[i];

	trace_say_name(l, i, out);
	buf_puts(out, "  ");
	put_request(c, out);
	buf_puts(out, " -> ");
	if (c->framed)
		put_fate(c, out);
	else
		put_answer(c, out);
}

/* ---- faults ---- */

void
trace_say_moment(fl_ns at, fl_ns from, struct buf *out)
{
	if (at == from) {
		buf_puts(out, "+0");
		return;
	}
	buf_puts(out, at < from ? "-" : "+");
	words_duration(at < from ? from - at : at - from, out);
}

void
trace_say_hit(const struct trace_event *e, struct buf *out)
{
	buf_puts(out, "fault ");
	trace_say_text(e->place, out);
	buf_puts(out, ": ");
	trace_say_text(e->what, out);
	if (trace_text_is(e->what, "abort")) {
		buf_printf(out, " with %" PRId64, e->value);
	} else if (trace_text_is(e->what, "delay") || trace_text_is(e->what, "connect_delay")) {
		buf_puts(out, " of ");
		words_duration(FL_MAX(e->value, 0), out);
	} else if (trace_text_is(e->what, "flip")) {
		buf_printf(out, " of bits %02" PRIx64 " in byte %" PRIu64, (uint64_t)e->value & 0xff, e->bytes);
	} else if (trace_text_is(e->what, "drop") || trace_text_is(e->what, "duplicate") || trace_text_is(e->what, "cut")) {
		buf_printf(out, " of %" PRId64 " bytes from byte %" PRIu64 " on", e->value, e->bytes);
	}
	buf_puts(out, e->dir == 0 ? " (client to server)" : " (server to client)");
}

/* ---- trees ---- */

static unsigned
depth_of(const struct lineage *l, uint32_t i, uint32_t root)
{
	unsigned depth = 0;

	for (; i != root && depth < 30; i = l->calls[i].parent)
		depth++;
	return depth;
}

static const char *
link_words(const struct lineage_call *c)
{
	if (c->doubles > 0)
		return c->link == LINEAGE_NESTED ? "  AGAIN (inferred: within its parent in time)" : "  AGAIN";
	return c->link == LINEAGE_NESTED ? "  (inferred: within its parent in time)" : "";
}

static void
put_joins(const struct lineage *l, const struct lineage_call *c, int indent, fl_ns from, struct buf *out)
{
	const uint32_t shown = FL_MIN(c->joins, 5u);

	for (uint32_t j = 0; j < shown; j++) {
		const uint32_t i = l->joins[c->join + j];

		buf_printf(out, "  %*s    with ", indent, "");
		trace_say_moment(lineage_start(&l->calls[i]), from, out);
		buf_putc(out, ' ');
		trace_say_call(l, i, out);
		buf_putc(out, '\n');
	}
	if (c->joins > shown)
		buf_printf(out, "  %*s    with %" PRIu32 " more that had gone in before\n", indent, "", c->joins - shown);
}

static void
put_call(const struct lineage *l, uint32_t i, uint32_t root, bool mark, struct buf *out)
{
	const struct lineage_call *c = &l->calls[i];
	const fl_ns from = lineage_start(&l->calls[root]);
	const int indent = (int)(2 * depth_of(l, i, root));

	buf_printf(out, "%s%*s", mark ? "> " : "  ", indent, "");
	trace_say_moment(lineage_start(c), from, out);
	buf_puts(out, "  ");
	trace_say_call(l, i, out);
	buf_printf(out, "%s\n", link_words(c));
	for (uint32_t h = 0; h < FL_MIN(c->hits, TRACE_SAY_HITS_MAX); h++) {
		buf_printf(out, "  %*s    ", indent, "");
		trace_say_moment(l->hits[c->hit + h].at, from, out);
		buf_putc(out, ' ');
		trace_say_hit(&l->hits[c->hit + h], out);
		buf_putc(out, '\n');
	}
	if (c->hits > TRACE_SAY_HITS_MAX)
		buf_printf(out, "  %*s    and %" PRIu32 " more by faults\n", indent, "", c->hits - TRACE_SAY_HITS_MAX);
	put_joins(l, c, indent, from, out);
}

void
trace_say_tree(const struct lineage *l, uint32_t root, uint32_t mark, struct buf *out)
{
	uint32_t *order = calloc(TRACE_SAY_CALLS_MAX, sizeof(*order));
	const uint32_t n = order == NULL ? 0 : lineage_tree(l, root, order, TRACE_SAY_CALLS_MAX);

	for (uint32_t k = 0; k < FL_MIN(n, TRACE_SAY_CALLS_MAX); k++)
		put_call(l, order[k], root, order[k] == mark, out);
	if (n > TRACE_SAY_CALLS_MAX)
		buf_printf(out, "  and %" PRIu32 " more\n", n - TRACE_SAY_CALLS_MAX);
	free(order);
}

/* ---- two runs, and the store ---- */

void
trace_say_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct buf *out)
{
	char name[LINEAGE_NAME_MAX];
	const bool in_a = d->a != LINEAGE_NONE, in_b = d->b != LINEAGE_NONE;

	lineage_name(in_a ? a : b, in_a ? d->a : d->b, name, sizeof(name));
	trace_say_text((struct trace_text){ .p = name, .n = (uint32_t)strlen(name) }, out);
	buf_printf(out, ": %s\n    first   ", trace_compare_say((enum trace_compare_what)d->what));
	if (in_a)
		trace_say_call(a, d->a, out);
	else
		buf_puts(out, "no such message");
	buf_puts(out, "\n    second  ");
	if (in_b)
		trace_say_call(b, d->b, out);
	else
		buf_puts(out, "no such message");
	buf_putc(out, '\n');
	for (uint32_t h = 0; in_b && h < FL_MIN(b->calls[d->b].hits, TRACE_SAY_HITS_MAX); h++) {
		const fl_ns from = lineage_start(&b->calls[d->root_b != LINEAGE_NONE ? d->root_b : d->b]);

		buf_puts(out, "            ");
		trace_say_moment(b->hits[b->calls[d->b].hit + h].at, from, out);
		buf_putc(out, ' ');
		trace_say_hit(&b->hits[b->calls[d->b].hit + h], out);
		buf_putc(out, '\n');
	}
}

void
trace_say_state(const struct trace_store *s, struct buf *out)
{
	if (s->torn_bytes > 0)
		buf_printf(out, "the last %" PRIu64 " bytes, from %" PRIu64 " on, are no whole block: the recorder was stopped while it wrote\n",
			   s->torn_bytes, s->torn_at);
	if (s->damaged_bytes > 0 || s->missing > 0)
		buf_printf(out, "%" PRIu64 " bytes are damaged and left out, %" PRIu64 " blocks are missing\n", s->damaged_bytes, s->missing);
	if (s->lost > 0)
		buf_printf(out, "%" PRIu64 " events were lost: the recorder could not keep up, or the disk was full\n", s->lost);
	if (s->files > 1)
		buf_printf(out, "%" PRIu64 " recordings, one behind the other; a name that several have means the last\n", s->files);
}
