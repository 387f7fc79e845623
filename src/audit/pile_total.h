/* SPDX-License-Identifier: MIT */
/*
 * pile_total.h - queues by number alone: was everything acknowledged taken, nothing that was not put on, nothing too often?
 *
 * The history is taken to be drained at its end. A take of which nobody knows what it took may have taken one value each, an
 * unknown drain any number.
 */
#ifndef AUDIT_PILE_TOTAL_H
#define AUDIT_PILE_TOTAL_H

#include "audit/model.h"

int pile_total_at_least(const struct calls *calls, struct model_finding *ret);
int pile_total_at_most(const struct calls *calls, struct model_finding *ret);
int pile_total_exactly(const struct calls *calls, struct model_finding *ret);

#endif
