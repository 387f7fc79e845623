/* SPDX-License-Identifier: MIT */
/*
 * seg.h - runs of bytes on their way through a chain, and queues of them.
 *
 * A segment refers to bytes in a slab block, and several segments may refer to one block: the bytes are written once, by
 * chain_put(), and only counted references move.
 *
 * Invariants
 *  (1) Bytes of a block below `used` never change while two segments refer to them; bytes above it belong to nobody.
 *  (2) queue.bytes is the sum of len over data segments that are not copies; queue.count counts all segments.
 *  (3) Arrival times do not decrease along a queue.
 */
#ifndef FAULT_SEG_H
#define FAULT_SEG_H

#include "base/slab.h"
#include <stdbool.h>

enum seg_kind {
	SEG_DATA,
	SEG_EOF,                /* the sender's end of the stream */
	SEG_CLOSE,              /* a fault's end of the connection: becomes a verdict when all before it was sent */
};

/* What one segment costs in memory beside its bytes. */
#define SEG_COST 64
/* Smaller copies are gathered. */
#define SEG_COPY_SMALL 1024
/* A block of the largest size is 64 KB with its header. */
#define SEG_BLOCK_MAX ((uint32_t)(65536 - sizeof(struct seg_block)))

struct seg_block {
	uint32_t refs;
	uint32_t size;          /* bytes of data there is room for */
	uint32_t used;
	uint32_t unused;
	uint8_t data[];
};

struct chain_seg {
	struct chain_seg *next;
	fl_ns at;               /* arrival, moved on by the delays passed so far */
	uint64_t offset;        /* of the first byte in the stream that was put */
	union {
		struct seg_block *block;        /* SEG_DATA */
		uint64_t fault_id;              /* SEG_CLOSE: whose doing */
	};
	uint8_t *p;
	uint32_t len;
	uint8_t kind;
	bool shared;            /* another segment refers to the same bytes */
	bool copy;              /* made by a duplicating fault: its bytes count nowhere */
	bool cut;               /* a piece ends here: send it on its own */
};

struct seg_queue {
	struct chain_seg *head, *tail;
	uint32_t bytes, count;
};

static inline uint64_t seg_queue_cost(const struct seg_queue *q) { return q->bytes + (uint64_t)SEG_COST * q->count; }
static inline uint32_t seg_counted(const struct chain_seg *s) { return s->copy ? 0 : s->len; }

/* A segment of its own kind without bytes, or with a block of at least n bytes (n <= SEG_BLOCK_MAX, none used). NULL: no memory. */
struct chain_seg *seg_new(struct slab *mem, enum seg_kind kind, uint32_t n);
void seg_free(struct slab *mem, struct chain_seg *s);
/* Another segment on the n bytes at p of s's block. NULL: no memory. */
struct chain_seg *seg_refer(struct slab *mem, const struct chain_seg *s, uint8_t *p, uint32_t n);
/*
 * Append a copy of s, marked so, to a queue of copies. Small ones are gathered in blocks of their own, so that a queue costs
 * about as much as its bytes, however they came. 0 or -ENOMEM.
 */
int seg_keep_copy(struct slab *mem, struct seg_queue *q, struct chain_seg *s);
/* Make s the only user of its bytes. 0 or -ENOMEM. */
int seg_unshare(struct slab *mem, struct chain_seg *s);
/* Give up the bytes of a data segment and make it a SEG_CLOSE. */
void seg_to_close(struct slab *mem, struct chain_seg *s, uint64_t fault_id);

void seg_push(struct seg_queue *q, struct chain_seg *s);
struct chain_seg *seg_pop(struct seg_queue *q);
/* Give back all. */
void seg_free_all(struct slab *mem, struct seg_queue *q);
/* Leave the first n bytes (0 < n < len) of the head in it and put the rest behind it. 0 or -ENOMEM. */
int seg_split_head(struct slab *mem, struct seg_queue *q, uint32_t n);
/* Can s be joined to the tail, at whatever time it arrived? */
bool seg_joins(const struct seg_queue *q, const struct chain_seg *s);
/* Join s, which is freed, to the tail. Only after seg_joins(). */
void seg_join(struct slab *mem, struct seg_queue *q, struct chain_seg *s);

#endif
