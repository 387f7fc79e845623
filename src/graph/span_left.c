/* SPDX-License-Identifier: MIT */
/*
 * span_left.c - spans that were settled without the other side of their calls.
 *
 * As bytes: a version, the numbers below one after the other as the machine has them, then texts, each behind its length in two bytes: name and
 * namespace of the service; name, system, part and host of the peer; the line it was told as: from, its namespace, to, its namespace.
 */
#include "graph/span_left.h"

#include "base/assert.h"
#include "base/region.h"
#include "graph/span_names.h"

#include <errno.h>
#include <string.h>

#define VERSION 1
#define LINES_MAX 65536u                /* that spans taken up were told as, at once */
#define LINES_BYTES ((size_t)16 << 20)
#define KEPT_BITS (SPAN_ERROR | SPAN_LOCAL | SPAN_REMOTE | SPAN_SHARED | SPAN_CLIENTISH | SPAN_SERVERISH | SPAN_MESSAGING | SPAN_TYPED | SPAN_CALLER)

enum { SERVICE, SPACE, PEER_NAME, PEER_SYSTEM, PEER_PART, PEER_HOST, FROM, FROM_SPACE, TO, TO_SPACE, TEXTS };

/* The numbers, as they are kept. */
struct head {
	uint64_t trace_hi, trace_lo, id, parent;
	int64_t start;
	uint64_t latency;
	uint32_t bits, caller;          /* caller: IPv4 address of who called a server */
	uint16_t port;
	uint8_t version, kind, source, protocol, peer_type, link_count;
	struct span_link links[SPAN_LEFT_LINKS];
};

int
span_left_init(struct spans *s)
{
	uint32_t max = s->opts.left_max;

	if (s->opts.left == NULL)
		return 0;
	fl_assert(max > 0 && max <= 1u << 24 && s->opts.take_back != NULL);
	s->left = region_reserve(max * sizeof(s->left[0]));
	s->backs = region_reserve(max * sizeof(s->backs[0]));
	if (s->left == NULL || s->backs == NULL)
		return -ENOMEM;
	return span_intern_init(&s->told_lines, LINES_MAX, LINES_BYTES, s->opts.seed);
}

void
span_left_fini(struct spans *s)
{
	if (s->opts.left == NULL)
		return;
	if (s->left != NULL)
		region_release(s->left, s->opts.left_max * sizeof(s->left[0]));
	if (s->backs != NULL)
		region_release(s->backs, s->opts.left_max * sizeof(s->backs[0]));
	if (s->told_lines.max > 0)
		span_intern_fini(&s->told_lines);
}

void
span_left_clear(struct spans *s)
{
	if (s->opts.left != NULL)
		span_intern_clear(&s->told_lines);
}

void
span_left_add(struct spans *s, const struct span_half *f, const struct span_rec *r, uint32_t from, uint32_t to)
{
	struct span_left *l;

	if (s->left_count == s->opts.left_max) {
		s->counts.left_dropped++;
		return;
	}
	l = &s->left[s->left_count++];
	*l = (struct span_left){ .r = *r, .from = from, .to = to };
	for (uint32_t i = 0; i < r->link_count && l->link_count < SPAN_LEFT_LINKS; i++)
		if (f->links[r->link_at + i].id != 0)
			l->links[l->link_count++] = f->links[r->link_at + i];
	s->counts.left++;
}

void
span_left_back(struct spans *s, struct span_rec *r)
{
	if (r->told == 0)
		return;
	if (s->back_count < s->opts.left_max)
		s->backs[s->back_count++] = (struct span_back){ .told = r->told, .source = r->source, .protocol = r->protocol,
			.error = (r->bits & SPAN_ERROR) != 0, .latency = r->latency, .at = r->start };
	r->told = 0;
	r->bits &= ~(uint32_t)SPAN_COUNTED;
}

void
span_left_seek(struct spans *s, uint32_t from)
{
	struct span_half *young = span_held_young(&s->held);
	uint32_t to = young->count;

	for (uint32_t i = from; i < to; i++) {
		const struct span_rec *r = &young->recs[i];

		if (i == from || r->trace_lo != r[-1].trace_lo)
			s->opts.seek(s->opts.left_arg, r->trace_lo);
		for (uint32_t k = 0; k < r->link_count; k++)
			if (young->links[r->link_at + k].id != 0)
				s->opts.seek(s->opts.left_arg, young->links[r->link_at + k].trace_lo);
	}
}

/* ---- as bytes ---- */

struct span_left_line
span_left_line(const struct spans *s, uint32_t told)
{
	struct span_left_line l = { .from = span_intern_text(&s->told_lines, told) };

	l.from_space = l.from + strlen(l.from) + 1;
	l.to = l.from_space + strlen(l.from_space) + 1;
	l.to_space = l.to + strlen(l.to) + 1;
	return l;
}

static void
name_peer(const struct spans *s, uint32_t peer, struct head *h, const char *texts[TEXTS])
{
	const struct span_peer_info *p = &s->peer[peer - 1];

	h->peer_type = (uint8_t)p->type;
	texts[PEER_NAME] = s->peers.bytes + p->name;
	texts[PEER_SYSTEM] = s->peers.bytes + p->system;
	texts[PEER_PART] = s->peers.bytes + p->part;
	if (p->address == 0)
		return;
	texts[PEER_HOST] = span_intern_text(&s->addresses, p->address);
	for (const char *c = span_names_port(s, p->address); *c >= '0' && *c <= '9'; c++)
		h->port = (uint16_t)(h->port * 10 + (*c - '0'));
}

size_t
span_left_write(const struct spans *s, const struct span_left *l, const struct span_left_line *line, char *out)
{
	const struct span_rec *r = &l->r;
	const char *texts[TEXTS] = { [SERVICE] = span_names_name(s, r->service), [SPACE] = span_names_space(s, r->service) };
	bool addressed = r->kind == SPAN_SERVER && (r->bits & SPAN_CALLER) == 0;
	struct head h;
	size_t n = sizeof(h);

	memset(&h, 0, sizeof(h));
	h = (struct head){ .trace_hi = r->trace_hi, .trace_lo = r->trace_lo, .id = r->id, .parent = r->parent, .start = r->start,
		.latency = r->latency, .bits = r->bits & KEPT_BITS, .version = VERSION, .kind = r->kind, .source = r->source,
		.protocol = r->protocol, .link_count = (uint8_t)l->link_count };
	memcpy(h.links, l->links, sizeof(h.links));
	if (addressed)
		h.caller = r->peer;
	else if (r->peer != 0)
		name_peer(s, r->peer, &h, texts);
	if (line != NULL) {
		texts[FROM] = line->from;
		texts[FROM_SPACE] = line->from_space;
		texts[TO] = line->to;
		texts[TO_SPACE] = line->to_space;
	}
	memcpy(out, &h, sizeof(h));
	for (unsigned i = 0; i < TEXTS; i++) {
		size_t len = texts[i] == NULL ? 0 : strlen(texts[i]);
		uint16_t small = (uint16_t)len;

		if (len > UINT16_MAX || n + sizeof(small) + len > SPAN_LEFT_MAX)
			return 0;
		memcpy(out + n, &small, sizeof(small));
		memcpy(out + n + sizeof(small), texts[i] == NULL ? "" : texts[i], len);
		n += sizeof(small) + len;
	}
	return n;
}

/* ---- taken up ---- */

/* (1) */
static bool
read_texts(const char *p, size_t n, struct span_text texts[TEXTS])
{
	size_t at = sizeof(struct head);

	for (unsigned i = 0; i < TEXTS; i++) {
		uint16_t len;

		if (n - at < sizeof(len))
			return false;
		memcpy(&len, p + at, sizeof(len));
		at += sizeof(len);
		if (n - at < len || memchr(p + at, '\0', len) != NULL)
			return false;
		texts[i] = (struct span_text){ p + at, len };
		at += len;
	}
	return at == n && texts[SERVICE].n > 0 && (texts[FROM].n > 0) == (texts[TO].n > 0);
}

static bool
read_head(const char *p, size_t n, struct head *h)
{
	bool server, addressed;

	if (n < sizeof(*h) || n > SPAN_LEFT_MAX)
		return false;
	memcpy(h, p, sizeof(*h));
	server = h->kind == SPAN_SERVER || h->kind == SPAN_CONSUMER;
	addressed = h->kind == SPAN_SERVER && (h->bits & SPAN_CALLER) == 0;
	if (h->version != VERSION || h->kind > SPAN_CONSUMER || h->source > SPAN_JAEGER || h->protocol > SPAN_PROTO_ASYNC || h->id == 0 ||
	    h->peer_type > SPAN_PEER_BROKER || h->link_count > SPAN_LEFT_LINKS || (h->bits & ~(uint32_t)KEPT_BITS) != 0)
		return false;
	/* Bits that follow from the kind, and a peer that is one. */
	if (((h->bits & SPAN_SERVERISH) != 0) != server || ((h->bits & SPAN_CLIENTISH) != 0 && (server || h->kind == SPAN_INTERNAL)))
		return false;
	if ((h->bits & SPAN_MESSAGING) != 0 && (h->kind == SPAN_SERVER || h->kind == SPAN_INTERNAL || h->kind == SPAN_UNSPECIFIED))
		return false;
	if ((h->bits & SPAN_CALLER) != 0 && (h->kind != SPAN_SERVER || h->peer_type == SPAN_PEER_NONE))
		return false;
	return !addressed || h->peer_type == SPAN_PEER_NONE;
}

static uint32_t
service_of(struct spans *s, const struct span_text *name, const struct span_text *space)
{
	struct span_attrs a;

	span_clear(&a);
	span_set_text(&a, SPAN_KEY_SERVICE_NAME, name->p, name->n);
	if (space->n > 0)
		span_set_text(&a, SPAN_KEY_SERVICE_NAMESPACE, space->p, space->n);
	return span_names_service(s, &a);
}

static uint32_t
peer_of(struct spans *s, const struct head *h, const struct span_text texts[TEXTS])
{
	struct span_peer *p = &s->scratch;

	if (texts[PEER_HOST].n >= sizeof(p->host_mem))
		return 0;
	*p = (struct span_peer){ .type = (enum span_peer_type)h->peer_type, .name = texts[PEER_NAME], .system = texts[PEER_SYSTEM],
		.part = texts[PEER_PART], .port = h->port };
	memcpy(p->host_mem, texts[PEER_HOST].p, texts[PEER_HOST].n);
	p->host = (struct span_text){ p->host_mem, texts[PEER_HOST].n };
	return span_names_peer(s, p);
}

/* The number of the line that it was told as; 0 none. */
static uint32_t
line_of(struct spans *s, const struct span_text texts[TEXTS])
{
	char key[SPAN_LEFT_MAX + TEXTS];
	size_t n = 0;

	if (texts[FROM].n == 0)
		return 0;
	for (unsigned i = FROM; i <= TO_SPACE; i++) {
		memcpy(key + n, texts[i].p, texts[i].n);
		n += texts[i].n;
		key[n++] = '\0';
	}
	return span_intern(&s->told_lines, key, n);
}

static void
note_times(struct spans *s, const struct span_rec *r)
{
	struct span_service *v = &s->service[r->service - 1];

	if (v->spans == 0)
		v->source = r->source;
	if (r->start == 0)
		return;
	v->first = v->first == 0 ? r->start : FL_MIN(v->first, r->start);
	v->last = FL_MAX(v->last, r->start);
}

int
span_left_take(struct spans *s, const void *p, size_t n)
{
	struct span_text texts[TEXTS];
	struct span_rec *r;
	struct head h;
	uint32_t service, peer = 0;

	if (!read_head(p, n, &h) || !read_texts(p, n, texts))
		return -EINVAL;
	service = service_of(s, &texts[SERVICE], &texts[SPACE]);
	if (h.peer_type != SPAN_PEER_NONE)
		peer = peer_of(s, &h, texts);
	r = service != 0 ? span_held_add(&s->held) : NULL;
	if (r == NULL) {
		s->counts.left_dropped++;
		return 0;
	}
	r->trace_hi = h.trace_hi;
	r->trace_lo = h.trace_lo;
	r->id = h.id;
	r->parent = h.parent;
	r->start = h.start;
	r->latency = h.latency;
	r->kind = h.kind;
	r->source = (uint8_t)(h.source & 15);
	r->protocol = (uint8_t)(h.protocol & 15);
	r->bits = h.bits | SPAN_LEFT;
	r->service = service;
	r->peer = h.peer_type != SPAN_PEER_NONE ? peer : h.kind == SPAN_SERVER ? h.caller : 0;
	if (peer == 0)
		r->bits &= ~(uint32_t)SPAN_CALLER;
	if (peer == 0 && h.peer_type != SPAN_PEER_NONE && h.kind == SPAN_SERVER)
		r->peer = 0;
	if (h.link_count > 0)
		span_held_links(&s->held, r, h.links, h.link_count);
	r->told = line_of(s, texts);
	if (r->told != 0)
		r->bits |= SPAN_COUNTED;
	note_times(s, r);
	s->counts.left_taken++;
	return 0;
}
