/* SPDX-License-Identifier: MIT */
/*
 * hash.c - SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012).
 *
 * Bytes are read little-endian on every machine, so the result is the same on all.
 */
#include "base/hash.h"

#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t
rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static inline void
sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v2 = rotl(s->v2, 32);
}

static inline void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* Written so that compilers make one load of it; of a loop they do not. */
static inline uint64_t
read_le8(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	    (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static uint64_t
read_le(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static struct sip
sip_begin(uint64_t key0, uint64_t key1)
{
	return (struct sip){
		.v0 = key0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key1 ^ UINT64_C(0x7465646279746573),
	};
}

/* The rest of n bytes, fewer than 8, and their number. */
static uint64_t
sip_end(struct sip *s, const unsigned char *rest, size_t n)
{
	sip_word(s, read_le(rest, n % 8) | (uint64_t)n << 56);
	s->v2 ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t
hash_bytes(uint64_t key0, uint64_t key1, const void *p, size_t n)
{
	const unsigned char *in = p;
	size_t whole = n & ~(size_t)7;
	struct sip s = sip_begin(key0, key1);

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, read_le8(in + i));
	return sip_end(&s, n == whole ? in : in + whole, n);
}

void
hash_twice(const uint64_t key0[2], const uint64_t key1[2], const void *p, size_t n, uint64_t ret[2])
{
	const unsigned char *in = p;
	size_t whole = n & ~(size_t)7;
	struct sip a = sip_begin(key0[0], key1[0]), b = sip_begin(key0[1], key1[1]);

	for (size_t i = 0; i < whole; i += 8) {
		uint64_t word = read_le8(in + i);

		sip_word(&a, word);
		sip_word(&b, word);
	}
	ret[0] = sip_end(&a, n == whole ? in : in + whole, n);
	ret[1] = sip_end(&b, n == whole ? in : in + whole, n);
}

uint64_t
hash_name(const char *s)
{
	/* "faultlin" "e names" in ASCII; never change: it would change the decisions of every seed. */
	return hash_bytes(UINT64_C(0x6661756c746c696e), UINT64_C(0x65206e616d657300), s, strlen(s));
}
