/* SPDX-License-Identifier: MIT */
/*
 * otlp_pb.c - OTLP traces in protobuf.
 *
 * Fields read, by number:
 *   Request resource_spans=1 | ResourceSpans resource=1 scope_spans=2 (1000: instrumentation_library_spans before 2022, same shape)
 *   Resource attributes=1 | ScopeSpans scope=1 spans=2 | Scope name=1
 *   Span trace_id=1 span_id=2 parent_span_id=4 name=5 kind=6 start=7 end=8 attributes=9 links=13 status=15 flags=16
 *   Link trace_id=1 span_id=2 | Status code=3 | KeyValue key=1 value=2 | AnyValue string=1 bool=2 int=3 double=4
 *
 * Invariants
 *  (1) at <= end in every piece; nothing outside the request is read.
 *  (2) The depth of calls is fixed: one function for each kind of message.
 */
#include "proto/otlp_pb.h"

#include <errno.h>
#include <string.h>

enum wire { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };

#define FLAG_HAS_REMOTE 0x100u
#define FLAG_REMOTE 0x200u
#define STATUS_ERROR 2u

/* A message or a part of one. */
struct piece {
	const uint8_t *at, *end;
};

struct field {
	uint32_t number;
	enum wire wire;
	uint64_t value;         /* WIRE_VARINT, WIRE_64, WIRE_32 */
	struct piece bytes;     /* WIRE_BYTES */
};

struct walk {
	struct otlp_pb *w;
	const uint8_t *start;
	const struct span_sink *sink;
};

static int
fail(const struct walk *k, const uint8_t *at, const char *error)
{
	k->w->error = error;
	k->w->error_at = (size_t)(at - k->start);
	return -EINVAL;
}

static inline bool
varint(struct piece *p, uint64_t *ret)
{
	uint64_t v = 0;

	if (p->at < p->end && p->at[0] < 0x80) {
		*ret = *p->at++;
		return true;
	}
	for (unsigned shift = 0; shift < 64 && p->at < p->end; shift += 7) {
		uint8_t c = *p->at++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*ret = v;
			return true;
		}
	}
	return false;
}

static inline uint64_t
fixed(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* Ids are bytes in the order in which they are written as hexadecimal digits. */
static inline uint64_t
big(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static inline bool
take_fixed(struct piece *p, unsigned n, uint64_t *ret)
{
	if ((size_t)(p->end - p->at) < n)
		return false;
	*ret = fixed(p->at, n);
	p->at += n;
	return true;
}

/* The next field of a message that is not at its end. false: broken. */
static inline bool
next(struct piece *p, struct field *f)
{
	uint64_t tag, n;

	if (!varint(p, &tag) || tag >> 3 == 0 || tag >> 32 != 0)
		return false;
	f->number = (uint32_t)(tag >> 3);
	f->wire = (enum wire)(tag & 7);
	switch (f->wire) {
	case WIRE_BYTES:
		if (!varint(p, &n) || n > (uint64_t)(p->end - p->at))
			return false;
		f->bytes = (struct piece){ p->at, p->at + n };
		p->at += n;
		return true;
	case WIRE_VARINT:
		return varint(p, &f->value);
	case WIRE_64:
		return take_fixed(p, 8, &f->value);
	case WIRE_32:
		return take_fixed(p, 4, &f->value);
	default:
		return false;           /* groups: no sender of OTLP has them */
	}
}

static const char broken[] = "not a protobuf message";

static inline struct span_text
text_of(struct piece p)
{
	return (struct span_text){ (const char *)p.at, (uint32_t)(p.end - p.at) };
}

/* A value that is text or a whole number; false: something else, which no rule reads. */
static bool
any_value(struct piece p, struct span_value *ret, bool *ret_broken)
{
	struct field f;
	bool got = false;

	while (p.at < p.end) {
		if (!next(&p, &f)) {
			*ret_broken = true;
			return false;
		}
		if (f.number == 1 && f.wire == WIRE_BYTES)
			*ret = (struct span_value){ .p = (const char *)f.bytes.at, .n = (uint32_t)(f.bytes.end - f.bytes.at) };
		else if ((f.number == 2 || f.number == 3) && f.wire == WIRE_VARINT)
			*ret = (struct span_value){ .number = (int64_t)f.value };
		else
			continue;
		got = true;
	}
	return got;
}

static int
attribute(const struct walk *k, struct piece p, struct span_attrs *attrs)
{
	enum span_key key = SPAN_KEY_NONE;
	struct piece value = { p.end, p.end };
	const uint8_t *start = p.at;
	struct span_value v;
	struct field f;
	bool bad = false;

	while (p.at < p.end) {
		if (!next(&p, &f))
			return fail(k, start, broken);
		if (f.wire != WIRE_BYTES)
			continue;
		if (f.number == 1)
			key = span_key_of(&k->w->keys, (const char *)f.bytes.at, (size_t)(f.bytes.end - f.bytes.at));
		else if (f.number == 2)
			value = f.bytes;
	}
	if (key == SPAN_KEY_NONE)
		return 0;
	if (any_value(value, &v, &bad))
		span_set(attrs, key, v);
	return bad ? fail(k, start, broken) : 0;
}

static void
link_of(struct piece p, struct span *s, bool *ret_broken)
{
	struct span_link l = { .id = 0 };
	struct field f;

	while (p.at < p.end) {
		if (!next(&p, &f)) {
			*ret_broken = true;
			return;
		}
		if (f.wire != WIRE_BYTES)
			continue;
		if (f.number == 1 && f.bytes.end - f.bytes.at == 16) {
			l.trace_hi = big(f.bytes.at);
			l.trace_lo = big(f.bytes.at + 8);
		} else if (f.number == 2 && f.bytes.end - f.bytes.at == 8) {
			l.id = big(f.bytes.at);
		}
	}
	if (l.id == 0 || (l.trace_hi | l.trace_lo) == 0)
		return;
	if (s->link_count < SPAN_LINKS_MAX)
		s->links[s->link_count++] = l;
	else
		s->links_lost++;
}

static void
status(struct piece p, struct span *s, bool *ret_broken)
{
	struct field f;

	while (p.at < p.end) {
		if (!next(&p, &f)) {
			*ret_broken = true;
			return;
		}
		if (f.number == 3 && f.wire == WIRE_VARINT)
			s->error = f.value == STATUS_ERROR;
	}
}

/* Fields that are numbers. */
static void
span_number(struct span *s, const struct field *f)
{
	switch (f->number) {
	case 6:
		s->kind = f->value <= SPAN_CONSUMER ? (enum span_kind)f->value : SPAN_UNSPECIFIED;
		break;
	case 7:
		s->start = (int64_t)f->value;
		break;
	case 8:
		s->end = (int64_t)f->value;
		break;
	case 16:
		s->remote_known = (f->value & FLAG_HAS_REMOTE) != 0;
		s->remote = (f->value & FLAG_REMOTE) != 0;
		break;
	default:
		break;
	}
}

/* Ids of the wrong length count as none. */
static void
span_bytes(struct span *s, const struct field *f, bool *ret_broken)
{
	size_t n = (size_t)(f->bytes.end - f->bytes.at);

	switch (f->number) {
	case 1:
		s->trace_hi = n == 16 ? big(f->bytes.at) : 0;
		s->trace_lo = n == 16 ? big(f->bytes.at + 8) : 0;
		break;
	case 2:
		s->id = n == 8 ? big(f->bytes.at) : 0;
		break;
	case 4:
		s->parent = n == 8 ? big(f->bytes.at) : 0;
		break;
	case 5:
		s->name = text_of(f->bytes);
		break;
	case 13:
		link_of(f->bytes, s, ret_broken);
		break;
	case 15:
		status(f->bytes, s, ret_broken);
		break;
	default:
		break;
	}
}

static void
span_begin(struct span *s, struct span_text scope)
{
	s->source = SPAN_OTLP;
	s->trace_hi = s->trace_lo = s->id = s->parent = 0;
	s->kind = SPAN_UNSPECIFIED;
	s->error = s->remote_known = s->remote = s->shared = false;
	s->start = s->end = 0;
	s->name = (struct span_text){ "", 0 };
	s->scope = scope;
	s->link_count = s->links_lost = 0;
	span_clear(&s->attrs);
}

static int
read_span(const struct walk *k, struct piece p, struct span_text scope)
{
	struct span *s = &k->w->span;
	const uint8_t *start = p.at;
	struct field f;
	bool bad = false;
	int rc = 0;

	span_begin(s, scope);
	while (p.at < p.end && rc == 0) {
		if (!next(&p, &f) || bad)
			return fail(k, start, broken);
		if (f.number == 9 && f.wire == WIRE_BYTES)
			rc = attribute(k, f.bytes, &s->attrs);
		else if (f.wire == WIRE_BYTES)
			span_bytes(s, &f, &bad);
		else
			span_number(s, &f);
	}
	if (rc != 0)
		return rc;
	if (bad)
		return fail(k, start, broken);
	if (s->id == 0 || (s->trace_hi | s->trace_lo) == 0) {
		k->w->counts.rejected++;
		return 0;
	}
	k->w->counts.spans++;
	return k->sink->span(k->sink->arg, s);
}

/* The name of a scope, which may stand behind the spans that are of it. */
static int
find_scope(const struct walk *k, struct piece p, struct span_text *ret)
{
	struct field f, g;

	while (p.at < p.end) {
		if (!next(&p, &f))
			return fail(k, p.at, broken);
		if (f.number != 1 || f.wire != WIRE_BYTES)
			continue;
		for (struct piece q = f.bytes; q.at < q.end;) {
			if (!next(&q, &g))
				return fail(k, q.at, broken);
			if (g.number == 1 && g.wire == WIRE_BYTES)
				*ret = text_of(g.bytes);
		}
	}
	return 0;
}

static int
scope_spans(const struct walk *k, struct piece p)
{
	struct span_text scope = { "", 0 };
	struct field f;
	int rc = find_scope(k, p, &scope);

	while (rc == 0 && p.at < p.end) {
		if (!next(&p, &f))
			return fail(k, p.at, broken);
		if (f.number == 2 && f.wire == WIRE_BYTES)
			rc = read_span(k, f.bytes, scope);
	}
	return rc;
}

/* Likewise the resource: found first, whatever the order. */
static int
find_resource(const struct walk *k, struct piece p)
{
	struct field f, g;
	int rc = 0;

	span_clear(&k->w->resource);
	while (p.at < p.end) {
		if (!next(&p, &f))
			return fail(k, p.at, broken);
		if (f.number != 1 || f.wire != WIRE_BYTES)
			continue;
		for (struct piece q = f.bytes; q.at < q.end && rc == 0;) {
			if (!next(&q, &g))
				return fail(k, q.at, broken);
			if (g.number == 1 && g.wire == WIRE_BYTES)
				rc = attribute(k, g.bytes, &k->w->resource);
		}
		if (rc != 0)
			return rc;
	}
	return k->sink->resource(k->sink->arg, &k->w->resource);
}

static int
resource_spans(const struct walk *k, struct piece p)
{
	struct field f;
	int rc = find_resource(k, p);

	while (rc == 0 && p.at < p.end) {
		if (!next(&p, &f))
			return fail(k, p.at, broken);
		if ((f.number == 2 || f.number == 1000) && f.wire == WIRE_BYTES)
			rc = scope_spans(k, f.bytes);
	}
	return rc;
}

int
otlp_pb_read(struct otlp_pb *w, const void *p, size_t n, const struct span_sink *sink)
{
	struct walk k = { .w = w, .start = p, .sink = sink };
	struct piece all = { k.start, k.start + n };
	struct field f;
	int rc = 0;

	w->error = NULL;
	w->error_at = 0;
	w->counts = (struct span_counts){ .spans = 0 };
	span_keys_init(&w->keys);
	if (n > UINT32_MAX)
		return fail(&k, k.start, "larger than 4 GB");
	while (rc == 0 && all.at < all.end) {
		if (!next(&all, &f))
			return fail(&k, all.at, broken);
		if (f.number != 1)
			continue;
		if (f.wire != WIRE_BYTES)
			return fail(&k, all.at, "expected resource spans");
		rc = resource_spans(&k, f.bytes);
	}
	return rc;
}
