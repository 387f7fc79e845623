/* SPDX-License-Identifier: MIT */
/* txn_why.h - why one transaction must come before another, in a sentence. */
#ifndef AUDIT_TXN_WHY_H
#define AUDIT_TXN_WHY_H

#include "audit/txn_graph.h"

/* The sentence for an edge a -> b of a graph of this core; the two are called by these names. Into out. */
void txn_why_edge(const struct txn_core *c, uint32_t a, uint32_t b, uint8_t type, const char *name_a, const char *name_b, struct buf *out);
/* The sentence for an oddity; its transactions are called by these names. */
void txn_why_odd(const struct txn_core *c, enum txn_odd kind, const struct txn_oddity *o, const char *name, const char *other,
    struct buf *out);

#endif
