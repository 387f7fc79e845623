/* SPDX-License-Identifier: MIT */
/*
 * http_fault.h - faults on HTTP messages: which of a line's faults hit a request, and what they do to it.
 *
 * A set is made from the faults of a line when they change; for each request a plan is drawn from it, once for either side:
 *
 *      FL_C2S   between the proxy and the server, once for each attempt: the line's policies see what happens and may mend it
 *      FL_S2C   between the proxy and the client, once for each request: the client sees what happens
 *
 * (A fault's stream says which: upstream or downstream.) The plan is a value; the session carries it out. Bytes of a body are
 * damaged and paced by a chain (fault/chain.h) that the session feeds with payload alone: chunk framing is taken off before and
 * put on anew behind it.
 *
 * Order of what a plan asks for
 *   C2S   head_delay; abort before; end before the head; head with edits, through the head's chain; end behind the head;
 *         body_delay; body through its chain, up to end_bytes; when an answer has come: abort after
 *   S2C   abort before: the request is answered without being sent to a server; else, when an answer has come:
 *         abort after; head_delay; end before the head; and so on as above, with the answer
 *
 * Invariants
 *  (1) A decision is a function of fault key (seed, line, name), request key and attempt: threads, timing and other requests
 *      change nothing. The request key is that of the connection and the number of the request on it, or the trace id for a
 *      fault with `key: trace` (whatever the attempt).
 *  (2) A set is immutable; a plan points into the set it was drawn from.
 */
#ifndef FAULT_HTTP_FAULT_H
#define FAULT_HTTP_FAULT_H

#include "fault/decide.h"
#include "proto/h1_write.h"

/* HTTP faults of one line that may act at one time; any more are passed over (the control side refuses them before). */
#define HTTP_FAULTS_MAX 64
#define HTTP_FAULT_EDITS_MAX 16

/* The HTTP faults of a line, immutable, shared by reference. */
struct http_fault_set;

/* Copies what it needs. ret_set is NULL when there is no HTTP fault among them. 0 or -ENOMEM. */
int http_fault_set_new(const struct fault_set *faults, struct http_fault_set **ret_set);
struct http_fault_set *http_fault_set_ref(struct http_fault_set *s);    /* NULL is fine */
void http_fault_set_unref(struct http_fault_set *s);                    /* NULL is fine */
/* Does any of its faults count requests of the line (every, first)? Else view.ordinal may be 0. */
bool http_fault_counts_requests(const struct http_fault_set *s);

/* Has it faults of this side? */
bool http_fault_has(const struct http_fault_set *s, enum fl_dir dir);

/* A request, as its faults see it. */
struct http_fault_view {
	const char *p;                  /* bytes of its head */
	const struct h1_head *head;
	uint64_t conn_key;              /* of its connection, as for TCP faults */
	uint64_t number;                /* of the request on its connection, from 1 */
	uint64_t ordinal;               /* of the request on the line, from 1 */
	bool has_ip;
	uint8_t ip[16];                 /* of the client, IPv4 mapped */
	bool has_trace;
	uint8_t trace[16];              /* trace id that it came with, or was given */
	uint32_t attempt;               /* for FL_C2S: from 0 */
};

enum http_fault_when { HTTP_FAULT_BEFORE, HTTP_FAULT_AFTER };

/* Where the connection of this side is ended, in the order in which the places are passed. */
enum http_fault_end {
	HTTP_FAULT_END_HEAD,            /* before the first byte of the head */
	HTTP_FAULT_END_BODY,            /* behind the head, when end_bytes of payload were sent; a body that is shorter is left alone */
	HTTP_FAULT_END_NONE,
};

struct http_fault_plan {
	const struct http_fault_set *set;
	uint64_t acting;                /* a bit for each fault of the set that hits this request on this side; 0: nothing to do */
	enum fl_dir dir;
	struct decide_conn key;         /* for chain_set() and chain_run() */
	fl_ns head_delay;               /* before the first byte of the head */
	fl_ns body_delay;               /* between the head and the first byte of the body */
	const struct fault_spec *abort; /* NULL: none. Answer with abort_status, ... instead */
	enum http_fault_when abort_when;
	uint16_t abort_status;
	uint32_t retry_after;           /* seconds; 0: not said */
	enum http_fault_end end;
	bool end_rst;                   /* with a reset, else an ordinary close */
	bool end_cut;                   /* it is a cut: only where more payload would follow */
	bool end_share;                 /* of a share of the body */
	uint64_t end_bytes;             /* see http_fault_end_bytes() */
	const struct fault_spec *end_by;
	const struct fault_spec *body;  /* NULL: its own. Another body goes out: http_fault_body() */
	const struct fault_spec *length;        /* NULL: none. Content-Length lies: http_fault_length() */
	bool head_chain, body_chain;    /* bytes of the head, payload of the body, go through a chain */
};

/*
 * http_fault_plan - draw the plan of one side of a request.
 * s        NULL: nothing acts
 * now      io clock: windows and duty cycles
 * threads  any; cost: a few comparisons per fault whose scope does not fit, one block of random numbers per fault with a share
 */
void http_fault_plan(const struct http_fault_set *s, const struct http_fault_view *v, enum fl_dir dir, fl_ns now,
    struct http_fault_plan *ret);
/* The faults of a request in progress changed: carry the plan over, so that body chains follow. What has acted stays so. */
void http_fault_renew(struct http_fault_plan *plan, const struct http_fault_set *now);

/*
 * The faults of a chain for the head or for the body's payload, to be given to chain_set() with plan->key. Valid as long as the
 * set. A chain for the body begins empty, whatever the head's held before: offsets are those of the payload.
 */
const struct fault_set *http_fault_head_set(const struct http_fault_plan *plan);
const struct fault_set *http_fault_body_set(const struct http_fault_plan *plan);

/* Edits of the head for h1_write_*(), those that a replaced body needs too; returns how many. They point into the set. */
unsigned http_fault_edits(const struct http_fault_plan *plan, struct h1_edit ret_edits[HTTP_FAULT_EDITS_MAX]);
/*
 * Payload bytes after which the body ends; UINT64_MAX: it does not. message: the head it belongs to, as it came. A share of a body
 * of unknown length is one of 16 KB.
 */
uint64_t http_fault_end_bytes(const struct http_fault_plan *plan, const struct h1_head *message);
/* The length that the head lies about (of a body of length bytes). false: it has no length to lie about. */
bool http_fault_length(const struct http_fault_plan *plan, uint64_t length, uint64_t *ret_length);

/* The body that replaces another, or that an abort answers with: text is repeated to make up bytes; type "" none. */
struct http_fault_body {
	const char *text;
	uint32_t text_len;              /* 0: the body is empty, whatever bytes says */
	uint64_t bytes;
	const char *type;               /* Content-Type; "": as it was, or none */
};
struct http_fault_body http_fault_body(const struct fault_spec *f);

/* For events and records: the i-th fault of a set (bit i of acting), or NULL. */
const struct fault_spec *http_fault_spec(const struct http_fault_set *s, unsigned i);

#endif
