/* SPDX-License-Identifier: MIT */
/* h1_scan.c - finds line ends and forbidden bytes, 16 at a time where the processor can. */
#include "proto/h1_scan.h"
#include "base/assert.h"
#include "proto/h1_char.h"

uint32_t
h1_scan_control_plain(const char *p, uint32_t from, uint32_t to)
{
	while (from < to && h1_char_value(p[from]))
		from++;
	return from;
}

#ifdef __SSE2__
/* A bit for each of 16 bytes that is a control byte. */
static unsigned
control_mask(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
	__m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
	__m128i del = _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f));

	return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del));
}

uint32_t
h1_scan_control(const char *p, uint32_t from, uint32_t to)
{
	for (; to - from >= 32; from += 32) {
		unsigned mask = control_mask(p + from) | control_mask(p + from + 16) << 16;

		if (mask != 0)
			return from + (uint32_t)__builtin_ctz(mask);
	}
	if (to - from >= 16) {
		unsigned mask = control_mask(p + from);

		if (mask != 0)
			return from + (uint32_t)__builtin_ctz(mask);
		from += 16;
	}
	return h1_scan_control_plain(p, from, to);
}
#else
uint32_t
h1_scan_control(const char *p, uint32_t from, uint32_t to)
{
	return h1_scan_control_plain(p, from, to);
}
#endif

enum h1_verdict
h1_scan_line(const char *p, uint32_t *at, uint32_t to, uint32_t *ret_end, const char **ret_error)
{
	uint32_t i = *at;

	fl_assert(i <= to);
	i = h1_scan_control(p, i, to);
	*at = i;
	if (i == to)
		return H1_MORE;
	if (p[i] != '\r') {
		*ret_error = p[i] == '\n' ? "bare LF in the head" : p[i] == '\0' ? "NUL byte in the head" : "control byte in the head";
		return H1_BAD;
	}
	if (i + 1 == to)
		return H1_MORE;
	if (p[i + 1] != '\n') {
		*ret_error = "bare CR in the head";
		return H1_BAD;
	}
	*ret_end = i;
	*at = i + 2;
	return H1_OK;
}
