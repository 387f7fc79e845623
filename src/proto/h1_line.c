/* SPDX-License-Identifier: MIT */
/*
 * h1_line.c - request lines and status lines (RFC 9112 3 and 4).
 *
 * Invariants
 *  (1) One space between the parts, none elsewhere; the version is "HTTP/1." and one digit.
 *  (2) A target has the form that its method asks for: authority for CONNECT alone, "*" for OPTIONS alone.
 */
#include "proto/h1_line.h"
#include "base/assert.h"
#include "proto/h1_char.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define VERSION_BYTES 8

/* "HTTP/1.x" in 8 bytes. */
static bool
read_version(const char *p, struct h1_head *h)
{
	if (memcmp(p, "HTTP/", 5) != 0 || !h1_char_is(p[5], H1_CHAR_DIGIT) || p[6] != '.' || !h1_char_is(p[7], H1_CHAR_DIGIT))
		return h1_refuse(h, 400, "malformed protocol version");
	if (p[5] != '1')
		return h1_refuse(h, 505, "unsupported protocol version");
	h->version_minor = p[7] != '0';
	return true;
}

#ifdef __SSE2__
/* Pass over blocks of 16 bytes that are all of a target, and none `stop`. */
static uint32_t
skip_target(const char *p, uint32_t from, uint32_t end, char stop)
{
	for (; end - from >= 16; from += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + from));
		__m128i y = _mm_cmplt_epi8(x, _mm_set1_epi8(0x21));             /* and all from 0x80 */

		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8('#')));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8('<')));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8('>')));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
		y = _mm_or_si128(y, _mm_cmpeq_epi8(x, _mm_set1_epi8(stop)));
		if (_mm_movemask_epi8(y) != 0)
			break;
	}
	return from;
}
#else
static uint32_t
skip_target(const char *p, uint32_t from, uint32_t end, char stop)
{
	(void)p, (void)end, (void)stop;
	return from;
}
#endif

/* The first byte in [from, end) that is not of a target, or is `stop`; else end. */
static uint32_t
target_end(const char *p, uint32_t from, uint32_t end, char stop)
{
	from = skip_target(p, from, end, stop);
	while (from < end && h1_char_is(p[from], H1_CHAR_TARGET) && p[from] != stop)
		from++;
	return from;
}

/* Path and query in [from, end): all bytes of it are of a target, without "#". */
static bool
read_path(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	uint32_t i = target_end(p, from, end, '?');

	h->path = (struct h1_text){ from, i - from };
	if (i < end && p[i] == '?') {
		from = i + 1;
		i = target_end(p, from, end, ' ');
		h->query = (struct h1_text){ from, i - from };
	}
	return i == end || h1_refuse(h, 400, "invalid character in the request target");
}

/* host:port of CONNECT; the port must be there. */
static bool
read_authority(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	uint32_t i = end;

	if (!h1_is_host(p + from, end - from))
		return h1_refuse(h, 400, "CONNECT asks for host:port");
	while (i > from && h1_char_is(p[i - 1], H1_CHAR_DIGIT))
		i--;
	if (i == end || i == from || p[i - 1] != ':')
		return h1_refuse(h, 400, "CONNECT asks for host:port");
	h->host = (struct h1_text){ from, end - from };
	return true;
}

/* http://host[:port]path?query; any other scheme is not ours. */
static bool
read_absolute(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	uint32_t n = end - from, skip = 0, i;

	if (n > 7 && h1_same_name(p + from, "http://", 7))
		skip = 7;
	else if (n > 8 && h1_same_name(p + from, "https://", 8))
		skip = 8;
	if (skip == 0)
		return h1_refuse(h, 400, "malformed request target");
	for (i = from + skip; i < end && p[i] != '/' && p[i] != '?'; i++)
		;
	if (!h1_is_host(p + from + skip, i - from - skip))
		return h1_refuse(h, 400, "malformed host in the request target");
	h->host = (struct h1_text){ from + skip, i - from - skip };
	h->absolute = true;
	return read_path(p, i, end, h);
}

static bool
read_target(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	h->target = (struct h1_text){ from, end - from };
	if (from == end)
		return h1_refuse(h, 400, "malformed request line");
	if (h->method == H1_CONNECT)
		return read_authority(p, from, end, h);
	if (p[from] == '/')
		return read_path(p, from, end, h);
	if (p[from] == '*' && end - from == 1) {
		h->path = h->target;
		return h->method == H1_OPTIONS || h1_refuse(h, 400, "only OPTIONS may have the target *");
	}
	return read_absolute(p, from, end, h);
}

bool
h1_line_request(const char *p, uint32_t from, uint32_t end, uint32_t target_max, struct h1_head *h)
{
	uint32_t i = from, target;

	fl_assert(from <= end);
	while (i < end && h1_char_is(p[i], H1_CHAR_TOKEN))
		i++;
	if (i == from || i == end || p[i] != ' ')
		return h1_refuse(h, 400, "malformed request line");
	if (i - from > H1_METHOD_BYTES_MAX)
		return h1_refuse(h, 501, "unknown method");
	h->method_text = (struct h1_text){ from, i - from };
	h->method = (uint8_t)h1_method_of(p + from, i - from);
	target = i + 1;
	if (end - target < VERSION_BYTES + 2 || p[end - VERSION_BYTES - 1] != ' ')
		return h1_refuse(h, 400, "malformed request line");
	if (!read_version(p + end - VERSION_BYTES, h))
		return false;
	end -= VERSION_BYTES + 1;
	if (end - target > target_max)
		return h1_refuse(h, 414, "request target too long");
	return read_target(p, target, end, h);
}

bool
h1_line_status(const char *p, uint32_t from, uint32_t end, struct h1_head *h)
{
	const char *s = p + from;

	fl_assert(from <= end);
	if (end - from < VERSION_BYTES + 4 || s[VERSION_BYTES] != ' ')
		return h1_refuse(h, 502, "malformed status line");
	if (!read_version(s, h))
		return false;
	s += VERSION_BYTES + 1;
	if (!h1_char_is(s[0], H1_CHAR_DIGIT) || !h1_char_is(s[1], H1_CHAR_DIGIT) || !h1_char_is(s[2], H1_CHAR_DIGIT))
		return h1_refuse(h, 502, "malformed status line");
	h->status = (uint16_t)((s[0] - '0') * 100 + (s[1] - '0') * 10 + (s[2] - '0'));
	if (h->status < 100 || h->status > H1_STATUS_MAX)
		return h1_refuse(h, 502, "status out of range");
	from += VERSION_BYTES + 4;
	if (from < end && p[from] != ' ')
		return h1_refuse(h, 502, "malformed status line");
	if (from < end)
		h->reason = (struct h1_text){ from + 1, end - from - 1 };
	return true;
}
