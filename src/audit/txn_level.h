/* SPDX-License-Identifier: MIT */
/* txn_level.h - isolation levels, which of them implies which, and what breaks them. doc/audit-transactions.md defines each. */
#ifndef AUDIT_TXN_LEVEL_H
#define AUDIT_TXN_LEVEL_H

#include "audit/txn_core.h"

/* From weak to strong, as they are listed; the order is not total: txn_level_implies(). */
enum txn_level {
	TXN_RU, TXN_RC, TXN_RA, TXN_CC, TXN_PSI, TXN_RR, TXN_SI, TXN_SESSION_SI, TXN_STRONG_SI, TXN_SER, TXN_SESSION_SER, TXN_STRICT,
	TXN_LEVELS
};
enum txn_holds { TXN_HOLDS, TXN_BROKEN, TXN_UNKNOWN };

const char *txn_level_name(enum txn_level level);
/* By its name or an alias of it. false: there is none. */
bool txn_level_find(const char *name, enum txn_level *ret_level);
/* The levels that a summary names, from weak to strong; TXN_LEVELS at the end. The others are variants, told beside them. */
const enum txn_level *txn_level_main(void);
/* All names, NULL at the end: for messages. */
const char *const *txn_level_names(void);

/* Does every history of this model at level a have level b? */
bool txn_level_implies(enum txn_model model, enum txn_level a, enum txn_level b);
/* Does an oddity break this level by itself? */
bool txn_level_forbids(enum txn_model model, enum txn_level level, enum txn_odd odd);
/* Make the statuses agree: what is stronger than a broken one is broken, what is weaker than one that holds holds. */
void txn_level_close(enum txn_model model, enum txn_holds status[TXN_LEVELS]);

const char *txn_level_odd_name(enum txn_odd odd);       /* G1a, garbage-read, ... NULL: it is not listed by itself */

#endif
