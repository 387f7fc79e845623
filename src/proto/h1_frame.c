/* SPDX-License-Identifier: MIT */
/*
 * h1_frame.c - framing, host, connection and expectations of a head (RFC 9112 6.3 and 9, RFC 9110 7.2, 7.6 and 10.1).
 *
 * Invariants
 *  (1) One length at most, said once: by Content-Length or by Transfer-Encoding: chunked, in HTTP/1.1.
 *  (2) What belongs to the connection is marked in hop, whether Connection names it or not.
 */
#include "proto/h1_frame.h"
#include "base/assert.h"
#include "proto/h1_char.h"
#include "proto/h1_line.h"
#include "proto/h1_name.h"

/* A Connection field of more members than this is an attack on whoever looks them up. */
#define OPTIONS_MAX 32
#define LENGTH_DIGITS_MAX 19

static bool
read_length(const char *p, struct h1_head *h, struct h1_text v)
{
	uint64_t n = 0;

	if (h->has_length)
		return h1_refuse(h, 400, "more than one Content-Length");
	if (v.len == 0 || v.len > LENGTH_DIGITS_MAX)
		return h1_refuse(h, 400, "malformed Content-Length");
	for (uint32_t i = 0; i < v.len; i++) {
		if (!h1_char_is(p[v.at + i], H1_CHAR_DIGIT))
			return h1_refuse(h, 400, "malformed Content-Length");
		n = n * 10 + (uint64_t)(p[v.at + i] - '0');
	}
	if (n > INT64_MAX)
		return h1_refuse(h, 400, "Content-Length out of range");
	h->length = n;
	h->has_length = true;
	return true;
}

/* Only "chunked", once. A coding that is none of ours before a final chunked is 501, everything else 400 (RFC 9112 6.1, 6.3). */
static bool
read_coding(const char *p, struct h1_head *h, struct h1_text v)
{
	const char *s = p + v.at;
	struct h1_text word;
	bool chunked = false;
	size_t at = 0;

	if (h->chunked)
		return h1_refuse(h, 400, "more than one Transfer-Encoding");
	if (h1_name_is(p, v, "chunked")) {
		h->chunked = true;
		return true;
	}
	while (h1_list_next(s, v.len, &at, &word)) {
		if (chunked || !h1_is_token(s + word.at, word.len))
			return h1_refuse(h, 400, "malformed Transfer-Encoding");
		chunked = h1_name_is(s, word, "chunked");
	}
	/* ", chunked" and the like are a list with nothing else in it. */
	if (!chunked || s[0] == ',' || v.len < sizeof("x,chunked") - 1)
		return h1_refuse(h, 400, "Transfer-Encoding is not chunked");
	return h1_refuse(h, 501, "unsupported transfer coding");
}

static bool
read_host(const char *p, struct h1_head *h, struct h1_text v, unsigned i)
{
	if (h->first[H1_ID_HOST] != i)
		return h1_refuse(h, 400, "too many Host headers");
	if (!h1_is_host(p + v.at, v.len))
		return h1_refuse(h, 400, "malformed Host header");
	if (!h->absolute && h->method != H1_CONNECT)
		h->host = v;
	return true;
}

static void
mark_hop(struct h1_head *h, unsigned i)
{
	h->hop[i / 64] |= UINT64_C(1) << (i % 64);
}

bool
h1_frame_field(const char *p, struct h1_head *h, unsigned i)
{
	const struct h1_field *f = &h->fields[i];

	fl_assert(i < h->field_count);
	switch ((enum h1_id)f->id) {
	case H1_ID_HOST:
		return h->status != 0 || read_host(p, h, f->value, i);
	case H1_ID_CONTENT_LENGTH:
		return read_length(p, h, f->value);
	case H1_ID_TRANSFER_ENCODING:
		mark_hop(h, i);
		return read_coding(p, h, f->value);
	default:
		mark_hop(h, i);                                 /* (2) */
		return true;
	}
}

/* Fields that a connection option may not take away: they frame and route the message. */
#define NOT_OPTIONS (H1_BIT(H1_ID_HOST) | H1_BIT(H1_ID_CONTENT_LENGTH))

/* Mark the fields that an option names. */
static bool
mark_named(const char *p, struct h1_head *h, const char *name, size_t n)
{
	enum h1_id id = h1_id_of(name, n);

	if ((H1_BIT(id) & NOT_OPTIONS) != 0)
		return h1_refuse(h, 400, "Connection names a field that is not the connection's");
	if (id != H1_ID_OTHER && !h1_has(h, id))
		return true;
	for (unsigned i = 0; i < h->field_count; i++) {
		const struct h1_field *f = &h->fields[i];

		if (f->id == id && f->name.len == n && h1_same_name(p + f->name.at, name, n))
			mark_hop(h, i);
	}
	return true;
}

struct options {
	unsigned count;
	bool close, keep_alive, upgrade;
};

static bool
read_options(const char *p, struct h1_head *h, struct h1_text v, struct options *o)
{
	const char *s = p + v.at;
	struct h1_text word;
	size_t at = 0;

	if (h1_name_is(p, v, "keep-alive")) {           /* what most say */
		o->keep_alive = true;
		return true;
	}
	while (h1_list_next(s, v.len, &at, &word)) {
		if (!h1_is_token(s + word.at, word.len))
			return h1_refuse(h, 400, "malformed Connection");
		if (++o->count > OPTIONS_MAX)
			return h1_refuse(h, 400, "too many connection options");
		if (h1_name_is(s, word, "close"))
			o->close = true;
		else if (h1_name_is(s, word, "keep-alive"))
			o->keep_alive = true;
		else if (h1_name_is(s, word, "upgrade"))
			o->upgrade = true;
		else if (!mark_named(p, h, s + word.at, word.len))
			return false;
	}
	return true;
}

/* Does any of the fields of this id have the member? */
static bool
lists(const char *p, const struct h1_head *h, enum h1_id id, const char *member)
{
	struct h1_text word;

	if (!h1_has(h, id))
		return false;
	for (unsigned i = h->first[id]; i < h->field_count; i++) {
		const struct h1_field *f = &h->fields[i];
		size_t at = 0;

		while (f->id == id && h1_list_next(p + f->value.at, f->value.len, &at, &word)) {
			if (h1_name_is(p + f->value.at, word, member))
				return true;
		}
	}
	return false;
}

static bool
read_connection(const char *p, struct h1_head *h)
{
	struct options o = { 0 };

	if (h1_has(h, H1_ID_CONNECTION)) {
		for (unsigned i = h->first[H1_ID_CONNECTION]; i < h->field_count; i++) {
			if (h->fields[i].id == H1_ID_CONNECTION && !read_options(p, h, h->fields[i].value, &o))
				return false;
		}
	}
	h->keep_alive = !o.close && (h->version_minor > 0 || o.keep_alive);
	/* An upgrade to HTTP/2 would take the messages behind it out of our sight. */
	h->upgrade = o.upgrade && h->version_minor > 0 && h1_has(h, H1_ID_UPGRADE) && !lists(p, h, H1_ID_UPGRADE, "h2c");
	return true;
}

static bool
check_coding(struct h1_head *h)
{
	if (h->chunked && h->has_length)
		return h1_refuse(h, 400, "both Transfer-Encoding and Content-Length");
	if (h->chunked && h->version_minor == 0)
		return h1_refuse(h, 400, "Transfer-Encoding in HTTP/1.0");
	return true;
}

/* Only "100-continue" is known. In HTTP/1.0, and where no body follows, it means nothing and goes no further. */
static bool
read_expect(const char *p, struct h1_head *h)
{
	bool body = h->framing != H1_NONE;

	for (unsigned i = h->first[H1_ID_EXPECT]; i < h->field_count; i++) {
		if (h->fields[i].id != H1_ID_EXPECT)
			continue;
		if (h->version_minor > 0 && !h1_name_is(p, h->fields[i].value, "100-continue"))
			return h1_refuse(h, 417, "unknown expectation");
		if (h->version_minor == 0 || !body)
			mark_hop(h, i);
	}
	h->expect_continue = h->version_minor > 0 && body;
	return true;
}

bool
h1_frame_request(const char *p, struct h1_head *h, uint64_t body_max)
{
	if (!h1_has(h, H1_ID_HOST) && h->version_minor > 0)
		return h1_refuse(h, 400, "missing required Host header");
	if (!check_coding(h) || !read_connection(p, h))
		return false;
	h->framing = h->chunked ? H1_CHUNKED : h->has_length && h->length > 0 ? H1_LENGTH : H1_NONE;
	if (h->framing != H1_NONE && (h->method == H1_CONNECT || h->method == H1_TRACE))
		return h1_refuse(h, 400, "a body where none may be");
	if (h->has_length && body_max != 0 && h->length > body_max)
		return h1_refuse(h, 413, "body too large");
	if (h1_has(h, H1_ID_EXPECT) && !read_expect(p, h))
		return false;
	h->te_trailers = h1_has(h, H1_ID_TE) && h->version_minor > 0 && lists(p, h, H1_ID_TE, "trailers");
	return true;
}

/* The lengths of an answer that has none by its nature are not its own. */
static void
no_lengths(struct h1_head *h, enum h1_framing framing)
{
	h->framing = (uint8_t)framing;
	h->has_length = false;
	h->chunked = false;
	h->length = 0;
}

bool
h1_frame_response(const char *p, struct h1_head *h, uint64_t body_max)
{
	if (!check_coding(h) || !read_connection(p, h))
		return false;
	if (h->status == 101 || (h->method == H1_CONNECT && h->status / 100 == 2))
		no_lengths(h, H1_TUNNEL);
	else if (h->status / 100 == 1 || h->status == 204)
		no_lengths(h, H1_NONE);
	else if (h->method == H1_HEAD || h->status == 304)
		h->framing = H1_NONE;
	else if (h->chunked)
		h->framing = H1_CHUNKED;
	else if (h->has_length)
		h->framing = h->length > 0 ? H1_LENGTH : H1_NONE;
	else
		h->framing = H1_CLOSE;
	if (h->framing == H1_LENGTH && body_max != 0 && h->length > body_max)
		return h1_refuse(h, 502, "body too large");
	if (h->framing == H1_CLOSE || h->framing == H1_TUNNEL)
		h->keep_alive = false;
	h->upgrade = h->upgrade && h->status == 101;
	return true;
}
