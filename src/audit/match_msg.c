/* SPDX-License-Identifier: MIT */
/* match_msg.c - writing and reading messages that can be audited. */
#include "audit/match_msg.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/rng.h"
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MAGIC "fl1 "
#define KEY_0 UINT64_C(0x6661756c746c696e)
#define KEY_1 UINT64_C(0x65206d6573736167)
#define HASH_DIGITS 16

/* Over what stands before the hash and what stands behind it. */
static uint64_t
hash_of(const char *head, size_t head_bytes, const char *tail, size_t tail_bytes)
{
	return hash_bytes(hash_bytes(KEY_0, KEY_1, head, head_bytes), KEY_1, tail, tail_bytes);
}

static char *
put_number(char *at, uint64_t v)
{
	char digits[24];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*at++ = digits[--n];
	*at++ = ' ';
	return at;
}

static void
pad(char *at, size_t n, uint64_t key)
{
	static const char letters[65] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % 10 == 0)
			bits = rng_draw(key, i, 0);
		at[i] = letters[bits & 63];
		bits >>= 6;
	}
}

size_t
match_msg_write(const struct match_msg *m, size_t size, uint64_t seed, char *out, size_t room, uint32_t *ret_hash)
{
	char *at = out, *hash_at;
	size_t tail = 0;
	uint64_t hash;

	fl_assert(room >= MATCH_MSG_BYTES_MIN && size <= room);
	memcpy(at, MAGIC, sizeof(MAGIC) - 1);
	at = put_number(at + sizeof(MAGIC) - 1, m->flow);
	at = put_number(at, m->key);
	at = put_number(at, m->n);
	if (m->value < 0)
		*at++ = '-';
	at = put_number(at, m->value < 0 ? 0 - (uint64_t)m->value : (uint64_t)m->value);
	hash_at = at;
	at += HASH_DIGITS;
	if ((size_t)(at - out) + 1 < size) {
		tail = size - (size_t)(at - out);
		at[0] = ' ';
		pad(at + 1, tail - 1, rng_key(rng_key(seed, m->flow), m->n));
	}
	hash = hash_of(out, (size_t)(hash_at - out), at, tail);
	for (int i = 0; i < HASH_DIGITS; i++)
		hash_at[i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
	*ret_hash = (uint32_t)hash;
	return (size_t)(at - out) + tail;
}

struct scan {
	const char *at, *end;
};

/* A decimal number as put_number() writes it: no sign, no zero in front, one space behind. */
static bool
take_number(struct scan *s, uint64_t max, uint64_t *ret)
{
	const char *from = s->at;
	uint64_t v = 0;

	for (; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
		unsigned digit = (unsigned)(*s->at - '0');

		if (v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (s->at == from || s->at == s->end || *s->at != ' ' || (*from == '0' && s->at - from > 1))
		return false;
	s->at++;
	*ret = v;
	return true;
}

static bool
take_value(struct scan *s, int64_t *ret)
{
	bool minus = s->at < s->end && *s->at == '-';
	uint64_t v;

	if (minus)
		s->at++;
	if (!take_number(s, minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &v) || (minus && v == 0))
		return false;
	*ret = minus ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

static bool
take_hash(struct scan *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (s->end - s->at < HASH_DIGITS)
		return false;
	for (int i = 0; i < HASH_DIGITS; i++) {
		char c = *s->at++;

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*ret = v;
	return s->at == s->end || *s->at == ' ';
}

int
match_msg_read(const char *text, size_t n, struct match_msg *ret_msg, uint32_t *ret_hash)
{
	struct scan s = { .at = text, .end = text + n };
	uint64_t flow, key, number, hash = 0;
	const char *hash_at;
	int64_t value;
	bool whole;

	if (n < sizeof(MAGIC) - 1 || n > MATCH_MSG_BYTES_MAX || memcmp(text, MAGIC, sizeof(MAGIC) - 1) != 0)
		return -EINVAL;
	s.at += sizeof(MAGIC) - 1;
	if (!take_number(&s, UINT32_MAX, &flow) || !take_number(&s, UINT32_MAX, &key) || !take_number(&s, UINT64_MAX, &number))
		return -EINVAL;
	if (number == 0 || !take_value(&s, &value))
		return -EINVAL;
	hash_at = s.at;
	whole = take_hash(&s, &hash) && hash == hash_of(text, (size_t)(hash_at - text), s.at, (size_t)(s.end - s.at));
	*ret_msg = (struct match_msg){ .flow = (uint32_t)flow, .key = (uint32_t)key, .n = number, .value = value };
	*ret_hash = (uint32_t)hash;
	return whole ? 0 : -EBADMSG;
}

uint32_t
match_msg_hash(const void *content, size_t n)
{
	return (uint32_t)hash_bytes(KEY_0, KEY_1, content, n);
}
