/* SPDX-License-Identifier: MIT */
/*
 * span_journal.h - what a receiver of spans was sent and has not settled yet, on the disk, so that a kill loses nothing that was acknowledged
 *
 * Records are appended before they are acted on, and read back in order after a crash. They stand in segments; the receiver turns to a new
 * one when its engine's halves change places, and deletes those that nothing held stands in.
 *
 * Invariants
 *  (1) A record that append() returned 0 for is on the disk, whole. A record cut off by a crash, and what is behind it, does not exist.
 *  (2) The marks of two records differ, also those of different journals.
 *  (3) One process has a journal open at a time.
 */
#ifndef STORE_SPAN_JOURNAL_H
#define STORE_SPAN_JOURNAL_H

#include "base/types.h"
#include <stdbool.h>

#define SPAN_JOURNAL_MARK 48            /* bytes of a mark as text, with its NUL */

struct span_journal_record {
	uint8_t type;                   /* the receiver's */
	int64_t now;                    /* likewise */
	const void *body;
	uint32_t n;
	char mark[SPAN_JOURNAL_MARK];   /* names this record */
};

struct span_journal;
/* Open or make the journal whose files begin with base. 0, -EBUSY another process has it, -errno. */
int span_journal_open(const char *base, struct span_journal **ret);
/* NULL is fine. done: nothing in it is needed any more. */
void span_journal_close(struct span_journal *j, bool done);

/* Returns 0 to go on. */
typedef int span_journal_fn(void *arg, const struct span_journal_record *r);
/* Every record, oldest first. Before the first append. 0, what fn returned, or -errno. */
int span_journal_replay(struct span_journal *j, span_journal_fn *fn, void *arg);

/* ret_mark: SPAN_JOURNAL_MARK bytes, may be NULL. 0, or -errno: nothing was added. */
int span_journal_append(struct span_journal *j, uint8_t type, int64_t now, const void *p, size_t n, char *ret_mark);
/* Go on in a new segment, and delete those before keep_from. 0 or -errno. */
int span_journal_turn(struct span_journal *j, uint32_t keep_from);
/* The segment being written; after span_journal_open() the oldest there is. 0: none. */
uint32_t span_journal_segment(const struct span_journal *j);
/* Bytes in the segment that is being written. */
uint64_t span_journal_bytes(const struct span_journal *j);

#endif
