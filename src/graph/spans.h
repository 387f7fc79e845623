/* SPDX-License-Identifier: MIT */
/*
 * spans.h - from spans to the lines of the map: who called whom, with what evidence
 *
 * Spans come in any order and in batches of any size. Each is held until its relatives had time to come; what calls add up to is told as
 * sightings. doc/graph-spans.md says which span becomes what, and why.
 *
 *      spans_begin(s);                         a batch
 *      otlp_pb_read(w, body, n, &sink);        ... calls spans_resource() and spans_add()
 *      spans_commit(s) or spans_rollback(s);   when the body was broken
 *      spans_tell(s);                          tells what is known; then, when it is kept:
 *      spans_told(s);                          forgets what was told. Without it, it is told again
 *
 * Invariants
 *  (1) Memory is taken in spans_new(), within memory_bytes; what does not fit is settled early or left out, and counted.
 *  (2) What is told does not depend on order or batching, as long as spans that belong together come within the hold and fit the memory.
 *  (3) A span that comes twice within the hold counts once.
 *  (4) No node is told that no span named.
 *
 * One thread at a time. Pure: the time is an argument, the same clock in every call.
 */
#ifndef GRAPH_SPANS_H
#define GRAPH_SPANS_H

#include "graph/sight.h"
#include "proto/span.h"

#define SPANS_MEMORY_MIN ((size_t)4 << 20)
#define SPANS_MEMORY ((size_t)128 << 20)
#define SPANS_HOLD (30 * FL_SEC)

/* One that is to be kept: the traces that it waits for, and all of it as bytes. Returns 0 or -errno. */
typedef int spans_left_fn(void *arg, const uint64_t *traces, unsigned count, const void *p, size_t n);
typedef void spans_seek_fn(void *arg, uint64_t trace_lo);

struct spans_opts {
	size_t memory_bytes;    /* 0: SPANS_MEMORY */
	fl_ns hold;             /* at least so long a span is held, at most twice that; 0: SPANS_HOLD; FL_NEVER: until spans_finish() */
	uint64_t seed;          /* of hashes: random where spans come from outside; changes nothing that is told */
	const char *where;      /* of sightings: a file, an address. Copied */
	sight_fn *tell;
	void *arg;
	/*
	 * Spans whose other side did not come (span_left.h); all may be NULL. left: keep this one; seek: spans of this trace came: give what was
	 * kept of it to span_left_take(); take_back: a line that was told of one call before is not so.
	 */
	spans_left_fn *left;
	spans_seek_fn *seek;
	sight_fn *take_back;
	void *left_arg;
	uint32_t left_max;      /* to be told at once */
	bool left_again_only;   /* keep those alone that were kept before */
};

struct spans_counts {
	uint64_t spans;                 /* taken */
	uint64_t duplicates;            /* the same span again */
	uint64_t early;                 /* settled before their hold was over, because memory was full */
	uint64_t orphans;               /* servers whose caller is in another process and sent no span */
	uint64_t self;                  /* calls of a service to itself: no line */
	uint64_t probes;                /* health checks and scrapes: no users */
	uint64_t nameless;              /* calls of somebody who cannot be named, and spans of senders without a name */
	uint64_t links_lost;            /* links to spans that did not come, or that there was no room for */
	uint64_t names_dropped, lines_dropped;  /* no room for another name, another line */
	uint64_t bad_times;             /* started before 1990 or after 2200, or ended before they started */
	uint64_t left;                  /* settled without their other side, and to be kept */
	uint64_t left_dropped;          /* of those: there was no room */
	uint64_t left_taken;            /* that were kept, and taken up again */
	uint64_t left_paired;           /* of those: their other side was there */
	uint64_t held;                  /* now */
	uint64_t held_max;              /* that fit */
};

struct spans;

int spans_new(const struct spans_opts *opts, struct spans **ret_spans);        /* 0, -EINVAL memory_bytes too small, -ENOMEM */
void spans_free(struct spans *s);       /* NULL is fine */

/* A batch begins. */
void spans_begin(struct spans *s, fl_ns now);
/* To be given to a parser: the resource of the spans that follow, valid until the next; a span. Always 0. */
int spans_resource(void *spans, const struct span_attrs *resource);
int spans_add(void *spans, const struct span *span);
/* The batch is whole: find who belongs to whom. */
void spans_commit(struct spans *s);
/* The batch was refused: forget its spans (but those that memory made settle already). */
void spans_rollback(struct spans *s);

/* Settle what was held long enough. */
void spans_tick(struct spans *s, fl_ns now);
fl_ns spans_next(const struct spans *s);
/* Settle what is held longest now, and let what came since take its place: when there is no room for more. */
void spans_change(struct spans *s);
/* Settle all: there is no more to come. */
void spans_finish(struct spans *s);

/* Tell what calls added up to since spans_told(). 0, or what tell() returned. */
int spans_tell(struct spans *s);
void spans_told(struct spans *s);

/* Take up what was kept; from seek() alone. 0, or -EINVAL: it is broken. */
int span_left_take(struct spans *s, const void *p, size_t n);

/* As if all were told and kept: after a crash, for what the store has already. 0, or -errno. */
int spans_discard(struct spans *s);

/* How many times the halves changed places: what was committed when it was N is settled for good when it is N + 2. */
uint64_t spans_generation(const struct spans *s);
struct spans_counts spans_count(const struct spans *s);

#endif
