/* SPDX-License-Identifier: MIT */
/*
 * pile_queue.h - the fast way for FIFO queues on which no value is put twice: O(n log n), whatever the concurrency.
 *
 * Such a history is linearizable exactly when no value is taken that was not put on before, none twice, no two values are
 * surely put on in one order and taken in the other, and no take finds the queue empty while something surely is on it
 * (Henzinger, Sezgin, Vafeiadis: "Aspect-oriented linearizability proofs", CONCUR 2013).
 */
#ifndef AUDIT_PILE_QUEUE_H
#define AUDIT_PILE_QUEUE_H

#include "audit/model.h"

int pile_queue_check(const struct calls *calls, struct model_finding *ret);
/* The same for a bag, in which the order does not count. */
int pile_queue_check_bag(const struct calls *calls, struct model_finding *ret);

#endif
