/* SPDX-License-Identifier: MIT */
/*
 * trace_id.h - what a message says it is: an id found in its content, and a hash of it. Pure.
 *
 * Invariants
 *  (1) The hash of a content does not depend on the pieces in which it came; a change of one byte always changes it.
 *  (2) An id is text that can be shown: bytes outside of printable ASCII and UTF-8 letters become '?'.
 */
#ifndef AUDIT_TRACE_ID_H
#define AUDIT_TRACE_ID_H

#include "base/types.h"
#include <stdbool.h>

#define TRACE_ID_MAX 64                 /* bytes of an id with its NUL; what is longer is cut and ends with a hash of the rest */
#define TRACE_ID_LOOK 1024u             /* of a message's first bytes, in which its id is looked for */
#define TRACE_FIELD_MAX 96

enum trace_id_kind {
	TRACE_ID_NONE,                  /* of HTTP: W3C traceparent alone; of frames: only flow and number */
	TRACE_ID_CONTENT,               /* the hash of its content: "#0123456789abcdef" */
	TRACE_ID_STREAM,                /* a message of feed: "FLOW:NUMBER" */
	TRACE_ID_FIELD,                 /* member of a JSON object, with dots for objects in it */
	TRACE_ID_WORD,                  /* the how-manieth word of its text, from 1 */
	TRACE_ID_HEADER,                /* of an HTTP request */
	TRACE_ID_PATH,                  /* of an HTTP request */
	TRACE_ID_KINDS
};

/* Where the id of a line's messages is. */
struct trace_id_conf {
	uint8_t kind;                   /* enum trace_id_kind */
	bool group;                     /* it is a key that many messages share, not the name of one */
	uint8_t word;
	char field[TRACE_FIELD_MAX];    /* member, or header in lower case */
};

struct trace_hash {
	uint64_t h, tail;
	uint64_t n;
};
static inline void trace_hash_init(struct trace_hash *h) { *h = (struct trace_hash){ .h = 0x9ae16a3b2f90404fu }; }
void trace_hash_feed(struct trace_hash *h, const void *p, size_t n);    /* ~1 GB/s or better */
uint64_t trace_hash_end(const struct trace_hash *h);                    /* never 0 */

/*
 * trace_id_find - the id of a message, "" when it has none.
 * p      its first bytes, n of them; hash: of all of it
 * ret    TRACE_ID_MAX bytes
 * TRACE_ID_HEADER and TRACE_ID_PATH are found by whoever reads HTTP: see trace_id_copy().
 */
void trace_id_find(const struct trace_id_conf *conf, const void *p, size_t n, uint64_t hash, char *ret);
/* Text as an id (2). */
void trace_id_copy(const char *p, size_t n, char *ret);
/* "#" and 16 digits; TRACE_ID_MAX bytes. */
void trace_id_hash(uint64_t hash, char *ret);

#endif
