/* SPDX-License-Identifier: MIT */
/* h1_scan.h - the search for line ends in a head, which is also the search for bytes that no head may hold. */
#ifndef PROTO_H1_SCAN_H
#define PROTO_H1_SCAN_H

#include "proto/h1.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first control byte (below 0x20 but not tab, or 0x7f) in p[from, to), or to. */
uint32_t h1_scan_control(const char *p, uint32_t from, uint32_t to);
/* The same without vector instructions. */
uint32_t h1_scan_control_plain(const char *p, uint32_t from, uint32_t to);

/*
 * h1_scan_line - find the next line end at or after *at.
 * at        H1_OK: behind the line; H1_MORE: where to go on; H1_BAD: the byte that is wrong
 * ret_end   H1_OK: where its CR is
 */
enum h1_verdict h1_scan_line(const char *p, uint32_t *at, uint32_t to, uint32_t *ret_end, const char **ret_error);

/* Where the ":" behind the name that begins at from is, if it is found at a glance; else `from`. Bytes before it may be anything. */
static inline uint32_t
h1_scan_colon(const char *p, uint32_t from, uint32_t to)
{
#ifdef __SSE2__
	if (to - from >= 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + from));
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(':')));

		return mask != 0 ? from + (uint32_t)__builtin_ctz(mask) : from;
	}
#else
	(void)p, (void)to;
#endif
	return from;
}

#endif
