/* SPDX-License-Identifier: MIT */
/* match_say.h - what became of a stream, as text for people and as JSON for programs. Pure. */
#ifndef AUDIT_MATCH_SAY_H
#define AUDIT_MATCH_SAY_H

#include "audit/match_result.h"
#include "proto/jsonw.h"

struct match_report {
	const struct match_result *result;
	const struct match_expect *expect;
	enum match_verdict verdict;
	uint32_t findings;
	const char *why;                /* it cannot be judged; NULL */
	bool acks;                      /* the senders recorded acknowledgements */
	bool clocks;                    /* latencies are known */
	bool values;                    /* results were judged by an oracle */
	uint32_t flow_count, file_count;
	uint32_t examples_max;          /* of a kind */
	const char *const *files;       /* of the receivers, by sink */
};

void match_say_text(const struct match_report *m, struct buf *out);
void match_say_json(const struct match_report *m, struct jsonw *w);
/* "held", "finding", "unknown". */
const char *match_say_verdict(enum match_verdict v);

#endif
