/* SPDX-License-Identifier: MIT */
/*
 * txn_say.h - the outcome of an audit of transactions for programs and for people.
 *
 * Running out of room shows in the buffer's overflowed alone.
 */
#ifndef AUDIT_TXN_SAY_H
#define AUDIT_TXN_SAY_H

#include "audit/txn_check.h"
#include "proto/jsonw.h"

/* The verdict on a level, as exit codes and JSON have it. */
const char *txn_say_verdict(enum txn_holds status);             /* valid, invalid, unknown */
void txn_say_text(const struct txn_outcome_of *o, enum txn_level level, struct buf *out);
/* One JSON object; doc/audit-transactions.md has its schema. */
void txn_say_json(const struct txn_outcome_of *o, enum txn_level level, struct jsonw *w);

#endif
