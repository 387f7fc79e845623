/* SPDX-License-Identifier: MIT */
/*
 * linear_both.h - the searches of linear.h and depth.h in turns, with growing shares of the budget.
 *
 * Breadth decides most histories, both ways; where many operations never returned, too much is possible for long, and depth often finds
 * an order soon.
 */
#ifndef AUDIT_LINEAR_BOTH_H
#define AUDIT_LINEAR_BOTH_H

#include "audit/linear.h"

/* As linear_check(), without an order. When depth found no order the culprit is where it got farthest. */
void linear_both_check(const struct keyhist *k, struct linear_budget *budget, struct linear_result *ret);

#endif
