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

static void
sip_rounds(struct sip *s, int n)
{
	for (int i = 0; i < n; i++) {
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
}

static void
sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_rounds(s, 2);
	s->v0 ^= word;
}

static uint64_t
read_le(const unsigned char *p, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

uint64_t
hash_bytes(uint64_t key0, uint64_t key1, const void *p, size_t n)
{
	const unsigned char *in = p;
	size_t whole = n & ~(size_t)7;
	struct sip s = {
		.v0 = key0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key1 ^ UINT64_C(0x7465646279746573),
	};

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, read_le(in + i, 8));
	uint64_t tail = n == whole ? 0 : read_le(in + whole, n - whole);

	sip_word(&s, tail | (uint64_t)n << 56);
	s.v2 ^= 0xff;
	sip_rounds(&s, 4);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
hash_name(const char *s)
{
	/* "faultlin" "e names" in ASCII; never change: it would change the decisions of every seed. */
	return hash_bytes(UINT64_C(0x6661756c746c696e), UINT64_C(0x65206e616d657300), s, strlen(s));
}
