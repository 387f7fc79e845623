/* SPDX-License-Identifier: MIT */
/*
 * pile_stack.h - the fast way for stacks on which no value is put twice: O(n log n), whatever the concurrency.
 *
 * Decrease and conquer (Abdulla, Jonsson et al.: "Efficient linearizability monitoring", PLDI 2025; Lee, Mathur: "Efficient
 * decrease-and-conquer linearizability monitoring", OOPSLA 2025): where for a moment nothing surely is on the stack, the values
 * before and after it are judged apart; else a value that can lie below all others is taken out, and if there is none no order exists.
 */
#ifndef AUDIT_PILE_STACK_H
#define AUDIT_PILE_STACK_H

#include "audit/model.h"

int pile_stack_check(const struct calls *calls, struct model_finding *ret);

#endif
