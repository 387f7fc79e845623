/* SPDX-License-Identifier: MIT */
/* trace_rig.h - stores made in memory, event by event, and the trees in them. */
#ifndef TEST_TRACE_RIG_H
#define TEST_TRACE_RIG_H

#include "audit/lineage.h"
#include "audit/trace_block.h"
#include "audit/trace_store.h"

#include "unit.h"

struct rig {
	struct trace_block *block;
	uint8_t *bytes;
	size_t n, room;
	struct arena mem;
	struct trace_store store;
	struct lineage lineage;
	fl_ns now;                      /* of the events made below */
};

static inline struct trace_text
rig_text(const char *s)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strlen(s) };
}

static inline void
rig_init(struct rig *r)
{
	*r = (struct rig){ .now = 1000 * FL_SEC };
	r->block = malloc(sizeof(*r->block));
	assert_non_null(r->block);
	trace_block_init(r->block, 7);
	arena_init(&r->mem, 1u << 30);
}

static inline void
rig_fini(struct rig *r)
{
	free(r->block);
	free(r->bytes);
	arena_fini(&r->mem);
}

static inline void
rig_seal(struct rig *r)
{
	const uint8_t *p;
	size_t n = trace_block_seal(r->block, 0, &p);

	while (r->n + n > r->room) {
		r->room = r->room == 0 ? 1 << 16 : 2 * r->room;
		r->bytes = realloc(r->bytes, r->room);
		assert_non_null(r->bytes);
	}
	if (n > 0)
		memcpy(r->bytes + r->n, p, n);
	r->n += n;
}

static inline void
rig_put(struct rig *r, const struct trace_event *e)
{
	if (trace_block_put(r->block, e))
		return;
	rig_seal(r);
	assert_true(trace_block_put(r->block, e));
}

/* All events so far, as trees. */
static inline struct lineage *
rig_build(struct rig *r)
{
	const struct trace_query all = { .kinds = 0 };

	rig_seal(r);
	assert_int_equal(trace_store_open(&r->store, r->bytes, r->n, &r->mem), 0);
	assert_int_equal(lineage_build(&r->lineage, &r->store, &all, &r->mem), 0);
	return &r->lineage;
}

/* ---- events; each takes a millisecond ---- */

static inline void
rig_line(struct rig *r, const char *line, const char *from, const char *to)
{
	struct trace_event e = { .at = r->now, .kind = TRACE_NOTE, .line = rig_text(line), .what = rig_text(TRACE_NOTE_LINE),
		.text = rig_text(from), .place = rig_text(to) };

	rig_put(r, &e);
}

static inline void
rig_note(struct rig *r, const char *what, const char *line, uint64_t conn, const char *text)
{
	const bool close = strcmp(what, TRACE_NOTE_CLOSE) == 0;
	struct trace_event e = { .at = r->now += FL_MS, .kind = TRACE_NOTE, .line = rig_text(line), .conn = conn, .what = rig_text(what),
		.text = rig_text(close ? text : ""), .place = rig_text(close ? "" : text) };

	rig_put(r, &e);
}

/* A message as it came in or went out; its content is a number. */
static inline void
rig_message(struct rig *r, enum trace_kind kind, const char *line, uint64_t conn, unsigned dir, uint64_t number, const char *id, uint64_t content)
{
	struct trace_event e = { .at = r->now += FL_MS, .kind = (uint8_t)kind, .dir = (uint8_t)dir, .line = rig_text(line), .conn = conn,
		.number = number, .id = rig_text(id), .hash = content, .bytes = 10, .value = (int64_t)(10 * (number - 1)) };

	rig_put(r, &e);
}

static inline void
rig_through(struct rig *r, const char *line, uint64_t conn, uint64_t number, const char *id, uint64_t content)
{
	rig_message(r, TRACE_IN, line, conn, 0, number, id, content);
	rig_message(r, TRACE_OUT, line, conn, 0, number, id, content);
}

static inline void
rig_half(struct rig *r, enum trace_kind kind, const char *line, uint64_t conn, uint64_t number, uint64_t span, uint64_t parent, unsigned status)
{
	struct trace_event e = { .at = r->now += FL_MS, .kind = (uint8_t)kind, .dir = kind == TRACE_ANSWER, .line = rig_text(line), .conn = conn,
		.number = number, .span = span, .parent = parent, .status = status, .attempts = 1,
		.what = rig_text(kind == TRACE_ANSWER ? "answered" : "GET"), .text = rig_text(kind == TRACE_ANSWER ? "" : "/") };

	memset(e.trace, 0x11, sizeof(e.trace));
	rig_put(r, &e);
}

static inline void
rig_fault(struct rig *r, const char *name, const char *what, const char *line, uint64_t conn, unsigned dir, uint64_t number, uint64_t offset)
{
	struct trace_event e = { .at = r->now, .kind = TRACE_FAULT, .dir = (uint8_t)dir, .line = rig_text(line), .conn = conn, .number = number,
		.bytes = offset, .fault = 1, .value = 10, .place = rig_text(name), .what = rig_text(what) };

	rig_put(r, &e);
}

/* The call of a flow and number; it must be there. */
static inline struct lineage_call *
rig_call(struct rig *r, const char *line, uint64_t conn, uint64_t number, unsigned dir)
{
	uint32_t i = lineage_find(&r->lineage, rig_text(line), conn, number, dir);

	assert_int_not_equal(i, LINEAGE_NONE);
	return &r->lineage.calls[i];
}

static inline void
rig_came_of(struct rig *r, const struct lineage_call *c, const struct lineage_call *parent, enum lineage_link link)
{
	assert_int_not_equal(c->parent, LINEAGE_NONE);
	assert_ptr_equal(&r->lineage.calls[c->parent], parent);
	assert_int_equal(c->link, link);
}

#endif
