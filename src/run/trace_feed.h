/* SPDX-License-Identifier: MIT */
/* trace_feed.h - what the data plane recorded, as events of a trace: calls of HTTP lines, decisions of faults. Pure. */
#ifndef RUN_TRACE_FEED_H
#define RUN_TRACE_FEED_H

#include "audit/trace_event.h"
#include "proxy/http_record.h"
#include "proxy/proxy.h"

/* A call: what went in, and what came out. epoch: io clock at 1970. Texts lie in r. */
void trace_feed_call(const struct http_record *r, fl_ns epoch, struct trace_event *ret_request, struct trace_event *ret_answer);
/* false: it is no fault's doing (a connection opened, closed). */
bool trace_feed_fault(const struct proxy_event *ev, fl_ns epoch, struct trace_event *ret);

#endif
