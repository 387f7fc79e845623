/* SPDX-License-Identifier: MIT */
/*
 * judge.h - the verdict of a run from everything that was observed. No clock, no file: the same observations give the same verdict.
 *
 * In this order: what made judging impossible (4), what aborted it (3), findings (1), what is unknown (4), held (0).
 */
#ifndef RUN_JUDGE_H
#define RUN_JUDGE_H

#include "audit/verdict.h"
#include "run/observe.h"
#include "run/result.h"

enum judge_stop { JUDGE_RAN, JUDGE_GUARD, JUDGE_SIGNAL, JUDGE_BROKEN };

#define JUDGE_CRASHES_MAX 16
struct judge_case {
	const struct experiment *x;
	const struct observe *obs;
	const struct measure *probes; /* x->probe_count */
	enum judge_stop stop;
	const char *why;                /* of a stop */
	bool after_ran;                 /* the probes after the faults had their chance */
	fl_ns healed_after;             /* how long they took to hold; < 0: they did not */
	const char *crashes[JUDGE_CRASHES_MAX];         /* sentences: processes that ended by themselves */
	uint32_t crash_count;
	const struct verdict_outcome *audit;            /* NULL: there was none */
	const struct result_audit *audits;              /* those that commands carried out */
	uint32_t audit_count;
	uint32_t full_logs;             /* clients that ended early */
};

/*
 * judge_fill - verdict, exit_code, headline, reasons, faults, marks, probes, tolerances, audit of the result, whose load is
 * filled already. Texts in mem; what is said of the experiment points into it. 0 or -ENOMEM.
 */
int judge_fill(const struct judge_case *c, struct arena *mem, struct run_result *r);

#endif
