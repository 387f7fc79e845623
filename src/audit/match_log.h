/* SPDX-License-Identifier: MIT */
/*
 * match_log.h - the file in which a sender or a receiver of a stream keeps what it did: blocks of packed records. Pure.
 *
 * A file is a head of 64 bytes and blocks. A block has a head of 64 bytes that says how many bytes and records follow, which
 * messages they are about, and a hash over all of it. Blocks know nothing of each other, so a file that was cut anywhere is good up to
 * its last whole block; one whose writer came to its end has MATCH_END as its last record. Numbers are little-endian; within
 * a block they are differences, as varints: a message sent takes about 11 bytes, an acknowledgement 4.
 *
 * Invariants
 *  (1) Reading touches no byte outside of what it was given, whatever the bytes are.
 *  (2) A record read lies within what the head of its block says: flow and number, so a reader may skip blocks by their heads.
 *  (3) The records of a block read back as they were put, in their order.
 */
#ifndef AUDIT_MATCH_LOG_H
#define AUDIT_MATCH_LOG_H

#include "base/types.h"
#include <stdbool.h>

#define MATCH_LOG_HEAD_BYTES 64u
#define MATCH_LOG_BLOCK_BYTES (64u << 10)       /* records of a block, at most */
#define MATCH_LOG_BYTES_MAX (16u << 10)         /* of an output or a corrupt message */
#define MATCH_LOG_MAGIC "FLSTRM1\n"

enum match_side { MATCH_SIDE_SENT = 1, MATCH_SIDE_RECEIVED = 2 };

/*
 *  SENT       flow, n, key, value, hash: handed to the transport for the first time
 *  AGAIN      flow, n: handed to it once more
 *  ACK        flow, n: the other side has promised to keep it
 *  REFUSED    flow, n: the other side has said that it will not take it, and no attempt is in doubt
 *  GOT        flow, n, key, value, hash: arrived whole
 *  CORRUPT    arrived damaged; claimed: flow, n and key are what it said; the beginning of it as bytes
 *  OUTPUT     a result, as bytes
 *  END        the writer is done
 */
enum match_kind {
	MATCH_SENT = 1, MATCH_AGAIN, MATCH_ACK, MATCH_REFUSED, MATCH_GOT, MATCH_CORRUPT, MATCH_OUTPUT, MATCH_END, MATCH_KINDS,
};

struct match_rec {
	enum match_kind kind;
	bool claimed;                   /* CORRUPT: flow, n, key stand there */
	uint32_t flow, key, hash;
	uint64_t n;
	int64_t value;
	fl_ns at;                       /* since the base of the file */
	const char *bytes;              /* CORRUPT, OUTPUT: in the block */
	uint32_t byte_count;
};

struct match_log_head {
	enum match_side side;
	bool acks;                      /* SENT: acknowledgements are recorded */
	uint64_t seed;
	int64_t wall_ns;                /* the base of its times, by the wall clock */
	fl_ns mono;                     /* and by the monotonic clock */
	uint64_t machine;               /* whose monotonic clock; 0: unknown */
};
void match_log_put_head(const struct match_log_head *h, uint8_t ret[MATCH_LOG_HEAD_BYTES]);
/* 0; -EINVAL not such a file; -EPROTO one of another version; -EBADMSG damaged. */
int match_log_get_head(const uint8_t bytes[MATCH_LOG_HEAD_BYTES], struct match_log_head *ret);

/* Records on their way into a block. Large: 64 KiB. */
struct match_pack {
	uint32_t used, count;           /* bytes behind the head, records */
	uint32_t flow_min, flow_max;
	uint64_t n_min, n_max, first;   /* first: records of the file before this block */
	fl_ns at;                       /* of the last record */
	fl_ns at_first;
	uint32_t flow;
	uint64_t n[MATCH_KINDS];        /* of the last record of the kind */
	uint8_t mem[MATCH_LOG_HEAD_BYTES + MATCH_LOG_BLOCK_BYTES];
};
void match_log_begin(struct match_pack *p, uint64_t first);
/* false: there is no room; seal, and begin the next block. */
bool match_log_put(struct match_pack *p, const struct match_rec *r);
/* The block: p->mem and, returned, its length; 0 when there is no record in it. */
uint32_t match_log_seal(struct match_pack *p);

struct match_block {
	uint32_t bytes, count;          /* behind the head */
	uint32_t flow_min, flow_max;    /* flow_min > flow_max: no record names a message */
	uint64_t n_min, n_max, first;
	fl_ns at_first;
	uint64_t hash;
};
/* 0; -EINVAL this is no block. */
int match_log_get_block(const uint8_t head[MATCH_LOG_HEAD_BYTES], struct match_block *ret);

struct match_cursor {
	const uint8_t *at, *end;
	const struct match_block *block;
	uint32_t left;                  /* records */
	fl_ns time;
	uint32_t flow;
	uint64_t n[MATCH_KINDS];
};
/*
 * match_log_open - begin to read a block.
 * block     of match_log_get_block(); stays in place while it is read
 * head      the same head; payload: block->bytes
 * returns   0; -EBADMSG its hash does not hold
 */
int match_log_open(const struct match_block *block, const uint8_t *head, const uint8_t *payload, struct match_cursor *ret);
/* 1 a record; 0 there are no more; -EBADMSG it is none. */
int match_log_next(struct match_cursor *c, struct match_rec *ret);

#endif
