/* SPDX-License-Identifier: MIT */
/*
 * h1_name.c - names of HTTP/1: methods, known fields, tokens, values, hosts, lists.
 *
 * Invariants
 *  (1) The table of ids has no two names in one place: the compiler refuses a second initialiser of a place.
 *  (2) `c | 0x20` maps no byte of a token but a letter to another byte of a known name, so names are compared under it.
 */
#include "base/assert.h"
#include "proto/h1.h"
#include "proto/h1_char.h"

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

static uint64_t
word8(const char *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return w | UINT64_C(0x2020202020202020);
}

static uint32_t
word4(const char *p)
{
	uint32_t w;

	memcpy(&w, p, 4);
	return w | UINT32_C(0x20202020);
}

/* Are n bytes at name those of the lower-case name? (2) */
static bool
same_lower(const char *name, const char *lower, size_t n)
{
	if (n >= 8) {
		for (size_t i = 0; i + 8 < n; i += 8) {
			if (word8(name + i) != word8(lower + i))
				return false;
		}
		return word8(name + n - 8) == word8(lower + n - 8);
	}
	if (n >= 4)
		return word4(name) == word4(lower) && word4(name + n - 4) == word4(lower + n - 4);
	for (size_t i = 0; i < n; i++) {
		if ((name[i] | 0x20) != lower[i])
			return false;
	}
	return true;
}

enum h1_id
h1_id_of(const char *name, size_t n)
{
	enum h1_id id;

	if (n == 0 || n >= NAME_BYTES)
		return H1_ID_OTHER;
	id = (enum h1_id)places[PLACE((unsigned)n, (unsigned)(uint8_t)(name[0] | 0x20), (unsigned)(uint8_t)(name[n * 3 / 4] | 0x20),
	    (unsigned)(uint8_t)(name[n - 1] | 0x20))];
	return n == lens[id] && same_lower(name, names[id], n) ? id : H1_ID_OTHER;
}

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
