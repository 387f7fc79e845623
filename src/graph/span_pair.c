/* SPDX-License-Identifier: MIT */
/*
 * span_pair.c - finds who called whom among the spans that are held.
 *
 * A span is *related* when its caller is found: that makes a line between two services, once. What remains when a span is settled says
 * the rest: a client that nobody answered names its peer, a server that nobody called has a user.
 *
 * Invariants
 *  (1) A relation is counted when SPAN_RELATED is set, and never again.
 *  (2) Walks go up at most STEPS_MAX spans: a circle of parents, which only a broken sender makes, ends them.
 */
#include "graph/span_pair.h"

#include "base/assert.h"
#include "graph/span_left.h"
#include "graph/span_names.h"

#define STEPS_MAX 64u
#define WARM_INDEX 24u          /* records ahead */
#define WARM_RECORD 12u

static void
add_call(struct spans *s, const struct span_call *c)
{
	if (!span_rows_add(&s->rows, c))
		s->counts.lines_dropped++;
}

static bool
is_messaging(const struct span_rec *r)
{
	return (r->bits & SPAN_MESSAGING) != 0 || r->kind == SPAN_PRODUCER || r->kind == SPAN_CONSUMER;
}

/* ---- relating ---- */

/* The span above r whose sender has a name. *ret_missing: one on the way did not come yet. */
static struct span_rec *
caller_of(struct spans *s, struct span_rec *r, bool *ret_missing)
{
	struct span_rec *p = span_held_parent(&s->held, r);

	for (unsigned i = 0; i < STEPS_MAX && p != NULL && p->service == 0 && p->parent != 0; i++)
		p = span_held_parent(&s->held, p);
	*ret_missing = p == NULL;
	return p != NULL && p->service != 0 ? p : NULL;
}

/* A message went from p to r. */
static bool
is_async(const struct span_rec *p, const struct span_rec *r)
{
	return p->kind == SPAN_PRODUCER || r->kind == SPAN_CONSUMER || ((p->bits & r->bits) & SPAN_MESSAGING) != 0;
}

static void
count_pair(struct spans *s, const struct span_rec *p, const struct span_rec *r)
{
	bool client = (p->bits & SPAN_CLIENTISH) != 0, server = (r->bits & SPAN_SERVERISH) != 0;
	struct span_call c = { .from = p->service, .to = r->service, .source = r->source, .error = ((p->bits | r->bits) & SPAN_ERROR) != 0 };

	/* The server's span came after the time of grace: the line of the address folds into this one. */
	c.again = client && (p->bits & (SPAN_COUNTED | SPAN_MESSAGING)) == SPAN_COUNTED;
	c.seen = client && server ? SPAN_SEEN_BOTH : client ? SPAN_SEEN_CLIENT : SPAN_SEEN_SERVER;
	c.protocol = p->protocol != SPAN_PROTO_UNKNOWN && client ? p->protocol : r->protocol;
	c.latency = client ? p->latency : r->latency;
	c.at = client && p->start != 0 ? p->start : r->start;
	if (is_async(p, r)) {
		/* How long the message lay about is no latency of a call. */
		c.protocol = SPAN_PROTO_ASYNC;
		c.latency = 0;
	} else if (c.protocol == SPAN_PROTO_MESSAGING) {
		c.protocol = SPAN_PROTO_UNKNOWN;
	}
	add_call(s, &c);
}

/* r was called from p, or is part of what p does. */
static void
relate_to(struct spans *s, struct span_rec *p, struct span_rec *r)
{
	r->bits |= SPAN_RELATED;                                          /* (1) */
	if (p->service == r->service && ((p->bits & SPAN_CLIENTISH) == 0 || (r->bits & SPAN_SERVERISH) == 0))
		return;
	p->bits |= SPAN_PAIRED;
	s->counts.left_paired += ((p->bits | r->bits) & SPAN_LEFT) != 0;
	if ((p->bits & SPAN_MESSAGING) == 0)
		span_left_back(s, p);
	if ((r->bits & SPAN_MESSAGING) == 0)
		span_left_back(s, r);
	if (p->service == r->service)
		s->counts.self++;
	else
		count_pair(s, p, r);
	/* Who answered is who lives at the address that was called; what a broker passed on says nothing of the broker. */
	if (p->peer != 0 && (p->bits & SPAN_CLIENTISH) != 0 && !is_messaging(p) && !is_messaging(r))
		span_names_paired(s, p->peer, r->service);
}

/* final: what did not come by now does not come. */
static void
relate(struct spans *s, struct span_rec *r, bool final)
{
	struct span_rec *p = NULL;
	bool missing = false;

	if ((r->bits & (SPAN_RELATED | SPAN_DEAD)) != 0)
		return;
	if (r->service == 0 || ((r->bits & SPAN_LOCAL) != 0 && (r->bits & SPAN_SERVERISH) == 0)) {
		r->bits |= SPAN_RELATED;
		return;
	}
	if ((r->bits & SPAN_SERVERISH) != 0 && (r->bits & (SPAN_SHARED | SPAN_TWIN)) != 0) {
		p = span_held_twin(&s->held, r);
		if (p != NULL && p->service == 0)
			p = NULL;
		if (p == NULL && !final)
			return;
	}
	if (p == NULL && r->parent != 0)
		p = caller_of(s, r, &missing);
	if (p != NULL)
		relate_to(s, p, r);
	else if (r->parent == 0 || !missing)
		r->bits |= r->parent == 0 && (r->bits & SPAN_SERVERISH) != 0 ? 0 : SPAN_RELATED;
}

/* Does a link from r to p say that p's message was worked on in r? */
static bool
link_counts(const struct span_rec *p, const struct span_rec *r)
{
	return p->service != 0 && r->service != 0 && p->service != r->service &&
	    (r->source == SPAN_JAEGER || is_messaging(r) || is_messaging(p));
}

static void
relate_links(struct spans *s, struct span_half *f, const struct span_rec *r, bool final)
{
	for (uint32_t i = 0; i < r->link_count; i++) {
		struct span_link *l = &f->links[r->link_at + i];
		struct span_rec *p = l->id != 0 ? span_held_linked(&s->held, l) : NULL;

		if (p != NULL && link_counts(p, r))
			add_call(s, &(struct span_call){ .from = p->service, .to = r->service, .source = r->source, .at = r->start,
			    .protocol = SPAN_PROTO_ASYNC, .seen = SPAN_SEEN_BOTH, .error = ((p->bits | r->bits) & SPAN_ERROR) != 0 });
		if (p == NULL && l->id != 0 && final)
			s->counts.links_lost++;
		if (p != NULL || (final && s->opts.left == NULL))
			l->id = 0;
	}
}

static void
relate_from(struct spans *s, struct span_half *f, uint32_t from, bool final)
{
	for (uint32_t i = from; i < f->indexed; i++) {
		struct span_rec *r = &f->recs[i];

		if (i + WARM_INDEX < f->indexed)
			span_held_warm_index(&s->held, r + WARM_INDEX);
		if (i + WARM_RECORD < f->indexed)
			span_held_warm_record(&s->held, r + WARM_RECORD);
		relate(s, r, final);
		if (r->link_count > 0 && (r->bits & SPAN_DEAD) == 0)
			relate_links(s, f, r, final);
	}
}

void
span_pair_new(struct spans *s)
{
	struct span_half *f = span_held_young(&s->held);

	s->counts.duplicates += span_held_index(&s->held);
	relate_from(s, f, f->related, false);
	f->related = f->indexed;
}

/* ---- settling ---- */

/* The client span that r stands in, within its service; NULL: none, or it is not here. */
static struct span_rec *
client_above(struct spans *s, const struct span_rec *r)
{
	struct span_rec *p = r->parent != 0 ? span_held_parent(&s->held, r) : NULL;

	for (unsigned i = 0; i < STEPS_MAX && p != NULL; i++) {            /* (2) */
		if ((p->service != r->service && p->service != 0) || (p->bits & SPAN_SERVERISH) != 0)
			return NULL;
		if ((p->bits & SPAN_CLIENTISH) != 0)
			return p;
		p = p->parent != 0 ? span_held_parent(&s->held, p) : NULL;
	}
	return NULL;
}

static bool
has_address(const struct spans *s, const struct span_rec *r)
{
	return r->peer != 0 && s->peer[r->peer - 1].address != 0;
}

/* Two client spans of one call: a library above another. One of them speaks for both. */
static void
nest(struct spans *s, struct span_rec *outer, struct span_rec *r)
{
	bool outer_says_more = (outer->bits & SPAN_TYPED) != 0 && outer->peer != 0 && (has_address(s, outer) || (r->bits & SPAN_TYPED) == 0);

	struct span_rec *covered = (r->bits & SPAN_PAIRED) == 0 && (r->peer == 0 || outer_says_more) ? r : outer;

	covered->bits |= SPAN_COVERED;
	span_left_back(s, covered);
}

/* What is between the two is needed to find the one from the other. */
static void
note_between(struct spans *s, const struct span_rec *r, const struct span_rec *above)
{
	struct span_rec *p = s->opts.left != NULL ? span_held_parent(&s->held, r) : NULL;

	for (unsigned i = 0; i < STEPS_MAX && p != NULL && p != above; i++) {
		p->bits |= SPAN_BETWEEN;
		p = span_held_parent(&s->held, p);
	}
}

/* First what is between a client and a server, then clients in clients: the second reads what the first found. */
static void
look_inside(struct spans *s, struct span_half *f, uint32_t from, uint32_t to, bool clients)
{
	for (uint32_t i = from; i < to; i++) {
		struct span_rec *r = &f->recs[i], *above;
		bool is_client = (r->bits & SPAN_CLIENTISH) != 0;

		if ((r->bits & (SPAN_DEAD | SPAN_NESTED | SPAN_SERVERISH)) != 0 || is_client != clients || r->parent == 0 ||
		    (!is_client && (r->bits & SPAN_PAIRED) == 0))
			continue;
		if ((above = client_above(s, r)) == NULL)
			continue;
		r->bits |= SPAN_NESTED;
		note_between(s, r, above);
		if (is_client)
			nest(s, above, r);
		else
			above->bits |= SPAN_PAIRED;
	}
}

/* Who called a server, from its own word: a reference, 0 or SPAN_AMBIGUOUS. */
static uint32_t
named_caller(const struct spans *s, const struct span_rec *r)
{
	bool named = (r->bits & SPAN_CALLER) != 0;
	uint32_t pod = r->peer != 0 && !named ? span_intern_find(&s->pods, &r->peer, sizeof(r->peer)) : 0;

	return named ? SPAN_REF_PEER | r->peer : pod != 0 ? s->pod_service[pod - 1] : 0;
}

/* A server whose caller sent no span. */
static void
settle_server(struct spans *s, const struct span_rec *r)
{
	uint32_t from = named_caller(s, r);
	struct span_call c = { .from = from, .to = r->service, .protocol = r->protocol, .source = r->source, .seen = SPAN_SEEN_SERVER,
		.error = (r->bits & SPAN_ERROR) != 0, .latency = r->latency, .at = r->start };

	if (r->kind != SPAN_SERVER || from == r->service)
		return;
	if ((r->bits & SPAN_PROBE) != 0) {
		s->counts.probes++;
	} else if (from != 0 && from != SPAN_AMBIGUOUS) {
		add_call(s, &c);
	} else if (r->parent != 0) {
		s->counts.orphans++;
	} else if (from == 0) {
		c.from = SPAN_REF_USER;
		add_call(s, &c);
	}
}

/* A client that no server answered, and whoever talks to a broker. */
static void
settle_client(struct spans *s, const struct span_rec *r)
{
	bool messaging = (r->bits & SPAN_MESSAGING) != 0;

	if ((r->bits & SPAN_COVERED) != 0 || (!messaging && (r->bits & SPAN_PAIRED) != 0))
		return;
	if (r->peer == 0) {
		s->counts.nameless++;
		return;
	}
	add_call(s, &(struct span_call){ .from = r->service, .to = SPAN_REF_PEER | r->peer, .protocol = r->protocol, .source = r->source,
	    .seen = SPAN_SEEN_CLIENT, .error = (r->bits & SPAN_ERROR) != 0, .latency = r->latency, .at = r->start });
}

static void
settle_one(struct spans *s, const struct span_rec *r)
{
	if ((r->bits & (SPAN_DEAD | SPAN_COUNTED)) != 0)
		return;
	if (r->service == 0) {
		s->counts.nameless++;
		return;
	}
	if ((r->bits & (SPAN_SERVERISH | SPAN_RELATED)) == SPAN_SERVERISH)
		settle_server(s, r);
	if ((r->bits & (SPAN_CLIENTISH | SPAN_MESSAGING)) != 0)
		settle_client(s, r);
}

/* Is it half of a call, or may be? A database sends no spans, and whom several ask is asked again. */
static bool
is_half(const struct span_half *f, const struct span_rec *r)
{
	bool client = (r->bits & SPAN_CLIENTISH) != 0, server = (r->bits & SPAN_SERVERISH) != 0;

	if (r->service == 0 || (r->bits & (SPAN_DEAD | SPAN_PROBE)) != 0)
		return false;
	for (uint32_t i = 0; i < r->link_count; i++)
		if (f->links[r->link_at + i].id != 0)
			return true;
	if ((r->bits & SPAN_BETWEEN) != 0 || (r->parent != 0 && server && (r->bits & SPAN_RELATED) == 0))
		return true;
	if (r->kind == SPAN_UNSPECIFIED && !client)
		return (r->bits & SPAN_PAIRED) == 0;
	return client && r->protocol != SPAN_PROTO_DB && (r->kind == SPAN_PRODUCER || (r->bits & SPAN_PAIRED) == 0);
}

/* What it was told as alone, as settle_one() does. */
static void
leave(struct spans *s, const struct span_half *f, const struct span_rec *r)
{
	bool messaging = (r->bits & SPAN_MESSAGING) != 0, client = (r->bits & (SPAN_CLIENTISH | SPAN_MESSAGING)) != 0;
	uint32_t from = 0, to = 0;

	if (r->told == 0 && client && r->peer != 0 && (r->bits & SPAN_COVERED) == 0 && (messaging || (r->bits & SPAN_PAIRED) == 0)) {
		from = r->service;
		to = SPAN_REF_PEER | r->peer;
	} else if (r->told == 0 && !client && r->kind == SPAN_SERVER && (r->bits & SPAN_RELATED) == 0 && (from = named_caller(s, r)) != 0) {
		to = r->service;
		if (from == to || from == SPAN_AMBIGUOUS)
			from = to = 0;
	}
	span_left_add(s, f, r, from, to);
}

/* Is what it says alone as good as certain? waited: or likely. */
static bool
is_early(const struct spans *s, const struct span_rec *r, bool waited)
{
	bool root = r->kind == SPAN_SERVER && r->parent == 0 && (r->bits & (SPAN_SHARED | SPAN_TWIN | SPAN_CALLER)) == 0 &&
	    span_intern_find(&s->pods, &r->peer, sizeof(r->peer)) == 0;

	if (r->service == 0 || (r->bits & (SPAN_DEAD | SPAN_COUNTED | SPAN_COVERED)) != 0)
		return false;
	if ((r->bits & SPAN_SERVERISH) != 0 && (r->bits & SPAN_MESSAGING) == 0)
		return root || (waited && r->kind == SPAN_SERVER && r->parent == 0);
	if ((r->bits & (SPAN_CLIENTISH | SPAN_MESSAGING)) == 0 || r->peer == 0)
		return false;
	return has_address(s, r) && (waited || (r->bits & SPAN_TYPED) != 0);
}

void
span_pair_early(struct spans *s, struct span_half *f, uint32_t from, uint32_t to, bool waited)
{
	fl_assert(to <= f->indexed);
	look_inside(s, f, from, to, false);
	look_inside(s, f, from, to, true);
	for (uint32_t i = from; i < to; i++) {
		struct span_rec *r = &f->recs[i];

		if (!is_early(s, r, waited) || ((r->bits & SPAN_PAIRED) != 0 && (r->bits & SPAN_MESSAGING) == 0))
			continue;
		settle_one(s, r);
		r->bits |= SPAN_COUNTED;
	}
}

void
span_pair_settle(struct spans *s)
{
	struct span_half *old = span_held_old(&s->held), *young = span_held_young(&s->held);

	fl_assert(young->related == young->count);
	if (old->count > 0) {
		relate_from(s, young, 0, false);
		relate_from(s, old, 0, true);
		for (int clients = 0; clients < 2; clients++) {
			look_inside(s, old, 0, old->indexed, clients != 0);
			look_inside(s, young, 0, young->indexed, clients != 0);
		}
		for (uint32_t i = 0; i < old->indexed; i++)
			settle_one(s, &old->recs[i]);
		for (uint32_t i = 0; i < old->indexed && s->opts.left != NULL; i++)
			if ((!s->opts.left_again_only || (old->recs[i].bits & SPAN_LEFT) != 0) && is_half(old, &old->recs[i]))
				leave(s, old, &old->recs[i]);
	}
	span_held_change(&s->held);
}
