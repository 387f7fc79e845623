/* SPDX-License-Identifier: MIT */
/*
 * span_rows.h - what calls add up to between two tellings: one row for each pair, protocol and source
 *
 * Ends are references: 0 nobody, a service's id, SPAN_REF_PEER with the id of a peer that is still to be resolved, or SPAN_REF_USER.
 */
#ifndef GRAPH_SPAN_ROWS_H
#define GRAPH_SPAN_ROWS_H

#include "base/types.h"
#include <stdbool.h>

#define SPAN_REF_PEER UINT32_C(0x80000000)
#define SPAN_REF_USER UINT32_C(0x7fffffff)

enum span_protocol { SPAN_PROTO_UNKNOWN, SPAN_PROTO_HTTP, SPAN_PROTO_RPC, SPAN_PROTO_DB, SPAN_PROTO_MESSAGING, SPAN_PROTO_ASYNC };
enum span_seen { SPAN_SEEN_CLIENT = 1, SPAN_SEEN_SERVER = 2, SPAN_SEEN_BOTH = 4 };

struct span_row {
	uint32_t from, to;
	uint8_t protocol, source, seen;
	uint64_t count, errors, latency;
	int64_t first, last;            /* 0: no span told a time that can be true */
};

/* One call. */
struct span_call {
	uint32_t from, to;
	uint8_t protocol, source, seen;
	bool error;
	bool again;                     /* it was counted already, under the address that was called */
	uint64_t latency;
	int64_t at;                     /* 0: not known */
};

struct span_rows {
	struct span_row *rows;
	uint32_t *index;
	uint32_t count, max, mask;
};

int span_rows_init(struct span_rows *t, uint32_t max);          /* 0 or -ENOMEM */
void span_rows_fini(struct span_rows *t);
void span_rows_clear(struct span_rows *t);
/* Add a call. false: there is no room for another row. */
bool span_rows_add(struct span_rows *t, const struct span_call *c);

#endif
