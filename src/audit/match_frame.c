/* SPDX-License-Identifier: MIT */
/* match_frame.c - framing of messages and of answers. */
#include "audit/match_frame.h"

#include "base/assert.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_BYTES_MAX 64
#define DIGITS_MAX 8

static void
put_length(uint32_t n, struct buf *out)
{
	char bytes[4] = { (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n };

	buf_append(out, bytes, sizeof(bytes));
}

static void
put_syslog(const void *message, size_t n, const char *date, struct buf *out)
{
	char head[160];
	int bytes = snprintf(head, sizeof(head), "<134>1 %s localhost faultline - feed - ", date);

	buf_printf(out, "%zu %s", (size_t)bytes + n, head);
	buf_append(out, message, n);
}

void
match_frame_put(const struct match_frame *f, const void *message, size_t n, const char *date, struct buf *out)
{
	fl_assert(n <= MATCH_FRAME_MESSAGE_MAX);
	switch (f->framing) {
	case MATCH_FRAME_LENGTH:
		put_length((uint32_t)n, out);
		buf_append(out, message, n);
		break;
	case MATCH_FRAME_HTTP:
		buf_printf(out, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", f->path, f->host, n);
		buf_append(out, message, n);
		break;
	case MATCH_FRAME_SYSLOG:
		put_syslog(message, n, date, out);
		break;
	case MATCH_FRAME_REDIS:
		buf_printf(out, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$1\r\nm\r\n$%zu\r\n", strlen(f->path), f->path, n);
		buf_append(out, message, n);
		buf_puts(out, "\r\n");
		break;
	case MATCH_FRAME_LINES:
		buf_append(out, message, n);
		buf_putc(out, '\n');
		break;
	}
}

static int
take_line(const char *p, size_t n, struct match_taken *ret)
{
	const char *end = memchr(p, '\n', FL_MIN(n, (size_t)MATCH_FRAME_MESSAGE_MAX));
	size_t bytes;

	if (end == NULL)
		return n >= MATCH_FRAME_MESSAGE_MAX ? -EINVAL : 0;
	bytes = (size_t)(end - p);
	*ret = (struct match_taken){ .used = bytes + 1, .message = p, .message_bytes = bytes > 0 && p[bytes - 1] == '\r' ? bytes - 1 : bytes };
	return 1;
}

static int
take_length(const char *p, size_t n, struct match_taken *ret)
{
	const uint8_t *b = (const uint8_t *)p;
	uint32_t bytes;

	if (n < 4)
		return 0;
	bytes = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	if (bytes > MATCH_FRAME_MESSAGE_MAX)
		return -EINVAL;
	if (n < 4 + (size_t)bytes)
		return 0;
	*ret = (struct match_taken){ .used = 4 + (size_t)bytes, .message = p + 4, .message_bytes = bytes };
	return 1;
}

/* A decimal number, up to MATCH_FRAME_MESSAGE_MAX + a head. 1, 0 it may go on, -EINVAL. ret_used: its digits. */
static int
take_decimal(const char *p, size_t n, size_t *ret, size_t *ret_used)
{
	size_t v = 0, i;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		v = v * 10 + (size_t)(p[i] - '0');
		if (i >= DIGITS_MAX || v > MATCH_FRAME_BYTES_MAX)
			return -EINVAL;
	}
	if (i == n)
		return 0;
	if (i == 0)
		return -EINVAL;
	*ret = v;
	*ret_used = i;
	return 1;
}

/* Behind "<134>1 DATE HOST APP PROCID MSGID SD ": where MSG begins. NULL: that is no such header. Structured data may hold spaces. */
static const char *
syslog_message(const char *p, const char *end)
{
	const char *at = memchr(p, '>', (size_t)FL_MIN(end - p, 5));

	if (p == end || *p != '<' || at == NULL)
		return NULL;
	for (int field = 0; field < 6; field++) {               /* VERSION DATE HOST APP PROCID MSGID */
		at = memchr(at, ' ', (size_t)(end - at));
		if (at == NULL)
			return NULL;
		at++;
	}
	if (at < end && *at == '-')
		return at + 1 < end && at[1] == ' ' ? at + 2 : at + 1 == end ? end : NULL;
	while (at < end && *at == '[') {
		bool quoted = false;

		for (at++; at < end && (quoted || *at != ']'); at++) {
			if (quoted && *at == '\\' && at + 1 < end)
				at++;
			else if (*at == '"')
				quoted = !quoted;
		}
		if (at == end)
			return NULL;
		at++;
	}
	return at < end && *at == ' ' && at[-1] == ']' ? at + 1 : at == end && at[-1] == ']' ? end : NULL;
}

/* What was sent of [p, p + bytes): behind the header, without what a relay put around it. */
static void
unwrap_syslog(const char *p, size_t bytes, struct match_taken *ret)
{
	const char *end = p + bytes, *at = syslog_message(p, end);

	if (at == NULL)
		at = p;
	if (end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	while (end > at && (end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\0'))
		end--;
	ret->message = at;
	ret->message_bytes = (size_t)(end - at);
}

static int
take_syslog(const char *p, size_t n, struct match_taken *ret)
{
	size_t bytes, digits;
	int rc;

	if (n > 0 && *p == '<') {
		rc = take_line(p, n, ret);
		if (rc > 0)
			unwrap_syslog(ret->message, ret->message_bytes, ret);
		return rc;
	}
	rc = take_decimal(p, n, &bytes, &digits);
	if (rc <= 0)
		return rc;
	if (p[digits] != ' ')
		return -EINVAL;
	if (n < digits + 1 + bytes)
		return 0;
	*ret = (struct match_taken){ .used = digits + 1 + bytes };
	unwrap_syslog(p + digits + 1, bytes, ret);
	return 1;
}

struct http_head {
	size_t bytes;                   /* up to the body */
	bool chunked, close, has_length;
	size_t length;
};

/* The value of a field that begins here, without spaces around it; NULL: another field. */
static const char *
field(const char *line, size_t n, const char *name, size_t *ret_bytes)
{
	size_t len = strlen(name);

	if (n <= len || strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	for (line += len + 1, n -= len + 1; n > 0 && (*line == ' ' || *line == '\t'); n--)
		line++;
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
		n--;
	*ret_bytes = n;
	return line;
}

static bool
is_word(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(p, word, n) == 0;
}

static int
read_field(const char *line, size_t n, struct http_head *h)
{
	size_t bytes, used;
	const char *v = field(line, n, "content-length", &bytes);
	char digits[DIGITS_MAX + 2];

	if (v != NULL) {
		if (bytes == 0 || bytes > DIGITS_MAX || h->has_length)
			return -EINVAL;
		memcpy(digits, v, bytes);
		digits[bytes] = '\n';
		h->has_length = true;
		return take_decimal(digits, bytes + 1, &h->length, &used) == 1 && used == bytes && h->length <= MATCH_FRAME_MESSAGE_MAX ? 0 : -EINVAL;
	}
	v = field(line, n, "transfer-encoding", &bytes);
	if (v != NULL) {
		h->chunked = is_word(v, bytes, "chunked");
		return h->chunked ? 0 : -EINVAL;
	}
	v = field(line, n, "connection", &bytes);
	if (v != NULL)
		h->close |= is_word(v, bytes, "close");
	return 0;
}

/* The head of a request or an answer. 1, 0, -EINVAL. */
static int
read_head(const char *p, size_t n, struct http_head *ret)
{
	const char *end = memmem(p, FL_MIN(n, (size_t)MATCH_FRAME_HEAD_MAX), "\r\n\r\n", 4), *at, *next;

	if (end == NULL)
		return n >= MATCH_FRAME_HEAD_MAX ? -EINVAL : 0;
	*ret = (struct http_head){ .bytes = (size_t)(end - p) + 4 };
	at = memchr(p, '\n', ret->bytes);
	for (at++; at < end; at = next + 1) {
		next = memchr(at, '\n', (size_t)(end + 2 - at));
		if (next == NULL || read_field(at, (size_t)(next - at), ret) != 0)
			return -EINVAL;
	}
	return ret->chunked && ret->has_length ? -EINVAL : 1;
}

/* A body in chunks into `chunk`. 1, 0, -EINVAL; ret_used: bytes of the body on the wire. */
static int
take_chunks(const char *p, size_t n, char *chunk, size_t *ret_bytes, size_t *ret_used)
{
	size_t at = 0, bytes = 0;

	for (;;) {
		const char *end = memmem(p + at, FL_MIN(n - at, (size_t)64), "\r\n", 2);
		size_t size = 0, i = at;

		if (end == NULL)
			return n - at >= 64 ? -EINVAL : 0;
		for (; p[i] != '\r' && p[i] != ';' && i - at < 6; i++) {
			int c = p[i] | 0x20, digit = p[i] >= '0' && p[i] <= '9' ? p[i] - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

			if (digit < 0)
				return -EINVAL;
			size = size * 16 + (size_t)digit;
		}
		if (i == at || (p[i] != '\r' && p[i] != ';') || bytes + size > MATCH_FRAME_MESSAGE_MAX)
			return -EINVAL;
		at = (size_t)(end - p) + 2;
		if (n - at < size + 2)
			return 0;
		if (p[at + size] != '\r' || p[at + size + 1] != '\n')
			return -EINVAL;         /* trailers are not read */
		memcpy(chunk + bytes, p + at, size);
		bytes += size;
		at += size + 2;
		if (size == 0)
			break;
	}
	*ret_bytes = bytes;
	*ret_used = at;
	return 1;
}

static int
take_http(const char *p, size_t n, char *chunk, struct match_taken *ret)
{
	struct http_head h;
	size_t bytes, used;
	int rc = read_head(p, n, &h);

	if (rc <= 0)
		return rc;
	if (h.bytes < 16)
		return -EINVAL;
	if (memcmp(p, "POST ", 5) != 0 && memcmp(p, "PUT ", 4) != 0 && memcmp(p, "GET ", 4) != 0)
		return -EINVAL;
	if (h.chunked) {
		rc = take_chunks(p + h.bytes, n - h.bytes, chunk, &bytes, &used);
		if (rc > 0)
			*ret = (struct match_taken){ .used = h.bytes + used, .message = chunk, .message_bytes = bytes, .close = h.close };
		return rc;
	}
	if (n < h.bytes + h.length)
		return 0;
	*ret = (struct match_taken){
		.used = h.bytes + h.length, .message = h.length > 0 ? p + h.bytes : NULL, .message_bytes = h.length, .close = h.close,
	};
	return 1;
}

int
match_frame_take(enum match_framing framing, const char *p, size_t n, char *chunk, struct match_taken *ret)
{
	switch (framing) {
	case MATCH_FRAME_LINES:
		return take_line(p, n, ret);
	case MATCH_FRAME_LENGTH:
		return take_length(p, n, ret);
	case MATCH_FRAME_SYSLOG:
		return take_syslog(p, n, ret);
	case MATCH_FRAME_HTTP:
		return take_http(p, n, chunk, ret);
	case MATCH_FRAME_REDIS:
		break;
	}
	return -EINVAL;
}

void
match_frame_answer(bool kept, uint32_t flow, uint64_t n, uint32_t hash, struct buf *out)
{
	buf_printf(out, "%s %" PRIu32 " %" PRIu64 " %08" PRIx32 "\n", kept ? "ok" : "no", flow, n, hash);
}

/* "FLOW NUMBER HASH" exactly as it is written: no signs, no spaces more. */
static bool
read_name(const char *p, size_t n, struct match_answer *ret)
{
	char text[ANSWER_BYTES_MAX], again[ANSWER_BYTES_MAX];
	int len;

	if (n >= sizeof(text))
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	if (sscanf(text, "%" SCNu32 " %" SCNu64 " %" SCNx32, &ret->flow, &ret->n, &ret->hash) != 3)
		return false;
	len = snprintf(again, sizeof(again), "%" PRIu32 " %" PRIu64 " %08" PRIx32, ret->flow, ret->n, ret->hash);
	return (size_t)len == n && memcmp(text, again, n) == 0;
}

static int
answer_line(const char *p, size_t n, struct match_answer *ret)
{
	const char *end = memchr(p, '\n', FL_MIN(n, (size_t)ANSWER_BYTES_MAX));
	struct match_answer a = { .named = true };
	size_t bytes;

	if (end == NULL)
		return n >= ANSWER_BYTES_MAX ? -EINVAL : 0;
	bytes = (size_t)(end - p);
	if (bytes < 3 || (memcmp(p, "ok ", 3) != 0 && memcmp(p, "no ", 3) != 0) || !read_name(p + 3, bytes - 3, &a))
		return -EINVAL;
	a.kind = p[0] == 'o' ? MATCH_ANSWER_KEPT : MATCH_ANSWER_REFUSED;
	a.used = bytes + 1;
	*ret = a;
	return 1;
}

static int
answer_http(const char *p, size_t n, struct match_answer *ret)
{
	static const char version[] = "HTTP/1.";
	struct http_head h;
	int rc = read_head(p, n, &h);

	if (rc <= 0)
		return rc;
	if (h.bytes < 13 || memcmp(p, version, 7) != 0 || p[8] != ' ' || p[9] < '1' || p[9] > '5')
		return -EINVAL;
	if (!h.chunked && n < h.bytes + h.length)
		return 0;
	*ret = (struct match_answer){
		.kind = p[9] == '2' ? MATCH_ANSWER_KEPT : p[9] == '4' ? MATCH_ANSWER_REFUSED : MATCH_ANSWER_DOUBT,
		/* A body of unknown or chunked length is not read: the connection is given up instead. */
		.close = h.close || h.chunked || (!h.has_length && memcmp(p + 9, "204", 3) != 0) || p[7] == '0',
		.used = h.chunked ? n : h.bytes + h.length,
	};
	return 1;
}

static int
answer_redis(const char *p, size_t n, struct match_answer *ret)
{
	const char *end = memmem(p, FL_MIN(n, (size_t)MATCH_FRAME_HEAD_MAX), "\r\n", 2);
	size_t bytes, digits, head;

	if (end == NULL)
		return n >= MATCH_FRAME_HEAD_MAX ? -EINVAL : 0;
	head = (size_t)(end - p) + 2;
	*ret = (struct match_answer){ .kind = p[0] == '$' ? MATCH_ANSWER_KEPT : MATCH_ANSWER_REFUSED, .used = head };
	if (p[0] == '-')
		return 1;
	if (p[0] != '$' || take_decimal(p + 1, head - 1, &bytes, &digits) != 1 || digits + 3 != head)
		return -EINVAL;
	if (n < head + bytes + 2)
		return 0;
	ret->used = head + bytes + 2;
	return 1;
}

int
match_frame_answer_take(enum match_framing framing, const char *p, size_t n, struct match_answer *ret)
{
	struct match_answer a;
	int rc = -EINVAL;

	switch (framing) {
	case MATCH_FRAME_LINES:
	case MATCH_FRAME_LENGTH:
		rc = answer_line(p, n, &a);
		break;
	case MATCH_FRAME_HTTP:
		rc = answer_http(p, n, &a);
		break;
	case MATCH_FRAME_REDIS:
		rc = answer_redis(p, n, &a);
		break;
	case MATCH_FRAME_SYSLOG:
		break;
	}
	if (rc == 1)
		*ret = a;
	return rc;
}
