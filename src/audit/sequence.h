/* SPDX-License-Identifier: MIT */
/*
 * sequence.h - the search for sequential consistency: one order of all calls that keeps that of each process, and nothing of
 * real time. Not local: what is asked for is asked of all objects together.
 *
 * Depth first over how far each process has come, remembering what was seen (Gibbons, Korach, "Testing shared memories", SIAM J.
 * Comput. 1997). What only looks goes as soon as it can. A call that never returned is the last of its process, or is left out.
 */
#ifndef AUDIT_SEQUENCE_H
#define AUDIT_SEQUENCE_H

#include "audit/frontier.h"

void sequence_check(const struct frontier_ask *ask, struct frontier_budget *budget, struct frontier_result *ret);

#endif
