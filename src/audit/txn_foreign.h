/* SPDX-License-Identifier: MIT */
/*
 * txn_foreign.h - transactional histories of registers in the formats of other checkers, recognised by content.
 *
 *   Plume, PolySI   a line an operation, w(key,value,session,transaction) or r(...); transaction -1: the write was aborted
 *   AWDIT           its tests: "w key value" or "r key value" a line, a line of - between transactions, of = between sessions
 *   dbcop           text [x:=1 y==2] [x==?]!, a line of - between sessions; JSON {"data":[[{"events":[...],"committed":true}]]} or
 *                   that array alone; and its binary history.bincode
 *   Cobra           a binary log a session: S, C or A with a transaction, W and R with keys and numbers of writes
 *
 * They tell sessions, but no time: all transactions of different sessions overlap. A value 0 that nobody wrote is the initial one.
 */
#ifndef AUDIT_TXN_FOREIGN_H
#define AUDIT_TXN_FOREIGN_H

#include "audit/txn_read.h"

enum txn_foreign {
	TXN_FOREIGN_NONE, TXN_FOREIGN_PLUME, TXN_FOREIGN_AWDIT, TXN_FOREIGN_DBCOP_TEXT, TXN_FOREIGN_DBCOP_JSON, TXN_FOREIGN_DBCOP,
	TXN_FOREIGN_COBRA
};

/* Which of them a text is; TXN_FOREIGN_NONE: none of them. Looks at its beginning only. */
enum txn_foreign txn_foreign_of(const char *text, size_t n);
/*
 * txn_foreign_read - fill a history of registers that txn_hist_init() made.
 * session    of Cobra: what this log is called, each one once; the others have their own
 * returns    0; -EINVAL not that format, info says where; -ENOBUFS
 */
int txn_foreign_read(struct txn_hist *h, enum txn_foreign format, int64_t session, const char *text, size_t n, struct txn_read_info *info);

#endif
