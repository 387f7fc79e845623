/* SPDX-License-Identifier: MIT */
/*
 * trace_recorder.h - takes what the data plane recorded about messages into a trace store: the daemon's and a run's. One thread.
 */
#ifndef RUN_TRACE_RECORDER_H
#define RUN_TRACE_RECORDER_H

#include "proxy/trace_conf.h"
#include "run/trace_feed.h"
#include "run/trace_file.h"

struct trace_recorder;
/* path, tail_max: of trace_file_new(). epoch: io clock at 1970. 0 or -errno. */
int trace_recorder_new(const char *path, size_t tail_max, fl_ns epoch, struct trace_recorder **ret);
/* Writes what is left; 0 or the first error there was. NULL is fine. */
int trace_recorder_free(struct trace_recorder *r);

/* All below accept r NULL: nothing is recorded. */

/*
 * A line whose messages are recorded, as it is from now on.
 * conf      NULL: only what its calls say
 * opened    its connections are numbered from 1 again: what was recorded before must have been taken
 * at        io clock
 */
void trace_recorder_line(struct trace_recorder *r, const char *line, const struct trace_conf *conf, bool opened, fl_ns at);
/* A call of a line that is recorded; others are passed over. */
void trace_recorder_call(struct trace_recorder *r, const struct http_record *call);
/* Decisions of faults and ends of connections, of lines that are recorded. */
void trace_recorder_event(struct trace_recorder *r, const struct proxy_event *ev);
/* A fault of a run begins, or ends. */
void trace_recorder_fault(struct trace_recorder *r, const char *name, bool on, fl_ns at);
/* Take messages from the proxy, at most `rounds` batches; and what is too old to wait goes to disk. As trace_file_kick(). */
int trace_recorder_take(struct trace_recorder *r, struct proxy *p, unsigned rounds, fl_ns now);
/* Take all there is: calls, events and messages that nobody else takes. */
void trace_recorder_drain(struct trace_recorder *r, struct proxy *p);
/* The latest, all of it. returns its bytes. */
size_t trace_recorder_tail(struct trace_recorder *r, const uint8_t **ret_p);
/* Events that came too fast, or could not be written. */
uint64_t trace_recorder_lost(const struct trace_recorder *r);
uint64_t trace_recorder_events(const struct trace_recorder *r);

#endif
