/* SPDX-License-Identifier: MIT */
/* text.c - small helpers on text: nearest word ("did you mean"), escaping for HTML. */
#include "base/text.h"

#include <errno.h>
#include <string.h>

#define WORD_MAX 63

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Three rows of the usual table: insert, delete, replace, and swap of two neighbours. See Boytsov, "Indexing methods for
 * approximate dictionary searching", 2011, section 2.2.
 */
unsigned
text_distance(const char *a, const char *b)
{
	size_t la = strnlen(a, WORD_MAX), lb = strnlen(b, WORD_MAX);
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= lb; j++)
		above[j] = before[j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			char x = lower(a[i - 1]), y = lower(b[j - 1]);
			unsigned best = FL_MIN(above[j], row[j - 1]) + 1;

			best = FL_MIN(best, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == lower(b[j - 2]) && lower(a[i - 2]) == y)
				best = FL_MIN(best, before[j - 2] + 1);
			row[j] = best;
		}
		unsigned *spare = before;

		before = above;
		above = row;
		row = spare;
	}
	return above[lb];
}

const char *
text_nearest(const char *s, const char *const *words)
{
	size_t len = strnlen(s, WORD_MAX);
	unsigned least = (unsigned)(len + 2) / 3 + 1;   /* a third of the letters may be wrong */
	const char *nearest = NULL;

	for (; *words != NULL; words++) {
		unsigned d = text_distance(s, *words);

		if (d < least && d < len && d < strlen(*words)) {
			least = d;
			nearest = *words;
		}
	}
	return nearest;
}

static const char *
html_escape(char c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

int
text_html(struct buf *b, const char *s, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i <= n; i++) {
		const char *escape = i < n ? html_escape(s[i]) : NULL;

		if (i < n && escape == NULL)
			continue;
		if (buf_append(b, s + done, i - done) < 0 || (escape != NULL && buf_puts(b, escape) < 0))
			return -ENOBUFS;
		done = i + 1;
	}
	return 0;
}

size_t
text_decimal(char *to, uint64_t n)
{
	char digits[TEXT_DECIMAL_MAX];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	memcpy(to, digits + at, sizeof(digits) - at);
	to[sizeof(digits) - at] = '\0';
	return sizeof(digits) - at;
}
