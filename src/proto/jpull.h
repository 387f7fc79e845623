/* SPDX-License-Identifier: MIT */
/*
 * jpull.h - pulls values out of JSON where it lies, fast, for the formats of traces
 *
 *      if (jpull_open(j, '{'))
 *              while (jpull_key(j, &key))
 *                      ... one of jpull_text, jpull_value, jpull_open, jpull_skip ...
 *      if (j->error != NULL) ...
 *
 * Text without escapes is lent from the request, other text is decoded into scratch; what is stepped over is checked only as far as its
 * structure goes. Nothing recurses, so depth is bounded by JPULL_DEPTH_MAX alone: a trace that nests each span in the next is read, a bomb
 * is refused.
 *
 * Invariants
 *  (1) at <= end; nothing behind end is read.
 *  (2) The first error sticks: every later call fails.
 */
#ifndef PROTO_JPULL_H
#define PROTO_JPULL_H

#include "proto/span.h"

#define JPULL_DEPTH_MAX 65536u
#define JPULL_SCRATCH 16384u    /* of decoded text between two jpull_reset(); what does not fit is cut off */

struct jpull {
	const char *start, *at, *end;
	const char *error;              /* a constant; NULL: none */
	bool fresh;                     /* nothing was read yet in the object or array we are in */
	uint32_t scratch_used;
	char scratch[JPULL_SCRATCH];
	uint64_t nested[JPULL_DEPTH_MAX / 64];  /* of jpull_skip(): is it an object? */
};

void jpull_init(struct jpull *j, const char *text, size_t n);
/* Where we are, to come back to. */
struct jpull_place {
	const char *at;
	bool fresh;
};
static inline struct jpull_place jpull_here(const struct jpull *j) { return (struct jpull_place){ j->at, j->fresh }; }
static inline void jpull_back(struct jpull *j, struct jpull_place p) { j->at = p.at; j->fresh = p.fresh; }
/* Decoded text is needed no more. */
static inline void jpull_reset(struct jpull *j) { j->scratch_used = 0; }

/* The first byte of the next value; 0 at the end or after an error. */
char jpull_peek(struct jpull *j);
/* Into an object or array; false: it is something else, which is an error. */
bool jpull_open(struct jpull *j, char open);
/* The next key of the object, or false: it ends (and was left), or an error. */
bool jpull_key(struct jpull *j, struct span_text *ret);
/* Is there another item in the array? Likewise. */
bool jpull_item(struct jpull *j);
bool jpull_text(struct jpull *j, struct span_text *ret);
/* A text, a number or a boolean; false without an error: another value, which was skipped. Numbers are cut to whole ones. */
bool jpull_value(struct jpull *j, struct span_value *ret);
void jpull_skip(struct jpull *j);
/* Is there nothing but space left? */
bool jpull_end(struct jpull *j);
bool jpull_fail(struct jpull *j, const char *error);    /* false */

/* A whole number that is a number or a text of digits; 0 when it is neither. */
int64_t jpull_number(const struct span_value *v);
static inline bool
jpull_is(struct span_text t, const char *word, size_t n)
{
	return t.n == n && __builtin_memcmp(t.p, word, n) == 0;
}
#define JPULL_IS(t, word) jpull_is((t), word, sizeof(word) - 1)

#endif
