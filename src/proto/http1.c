/* SPDX-License-Identifier: MIT */
/* http1.c - incremental parser of HTTP/1.x messages. */
#include "proto/http1.h"
#include "base/assert.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define KEEP_BYTES 16384
#define TRAILER_MAX 16384u

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
	h->step = HTTP1_STEP_NONE;
	h->status = status;
	h->error = error;
	h->keep_alive = false;
}

static void
done(struct http1 *h)
{
	h->state = HTTP1_DONE;
	h->step = HTTP1_STEP_NONE;
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

/* tchar of RFC 9110. */
static bool
is_token_char(unsigned char c)
{
	return isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(const char *s)
{
	if (*s == '\0')
		return false;
	while (is_token_char((unsigned char)*s))
		s++;
	return *s == '\0';
}

/* Does the comma-separated value hold this word? */
static bool
has_word(const char *value, const char *word)
{
	size_t n = strlen(word);

	while (*value != '\0') {
		size_t len;

		value += strspn(value, " \t,");
		len = strcspn(value, ",");
		while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
			len--;
		if (len == n && strncasecmp(value, word, n) == 0)
			return true;
		value += strcspn(value, ",");
	}
	return false;
}

/* "Name: value" in place. */
static bool
parse_field(struct http1 *h, char *line)
{
	char *colon = strchr(line, ':');
	char *value, *end;

	if (colon == NULL)
		return false;
	*colon = '\0';
	if (!is_token(line))
		return false;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
		if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	}
	if (h->field_count == HTTP1_FIELDS_MAX)
		return false;
	h->fields[h->field_count++] = (struct http1_field){ .name = line, .value = value };
	return true;
}

/* "HTTP/1.x": the minor version, or -1 not HTTP, -2 another version. */
static int
parse_version(const char *s)
{
	if (strncmp(s, "HTTP/", 5) != 0 || !isdigit((unsigned char)s[5]) || s[6] != '.' || !isdigit((unsigned char)s[7]) || s[8] != '\0')
		return -1;
	if (s[5] != '1')
		return -2;
	return s[7] == '0' ? 0 : 1;
}

static bool
parse_request_line(struct http1 *h, char *line)
{
	char *target = strchr(line, ' ');
	char *version = target != NULL ? strchr(target + 1, ' ') : NULL;
	int minor;

	if (version == NULL) {
		fail(h, 400, "malformed request line");
		return false;
	}
	*target++ = '\0';
	*version++ = '\0';
	minor = parse_version(version);
	if (minor == -2) {
		fail(h, 505, "unsupported protocol version");
		return false;
	}
	if (minor < 0 || !is_token(line) || *target == '\0') {
		fail(h, 400, "malformed request line");
		return false;
	}
	for (const unsigned char *p = (const unsigned char *)target; *p != '\0'; p++) {
		if (*p <= 0x20 || *p == 0x7f) {
			fail(h, 400, "malformed request target");
			return false;
		}
	}
	h->method = line;
	h->target = target;
	h->version_minor = minor;
	return true;
}

static bool
parse_status_line(struct http1 *h, char *line)
{
	int minor;

	if (strlen(line) < 12 || line[8] != ' ' || (line[12] != ' ' && line[12] != '\0')) {
		fail(h, 502, "malformed status line");
		return false;
	}
	line[8] = '\0';
	minor = parse_version(line);
	if (minor < 0 || !isdigit((unsigned char)line[9]) || !isdigit((unsigned char)line[10]) || !isdigit((unsigned char)line[11])) {
		fail(h, 502, "malformed status line");
		return false;
	}
	h->version_minor = minor;
	h->status = (unsigned)(line[9] - '0') * 100 + (unsigned)(line[10] - '0') * 10 + (unsigned)(line[11] - '0');
	return true;
}

/* Content-Length: digits only, no more than 18 of them. */
static bool
parse_length(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s == '\0' || strlen(s) > 18)
		return false;
	for (; *s != '\0'; s++) {
		if (!isdigit((unsigned char)*s))
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	*ret = v;
	return true;
}

/* All fields that say how long the body is agree. ret_length: UINT64_MAX when none says. */
static bool
parse_framing(struct http1 *h, uint64_t *ret_length)
{
	uint64_t length = UINT64_MAX, v;
	bool coded = false;

	for (unsigned i = 0; i < h->field_count; i++) {
		const struct http1_field *f = &h->fields[i];

		if (strcasecmp(f->name, "Content-Length") == 0) {
			if (!parse_length(f->value, &v) || (length != UINT64_MAX && length != v)) {
				fail(h, 400, "bad Content-Length");
				return false;
			}
			length = v;
		} else if (strcasecmp(f->name, "Transfer-Encoding") == 0) {
			if (coded || strcasecmp(f->value, "chunked") != 0) {
				fail(h, 501, "unsupported transfer encoding");
				return false;
			}
			coded = true;
		}
	}
	if (coded && (length != UINT64_MAX || h->version_minor == 0)) {
		fail(h, 400, "conflicting lengths");
		return false;
	}
	h->chunked = coded;
	*ret_length = length;
	return true;
}

static void
parse_connection(struct http1 *h)
{
	h->keep_alive = h->version_minor == 1;
	for (unsigned i = 0; i < h->field_count; i++) {
		if (strcasecmp(h->fields[i].name, "Connection") != 0)
			continue;
		if (has_word(h->fields[i].value, "close")) {
			h->keep_alive = false;
			return;
		}
		if (h->version_minor == 0 && has_word(h->fields[i].value, "keep-alive"))
			h->keep_alive = true;
	}
}

/* What a request must and may say. */
static bool
check_request(struct http1 *h, bool has_body)
{
	const char *expect = http1_field(h, "Expect");
	unsigned hosts = 0;

	for (unsigned i = 0; i < h->field_count; i++)
		hosts += strcasecmp(h->fields[i].name, "Host") == 0;
	if (hosts > 1) {
		fail(h, 400, "too many Host headers");
		return false;
	}
	if (hosts == 0 && h->version_minor == 1) {
		fail(h, 400, "missing required Host header");
		return false;
	}
	if (expect != NULL && h->version_minor == 1) {
		if (!has_word(expect, "100-continue")) {
			fail(h, 417, "expectation failed");
			return false;
		}
		h->expect_continue = has_body;
	}
	return true;
}

/* Which bytes make the body. */
static void
start_body(struct http1 *h, uint64_t length)
{
	bool response = h->kind == HTTP1_RESPONSE;

	h->state = HTTP1_BODY;
	if (response && (h->no_body || h->status / 100 == 1 || h->status == 204 || h->status == 304)) {
		done(h);
	} else if (h->chunked) {
		h->step = HTTP1_STEP_CHUNK_SIZE;
	} else if (length == UINT64_MAX && response) {
		h->step = HTTP1_STEP_UNTIL_EOF;
		h->keep_alive = false;
	} else if (length == UINT64_MAX || length == 0) {
		done(h);
	} else if (length > h->body.max_bytes) {
		fail(h, 413, "body too large");
	} else {
		h->left_bytes = length;
		h->step = HTTP1_STEP_LENGTH;
	}
}

/* The head is complete, with its empty line; cut it into lines and look at it. */
static void
parse_head(struct http1 *h)
{
	uint64_t length = UINT64_MAX;
	char *next, *line;
	bool first = true;

	if (memchr(buf_data(&h->head), '\0', buf_len(&h->head)) != NULL) {
		fail(h, h->kind == HTTP1_REQUEST ? 400 : 502, "NUL byte in the head");
		return;
	}
	next = h->head.mem + h->head.start;
	next[buf_len(&h->head) - 1] = '\0';
	while ((line = strsep(&next, "\n")) != NULL && next != NULL) {
		size_t n = strlen(line);

		if (n > 0 && line[n - 1] == '\r')
			line[n - 1] = '\0';
		if (first && !(h->kind == HTTP1_REQUEST ? parse_request_line(h, line) : parse_status_line(h, line)))
			return;
		if (!first && !parse_field(h, line)) {
			if (h->field_count == HTTP1_FIELDS_MAX)
				fail(h, 431, "too many header fields");
			else
				fail(h, h->kind == HTTP1_REQUEST ? 400 : 502, "malformed header");
			return;
		}
		first = false;
	}
	parse_connection(h);
	if (!parse_framing(h, &length))
		return;
	if (h->kind == HTTP1_REQUEST && !check_request(h, h->chunked || (length != UINT64_MAX && length > 0)))
		return;
	start_body(h, length);
}

/* Take bytes up to the empty line that ends the head. Empty lines before a message are passed over. */
static size_t
feed_head(struct http1 *h, const char *p, size_t n)
{
	size_t used = 0;

	while (used < n && h->state == HTTP1_HEAD) {
		const char *nl = memchr(p + used, '\n', n - used);
		size_t piece = nl != NULL ? (size_t)(nl - (p + used)) + 1 : n - used;
		bool blank;

		if (buf_append(&h->head, p + used, piece) != 0) {
			fail(h, 431, "head too large");
			return used;
		}
		used += piece;
		h->line_len += piece;
		if (nl == NULL)
			break;
		blank = h->line_len == 1 || (h->line_len == 2 && h->head.mem[h->head.end - 2] == '\r');
		if (blank && buf_len(&h->head) == h->line_len)
			buf_clear(&h->head);
		else if (blank)
			parse_head(h);
		h->line_len = 0;
	}
	return used;
}

static size_t
feed_body(struct http1 *h, const char *p, size_t n)
{
	size_t take = n < h->left_bytes ? n : (size_t)h->left_bytes;

	if (buf_append(&h->body, p, take) != 0) {
		fail(h, 413, "body too large");
		return 0;
	}
	h->left_bytes -= take;
	if (h->left_bytes == 0 && h->step == HTTP1_STEP_LENGTH)
		done(h);
	else if (h->left_bytes == 0)
		h->step = HTTP1_STEP_CHUNK_END;
	return take;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One byte of "1a2b;extension\r\n". line_len: 0 in the digits, 1 in the extension, 2 behind the CR. */
static void
chunk_size_byte(struct http1 *h, char c)
{
	int d = h->line_len == 0 ? hex_digit(c) : -1;

	if (d >= 0) {
		h->left_bytes = h->left_bytes * 16 + (uint64_t)d;
		if (++h->digits > 15 || h->left_bytes + buf_len(&h->body) > h->body.max_bytes)
			fail(h, 413, "body too large");
	} else if (h->line_len < 2 && c == '\r' && h->digits > 0) {
		h->line_len = 2;
	} else if (h->line_len == 2 && c == '\n') {
		h->line_len = 0;
		h->digits = 0;
		h->trailer_bytes = 0;
		h->step = h->left_bytes > 0 ? HTTP1_STEP_CHUNK_DATA : HTTP1_STEP_TRAILER;
	} else if (h->line_len == 0 && (c == ';' || c == ' ' || c == '\t') && h->digits > 0) {
		h->line_len = 1;
	} else if (h->line_len != 1 || c == '\n' || ++h->trailer_bytes > TRAILER_MAX) {
		fail(h, 400, "malformed chunk");
	}
}

/* One byte of the CRLF behind a chunk. */
static void
chunk_end_byte(struct http1 *h, char c)
{
	if (h->line_len == 0 && c == '\r') {
		h->line_len = 1;
	} else if (h->line_len == 1 && c == '\n') {
		h->line_len = 0;
		h->left_bytes = 0;
		h->step = HTTP1_STEP_CHUNK_SIZE;
	} else {
		fail(h, 400, "malformed chunk");
	}
}

/* One byte of the trailer: lines up to an empty one, read and forgotten. digits: last byte was a CR. */
static void
trailer_byte(struct http1 *h, char c)
{
	if (++h->trailer_bytes > TRAILER_MAX) {
		fail(h, 431, "trailer too large");
	} else if (c == '\n') {
		if (h->digits == 0) {
			fail(h, 400, "malformed trailer");
		} else if (h->line_len == 0) {
			done(h);
		} else {
			h->line_len = 0;
			h->digits = 0;
		}
	} else if (h->digits != 0) {
		fail(h, 400, "malformed trailer");
	} else if (c == '\r') {
		h->digits = 1;
	} else {
		h->line_len++;
	}
}

size_t
http1_feed(struct http1 *h, const char *p, size_t n)
{
	size_t used = 0;

	while (used < n && h->step != HTTP1_STEP_NONE) {
		switch (h->step) {
		case HTTP1_STEP_HEAD:
			used += feed_head(h, p + used, n - used);
			break;
		case HTTP1_STEP_LENGTH:
		case HTTP1_STEP_CHUNK_DATA:
			used += feed_body(h, p + used, n - used);
			break;
		case HTTP1_STEP_CHUNK_SIZE:
			chunk_size_byte(h, p[used++]);
			break;
		case HTTP1_STEP_CHUNK_END:
			chunk_end_byte(h, p[used++]);
			break;
		case HTTP1_STEP_TRAILER:
			trailer_byte(h, p[used++]);
			break;
		case HTTP1_STEP_UNTIL_EOF:
			if (buf_append(&h->body, p + used, n - used) != 0)
				fail(h, 413, "body too large");
			used = n;
			break;
		case HTTP1_STEP_NONE:
			break;
		}
	}
	fl_assert(used <= n);
	return used;
}

void
http1_eof(struct http1 *h)
{
	if (h->step == HTTP1_STEP_UNTIL_EOF)
		done(h);
	else if (h->state != HTTP1_DONE && h->state != HTTP1_BAD)
		fail(h, h->kind == HTTP1_REQUEST ? 400 : 502, "the message ended early");
}
