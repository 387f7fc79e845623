/* SPDX-License-Identifier: MIT */
/*
 * oplog.h - what the clients of a load did: one log per client, written by its thread alone and read while it grows.
 *
 * Invariants
 *  (1) Memory is taken at the start; a client whose log is full stops.
 *  (2) An entry is complete before it is counted, and is not changed afterwards.
 *  (3) The times of one client grow strictly: invoke < complete < invoke of the next.
 */
#ifndef RUN_OPLOG_H
#define RUN_OPLOG_H

#include "audit/history.h"
#include "base/arena.h"
#include <stdatomic.h>

/* Why an operation did not succeed: name, text. */
#define OPLOG_ERRORS(ROW)                                                               \
	ROW(NONE,          "")                                                          \
	ROW(MISMATCH,      "another value was there")                                   \
	ROW(NOT_CONNECTED, "no connection: refused or not there in time")               \
	ROW(NOT_SENT,      "the connection was gone before the command was sent")       \
	ROW(RESET,         "connection reset before the reply")                         \
	ROW(CLOSED,        "connection closed before the reply")                        \
	ROW(TIMEOUT,       "no reply in time")                                          \
	ROW(LOADING,       "the server was still loading its data")                     \
	ROW(REFUSED,       "the server answered with an error")                         \
	ROW(PROTOCOL,      "the reply was not one to this command")                     \
	ROW(STOPPED,       "the run ended before the reply")

enum oplog_error {
#define OPLOG_ROW(id, text) OPLOG_##id,
	OPLOG_ERRORS(OPLOG_ROW)
#undef OPLOG_ROW
	OPLOG_ERROR_COUNT
};
const char *oplog_error_text(enum oplog_error e);

struct oplog_op {
	fl_ns invoke, complete;         /* since the start of the run */
	fl_ns due;                      /* when the schedule wanted it; invoke where there is none */
	int64_t value, expect;          /* written; compared with. Integers always, but for: */
	int64_t got;                    /* of an ok read */
	const char *got_text;           /* an ok read that returned no integer; else NULL */
	uint32_t key;
	uint8_t f, outcome;             /* enum history_f, enum history_outcome */
	bool got_nil, expect_nil;
	uint8_t error;                  /* enum oplog_error */
};

struct oplog {
	struct oplog_op *ops;
	uint32_t cap;
	_Atomic uint32_t count;
	uint32_t seen;                  /* the reader's: entries it has looked at */
	fl_ns last;                     /* the writer's: time of the last entry (3) */
	struct arena texts;             /* the writer's */
};

int oplog_init(struct oplog *l, uint32_t cap);          /* 0 or -ENOMEM */
void oplog_fini(struct oplog *l);
/* The writer: add a finished operation. false: full, nothing was added. */
bool oplog_add(struct oplog *l, const struct oplog_op *op);
static inline bool oplog_full(const struct oplog *l)
{
	return atomic_load_explicit(&l->count, memory_order_relaxed) == l->cap;
}
/* The reader: the next entry it has not seen, or NULL. */
const struct oplog_op *oplog_next(struct oplog *l);

/*
 * oplog_merge - make one history of all logs, in order of time. The writers have ended.
 *
 * A client whose operation ended as info goes on as a new process, since the old one may still be at it. Keys are
 * called prefix + number; `out`, when given, gets the JSON line of every event as it is added.
 * emit      called whenever out holds a good deal, to write it away and buf_clear() it; NULL: never
 * returns   0, -ENOMEM, -ENOBUFS (the history is full), or what emit returned
 */
struct oplog_merge {
	struct oplog *const *logs;
	uint32_t count;
	const char *prefix;
	struct buf *out;
	int (*emit)(void *ud, struct buf *out);
	void *ud;
};
int oplog_merge(const struct oplog_merge *m, struct history *h);

#endif
