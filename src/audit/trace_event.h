/* SPDX-License-Identifier: MIT */
/*
 * trace_event.h - one thing that happened to a message: it went in, its answer came out, a fault hit it; or a note of a run.
 *
 * A message is named by its flow and its number there, never by time: LINE/CONNECTION/NUMBER, and LINE/CONNECTION/sNUMBER for the
 * messages of the server's side on a line with frames. What belongs together is known from W3C trace context (the trace, its own
 * span, the span of what caused it), or from an id that the messages carry.
 */
#ifndef AUDIT_TRACE_EVENT_H
#define AUDIT_TRACE_EVENT_H

#include "base/types.h"
#include <stdbool.h>
#include <string.h>

#define TRACE_TEXT_MAX 1024u            /* bytes of a text; longer ones are cut */
#define TRACE_LIFE_SHIFT 40             /* above this in conn: how often the line had been opened before */

enum trace_kind {
	TRACE_REQUEST,                  /* a message went into a line: at is its first byte */
	TRACE_ANSWER,                   /* its answer came out: at is its last byte */
	TRACE_FAULT,                    /* a fault decided or did something */
	TRACE_NOTE,                     /* of the run: a phase, a mark; of a connection: its end; of a line: who is at its ends */
	TRACE_IN,                       /* a message of a line with frames came from its sender, whole */
	TRACE_OUT,                      /* a message left for its receiver, whole; faults have acted */
	TRACE_KINDS
};

enum trace_flags {
	TRACE_HEDGED = 1,               /* an answer: asked twice at once */
	TRACE_DEGRADED = 2,             /* an answer: a fallback answered */
	TRACE_REFUSED = 4,              /* an answer, by a policy: nobody was asked, or not again */
	TRACE_BROKEN = 8,               /* an answer or a message: ended before its end */
	TRACE_UNFRAMED = 16,            /* a message: what follows is not what the line's frames are */
	TRACE_KEYED = 32,               /* its id is that of a group: many messages have it */
};

/* What a note is about, in `what`. */
#define TRACE_NOTE_LINE "line"          /* line; text: the service that calls, place: the one that is called; "" not known */
#define TRACE_NOTE_CLOSE "close"        /* line, conn; text: why it ended */
#define TRACE_NOTE_ON "fault_on"        /* place: a fault of a run that begins, and ends */
#define TRACE_NOTE_OFF "fault_off"

struct trace_text {
	const char *p;                  /* NULL only with n 0; no NUL behind it */
	uint32_t n;
};

static inline bool
trace_text_same(struct trace_text a, struct trace_text b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline int
trace_text_order(struct trace_text a, struct trace_text b)
{
	int d = a.n > 0 && b.n > 0 ? memcmp(a.p, b.p, FL_MIN(a.n, b.n)) : 0;

	return d != 0 ? d : (a.n > b.n) - (a.n < b.n);
}

static inline bool
trace_text_is(struct trace_text t, const char *s)
{
	return t.n == strlen(s) && (t.n == 0 || memcmp(t.p, s, t.n) == 0);
}

struct trace_event {
	fl_ns at;                       /* since 1970 */
	uint8_t trace[16];              /* zero: none is known */
	uint64_t span, parent;          /* 0: none */
	uint64_t conn, number;          /* ordinal of the connection on its line, of the message on it, from 1; number 0: of the connection */
	uint64_t bytes;                 /* of the message; of a fault: the offset it is about */
	uint64_t hash;                  /* of what it says; 0: not known */
	uint64_t fault;                 /* id of the (first) fault that hit it; 0: none */
	int64_t value;                  /* of a fault: see doc/events.md; IN, OUT: offset of its first byte in the stream */
	uint32_t status;                /* of an answer; 0: there was none */
	uint8_t kind;                   /* enum trace_kind */
	uint8_t dir;                    /* 0: client to server, 1: server to client */
	uint8_t flags;                  /* enum trace_flags */
	uint8_t attempts;               /* requests sent to servers for it */
	struct trace_text line;
	struct trace_text id;           /* what the message says it is; "": it does not, or nobody asked */
	struct trace_text place;        /* the instance that answered; of a fault: its name */
	struct trace_text what;         /* method; of an answer how it ended; of a fault or note what happened */
	struct trace_text text;         /* path; of an answer what went wrong; of a note its text */
};

#endif
