/* SPDX-License-Identifier: MIT */
/*
 * span_held.h - spans that wait for their relatives: two halves of a fixed memory, found by trace and span id
 *
 * New spans go to the young half. When it is full, or old enough, the old half is emptied and the two change places, so a span is held
 * for at least the time between two changes. Duplicates are found when spans are put into the index, a batch at a time.
 *
 * Invariants
 *  (1) recs[0 .. indexed) of a half are in its index, but those marked SPAN_DEAD.
 *  (2) index_mask + 1 >= 1.5 times the records of a half: every probe ends.
 *  (3) A span is told by the low half of its trace id and its id; the high half must agree where both have one (Zipkin mixes them).
 */
#ifndef GRAPH_SPAN_HELD_H
#define GRAPH_SPAN_HELD_H

#include "proto/span.h"

enum span_bits {
	SPAN_ERROR = 1 << 0,
	SPAN_LOCAL = 1 << 1,            /* its sender says that the parent is in the same process */
	SPAN_REMOTE = 1 << 2,           /* ... in another one */
	SPAN_SHARED = 1 << 3,
	SPAN_TWIN = 1 << 4,             /* there is one of the same id from the other side */
	SPAN_DEAD = 1 << 5,             /* a duplicate */
	SPAN_PAIRED = 1 << 6,           /* something of another service, or a server of the same one, is below it */
	SPAN_COVERED = 1 << 7,          /* another span of the same call speaks for it */
	SPAN_RELATED = 1 << 8,          /* its caller was found, or there is none to find */
	SPAN_NESTED = 1 << 9,           /* whether it stands in another client span is settled */
	SPAN_PROBE = 1 << 10,           /* a health check or a scrape */
	SPAN_CLIENTISH = 1 << 11,       /* calls somebody: client and producer, or without a kind but with a peer's name */
	SPAN_SERVERISH = 1 << 12,
	SPAN_MESSAGING = 1 << 13,
	SPAN_TYPED = 1 << 14,           /* a call of a database or a broker */
	SPAN_CALLER = 1 << 15,          /* of a server: peer is who called, by name */
	SPAN_COUNTED = 1 << 16,         /* what it says alone, without relatives, was counted */
	SPAN_BETWEEN = 1 << 17,         /* it stands between a client and the client that this is in */
	SPAN_LEFT = 1 << 18,            /* it was settled before, and is here again (span_left.h) */
};

struct span_rec {
	uint64_t trace_hi, trace_lo, id, parent;
	int64_t start;
	uint64_t latency;
	uint32_t service;       /* 0: its sender has no name */
	uint32_t peer;          /* whom a client calls; of a server the caller's IPv4 address, or SPAN_CALLER; 0 unknown */
	uint32_t link_at;
	uint8_t link_count;
	uint8_t source : 4, protocol : 4;
	uint8_t kind;
	uint32_t bits;
	uint32_t told;          /* SPAN_LEFT: the line that it was told as, in told_lines; 0 none */
};

struct span_half {
	struct span_rec *recs;
	uint64_t *index;                /* upper half of the hash, record + 1 */
	struct span_link *links;        /* id 0: done with */
	uint32_t count, indexed, related, waited, link_count;  /* waited: how many had the time of grace */
};

struct span_held {
	struct span_half half[2];
	unsigned young;
	uint32_t max, link_max, index_mask;
	uint64_t seed;
	uint64_t changes;               /* how often the halves changed places */
};

/* bytes: for both halves together. 0 or -ENOMEM. */
int span_held_init(struct span_held *h, size_t bytes, uint64_t seed);
void span_held_fini(struct span_held *h);

/* A zeroed record at the end of the young half, not in the index yet; NULL: it is full. */
struct span_rec *span_held_add(struct span_held *h);
/* Room for n links of the record just added; the number kept. */
uint32_t span_held_links(struct span_held *h, struct span_rec *r, const struct span_link *links, uint32_t n);
/* Put what was added into the index. Returns how many were duplicates. */
uint32_t span_held_index(struct span_held *h);
/* Forget what was added since, when it is not in the index: count as it was then. */
void span_held_undo(struct span_held *h, uint32_t count, uint32_t link_count);
/* Empty the old half and change places. */
void span_held_change(struct span_held *h);

static inline struct span_half *span_held_young(struct span_held *h) { return &h->half[h->young]; }
static inline struct span_half *span_held_old(struct span_held *h) { return &h->half[h->young ^ 1]; }

/* The span above r, NULL: not here. Of two that share an id the one that is of r's service, or else the server. */
struct span_rec *span_held_parent(const struct span_held *h, const struct span_rec *r);
/* The client span that a server span shares its id with, and the reverse. */
struct span_rec *span_held_twin(const struct span_held *h, const struct span_rec *r);
/* The span that a link names: a producer if there is a choice. */
struct span_rec *span_held_linked(const struct span_held *h, const struct span_link *l);
/* Warm the cache for span_held_parent(): first the index, some spans later the record. */
void span_held_warm_index(const struct span_held *h, const struct span_rec *r);
void span_held_warm_record(const struct span_held *h, const struct span_rec *r);

#endif
