/* SPDX-License-Identifier: MIT */
/*
 * history_read.h - read a history from JSON lines, the format that doc/report.md describes. Works on memory.
 *
 * One object a line: {"process":3,"type":"invoke","f":"write","key":"k5","value":17,"time":12003000000}. Unknown members are
 * skipped, lines of other kinds of processes ("nemesis", negative numbers) and blank lines are counted and skipped.
 * What is not a history is refused with its line number; the last line may be cut off (a killed recorder) and is then
 * left out and said so. Operations that are open at the end are info.
 */
#ifndef AUDIT_HISTORY_READ_H
#define AUDIT_HISTORY_READ_H

#include "audit/history.h"

#define HISTORY_READ_LINE_MAX 65536
#define HISTORY_READ_ERROR_MAX 512

struct history_read_info {
	uint32_t lines;                 /* lines seen */
	uint32_t skipped;               /* blank lines and lines of the nemesis */
	uint32_t pending;               /* operations without an outcome */
	bool cut;                       /* the last line was cut off and left out */
	/* On failure: where and what. column counts bytes from 1. */
	uint32_t line, column;
	char error[HISTORY_READ_ERROR_MAX];
};

/*
 * history_read - add the events in text to an empty history.
 * returns    0; -EINVAL not a history, info says where and what was expected; -ENOBUFS too large for the history's memory
 *            (info too). The history is then fit only for history_fini().
 */
int history_read(struct history *h, const char *text, size_t text_bytes, struct history_read_info *info);

#endif
