/* SPDX-License-Identifier: MIT */
/*
 * decide.h - every random decision of a fault, as a pure function of (fault key, connection key, purpose, ordinal or offset).
 *
 * The fault key holds seed, line and fault name; the connection key is the connection's ordinal on its line, or a named key
 * and the ordinal under that name. Nothing else enters, so threads, timing and the way read() cut the stream change nothing.
 */
#ifndef FAULT_DECIDE_H
#define FAULT_DECIDE_H

#include "fault/spec.h"

enum decide_purpose {
	DECIDE_TOXICITY = 1, DECIDE_JITTER, DECIDE_CUT, DECIDE_FLIP, DECIDE_FLIP_BITS, DECIDE_DUPLICATE, DECIDE_DROP, DECIDE_CONNECT,
};

/* Who a connection is, to a fault. */
struct decide_conn {
	uint64_t key;           /* for the draws */
	uint64_t ordinal;       /* on the line, from 1: for scopes */
	bool has_ip;
	uint8_t ip[16];
	uint64_t members;       /* for faults that ask for it (spec_scope.member) */
};

/* Does the fault apply to this connection at all: toxicity and scope, time apart. */
bool decide_applies(const struct fault_spec *f, const struct decide_conn *c);
/* The draw behind it, in [0, 1): applies when draw < toxicity. For events. */
double decide_toxicity_draw(const struct fault_spec *f, const struct decide_conn *c);
/* Is the time part of the scope active at now? ret_until (may be NULL): when that changes next, or FL_NEVER. */
bool decide_active(const struct fault_spec *f, fl_ns now, fl_ns *ret_until);

/* Latency of the chunk that starts at stream offset off: latency plus jitter by the distribution; never negative. */
fl_ns decide_latency(const struct fault_spec *f, const struct decide_conn *c, uint64_t off);
/* Size of the k-th piece of a slicer, >= 1. Pieces 2i and 2i+1 together are always twice the average. */
uint32_t decide_cut(const struct fault_spec *f, const struct decide_conn *c, uint64_t k);
/*
 * Bytes left alone before the hit number k (geometric with the fault's rate; UINT64_MAX: for ever), and the bits to flip in it.
 * Hits are counted anew in each 64 KB of the stream, from the offset where those start.
 */
uint64_t decide_flip_gap(const struct fault_spec *f, const struct decide_conn *c, uint64_t k);
uint8_t decide_flip_mask(const struct fault_spec *f, const struct decide_conn *c, uint64_t k);
/* Is the k-th cell (of the fault's size) of the stream duplicated / dropped? */
bool decide_duplicate(const struct fault_spec *f, const struct decide_conn *c, uint64_t cell);
bool decide_drop(const struct fault_spec *f, const struct decide_conn *c, uint64_t cell);

/* What CONNECT faults do to a connection that is being opened at now. */
struct decide_connect {
	bool refuse, refuse_reset;
	const struct fault_spec *refuse_by;
	fl_ns delay_ns;                 /* sum over the delays that apply */
	const struct fault_spec *delay_by;
};
struct decide_connect decide_connect(const struct fault_set *set, const struct decide_conn *c, fl_ns now);

#endif
