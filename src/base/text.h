/* SPDX-License-Identifier: MIT */
/* text.h - small helpers on text: nearest word ("did you mean"), escaping for HTML. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/buf.h"

#include <stdint.h>

/* Optimal-string-alignment distance of two words (up to 63 bytes each are looked at), letters in any case. */
unsigned text_distance(const char *a, const char *b);
/* The word of the NULL-terminated list nearest to s, if it is near enough to suggest; else NULL. */
const char *text_nearest(const char *s, const char *const *words);
/* Append s with & < > " ' escaped for HTML and SVG. */
int text_html(struct buf *b, const char *s, size_t n);
/* n in decimal, with a NUL behind it, for where printf() is too dear: to holds TEXT_DECIMAL_MAX bytes. Returns its length. */
#define TEXT_DECIMAL_MAX 21
size_t text_decimal(char *to, uint64_t n);

#endif
