/* SPDX-License-Identifier: MIT */
/*
 * span_halves.h - between an engine of spans and the store: halves of calls that wait for the other one
 *
 * It is what opts.left, opts.seek and opts.take_back of spans.h want. Which traces have something waiting is kept in memory, so that a batch
 * in which nobody waits for anything costs one look a trace.
 *
 *      span_halves_begin(&h);                  a batch of the store is open
 *      ... the engine works, calls seek, left, take_back
 *      span_halves_end(&h);                    before the batch is committed; then
 *      span_halves_done(&h);                   when it was
 *
 * Invariants
 *  (1) What was given to the engine is dropped from the store by the batch that keeps what the engine then told; until one is, it is tried again.
 */
#ifndef MAP_SPAN_HALVES_H
#define MAP_SPAN_HALVES_H

#include "base/buf.h"
#include "base/map.h"
#include "graph/spans.h"
#include "store/past_half.h"

/* Gives one to the engine. 0; -EINVAL: it is broken; -ENOBUFS: no more in this batch; -errno */
typedef int span_halves_take_fn(void *arg, const void *p, size_t n);

struct span_halves {
	struct past *past;
	span_halves_take_fn *take;
	void *arg;
	struct map traces;              /* 8 bytes -> not NULL */
	int64_t seen;                   /* the highest number in it */
	struct buf gone;                /* int64_t: given to the engine (1) */
	struct map gone_ids;            /* the same, to be found: 8 bytes -> not NULL */
	uint64_t lost;                  /* engine's own drops that the store was told of */
	int failed;                     /* while seeking: 0 or -errno */
	bool any;                       /* something was kept in this batch */
};

void span_halves_init(struct span_halves *h, struct past *p, span_halves_take_fn *take, void *arg);
void span_halves_fini(struct span_halves *h);
/* 0 or -errno */
int span_halves_begin(struct span_halves *h);
/* dropped: what the engine dropped so far. 0 or -errno */
int span_halves_end(struct span_halves *h, uint64_t dropped);
void span_halves_done(struct span_halves *h);

/* Callbacks of the engine; arg is the struct span_halves. */
int span_halves_left(void *arg, const uint64_t *traces, unsigned count, const void *p, size_t n);
void span_halves_seek(void *arg, uint64_t trace_lo);
int span_halves_back(void *arg, const struct sight *s);

#endif
