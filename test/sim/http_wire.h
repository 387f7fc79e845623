/* SPDX-License-Identifier: MIT */
/*
 * http_wire.h - the harness's own reading and writing of HTTP/1 messages. It shares no code with src/proto.
 *
 * A reader accepts only what an HTTP line may write: CRLF, one framing, chunks in hexadecimal. Anything else is an error, to be
 * reported by the owner.
 */
#ifndef SIM_HTTP_WIRE_H
#define SIM_HTTP_WIRE_H

#include "net.h"

#define WIRE_HEAD_MAX 16384
#define WIRE_PIECE_MAX 4096

enum wire_framing { WIRE_NONE, WIRE_LENGTH, WIRE_CHUNKED, WIRE_UNTIL_END };
enum wire_state { WIRE_HEAD, WIRE_BODY, WIRE_CHUNK_SIZE, WIRE_CHUNK_DATA, WIRE_CHUNK_END, WIRE_TRAILER, WIRE_WHOLE, WIRE_BAD };

/* A message being read. */
struct wire_in {
	bool answer;
	bool no_body;                   /* an answer to HEAD */
	enum wire_state state;
	enum wire_framing framing;
	char head[WIRE_HEAD_MAX];
	uint32_t head_bytes, line_bytes;
	char line[256];
	unsigned status, minor;
	uint64_t left;                  /* of the length or the chunk */
	uint64_t body_bytes;            /* payload so far */
	const char *error;              /* WIRE_BAD */
};

typedef void wire_body_fn(void *ud, const uint8_t *p, size_t n, uint64_t at);
void wire_in_start(struct wire_in *m, bool answer, bool no_body);
/* Use bytes. returns how many; it stops behind the head, once, and behind the message. */
size_t wire_in_feed(struct wire_in *m, const uint8_t *p, size_t n, wire_body_fn *body, void *ud);
/* The stream has ended: is the message whole? */
bool wire_in_end(struct wire_in *m);
static inline bool wire_in_begun(const struct wire_in *m) { return m->head_bytes > 0; }
/* A field's value, copied to buf; false: there is none. */
bool wire_field(const struct wire_in *m, const char *name, char *buf, size_t buf_bytes);
/* The n-th word of the first line. */
void wire_word(const struct wire_in *m, unsigned n, char *buf, size_t buf_bytes);

/* A message being written: its head as text, its body from stream_byte(key, ...). */
struct wire_out {
	uint8_t piece[WIRE_PIECE_MAX + 64];
	uint32_t piece_bytes, piece_at;
	enum wire_framing framing;
	uint64_t key, body_bytes, body_at;
	uint32_t piece_max;
	bool trailer, last;             /* last: nothing is left but the piece */
	uint64_t said;                  /* bytes so far, all */
	struct rnd rnd;
};

/* head: with its empty line. */
void wire_out_start(struct wire_out *o, const char *head, enum wire_framing framing, uint64_t key, uint64_t body_bytes, uint32_t piece_max);
/* Write up to max bytes. returns how many. */
size_t wire_out_write(struct wire_out *o, struct end *e, size_t max);
bool wire_out_done(const struct wire_out *o);

#endif
