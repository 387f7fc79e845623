/* SPDX-License-Identifier: MIT */
/*
 * txn_read.h - a transactional history from a tape.
 *
 * The value of an operation is a list of micro-operations: ["r", key, value], ["w", key, value], ["append", key, value],
 * ["add", key, value]; an operation with a key of its own (f read, write, append, add) is a transaction of one.
 */
#ifndef AUDIT_TXN_READ_H
#define AUDIT_TXN_READ_H

#include "audit/tape.h"
#include "audit/txn_hist.h"

struct txn_read_info {
	uint32_t line;                  /* on failure: where, and what */
	char error[256];
};

/* What the history is of, by its first write (of reads alone: lists or registers, by what they show). */
enum txn_model txn_read_model(const struct tape *t);
/*
 * txn_read_tape - fill a history that txn_hist_init() made.
 * returns    0; -EINVAL the tape holds something else, info says what; -ENOBUFS
 */
int txn_read_tape(struct txn_hist *h, const struct tape *t, struct txn_read_info *info);

#endif
