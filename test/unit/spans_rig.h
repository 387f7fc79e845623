/* SPDX-License-Identifier: MIT */
/*
 * spans_rig.h - for tests of spans: reads texts of any format into an engine, and compares the lines it tells with those that are true
 *
 * A true line is "from > to protocol"; the order does not matter, a line too many and a line too few both fail.
 */
#ifndef TEST_SPANS_RIG_H
#define TEST_SPANS_RIG_H

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "graph/spans.h"
#include "proto/jaeger.h"
#include "proto/otlp_json.h"
#include "proto/otlp_pb.h"
#include "proto/zipkin.h"

#define RIG_LINES_MAX 16384

struct rig_line {
	char text[300];                 /* "from > to protocol" */
	uint64_t count, errors, latency;
	int64_t first, last;
	enum sight_kind from_kind, to_kind;
	bool through;
};

struct rig {
	struct spans *spans;
	struct rig_line lines[RIG_LINES_MAX];
	unsigned line_count;
	struct buf others;              /* other sightings, a line of text each */
	struct otlp_pb pb;
	struct otlp_json json;
	struct zipkin zipkin;
	struct jaeger jaeger;
	int fail_after;                 /* sightings until tell() fails; -1 never */
};

static inline const char *
rig_text(const char *s)
{
	return s != NULL ? s : "";
}

static inline void
rig_add_line(struct rig *r, const struct sight *s)
{
	char text[300];
	unsigned i = 0;

	snprintf(text, sizeof(text), "%s > %s %s", s->from, s->to, s->protocol != NULL && s->protocol[0] != '\0' ? s->protocol : "?");
	while (i < r->line_count && strcmp(r->lines[i].text, text) != 0)
		i++;
	if (i == r->line_count) {
		assert_true(r->line_count < RIG_LINES_MAX);
		r->lines[r->line_count++] = (struct rig_line){ .from_kind = s->from_kind, .to_kind = s->to_kind };
		memcpy(r->lines[i].text, text, sizeof(text));
	}
	struct rig_line *l = &r->lines[i];

	l->count += s->count;
	l->errors += s->errors;
	l->latency += s->latency;
	if (s->first != 0)
		l->first = l->first == 0 ? s->first : FL_MIN(l->first, s->first);
	l->last = FL_MAX(l->last, s->last);
	l->through |= s->through;
}

static int
rig_take(void *arg, const struct sight *s)
{
	struct rig *r = arg;

	if (r->fail_after == 0)
		return -EIO;
	r->fail_after -= r->fail_after > 0;
	if (s->what == SIGHT_LINE) {
		rig_add_line(r, s);
		return 0;
	}
	static const char *const whats[] = { "node", "line", "group", "fact", "instance", "alias", "rule", "cover" };

	buf_printf(&r->others, "%s %s%s%s%s%s %s %s %s\n", whats[s->what], rig_text(s->name), rig_text(s->from), s->from != NULL ? ">" : "",
	    rig_text(s->to), s->space != NULL && s->space[0] != '\0' ? s->space : "", rig_text(s->key), rig_text(s->value),
	    rig_text(s->address));
	return 0;
}

static inline struct rig *
rig_new(fl_ns hold, size_t memory, uint64_t seed)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct spans_opts o = { .memory_bytes = memory, .hold = hold, .seed = seed, .where = "test", .tell = rig_take, .arg = r };

	assert_non_null(r);
	r->fail_after = -1;
	buf_init(&r->others, 16u << 20);
	assert_int_equal(spans_new(&o, &r->spans), 0);
	return r;
}

static inline void
rig_free(struct rig *r)
{
	spans_free(r->spans);
	buf_fini(&r->others);
	free(r);
}

enum rig_format { RIG_PB, RIG_JSON, RIG_ZIPKIN, RIG_JAEGER };

static inline int
rig_parse(struct rig *r, enum rig_format f, const void *p, size_t n, const struct span_sink *sink)
{
	switch (f) {
	case RIG_PB: return otlp_pb_read(&r->pb, p, n, sink);
	case RIG_JSON: return otlp_json_read(&r->json, p, n, sink);
	case RIG_ZIPKIN: return zipkin_read(&r->zipkin, p, n, sink);
	default: return jaeger_read(&r->jaeger, p, n, sink);
	}
}

/* One batch. */
static inline int
rig_put(struct rig *r, enum rig_format f, const void *p, size_t n, fl_ns now)
{
	struct span_sink sink = { .resource = spans_resource, .span = spans_add, .arg = r->spans };

	spans_begin(r->spans, now);
	int rc = rig_parse(r, f, p, n, &sink);

	if (rc == 0)
		spans_commit(r->spans);
	else
		spans_rollback(r->spans);
	return rc;
}

static inline void
rig_text_in(struct rig *r, enum rig_format f, const char *text)
{
	assert_int_equal(rig_put(r, f, text, strlen(text), 0), 0);
}

static inline void
rig_tell(struct rig *r)
{
	assert_int_equal(spans_tell(r->spans), 0);
	spans_told(r->spans);
}

static inline void
rig_finish(struct rig *r)
{
	spans_finish(r->spans);
	rig_tell(r);
}

static inline const struct rig_line *
rig_find(const struct rig *r, const char *text)
{
	for (unsigned i = 0; i < r->line_count; i++)
		if (strcmp(r->lines[i].text, text) == 0)
			return &r->lines[i];
	return NULL;
}

/* Exactly these lines: precision and recall 1. */
static inline void
rig_expect(const struct rig *r, const char *const *truth, size_t n)
{
	bool bad = false;

	for (size_t i = 0; i < n; i++)
		if (rig_find(r, truth[i]) == NULL) {
			print_error("missing: %s\n", truth[i]);
			bad = true;
		}
	for (unsigned i = 0; i < r->line_count; i++) {
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known |= strcmp(truth[k], r->lines[i].text) == 0;
		if (!known)
			print_error("too many: %s\n", r->lines[i].text);
		bad |= !known;
	}
	assert_false(bad);
}
#define RIG_EXPECT(r, ...) \
	rig_expect((r), (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

/* Was another sighting told that begins so? */
static inline bool
rig_told(struct rig *r, const char *text)
{
	const char *all = buf_str(&r->others);
	size_t n = strlen(text);

	for (const char *p = all; p != NULL && *p != '\0'; p = strchr(p, '\n'), p += p != NULL)
		if (strncmp(p, text, n) == 0)
			return true;
	return false;
}

#endif
