/* SPDX-License-Identifier: MIT */
/*
 * runbook_journal.h - what a runbook has done, line by line, on disk before anything else happens: whoever comes after a crash goes on from it.
 *
 * JSON lines: {"at":ns,"event":"begin|start|done|failed|stuck|paused|aborted|end","step":…,"took":ns,"why":…}. A last line that was cut
 * (we were killed) is left out. One conductor at a time: the file is locked.
 */
#ifndef MAP_RUNBOOK_JOURNAL_H
#define MAP_RUNBOOK_JOURNAL_H

#include "map/runbook.h"

struct runbook_journal {
	int fd;                         /* -1: none is kept */
	int err;                        /* the first error of a write, negative: nobody may go on then */
};

struct runbook_past {
	bool changed;                   /* the steps are not those the journal began with */
	bool cut;                       /* its last line was */
	bool drill;
	uint32_t done;
	uint32_t redo;                  /* done, but standing after one that is not: to be done again */
	uint32_t under_way;             /* began and did not end */
	uint32_t line;                  /* of the error */
};

/* A new journal. 0, -EEXIST: there is one, -errno. */
int runbook_journal_new(struct runbook_journal *j, const char *path, const struct runbook *b, bool drill);
/*
 * runbook_journal_resume - open one that there is and fold it into b, which is as runbook_init() left it.
 * returns   0; -EBADMSG: line *ret_past.line is not of a journal; -EWOULDBLOCK: somebody else conducts by it; -errno
 */
int runbook_journal_resume(struct runbook_journal *j, const char *path, struct runbook *b, struct runbook_past *ret_past);
void runbook_journal_close(struct runbook_journal *j);

/* Add a line and wait until it is on the disk. step, why: NULL, none; took < 0: none. 0 or the first error. */
int runbook_journal_put(struct runbook_journal *j, const char *event, const char *step, fl_ns took, const char *why);

#endif
