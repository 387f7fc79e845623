/* SPDX-License-Identifier: MIT */
/*
 * txn_reg.h - histories of reads and writes of registers, each value written once per key.
 *
 * A transaction that reads a key and then writes it puts its version right behind the one it read: every level that forbids lost
 * updates demands that. Other writes begin chains of their own.
 */
#ifndef AUDIT_TXN_REG_H
#define AUDIT_TXN_REG_H

#include "audit/txn_core.h"

/* Fill a core that txn_core_init() made of a TXN_RW_REGISTER history. O(size of the history). 0 or -ENOBUFS. */
int txn_reg_fill(struct txn_core *c);

#endif
