/* SPDX-License-Identifier: MIT */
/* trace_feed.c - see trace_feed.h. */
#include "run/trace_feed.h"

#include "faultline/call.h"
#include <string.h>

static struct trace_text
text_of(const char *s, size_t bytes)
{
	return (struct trace_text){ .p = s, .n = (uint32_t)strnlen(s, bytes) };
}

_Static_assert(sizeof(((struct http_record *)NULL)->line) == TRACE_RING_LINE, "names of lines are cut alike");

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
	e.id = text_of(r->id, sizeof(r->id));
	e.hash = r->request_hash;
	e.flags = r->grouped ? TRACE_KEYED : 0;
	*ret_request = e;
	e.id = (struct trace_text){ .p = NULL };
	e.hash = r->response_hash;
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

static bool
unhex(const char *s, unsigned bytes, uint8_t *ret)
{
	for (unsigned i = 0; i < 2 * bytes; i++) {
		const char c = s[i];
		const int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (v < 0)
			return false;
		ret[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : ret[i / 2] | v);
	}
	return true;
}

/* An id that is a W3C traceparent says more than a name: where the message comes from. */
static void
take_context(struct trace_event *e)
{
	uint8_t trace[16], span[8];

	if (e->id.n != 55 || memcmp(e->id.p, "00-", 3) != 0 || !unhex(e->id.p + 3, 16, trace) || !unhex(e->id.p + 36, 8, span))
		return;
	memcpy(e->trace, trace, sizeof(trace));
	e->parent = span_of(span);
	e->id = (struct trace_text){ .p = NULL };
}

void
trace_feed_mark(const struct trace_mark *m, fl_ns epoch, struct trace_event *ret)
{
	*ret = (struct trace_event){ .at = m->at - epoch, .conn = m->conn, .number = m->number, .bytes = m->bytes, .hash = m->hash,
		.value = (int64_t)m->offset, .kind = m->out ? TRACE_OUT : TRACE_IN, .dir = m->dir == FL_S2C,
		.flags = (uint8_t)((m->cut ? TRACE_BROKEN : 0) | (m->unframed ? TRACE_UNFRAMED : 0) | (m->group ? TRACE_KEYED : 0)),
		.line = text_of(m->line, sizeof(m->line)), .id = text_of(m->id, sizeof(m->id)) };
	take_context(ret);
}

bool
trace_feed_event(const struct proxy_event *ev, fl_ns epoch, struct trace_event *ret)
{
	const bool closed = ev->fault_id == 0 && strcmp(ev->what, TRACE_NOTE_CLOSE) == 0;

	if (ev->fault_id == 0 && !closed)
		return false;
	*ret = (struct trace_event){ .at = ev->at - epoch, .conn = ev->conn_ordinal, .line = text_of(ev->line, TRACE_FEED_LINE),
		.what = text_of(ev->what, 64), .kind = closed ? TRACE_NOTE : TRACE_FAULT };
	if (closed) {
		ret->text = text_of(line_close_name((enum line_close)ev->value), 64);
		return true;
	}
	ret->bytes = ev->offset;
	ret->number = ev->request;
	ret->fault = ev->fault_id;
	ret->value = ev->value;
	ret->dir = ev->dir == FL_S2C;
	ret->place = text_of(ev->fault_name, sizeof(ev->fault_name));
	return true;
}
