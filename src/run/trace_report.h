/* SPDX-License-Identifier: MIT */
/* trace_report.h - what a run's trace shows of the message that went wrong first: for its report. */
#ifndef RUN_TRACE_REPORT_H
#define RUN_TRACE_REPORT_H

#include "base/arena.h"

struct trace_report {
	uint32_t wrong;                 /* messages that something is wrong with */
	const char *message;            /* the first of them; NULL: none */
	const char *svg, *text;         /* the tree that it is part of, and what is wrong in it */
};

/* path: of a trace store. Texts are of mem. 0 with *ret filled; -errno, -EBADMSG or -ENOMEM: there is nothing to show. */
int trace_report(const char *path, struct arena *mem, struct trace_report *ret);

#endif
