/* SPDX-License-Identifier: MIT */
/* http_wire.c - see http_wire.h. */
#include "http_wire.h"
#include "stream.h"
#include "base/assert.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- reading ---- */

void
wire_in_start(struct wire_in *m, bool answer, bool no_body)
{
	m->answer = answer;
	m->no_body = no_body;
	m->state = WIRE_HEAD;
	m->framing = WIRE_NONE;
	m->head_bytes = m->line_bytes = 0;
	m->status = m->minor = 0;
	m->left = m->body_bytes = 0;
	m->error = NULL;
}

static void
bad(struct wire_in *m, const char *why)
{
	m->state = WIRE_BAD;
	m->error = why;
}

bool
wire_field(const struct wire_in *m, const char *name, char *buf, size_t buf_bytes)
{
	size_t k = strlen(name);

	for (const char *p = strstr(m->head, "\r\n"); p != NULL && p[2] != '\r' && p[2] != '\0'; p = strstr(p + 2, "\r\n")) {
		if (strncasecmp(p + 2, name, k) != 0 || p[2 + k] != ':')
			continue;
		const char *v = p + 3 + k;
		v += strspn(v, " \t");
		snprintf(buf, buf_bytes, "%.*s", (int)strcspn(v, "\r"), v);
		return true;
	}
	return false;
}

void
wire_word(const struct wire_in *m, unsigned n, char *buf, size_t buf_bytes)
{
	const char *p = m->head;

	while (n-- > 0 && *p != '\r' && *p != '\0') {
		p += strcspn(p, " \r");
		p += *p == ' ';
	}
	snprintf(buf, buf_bytes, "%.*s", (int)strcspn(p, " \r"), p);
}

static void
read_framing(struct wire_in *m)
{
	char te[64], cl[64], *end;
	bool has_te = wire_field(m, "transfer-encoding", te, sizeof(te)), has_cl = wire_field(m, "content-length", cl, sizeof(cl));

	if (has_te && has_cl) {
		bad(m, "both Transfer-Encoding and Content-Length");
		return;
	}
	m->framing = m->answer ? WIRE_UNTIL_END : WIRE_NONE;
	if (has_te) {
		m->framing = WIRE_CHUNKED;
		if (strcasecmp(te, "chunked") != 0)
			bad(m, "a transfer coding other than chunked");
	} else if (has_cl) {
		m->framing = WIRE_LENGTH;
		m->left = strtoull(cl, &end, 10);
		if (end == cl || *end != '\0')
			bad(m, "a length that is no number");
	}
	if (m->answer && (m->no_body || m->status < 200 || m->status == 204 || m->status == 304))
		m->framing = WIRE_NONE;
}

static void
head_done(struct wire_in *m)
{
	static const enum wire_state next[] = { [WIRE_NONE] = WIRE_WHOLE, [WIRE_LENGTH] = WIRE_BODY, [WIRE_CHUNKED] = WIRE_CHUNK_SIZE,
		[WIRE_UNTIL_END] = WIRE_BODY };
	char word[32];

	wire_word(m, m->answer ? 0 : 2, word, sizeof(word));
	if (strncmp(word, "HTTP/1.", 7) != 0 || word[7] < '0' || word[7] > '1' || word[8] != '\0') {
		bad(m, "no version of HTTP/1");
		return;
	}
	m->minor = (unsigned)(word[7] - '0');
	if (m->answer) {
		wire_word(m, 1, word, sizeof(word));
		m->status = (unsigned)strtoul(word, NULL, 10);
		if (m->status < 100 || m->status > 599) {
			bad(m, "no status");
			return;
		}
	}
	read_framing(m);
	if (m->state == WIRE_BAD)
		return;
	m->state = m->framing == WIRE_LENGTH && m->left == 0 ? WIRE_WHOLE : next[m->framing];
}

static size_t
feed_head(struct wire_in *m, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && m->state == WIRE_HEAD) {
		if (m->head_bytes + 1 >= WIRE_HEAD_MAX) {
			bad(m, "a head that has no end");
			break;
		}
		if (p[i] == 0 || (p[i] == '\n' && (m->head_bytes == 0 || m->head[m->head_bytes - 1] != '\r'))) {
			bad(m, "a bare line feed or a NUL in the head");
			break;
		}
		m->head[m->head_bytes++] = (char)p[i++];
		m->head[m->head_bytes] = '\0';
		if (m->head_bytes >= 4 && memcmp(m->head + m->head_bytes - 4, "\r\n\r\n", 4) == 0)
			head_done(m);
	}
	return i;
}

/* A line of the chunked framing is whole. */
static void
line_done(struct wire_in *m)
{
	char *end;

	m->line[m->line_bytes - 2] = '\0';
	if (m->state == WIRE_CHUNK_SIZE) {
		m->left = strtoull(m->line, &end, 16);
		if (end == m->line || (*end != '\0' && *end != ';'))
			bad(m, "a chunk without size");
		else
			m->state = m->left > 0 ? WIRE_CHUNK_DATA : WIRE_TRAILER;
	} else if (m->state == WIRE_CHUNK_END) {
		if (m->line[0] != '\0')
			bad(m, "no end behind a chunk");
		else
			m->state = WIRE_CHUNK_SIZE;
	} else if (m->line[0] == '\0') {
		m->state = WIRE_WHOLE;
	}
	m->line_bytes = 0;
}

static size_t
feed_line(struct wire_in *m, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (m->line_bytes == sizeof(m->line)) {
			bad(m, "a line of the chunks is too long");
			return i;
		}
		m->line[m->line_bytes++] = (char)p[i++];
		if (m->line_bytes >= 2 && memcmp(m->line + m->line_bytes - 2, "\r\n", 2) == 0) {
			line_done(m);
			return i;
		}
	}
	return i;
}

static size_t
feed_body(struct wire_in *m, const uint8_t *p, size_t n, wire_body_fn *body, void *ud)
{
	size_t k = m->framing == WIRE_UNTIL_END ? n : (size_t)FL_MIN((uint64_t)n, m->left);

	if (body != NULL)
		body(ud, p, k, m->body_bytes);
	m->body_bytes += k;
	m->left -= m->framing == WIRE_UNTIL_END ? 0 : k;
	if (m->framing == WIRE_LENGTH && m->left == 0)
		m->state = WIRE_WHOLE;
	else if (m->framing == WIRE_CHUNKED && m->left == 0)
		m->state = WIRE_CHUNK_END;
	return k;
}

size_t
wire_in_feed(struct wire_in *m, const uint8_t *p, size_t n, wire_body_fn *body, void *ud)
{
	size_t at = 0;

	if (m->state == WIRE_HEAD)
		return feed_head(m, p, n);
	while (at < n && m->state != WIRE_WHOLE && m->state != WIRE_BAD) {
		if (m->state == WIRE_BODY || m->state == WIRE_CHUNK_DATA)
			at += feed_body(m, p + at, n - at, body, ud);
		else
			at += feed_line(m, p + at, n - at);
	}
	return at;
}

bool
wire_in_end(struct wire_in *m)
{
	if (m->state == WIRE_BODY && m->framing == WIRE_UNTIL_END)
		m->state = WIRE_WHOLE;
	return m->state == WIRE_WHOLE;
}

/* ---- writing ---- */

void
wire_out_start(struct wire_out *o, const char *head, enum wire_framing framing, uint64_t key, uint64_t body_bytes, uint32_t piece_max)
{
	size_t n = strlen(head);

	fl_assert(n <= sizeof(o->piece));
	memcpy(o->piece, head, n);
	o->piece_bytes = (uint32_t)n;
	o->piece_at = 0;
	o->framing = framing;
	o->key = key;
	o->body_bytes = framing == WIRE_NONE ? 0 : body_bytes;
	o->body_at = 0;
	o->piece_max = FL_MAX(1, FL_MIN(piece_max, WIRE_PIECE_MAX));
	o->last = framing == WIRE_NONE || (framing != WIRE_CHUNKED && body_bytes == 0);
	o->trailer = framing == WIRE_CHUNKED && key % 4 == 0;
	o->said = 0;
	o->rnd = rnd_init(key, 0x3173);
}

static void
next_piece(struct wire_out *o)
{
	uint64_t left = o->body_bytes - o->body_at;
	uint64_t n = (uint64_t)rnd_log(&o->rnd, 1, (int64_t)o->piece_max);
	int head = 0;

	n = FL_MIN(n, left);
	if (o->framing == WIRE_CHUNKED) {
		if (n == 0) {
			o->piece_bytes = (uint32_t)snprintf((char *)o->piece, sizeof(o->piece), "0\r\n%s\r\n", o->trailer ? "x-sum: 1\r\n" : "");
			o->piece_at = 0;
			o->last = true;
			return;
		}
		head = snprintf((char *)o->piece, sizeof(o->piece), "%llx%s\r\n", (unsigned long long)n, o->key % 5 == 0 ? ";a=b" : "");
	}
	stream_fill(o->key, o->body_at, o->piece + head, (size_t)n);
	o->body_at += n;
	o->piece_bytes = (uint32_t)head + (uint32_t)n;
	o->piece_at = 0;
	if (o->framing == WIRE_CHUNKED) {
		memcpy(o->piece + o->piece_bytes, "\r\n", 2);
		o->piece_bytes += 2;
	} else {
		o->last = o->body_at == o->body_bytes;
	}
}

bool
wire_out_done(const struct wire_out *o)
{
	return o->last && o->piece_at == o->piece_bytes;
}

size_t
wire_out_write(struct wire_out *o, struct end *e, size_t max)
{
	size_t done = 0;

	while (done < max && !wire_out_done(o)) {
		if (o->piece_at == o->piece_bytes)
			next_piece(o);
		size_t n = FL_MIN((size_t)(o->piece_bytes - o->piece_at), FL_MIN(max - done, end_room(e)));
		if (n == 0)
			break;
		end_write(e, o->piece + o->piece_at, n);
		o->piece_at += (uint32_t)n;
		done += n;
	}
	o->said += done;
	return done;
}
