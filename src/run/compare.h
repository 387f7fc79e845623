/* SPDX-License-Identifier: MIT */
/*
 * compare.h - did the faults of two runs decide alike? Two events.jsonl, matched by (line, life, connection key, direction, fault,
 * what, offset): the same place in the same traffic must have the same value.
 *
 * Only decisions are compared: what a fault draws or is told. What follows from the moment (how long a queue held bytes back,
 * when a timeout closed a connection) is left out. Pure.
 */
#ifndef RUN_COMPARE_H
#define RUN_COMPARE_H

#include "base/buf.h"

#define COMPARE_FAULTS_MAX 256
#define COMPARE_EXAMPLES_MAX 8
#define COMPARE_ERROR_MAX 256

struct compare_fault {
	char line[64], fault[128];
	uint64_t equal, different;
	uint64_t only_first, only_second;       /* of these, on connections that the other run did not have: */
	uint64_t no_conn_first, no_conn_second;
};
struct compare_result {
	uint32_t fault_count;
	struct compare_fault faults[COMPARE_FAULTS_MAX];
	uint64_t equal, different, only_first, only_second, no_conn_first, no_conn_second;
	uint32_t example_count;                 /* of different values */
	char examples[COMPARE_EXAMPLES_MAX][256];
};

/*
 * compare_events - compare two texts of JSON lines. A cut last line is left out.
 * returns    0; -EINVAL with error (COMPARE_ERROR_MAX bytes); -ENOMEM
 */
int compare_events(const char *first, size_t first_bytes, const char *second, size_t second_bytes, struct compare_result *ret, char *error);

/* Add the findings of another pair of runs; `group` stands before the names of its lines. */
void compare_add(struct compare_result *into, const struct compare_result *from, const char *group);

/* What there is to say about it, in a few lines of text. */
int compare_say(const struct compare_result *r, struct buf *out);
/* As a JSON object. */
int compare_json(const struct compare_result *r, struct buf *out);

#endif
