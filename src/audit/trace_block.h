/* SPDX-License-Identifier: MIT */
/*
 * trace_block.h - events packed into blocks, each of which can be read alone and proves that it is whole. Pure, no allocation.
 *
 *      header 64 bytes | filter, 0 or a power of two of 8-byte words | events
 *
 *       0  8  "fltrace1"                     32  8  the latest time in it
 *       8  8  number of the file             40  4  bytes of events
 *      16  8  number of the block, from 0    44  4  count of events
 *      24  8  the earliest time in it        48  4  words of the filter
 *      52  4  events lost before this block  56  8  SipHash of everything but these 8 bytes
 *
 * Numbers are little endian. An event is a byte (kind, direction), two of which fields follow, and these fields: numbers as
 * LEB128, times and connections as the difference to the event before, texts as their number in the block's dictionary, written
 * out at first use; ids always are. The filter is a Bloom filter (blocked: each key sets four bits of one word, Putze, Sanders, Singler 2007) over
 * trace_key_*() of what is in the block: who looks for something reads only blocks that may have it.
 *
 * Invariants
 *  (1) A block is at most TRACE_BLOCK_BYTES long.
 *  (2) Every event fits into an empty block.
 *  (3) Readers touch nothing outside the bytes they are given, whatever these are.
 */
#ifndef AUDIT_TRACE_BLOCK_H
#define AUDIT_TRACE_BLOCK_H

#include "audit/trace_event.h"

#define TRACE_HEADER_BYTES 64u
#define TRACE_FILTER_WORDS 512u
#define TRACE_PAYLOAD_BYTES 65536u
#define TRACE_BLOCK_BYTES (TRACE_HEADER_BYTES + 8 * TRACE_FILTER_WORDS + TRACE_PAYLOAD_BYTES)
#define TRACE_WORDS_MAX 4096u           /* texts in the dictionary of a block */
#define TRACE_MAGIC "fltrace1"

/* ---- writing ---- */

struct trace_block_word {
	uint64_t hash;
	uint32_t at, n;                 /* in the events */
};
struct trace_block {
	uint64_t file, number;
	uint32_t bytes, events, words, stamp, keys;
	fl_ns time_min, time_max;
	struct trace_event last;        /* what differences are taken to */
	uint64_t filter[TRACE_FILTER_WORDS];
	struct trace_block_word word[TRACE_WORDS_MAX];
	struct { uint32_t stamp, word; } slot[2 * TRACE_WORDS_MAX];
	uint8_t out[TRACE_BLOCK_BYTES];
};

/* file: anything that differs from file to file. */
void trace_block_init(struct trace_block *b, uint64_t file);
/* false: there is no room; seal it, then put again. ~50 ns. */
bool trace_block_put(struct trace_block *b, const struct trace_event *e);
/*
 * trace_block_seal - finish the block and begin the next.
 * lost      events that could not be recorded since the block before
 * returns   its length, 0 when it is empty and nothing was lost; *ret_p lies in b and lasts until the next put
 */
size_t trace_block_seal(struct trace_block *b, uint32_t lost, const uint8_t **ret_p);

/* ---- what filters are asked for ---- */

uint64_t trace_key_trace(const uint8_t trace[16]);
uint64_t trace_key_span(uint64_t span);
uint64_t trace_key_conn(struct trace_text line, uint64_t conn);
uint64_t trace_key_id(struct trace_text id);
uint64_t trace_key_name(struct trace_text name);        /* of a line, an instance, a fault */

/* ---- reading ---- */

struct trace_block_view {
	const uint8_t *filter, *p;
	size_t bytes;                   /* of the whole block */
	uint64_t file, number;
	fl_ns time_min, time_max;
	uint32_t payload, events, filter_words, lost;
};
/*
 * trace_block_view - what stands at p, of which n bytes are there.
 * returns   0; -ENODATA: it may go on behind n (a torn tail); -EBADMSG: no block, or damaged
 */
int trace_block_view(const uint8_t *p, size_t n, struct trace_block_view *ret);
/* May the block have this key? false is certain. */
bool trace_block_may(const struct trace_block_view *v, uint64_t key);

struct trace_cursor {
	struct trace_block_view view;
	uint32_t at, read, words;
	struct trace_event last;
	struct trace_text word[TRACE_WORDS_MAX];
};
void trace_cursor_init(struct trace_cursor *c, const struct trace_block_view *v);
/* 1 and an event, whose texts lie in the block; 0: there are no more; -EBADMSG: the events are not what the header says. */
int trace_cursor_next(struct trace_cursor *c, struct trace_event *ret);

#endif
