/* SPDX-License-Identifier: MIT */
/*
 * history.h - the operations that clients invoked on keys and what came back, in the order it was observed.
 *
 * A process (a client) has at most one operation open. Order in real time is the order of the calls to history_invoke() and
 * history_complete(), kept as positions; the times are for people. So a recorder calls these under one lock or from one
 * thread, with invoke before the request leaves and complete after the answer has arrived.
 *
 * Invariants
 *  (1) ops[i].index == i, and ops are in order of invocation: invoke_pos grows with i.
 *  (2) complete_pos is HISTORY_POS_NEVER exactly when nothing was heard of the operation; its outcome is then HISTORY_INFO.
 *  (3) Failed operations had no effect. Info operations may take effect at any time after their invocation, or never.
 *  (4) Memory never exceeds bytes_max; when it would, the call fails with -ENOBUFS and nothing changes.
 */
#ifndef AUDIT_HISTORY_H
#define AUDIT_HISTORY_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include <stdbool.h>

#define HISTORY_POS_NEVER UINT32_MAX
#define HISTORY_TEXT_MAX 4096           /* bytes of a key, a value or an error text */
#define HISTORY_TEXT_MARK '\x01'        /* a text that stands for another value begins so; it reads as what is behind its first colon */

enum history_f { HISTORY_READ, HISTORY_WRITE, HISTORY_CAS };
enum history_outcome { HISTORY_OK, HISTORY_FAIL, HISTORY_INFO };

/* nil, an integer, or a text (then i is its number in this history; see history_text()). All zero is nil. */
enum history_value_type { HISTORY_NIL, HISTORY_INT, HISTORY_TEXT };
struct history_value {
	enum history_value_type type;
	int64_t i;
};
static inline struct history_value history_nil(void) { return (struct history_value){ HISTORY_NIL, 0 }; }
static inline struct history_value history_int(int64_t i) { return (struct history_value){ HISTORY_INT, i }; }
static inline bool history_same(struct history_value a, struct history_value b) { return a.type == b.type && a.i == b.i; }

struct history_op {
	uint32_t index;
	uint32_t key;                   /* number of the key: history_key() */
	uint32_t invoke_pos;
	uint32_t complete_pos;
	int64_t process;
	fl_ns invoke_ns;                /* since the start of the run */
	fl_ns complete_ns;              /* FL_NEVER: nothing was heard of it */
	enum history_f f;
	enum history_outcome outcome;
	bool mismatch;                  /* a failed cas that failed because it saw another value: an observation */
	struct history_value value;     /* written; what an ok read returned; the new value of a cas */
	struct history_value expect;    /* cas only: the value it compares with */
	const char *error;              /* why it failed or is unknown; NULL: not said */
};

struct history {
	struct history_op *ops;
	uint32_t count, cap;
	uint32_t pos;                   /* events so far */
	size_t bytes_max;
	struct map keys, texts, errors; /* texts to numbers (+1); errors to their interned copy */
	struct map open;                /* process -> its open operation */
	bool zero;                      /* what registers begin as is called 0, not nil */
};

/* Nothing is allocated yet. bytes_max bounds all memory of the history (an operation takes 120 bytes and its share of index). */
void history_init(struct history *h, size_t bytes_max);
void history_fini(struct history *h);

/* What is invoked. key is copied. value: of a write, or the new value of a cas; expect: of a cas. Both ignored for reads. */
struct history_call {
	int64_t process;
	enum history_f f;
	const char *key;
	struct history_value value, expect;
	fl_ns at;
};
/*
 * history_invoke - process starts an operation.
 * returns    0; -EBUSY the process still has one open; -ENOBUFS (4)
 * ret_index  (may be NULL) the operation's number, for history_complete()
 */
int history_invoke(struct history *h, const struct history_call *call, uint32_t *ret_index);

/*
 * history_complete - the operation's outcome arrived at `at`. Asserts that it is open.
 * value      what an ok read returned; ignored otherwise
 * mismatch   only with HISTORY_FAIL of a cas: it was refused because another value was there
 * error      copied; may be NULL
 * returns    0, or -ENOBUFS (the operation stays open, which is sound: it counts as info)
 */
struct history_answer {
	enum history_outcome outcome;
	struct history_value value;
	bool mismatch;
	const char *error;
	fl_ns at;
};
int history_complete(struct history *h, uint32_t index, const struct history_answer *answer);
/* The open operation of a process; false: none. */
bool history_open(const struct history *h, int64_t process, uint32_t *ret_index);

/*
 * history_add - an operation that is over, or never will be, all at once: key, positions and times are as they stand in op; its
 * index is given here. Operations come in order of invoke_pos, and no two positions are equal. Not together with history_invoke().
 * returns    0, or -ENOBUFS
 */
int history_add(struct history *h, const struct history_op *op);
/* The number of a key, for history_add(). 0 or -ENOBUFS. */
int history_add_key(struct history *h, const char *key, uint32_t *ret_key);

/* A text as a value, interned (-ENOBUFS, -E2BIG over HISTORY_TEXT_MAX). */
int history_intern(struct history *h, const char *text, struct history_value *ret_value);

uint32_t history_key_count(const struct history *h);
const char *history_key(const struct history *h, uint32_t key);
/* The text of a HISTORY_TEXT value. */
const char *history_text(const struct history *h, struct history_value v);
/* Append a value as people read it: nil, 17, "text". 0 or -ENOBUFS. */
int history_put_value(const struct history *h, struct history_value v, struct buf *out);
const char *history_f_name(enum history_f f);                   /* read, write, cas */
const char *history_outcome_name(enum history_outcome o);       /* ok, fail, info */

#endif
