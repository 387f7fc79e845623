/* SPDX-License-Identifier: MIT */
/* zipkin.c - spans of Zipkin v2 in JSON. */
#include "proto/zipkin.h"

#include <errno.h>
#include <string.h>

struct endpoint {
	struct span_value name, ip;
	int64_t port;
};

static struct span_text
text_of(const struct span_value *v)
{
	return (struct span_text){ v->p, v->n };
}

static void
endpoint(struct jpull *j, struct endpoint *ret)
{
	struct span_text key;
	struct span_value v;

	if (jpull_peek(j) == 'n') {
		jpull_skip(j);
		return;
	}
	if (!jpull_open(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		if (!jpull_value(j, &v))
			continue;
		if (JPULL_IS(key, "serviceName") && v.p != NULL)
			ret->name = v;
		else if ((JPULL_IS(key, "ipv4") || (JPULL_IS(key, "ipv6") && ret->ip.p == NULL)) && v.p != NULL && v.n > 0)
			ret->ip = v;
		else if (JPULL_IS(key, "port"))
			ret->port = jpull_number(&v);
	}
}

static bool
is_error(const struct span_value *v)
{
	return v->p == NULL ? v->number != 0 : !JPULL_IS(text_of(v), "false");
}

static void
tags(struct zipkin *w)
{
	struct jpull *j = &w->pull;
	struct span_text key;
	struct span_value v;

	if (jpull_peek(j) == 'n') {
		jpull_skip(j);
		return;
	}
	if (!jpull_open(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		enum span_key k = span_key_of(&w->keys, key.p, key.n);

		if (k == SPAN_KEY_NONE)
			jpull_skip(j);
		else if (jpull_value(j, &v))
			span_set(&w->span.attrs, k, v);
	}
}

/* Hexadecimal digits; 0 when it is none. */
static bool
id(struct jpull *j, uint64_t *ret_hi, uint64_t *ret_lo)
{
	struct span_value v = { .p = NULL };

	return jpull_value(j, &v) && v.p != NULL && span_hex(v.p, v.n, ret_hi, ret_lo);
}

static int64_t
number(struct jpull *j)
{
	struct span_value v;

	return jpull_value(j, &v) ? jpull_number(&v) : 0;
}

static int64_t
micro(int64_t us)
{
	return us > INT64_MAX / 1000 || us < 0 ? 0 : us * 1000;
}

struct found {
	struct endpoint local, remote;
	int64_t duration;
};

static void
span_field(struct zipkin *w, struct span_text key, struct found *f)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;
	struct span_value v;

	if (JPULL_IS(key, "traceId")) {
		if (!id(j, &s->trace_hi, &s->trace_lo))
			s->trace_hi = s->trace_lo = 0;
	} else if (JPULL_IS(key, "id")) {
		if (!id(j, NULL, &s->id))
			s->id = 0;
	} else if (JPULL_IS(key, "parentId")) {
		if (!id(j, NULL, &s->parent))
			s->parent = 0;
	} else if (JPULL_IS(key, "kind")) {
		s->kind = jpull_value(j, &v) && v.p != NULL ? span_kind_of(v.p, v.n) : SPAN_UNSPECIFIED;
	} else if (JPULL_IS(key, "name")) {
		if (jpull_value(j, &v) && v.p != NULL)
			s->name = text_of(&v);
	} else if (JPULL_IS(key, "timestamp")) {
		s->start = micro(number(j));
	} else if (JPULL_IS(key, "duration")) {
		f->duration = micro(number(j));
	} else if (JPULL_IS(key, "localEndpoint")) {
		w->recognised = true;
		endpoint(j, &f->local);
	} else if (JPULL_IS(key, "remoteEndpoint")) {
		endpoint(j, &f->remote);
	} else if (JPULL_IS(key, "shared")) {
		s->shared = jpull_value(j, &v) && v.number != 0;
	} else if (JPULL_IS(key, "tags")) {
		tags(w);
	} else {
		jpull_skip(j);
	}
}

/* What the endpoints say, as attributes. A server's remote endpoint is its caller. */
static void
put_endpoints(struct zipkin *w, const struct found *f)
{
	struct span *s = &w->span;
	bool server = s->kind == SPAN_SERVER;

	span_clear(&w->resource);
	if (f->local.name.p != NULL && f->local.name.n > 0)
		span_set(&w->resource, SPAN_KEY_SERVICE_NAME, f->local.name);
	if (f->remote.name.p != NULL && f->remote.name.n > 0)
		span_set(&s->attrs, SPAN_KEY_PEER_SERVICE, f->remote.name);
	if (f->remote.ip.p != NULL)
		span_set(&s->attrs, server ? SPAN_KEY_CLIENT_ADDRESS : SPAN_KEY_NETWORK_PEER_ADDRESS, f->remote.ip);
	if (f->remote.port > 0 && !server)
		span_set(&s->attrs, SPAN_KEY_NETWORK_PEER_PORT, (struct span_value){ .number = f->remote.port });
	if (span_has(&s->attrs, SPAN_KEY_ERROR))
		s->error = is_error(&s->attrs.value[SPAN_KEY_ERROR]);
	else if (span_has(&s->attrs, SPAN_KEY_STATUS_CODE) && s->attrs.value[SPAN_KEY_STATUS_CODE].p != NULL)
		s->error = JPULL_IS(text_of(&s->attrs.value[SPAN_KEY_STATUS_CODE]), "ERROR");
	if (span_has(&s->attrs, SPAN_KEY_SCOPE_NAME) && s->attrs.value[SPAN_KEY_SCOPE_NAME].p != NULL)
		s->scope = text_of(&s->attrs.value[SPAN_KEY_SCOPE_NAME]);
}

static void
span_begin(struct span *s)
{
	s->source = SPAN_ZIPKIN;
	s->trace_hi = s->trace_lo = s->id = s->parent = 0;
	s->kind = SPAN_UNSPECIFIED;
	s->error = s->remote_known = s->remote = s->shared = false;
	s->start = s->end = 0;
	s->name = s->scope = (struct span_text){ "", 0 };
	s->link_count = s->links_lost = 0;
	span_clear(&s->attrs);
}

static int
read_span(struct zipkin *w, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	struct found f = { .duration = 0 };
	struct span_text key;
	int rc;

	jpull_reset(j);
	span_begin(&w->span);
	if (!jpull_open(j, '{'))
		return 0;
	while (jpull_key(j, &key))
		span_field(w, key, &f);
	if (j->error != NULL)
		return 0;
	if (w->span.id == 0 || (w->span.trace_hi | w->span.trace_lo) == 0) {
		w->counts.rejected++;
		return 0;
	}
	w->span.end = w->span.start > INT64_MAX - f.duration ? w->span.start : w->span.start + f.duration;
	put_endpoints(w, &f);
	w->counts.spans++;
	rc = sink->resource(sink->arg, &w->resource);
	return rc == 0 ? sink->span(sink->arg, &w->span) : rc;
}

/* A span, or a list of spans, or a list of lists of them. */
static int
read_list(struct zipkin *w, const struct span_sink *sink, int depth)
{
	struct jpull *j = &w->pull;
	int rc = 0;

	if (jpull_peek(j) != '[' || depth == 2)
		return read_span(w, sink);
	jpull_open(j, '[');
	while (rc == 0 && jpull_item(j))
		rc = read_list(w, sink, depth + 1);
	return rc;
}

int
zipkin_read(struct zipkin *w, const char *p, size_t n, const struct span_sink *sink)
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
		jpull_fail(j, "expected a list of spans");
	while (rc == 0 && j->error == NULL && !jpull_end(j))
		rc = read_list(w, sink, 0);
	if (rc == 0 && j->error != NULL) {
		w->error = j->error;
		w->error_at = (size_t)(j->at - j->start);
		rc = -EINVAL;
	}
	return rc;
}
