/* SPDX-License-Identifier: MIT */
/*
 * h1_name.c - names of HTTP/1: methods, known fields, tokens, values, hosts, lists.
 *
 * Invariants
 *  (1) The table of ids has no two names in one place: the compiler refuses a second initialiser of a place.
 *  (2) Known names are of lower-case letters, digits and "-": of these only letters have the bit 0x40, and 0x20 is their case.
 */
#include "base/assert.h"
#include "proto/h1.h"
#include "proto/h1_char.h"
#include "proto/h1_name.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TABLE 128
#define PLACE(len, first, third, last) (((len) * 4 + (first) * 25 + (third) * 31 + (last) * 13) % TABLE)
#define NAME_BYTES 32

static const char names[H1_ID_COUNT][NAME_BYTES] = {
#define H1_ROW(id, text, first, third, last) [H1_ID_##id] = text,
	H1_KNOWN(H1_ROW)
#undef H1_ROW
};

static const uint8_t lens[H1_ID_COUNT] = {
#define H1_ROW(id, text, first, third, last) [H1_ID_##id] = sizeof(text) - 1,
	H1_KNOWN(H1_ROW)
#undef H1_ROW
};

static const uint8_t places[TABLE] = {
#define H1_ROW(id, text, first, third, last) [PLACE(sizeof(text) - 1, first, third, last)] = H1_ID_##id,
	H1_KNOWN(H1_ROW)
#undef H1_ROW
};

/* Do 8 bytes differ from those of a known name by more than the case of letters? (2) */
static bool
differ8(const char *p, const char *lower)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, lower, 8);
	return ((a ^ b) & ~((b & UINT64_C(0x4040404040404040)) >> 1)) != 0;
}

static bool
differ4(const char *p, const char *lower)
{
	uint32_t a, b;

	memcpy(&a, p, 4);
	memcpy(&b, lower, 4);
	return ((a ^ b) & ~((b & UINT32_C(0x40404040)) >> 1)) != 0;
}

bool
h1_name_same(const char *name, const char *lower, size_t n)
{
	if (n >= 8) {
		if (differ8(name, lower) || differ8(name + n - 8, lower + n - 8))
			return false;
		return n <= 16 || (!differ8(name + 8, lower + 8) && (n <= 24 || !differ8(name + 16, lower + 16)));
	}
	if (n >= 4)
		return !differ4(name, lower) && !differ4(name + n - 4, lower + n - 4);
	for (size_t i = 0; i < n; i++) {
		if (((name[i] ^ lower[i]) & ~((lower[i] & 0x40) >> 1)) != 0)
			return false;
	}
	return true;
}

/* The only id that a name of n > 0 bytes can have. */
static inline enum h1_id
candidate(const char *name, unsigned n)
{
	unsigned first = (uint8_t)(name[0] | 0x20), third = (uint8_t)(name[n * 3 / 4] | 0x20), last = (uint8_t)(name[n - 1] | 0x20);

	return (enum h1_id)places[PLACE(n, first, third, last)];
}

enum h1_id
h1_id_of(const char *name, size_t n)
{
	enum h1_id id;

	if (n == 0 || n >= NAME_BYTES)
		return H1_ID_OTHER;
	id = candidate(name, (unsigned)n);
	return n == lens[id] && h1_name_same(name, names[id], n) ? id : H1_ID_OTHER;
}

#ifdef __SSE2__
/* Bytes that are at least `low` and at most `high`. */
static inline __m128i
within(__m128i x, char low, char high)
{
	__m128i y = _mm_sub_epi8(x, _mm_set1_epi8(low));

	return _mm_cmpeq_epi8(_mm_min_epu8(y, _mm_set1_epi8((char)(high - low))), y);
}

enum h1_id
h1_name_glance(const char *name, unsigned n, bool *ret_plain)
{
	enum h1_id id = candidate(name, n);
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)name);
	__m128i k = _mm_loadu_si128((const __m128i *)(const void *)names[id]);
	__m128i letters = _mm_srli_epi16(_mm_and_si128(k, _mm_set1_epi8(0x40)), 1);
	__m128i differs = _mm_andnot_si128(letters, _mm_xor_si128(x, k));
	unsigned all = (1u << n) - 1;

	fl_assert(n > 0 && n < 16);
	if (n == lens[id] && ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(differs, _mm_setzero_si128())) & all) == all)
		return id;
	letters = within(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 'z');
	letters = _mm_or_si128(letters, _mm_or_si128(within(x, '0', '9'), _mm_cmpeq_epi8(x, _mm_set1_epi8('-'))));
	*ret_plain = ((unsigned)_mm_movemask_epi8(letters) & all) == all;
	return H1_ID_OTHER;
}
#else
enum h1_id
h1_name_glance(const char *name, unsigned n, bool *ret_plain)
{
	*ret_plain = h1_is_token(name, n);
	return h1_id_of(name, n);
}
#endif

const char *
h1_id_name(enum h1_id id)
{
	return (unsigned)id < H1_ID_COUNT ? names[id] : "";
}

static const struct method_info {
	char text[12];
	uint8_t len;
	bool safe, idempotent;
} methods[H1_METHOD_COUNT] = {
#define H1_ROW(id, text, safe, idempotent) [H1_##id] = { text, sizeof(text) - 1, safe, idempotent },
	H1_METHODS(H1_ROW)
#undef H1_ROW
};

enum h1_method
h1_method_of(const char *s, size_t n)
{
	for (unsigned m = 1; m < H1_METHOD_COUNT; m++) {
		if (methods[m].len == n && memcmp(methods[m].text, s, n) == 0)
			return (enum h1_method)m;
	}
	return H1_METHOD_OTHER;
}

const char *
h1_method_name(enum h1_method m)
{
	return (unsigned)m < H1_METHOD_COUNT ? methods[m].text : "";
}

bool
h1_method_safe(enum h1_method m)
{
	return (unsigned)m < H1_METHOD_COUNT && methods[m].safe;
}

bool
h1_method_idempotent(enum h1_method m)
{
	return (unsigned)m < H1_METHOD_COUNT && methods[m].idempotent;
}

bool
h1_is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!h1_char_is(s[i], H1_CHAR_TOKEN))
			return false;
	}
	return n > 0;
}

bool
h1_is_value(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!h1_char_value(s[i]))
			return false;
	}
	return n == 0 || (!h1_char_blank(s[0]) && !h1_char_blank(s[n - 1]));
}

/* "[::1]" in front; returns its length, 0 when it is none. */
static size_t
ip_literal(const char *s, size_t n)
{
	size_t i = 1;

	while (i < n && (h1_char_is(s[i], H1_CHAR_HEX) || s[i] == ':' || s[i] == '.'))
		i++;
	return i >= 3 && i < n && s[i] == ']' ? i + 1 : 0;
}

/* A name in front, up to a ":" or the end; returns its length, 0 when it is none. */
static size_t
host_name(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && h1_char_is(s[i], H1_CHAR_NAME)) {
		if (s[i] == '%') {
			if (n - i < 3 || !h1_char_is(s[i + 1], H1_CHAR_HEX) || !h1_char_is(s[i + 2], H1_CHAR_HEX))
				return 0;
			i += 2;
		}
		i++;
	}
	return i;
}

bool
h1_is_host(const char *s, size_t n)
{
	size_t i = n > 0 && s[0] == '[' ? ip_literal(s, n) : host_name(s, n);
	uint32_t port = 0;

	if (i == 0)
		return false;
	if (i == n)
		return true;
	if (s[i] != ':')
		return false;
	for (i++; i < n; i++) {
		if (!h1_char_is(s[i], H1_CHAR_DIGIT))
			return false;
		port = port * 10 + (uint32_t)(s[i] - '0');
		if (port > 65535)
			return false;
	}
	return true;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool
h1_same_name(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (lower(a[i]) != lower(b[i]))
			return false;
	}
	return true;
}

const struct h1_field *
h1_field_named(const struct h1_head *h, const char *p, const char *name, size_t n, const struct h1_field *from)
{
	const struct h1_field *f = from == NULL ? h->fields : from + 1, *end = h->fields + h->field_count;

	fl_assert(f >= h->fields && f <= end);
	for (; f < end; f++) {
		if (f->name.len == n && h1_same_name(p + f->name.at, name, n))
			return f;
	}
	return NULL;
}

/* Where the quoted string that begins at i ends, or n. */
static size_t
skip_quoted(const char *value, size_t i, size_t n)
{
	for (i++; i < n && value[i] != '"'; i++) {
		if (value[i] == '\\')
			i++;
	}
	return i < n ? i + 1 : n;
}

bool
h1_list_next(const char *value, size_t n, size_t *at, struct h1_text *ret)
{
	size_t i = *at, start;

	fl_assert(i <= n);
	while (i < n && (value[i] == ',' || h1_char_blank(value[i])))
		i++;
	if (i == n) {
		*at = n;
		return false;
	}
	start = i;
	while (i < n && value[i] != ',')
		i = value[i] == '"' ? skip_quoted(value, i, n) : i + 1;
	*at = i;
	while (h1_char_blank(value[i - 1]))
		i--;
	*ret = (struct h1_text){ (uint32_t)start, (uint32_t)(i - start) };
	return true;
}
