/* SPDX-License-Identifier: MIT */
/* draw.h - the pictures of doc/policies.md and doc/tracing.md, one function each; and what they share. */
#ifndef DRAW_H
#define DRAW_H

#include "base/buf.h"
#include "plot.h"
#include "scene.h"

/* The picture is appended to out. */
void draw_adaptive(struct buf *out);
void draw_balance(struct buf *out);
void draw_breaker(struct buf *out);
void draw_bulkhead(struct buf *out);
void draw_call(struct buf *out);
void draw_deadline(struct buf *out);
void draw_fallback(struct buf *out);
void draw_hedge(struct buf *out);
void draw_limiter(struct buf *out);
void draw_outlier(struct buf *out);
void draw_retry(struct buf *out);
void draw_shedder(struct buf *out);
void draw_tracing(struct buf *out);

/* Columns of numbers over time. */
struct draw_cols {
	size_t n;
	double x[SCENE_BUCKETS_MAX], c[12][SCENE_BUCKETS_MAX];
};

static inline struct draw_cols *
draw_cols_new(const struct scene_conf *conf)
{
	struct draw_cols *c = calloc(1, sizeof(*c));
	if (c == NULL)
		abort();
	c->n = (size_t)(conf->length / conf->bucket);
	for (size_t i = 0; i < c->n; i++)
		c->x[i] = ((double)i + 0.5) * (double)conf->bucket / 1e9;
	return c;
}

static inline bool
draw_within(fl_ns t, double from, double to)
{
	return (double)t >= from * 1e9 && (double)t < to * 1e9;
}

#endif
