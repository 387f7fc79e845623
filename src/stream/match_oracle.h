/* SPDX-License-Identifier: MIT */
/*
 * match_oracle.h - the results of a service against what an oracle makes of the messages sent: a declared function, or a program. The
 * messages and results of the logs are held in memory, within a bound.
 */
#ifndef STREAM_MATCH_ORACLE_H
#define STREAM_MATCH_ORACLE_H

#include "audit/match_value.h"
#include "stream/stream_file.h"

struct match_oracle_job {
	const struct match_oracle *oracle;
	const char *command;            /* GIVEN: reads "KEY NUMBER VALUE FLOW" lines, writes results */
	uint32_t sent_count, received_count;
	struct stream_reader *sent, *received;  /* open */
	bool promised_sent;             /* all that was sent is certain */
	size_t memory_bytes;
	bool (*stop)(void);
	struct match_result *result;
	uint32_t flow_count;            /* comes out */
	bool acks;                      /* comes out */
	char error[256];
};
/* Fill job->result. 0; -EINVAL bad input, -ENOMEM over the bound, -EIO the program failed, all with error; -ECANCELED. */
int match_oracle_run(struct match_oracle_job *job);

#endif
