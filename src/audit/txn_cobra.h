/* SPDX-License-Identifier: MIT */
/* txn_cobra.h - a log of Cobra: one session, binary, numbers of 8 bytes, big endian. */
#ifndef AUDIT_TXN_COBRA_H
#define AUDIT_TXN_COBRA_H

#include "audit/txn_read.h"

/* Is this the beginning of such a log? */
bool txn_cobra_is(const char *p, size_t n);
/* Add a session to a history of registers. 0; -EINVAL, info says where; -ENOBUFS */
int txn_cobra_read(struct txn_hist *h, int64_t session, const char *p, size_t n, struct txn_read_info *info);

#endif
