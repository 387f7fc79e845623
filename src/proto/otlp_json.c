/* SPDX-License-Identifier: MIT */
/*
 * otlp_json.c - OTLP traces in JSON.
 *
 * Invariants
 *  (1) Members may stand in any order: a resource is looked for before the spans that are of it, and a scope likewise.
 */
#include "proto/otlp_json.h"

#include <errno.h>
#include <string.h>

#define STATUS_ERROR 2

enum field {
	F_NONE, F_RESOURCE_SPANS, F_TRACE, F_RESOURCE, F_SCOPE_SPANS, F_SCOPE, F_SPANS, F_ATTRIBUTES, F_NAME, F_TRACE_ID, F_SPAN_ID,
	F_PARENT, F_KIND, F_START, F_END, F_LINKS, F_STATUS, F_FLAGS, F_KEY, F_VALUE, F_CODE, F_STRING, F_INT, F_BOOL, F_DOUBLE,
};

static const struct { const char *name; uint8_t n, field; } fields[] = {
#define FIELD(text, f) { text, sizeof(text) - 1, f }
	FIELD("key", F_KEY), FIELD("value", F_VALUE), FIELD("stringValue", F_STRING), FIELD("intValue", F_INT), FIELD("boolValue", F_BOOL),
	FIELD("traceId", F_TRACE_ID), FIELD("spanId", F_SPAN_ID), FIELD("parentSpanId", F_PARENT), FIELD("name", F_NAME),
	FIELD("kind", F_KIND), FIELD("startTimeUnixNano", F_START), FIELD("endTimeUnixNano", F_END), FIELD("attributes", F_ATTRIBUTES),
	FIELD("status", F_STATUS), FIELD("links", F_LINKS), FIELD("flags", F_FLAGS), FIELD("code", F_CODE), FIELD("spans", F_SPANS),
	FIELD("scope", F_SCOPE), FIELD("scopeSpans", F_SCOPE_SPANS), FIELD("resource", F_RESOURCE), FIELD("resourceSpans", F_RESOURCE_SPANS),
	FIELD("batches", F_RESOURCE_SPANS), FIELD("trace", F_TRACE), FIELD("instrumentationLibrarySpans", F_SCOPE_SPANS),
	FIELD("instrumentationLibrary", F_SCOPE), FIELD("doubleValue", F_DOUBLE),
#undef FIELD
};

static enum field
find_field(const char *p, size_t n)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(fields); i++)
		if (fields[i].n == n && memcmp(fields[i].name, p, n) == 0)
			return (enum field)fields[i].field;
	return F_NONE;
}

/* "trace_id" is "traceId". */
static enum field
field_of(struct span_text t)
{
	char name[40];
	size_t n = 0;

	if (memchr(t.p, '_', t.n) == NULL || t.n > sizeof(name))
		return find_field(t.p, t.n);
	for (uint32_t i = 0; i < t.n; i++) {
		bool up = t.p[i] == '_' && i + 1 < t.n;

		i += up;
		name[n++] = up && t.p[i] >= 'a' && t.p[i] <= 'z' ? (char)(t.p[i] - 32) : t.p[i];
	}
	return find_field(name, n);
}

static inline bool
next_field(struct jpull *j, enum field *ret)
{
	struct span_text key;

	if (!jpull_key(j, &key))
		return false;
	*ret = field_of(key);
	return true;
}

/* ---- values ---- */

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* Exactly `want` bytes in base64, with or without its padding. */
static bool
base64(struct span_text t, unsigned want, uint8_t *ret)
{
	uint32_t acc = 0;
	unsigned bits = 0, n = 0;

	while (t.n > 0 && t.p[t.n - 1] == '=')
		t.n--;
	if (t.n != (want * 4 + 2) / 3)
		return false;
	for (uint32_t i = 0; i < t.n; i++) {
		int d = base64_digit(t.p[i]);

		if (d < 0)
			return false;
		acc = acc << 6 | (uint32_t)d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			if (n < want)
				ret[n++] = (uint8_t)(acc >> bits);
		}
	}
	return n == want;
}

static uint64_t
big(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* Ids in hexadecimal digits, or base64; false: none of the right length. */
static bool
trace_id(struct jpull *j, uint64_t *ret_hi, uint64_t *ret_lo)
{
	struct span_value v = { .p = NULL };
	uint8_t id[16];

	if (!jpull_value(j, &v) || v.p == NULL)
		return false;
	struct span_text t = { v.p, v.n };

	if (t.n == 32)
		return span_hex(t.p, t.n, ret_hi, ret_lo);
	if (!base64(t, 16, id))
		return false;
	*ret_hi = big(id);
	*ret_lo = big(id + 8);
	return (*ret_hi | *ret_lo) != 0;
}

static bool
span_id(struct jpull *j, uint64_t *ret)
{
	struct span_value v = { .p = NULL };
	uint8_t id[8];

	if (!jpull_value(j, &v) || v.p == NULL)
		return false;
	struct span_text t = { v.p, v.n };

	if (t.n == 16)
		return span_hex(t.p, t.n, NULL, ret);
	if (!base64(t, 8, id))
		return false;
	*ret = big(id);
	return *ret != 0;
}

static int64_t
number(struct jpull *j)
{
	struct span_value v;

	return jpull_value(j, &v) ? jpull_number(&v) : 0;
}

/* {"stringValue": ...} and its like; false: a value that no rule reads. */
static bool
any_value(struct jpull *j, struct span_value *ret)
{
	enum field f;
	bool got = false;

	if (jpull_peek(j) != '{') {
		jpull_skip(j);
		return false;
	}
	jpull_open(j, '{');
	while (next_field(j, &f)) {
		struct span_value v;

		if (f != F_STRING && f != F_INT && f != F_BOOL) {
			jpull_skip(j);
			continue;
		}
		if (!jpull_value(j, &v))
			continue;
		*ret = f == F_INT ? (struct span_value){ .number = jpull_number(&v) } : v;
		got = true;
	}
	return got && j->error == NULL;
}

static void
attribute(struct otlp_json *w, struct span_attrs *attrs)
{
	struct jpull *j = &w->pull;
	enum span_key key = SPAN_KEY_NONE;
	struct span_value v = { .p = NULL };
	struct span_text t;
	bool got = false, keyed = false;
	enum field f;

	if (!jpull_open(j, '{'))
		return;
	while (next_field(j, &f)) {
		if (f == F_KEY && jpull_text(j, &t)) {
			key = span_key_of(&w->keys, t.p, t.n);
			keyed = true;
		} else if (f == F_VALUE && (!keyed || key != SPAN_KEY_NONE)) {
			got = any_value(j, &v);
		} else {
			jpull_skip(j);
		}
	}
	if (got && key != SPAN_KEY_NONE)
		span_set(attrs, key, v);
}

/* null stands for an empty list. */
static bool
open_list(struct jpull *j)
{
	if (jpull_peek(j) == 'n') {
		jpull_skip(j);
		return false;
	}
	return jpull_open(j, '[');
}

static void
attributes(struct otlp_json *w, struct span_attrs *attrs)
{
	if (open_list(&w->pull))
		while (jpull_item(&w->pull))
			attribute(w, attrs);
}

/* ---- spans ---- */

static void
link_of(struct jpull *j, struct span *s)
{
	struct span_link l = { .id = 0 };
	bool trace = false, span = false;
	enum field f;

	if (!jpull_open(j, '{'))
		return;
	while (next_field(j, &f)) {
		if (f == F_TRACE_ID)
			trace = trace_id(j, &l.trace_hi, &l.trace_lo);
		else if (f == F_SPAN_ID)
			span = span_id(j, &l.id);
		else
			jpull_skip(j);
	}
	if (!trace || !span)
		return;
	if (s->link_count < SPAN_LINKS_MAX)
		s->links[s->link_count++] = l;
	else
		s->links_lost++;
}

static bool
status_error(struct jpull *j)
{
	struct span_value v;
	bool error = false;
	enum field f;

	if (jpull_peek(j) != '{') {
		jpull_skip(j);
		return false;
	}
	jpull_open(j, '{');
	while (next_field(j, &f)) {
		if (f != F_CODE)
			jpull_skip(j);
		else if (jpull_value(j, &v))
			error = v.p != NULL ? JPULL_IS(((struct span_text){ v.p, v.n }), "STATUS_CODE_ERROR") || jpull_number(&v) == STATUS_ERROR :
			    v.number == STATUS_ERROR;
	}
	return error;
}

static enum span_kind
kind_of(struct jpull *j)
{
	struct span_value v;

	if (!jpull_value(j, &v))
		return SPAN_UNSPECIFIED;
	if (v.p != NULL && (v.n == 0 || v.p[0] > '9'))
		return span_kind_of(v.p, v.n);
	int64_t k = jpull_number(&v);

	return k >= 0 && k <= SPAN_CONSUMER ? (enum span_kind)k : SPAN_UNSPECIFIED;
}

static void
flags(struct jpull *j, struct span *s)
{
	int64_t v = number(j);

	s->remote_known = (v & 0x100) != 0;
	s->remote = (v & 0x200) != 0;
}

static void
span_field(struct otlp_json *w, enum field f)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;

	switch (f) {
	case F_TRACE_ID:
		if (!trace_id(j, &s->trace_hi, &s->trace_lo))
			s->trace_hi = s->trace_lo = 0;
		break;
	case F_SPAN_ID:
		if (!span_id(j, &s->id))
			s->id = 0;
		break;
	case F_PARENT:
		if (!span_id(j, &s->parent))
			s->parent = 0;
		break;
	case F_NAME:
		if (jpull_peek(j) == '"')
			jpull_text(j, &s->name);
		else
			jpull_skip(j);
		break;
	case F_KIND:
		s->kind = kind_of(j);
		break;
	case F_START:
		s->start = number(j);
		break;
	case F_END:
		s->end = number(j);
		break;
	case F_FLAGS:
		flags(j, s);
		break;
	case F_STATUS:
		s->error = status_error(j);
		break;
	case F_ATTRIBUTES:
		attributes(w, &s->attrs);
		break;
	case F_LINKS:
		if (open_list(j))
			while (jpull_item(j))
				link_of(j, s);
		break;
	default:
		jpull_skip(j);
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
read_span(struct otlp_json *w, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;
	uint32_t scratch = j->scratch_used;
	enum field f;
	int rc = 0;

	span_begin(s, w->scope);
	if (!jpull_open(j, '{'))
		return 0;
	while (next_field(j, &f))
		span_field(w, f);
	if (j->error != NULL)
		return 0;
	if (s->id == 0 || (s->trace_hi | s->trace_lo) == 0) {
		w->counts.rejected++;
	} else {
		w->counts.spans++;
		rc = sink->span(sink->arg, s);
	}
	j->scratch_used = scratch;
	return rc;
}

/* ---- around spans ---- */

/* Go to the value of a field of the object we are at, if it has it; else stay. true: the value comes next. */
static bool
seek(struct jpull *j, enum field wanted)
{
	struct jpull_place place = jpull_here(j);
	enum field f;

	if (!jpull_open(j, '{'))
		return false;
	while (next_field(j, &f)) {
		if (f == wanted && jpull_peek(j) == '{')
			return true;
		jpull_skip(j);
	}
	if (j->error == NULL)
		jpull_back(j, place);
	return false;
}

static void
find_scope(struct otlp_json *w)
{
	struct jpull *j = &w->pull;
	struct jpull_place place = jpull_here(j);
	enum field f;

	w->scope = (struct span_text){ "", 0 };
	if (!seek(j, F_SCOPE))
		return;
	jpull_open(j, '{');
	while (next_field(j, &f)) {
		if (f == F_NAME && jpull_peek(j) == '"')
			jpull_text(j, &w->scope);
		else
			jpull_skip(j);
	}
	if (j->error == NULL)
		jpull_back(j, place);
}

static int
scope_spans(struct otlp_json *w, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	enum field f;
	int rc = 0;

	if (jpull_peek(j) != '{')
		return jpull_open(j, '{'), 0;
	find_scope(w);
	if (!jpull_open(j, '{'))
		return 0;
	while (rc == 0 && next_field(j, &f)) {
		if (f != F_SPANS) {
			jpull_skip(j);
			continue;
		}
		if (open_list(j))
			while (rc == 0 && jpull_item(j))
				rc = read_span(w, sink);
	}
	return rc;
}

static void
find_resource(struct otlp_json *w)
{
	struct jpull *j = &w->pull;
	struct jpull_place place = jpull_here(j);
	enum field f;

	span_clear(&w->resource);
	if (!seek(j, F_RESOURCE))
		return;
	jpull_open(j, '{');
	while (next_field(j, &f)) {
		if (f == F_ATTRIBUTES)
			attributes(w, &w->resource);
		else
			jpull_skip(j);
	}
	if (j->error == NULL)
		jpull_back(j, place);
}

static int
resource_spans(struct otlp_json *w, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	enum field f;
	int rc;

	jpull_reset(j);
	if (jpull_peek(j) == '{')
		find_resource(w);
	if (!jpull_open(j, '{'))
		return 0;
	rc = sink->resource(sink->arg, &w->resource);
	while (rc == 0 && next_field(j, &f)) {
		if (f != F_SCOPE_SPANS) {
			jpull_skip(j);
			continue;
		}
		w->recognised = true;
		if (open_list(j))
			while (rc == 0 && jpull_item(j))
				rc = scope_spans(w, sink);
	}
	return rc;
}

/* A request. "trace" holds another one, once. */
static int
request(struct otlp_json *w, const struct span_sink *sink, bool outermost)
{
	struct jpull *j = &w->pull;
	enum field f;
	int rc = 0;

	if (!jpull_open(j, '{'))
		return 0;
	while (rc == 0 && next_field(j, &f)) {
		if (f == F_RESOURCE_SPANS) {
			w->recognised = true;
			if (open_list(j))
				while (rc == 0 && jpull_item(j))
					rc = resource_spans(w, sink);
		} else if (f == F_TRACE && outermost && jpull_peek(j) == '{') {
			rc = request(w, sink, false);
		} else {
			jpull_skip(j);
		}
	}
	return rc;
}

int
otlp_json_read(struct otlp_json *w, const char *p, size_t n, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	int rc = 0;

	w->error = NULL;
	w->error_at = 0;
	w->recognised = false;
	w->counts = (struct span_counts){ .spans = 0 };
	span_keys_init(&w->keys);
	jpull_init(j, p, n);
	if (jpull_end(j))
		jpull_fail(j, "expected an object");
	while (rc == 0 && j->error == NULL && !jpull_end(j)) {
		if (jpull_peek(j) != '[') {
			rc = request(w, sink, true);
			continue;
		}
		jpull_open(j, '[');
		while (rc == 0 && jpull_item(j))
			rc = request(w, sink, true);
	}
	if (rc == 0 && j->error != NULL) {
		w->error = j->error;
		w->error_at = (size_t)(j->at - j->start);
		rc = -EINVAL;
	}
	return rc;
}
