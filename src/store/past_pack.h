/* SPDX-License-Identifier: MIT */
/*
 * past_pack.h - a day's episodes of many claims in few bytes: what rested long enough is kept so
 *
 * Times are minutes of the day: the first is rounded down, the last up. Counts are kept for the day and claim, to an eighth. The
 * exact totals stand with the claim. About 2.5 bytes an episode, if there are ten a day.
 *
 * Format: one byte of version; claims as a 32 bit number; two Rice parameters; bytes of the heads as a 32 bit number; then two streams of
 * bits, the heads (one a claim: distance of its number to the one before, how many episodes, the first minute of the first, minutes to the
 * end of the last, count, errors) and the gaps: lengths and pauses in turn, the last length left out, since the head implies it.
 *
 * Invariants
 *  (1) Episodes of a claim neither overlap nor touch; 0 <= first < last <= PAST_DAY_MINUTES, or first == last == of an instant.
 *  (2) A reader trusts nothing: what does not add up ends the reading with -EBADMSG.
 */
#ifndef STORE_PAST_PACK_H
#define STORE_PAST_PACK_H

#include "base/buf.h"
#include <stdbool.h>

#define PAST_DAY_MINUTES 1440u

struct past_piece {
	int64_t claim;
	uint32_t first, last;           /* minutes of the day */
	uint64_t count, errors;
};

/*
 * past_pack - append the packed form of n pieces, ordered by (claim, first); those that touch are joined.
 * returns 0; -EINVAL: not in order, or not minutes of a day; -ENOBUFS
 */
int past_pack(const struct past_piece *pieces, size_t n, struct buf *out);

/* What a head says: all of a claim's day. */
struct past_day {
	int64_t claim;
	uint32_t first, last, pieces;
	uint64_t count, errors;
};

/*
 * past_unpack - tell what is packed, in order.
 * head      for each claim; returns whether its pieces are wanted as well
 * piece     may be NULL; count and errors of a piece are 0
 * returns   0 or -EBADMSG. Cost: heads alone, unless a piece is wanted; then all pieces before it are passed over as well.
 */
typedef bool past_head_fn(void *arg, const struct past_day *d);
typedef void past_piece_fn(void *arg, int64_t claim, uint32_t first, uint32_t last);
int past_unpack(const void *p, size_t n, past_head_fn *head, past_piece_fn *piece, void *arg);

#endif
