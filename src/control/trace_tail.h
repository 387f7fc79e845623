/* SPDX-License-Identifier: MIT */
/*
 * trace_tail.h - the messages of traced lines, taken from the proxy: the latest in memory for GET /v1/trace, all of them in a file.
 *
 * Recorded are lines with a `trace:` that asks for it; with a file also the calls of HTTP lines that do not refuse it. When the file
 * cannot be written that is logged, what is missed is counted, and traffic goes on.
 */
#ifndef CONTROL_TRACE_TAIL_H
#define CONTROL_TRACE_TAIL_H

#include "control/lines.h"
#include "run/trace_recorder.h"

#define TRACE_TAIL_BYTES (8u << 20)

struct trace_tail {
	struct trace_recorder *recorder;
	struct proxy *proxy;
	struct log *log;
	bool file;
};

/* path: NULL for none; appended to. now: io clock. 0 or -errno. */
int trace_tail_init(struct trace_tail *t, struct proxy *p, struct log *log, const char *path, fl_ns now);
/* Writes what is left. Accepts a zeroed one. */
void trace_tail_fini(struct trace_tail *t);
/* The line is about to be opened, or was changed. */
void trace_tail_line(struct trace_tail *t, const struct lines_line *l, bool opened, fl_ns now);
/* Take what the proxy has recorded; bounded work. */
void trace_tail_take(struct trace_tail *t, fl_ns now);

#endif
