/* SPDX-License-Identifier: MIT */
/* http1.c - collects HTTP/1.x messages whole. */
#include "proto/http1.h"
#include "base/assert.h"
#include <string.h>
#include <strings.h>

#define KEEP_BYTES 16384

void
http1_init(struct http1 *h, enum http1_kind kind, size_t body_max)
{
	memset(h, 0, sizeof(*h));
	h->kind = kind;
	buf_init(&h->head, HTTP1_HEAD_MAX);
	buf_init(&h->body, body_max);
}

void
http1_fini(struct http1 *h)
{
	buf_fini(&h->head);
	buf_fini(&h->body);
}

static void
forget(struct buf *b)
{
	size_t max = b->max_bytes;

	buf_clear(b);
	if (b->cap <= KEEP_BYTES)
		return;
	buf_fini(b);
	buf_init(b, max);
}

void
http1_next(struct http1 *h)
{
	struct buf head, body;

	forget(&h->head);
	forget(&h->body);
	head = h->head;
	body = h->body;
	*h = (struct http1){ .kind = h->kind, .head = head, .body = body };
}

bool
http1_started(const struct http1 *h)
{
	return h->state != HTTP1_HEAD || buf_len(&h->head) > 0;
}

static void
fail(struct http1 *h, unsigned status, const char *error)
{
	h->state = HTTP1_BAD;
	h->status = h->kind == HTTP1_REQUEST ? status : 502;
	h->error = error;
	h->keep_alive = false;
}

const char *
http1_field(const struct http1 *h, const char *name)
{
	for (unsigned i = 0; i < h->field_count; i++) {
		if (strcasecmp(h->fields[i].name, name) == 0)
			return h->fields[i].value;
	}
	return NULL;
}

/* Make a text of the head a string: what stands behind it is no longer needed. */
static const char *
string(char *p, struct h1_text t)
{
	p[t.at + t.len] = '\0';
	return p + t.at;
}

/* The head is complete: keep what is in it as strings, from its end to its start. */
static void
take_head(struct http1 *h, const struct h1_head *head)
{
	char *p = h->head.mem + h->head.start;

	for (unsigned i = 0; i < head->field_count; i++) {
		h->fields[i].value = string(p, head->fields[i].value);
		h->fields[i].name = string(p, head->fields[i].name);
	}
	h->field_count = head->field_count;
	h->version_minor = head->version_minor;
	h->keep_alive = head->keep_alive;
	h->expect_continue = head->expect_continue;
	h->chunked = head->chunked;
	if (h->kind == HTTP1_REQUEST) {
		h->method = string(p, head->method_text);
		h->target = string(p, head->target);
	} else {
		h->status = head->status;
	}
	/* What comes behind 101 is not HTTP, and whoever sees it stops there. */
	h1_body_begin(&h->walk, head->framing == H1_TUNNEL ? H1_NONE : (enum h1_framing)head->framing, head->length, h->body.max_bytes);
	h->state = h1_body_done(&h->walk) ? HTTP1_DONE : HTTP1_BODY;
	if (h1_body_bad(&h->walk))
		fail(h, h1_body_status(&h->walk), h1_body_error(&h->walk));
}

static enum h1_verdict
read_head(struct http1 *h, struct h1_head *ret)
{
	struct h1_limits lim = { .body_bytes_max = h->body.max_bytes };
	const char *p = buf_data(&h->head);
	size_t n = buf_len(&h->head);

	if (h->kind == HTTP1_REQUEST)
		return h1_request(p, n, &lim, &h->scan, ret);
	return h1_response(p, n, &lim, &h->scan, h->no_body ? H1_HEAD : H1_GET, ret);
}

/* One line, or the part of one that is there. Lines may end in LF alone here: no message goes any further. */
static int
append_line(struct http1 *h, const char *p, size_t n)
{
	const char *last = n > 1 ? p + n - 2 : buf_len(&h->head) > 0 ? h->head.mem + h->head.end - 1 : NULL;
	int r;

	if (p[n - 1] != '\n' || (last != NULL && *last == '\r'))
		return buf_append(&h->head, p, n);
	r = buf_append(&h->head, p, n - 1);
	return r == 0 ? buf_append(&h->head, "\r\n", 2) : r;
}

/* Empty lines between messages belong to none; a message that is waited for has not begun by them. */
static bool
is_between(const struct http1 *h, const char *p, size_t n)
{
	return h->kind == HTTP1_REQUEST && buf_len(&h->head) == 0 && (n == 1 || (n == 2 && p[0] == '\r')) && p[n - 1] == '\n';
}

/* Is it worth looking at the head: does it end, or is its first line there, which may be all that ever comes? */
static bool
is_worth(const struct http1 *h)
{
	size_t n = buf_len(&h->head);

	return h->scan.line == 0 || (n >= 3 && memcmp(buf_data(&h->head) + n - 3, "\n\r\n", 3) == 0);
}

/* Take bytes up to the end of a line; with the empty one the head ends. */
static size_t
feed_head(struct http1 *h, const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);
	size_t piece = nl != NULL ? (size_t)(nl - p) + 1 : n;
	struct h1_head head;
	enum h1_verdict v;

	if (is_between(h, p, piece))
		return piece;
	if (append_line(h, p, piece) != 0) {
		fail(h, 431, "head too large");
		return 0;
	}
	v = nl != NULL && is_worth(h) ? read_head(h, &head) : H1_MORE;
	if (v == H1_BAD)
		fail(h, head.status, head.error);
	if (v == H1_OK) {
		fl_assert(head.head_bytes == buf_len(&h->head));
		take_head(h, &head);
	}
	return piece;
}

static size_t
feed_body(struct http1 *h, const char *p, size_t n)
{
	struct h1_span span;
	enum h1_verdict v = h1_body_next(&h->walk, p, n, &span);

	if (span.kind == H1_SPAN_PAYLOAD && buf_append(&h->body, p, span.bytes) != 0) {
		fail(h, 413, "body too large");
		return 0;
	}
	if (v == H1_OK)
		h->state = HTTP1_DONE;
	else if (v == H1_BAD)
		fail(h, h1_body_status(&h->walk), h1_body_error(&h->walk));
	return span.bytes;
}

size_t
http1_feed(struct http1 *h, const char *p, size_t n)
{
	size_t used = 0;

	while (used < n && (h->state == HTTP1_HEAD || h->state == HTTP1_BODY))
		used += h->state == HTTP1_HEAD ? feed_head(h, p + used, n - used) : feed_body(h, p + used, n - used);
	fl_assert(used <= n);
	return used;
}

void
http1_eof(struct http1 *h)
{
	if (h->state == HTTP1_BODY && h1_body_eof(&h->walk) == H1_OK)
		h->state = HTTP1_DONE;
	else if (h->state != HTTP1_DONE && h->state != HTTP1_BAD)
		fail(h, 400, "the message ended early");
}
