/* SPDX-License-Identifier: MIT */
/*
 * txn_check.h - which isolation levels a transactional history has, which it breaks, and the anomalies that show it.
 *
 * Everything of the outcome hangs in its arena; the history must outlive it.
 */
#ifndef AUDIT_TXN_CHECK_H
#define AUDIT_TXN_CHECK_H

#include "audit/txn_level.h"

struct txn_options {
	size_t memory_bytes_max;        /* 0: 2 GiB */
	uint64_t effort;                /* steps of search for the order of versions before "unknown"; 0: the default */
};

/* One transaction must come before the next one of the cycle, because ... */
struct txn_step {
	const char *edge;               /* ww, wr, rw, process, realtime, visible */
	const char *why;
};
struct txn_anomaly {
	const char *type;               /* G1c, lost-update, ... */
	const char *say;                /* one sentence */
	uint32_t count;                 /* transactions */
	const uint32_t *txns;           /* of the history */
	const struct txn_step *steps;   /* from txns[i] to the next, the last to the first; NULL: no cycle */
	uint64_t more;                  /* others of this type that are not listed; of cycles: not counted */
};
#define TXN_ANOMALIES_MAX 64

struct txn_outcome_of {
	const struct txn_hist *history;
	enum txn_holds status[TXN_LEVELS];
	const char *unknown;            /* why a status is unknown; NULL: none is */
	struct txn_anomaly anomalies[TXN_ANOMALIES_MAX];
	uint32_t anomaly_count;
	uint32_t committed;             /* transactions that count */
	uint64_t edges;                 /* dependencies looked at */
	struct arena mem;
};

/* Judge a history. 0; -ENOBUFS: not enough memory to judge it. txn_check_fini() in any case. */
int txn_check(const struct txn_hist *h, const struct txn_options *options, struct txn_outcome_of *ret);
void txn_check_fini(struct txn_outcome_of *o);          /* NULL is fine */

/* The first of txn_level_main(), strong to weak, that holds; the first, weak to strong, that is broken. TXN_LEVELS: none. */
enum txn_level txn_check_strongest(const struct txn_outcome_of *o);
enum txn_level txn_check_weakest_broken(const struct txn_outcome_of *o);
/* The strongest variant that holds, the weakest that is broken, which does not follow from the above. TXN_LEVELS: none. */
enum txn_level txn_check_variant(const struct txn_outcome_of *o, bool holds);

#endif
