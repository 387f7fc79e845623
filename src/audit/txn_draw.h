/* SPDX-License-Identifier: MIT */
/*
 * txn_draw.h - anomalies of transactions as pictures: a lane for each process, a box for each transaction from its invocation to its
 * completion, an arrow for each edge of the cycle.
 *
 * Running out of room shows in the buffer's overflowed alone.
 */
#ifndef AUDIT_TXN_DRAW_H
#define AUDIT_TXN_DRAW_H

#include "audit/txn_check.h"

/* All anomalies, one below the other, as one SVG document. */
void txn_draw_all(const struct txn_outcome_of *o, struct buf *out);
/* Those of one type. */
void txn_draw_type(const struct txn_outcome_of *o, const char *type, struct buf *out);

#endif
