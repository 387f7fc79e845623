/* SPDX-License-Identifier: MIT */
/*
 * fuzz_left.c - any bytes as spans that were kept and are taken up again: nothing crashes, what is broken is refused whole, what is taken pairs with
 * the spans that come, and what is left over is told as bytes that are taken once more.
 */
#include "base/assert.h"
#include "graph/spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 3
#define KEPT_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct rig {
	struct spans *spans;
	const uint8_t *data;
	size_t size;
	char *kept[KEPT_MAX];
	size_t kept_bytes[KEPT_MAX];
	unsigned kept_count, take_from, take_to;
	bool given;
};

static int
check_sight(void *arg, const struct sight *s)
{
	(void)arg;
	fl_assert(s->source != NULL && s->source[0] != '\0');
	if (s->what == SIGHT_LINE)
		fl_assert(s->from != NULL && s->from[0] != '\0' && s->to != NULL && s->to[0] != '\0' && strlen(s->from) < 65536);
	return 0;
}

static int
keep(void *arg, const uint64_t *traces, unsigned count, const void *p, size_t n)
{
	struct rig *r = arg;

	fl_assert(count > 0 && traces != NULL && n > 0);
	if (r->kept_count == KEPT_MAX)
		return 0;
	r->kept[r->kept_count] = malloc(n);
	memcpy(r->kept[r->kept_count], p, n);
	r->kept_bytes[r->kept_count++] = n;
	return 0;
}

/* The input is pieces, each behind its length in two bytes; later what was told of them. */
static void
give(void *arg, uint64_t trace)
{
	struct rig *r = arg;

	(void)trace;
	if (r->given)
		return;
	r->given = true;
	for (size_t at = 0; at + 2 <= r->size && r->take_to == 0;) {
		size_t n = (size_t)r->data[at] | (size_t)r->data[at + 1] << 8;
		char *copy;

		at += 2;
		n = FL_MIN(n, r->size - at);
		copy = malloc(n + (n == 0));
		memcpy(copy, r->data + at, n);
		(void)span_left_take(r->spans, copy, n);
		free(copy);
		at += n;
	}
	/* What was told is never broken. */
	for (unsigned i = r->take_from; i < r->take_to; i++)
		fl_assert(span_left_take(r->spans, r->kept[i], r->kept_bytes[i]) == 0);
}

static void
add_span(struct rig *r, uint64_t id, uint64_t parent, enum span_kind kind, const char *service)
{
	struct span_attrs resource;
	static struct span span;

	span_clear(&resource);
	span_set_text(&resource, SPAN_KEY_SERVICE_NAME, service, strlen(service));
	memset(&span, 0, sizeof(span));
	span.trace_lo = 1;
	span.id = id;
	span.parent = parent;
	span.kind = kind;
	span.start = INT64_C(1790000000) * FL_SEC;
	span.end = span.start + FL_MS;
	spans_resource(r->spans, &resource);
	spans_add(r->spans, &span);
}

static void
round_of(struct rig *r)
{
	struct spans_opts o = { .memory_bytes = SPANS_MEMORY_MIN, .hold = FL_NEVER, .seed = 1, .tell = check_sight, .left = keep, .seek = give,
		.take_back = check_sight, .left_arg = r, .left_max = 256 };

	fl_assert(spans_new(&o, &r->spans) == 0);
	r->given = false;
	spans_begin(r->spans, 1);
	add_span(r, 2, 1, SPAN_SERVER, "a");
	add_span(r, 1, 0, SPAN_CLIENT, "b");
	add_span(r, 4, 3, SPAN_SERVER, "c");
	spans_commit(r->spans);
	spans_finish(r->spans);
	fl_assert(spans_tell(r->spans) == 0);
	spans_told(r->spans);
	spans_free(r->spans);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rig r = { .data = data, .size = size };

	for (int i = 0; i < ROUNDS; i++) {
		unsigned before = r.kept_count;

		round_of(&r);
		r.take_from = before;
		r.take_to = r.kept_count;
		if (r.take_to == r.take_from)
			break;
	}
	for (unsigned i = 0; i < r.kept_count; i++)
		free(r.kept[i]);
	return 0;
}
