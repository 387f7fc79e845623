/* SPDX-License-Identifier: MIT */
/*
 * match_judge.h - what was sent against what arrived. Pure; memory is the caller's.
 *
 * Messages are numbered within their flows, so each has a place in one long row: the flows one behind the other. The row is cut
 * into slices that fit the memory given; for each slice, the highest first, the caller gives all records of the senders, then
 * all records of the receivers, in the order of the files (it may leave out blocks about messages of other slices).
 * An entry of 16 bytes is all that is kept of a message, so one pass over the files judges 64 million messages a GiB.
 *
 * Invariants
 *  (1) Every record is counted in one slice: the one its message lies in; what names no message that can have been sent in the
 *      first slice given.
 *  (2) The result does not depend on how the row is cut.
 */
#ifndef AUDIT_MATCH_JUDGE_H
#define AUDIT_MATCH_JUDGE_H

#include "audit/match_log.h"
#include "audit/match_order.h"
#include "audit/match_result.h"

#define MATCH_FLOWS_MAX 4096u

/* A flow, as the senders' logs have it. */
struct match_flow {
	uint32_t flow;
	bool cut;                       /* its log was cut: higher numbers may have been sent */
	uint64_t n_min, n_max;          /* of what was sent */
	uint64_t base;                  /* of its first message in the row; match_judge_init() sets it */
};

struct match_entry {
	uint32_t hash, key;
	uint64_t at_state;
};

struct match_judge {
	struct match_flow *flows;       /* sorted by flow */
	uint32_t flow_count, flow_last;
	uint64_t total;                 /* length of the row */
	uint64_t low, high;             /* the slice */
	uint32_t slice;
	struct match_entry *entries;
	struct match_order keys, all;
	fl_ns late;                     /* FL_NEVER: no bound */
	bool acks;                      /* only what is acknowledged is promised; else all that is sent */
	bool nameless;                  /* a sender's log was cut before its first message: nobody knows its flow */
	bool clocks;                    /* times of both sides can be compared */
	struct match_result *result;
};

/*
 * match_judge_init - before the first slice.
 * flows     sorted by flow, at least one message each; stay with the caller, and in place
 * order_bytes   memory for what is kept of keys
 * returns   0; -ERANGE the row is longer than 2^62
 */
int match_judge_init(struct match_judge *j, struct match_flow *flows, uint32_t flow_count, size_t order_bytes, struct match_result *result);
void match_judge_fini(struct match_judge *j);

/* Begin the slice [low, high) of the row. entries: zeroed, one for each. */
void match_judge_slice(struct match_judge *j, uint64_t low, uint64_t high, struct match_entry *entries);
/* Could a block about these flows and numbers have something to say in this slice? */
bool match_judge_wants(const struct match_judge *j, const struct match_block *b);

/* at: the record's time on the clock that both sides share. */
void match_judge_sent(struct match_judge *j, const struct match_rec *r, fl_ns at);
/* place: among all records of its file, from 0 on. */
void match_judge_got(struct match_judge *j, const struct match_rec *r, uint32_t sink, uint64_t place, fl_ns at);
/* All records of the slice were given. */
void match_judge_close(struct match_judge *j);

#endif
