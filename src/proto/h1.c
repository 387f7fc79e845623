/* SPDX-License-Identifier: MIT */
/*
 * h1.c - reads heads of HTTP/1 messages.
 *
 * A head that is there and good is read in one pass. When it is not, a search says whether a byte or the first line is wrong, or
 * more must come; it goes on where it stopped when it did.
 *
 * Invariants
 *  (1) A fault of the bytes is reported as soon as the byte is there, one of the first line as soon as that is complete, any other
 *      when the head is complete; so the same bytes have the same verdict however they came.
 *  (2) The pass accepts no head in which the search would find a fault.
 */
#include "proto/h1.h"
#include "base/assert.h"
#include "proto/h1_char.h"
#include "proto/h1_frame.h"
#include "proto/h1_line.h"
#include "proto/h1_name.h"
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
	uint32_t start;                 /* of the first line */
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
	c->start = i;
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

/* Search for the end of the first line, at most as far as it may go; then read it. *at: from where, and behind it. */
static enum h1_verdict
first_line(struct call *c, uint32_t *at)
{
	uint32_t to = c->to, end = 0;
	const char *error = NULL;
	enum h1_verdict v;
	bool good;

	if (c->request && to - c->start > c->target_max + H1_LINE_EXTRA + 2)
		to = c->start + c->target_max + (uint32_t)H1_LINE_EXTRA + 2;
	v = h1_scan_line(c->p, at, to, &end, &error);
	if (v == H1_BAD)
		return bad(c, 400, error);
	if (v == H1_MORE && to < c->to)
		return bad(c, 414, "request line too long");
	if (v == H1_MORE)
		return H1_MORE;
	good = c->request ? h1_line_request(c->p, c->start, end, c->target_max, c->h) : h1_line_status(c->p, c->start, end, c->h);
	return good ? H1_OK : H1_BAD;
}

/*
 * Is the head complete (H1_OK), and if not, can it still be? Goes on where the call before stopped (1).
 */
static enum h1_verdict
search(struct call *c)
{
	struct h1_scan *scan = c->scan;
	uint32_t at = FL_MAX(c->start, scan->at), end = 0;
	const char *error = NULL;
	enum h1_verdict v;

	if (scan->line == 0) {
		v = first_line(c, &at);
		if (v != H1_OK)
			return v == H1_MORE ? more(c, at) : v;
		scan->line = at;
	}
	do {
		v = h1_scan_line(c->p, &at, c->to, &end, &error);
		if (v == H1_BAD)
			return bad(c, 400, error);
		if (v == H1_MORE)
			return more(c, at);
	} while (c->p[end - 1] != '\n');
	return H1_OK;
}

/* "content_length" is a length to whoever turns names into variables; no honest sender writes it so. */
static bool
is_disguised(const char *name, size_t n)
{
	return (n == 14 && name[7] == '_' && h1_same_name(name, "content_length", n)) ||
	    (n == 17 && name[8] == '_' && h1_same_name(name, "transfer_encoding", n));
}

/* Why the line at `from` has no name that ends at i. */
static bool
bad_name(struct h1_head *h, const char *p, uint32_t from, uint32_t i)
{
	if (i == from && h1_char_blank(p[i]))
		return h1_refuse(h, 400, h->field_count == 0 ? "white space before the first header" : "folded header line");
	if (p[i] == ':')
		return h1_refuse(h, 400, "header without a name");
	if (p[i] == '\r')
		return h1_refuse(h, 400, "header without a colon");
	return h1_refuse(h, 400, h1_char_blank(p[i]) ? "white space in or after a header's name" : "malformed header name");
}

/* A name that is looked at byte by byte. */
static bool
cut_odd_name(const struct call *c, uint32_t from, struct h1_field *f)
{
	const char *p = c->p;
	uint32_t i = from;

	while (i < c->to && h1_char_is(p[i], H1_CHAR_TOKEN))
		i++;
	if (i == c->to)
		return h1_refuse(c->h, 400, "header without a colon");
	if (i == from || p[i] != ':')
		return bad_name(c->h, p, from, i);
	if (is_disguised(p + from, i - from))
		return h1_refuse(c->h, 400, "framing header in disguise");
	f->id = (uint8_t)h1_id_of(p + from, i - from);
	f->name = (struct h1_text){ from, i - from };
	return true;
}

/* The name at `from`, which a colon must follow. What equals a known name is good. */
static bool
cut_name(const struct call *c, uint32_t from, struct h1_field *f)
{
	uint32_t n = h1_scan_colon(c->p, from, c->to) - from;
	bool plain = true;

	if (n == 0)
		return cut_odd_name(c, from, f);
	f->id = (uint8_t)h1_name_glance(c->p + from, n, &plain);
	f->name = (struct h1_text){ from, n };
	return f->id != H1_ID_OTHER || plain || cut_odd_name(c, from, f);
}

/* The value in [from, end), without the white space around it. */
static struct h1_text
cut_value(const char *p, uint32_t from, uint32_t end)
{
	while (h1_char_blank(p[from]))          /* the CR at end is none */
		from++;
	while (end > from && h1_char_blank(p[end - 1]))
		end--;
	return (struct h1_text){ from, end - from };
}

/* The field line at *at; behind it afterwards. Its end is looked for from its start, which does not wait for the colon. */
static bool
cut_field(const struct call *c, uint32_t *at)
{
	const char *p = c->p;
	struct h1_head *h = c->h;
	unsigned i = h->field_count;
	struct h1_field *f = &h->fields[i];
	uint32_t end = h1_scan_control(p, *at, c->to);

	if (i == c->fields_max)
		return h1_refuse(h, 431, "too many header fields");
	if (!cut_name(c, *at, f))
		return false;
	if (end + 1 >= c->to || p[end] != '\r' || p[end + 1] != '\n')
		return h1_refuse(h, 400, "unfinished header line");
	f->value = cut_value(p, f->name.at + f->name.len + 1, end);
	*at = end + 2;
	h->field_count++;
	if (f->id == H1_ID_OTHER)
		return true;
	if (!h1_has(h, (enum h1_id)f->id))
		h->first[f->id] = (uint8_t)i;
	h->present |= H1_BIT(f->id);
	return (H1_BIT(f->id) & H1_FRAME_FIELDS) == 0 || h1_frame_field(p, h, i);
}

/* The head, all of which must be there. */
static bool
cut(struct call *c)
{
	struct h1_head *h = c->h;
	uint32_t at = c->start;

	memset(h, 0, offsetof(struct h1_head, first));
	h->method = (uint8_t)c->method;
	if (first_line(c, &at) != H1_OK)
		return false;
	h->fields_at = at;
	while (at < c->to && c->p[at] != '\r') {
		if (!cut_field(c, &at))
			return false;
	}
	if (at + 1 >= c->to || c->p[at + 1] != '\n')
		return h1_refuse(h, 400, "unfinished head");
	h->head_bytes = at + 2;
	if (c->request)
		return h1_frame_request(c->p, h, c->lim->body_bytes_max);
	return h1_frame_response(c->p, h, c->lim->body_bytes_max);
}

static enum h1_verdict
read_head(struct call *c)
{
	enum h1_verdict v = skip_empty(c);
	bool tried = c->scan->at == 0;

	if (v != H1_OK)
		return v;
	if (tried && cut(c))
		return H1_OK;
	v = search(c);
	if (v != H1_OK)
		return v;
	return cut(c) ? H1_OK : H1_BAD;
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
