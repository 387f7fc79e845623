/* SPDX-License-Identifier: MIT */
/*
 * lineage_hit.c - see lineage_hit.h.
 *
 * A fault on an HTTP message names its request. A fault on the bytes of a line with frames names a byte: the message is the one whose
 * frame it is in. A fault on the bytes of an HTTP line is known by its moment: it hit the last request that had begun.
 */
#include "audit/lineage_hit.h"

#include "audit/lineage_gather.h"
#include <errno.h>

struct hitting {
	struct lineage *l;
	const struct trace_query *q;
	const uint32_t *flow;           /* calls by line, connection, direction, number */
	uint32_t *owner;                /* of each hit */
	uint32_t room;
	bool count_only;
	uint64_t seen;
};

static const struct lineage_call *
at(const struct hitting *h, uint32_t k)
{
	return &h->l->calls[h->flow[k]];
}

/* As they stand in flow: the direction of a call is that of its request. */
static int
order(const struct lineage_call *c, const struct trace_event *e)
{
	struct trace_event x = *lineage_event(c);

	x.dir = c->framed ? x.dir : 0;
	return lineage_gather_order(&x, e);
}

/* The first call in flow that is not before the line, connection, direction and number of e. */
static uint32_t
lower(const struct hitting *h, const struct trace_event *e)
{
	uint32_t lo = 0, hi = h->l->count;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (order(at(h, mid), e) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
on_stream(const struct hitting *h, uint32_t k, const struct trace_event *key)
{
	struct trace_event x;

	if (k >= h->l->count)
		return false;
	x = *key;
	x.number = lineage_event(at(h, k))->number;
	return order(at(h, k), &x) == 0;
}

/* Of messages in [k, end) of a stream, the last that begins at or before the byte. */
static uint32_t
by_offset(const struct hitting *h, uint32_t k, uint32_t end, uint64_t offset)
{
	uint32_t lo = k, hi = end;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if ((uint64_t)at(h, mid)->request.value <= offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > k ? h->flow[lo - 1] : LINEAGE_NONE;
}

/* The last of a connection's calls that had begun; there is one. */
static uint32_t
by_moment(const struct hitting *h, uint32_t k, uint32_t end, fl_ns moment)
{
	uint32_t lo = k, hi = end;

	while (lo < hi) {
		const uint32_t mid = lo + (hi - lo) / 2;

		if (lineage_start(at(h, mid)) <= moment)
			lo = mid + 1;
		else
			hi = mid;
	}
	return h->flow[lo > k ? lo - 1 : k];
}

static uint32_t
hit_call(const struct hitting *h, const struct trace_event *e)
{
	struct trace_event key = { .line = e->line, .conn = e->conn, .number = e->number };
	uint32_t k, end;

	if (e->number != 0) {
		k = lower(h, &key);
		return k < h->l->count && order(at(h, k), &key) == 0 ? h->flow[k] : LINEAGE_NONE;
	}
	key.dir = e->dir;
	k = lower(h, &key);
	if (!on_stream(h, k, &key) || !at(h, k)->framed) {
		key.dir = 0;                    /* calls of an HTTP line */
		k = lower(h, &key);
		if (!on_stream(h, k, &key) || at(h, k)->framed)
			return LINEAGE_NONE;
	}
	key.number = UINT64_MAX;
	end = lower(h, &key);
	return at(h, k)->framed ? by_offset(h, k, end, e->bytes) : by_moment(h, k, end, e->at);
}

static bool
of_connection(const struct trace_event *e)
{
	return e->number == 0 && (trace_text_is(e->what, "applies") || trace_text_is(e->what, "connect_delay") || trace_text_is(e->what, "refuse"));
}

static bool
take_hit(void *ud, const struct trace_event *e)
{
	struct hitting *h = ud;
	uint32_t call;

	if (of_connection(e) || !trace_store_fits(h->q, e))
		return true;
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

/* Put the hits of each call together, in the order they came. */
static int
group_hits(struct lineage *l, const uint32_t *owner)
{
	struct trace_event *sorted = arena_alloc(l->mem, (size_t)l->hit_count * sizeof(*sorted) + 1);
	uint32_t next = 0;

	if (sorted == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++) {
		l->calls[i].hit = next;
		next += l->calls[i].hits;
		l->calls[i].hits = 0;
	}
	for (uint32_t k = 0; k < l->hit_count; k++) {
		struct lineage_call *c = &l->calls[owner[k]];

		sorted[c->hit + c->hits++] = l->hits[k];
	}
	l->hits = sorted;
	return 0;
}

int
lineage_hit(struct lineage *l, struct trace_store *s, const struct trace_query *q, const uint32_t *flow)
{
	const struct trace_query faults = { .kinds = 1u << TRACE_FAULT };
	struct hitting h = { .l = l, .q = q, .flow = flow, .count_only = true };

	trace_store_each(s, &faults, take_hit, &h);
	if (h.seen >= LINEAGE_NONE)
		return -ENOMEM;
	h.room = (uint32_t)h.seen;
	h.count_only = false;
	l->hits = arena_alloc(l->mem, (size_t)h.room * sizeof(*l->hits) + 1);
	h.owner = arena_alloc(l->mem, (size_t)h.room * sizeof(*h.owner) + 1);
	if (l->hits == NULL || h.owner == NULL)
		return -ENOMEM;
	trace_store_each(s, &faults, take_hit, &h);
	return group_hits(l, h.owner);
}
