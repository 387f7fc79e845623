/* SPDX-License-Identifier: MIT */
/* txn_session.h - for readers of histories that tell sessions, but no times: transactions, and what they did. */
#ifndef AUDIT_TXN_SESSION_H
#define AUDIT_TXN_SESSION_H

#include "audit/txn_read.h"

/* A transaction of a session, behind those it has. 0 or -ENOBUFS. */
int txn_session_add(struct txn_hist *h, int64_t session, uint32_t line, enum txn_outcome outcome);
/* A read or write of a register, of the last transaction. 0 or -ENOBUFS. */
int txn_session_mop(struct txn_hist *h, bool write, int64_t key, int32_t value);
/* Say what is wrong with a history. Returns -EINVAL. */
int txn_session_refuse(struct txn_read_info *info, uint32_t line, const char *what);

#endif
