/* SPDX-License-Identifier: MIT */
/*
 * h1_body.h - walks the body of an HTTP/1 message: which bytes belong to it, which of them are payload, and where it ends.
 *
 * Nothing is copied and nothing is kept but 32 bytes: the bytes themselves may be sent on as they are, because everything that is
 * not strictly valid is refused (chunk sizes with anything but hexadecimal digits, bare CR or LF, white space, extensions that are
 * not of the grammar or too long, trailers that frame, route or authorise).
 *
 * Invariants
 *  (1) The outcome does not depend on how the bytes were cut into pieces.
 *  (2) When done or bad, no byte is taken.
 */
#ifndef PROTO_H1_BODY_H
#define PROTO_H1_BODY_H

#include "proto/h1.h"

#define H1_TRAILER_BYTES_MAX 16384u
/* Bytes of one chunk's line, and by how much framing may exceed payload in all (a stream of tiny chunks with long extensions). */
#define H1_CHUNK_LINE_MAX 1024u
#define H1_CHUNK_EXCESS_MAX 16384u

struct h1_body {
	uint64_t left;          /* of the length, or of the chunk */
	uint64_t room;          /* payload that may still come */
	uint32_t used;          /* of the chunk's line, or of the trailer */
	uint32_t hash;          /* of the trailer field's name so far */
	uint16_t excess;        /* framing beyond its fair share */
	uint8_t step;
	uint8_t digits;
	uint8_t error;
};
_Static_assert(sizeof(struct h1_body) <= 32, "two of them in every exchange");

enum h1_span_kind {
	H1_SPAN_PAYLOAD,        /* bytes of the content */
	H1_SPAN_FRAMING,        /* chunk sizes, extensions, CRLF */
	H1_SPAN_TRAILER,        /* trailer fields and the empty line at the end */
};

struct h1_span {
	enum h1_span_kind kind;
	size_t bytes;           /* from the start of what was given */
};

/*
 * Begin the body behind a head that was read. room: bytes of payload it may have at most; 0: any number.
 * Done at once when there is none.
 */
void h1_body_start(struct h1_body *b, const struct h1_head *h, uint64_t room);
/* The same for a framing of which no head was read; length only counts with H1_LENGTH. */
void h1_body_begin(struct h1_body *b, enum h1_framing framing, uint64_t length, uint64_t room);

/*
 * h1_body_feed - how many of n bytes belong to this body.
 * ret_taken  how many; they may be sent on, also those before a fault in the framing
 * returns    H1_MORE: all were taken, it goes on; H1_OK: complete; H1_BAD: h1_body_error() says why, h1_body_status() what to answer
 */
enum h1_verdict h1_body_feed(struct h1_body *b, const char *p, size_t n, size_t *ret_taken);

/*
 * h1_body_next - the same, one run of bytes of one kind at a time.
 * ret        H1_MORE and H1_OK: the run, which begins at p; no bytes when there are none left, or the body had ended before
 * returns    as above: H1_OK with the run that completes the body
 *
 *   for (at = 0; at < n && v == H1_MORE; at += span.bytes)
 *           v = h1_body_next(&body, p + at, n - at, &span);
 */
enum h1_verdict h1_body_next(struct h1_body *b, const char *p, size_t n, struct h1_span *ret);

/* The sender ended the connection: H1_OK when the body is complete by that (or was), else H1_BAD: it is cut off. */
enum h1_verdict h1_body_eof(struct h1_body *b);

bool h1_body_done(const struct h1_body *b);
bool h1_body_bad(const struct h1_body *b);
/* Does the body end with the connection? */
bool h1_body_until_close(const struct h1_body *b);
/* A constant; "" when nothing is wrong. */
const char *h1_body_error(const struct h1_body *b);
/* 400, 413 or 431, for a request. */
unsigned h1_body_status(const struct h1_body *b);

/* "1a2b\r\n" into out, of H1_CHUNK_HEAD_MAX bytes; returns its length. A chunk is that, the bytes and "\r\n". n > 0. */
#define H1_CHUNK_HEAD_MAX 18
size_t h1_chunk_head(uint64_t n, char *ret_out);
#define H1_CHUNK_LAST "0\r\n\r\n"

#endif
