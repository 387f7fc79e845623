/* SPDX-License-Identifier: MIT */
/*
 * txn_weak.h - read committed, read atomic and causal consistency, without a known order of versions.
 *
 * A level holds when the order of sessions and of reads can be made one order of commits in which nobody reads a version while a
 * later one was visible. What is visible differs: for read committed what was read before in the same transaction, for read
 * atomic what was read in it at all and what its session did, for causal whatever happens before. The algorithms are those of
 * Moeldrup and Pavlogiannis, "AWDIT: an optimal weak database isolation tester" (PLDI 2025): O(n^1.5) for the first two, O(n k)
 * for causal with k sessions.
 */
#ifndef AUDIT_TXN_WEAK_H
#define AUDIT_TXN_WEAK_H

#include "audit/txn_cycle.h"

enum txn_weak_level { TXN_WEAK_RC, TXN_WEAK_RA, TXN_WEAK_CC };
/* "first must be before second: reader read object from second though it saw first, which wrote it too" */
struct txn_forced {
	uint32_t first, second, reader, version;
};

struct txn_weak {
	bool broken;
	struct txn_cycle cycle;         /* an edge TXN_WW that the graph does not have is a forced one */
	/* Of each edge of the cycle; reader TXN_NONE: it is no forced one. Of an edge rw: the reader saw `version` as it was initially. */
	struct txn_forced *why;
};

/*
 * txn_weak_check - judge a level. Reads of aborted, intermediate or unwritten values are not looked at: they break it anyhow.
 * mask       edges of the graph that order commits: TXN_WR, with TXN_PROCESS for sessions, TXN_WW where versions have an order
 * returns    0, or -ENOBUFS (mem)
 */
int txn_weak_check(const struct txn_core *c, const struct txn_graph *g, enum txn_weak_level level, unsigned mask, struct arena *mem,
    struct txn_weak *ret);

#endif
