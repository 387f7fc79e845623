/* SPDX-License-Identifier: MIT */
/*
 * zones.h - the fast way for registers on which no value is written twice: O(n log n), whatever the concurrency.
 *
 * A write and the reads that returned its value form a cluster, and in any legal order a cluster stands together (Gibbons,
 * Korach, "Testing shared memories", SIAM J. Comput. 1997). A cas glues its own cluster right behind that of the value it saw,
 * so clusters form chains, and a chain stands together too: a block. Of each block only two positions matter: the first return
 * and the last invocation. Block A must come before block B when something in A returned before something in B was invoked;
 * an order exists exactly when no two blocks must each come before the other.
 *
 * Refused cas are not understood here: with them a contradiction is still one, but the lack of one proves nothing.
 */
#ifndef AUDIT_ZONES_H
#define AUDIT_ZONES_H

#include "audit/keyhist.h"

enum zones_answer { ZONES_LEGAL, ZONES_ILLEGAL, ZONES_UNSURE };

#define ZONES_WITNESS_MAX 8

struct zones_result {
	enum zones_answer answer;
	/* ILLEGAL: operations (of the keyhist) that are at the heart of it. */
	uint32_t witness[ZONES_WITNESS_MAX];
	uint32_t witness_count;
};

/* returns 0 or -ENOMEM. */
int zones_check(const struct keyhist *k, struct zones_result *ret);

#endif
