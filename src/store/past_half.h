/* SPDX-License-Identifier: MIT */
/*
 * past_half.h - halves of calls: spans whose other side did not come with them, kept by trace until it does
 *
 * What they are is their keeper's business (graph/span_left.h). How many may wait, and how long, is a setting of the store; what is over either is
 * dropped, the oldest first, and counted.
 *
 * Invariants
 *  (1) Keeping, dropping and taking back belong to the open batch: they are so if and only if the batch is.
 */
#ifndef STORE_PAST_HALF_H
#define STORE_PAST_HALF_H

#include "store/past.h"

#define PAST_HALF_MAX 100000            /* of default */
#define PAST_HALF_MAX_MOST 10000000
#define PAST_HALF_AGE (7 * 86400 * FL_SEC)
#define PAST_HALF_BYTES 20000u          /* of one */

/* Settings; negative: as they are. max 0: none are kept. Its own transaction, or the open batch's. */
int past_half_limit(struct past *p, int64_t max, fl_ns age);

struct past_half_counts {
	int64_t waiting, max;
	fl_ns age;
	uint64_t dropped;               /* since the store was made */
};
int past_half_count(struct past *p, struct past_half_counts *ret);

/* Keep one, to be found by any of these traces. 0, -EINVAL it is too large, -errno */
int past_half_keep(struct past *p, const uint64_t *traces, unsigned count, const void *body, size_t n);
/* Tell those that were kept after number `after` (0: all), without what they are, once for each trace. Returns 0, or what fn returned. */
typedef int past_half_trace_fn(void *arg, int64_t id, uint64_t trace);
int past_half_each(struct past *p, int64_t after, past_half_trace_fn *fn, void *arg);
/* Tell those of a trace. fn must not ask the store. */
typedef int past_half_fn(void *arg, int64_t id, const void *body, size_t n);
int past_half_find(struct past *p, uint64_t trace, past_half_fn *fn, void *arg);
/* It is somebody else's now. */
int past_half_drop(struct past *p, int64_t id);
/* Drop what is too old or too much. more: that were dropped before they were kept; counted as well. */
int past_half_prune(struct past *p, uint64_t more);

/*
 * past_take_back - s, of an observed line, is not so after all: its calls are no calls of this line. A line of which nothing else was seen is none
 * any more; as it was known before, it stays one. What was not told so is left alone.
 */
int past_take_back(struct past *p, const struct sight *s);

#endif
