/* SPDX-License-Identifier: MIT */
/*
 * txn_hist.h - transactions over keys, in compact arrays: what the checkers of transactions start from.
 *
 * A transaction is a list of micro-operations: reads and writes of registers, appends to and reads of lists, adds to and reads
 * of sets. Of a transaction that failed, or of which nothing is known, only the writes are kept: what it read is not known.
 *
 * Values and elements are codes: a small whole number is its own code, everything else is interned (txn_hist_code_text()).
 *
 * Invariants
 *  (1) txns are in the order in which they were added; txns[i].index == i is implied.
 *  (2) complete_pos is TXN_POS_NEVER exactly when nothing was heard of the transaction; its outcome is then TXN_INFO.
 *  (3) invoke_pos is 0 when the invocation was not recorded; other positions are 1 .. positions, each used once.
 *  (4) Memory never exceeds bytes_max: a call that would exceed it fails with -ENOBUFS.
 *  (5) Only a transaction that is ok has reads.
 */
#ifndef AUDIT_TXN_HIST_H
#define AUDIT_TXN_HIST_H

#include "base/buf.h"
#include "base/map.h"

#define TXN_POS_NEVER UINT32_MAX
#define TXN_NONE UINT32_MAX
#define TXN_NIL INT32_MIN                       /* the code of nil */
#define TXN_CODE_INT_MIN (INT32_MIN + (1 << 30)) /* whole numbers from here on are their own codes */

enum txn_model { TXN_LIST_APPEND, TXN_RW_REGISTER, TXN_SET_ADD };
enum txn_outcome { TXN_OK, TXN_FAIL, TXN_INFO };
/* TXN_R reads one value; TXN_L reads a list or a set. */
enum txn_f { TXN_R, TXN_L, TXN_W, TXN_APPEND, TXN_ADD };

struct txn_mop {
	uint32_t key;
	uint32_t f;             /* enum txn_f */
	union {
		int32_t value;  /* TXN_R and the writes */
		uint32_t at;    /* TXN_L: elems[at .. at + count) */
	};
	uint32_t count;
};

struct txn {
	uint32_t first, count;  /* its micro-operations */
	uint32_t process;       /* numbered from 0 */
	uint32_t invoke_pos, complete_pos;
	uint32_t line;          /* in the file; 0: none */
	uint32_t outcome;       /* enum txn_outcome */
};

struct txn_hist {
	enum txn_model model;
	struct txn *txns;
	struct txn_mop *mops;
	int32_t *elems;
	int64_t *processes;     /* as they were named */
	int32_t *keys;          /* codes */
	uint32_t count, mop_count, elem_count, process_count, key_count;
	size_t txn_cap, mop_cap, elem_cap, process_cap, key_cap, text_cap;
	uint32_t positions;     /* the greatest position */
	uint32_t *key_index;    /* hash of a code -> key + 1 */
	uint32_t *process_index;
	size_t key_index_cap, process_index_cap;
	struct map texts;       /* text -> its number + 1 */
	const char **text_of;   /* keys of that map */
	size_t bytes, bytes_max;
};

void txn_hist_init(struct txn_hist *h, enum txn_model model, size_t bytes_max);
void txn_hist_fini(struct txn_hist *h);                 /* NULL is fine */

/* The code of a whole number, or of any other value by its text as people read it. 0 or -ENOBUFS. */
int txn_hist_int(struct txn_hist *h, int64_t i, int32_t *ret_code);
int txn_hist_text(struct txn_hist *h, const char *text, size_t n, int32_t *ret_code);
/* The number of the key with a code. 0 or -ENOBUFS. */
int txn_hist_key(struct txn_hist *h, int32_t code, uint32_t *ret_key);

/* A transaction: where it stands in time, and how it ended. Its micro-operations follow by txn_hist_mop(). 0 or -ENOBUFS. */
struct txn_head {
	int64_t process;
	uint32_t invoke_pos, complete_pos, line;
	enum txn_outcome outcome;
};
int txn_hist_add(struct txn_hist *h, const struct txn_head *head);
/* A micro-operation of the last transaction. TXN_L: its elements follow by txn_hist_elems(). */
int txn_hist_mop(struct txn_hist *h, enum txn_f f, uint32_t key, int32_t value);
/* Room for n elements of the last TXN_L; NULL: -ENOBUFS. To be filled at once. */
int32_t *txn_hist_elems(struct txn_hist *h, uint32_t n);

static inline const struct txn_mop *txn_mops(const struct txn_hist *h, uint32_t t) { return h->mops + h->txns[t].first; }
static inline const int32_t *txn_elems(const struct txn_hist *h, const struct txn_mop *m) { return h->elems + m->at; }
static inline bool txn_is_write(const struct txn_mop *m) { return m->f >= TXN_W; }

/* A code, a micro-operation, a transaction as people read them: 17, append x 17, r y [1 2]. */
void txn_hist_put_code(const struct txn_hist *h, int32_t code, struct buf *out);
void txn_hist_put_key(const struct txn_hist *h, uint32_t key, struct buf *out);
void txn_hist_put_mop(const struct txn_hist *h, const struct txn_mop *m, struct buf *out);
/* Whose a transaction is and where it stands: "process 3, line 17". Processes from TXN_NOBODY on are not told. */
#define TXN_NOBODY ((int64_t)1 << 40)
void txn_hist_put_who(const struct txn_hist *h, uint32_t txn, struct buf *out);
const char *txn_model_name(enum txn_model m);           /* list-append, rw-register, set-add */
const char *txn_outcome_name(enum txn_outcome o);       /* ok, fail, info */

#endif
