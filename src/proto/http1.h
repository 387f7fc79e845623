/* SPDX-License-Identifier: MIT */
/*
 * http1.h - collects HTTP/1.0 and 1.1 messages whole: requests for the API, answers for clients.
 *
 * Bytes go in as they come, in pieces of any size; a message comes out whole. It owns what it keeps: head and body are
 * bounded. What a message is, and what is refused, proto/h1.h and proto/h1_body.h say.
 *
 * Invariants
 *  (1) The outcome does not depend on how the bytes were cut into pieces.
 *  (2) In HTTP1_DONE and HTTP1_BAD nothing is taken until http1_next(); bytes behind a message stay the caller's.
 *  (3) All text pointers point into head, and are valid from HTTP1_BODY until http1_next().
 */
#ifndef PROTO_HTTP1_H
#define PROTO_HTTP1_H

#include "base/buf.h"
#include "proto/h1_body.h"

#define HTTP1_HEAD_MAX H1_HEAD_BYTES_MAX
#define HTTP1_FIELDS_MAX H1_FIELDS_MAX

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http1_state {
	HTTP1_HEAD,             /* before or inside the head */
	HTTP1_BODY,
	HTTP1_DONE,             /* the message is complete */
	HTTP1_BAD,              /* status and error say why; the connection cannot go on */
};

struct http1_field {
	const char *name, *value;       /* value without spaces around it */
};

struct http1 {
	enum http1_kind kind;
	enum http1_state state;
	bool no_body;                   /* response: the request was HEAD */
	struct buf head, body;
	struct h1_scan scan;
	struct h1_body walk;
	/* the message, from HTTP1_BODY on */
	const char *method;             /* request */
	const char *target;             /* request: as sent */
	int version_minor;              /* 0 or 1 */
	unsigned status;                /* response: its status. HTTP1_BAD of a request: the status to answer with */
	const char *error;              /* HTTP1_BAD: a constant */
	bool keep_alive;                /* the connection may carry another message */
	bool expect_continue;           /* request: wants "100 Continue" before it sends its body */
	bool chunked;
	unsigned field_count;
	struct http1_field fields[HTTP1_FIELDS_MAX];
};

void http1_init(struct http1 *h, enum http1_kind kind, size_t body_max);
void http1_fini(struct http1 *h);
/* Be ready for the next message; memory over 16 KB is given back. */
void http1_next(struct http1 *h);

/* Take what belongs to this message from n bytes. returns how many were taken; look at h->state afterwards. */
size_t http1_feed(struct http1 *h, const char *p, size_t n);
/* The peer ended the stream: a response without a length is DONE by that, everything else unfinished is BAD. */
void http1_eof(struct http1 *h);

/* Has a byte of this message come? (Between messages a connection is idle.) */
bool http1_started(const struct http1 *h);
/* The first field of that name (letters in any case), or NULL. */
const char *http1_field(const struct http1 *h, const char *name);

#endif
