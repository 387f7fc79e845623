/* SPDX-License-Identifier: MIT */
/* lineage.c - see lineage.h. */
#include "audit/lineage.h"

#include "audit/lineage_gather.h"
#include "audit/lineage_hit.h"
#include "audit/lineage_link.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULE_LEAST 5u                   /* calls from which on there is a rule of what comes of them */
#define CONN_MASK (((uint64_t)1 << TRACE_LIFE_SHIFT) - 1)

/* ---- little answers ---- */

bool
lineage_bad(const struct lineage_call *c)
{
	if (c->framed)
		return c->fate != LINEAGE_WHOLE && c->fate != LINEAGE_PENDING;
	return !c->answered || c->answer.status == 0 || c->answer.status >= 500 || (c->answer.flags & (TRACE_BROKEN | TRACE_REFUSED)) != 0;
}

uint32_t
lineage_root(const struct lineage *l, uint32_t i)
{
	while (l->calls[i].parent != LINEAGE_NONE)
		i = l->calls[i].parent;
	return i;
}

const struct trace_event *
lineage_close(const struct lineage *l, const struct lineage_call *c)
{
	return lineage_gather_close(l, lineage_event(c));
}

const struct lineage_line *
lineage_line_of(const struct lineage *l, const struct lineage_call *c)
{
	const uint32_t k = lineage_link_line(l, lineage_event(c)->line);

	return k == LINEAGE_NONE ? NULL : &l->lines[k];
}

/* The service at an end of the call's line; the called one has the line's name where it has none. */
static struct trace_text
service(const struct lineage *l, const struct lineage_call *c, bool called)
{
	const struct lineage_line *line = lineage_line_of(l, c);
	const struct trace_text none = { .p = NULL }, said = line == NULL ? none : called ? line->to : line->from;

	return said.n > 0 || !called ? said : lineage_event(c)->line;
}

struct trace_text
lineage_to(const struct lineage *l, uint32_t i)
{
	const struct lineage_call *c = &l->calls[i];

	return service(l, c, !c->framed || lineage_event(c)->dir == 0);
}

struct trace_text
lineage_from(const struct lineage *l, uint32_t i)
{
	const struct lineage_call *c = &l->calls[i];
	struct trace_text t = service(l, c, c->framed && lineage_event(c)->dir == 1);

	return t.n == 0 && c->parent != LINEAGE_NONE ? lineage_to(l, c->parent) : t;
}

/* ---- finding ---- */

uint32_t
lineage_find(const struct lineage *l, struct trace_text line, uint64_t conn, uint64_t number, unsigned dir)
{
	for (uint32_t i = l->count; i-- > 0; ) {
		const struct trace_event *e = lineage_event(&l->calls[i]);

		if (e->conn == conn && e->number == number && (l->calls[i].framed ? e->dir : 0) == dir && trace_text_same(e->line, line))
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

uint32_t
lineage_find_trace(const struct lineage *l, const uint8_t trace[16])
{
	uint32_t best = LINEAGE_NONE;

	for (uint32_t i = 0; i < l->count; i++)
		if (memcmp(lineage_event(&l->calls[i])->trace, trace, 16) == 0 &&
		    (best == LINEAGE_NONE || lineage_start(&l->calls[i]) < lineage_start(&l->calls[best])))
			best = i;
	return best;
}

uint32_t
lineage_find_id(const struct lineage *l, struct trace_text id, uint32_t *ret_count)
{
	uint32_t best = LINEAGE_NONE, count = 0;
	bool wrong = false;

	for (uint32_t i = 0; i < l->count && id.n > 0; i++) {
		const struct lineage_call *c = &l->calls[i];
		const bool is_wrong = lineage_bad(c) || c->doubles > 0 || c->copies > 0;

		if (!trace_text_same(lineage_event(c)->id, id) && !(c->framed && c->answered && trace_text_same(c->answer.id, id)))
			continue;
		count++;
		if (best != LINEAGE_NONE && (wrong || !is_wrong) && (wrong != is_wrong || lineage_start(c) >= lineage_start(&l->calls[best])))
			continue;
		best = i;
		wrong = is_wrong;
	}
	*ret_count = count;
	return best;
}

/* ---- names ---- */

const char *
lineage_flow_name(const struct lineage *l, uint32_t i, char *ret, size_t n)
{
	const struct trace_event *e = lineage_event(&l->calls[i]);
	const uint64_t life = e->conn >> TRACE_LIFE_SHIFT;
	int at = snprintf(ret, n, "%.*s/", (int)e->line.n, e->line.p == NULL ? "" : e->line.p);

	if (life > 0 && at >= 0 && (size_t)at < n)
		at += snprintf(ret + at, n - (size_t)at, "%" PRIu64 ".", life + 1);
	if (at >= 0 && (size_t)at < n)
		snprintf(ret + at, n - (size_t)at, "%" PRIu64 "/%s%" PRIu64, e->conn & CONN_MASK, l->calls[i].framed && e->dir == 1 ? "s" : "",
		    e->number);
	return ret;
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
	at = strlen(lineage_flow_name(l, path[--depth], ret, n));
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

/* ---- what should be there ---- */

static bool
has_below(const struct lineage *l, const struct lineage_call *c, uint32_t line)
{
	for (uint32_t i = c->child; i != LINEAGE_NONE; i = l->calls[i].sibling)
		if (lineage_link_line(l, lineage_event(&l->calls[i])->line) == line)
			return true;
	return false;
}

/* Did it go into a result that another is the parent of? */
static bool
joined(const struct lineage *l, uint32_t i)
{
	for (uint32_t k = 0; k < l->join_count; k++)
		if (l->joins[k] == i)
			return true;
	return false;
}

uint32_t
lineage_missing(const struct lineage *l, uint32_t i, const struct lineage_flow **ret, uint32_t max)
{
	const struct lineage_call *c = &l->calls[i];
	const uint32_t line = lineage_link_line(l, lineage_event(c)->line);
	uint32_t n = 0;

	if (line == LINEAGE_NONE || (c->framed && lineage_event(c)->dir == 1))
		return 0;
	for (uint32_t f = 0; f < l->flow_count; f++) {
		const struct lineage_flow *w = &l->flows[f];

		if (w->line != line || w->calls < RULE_LEAST || w->with < w->calls - w->calls / 4 || has_below(l, c, w->below) || joined(l, i))
			continue;
		if (n < max)
			ret[n] = w;
		n++;
	}
	return n;
}

int
lineage_build(struct lineage *l, struct trace_store *s, const struct trace_query *q, struct arena *mem)
{
	uint32_t *flow;
	int rc;

	*l = (struct lineage){ .mem = mem };
	rc = lineage_gather(l, s, q, &flow);
	if (rc == 0)
		rc = lineage_link(l);
	if (rc == 0)
		rc = lineage_hit(l, s, q, flow);
	return rc;
}
