/* SPDX-License-Identifier: MIT */
/*
 * h1_body.c - walks bodies: a length, chunks with their extensions and trailers (RFC 9112 6 and 7), or everything to the end.
 *
 * Invariants
 *  (1) Every byte of framing goes through one step of the table below; a byte that no step takes makes the body bad.
 *  (2) A trailer field's name is known by its hash alone: names that may not be there are refused, and once in 2^32 another.
 */
#include "proto/h1_body.h"
#include "base/assert.h"
#include "proto/h1_char.h"
#include "proto/h1_trailer.h"

enum step {
	STEP_DONE, STEP_BAD,
	STEP_LENGTH, STEP_CLOSE,
	STEP_SIZE,              /* digits of a chunk's size */
	STEP_EXT_NAME, STEP_EXT_NAME_MORE, STEP_EXT_VALUE, STEP_EXT_TOKEN, STEP_EXT_QUOTED, STEP_EXT_ESCAPE, STEP_EXT_NEXT,
	STEP_SIZE_LF,
	STEP_DATA, STEP_DATA_CR, STEP_DATA_LF,
	STEP_LINE,              /* first byte of a line of the trailer */
	STEP_NAME, STEP_VALUE, STEP_VALUE_LF, STEP_END_LF
};

enum fault {
	FAULT_NONE, FAULT_SIZE, FAULT_SIZE_RANGE, FAULT_EXTENSION, FAULT_LINE_LONG, FAULT_EXCESS, FAULT_CHUNK_END, FAULT_TRAILER,
	FAULT_TRAILER_LONG, FAULT_TRAILER_NAME, FAULT_ROOM, FAULT_CUT
};

static const struct fault_info {
	unsigned status;
	const char *text;
} faults[] = {
	[FAULT_NONE] = { 0, "" },
	[FAULT_SIZE] = { 400, "malformed chunk size" },
	[FAULT_SIZE_RANGE] = { 400, "chunk size out of range" },
	[FAULT_EXTENSION] = { 400, "malformed chunk extension" },
	[FAULT_LINE_LONG] = { 400, "chunk extension too long" },
	[FAULT_EXCESS] = { 400, "too much framing for the bytes in it" },
	[FAULT_CHUNK_END] = { 400, "chunk without its end" },
	[FAULT_TRAILER] = { 400, "malformed trailer" },
	[FAULT_TRAILER_LONG] = { 431, "trailer too large" },
	[FAULT_TRAILER_NAME] = { 400, "header that may not be in a trailer" },
	[FAULT_ROOM] = { 413, "body too large" },
	[FAULT_CUT] = { 400, "the message ended early" },
};

/* 2^60 - 1: chunks add up without overflow. */
#define SIZE_DIGITS_MAX 15
/* Framing that one chunk may have for nothing, beside twice its bytes. */
#define CHUNK_EXCESS_FREE 16u

static enum step
refuse(struct h1_body *b, enum fault f)
{
	b->error = (uint8_t)f;
	return STEP_BAD;
}

void
h1_body_begin(struct h1_body *b, enum h1_framing framing, uint64_t length, uint64_t room)
{
	*b = (struct h1_body){ .room = room != 0 ? room : UINT64_MAX };
	switch (framing) {
	case H1_NONE:
		b->step = STEP_DONE;
		break;
	case H1_LENGTH:
		b->left = length;
		b->step = length > b->room ? (uint8_t)refuse(b, FAULT_ROOM) : length > 0 ? STEP_LENGTH : STEP_DONE;
		break;
	case H1_CHUNKED:
		b->step = STEP_SIZE;
		break;
	case H1_CLOSE:
	case H1_TUNNEL:
		b->step = STEP_CLOSE;
		break;
	}
}

void
h1_body_start(struct h1_body *b, const struct h1_head *h, uint64_t room)
{
	h1_body_begin(b, (enum h1_framing)h->framing, h->length, room);
}

static unsigned
hex_value(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

static enum step
size_digit(struct h1_body *b, char c)
{
	if (b->digits == SIZE_DIGITS_MAX)
		return refuse(b, b->left > b->room ? FAULT_ROOM : FAULT_SIZE_RANGE);
	b->digits++;
	b->left = b->left << 4 | hex_value(c);
	return STEP_SIZE;
}

/* The line of a chunk is complete. */
static enum step
chunk_begins(struct h1_body *b)
{
	uint64_t excess = (uint64_t)b->excess + b->used, fair = CHUNK_EXCESS_FREE + 2 * FL_MIN(b->left, H1_CHUNK_EXCESS_MAX);

	excess = excess > fair ? excess - fair : 0;
	if (excess > H1_CHUNK_EXCESS_MAX)
		return refuse(b, FAULT_EXCESS);
	if (b->left > b->room)
		return refuse(b, FAULT_ROOM);
	b->excess = (uint16_t)excess;
	b->used = 0;
	b->digits = 0;
	return b->left > 0 ? STEP_DATA : STEP_LINE;
}

/* What may follow a whole extension, or the size. */
static enum step
after_part(struct h1_body *b, char c, enum fault f)
{
	if (c == '\r')
		return STEP_SIZE_LF;
	return c == ';' ? STEP_EXT_NAME : refuse(b, f);
}

static enum step
quoted_byte(struct h1_body *b, char c)
{
	if (c == '"')
		return STEP_EXT_NEXT;
	if (c == '\\')
		return STEP_EXT_ESCAPE;
	return h1_char_value(c) ? STEP_EXT_QUOTED : refuse(b, FAULT_EXTENSION);
}

/* One byte of "1a2b;name=value;name="quoted"\r\n", without any white space but in quotes. */
static enum step
chunk_line_byte(struct h1_body *b, char c)
{
	bool token = h1_char_is(c, H1_CHAR_TOKEN);

	if (++b->used > H1_CHUNK_LINE_MAX)
		return refuse(b, FAULT_LINE_LONG);
	switch ((enum step)b->step) {
	case STEP_SIZE:
		if (h1_char_is(c, H1_CHAR_HEX))
			return size_digit(b, c);
		return b->digits > 0 ? after_part(b, c, FAULT_SIZE) : refuse(b, FAULT_SIZE);
	case STEP_EXT_NAME:
		return token ? STEP_EXT_NAME_MORE : refuse(b, FAULT_EXTENSION);
	case STEP_EXT_NAME_MORE:
		if (c == '=')
			return STEP_EXT_VALUE;
		return token ? STEP_EXT_NAME_MORE : after_part(b, c, FAULT_EXTENSION);
	case STEP_EXT_VALUE:
		if (c == '"')
			return STEP_EXT_QUOTED;
		return token ? STEP_EXT_TOKEN : refuse(b, FAULT_EXTENSION);
	case STEP_EXT_TOKEN:
		return token ? STEP_EXT_TOKEN : after_part(b, c, FAULT_EXTENSION);
	case STEP_EXT_QUOTED:
		return quoted_byte(b, c);
	case STEP_EXT_ESCAPE:
		return h1_char_value(c) ? STEP_EXT_QUOTED : refuse(b, FAULT_EXTENSION);
	case STEP_EXT_NEXT:
		return after_part(b, c, FAULT_EXTENSION);
	default:
		fl_assert(b->step == STEP_SIZE_LF);
		return c == '\n' ? chunk_begins(b) : refuse(b, FAULT_SIZE);
	}
}

static enum step
name_byte(struct h1_body *b, char c)
{
	if (c == ':')
		return h1_trailer_forbidden(b->hash) ? refuse(b, FAULT_TRAILER_NAME) : STEP_VALUE;
	if (!h1_char_is(c, H1_CHAR_TOKEN))
		return refuse(b, FAULT_TRAILER);
	b->hash = h1_trailer_hash(b->hash, c);
	return STEP_NAME;
}

/* One byte of the trailer: field lines up to an empty one. */
static enum step
trailer_byte(struct h1_body *b, char c)
{
	if (++b->used > H1_TRAILER_BYTES_MAX)
		return refuse(b, FAULT_TRAILER_LONG);
	switch ((enum step)b->step) {
	case STEP_LINE:
		if (c == '\r')
			return STEP_END_LF;
		b->hash = H1_TRAILER_HASH_INIT;
		return c == ':' ? refuse(b, FAULT_TRAILER) : name_byte(b, c);
	case STEP_NAME:
		return name_byte(b, c);
	case STEP_VALUE:
		if (c == '\r')
			return STEP_VALUE_LF;
		return h1_char_value(c) ? STEP_VALUE : refuse(b, FAULT_TRAILER);
	case STEP_VALUE_LF:
		return c == '\n' ? STEP_LINE : refuse(b, FAULT_TRAILER);
	default:
		fl_assert(b->step == STEP_END_LF);
		return c == '\n' ? STEP_DONE : refuse(b, FAULT_TRAILER);
	}
}

/* One byte of framing. */
static enum step
framing_byte(struct h1_body *b, char c)
{
	if (b->step >= STEP_LINE)
		return trailer_byte(b, c);
	if (b->step == STEP_DATA_CR)
		return c == '\r' ? STEP_DATA_LF : refuse(b, FAULT_CHUNK_END);
	if (b->step == STEP_DATA_LF)
		return c == '\n' ? STEP_SIZE : refuse(b, FAULT_CHUNK_END);
	return chunk_line_byte(b, c);
}

static bool
is_payload(const struct h1_body *b)
{
	return b->step == STEP_LENGTH || b->step == STEP_CLOSE || b->step == STEP_DATA;
}

static size_t
take_payload(struct h1_body *b, size_t n)
{
	uint64_t take = b->step == STEP_CLOSE ? FL_MIN(n, b->room) : FL_MIN(n, b->left);

	fl_assert(take <= b->room);
	if (b->room != UINT64_MAX)
		b->room -= take;
	if (b->step == STEP_CLOSE) {
		if (take < n)
			b->step = (uint8_t)refuse(b, FAULT_ROOM);
		return (size_t)take;
	}
	b->left -= take;
	if (b->left == 0)
		b->step = b->step == STEP_LENGTH ? STEP_DONE : STEP_DATA_CR;
	return (size_t)take;
}

static enum h1_verdict
verdict(const struct h1_body *b)
{
	return b->step == STEP_DONE ? H1_OK : b->step == STEP_BAD ? H1_BAD : H1_MORE;
}

/* Framing up to the next payload or the trailer, or the trailer up to its end. */
static size_t
take_framing(struct h1_body *b, const char *p, size_t n, bool trailer)
{
	size_t i = 0;

	while (i < n && b->step > STEP_BAD && !is_payload(b) && (b->step >= STEP_LINE) == trailer) {
		enum step next = framing_byte(b, p[i]);

		b->step = (uint8_t)next;
		if (next == STEP_BAD)
			break;
		i++;
	}
	return i;
}

enum h1_verdict
h1_body_next(struct h1_body *b, const char *p, size_t n, struct h1_span *ret)
{
	*ret = (struct h1_span){ H1_SPAN_PAYLOAD, 0 };
	if (n == 0 || b->step <= STEP_BAD)
		return verdict(b);
	if (is_payload(b)) {
		ret->bytes = take_payload(b, n);
	} else {
		bool trailer = b->step >= STEP_LINE;

		ret->kind = trailer ? H1_SPAN_TRAILER : H1_SPAN_FRAMING;
		ret->bytes = take_framing(b, p, n, trailer);
	}
	fl_assert(ret->bytes <= n);
	return verdict(b);
}

enum h1_verdict
h1_body_feed(struct h1_body *b, const char *p, size_t n, size_t *ret_taken)
{
	enum h1_verdict v = verdict(b);
	struct h1_span span;
	size_t at = 0;

	while (at < n && v == H1_MORE) {
		v = h1_body_next(b, p + at, n - at, &span);
		at += span.bytes;
	}
	*ret_taken = at;
	return v;
}

enum h1_verdict
h1_body_eof(struct h1_body *b)
{
	if (b->step == STEP_CLOSE)
		b->step = STEP_DONE;
	else if (b->step > STEP_BAD)
		b->step = (uint8_t)refuse(b, FAULT_CUT);
	return verdict(b);
}

bool
h1_body_done(const struct h1_body *b)
{
	return b->step == STEP_DONE;
}

bool
h1_body_bad(const struct h1_body *b)
{
	return b->step == STEP_BAD;
}

bool
h1_body_until_close(const struct h1_body *b)
{
	return b->step == STEP_CLOSE;
}

const char *
h1_body_error(const struct h1_body *b)
{
	fl_assert(b->error < FL_ARRAY_LEN(faults));
	return faults[b->error].text;
}

unsigned
h1_body_status(const struct h1_body *b)
{
	fl_assert(b->error < FL_ARRAY_LEN(faults));
	return faults[b->error].status;
}

size_t
h1_chunk_head(uint64_t n, char *ret_out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned digits = n == 0 ? 1 : (67 - (unsigned)__builtin_clzll(n)) / 4;

	fl_assert(digits <= 16);
	for (unsigned i = 0; i < digits; i++)
		ret_out[i] = hex[n >> 4 * (digits - 1 - i) & 15];
	memcpy(ret_out + digits, "\r\n", 2);
	return digits + 2;
}
