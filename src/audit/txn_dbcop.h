/* SPDX-License-Identifier: MIT */
/* txn_dbcop.h - histories of dbcop: as text, as JSON, and binary (bincode: numbers of 8 bytes, little endian). */
#ifndef AUDIT_TXN_DBCOP_H
#define AUDIT_TXN_DBCOP_H

#include "audit/txn_read.h"

/* Fill a history of registers. 0; -EINVAL, info says where; -ENOBUFS */
int txn_dbcop_text(struct txn_hist *h, const char *text, size_t n, struct txn_read_info *info);
int txn_dbcop_json(struct txn_hist *h, const char *text, size_t n, struct txn_read_info *info);
int txn_dbcop_binary(struct txn_hist *h, const char *p, size_t n, struct txn_read_info *info);

#endif
