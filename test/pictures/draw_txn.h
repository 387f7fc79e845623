/* SPDX-License-Identifier: MIT */
/* draw_txn.h - the pictures of doc/audit-transactions.md. */
#ifndef DRAW_TXN_H
#define DRAW_TXN_H

#include "base/buf.h"

/* The name of picture i; NULL: there are no more. */
const char *draw_txn_name(unsigned i);
/* It is appended to out. */
void draw_txn(unsigned i, struct buf *out);

#endif
