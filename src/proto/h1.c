/* SPDX-License-Identifier: MIT */
/*
 * h1.c - reads heads of HTTP/1 messages: finds the lines, then cuts and judges them.
 *
 * The first pass looks for control bytes, which only line ends may hold; the second cuts the lines it found. When the head is not
 * complete yet the next call goes on with the first pass where it stopped.
 *
 * Invariants
 *  (1) A fault of the bytes is reported as soon as the byte is there, one of the first line as soon as that is complete, any other
 *      when the head is complete; so the same bytes have the same verdict however they came.
 */
#include "proto/h1.h"
#include "base/assert.h"
#include "proto/h1_char.h"
#include "proto/h1_frame.h"
#include "proto/h1_line.h"
#include "proto/h1_scan.h"

/* Empty lines that some clients send behind a body (RFC 9112 2.2). */
#define EMPTY_LINES_MAX 4u

/* One call. */
struct call {
	const char *p;
	uint32_t to;                    /* no further: the bytes there are, or the limit */
	bool full;                      /* the limit is reached: what is not complete now will not be */
	bool request;
	enum h1_method method;          /* that a response answers */
	const struct h1_limits *lim;
	uint32_t head_max, fields_max, target_max;
	struct h1_scan *scan;
	struct h1_head *h;
	struct h1_lines lines;
};

static enum h1_verdict
bad(struct call *c, unsigned status, const char *error)
{
	h1_refuse(c->h, status, error);
	return H1_BAD;
}

static void
begin(struct call *c, size_t n)
{
	const struct h1_limits *lim = c->lim;

	c->head_max = lim->head_bytes_max != 0 ? lim->head_bytes_max : H1_HEAD_BYTES_MAX;
	c->fields_max = lim->fields_max != 0 ? FL_MIN(lim->fields_max, H1_FIELDS_MAX) : H1_FIELDS_MAX;
	c->target_max = lim->target_bytes_max != 0 ? lim->target_bytes_max : H1_TARGET_BYTES_MAX;
	c->full = n >= c->head_max;
	c->to = c->full ? c->head_max : (uint32_t)n;
	fl_assert(c->scan->at <= c->to && c->scan->line <= c->scan->at);
	c->lines.count = 0;
}

/* Where the first line begins: behind empty ones, of which few are allowed and only before a request. */
static enum h1_verdict
skip_empty(struct call *c)
{
	uint32_t i = 0;

	while (c->request && i + 1 < c->to && c->p[i] == '\r' && c->p[i + 1] == '\n')
		i += 2;
	if (i > 2 * EMPTY_LINES_MAX)
		return bad(c, 400, "empty lines before the request");
	c->lines.start = i;
	return H1_OK;
}

/* Not complete; if it never will be, say so. */
static enum h1_verdict
more(struct call *c, uint32_t at)
{
	c->scan->at = at;
	if (!c->full)
		return H1_MORE;
	return c->scan->line == 0 && c->request ? bad(c, 414, "request line too long") : bad(c, 431, "head too large");
}

/* The first line, which must be good before anything behind it is looked at (1). */
static enum h1_verdict
first_line(struct call *c, uint32_t *ret_next)
{
	uint32_t start = c->lines.start, at = FL_MAX(start, c->scan->line == 0 ? c->scan->at : 0), to = c->to, end = 0;
	const char *error = NULL;
	enum h1_verdict v;
	bool good;

	if (c->request && to - start > c->target_max + H1_LINE_EXTRA + 2)
		to = start + c->target_max + (uint32_t)H1_LINE_EXTRA + 2;
	v = h1_scan_line(c->p, &at, to, &end, &error);
	if (v == H1_BAD)
		return bad(c, 400, error);
	if (v == H1_MORE && to < c->to)
		return bad(c, 414, "request line too long");
	if (v == H1_MORE)
		return more(c, at);
	good = c->request ? h1_line_request(c->p, start, end, c->target_max, c->h) : h1_line_status(c->p, start, end, c->h);
	if (!good)
		return H1_BAD;
	c->lines.end[0] = end;
	c->lines.count = 1;
	c->scan->line = at;
	*ret_next = at;
	return H1_OK;
}

/* All lines from *at up to the empty one; behind it in the end. They are noted unless they are but looked for. */
static enum h1_verdict
other_lines(struct call *c, uint32_t *at, bool note)
{
	const char *error = NULL;
	uint32_t end = 0;

	for (;;) {
		enum h1_verdict v = h1_scan_line(c->p, at, c->to, &end, &error);

		if (v == H1_BAD)
			return bad(c, 400, error);
		if (v == H1_MORE)
			return more(c, *at);
		if (c->p[end - 1] == '\n')
			return H1_OK;
		if (note && c->lines.count < FL_ARRAY_LEN(c->lines.end))
			c->lines.end[c->lines.count++] = end;
	}
}

static bool
cut_name(const char *p, uint32_t from, uint32_t end, struct h1_head *h, struct h1_field *f)
{
	uint32_t i = from;

	while (h1_char_is(p[i], H1_CHAR_TOKEN))         /* the CR at end is none */
		i++;
	if (p[i] == ':' && i > from) {
		f->name = (struct h1_text){ from, i - from };
		return true;
	}
	if (i == from && h1_char_blank(p[i]))
		return h1_refuse(h, 400, h->field_count == 0 ? "white space before the first header" : "folded header line");
	if (i == from && p[i] == ':')
		return h1_refuse(h, 400, "header without a name");
	if (i == end)
		return h1_refuse(h, 400, "header without a colon");
	return h1_refuse(h, 400, h1_char_blank(p[i]) ? "white space in or after a header's name" : "malformed header name");
}

/* "content_length" is a length to whoever turns names into variables; no honest sender writes it so. */
static bool
is_disguised(const char *p, struct h1_text name)
{
	return (name.len == 14 && p[name.at + 7] == '_' && h1_same_name(p + name.at, "content_length", 14)) ||
	    (name.len == 17 && p[name.at + 8] == '_' && h1_same_name(p + name.at, "transfer_encoding", 17));
}

static bool
cut_field(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	struct h1_field *f = &h->fields[h->field_count];
	enum h1_id id;

	if (!cut_name(p, from, end, h, f))
		return false;
	from += f->name.len + 1;
	while (h1_char_blank(p[from]))
		from++;
	while (end > from && h1_char_blank(p[end - 1]))
		end--;
	f->value = (struct h1_text){ from, end - from };
	id = h1_id_of(p + f->name.at, f->name.len);
	f->id = (uint8_t)id;
	if (id == H1_ID_OTHER) {
		h->field_count++;
		return !is_disguised(p, f->name) || h1_refuse(h, 400, "framing header in disguise");
	}
	if (!h1_has(h, id))
		h->first[id] = (uint8_t)h->field_count;
	h->present |= H1_BIT(id);
	h->field_count++;
	return (H1_BIT(id) & H1_FRAME_FIELDS) == 0 || h1_frame_field(p, h, h->field_count - 1u);
}

static enum h1_verdict
cut_fields(struct call *c)
{
	const struct h1_lines *l = &c->lines;
	struct h1_head *h = c->h;

	if (l->count - 1 > c->fields_max)
		return bad(c, 431, "too many header fields");
	for (uint32_t i = 1; i < l->count; i++) {
		if (!cut_field(c->p, l->end[i - 1] + 2, l->end[i], h))
			return H1_BAD;
	}
	if (c->request)
		return h1_frame_request(c->p, h, c->lim->body_bytes_max) ? H1_OK : H1_BAD;
	return h1_frame_response(c->p, h, c->lim->body_bytes_max) ? H1_OK : H1_BAD;
}

static enum h1_verdict
read_head(struct call *c)
{
	uint32_t at = 0;
	enum h1_verdict v;

	if (c->scan->line != 0) {
		at = c->scan->at;
		v = other_lines(c, &at, false);
		if (v != H1_OK)
			return v;
	}
	memset(c->h, 0, offsetof(struct h1_head, first));
	c->h->method = (uint8_t)c->method;
	v = skip_empty(c);
	if (v == H1_OK)
		v = first_line(c, &at);
	if (v != H1_OK)
		return v;
	c->h->fields_at = at;
	v = other_lines(c, &at, true);
	if (v != H1_OK)
		return v;
	c->h->head_bytes = at;
	return cut_fields(c);
}

enum h1_verdict
h1_request(const char *p, size_t n, const struct h1_limits *lim, struct h1_scan *scan, struct h1_head *ret)
{
	struct call c;

	c.p = p;
	c.lim = lim;
	c.scan = scan;
	c.h = ret;
	c.request = true;
	c.method = H1_METHOD_OTHER;
	begin(&c, n);
	return read_head(&c);
}

enum h1_verdict
h1_response(const char *p, size_t n, const struct h1_limits *lim, struct h1_scan *scan, enum h1_method request, struct h1_head *ret)
{
	struct call c;
	enum h1_verdict v;

	c.p = p;
	c.lim = lim;
	c.scan = scan;
	c.h = ret;
	c.request = false;
	c.method = request;
	begin(&c, n);
	v = read_head(&c);
	if (v == H1_BAD)
		ret->status = 502;
	return v;
}
