/* SPDX-License-Identifier: MIT */
/*
 * jaeger.c - traces of Jaeger in JSON.
 *
 * Invariants
 *  (1) Processes are found before the spans that name them, wherever they stand; what is read of one is read when its spans come.
 *  (2) Calls are a fixed number deep: what nests is stepped over.
 */
#include "proto/jaeger.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

static struct span_text
text_of(const struct span_value *v)
{
	return (struct span_text){ v->p, v->n };
}

static bool
open_or_null(struct jpull *j, char open)
{
	if (jpull_peek(j) == 'n') {
		jpull_skip(j);
		return false;
	}
	return jpull_open(j, open);
}

/* ---- tags: {"key":k,"type":t,"value":v} ---- */

static void
tag(struct jaeger *w, struct span_attrs *attrs)
{
	struct jpull *j = &w->pull;
	struct span_text key, name = { "", 0 };
	struct span_value v;
	bool got = false;

	if (!jpull_open(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		if (JPULL_IS(key, "key") && jpull_peek(j) == '"')
			jpull_text(j, &name);
		else if (JPULL_IS(key, "value"))
			got = jpull_value(j, &v);
		else
			jpull_skip(j);
	}
	enum span_key k = got ? span_key_of(&w->keys, name.p, name.n) : SPAN_KEY_NONE;

	if (k != SPAN_KEY_NONE)
		span_set(attrs, k, v);
}

static void
tags(struct jaeger *w, struct span_attrs *attrs)
{
	if (open_or_null(&w->pull, '['))
		while (jpull_item(&w->pull))
			tag(w, attrs);
}

/* ---- processes ---- */

static void
process(struct jaeger *w)
{
	struct jpull *j = &w->pull;
	struct span_text key;
	struct span_value v;

	span_clear(&w->resource);
	if (!open_or_null(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		if (JPULL_IS(key, "tags"))
			tags(w, &w->resource);
		else if (JPULL_IS(key, "serviceName") && jpull_value(j, &v) && v.p != NULL)
			span_set(&w->resource, SPAN_KEY_SERVICE_NAME, v);
		else if (!JPULL_IS(key, "serviceName"))
			jpull_skip(j);
	}
}

static unsigned
slot_of(struct span_text key)
{
	uint32_t h = 2166136261u;

	for (uint32_t i = 0; i < key.n; i++)
		h = (h ^ (uint8_t)key.p[i]) * 16777619u;
	return h % JAEGER_SLOTS;
}

/* The process of that key, or process_count; *ret_slot: where it is, or would be. */
static unsigned
find_process(const struct jaeger *w, struct span_text key, unsigned *ret_slot)
{
	unsigned slot = slot_of(key);

	for (; w->slots[slot] != 0; slot = (slot + 1) % JAEGER_SLOTS) {
		const struct jaeger_process *p = &w->processes[w->slots[slot] - 1];

		if (p->key.n == key.n && memcmp(p->key.p, key.p, key.n) == 0)
			break;
	}
	*ret_slot = slot;
	return w->slots[slot] != 0 ? w->slots[slot] - 1u : w->process_count;
}

/* {"p1":{...},...}: note where each stands. */
static void
note_processes(struct jaeger *w)
{
	struct jpull *j = &w->pull;
	struct span_text key;
	unsigned slot;

	if (!open_or_null(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		/* A key with escapes lies in scratch, and would not stay. */
		bool stays = key.p >= j->start && key.p < j->end;

		if (stays && w->process_count < JAEGER_PROCESSES_MAX && find_process(w, key, &slot) == w->process_count) {
			w->processes[w->process_count] = (struct jaeger_process){ key, jpull_here(j) };
			w->slots[slot] = (uint16_t)++w->process_count;
		}
		jpull_skip(j);
	}
}

/* Read the process that a span names, unless the span before named it, too. */
static int
use_process(struct jaeger *w, struct span_text key, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	struct jpull_place here = jpull_here(j);
	unsigned slot, found = find_process(w, key, &slot);

	if (found == w->current && found < w->process_count)
		return 0;
	span_clear(&w->resource);
	w->current = found;
	if (found < w->process_count) {
		jpull_back(j, w->processes[found].place);
		process(w);
		jpull_back(j, here);
	}
	return j->error == NULL ? sink->resource(sink->arg, &w->resource) : 0;
}

/* ---- spans ---- */

static bool
id(struct jpull *j, uint64_t *ret_hi, uint64_t *ret_lo)
{
	struct span_value v = { .p = NULL };

	return jpull_value(j, &v) && v.p != NULL && span_hex(v.p, v.n, ret_hi, ret_lo);
}

static int64_t
micro(struct jpull *j)
{
	struct span_value v;
	int64_t us = jpull_value(j, &v) ? jpull_number(&v) : 0;

	return us > INT64_MAX / 1000 || us < 0 ? 0 : us * 1000;
}

static void
add_link(struct span *s, const struct span_link *l)
{
	if (s->link_count < SPAN_LINKS_MAX)
		s->links[s->link_count++] = *l;
	else
		s->links_lost++;
}

/* The first CHILD_OF of the span's own trace is its parent; what else it refers to is linked. */
static void
reference(struct jaeger *w)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;
	struct span_link l = { .id = 0 };
	struct span_text key;
	struct span_value v;
	bool follows = false, trace = true, span = false;

	if (!jpull_open(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		if (JPULL_IS(key, "refType"))
			follows = jpull_value(j, &v) && v.p != NULL && !JPULL_IS(text_of(&v), "CHILD_OF");
		else if (JPULL_IS(key, "traceID"))
			trace = id(j, &l.trace_hi, &l.trace_lo);
		else if (JPULL_IS(key, "spanID"))
			span = id(j, NULL, &l.id);
		else
			jpull_skip(j);          /* (2): "span" is a whole span, with references of its own */
	}
	if (!span || !trace)
		return;
	if (!follows && s->parent == 0)
		s->parent = l.id;
	else
		add_link(s, &l);
}

struct found {
	struct span_text process;
	bool has_process;
	struct jpull_place inside;      /* a process that stands in the span */
	bool has_inside;
	uint64_t parent;                /* of old senders, beside references */
	int64_t duration;
};

static void
span_field(struct jaeger *w, struct span_text key, struct found *f)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;
	struct span_value v;

	if (JPULL_IS(key, "traceID")) {
		if (!id(j, &s->trace_hi, &s->trace_lo))
			s->trace_hi = s->trace_lo = 0;
	} else if (JPULL_IS(key, "spanID")) {
		if (!id(j, NULL, &s->id))
			s->id = 0;
	} else if (JPULL_IS(key, "parentSpanID")) {
		if (!id(j, NULL, &f->parent))
			f->parent = 0;
	} else if (JPULL_IS(key, "operationName")) {
		w->recognised = true;
		if (jpull_value(j, &v) && v.p != NULL)
			s->name = text_of(&v);
	} else if (JPULL_IS(key, "references")) {
		if (open_or_null(j, '['))
			while (jpull_item(j))
				reference(w);
	} else if (JPULL_IS(key, "startTime")) {
		s->start = micro(j);
	} else if (JPULL_IS(key, "duration")) {
		f->duration = micro(j);
	} else if (JPULL_IS(key, "tags")) {
		tags(w, &s->attrs);
	} else if (JPULL_IS(key, "processID") && jpull_peek(j) == '"') {
		f->has_process = jpull_text(j, &f->process);
	} else if (JPULL_IS(key, "process") && jpull_peek(j) == '{') {
		f->inside = jpull_here(j);
		f->has_inside = true;
		jpull_skip(j);
	} else {
		jpull_skip(j);
	}
}

static void
span_begin(struct span *s)
{
	s->source = SPAN_JAEGER;
	s->trace_hi = s->trace_lo = s->id = s->parent = 0;
	s->kind = SPAN_UNSPECIFIED;
	s->error = s->remote_known = s->remote = s->shared = false;
	s->start = s->end = 0;
	s->name = s->scope = (struct span_text){ "", 0 };
	s->link_count = s->links_lost = 0;
	span_clear(&s->attrs);
}

static bool
tag_is(const struct span_attrs *a, enum span_key k, const char *word)
{
	const struct span_value *v = &a->value[k];

	return span_has(a, k) && v->p != NULL && jpull_is(text_of(v), word, strlen(word));
}

/* What stands in tags and is a field elsewhere. */
static void
put_tags(struct span *s)
{
	const struct span_attrs *a = &s->attrs;
	const struct span_value *v = &a->value[SPAN_KEY_SPAN_KIND];

	if (span_has(a, SPAN_KEY_SPAN_KIND) && v->p != NULL)
		s->kind = span_kind_of(v->p, v->n);
	v = &a->value[SPAN_KEY_ERROR];
	s->error = (span_has(a, SPAN_KEY_ERROR) && v->p == NULL && v->number != 0) || tag_is(a, SPAN_KEY_ERROR, "true") ||
	    tag_is(a, SPAN_KEY_STATUS_CODE, "ERROR");
	for (int k = 0; k < 2; k++) {
		enum span_key scope = k == 0 ? SPAN_KEY_LIBRARY_NAME : SPAN_KEY_SCOPE_NAME;

		if (span_has(a, scope) && a->value[scope].p != NULL)
			s->scope = text_of(&a->value[scope]);
	}
}

/* Hand the resource out that the span is of. */
static int
find_resource(struct jaeger *w, const struct found *f, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	struct jpull_place here = jpull_here(j);

	if (!f->has_inside)
		return use_process(w, f->has_process ? f->process : (struct span_text){ "", 0 }, sink);
	w->current = JAEGER_PROCESSES_MAX;
	jpull_back(j, f->inside);
	process(w);
	jpull_back(j, here);
	return j->error == NULL ? sink->resource(sink->arg, &w->resource) : 0;
}

static int
read_span(struct jaeger *w, const struct span_sink *sink)
{
	struct jpull *j = &w->pull;
	struct span *s = &w->span;
	struct found f = { .has_process = false };
	struct span_text key;
	int rc;

	span_begin(s);
	if (!jpull_open(j, '{'))
		return 0;
	while (jpull_key(j, &key))
		span_field(w, key, &f);
	if (j->error != NULL)
		return 0;
	if (s->id == 0 || (s->trace_hi | s->trace_lo) == 0) {
		w->counts.rejected++;
		return 0;
	}
	if (s->parent == 0)
		s->parent = f.parent;
	s->end = s->start > INT64_MAX - f.duration ? s->start : s->start + f.duration;
	put_tags(s);
	rc = find_resource(w, &f, sink);
	if (rc == 0 && j->error == NULL) {
		w->counts.spans++;
		rc = sink->span(sink->arg, s);
	}
	/* Decoded text of a process is needed as long as its spans follow each other; begin anew before there is no room. */
	if (j->scratch_used > JPULL_SCRATCH / 2) {
		w->current = JAEGER_PROCESSES_MAX;
		jpull_reset(j);
	}
	return rc;
}

/* ---- traces ---- */

/* A trace, when it has spans; a span itself, or what holds a list of traces, otherwise. */
struct shape {
	struct jpull_place spans, data;
	bool has_spans, has_data, is_span;
};

static void
look_at(struct jaeger *w, struct shape *ret)
{
	struct jpull *j = &w->pull;
	struct jpull_place here = jpull_here(j);
	struct span_text key;

	*ret = (struct shape){ .has_spans = false };
	w->process_count = 0;
	w->current = JAEGER_PROCESSES_MAX;
	memset(w->slots, 0, sizeof(w->slots));
	jpull_reset(j);
	if (!jpull_open(j, '{'))
		return;
	while (jpull_key(j, &key)) {
		if (JPULL_IS(key, "processes")) {
			note_processes(w);
			continue;
		}
		if (JPULL_IS(key, "spans") && jpull_peek(j) == '[') {
			ret->spans = jpull_here(j);
			ret->has_spans = true;
		} else if (JPULL_IS(key, "data") && jpull_peek(j) == '[') {
			ret->data = jpull_here(j);
			ret->has_data = true;
		} else if (JPULL_IS(key, "spanID")) {
			ret->is_span = true;
		}
		jpull_skip(j);
	}
	if (ret->is_span && j->error == NULL)
		jpull_back(j, here);
}

/* One value at the outside: depth 0, or inside of "data" or a list: depth 1. */
static int
read_value(struct jaeger *w, const struct span_sink *sink, int depth)
{
	struct jpull *j = &w->pull;
	struct jpull_place behind;
	struct shape shape;
	int rc = 0;

	if (jpull_peek(j) == '[' && depth == 0) {
		jpull_open(j, '[');
		while (rc == 0 && jpull_item(j))
			rc = read_value(w, sink, 1);
		return rc;
	}
	look_at(w, &shape);
	if (j->error != NULL)
		return 0;
	if (shape.is_span)
		return read_span(w, sink);
	behind = jpull_here(j);
	if (shape.has_spans) {
		w->recognised = true;
		jpull_back(j, shape.spans);
		jpull_open(j, '[');
		while (rc == 0 && jpull_item(j))
			rc = read_span(w, sink);
	} else if (shape.has_data && depth == 0) {
		jpull_back(j, shape.data);
		jpull_open(j, '[');
		while (rc == 0 && jpull_item(j))
			rc = read_value(w, sink, 1);
	}
	if (j->error == NULL)
		jpull_back(j, behind);
	return rc;
}

int
jaeger_read(struct jaeger *w, const char *p, size_t n, const struct span_sink *sink)
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
	while (rc == 0 && j->error == NULL && !jpull_end(j))
		rc = read_value(w, sink, 0);
	if (rc == 0 && j->error != NULL) {
		w->error = j->error;
		w->error_at = (size_t)(j->at - j->start);
		rc = -EINVAL;
	}
	return rc;
}
