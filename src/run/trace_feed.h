/* SPDX-License-Identifier: MIT */
/* trace_feed.h - what the data plane recorded, as events of a trace: calls of HTTP lines, messages, decisions of faults. Pure. */
#ifndef RUN_TRACE_FEED_H
#define RUN_TRACE_FEED_H

#include "audit/trace_event.h"
#include "proxy/http_record.h"
#include "proxy/proxy.h"
#include "proxy/trace_ring.h"

#define TRACE_FEED_LINE (TRACE_RING_LINE - 1)   /* bytes of a line's name: records cut names to so much; so do all events, to be joined */

/* A call: what went in, and what came out. epoch: io clock at 1970. Texts lie in r. */
void trace_feed_call(const struct http_record *r, fl_ns epoch, struct trace_event *ret_request, struct trace_event *ret_answer);
/* A message of a line with frames. Texts lie in m. */
void trace_feed_mark(const struct trace_mark *m, fl_ns epoch, struct trace_event *ret);
/* What a fault did, or the end of a connection. false: it is neither. */
bool trace_feed_event(const struct proxy_event *ev, fl_ns epoch, struct trace_event *ret);

#endif
