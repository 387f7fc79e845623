/* SPDX-License-Identifier: MIT */
/*
 * txn_core.h - a transactional history as versions of keys, who wrote them and who read them: the same for lists, registers and sets.
 *
 * A node is a transaction that committed: one that is ok, or whose outcome is unknown and a write of which a committed one has seen.
 * A version is what one write made of a key (of a list: the list that ends there). Version k < key_count is the state of key k
 * before any write. Of a set each element is an object of its own, with two versions: absent, then present.
 *
 * Versions that are known to follow each other immediately form chains. The chain of a key that begins with its initial version,
 * its root, precedes all the others of that key; between those no order is known.
 *
 * Invariants
 *  (1) versions[v].node is a node exactly when the version was written by one, and by one only.
 *  (2) next never forms a cycle, and no version is the next of two.
 *  (3) reads are grouped by node, in the order of the transaction: reads[read_first[i] .. read_first[i + 1]).
 *  (4) No read is of a version that the reader itself wrote.
 */
#ifndef AUDIT_TXN_CORE_H
#define AUDIT_TXN_CORE_H

#include "audit/txn_hist.h"
#include "base/arena.h"

/* What is wrong within a transaction, or between one and a value it saw. */
enum txn_odd {
	TXN_ODD_GARBAGE,        /* read a value nobody wrote */
	TXN_ODD_DUPLICATE,      /* an element is there twice */
	TXN_ODD_CYCLIC,         /* versions follow each other in a circle */
	TXN_ODD_G1A,            /* read a value of a transaction that failed */
	TXN_ODD_DIRTY_UPDATE,   /* a committed append stands on one that failed */
	TXN_ODD_INCOMPATIBLE,   /* two reads that no one order of appends explains */
	TXN_ODD_G1B,            /* read a value its writer then replaced */
	TXN_ODD_FUTURE_READ,    /* read what it itself wrote later */
	TXN_ODD_INTERNAL,       /* a read contradicts what the transaction itself wrote or read before */
	TXN_ODD_OWN_WRITE,      /* (the same anomaly, of the first kind) */
	TXN_ODD_UNREPEATED,     /* two reads of a key differ */
	TXN_ODD_LOST_UPDATE,    /* two read one version and both replaced it */
	TXN_ODDS
};
#define TXN_ODD_KEPT 8

struct txn_oddity {
	uint32_t txn, other;    /* the transaction, and the other one (TXN_NONE: none) */
	uint32_t mop, other_mop;/* micro-operations of the history (TXN_NONE: none) */
	uint32_t key;
	int32_t value;
};

enum { TXN_VER_INTERMEDIATE = 1, TXN_VER_AMBIGUOUS = 2, TXN_VER_CHAINED = 4, TXN_VER_ABSENT = 8, TXN_VER_READ = 16 };
struct txn_version {
	uint32_t key;
	int32_t value;
	uint32_t txn;           /* the writer; TXN_NONE: initial */
	uint32_t node;          /* TXN_NONE: nobody who committed; see (1) */
	uint32_t mop;           /* the write, in the history */
	uint32_t next;          /* TXN_NONE: not known */
	uint32_t pos;           /* of a list: its length; 0: initial, or not known */
	uint32_t flags;
};

struct txn_read {
	uint32_t version, mop;
};

struct txn_core {
	const struct txn_hist *h;
	struct arena *mem;              /* all below hangs here */
	uint32_t n;                     /* nodes */
	uint32_t *txn_of, *node_of;     /* node_of: TXN_NONE for those that did not commit */
	struct txn_version *versions;
	uint32_t version_count;
	uint32_t *table;                /* hash of (key, value) -> version + 1 */
	uint32_t table_mask;
	struct txn_read *reads;
	uint32_t *read_first;
	uint32_t read_count;
	uint32_t *reader_first, *readers;       /* by version: nodes */
	uint32_t *write_first, *writes;         /* by node: its versions, in the order of the transaction */
	uint32_t *root_tail;                    /* by key: the last version of the root chain */
	uint32_t *head_first, *heads;           /* by key: first versions of the other chains */
	uint8_t *forked;                        /* by key: a version was replaced twice, so that its root need not precede the others */
	bool ambiguous;                 /* one value was written twice and nobody can say which write was read */
	int32_t initial;                /* of registers: the value before any write */
	struct txn_oddity odd[TXN_ODDS][TXN_ODD_KEPT];
	uint64_t odd_count[TXN_ODDS];
};

/* Number the versions and index them. 0 or -ENOBUFS (the arena's cap). */
int txn_core_init(struct txn_core *c, const struct txn_hist *h, struct arena *mem);
/* The version of a key with a value; TXN_NONE: nobody wrote it. */
uint32_t txn_core_find(const struct txn_core *c, uint32_t key, int32_t value);
void txn_core_odd(struct txn_core *c, enum txn_odd kind, const struct txn_oddity *o);
/* Read-only marks on transactions with unknown outcome become nodes: seen[t] says that a write of t was seen. 0 or -ENOBUFS. */
int txn_core_nodes(struct txn_core *c, const uint8_t *seen);
/* With reads, next and nodes filled: the indexes by version, node and key. 0 or -ENOBUFS. */
int txn_core_finish(struct txn_core *c);
/* The first version at or behind v in its chain that a node wrote; TXN_NONE. */
uint32_t txn_core_live(const struct txn_core *c, uint32_t v);

static inline uint32_t txn_core_txn(const struct txn_core *c, uint32_t node) { return c->txn_of[node]; }
/* What a version is one of: a key, or of a set an element of it. Below txn_core_objects(). */
static inline uint32_t
txn_core_object(const struct txn_core *c, uint32_t v)
{
	return c->h->model != TXN_SET_ADD ? c->versions[v].key : (c->versions[v].flags & TXN_VER_ABSENT) != 0 ? v + 1 : v;
}
static inline uint32_t
txn_core_objects(const struct txn_core *c)
{
	return c->h->model != TXN_SET_ADD ? c->h->key_count : c->version_count + 1;
}
void *txn_core_array(struct arena *mem, size_t count, size_t size);     /* zeroed; NULL: no room */

#endif
