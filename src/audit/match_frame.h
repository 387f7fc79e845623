/* SPDX-License-Identifier: MIT */
/*
 * match_frame.h - messages on a stream of bytes, and the answers to them: the wire side of feed and collect. Pure.
 *
 *   lines    MESSAGE \n                            answered by lines (below)
 *   length   32 bits big-endian, MESSAGE           answered by lines
 *   http     POST PATH, MESSAGE as the body        answered by a status: 2xx taken, 4xx refused, else in doubt
 *   syslog   RFC 5424 with octet counting (RFC 6587), MESSAGE as MSG; there are no answers. Relays put a newline behind MSG or a byte
 *            order mark before it, or frame by newlines: taken too
 *   redis    XADD STREAM * m MESSAGE               answered by the entry's id, or an error
 *
 * Answer lines: "ok FLOW NUMBER HASH\n", "no FLOW NUMBER HASH\n": kept; refused. HASH is the message's last 8 digits.
 *
 * Invariants
 *  (1) Reading touches no byte outside of what it was given, and needs no more than MATCH_FRAME_BYTES_MAX of them to decide.
 *  (2) match_frame_take() of what match_frame_put() wrote gives the same message.
 */
#ifndef AUDIT_MATCH_FRAME_H
#define AUDIT_MATCH_FRAME_H

#include "base/buf.h"
#include <stdbool.h>

#define MATCH_FRAME_MESSAGE_MAX (1u << 20)
#define MATCH_FRAME_HEAD_MAX (16u << 10)
#define MATCH_FRAME_BYTES_MAX (MATCH_FRAME_MESSAGE_MAX + MATCH_FRAME_HEAD_MAX)

enum match_framing { MATCH_FRAME_LINES, MATCH_FRAME_LENGTH, MATCH_FRAME_HTTP, MATCH_FRAME_SYSLOG, MATCH_FRAME_REDIS };

struct match_frame {
	enum match_framing framing;
	const char *host, *path;        /* http: what is asked for; redis: path is the stream */
};
/* Append a message. date: syslog, RFC 3339 ("2026-01-02T03:04:05.000000Z"). Lack of room shows in out->overflowed alone. */
void match_frame_put(const struct match_frame *f, const void *message, size_t n, const char *date, struct buf *out);

struct match_taken {
	size_t used;                    /* bytes of the frame */
	const char *message;            /* NULL: nothing in it */
	size_t message_bytes;
	bool close;                     /* http: the connection ends after the answer */
};
/*
 * match_frame_take - the first frame of n bytes (as a receiver sees it; redis has none).
 * chunk     http: room for a body that came in pieces, MATCH_FRAME_MESSAGE_MAX bytes; the message may point there
 * returns   1; 0 there is not yet enough; -EINVAL these bytes are no frame: nothing behind them can be understood
 */
int match_frame_take(enum match_framing framing, const char *p, size_t n, char *chunk, struct match_taken *ret);

enum match_answer_kind { MATCH_ANSWER_KEPT, MATCH_ANSWER_REFUSED, MATCH_ANSWER_DOUBT };
struct match_answer {
	enum match_answer_kind kind;
	bool named;                     /* it says which message it is for; else it is for the oldest without one */
	bool close;                     /* http: the connection ends here */
	uint32_t flow, hash;
	uint64_t n;
	size_t used;
};
/* An answer line as a receiver writes it. */
void match_frame_answer(bool kept, uint32_t flow, uint64_t n, uint32_t hash, struct buf *out);
/* The first answer of n bytes, as a sender sees it. As match_frame_take(). */
int match_frame_answer_take(enum match_framing framing, const char *p, size_t n, struct match_answer *ret);

#endif
