/* SPDX-License-Identifier: MIT */
/* trace_feed.c - see trace_feed.h. */
#include "run/trace_feed.h"

#include "faultline/call.h"
#include <string.h>

#define LINE_BYTES (sizeof(((struct http_record *)0)->line) - 1)        /* records cut names of lines to so much; so do we, to join them */

static struct trace_text
text_of(const char *s, size_t bytes)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strnlen(s, bytes) };
}

/* Span ids are bytes; as a number they read the same in hex. */
static uint64_t
span_of(const uint8_t *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

void
trace_feed_call(const struct http_record *r, fl_ns epoch, struct trace_event *ret_request, struct trace_event *ret_answer)
{
	struct trace_event e = { .at = r->start - epoch, .span = span_of(r->span), .parent = span_of(r->parent), .conn = r->conn, .number = r->number,
		.bytes = r->request_bytes, .kind = TRACE_REQUEST, .line = text_of(r->line, sizeof(r->line)),
		.what = text_of(r->method, sizeof(r->method)), .text = text_of(r->path, sizeof(r->path)) };

	memcpy(e.trace, r->trace, sizeof(e.trace));
	*ret_request = e;
	e.kind = TRACE_ANSWER;
	e.dir = 1;
	e.at += FL_MAX(r->total, 0);
	e.bytes = r->response_bytes;
	e.status = r->status;
	e.attempts = r->attempts;
	e.fault = r->fault;
	e.flags = (uint8_t)((r->hedged ? TRACE_HEDGED : 0) | (r->degraded ? TRACE_DEGRADED : 0) | (r->refused != 0 ? TRACE_REFUSED : 0));
	if (r->end == FL_END_FAILED || r->end == FL_END_TIMED_OUT || r->end == FL_END_ABANDONED || r->status == 0)
		e.flags |= TRACE_BROKEN;
	e.place = text_of(r->instance, sizeof(r->instance));
	e.what = text_of(fl_end_name((enum fl_end)r->end), 64);
	e.text = text_of(r->broke, sizeof(r->broke));
	*ret_answer = e;
}

bool
trace_feed_fault(const struct proxy_event *ev, fl_ns epoch, struct trace_event *ret)
{
	if (ev->fault_id == 0)
		return false;
	*ret = (struct trace_event){ .at = ev->at - epoch, .conn = ev->conn_ordinal, .bytes = ev->offset, .fault = ev->fault_id, .value = ev->value,
		.kind = TRACE_FAULT, .dir = ev->dir == FL_S2C,
		.line = text_of(ev->line, LINE_BYTES),
		.place = text_of(ev->fault_name, sizeof(ev->fault_name)), .what = text_of(ev->what, 64) };
	if (strcmp(ev->what, "abort") == 0)
		ret->number = ev->offset;       /* it names the request on its connection; others are known by their moment */
	return true;
}
