/* SPDX-License-Identifier: MIT */
/*
 * past.h - the map's store: what every source said, of when, and since when we know it
 *
 * Sightings come in batches; a batch is one transaction. past_commit() returns when it is on the disk: only then may a source be told that
 * its batch was taken. What is kept is a log of *claims*: a source says a thing, first and last of when, how often, since when
 * we know. What was declared holds until it is withdrawn; what was observed has *episodes*, times without a pause longer than `gap`.
 *
 * Two axes of time: *valid*, of when it was so, and *recorded*, of when we learned it. Nothing that was recorded is forgotten by later
 * sightings: a map as it was known at some time can always be asked for (episodes older than two days: to the day).
 *
 * Invariants
 *  (1) Evidence of different sources is never merged. Aliases and addresses are folded when reading (past_read.h), so that an alias learned later
 *      joins what was told before, and one withdrawn parts it again.
 *  (2) The same bytes count once (past_once()). The order of batches does not change what is read.
 *  (3) A failed batch leaves nothing behind, whatever failed: a full disk, a kill, a bad record.
 *  (4) Several processes may write; each waits for the other at most `busy`.
 *
 * One thread uses a struct past.
 */
#ifndef STORE_PAST_H
#define STORE_PAST_H

#include "base/types.h"
#include "graph/sight.h"

#include <stdbool.h>

struct past;

#define PAST_GAP_DEFAULT (3600 * FL_SEC)

struct past_opts {
	const char *path;
	bool read_only;                 /* must exist then */
	fl_ns gap;                      /* 0: as the store has it, else PAST_GAP_DEFAULT */
	fl_ns busy;                     /* 0: 20 s */
};
/*
 * past_open - open the store at path, or make it (with the folders above it).
 * error     256 bytes; why it failed, for people
 * returns   0; -EINVAL no map; -EPROTO of a later version; -EBADMSG damaged; -errno
 */
int past_open(const struct past_opts *o, char *error, struct past **ret);
void past_close(struct past *p);        /* NULL is fine; an open batch is rolled back */
/* Why the last call failed. */
const char *past_error(const struct past *p);

struct past_batch {
	int64_t now;                    /* ns since 1970: when we learn this */
	bool stream;                    /* one of many from a receiver: its hash is forgotten after some days */
	const char *cwd;                /* what relative names of declaring files are relative to; NULL: nothing */
};

/* 0; -ENOSPC, -EBUSY, -errno */
int past_begin(struct past *p, const struct past_batch *b);
/*
 * past_once - note that these bytes (a file with observations, the body of a request) are in the open batch.
 * returns   0; -EALREADY: they were taken before, and the caller leaves them out; -errno
 */
int past_once(struct past *p, const void *bytes, size_t n);
/* A sight_fn; p is the store, with a batch open. What makes no sense is counted and left out. */
int past_sight(void *p, const struct sight *s);
/*
 * past_withdraw - what this file declared before and does not say in this batch holds no longer from `when` on (0: now).
 * To be called after the file's sightings. file: its name as in their `where`.
 */
int past_withdraw(struct past *p, const char *file, int64_t when);
struct past_taken {
	uint64_t told;                  /* sightings taken */
	uint64_t bad;                   /* left out: they made no sense */
	uint64_t future;                /* their times lay after `now`; they count as now */
};
int past_commit(struct past *p, struct past_taken *ret);        /* 0, or -errno: rolled back */
void past_rollback(struct past *p);                             /* fine when nothing is open */

/* Pack what has rested. Returns how many pieces were, or -errno. Its own transaction: no batch may be open. */
int64_t past_seal(struct past *p, int64_t now);

/* Does this source declare (what it says holds until withdrawn) rather than observe? */
bool past_declares(const char *source);

/* Notes that people and alerts leave: a kind, a key, an end (PAST_FOREVER: none), and a text. Own transactions. */
#define PAST_FOREVER INT64_MAX
int past_note_set(struct past *p, const char *kind, const char *key, int64_t now, int64_t until, const char *body);
int past_note_drop(struct past *p, const char *kind, const char *key);
typedef int past_note_fn(void *arg, const char *key, int64_t made, int64_t until, const char *body);
int past_notes(struct past *p, const char *kind, past_note_fn *fn, void *arg);

#endif
