/* SPDX-License-Identifier: MIT */
/*
 * h1_write.h - writes heads of HTTP/1.1 messages: for the next hop, out of one that was read, or answers of our own.
 *
 * Field lines that are sent on are copied as they came. What belongs to the connection is left out and said anew: Connection,
 * Upgrade, TE, Transfer-Encoding; so is Content-Length, so that nobody downstream reads it differently than we did.
 *
 * Invariants
 *  (1) What is written is accepted by h1_request() or h1_response(), with the same meaning.
 *  (2) Never more than cap bytes are written; the size that is needed is returned in any case.
 */
#ifndef PROTO_H1_WRITE_H
#define PROTO_H1_WRITE_H

#include "proto/h1.h"

enum h1_edit_op {
	H1_EDIT_ADD,            /* one more field line */
	H1_EDIT_SET,            /* instead of all of that name */
	H1_EDIT_REMOVE,
	H1_EDIT_DEFAULT,        /* unless there is one */
	H1_EDIT_APPEND,         /* ", value" behind the last of that name, or a line of its own when there is none */
};

/*
 * Made by h1_edit_init(). Edits are of the fields that were read; they do not see one another, and stand behind what is left of
 * those, in their order.
 */
struct h1_edit {
	enum h1_edit_op op;
	uint8_t id;                     /* enum h1_id of the name */
	uint16_t name_len;
	uint32_t value_len;
	const char *name, *value;
};

struct h1_out {
	const struct h1_edit *edits;
	unsigned edit_count;
	uint64_t drop;                  /* H1_BIT()s of fields that are not sent on; H1_ID_TE: nor is TE: trailers said anew */
	const char *target;             /* request: instead of its own; NULL: its own, in origin-form */
	uint32_t target_len;
	const char *host;               /* request: instead of its own; NULL: its own */
	uint32_t host_len;
	uint16_t status;                /* response: instead of its own; 0: its own */
	bool close;                     /* Connection: close */
	bool keep_alive;                /* Connection: keep-alive, which a peer of HTTP/1.0 needs to hear */
	bool upgrade;                   /* Connection: upgrade, and the Upgrade fields */
	bool reframe;                   /* framing as said here instead of as it was read */
	enum h1_framing framing;
	uint64_t length;                /* for H1_LENGTH */
};

/*
 * h1_write_request - the head h, which was read from p, for the next hop, as HTTP/1.1.
 * returns   bytes of it. More than cap: too small, what is in out is of no use
 * An absolute-form target goes out in origin-form with the host it named. A request of HTTP/1.0 that named no host needs
 * o->host, or what is written lacks one.
 */
size_t h1_write_request(const char *p, const struct h1_head *h, const struct h1_out *o, char *out, size_t cap);
size_t h1_write_response(const char *p, const struct h1_head *h, const struct h1_out *o, char *out, size_t cap);

/*
 * The head of an answer of our own: status line, edits (each is added), Connection and framing as in o. H1_NONE is a length of 0
 * where the status allows one; with H1_LENGTH to a HEAD the body is the caller's to leave out.
 */
size_t h1_write_answer(unsigned status, const struct h1_out *o, char *out, size_t cap);
/* The head of a request of our own (health checks): method, o->target, o->host, edits, framing. */
size_t h1_write_ask(const char *method, const struct h1_out *o, char *out, size_t cap);

/* Fill an edit from two strings, which it refers to; finds the id. false: not a valid field, or not to be edited. */
bool h1_edit_init(struct h1_edit *e, enum h1_edit_op op, const char *name, const char *value);
/* May this field be edited? Not those that frame the message or belong to the connection. */
bool h1_edit_allowed(enum h1_id id);

/* "Not Found"; of a status without a name the name of its class ("Client Error"). */
const char *h1_reason(unsigned status);

#endif
