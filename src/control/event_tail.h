/* SPDX-License-Identifier: MIT */
/*
 * event_tail.h - what faults did, taken from the proxy: the latest of it in memory for /v1/events, all of it in a file.
 *
 * The lines are those of run/events.h, "t" counted from 1970, and "n", a number that grows by one from event to event.
 * When the file cannot be written that is logged once and what is missed is counted; the tail goes on.
 */
#ifndef CONTROL_EVENT_TAIL_H
#define CONTROL_EVENT_TAIL_H

#include "control/log.h"
#include "run/trace_recorder.h"

#define EVENT_TAIL_MAX 8192

struct event_tail {
	struct proxy *proxy;
	struct log *log;
	struct trace_recorder *trace;   /* gets them too, where it wants to; NULL: nobody does */
	struct proxy_event *ring;       /* event n is at n % EVENT_TAIL_MAX */
	uint64_t next;                  /* number of the next event */
	uint64_t lost;                  /* events for which the proxy had no room */
	uint64_t unwritten;             /* events that the file missed */
	fl_ns epoch;                    /* io clock at 1970 */
	int fd;                         /* -1: no file */
	bool broken;                    /* the last write failed */
	struct buf out;
};

/* path: NULL for none; appended to. now: io clock. 0 or -errno. */
int event_tail_init(struct event_tail *e, struct proxy *p, struct log *log, const char *path, fl_ns now);
void event_tail_fini(struct event_tail *e);
/* Take what the proxy has recorded. Bounded work; true: there may be more. */
bool event_tail_take(struct event_tail *e);
/* Append up to max of the latest events from number `from` on, oldest first, as JSON lines. line: of that line only, or NULL. */
void event_tail_write(const struct event_tail *e, uint64_t from, uint64_t max, const char *line, struct buf *out);

#endif
