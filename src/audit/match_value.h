/* SPDX-License-Identifier: MIT */
/*
 * match_value.h - the results of a stream against an oracle: what a count, a sum, a window or a join of a key's messages should be. Pure.
 *
 * A service takes the messages of a key in their order and puts out a result after each: with its state in the result, a lost,
 * repeated, reordered or damaged message shows, and so does state that was lost in a recovery and would otherwise not be seen
 * (Wallaroo's sequence windows are last:4 over numbers).
 *
 * Messages whose outcome is in doubt may be in the state or not: every choice that explains the results so far is kept.
 *
 * Invariants
 *  (1) No result is called wrong that some choice of the messages in doubt explains.
 */
#ifndef AUDIT_MATCH_VALUE_H
#define AUDIT_MATCH_VALUE_H

#include "audit/match_result.h"

#define MATCH_WINDOW_MAX 16u            /* values of a result */
#define MATCH_VALUE_STATES 4096u        /* explanations kept of a key */

enum match_function { MATCH_COUNT, MATCH_SUM, MATCH_LAST, MATCH_JOIN, MATCH_GIVEN };

struct match_oracle {
	enum match_function function;
	uint32_t window;                /* LAST: how many values, zeros before the first */
	uint32_t flow_a, flow_b;        /* JOIN: the nth message of a with the nth of b, each in its key */
};
/* "count", "sum", "last:4", "join:1,2". false: it is none of these. */
bool match_value_function(const char *text, struct match_oracle *ret);

/* A message as the oracle sees it. */
struct match_input {
	uint64_t n;
	int64_t value;
	uint32_t flow, key;
	bool certain;                   /* it was promised; else it is in doubt */
};
struct match_output {
	uint64_t place;                 /* in its file */
	fl_ns at;
	uint32_t key, sink, count;
	int64_t values[MATCH_WINDOW_MAX];
};
/*
 * match_value_read - a result from its text: "KEY VALUE...", the values separated by commas or spaces, in brackets or not; or JSON with
 * "key" and one of "value", "values", "window". Without the place.
 * returns   0 or -EINVAL
 */
int match_value_read(const char *text, size_t n, struct match_output *ret);

struct match_value_state {
	uint32_t at;                    /* messages behind it */
	int64_t sum;                    /* of values; number of messages */
	int64_t last[MATCH_WINDOW_MAX];
};

/* One key. */
struct match_value_key {
	const struct match_oracle *oracle;
	uint32_t key;
	const struct match_input *inputs;       /* in order; JOIN: those of flow_a */
	uint32_t input_count;
	const struct match_input *others;       /* JOIN: of flow_b */
	uint32_t other_count;
	const struct match_output *given;       /* GIVEN: what should come out */
	uint32_t given_count;
	const struct match_output *outputs;     /* in the order of arrival */
	uint32_t output_count;
	struct match_value_state *states;       /* room: 2 * MATCH_VALUE_STATES */
};
/* Judge a key's results: adds to the result's lost, duplicate and wrong-value. */
void match_value_judge(const struct match_value_key *k, struct match_result *result);

#endif
