/* SPDX-License-Identifier: MIT */
/* trace_id.c - see trace_id.h. */
#include "audit/trace_id.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64            /* of JSON that is looked into */

/* ---- hash ---- */

/* The end of MurmurHash3: a permutation, so that a changed word always changes what comes out (1). */
static inline uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

void
trace_hash_feed(struct trace_hash *h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint64_t v;

	for (; n > 0 && (h->n & 7) != 0; n--, h->n++) {
		h->tail |= (uint64_t)*p++ << 8 * (h->n & 7);
		if ((h->n & 7) == 7) {
			h->h = mix(h->h ^ h->tail);
			h->tail = 0;
		}
	}
	for (; n >= 8; n -= 8, p += 8, h->n += 8) {
		memcpy(&v, p, 8);
		h->h = mix(h->h ^ le64toh(v));
	}
	for (; n > 0; n--, h->n++)
		h->tail |= (uint64_t)*p++ << 8 * (h->n & 7);
}

uint64_t
trace_hash_end(const struct trace_hash *h)
{
	const uint64_t v = mix(mix(h->h ^ h->tail) ^ h->n);

	return v != 0 ? v : 1;
}

/* ---- text ---- */

void
trace_id_hash(uint64_t hash, char *ret)
{
	snprintf(ret, TRACE_ID_MAX, "#%016" PRIx64, hash);
}

void
trace_id_copy(const char *p, size_t n, char *ret)
{
	const size_t room = TRACE_ID_MAX - 1, k = n <= room ? n : room - 17;
	struct trace_hash h;

	for (size_t i = 0; i < k; i++)
		ret[i] = (unsigned char)p[i] < 0x20 || p[i] == 0x7f ? '?' : p[i];
	ret[k] = '\0';
	if (k == n)
		return;
	trace_hash_init(&h);
	trace_hash_feed(&h, p, n);
	trace_id_hash(trace_hash_end(&h), ret + k);     /* cut, and still another for another */
}

/* ---- words ---- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The word-th word of the text, from 1; its length, 0: there is none. */
static size_t
find_word(const char *p, size_t n, unsigned word, const char **ret)
{
	size_t at = 0, from;

	for (unsigned i = 1; ; i++) {
		while (at < n && is_space(p[at]))
			at++;
		for (from = at; at < n && !is_space(p[at]); )
			at++;
		if (i == word || at == from) {
			*ret = p + from;
			return at - from;
		}
	}
}

/* "fl1 FLOW KEY NUMBER ..." */
static void
find_stream(const char *p, size_t n, char *ret)
{
	const char *flow, *number;
	size_t a, b;

	ret[0] = '\0';
	if (n < 4 || memcmp(p, "fl1 ", 4) != 0)
		return;
	a = find_word(p, n, 2, &flow);
	b = find_word(p, n, 4, &number);
	if (a == 0 || b == 0 || a > 10 || b > 20)
		return;
	memcpy(ret, flow, a);
	ret[a] = ':';
	memcpy(ret + a + 1, number, b);
	ret[a + 1 + b] = '\0';
	for (size_t i = 0; i < a + 1 + b; i++)
		if (i != a && (ret[i] < '0' || ret[i] > '9'))
			ret[0] = '\0';
}

/* ---- JSON: the value of a member, without reading what is not asked for; a text that is cut is fine ---- */

struct look {
	const char *p;
	size_t n, at;
};

static void
skip_space(struct look *l)
{
	while (l->at < l->n && is_space(l->p[l->at]))
		l->at++;
}

/* Behind the string that begins here; what is in it. false: it does not end. */
static bool
take_string(struct look *l, const char **ret, size_t *ret_n)
{
	size_t from = ++l->at;

	for (; l->at < l->n; l->at++) {
		if (l->p[l->at] == '\\') {
			l->at++;
		} else if (l->p[l->at] == '"') {
			*ret = l->p + from;
			*ret_n = l->at++ - from;
			return true;
		}
	}
	return false;
}

/* Behind the value that begins here. false: it does not end. */
static bool
skip_value(struct look *l)
{
	const char *s;
	size_t n;
	unsigned depth = 0;

	while (l->at < l->n) {
		const char c = l->p[l->at];

		if (c == '"') {
			if (!take_string(l, &s, &n))
				return false;
		} else if (c == '{' || c == '[') {
			depth++;
			l->at++;
		} else if (c == '}' || c == ']' || c == ',') {
			if (depth == 0)
				return true;
			depth -= c != ',';
			l->at++;
			if (depth == 0 && c != ',')
				return true;
			continue;
		} else {
			l->at++;
		}
		if (depth == 0 && c == '"')
			return true;
	}
	return false;
}

/* Stand at the value of the member of that name in the object that begins here. */
static bool
enter_member(struct look *l, const char *name, size_t name_n)
{
	const char *s;
	size_t n;

	skip_space(l);
	if (l->at >= l->n || l->p[l->at] != '{')
		return false;
	for (l->at++; ; l->at++) {
		skip_space(l);
		if (l->at >= l->n || l->p[l->at] != '"' || !take_string(l, &s, &n))
			return false;
		skip_space(l);
		if (l->at >= l->n || l->p[l->at++] != ':')
			return false;
		skip_space(l);
		if (n == name_n && memcmp(s, name, n) == 0)
			return true;
		if (!skip_value(l))
			return false;
		skip_space(l);
		if (l->at >= l->n || l->p[l->at] != ',')
			return false;
	}
}

static size_t
take_plain(struct look *l, const char **ret)
{
	size_t from = l->at, n;

	if (l->at < l->n && l->p[l->at] == '"')
		return take_string(l, ret, &n) ? n : 0;
	if (l->at >= l->n || l->p[l->at] == '{' || l->p[l->at] == '[')
		return 0;
	while (l->at < l->n && strchr(",}] \t\r\n", l->p[l->at]) == NULL)
		l->at++;
	*ret = l->p + from;
	return l->at < l->n ? l->at - from : 0;         /* a number at the end of what we have may go on */
}

static size_t
find_field(const char *p, size_t n, const char *path, const char **ret)
{
	struct look l = { .p = p, .n = n };

	for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
		const size_t k = strcspn(path, ".");

		if (!enter_member(&l, path, k))
			return 0;
		if (path[k] == '\0')
			return take_plain(&l, ret);
		path += k + 1;
	}
	return 0;
}

void
trace_id_find(const struct trace_id_conf *conf, const void *bytes, size_t n, uint64_t hash, char *ret)
{
	const char *p = bytes, *found = p;
	size_t k = 0;

	ret[0] = '\0';
	n = FL_MIN(n, TRACE_ID_LOOK);
	switch ((enum trace_id_kind)conf->kind) {
	case TRACE_ID_CONTENT: trace_id_hash(hash, ret); return;
	case TRACE_ID_STREAM: find_stream(p, n, ret); return;
	case TRACE_ID_FIELD: k = find_field(p, n, conf->field, &found); break;
	case TRACE_ID_WORD: k = find_word(p, n, conf->word, &found); break;
	case TRACE_ID_NONE: case TRACE_ID_HEADER: case TRACE_ID_PATH: case TRACE_ID_KINDS: break;
	}
	trace_id_copy(found, k, ret);
}
