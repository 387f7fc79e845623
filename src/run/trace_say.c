/* SPDX-License-Identifier: MIT */
/* trace_say.c - see trace_say.h. */
#include "run/trace_say.h"

#include "run/words.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 512
#define HITS_MAX 20                     /* faults shown of one call */

/* Text of a file: control characters could play with the terminal. */
static void
put_text(struct trace_text t, struct buf *out)
{
	for (uint32_t i = 0; i < t.n; i++)
		buf_putc(out, (unsigned char)t.p[i] < 0x20 || t.p[i] == 0x7f ? '?' : t.p[i]);
}

static void
put_outcome(const struct lineage_call *c, struct buf *out)
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
		put_text(a->place, out);
	}
	if (a->attempts > 1)
		buf_printf(out, ", %u attempts", a->attempts);
	if ((a->flags & TRACE_HEDGED) != 0)
		buf_puts(out, ", hedged");
	if ((a->flags & TRACE_DEGRADED) != 0)
		buf_puts(out, ", by the fallback");
	if ((a->flags & (TRACE_REFUSED | TRACE_BROKEN)) != 0) {
		buf_puts(out, ", ");
		put_text(a->what, out);
	}
	if (a->text.n > 0) {
		buf_puts(out, ": ");
		put_text(a->text, out);
	}
}

static void
put_request(const struct lineage_call *c, struct buf *out)
{
	if (!c->asked)
		buf_puts(out, "(request not seen)");
	put_text(c->request.what, out);
	if (c->request.text.n > 0)
		buf_putc(out, ' ');
	put_text(c->request.text, out);
}

/* Its flow and number, by which it can be asked for. */
static void
put_flow(const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *e = lineage_event(c);

	put_text(e->line, out);
	buf_printf(out, "/%" PRIu64 "/%" PRIu64, e->conn, e->number);
}

void
trace_say_call(const struct lineage *l, uint32_t i, struct buf *out)
{
	const struct lineage_call *c = &l->calls[i];

	put_flow(c, out);
	buf_puts(out, "  ");
	put_request(c, out);
	buf_puts(out, " -> ");
	put_outcome(c, out);
}

static unsigned
depth_of(const struct lineage *l, uint32_t i, uint32_t root)
{
	unsigned depth = 0;

	for (; i != root && depth < 30; i = l->calls[i].parent)
		depth++;
	return depth;
}

static void
put_moment(const struct trace_event *e, fl_ns from, struct buf *out)
{
	buf_puts(out, e->at < from ? "-" : "+");
	words_duration(e->at < from ? from - e->at : e->at - from, out);
}

static void
put_hit(const struct trace_event *e, fl_ns from, struct buf *out)
{
	put_moment(e, from, out);
	buf_puts(out, " fault ");
	put_text(e->place, out);
	buf_puts(out, ": ");
	put_text(e->what, out);
	if (e->what.n == 5 && memcmp(e->what.p, "abort", 5) == 0)
		buf_printf(out, " with %" PRId64, e->value);
	else if (e->what.n == 5 && memcmp(e->what.p, "delay", 5) == 0) {
		buf_puts(out, " of ");
		words_duration(e->value, out);
	}
	buf_puts(out, e->dir == 0 ? " (client to server)" : " (server to client)");
}

void
trace_say_tree(const struct lineage *l, uint32_t root, uint32_t mark, struct buf *out)
{
	uint32_t *order = calloc(TRACE_SAY_CALLS_MAX, sizeof(*order));
	const uint32_t n = order == NULL ? 0 : lineage_tree(l, root, order, TRACE_SAY_CALLS_MAX);
	const fl_ns from = lineage_start(&l->calls[root]);

	for (uint32_t k = 0; k < FL_MIN(n, TRACE_SAY_CALLS_MAX); k++) {
		const struct lineage_call *c = &l->calls[order[k]];
		const int indent = (int)(2 * depth_of(l, order[k], root));

		buf_printf(out, "%s%*s", order[k] == mark ? "> " : "  ", indent, "");
		put_moment(lineage_event(c), from, out);
		buf_puts(out, "  ");
		trace_say_call(l, order[k], out);
		buf_puts(out, c->doubles > 0 ? "  (again)" : "");
		buf_puts(out, c->link == LINEAGE_NESTED ? "  (inferred: within its parent in time)\n" : "\n");
		for (uint32_t h = 0; h < FL_MIN(c->hits, HITS_MAX); h++) {
			buf_printf(out, "  %*s    ", indent, "");
			put_hit(&l->hits[c->hit + h], from, out);
			buf_putc(out, '\n');
		}
		if (c->hits > HITS_MAX)
			buf_printf(out, "  %*s    and %" PRIu32 " more by faults\n", indent, "", c->hits - HITS_MAX);
	}
	if (n > TRACE_SAY_CALLS_MAX)
		buf_printf(out, "  and %" PRIu32 " more calls\n", n - TRACE_SAY_CALLS_MAX);
	free(order);
}

/* ---- findings ---- */

static bool
bad_below(const struct lineage *l, const struct lineage_call *c)
{
	for (uint32_t i = c->child; i != LINEAGE_NONE; i = l->calls[i].sibling)
		if (lineage_bad(&l->calls[i]))
			return true;
	return false;
}

/* Names of the faults that hit a call, each once while they stand together. */
static void
put_faults(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	const struct trace_event *last = NULL;

	for (uint32_t h = 0; h < FL_MIN(c->hits, HITS_MAX); h++) {
		const struct trace_event *e = &l->hits[c->hit + h];

		if (last != NULL && last->place.n == e->place.n && memcmp(last->place.p, e->place.p, e->place.n) == 0)
			continue;
		buf_puts(out, last == NULL ? " " : ", ");
		put_text(e->place, out);
		last = e;
	}
	if (last == NULL && c->answered && c->answer.fault != 0)
		buf_printf(out, " number %" PRIu64, c->answer.fault);
}

static bool
was_hit(const struct lineage_call *c)
{
	return c->hits > 0 || (c->answered && c->answer.fault != 0);
}

static uint32_t
put_findings_of(const struct lineage *l, const struct lineage_call *c, struct buf *out)
{
	uint32_t n = 0;

	if (lineage_bad(c) && !bad_below(l, c)) {
		buf_puts(out, "it went wrong at ");
		put_flow(c, out);
		buf_puts(out, ": ");
		put_outcome(c, out);
		if (was_hit(c)) {
			buf_puts(out, "; hit there by the fault");
			put_faults(l, c, out);
		} else {
			buf_puts(out, "; no fault hit it there");
		}
		buf_putc(out, '\n');
		n++;
	} else if (!lineage_bad(c) && was_hit(c)) {
		put_flow(c, out);
		buf_puts(out, " came through though it was hit by the fault");
		put_faults(l, c, out);
		buf_putc(out, '\n');
	}
	if (!lineage_bad(c) && bad_below(l, c)) {
		put_flow(c, out);
		buf_puts(out, " was answered well though something below it was not\n");
	}
	if (c->doubles > 0) {
		put_flow(c, out);
		buf_printf(out, " is a duplicate: its parent has sent the same %" PRIu32 " time%s before\n", c->doubles, c->doubles == 1 ? "" : "s");
		n++;
	}
	if (c->answered && c->answer.attempts > 1) {
		put_flow(c, out);
		buf_printf(out, " was sent to its servers %u times: what it does may be done as often\n", c->answer.attempts);
	}
	return n;
}

uint32_t
trace_say_findings(const struct lineage *l, uint32_t root, struct buf *out)
{
	uint32_t *order = calloc(TRACE_SAY_CALLS_MAX, sizeof(*order)), found = 0;
	const uint32_t n = order == NULL ? 0 : lineage_tree(l, root, order, TRACE_SAY_CALLS_MAX);

	for (uint32_t k = 0; k < FL_MIN(n, TRACE_SAY_CALLS_MAX); k++)
		found += put_findings_of(l, &l->calls[order[k]], out);
	free(order);
	return found;
}

void
trace_say_diff(const struct lineage *a, const struct lineage *b, const struct trace_compare_diff *d, struct buf *out)
{
	char name[NAME_BYTES];
	const bool in_a = d->a != LINEAGE_NONE, in_b = d->b != LINEAGE_NONE;

	lineage_name(in_a ? a : b, in_a ? d->a : d->b, name, sizeof(name));
	put_text((struct trace_text){ .p = name, .n = (uint32_t)strlen(name) }, out);
	buf_printf(out, ": %s\n    first   ", trace_compare_say((enum trace_compare_what)d->what));
	if (in_a)
		trace_say_call(a, d->a, out);
	else
		buf_puts(out, "no such call");
	buf_puts(out, "\n    second  ");
	if (in_b)
		trace_say_call(b, d->b, out);
	else
		buf_puts(out, "no such call");
	buf_putc(out, '\n');
	for (uint32_t h = 0; in_b && h < FL_MIN(b->calls[d->b].hits, HITS_MAX); h++) {
		buf_puts(out, "            ");
		put_hit(&b->hits[b->calls[d->b].hit + h], lineage_start(&b->calls[d->root_b]), out);
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
