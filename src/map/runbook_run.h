/* SPDX-License-Identifier: MIT */
/*
 * runbook_run.h - conduct a runbook: begin what may begin, check, run, wait for people, tell what is stuck, stop in an orderly way.
 *
 * Ctrl-C once: nothing new begins, what is under way is let finish (paused). Twice: what is under way is killed (aborted). A step that fails
 * stops it like a pause. The journal tells whoever resumes where it was: a step that was under way is looked at by its check after; without
 * one somebody has to say whether it is done or to be run again.
 *
 * The caller has called term_hold_signals(). A command's output goes to LOGS/STEP.log.
 */
#ifndef MAP_RUNBOOK_RUN_H
#define MAP_RUNBOOK_RUN_H

#include "map/runbook.h"
#include "map/runbook_journal.h"
#include <stdio.h>

enum runbook_outcome {
	RUNBOOK_ALL_DONE,
	RUNBOOK_STEP_FAILED,            /* and what else was under way has ended */
	RUNBOOK_PAUSED,                 /* by Ctrl-C, or because a person has to do or to say something first */
	RUNBOOK_ABORTED,
	RUNBOOK_NO_JOURNAL,             /* it cannot be written any more: journal->err */
};

struct runbook_opts {
	uint32_t parallel;              /* at most so many at once; 0: all that may */
	struct runbook_journal *journal;        /* NULL: none */
	const char *logs;               /* a directory that there is; NULL: output is dropped */
	FILE *out;                      /* what happens, a line each */
	bool colour;
	bool person;                    /* somebody sits at standard input and answers */
	const char *const *confirmed, *const *again;    /* names of steps, NULL-terminated or NULL: done by a person; to be run again */
	void (*on_end)(void *ud, uint32_t step, fl_ns took, bool ok);   /* NULL: nobody wants to know */
	void *ud;
};

enum runbook_outcome runbook_run(struct runbook *b, const struct runbook_opts *opts);

#endif
