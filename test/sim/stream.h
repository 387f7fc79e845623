/* SPDX-License-Identifier: MIT */
/* stream.h - what a peer sends: byte number off of the stream named key. */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "base/types.h"
#include <string.h>

static inline uint64_t
stream_word(uint64_t key, uint64_t word)
{
	uint64_t z = (key ^ (word * UINT64_C(0x9e3779b97f4a7c15))) * UINT64_C(0xbf58476d1ce4e5b9);

	return (z ^ (z >> 29)) * UINT64_C(0x94d049bb133111eb);
}

static inline uint8_t
stream_byte(uint64_t key, uint64_t off)
{
	return (uint8_t)(stream_word(key, off / 8) >> (8 * (off % 8)));
}

static inline void
stream_fill(uint64_t key, uint64_t off, uint8_t *p, size_t n)
{
	for (; n > 0 && off % 8 != 0; off++, n--)
		*p++ = stream_byte(key, off);
	for (; n >= 8; off += 8, p += 8, n -= 8) {
		uint64_t w = stream_word(key, off / 8);

		memcpy(p, &w, 8); /* the harness is for little-endian machines, as the word order here */
	}
	for (; n > 0; off++, n--)
		*p++ = stream_byte(key, off);
}

#endif
