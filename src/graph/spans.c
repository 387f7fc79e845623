/* SPDX-License-Identifier: MIT */
/* spans.c - from spans to the lines of the map: what spans.h promises, from the parts span_*.c. */
#include "graph/spans.h"

#include "base/assert.h"
#include "base/region.h"
#include "graph/span_left.h"
#include "graph/span_names.h"
#include "graph/span_pair.h"
#include "graph/span_state.h"
#include "graph/span_tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Valid times: 1990 to 2200. Outside, a sender's clock is broken, and the call has no time. */
#define TIME_MIN (INT64_C(631152000) * FL_SEC)
#define TIME_MAX (INT64_C(7258118400) * FL_SEC)
#define GRACE_PARTS 6           /* of the hold: SDKs send every 5 seconds, so the two sides of a call may come that far apart */
#define LATENCY_MAX (INT64_C(86400) * FL_SEC)   /* of one call; longer ones are broken clocks */

int
spans_new(const struct spans_opts *opts, struct spans **ret_spans)
{
	size_t memory = opts->memory_bytes != 0 ? opts->memory_bytes : SPANS_MEMORY;
	struct spans *s;
	int rc;

	if (memory < SPANS_MEMORY_MIN || memory > (size_t)1 << 36)
		return -EINVAL;
	s = region_reserve(sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->opts = *opts;
	s->opts.memory_bytes = memory;
	s->opts.hold = opts->hold != 0 ? opts->hold : SPANS_HOLD;
	s->graces = s->opts.hold != FL_NEVER;
	snprintf(s->where, sizeof(s->where), "%s", opts->where != NULL ? opts->where : "");
	rc = span_names_init(s, opts->seed);
	if (rc == 0)
		rc = span_held_init(&s->held, memory / 4 * 3, opts->seed);
	if (rc == 0)
		rc = span_rows_init(&s->rows, (uint32_t)(memory / 2048));
	if (rc == 0)
		rc = span_tell_init(s);
	if (rc == 0)
		rc = span_left_init(s);
	if (rc != 0) {
		spans_free(s);
		return rc;
	}
	s->changed = FL_NEVER;
	*ret_spans = s;
	return 0;
}

void
spans_free(struct spans *s)
{
	if (s == NULL)
		return;
	span_left_fini(s);
	span_tell_fini(s);
	if (s->rows.max > 0)
		span_rows_fini(&s->rows);
	if (s->held.max > 0)
		span_held_fini(&s->held);
	span_names_fini(s);
	region_release(s, sizeof(*s));
}

/* ---- a batch ---- */

void
spans_begin(struct spans *s, fl_ns now)
{
	spans_tick(s, now);
	s->mark = span_held_young(&s->held)->count;
	s->mark_links = span_held_young(&s->held)->link_count;
	s->mark_changes = s->held.changes;
	s->resource = NULL;
	s->current = 0;
}

int
spans_resource(void *spans, const struct span_attrs *resource)
{
	struct spans *s = spans;

	s->resource = resource;
	s->current = span_names_service(s, resource);
	s->current_noted = false;
	return 0;
}

static uint32_t
bits_of(const struct span *span, enum span_kind kind, enum span_protocol protocol)
{
	bool named = span_has(&span->attrs, SPAN_KEY_PEER_NAME) || span_has(&span->attrs, SPAN_KEY_PEER_SERVICE);
	unsigned bits = 0;

	bits |= span->error ? SPAN_ERROR : 0;
	bits |= span->remote_known ? (span->remote ? SPAN_REMOTE : SPAN_LOCAL) : 0;
	bits |= span->shared ? SPAN_SHARED : 0;
	if (kind == SPAN_CLIENT || kind == SPAN_PRODUCER || (kind == SPAN_UNSPECIFIED && named))
		bits |= SPAN_CLIENTISH;
	if (kind == SPAN_SERVER || kind == SPAN_CONSUMER)
		bits |= SPAN_SERVERISH;
	/* A server is called; its peer is an address, no broker. */
	if (kind != SPAN_INTERNAL && kind != SPAN_UNSPECIFIED && kind != SPAN_SERVER && protocol == SPAN_PROTO_MESSAGING)
		bits |= SPAN_MESSAGING;
	if (protocol == SPAN_PROTO_DB || protocol == SPAN_PROTO_MESSAGING)
		bits |= SPAN_TYPED;
	return bits;
}

/* What a server span says of itself and of its caller. */
static void
read_server(struct spans *s, struct span_rec *r, const struct span *span)
{
	if (span_peer_own(span, &s->scratch))
		span_names_own(s, s->current, &s->scratch);
	if (span_peer_named_caller(span, &s->scratch)) {
		r->peer = span_names_peer(s, &s->scratch);
		r->bits |= r->peer != 0 ? SPAN_CALLER : 0;
	} else if (r->parent == 0 || (r->bits & SPAN_REMOTE) != 0) {
		r->peer = span_peer_caller(span);
	}
	if (r->parent == 0 && span_peer_probe(span))
		r->bits |= SPAN_PROBE;
}

static void
read_times(struct spans *s, struct span_rec *r, const struct span *span)
{
	bool bad = span->start < TIME_MIN || span->start > TIME_MAX;
	int64_t took = bad || span->end < span->start ? -1 : span->end - span->start;

	r->start = bad ? 0 : span->start;
	if (took < 0 || took > LATENCY_MAX) {
		s->counts.bad_times++;
		took = 0;
	}
	r->latency = (uint64_t)took;
}

static void
read_links(struct spans *s, struct span_rec *r, const struct span *span)
{
	uint32_t kept = span_held_links(&s->held, r, span->links, span->link_count);
	struct span_half *f = span_held_young(&s->held);

	s->counts.links_lost += span->links_lost + (span->link_count - kept);
	/* A link to the parent says nothing new. */
	for (uint32_t i = 0; i < kept; i++)
		if (f->links[r->link_at + i].id == r->parent && f->links[r->link_at + i].trace_lo == r->trace_lo)
			f->links[r->link_at + i].id = 0;
}

static void
note_service(struct spans *s, const struct span_rec *r)
{
	struct span_service *v = &s->service[s->current - 1];

	if (!s->current_noted) {
		span_names_note(s, s->current, s->resource);
		s->current_noted = true;
	}
	v->spans++;
	v->source = r->source;
	if (r->start != 0) {
		v->first = v->first == 0 ? r->start : FL_MIN(v->first, r->start);
		v->last = FL_MAX(v->last, r->start);
	}
}

/* The young half is full: settle the old one before its time. */
static struct span_rec *
make_room(struct spans *s)
{
	uint64_t settled;

	span_pair_new(s);
	settled = span_held_old(&s->held)->count;
	span_pair_settle(s);
	if (s->opts.hold != FL_NEVER || settled > 0)
		s->counts.early += settled;
	s->changed = s->now;
	return span_held_add(&s->held);
}

int
spans_add(void *spans, const struct span *span)
{
	struct spans *s = spans;
	struct span_rec *r = span_held_add(&s->held);
	enum span_protocol protocol = span_protocol_of(span);
	enum span_kind kind = span->kind;

	fl_assert(s->resource != NULL);
	if (r == NULL)
		r = make_room(s);
	if (kind != SPAN_INTERNAL && kind != SPAN_SERVER && span_peer_noise(span))
		kind = SPAN_INTERNAL;
	r->trace_hi = span->trace_hi;
	r->trace_lo = span->trace_lo;
	r->id = span->id;
	r->parent = span->parent;
	r->service = s->current;
	r->kind = (uint8_t)kind;
	r->source = (uint8_t)(span->source & 15);
	r->protocol = (uint8_t)(protocol & 15);
	r->bits = bits_of(span, kind, protocol);
	read_times(s, r, span);
	if (span->link_count > 0)
		read_links(s, r, span);
	s->counts.spans++;
	if (s->current == 0)
		return 0;
	note_service(s, r);
	if (kind == SPAN_SERVER)
		read_server(s, r, span);
	else if ((r->bits & (SPAN_CLIENTISH | SPAN_MESSAGING)) != 0 && span_peer_read(span, s->resource, protocol, &s->scratch))
		r->peer = span_names_peer(s, &s->scratch);
	return 0;
}

void
spans_commit(struct spans *s)
{
	struct span_half *young = span_held_young(&s->held);
	uint32_t from = s->held.changes == s->mark_changes ? s->mark : 0;

	if (s->opts.seek != NULL)
		span_left_seek(s, from);
	span_pair_new(s);
	if (s->graces)
		span_pair_early(s, young, from, young->indexed, false);
	if (s->full)
		spans_finish(s);
}

void
spans_rollback(struct spans *s)
{
	struct span_half *young = span_held_young(&s->held);

	if (s->held.changes == s->mark_changes) {
		s->counts.spans -= young->count - s->mark;
		span_held_undo(&s->held, s->mark, s->mark_links);
		s->mark = span_held_young(&s->held)->count;
	}
	spans_commit(s);
}

/* ---- time ---- */

/* What had its time of grace: between two looks at least half of it passes, so a span waits for once to twice that. */
static void
look_early(struct spans *s)
{
	struct span_half *young = span_held_young(&s->held);

	if (!s->graces || s->now - s->looked < s->opts.hold / GRACE_PARTS)
		return;
	s->looked = s->now;
	if (s->look_changes == s->held.changes) {
		span_pair_early(s, young, young->waited, s->look_count, true);
		young->waited = FL_MAX(young->waited, s->look_count);
	}
	s->look_count = young->indexed;
	s->look_changes = s->held.changes;
}

void
spans_tick(struct spans *s, fl_ns now)
{
	s->now = now;
	if (s->changed == FL_NEVER)
		s->changed = s->looked = now;
	if (s->opts.hold == FL_NEVER)
		return;
	look_early(s);
	if (now - s->changed < s->opts.hold)
		return;
	span_pair_new(s);
	span_pair_settle(s);
	s->changed = now;
}

fl_ns
spans_next(const struct spans *s)
{
	const struct span_half *young = &s->held.half[s->held.young];
	bool idle = s->held.half[0].count == 0 && s->held.half[1].count == 0;
	fl_ns at;

	if (idle || s->opts.hold == FL_NEVER || s->changed == FL_NEVER)
		return FL_NEVER;
	at = s->changed + s->opts.hold;
	return young->waited < young->count ? FL_MIN(at, s->looked + s->opts.hold / GRACE_PARTS) : at;
}

void
spans_change(struct spans *s)
{
	span_pair_new(s);
	span_pair_settle(s);
	s->changed = s->now;
}

void
spans_finish(struct spans *s)
{
	span_pair_new(s);
	/* What is in both halves may belong together: the old half is settled with the young one still there. */
	span_pair_settle(s);
	span_pair_settle(s);
}

/* ---- telling ---- */

int
spans_tell(struct spans *s)
{
	return span_tell(s);
}

void
spans_told(struct spans *s)
{
	span_tell_done(s);
	s->left_count = s->back_count = 0;
	if (!s->full || s->held.half[0].count > 0 || s->held.half[1].count > 0)
		return;
	span_names_clear(s);
	span_left_clear(s);
	s->full = false;
}

static int
tell_nobody(void *arg, const struct sight *s)
{
	(void)arg, (void)s;
	return 0;
}

int
spans_discard(struct spans *s)
{
	sight_fn *tell = s->opts.tell;
	uint32_t left = s->left_count, back = s->back_count;
	int rc;

	s->opts.tell = tell_nobody;
	s->left_count = s->back_count = 0;
	rc = spans_tell(s);
	s->opts.tell = tell;
	s->left_count = left;
	s->back_count = back;
	if (rc != 0)
		return rc;
	spans_told(s);
	return 0;
}

uint64_t
spans_generation(const struct spans *s)
{
	return s->held.changes;
}

struct spans_counts
spans_count(const struct spans *s)
{
	struct spans_counts c = s->counts;

	c.held = s->held.half[0].count + s->held.half[1].count;
	c.held_max = 2 * (uint64_t)s->held.max;
	return c;
}
