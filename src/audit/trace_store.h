/* SPDX-License-Identifier: MIT */
/*
 * trace_store.h - a file of blocks of events, as bytes: which blocks are whole, and the events that a question asks for. Pure.
 *
 * What a killed recorder leaves half written at the end is torn; what is damaged before that is left out, and reading goes on at
 * the next whole block. Both are counted, and whoever shows events says so.
 *
 * Invariants
 *  (1) Every block in the table has been checked as a whole, once, by trace_store_open().
 *  (2) Looking for whole blocks behind damaged ones costs at most TRACE_STORE_SEARCH times the file.
 */
#ifndef AUDIT_TRACE_STORE_H
#define AUDIT_TRACE_STORE_H

#include "audit/trace_block.h"
#include "base/arena.h"

#define TRACE_STORE_SEARCH 4u

struct trace_store {
	struct arena *mem;
	struct trace_block_view *blocks;
	uint32_t count;
	uint64_t events, lost;          /* lost: the recorder had no room for */
	uint64_t files;                 /* recordings in it, one behind the other */
	uint64_t damaged_bytes, torn_bytes, torn_at;
	uint64_t missing;               /* blocks that must have been between those that are there */
	fl_ns time_min, time_max;
	struct trace_cursor cursor;
};

/* bytes stay where they are as long as the store is used. 0; -EBADMSG: no block in it; -ENOMEM: the arena is full. */
int trace_store_open(struct trace_store *s, const void *p, size_t n, struct arena *mem);

/* What is not said is zero. All that is said must hold. */
struct trace_query {
	bool has_trace, has_conn, has_number;
	uint8_t trace[16];
	uint64_t span;
	struct trace_text line, place, id;
	uint64_t conn, number;          /* conn asks for a line too */
	fl_ns from, to;                 /* to 0: no end */
	unsigned kinds;                 /* bits 1 << enum trace_kind; 0: all */
};
typedef bool trace_store_fn(void *ud, const struct trace_event *e);     /* false: that is enough */

/* Call fn for each event, in the order of the file. returns blocks that had to be read; those not as their header says are skipped. */
uint32_t trace_store_each(struct trace_store *s, const struct trace_query *q, trace_store_fn *fn, void *ud);
bool trace_store_fits(const struct trace_query *q, const struct trace_event *e);

#endif
