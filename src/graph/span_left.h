/* SPDX-License-Identifier: MIT */
/*
 * span_left.h - a span that was settled without the other side of its call, kept so that it can be taken up when that side comes
 *
 * An engine of spans.h tells them when they are settled (opts.left), as bytes somebody else keeps: what a record of the engine says, with its
 * names, and the line that it was told as alone. When a span of the same trace comes to an engine later, even another one, it is given back
 * (span_left_take()). If it pairs then, the line that it was told as is taken back (opts.take_back), so that nothing counts twice.
 *
 * Invariants
 *  (1) A reader trusts nothing: bytes that do not add up are -EINVAL, and nothing of them is taken.
 */
#ifndef GRAPH_SPAN_LEFT_H
#define GRAPH_SPAN_LEFT_H

#include "base/buf.h"
#include "graph/span_state.h"

#define SPAN_LEFT_MAX 20000u            /* bytes of one */

/* One that was settled and waits to be told. */
struct span_left {
	struct span_rec r;
	uint32_t from, to;              /* references of rows: what it was told as alone; 0, 0: nothing. r.told counts if it is set */
	uint32_t link_count;
	struct span_link links[SPAN_LEFT_LINKS];
};

int span_left_init(struct spans *s);    /* 0 or -ENOMEM */
void span_left_fini(struct spans *s);
void span_left_clear(struct spans *s);
/* It is settled. from, to: as above. */
void span_left_add(struct spans *s, const struct span_half *f, const struct span_rec *r, uint32_t from, uint32_t to);
/* What it was told as is not so: its other side came, or another span speaks for it. */
void span_left_back(struct spans *s, struct span_rec *r);
/* Ask for those of the traces of young spans, from this one on. */
void span_left_seek(struct spans *s, uint32_t from);

/* A line in words. */
struct span_left_line {
	const char *from, *from_space, *to, *to_space;
};
/* All of it as bytes, into SPAN_LEFT_MAX of them. line: what it was told as, NULL: nothing. Returns how many; 0: its names are too long. */
size_t span_left_write(const struct spans *s, const struct span_left *l, const struct span_left_line *line, char *out);
/* The line that a number in told_lines stands for. */
struct span_left_line span_left_line(const struct spans *s, uint32_t told);

#endif
