/* SPDX-License-Identifier: MIT */
/*
 * txn_bank.h - a bank: transfers move money between accounts, reads show all balances. Whatever the order, each read must show the
 * same accounts with the same total, and no balance below zero unless that is allowed.
 *
 * Operations: f "read", whose answer is a map of account to balance; f "transfer" with {from, to, amount}. What the transfers
 * were does not matter for the invariant, so nothing is said of histories that keep it beyond that.
 */
#ifndef AUDIT_TXN_BANK_H
#define AUDIT_TXN_BANK_H

#include "audit/tape.h"
#include "base/arena.h"
#include "proto/jsonw.h"

struct txn_bank_options {
	bool has_total, negative_allowed;
	int64_t total;                  /* what there is in all; without it, what the first read shows */
};
enum txn_bank_error { TXN_BANK_TOTAL, TXN_BANK_NEGATIVE, TXN_BANK_NIL, TXN_BANK_ACCOUNTS, TXN_BANK_ERRORS };
#define TXN_BANK_KEPT 8

struct txn_bank {
	const struct tape *tape;
	uint32_t reads;                 /* that were answered */
	uint32_t wrong;                 /* reads with an error */
	uint32_t first;                 /* operation: the read the others are compared with; TAPE_NONE */
	uint64_t accounts;              /* a sum over those it showed */
	bool total_given;
	int64_t total;
	uint64_t counts[TXN_BANK_ERRORS];
	struct {
		enum txn_bank_error error;
		uint32_t op;
		int64_t found;          /* total, or balance */
		struct tape_value account;
	} errors[TXN_BANK_KEPT];
	uint32_t error_count;
};

/* Is this a history of a bank: is there a transfer? */
bool txn_bank_is(const struct tape *t);
/* Judge. 0; -EINVAL: an answered read is no map of balances, *ret_line says where. */
int txn_bank_check(const struct tape *t, const struct txn_bank_options *options, struct txn_bank *ret, uint32_t *ret_line);
/* The levels that an error breaks: none of the reads below them would show it. NULL at the end. */
const char *const *txn_bank_violated(const struct txn_bank *b);
/* level: NULL, or the name of a level that was asked for. */
void txn_bank_text(const struct txn_bank *b, const char *level, struct buf *out);
void txn_bank_json(const struct txn_bank *b, const char *level, struct jsonw *w);
/* valid, invalid, unknown: as exit codes have it. Without a level the invariant is what is judged. */
const char *txn_bank_verdict(const struct txn_bank *b, const char *level);

#endif
