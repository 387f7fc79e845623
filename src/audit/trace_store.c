/* SPDX-License-Identifier: MIT */
/* trace_store.c - see trace_store.h. */
#include "audit/trace_store.h"

#include <errno.h>
#include <string.h>

/* The next place at or behind at where a block may begin; n: none. */
static size_t
next_magic(const uint8_t *p, size_t n, size_t at)
{
	const uint8_t *found = at < n ? memmem(p + at, n - at, TRACE_MAGIC, 8) : NULL;

	return found != NULL ? (size_t)(found - p) : n;
}

struct scan {
	struct trace_store *s;
	const uint8_t *p;
	size_t n, at, budget;
	uint32_t room;
};

static int
take(struct scan *c, const struct trace_block_view *v)
{
	struct trace_store *s = c->s;
	const struct trace_block_view *last = s->count > 0 ? &s->blocks[s->count - 1] : NULL;

	if (s->count == c->room) {
		uint32_t room = c->room == 0 ? 64 : 2 * c->room;
		struct trace_block_view *more = arena_alloc(s->mem, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		if (s->count > 0)
			memcpy(more, s->blocks, s->count * sizeof(*more));
		s->blocks = more;
		c->room = room;
		last = s->count > 0 ? &s->blocks[s->count - 1] : NULL;
	}
	s->files += last == NULL || last->file != v->file;
	if (last != NULL && last->file == v->file && v->number > last->number)
		s->missing += v->number - last->number - 1;
	if (v->events > 0) {
		s->time_min = s->events == 0 ? v->time_min : FL_MIN(s->time_min, v->time_min);
		s->time_max = s->events == 0 ? v->time_max : FL_MAX(s->time_max, v->time_max);
	}
	s->events += v->events;
	s->lost += v->lost;
	s->blocks[s->count++] = *v;
	return 0;
}

/* What stands at c->at is no whole block: find the next that is. It is torn when there is none, else damaged. */
static void
skip(struct scan *c)
{
	const size_t from = c->at;
	struct trace_block_view v;
	size_t at = next_magic(c->p, c->n, from + 1);

	while (at < c->n && c->budget > 0) {
		if (trace_block_view(c->p + at, c->n - at, &v) == 0)
			break;
		c->budget -= FL_MIN(c->budget, TRACE_BLOCK_BYTES);
		at = next_magic(c->p, c->n, at + 1);
	}
	if (c->budget == 0)
		at = c->n;
	c->at = at;
	if (at < c->n) {
		c->s->damaged_bytes += at - from;
		return;
	}
	c->s->torn_at = from;
	c->s->torn_bytes = c->n - from;
}

int
trace_store_open(struct trace_store *s, const void *p, size_t n, struct arena *mem)
{
	struct scan c = { .s = s, .p = p, .n = n, .budget = TRACE_STORE_SEARCH * n + TRACE_BLOCK_BYTES };
	struct trace_block_view v;
	int rc;

	memset(s, 0, sizeof(*s));
	s->mem = mem;
	while (c.at < n) {
		if (trace_block_view(c.p + c.at, n - c.at, &v) != 0) {
			skip(&c);
			continue;
		}
		rc = take(&c, &v);
		if (rc != 0)
			return rc;
		c.at += v.bytes;
	}
	return s->count == 0 ? -EBADMSG : 0;
}

bool
trace_store_fits(const struct trace_query *q, const struct trace_event *e)
{
	return (q->kinds == 0 || (q->kinds >> e->kind & 1) != 0) && (!q->has_trace || memcmp(q->trace, e->trace, 16) == 0) &&
	       (q->span == 0 || q->span == e->span) && (q->line.n == 0 || trace_text_same(q->line, e->line)) &&
	       (q->place.n == 0 || trace_text_same(q->place, e->place)) && (q->id.n == 0 || trace_text_same(q->id, e->id)) &&
	       (!q->has_conn || q->conn == e->conn) &&
	       (!q->has_number || q->number == e->number) && e->at >= q->from && (q->to == 0 || e->at < q->to);
}

static bool
may_have(const struct trace_block_view *v, const struct trace_query *q)
{
	static const uint8_t none[16];

	if (v->events == 0 || v->time_max < q->from || (q->to != 0 && v->time_min >= q->to))
		return false;
	return (!q->has_trace || memcmp(q->trace, none, 16) == 0 || trace_block_may(v, trace_key_trace(q->trace))) &&
	       (q->span == 0 || trace_block_may(v, trace_key_span(q->span))) &&
	       (q->line.n == 0 || trace_block_may(v, q->has_conn ? trace_key_conn(q->line, q->conn) : trace_key_name(q->line))) &&
	       (q->place.n == 0 || trace_block_may(v, trace_key_name(q->place))) && (q->id.n == 0 || trace_block_may(v, trace_key_id(q->id)));
}

uint32_t
trace_store_each(struct trace_store *s, const struct trace_query *q, trace_store_fn *fn, void *ud)
{
	struct trace_event e;
	uint32_t blocks = 0;

	for (uint32_t i = 0; i < s->count; i++) {
		if (!may_have(&s->blocks[i], q))
			continue;
		blocks++;
		trace_cursor_init(&s->cursor, &s->blocks[i]);
		while (trace_cursor_next(&s->cursor, &e) == 1)
			if (trace_store_fits(q, &e) && !fn(ud, &e))
				return blocks;
	}
	return blocks;
}
