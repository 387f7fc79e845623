/* SPDX-License-Identifier: MIT */
/*
 * events.h - the lines of events.jsonl: one JSON object each, with "t" in ns since the run started and "what".
 *
 * What a fault decided on a connection has "line", "conn" (its ordinal), "key", "dir", "fault", "offset" and "value";
 * "life" when the line was down before. doc/experiments.md lists them. Pure. All return 0 or -ENOBUFS.
 */
#ifndef RUN_EVENTS_H
#define RUN_EVENTS_H

#include "base/buf.h"
#include "proxy/proxy.h"

/* What a fault or a connection did, as the data plane recorded it. */
int events_proxy(struct buf *out, fl_ns epoch, const struct proxy_event *ev, unsigned life);

/* Something the conductor did or saw: `what`, and up to a few texts, name and value in turn, NULL at the end. */
int events_note(struct buf *out, fl_ns t, const char *what, ...) __attribute__((sentinel));

/* A JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
int events_put_text(struct buf *out, const char *s);

#endif
