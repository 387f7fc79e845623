/* SPDX-License-Identifier: MIT */
/*
 * trace_frame.h - the messages of a stream of bytes, as its frames separate them: what each is, where it was, when it was whole. Pure.
 *
 * Nothing is kept of a message but its first TRACE_ID_LOOK bytes, for its id, and these only while it is not whole.
 *
 * Invariants
 *  (1) What is told does not depend on how the stream is cut into pieces.
 *  (2) A stream whose frames make no sense is told once as unframed, and nothing of it after that.
 */
#ifndef AUDIT_TRACE_FRAME_H
#define AUDIT_TRACE_FRAME_H

#include "audit/trace_id.h"

#define TRACE_FRAME_MESSAGE_MAX (64u << 20)     /* a length above this is none */

enum trace_framing {
	TRACE_FRAME_LINES,              /* up to "\n"; a "\r" before it is not part of the message, nor are empty lines messages */
	TRACE_FRAME_U8,                 /* a length of one byte, then the message */
	TRACE_FRAME_U16, TRACE_FRAME_U32, TRACE_FRAME_U64,      /* big-endian */
	TRACE_FRAME_U16LE, TRACE_FRAME_U32LE, TRACE_FRAME_U64LE,
	TRACE_FRAME_VARINT,             /* LEB128, as of Protocol Buffers */
	TRACE_FRAMINGS
};
/* The word for it in configurations: "lines", "u32", ... */
extern const char *const trace_frame_words[TRACE_FRAMINGS + 1];

struct trace_frame_conf {
	uint8_t framing;                /* enum trace_framing */
	struct trace_id_conf id;
};

struct trace_message {
	uint64_t number;                /* from 1 */
	uint64_t offset, bytes;         /* of its frame in the stream; the length of its content */
	uint64_t hash;                  /* of the content */
	const char *id;                 /* "" none */
	bool cut;                       /* the stream ended within it */
	bool unframed;                  /* (2) */
};
typedef void trace_frame_fn(void *ud, const struct trace_message *m);

/* One direction of a connection on one side of the line. ~1.2 KB. */
struct trace_frame {
	uint64_t offset, start, number;
	uint64_t length, taken;         /* of the message's content; lines: length is not known */
	uint8_t head[10], head_n;
	bool inside, unframed, cr;      /* cr: a "\r" was seen that may belong to the end of the line */
	uint16_t kept;
	struct trace_hash hash;
	char keep[TRACE_ID_LOOK];
};

/* offset: of the stream's byte that is fed first. */
void trace_frame_init(struct trace_frame *f, uint64_t offset);
void trace_frame_feed(struct trace_frame *f, const struct trace_frame_conf *conf, const void *p, size_t n, trace_frame_fn *fn, void *ud);
/* The stream ended: a message that is not whole is told as cut. */
void trace_frame_end(struct trace_frame *f, const struct trace_frame_conf *conf, trace_frame_fn *fn, void *ud);

#endif
