/* SPDX-License-Identifier: MIT */
/* draw_tracing.c - the picture of doc/tracing.md: a message that leaves a line twice, one that is lost, and what comes of them. */
#include "audit/lineage.h"
#include "run/trace_svg.h"

#include <stdlib.h>
#include <string.h>

#include "draw.h"

struct telling {
	struct trace_block block;
	fl_ns now;
};

static struct trace_text
text(const char *s)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strlen(s) };
}

static void
put(struct telling *t, struct trace_event e, fl_ns after)
{
	t->now += after;
	e.at = t->now;
	if (!trace_block_put(&t->block, &e))
		abort();
}

static void
line(struct telling *t, const char *name, const char *from, const char *to)
{
	put(t, (struct trace_event){ .kind = TRACE_NOTE, .what = text(TRACE_NOTE_LINE), .line = text(name), .text = text(from),
	    .place = text(to) }, 0);
}

static void
message(struct telling *t, enum trace_kind kind, const char *name, uint64_t number, fl_ns after)
{
	put(t, (struct trace_event){ .kind = (uint8_t)kind, .line = text(name), .conn = 1, .number = number, .id = text("o-17"), .hash = 17,
	    .bytes = 63,
		.value = (int64_t)(64 * number) }, after);
}

static void
half(struct telling *t, bool answer, const char *name, uint64_t span, uint64_t parent, fl_ns after)
{
	put(t, (struct trace_event){ .kind = answer ? TRACE_ANSWER : TRACE_REQUEST, .dir = answer, .line = text(name), .conn = 3, .number = 1,
	    .span = span,
		.parent = parent, .id = text(answer ? "" : "o-17"), .status = answer ? 200 : 0, .attempts = 1,
		    .what = text(answer ? "answered" : "POST"),
		.text = text(answer ? "" : "/order") }, after);
}

static void
fault(struct telling *t, const char *name, const char *what, const char *on, uint64_t offset)
{
	put(t, (struct trace_event){ .kind = TRACE_FAULT, .line = text(on), .conn = 1, .place = text(name), .what = text(what), .fault = 1,
	    .value = 64,
		.bytes = offset }, 0);
}

static void
tell(struct telling *t)
{
	line(t, "front", "shop", "orders");
	line(t, "ledger", "orders", "billing");
	line(t, "audit", "billing", "archive");
	half(t, false, "front", 0xa, 0, 0);
	message(t, TRACE_IN, "ledger", 17, 400 * FL_US);
	fault(t, "echo", "duplicate", "ledger", 64 * 17);
	message(t, TRACE_OUT, "ledger", 17, 10 * FL_US);
	message(t, TRACE_OUT, "ledger", 18, 10 * FL_US);
	half(t, true, "front", 0xa, 0, 200 * FL_US);
	message(t, TRACE_IN, "audit", 17, 150 * FL_US);
	message(t, TRACE_OUT, "audit", 17, 10 * FL_US);
	message(t, TRACE_IN, "audit", 18, 90 * FL_US);
	fault(t, "hole", "drop", "audit", 64 * 18);
	put(t, (struct trace_event){ .kind = TRACE_NOTE, .what = text(TRACE_NOTE_CLOSE), .line = text("audit"), .conn = 1,
	    .text = text("finished") }, FL_MS);
}

void
draw_tracing(struct buf *out)
{
	const struct trace_query all = { .kinds = 0 };
	struct telling *t = calloc(1, sizeof(*t));
	uint32_t calls[32], n;
	struct trace_store s;
	struct lineage l;
	struct arena mem;
	const uint8_t *p;
	size_t bytes;

	if (t == NULL)
		abort();
	arena_init(&mem, 16u << 20);
	trace_block_init(&t->block, 1);
	t->now = 1000 * FL_SEC;
	tell(t);
	bytes = trace_block_seal(&t->block, 0, &p);
	if (trace_store_open(&s, p, bytes, &mem) != 0 || lineage_build(&l, &s, &all, &mem) != 0)
		abort();
	n = lineage_tree(&l, l.roots[0], calls, 32);
	trace_svg(&l, calls, n, lineage_find(&l, text("ledger"), 1, 17, 0), "ledger/1/17: what came of it, and why one of two results is missing",
	    out);
	arena_fini(&mem);
	free(t);
}
