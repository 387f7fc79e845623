/* SPDX-License-Identifier: MIT */
/*
 * equal.h - the same traffic with other workers and another network: do the faults decide the same?
 *
 * Decisions that fall on places in the stream (applies, cut, flip, duplicate, drop, limit, stall, refuse, connect_delay) are compared per
 * (line, connection key, direction, fault), in the order in which they were told. Where something may cut a connection short,
 * one list must begin with the other; elsewhere they must be equal. (When a delay starts or a close happens is not compared:
 * chunks are what reads brought.)
 */
#ifndef SIM_EQUAL_H
#define SIM_EQUAL_H

#include "run.h"

/* Returns when they do; else the process ends. */
void equal_check(uint64_t seed, const struct run_opts *opts);

#endif
