/* SPDX-License-Identifier: MIT */
/*
 * depth.h - the same question as frontier.h, answered depth first: for histories in which many orders are possible for long, so
 * that their frontier does not fit, while one that goes on to the end is soon found.
 *
 * Wing, Gong ("Testing and verifying concurrent objects", JPDC 1993) with what was seen remembered (Lowe, CPE 2017): which calls
 * are done, as the sum of 128 random bits each, and the state. The rules of frontier.h for calls that look and for calls with the
 * same effect hold here too.
 */
#ifndef AUDIT_DEPTH_H
#define AUDIT_DEPTH_H

#include "audit/frontier.h"

void depth_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret);

#endif
