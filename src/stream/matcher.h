/* SPDX-License-Identifier: MIT */
/* matcher.h - logs of senders against logs of receivers: the slices, the memory, the passes over the files. */
#ifndef STREAM_MATCHER_H
#define STREAM_MATCHER_H

#include "audit/match_judge.h"
#include "stream/stream_file.h"

#define MATCHER_SENT_MAX 64u
#define MATCHER_RECEIVED_MAX 64u

struct matcher {
	/* Set by the caller; the readers are open. */
	uint32_t sent_count, received_count;
	struct stream_reader *sent, *received;
	size_t memory_bytes;
	fl_ns late;                     /* FL_NEVER: no bound */
	bool promised_sent;             /* all that was sent is promised, acknowledged or not */
	bool (*stop)(void);
	void (*progress)(void *ud, double share);       /* 0 to 1, now and then; may be NULL */
	void *progress_ud;
	struct match_result *result;

	/* Of the judgement. */
	struct match_judge judge;
	struct match_flow flows[MATCH_FLOWS_MAX];
	uint32_t flow_count;
	bool acks, clocks;
	uint32_t slices;
	fl_ns base;
	uint64_t done, work;            /* records, for the progress */
	char error[256];
};
/*
 * matcher_run - fill m->result. Large struct: keep it off the stack.
 * returns   0; -ECANCELED stopped; -EINVAL bad input, -ENOMEM, both with error set
 */
int matcher_run(struct matcher *m);
void matcher_fini(struct matcher *m);

#endif
