/* SPDX-License-Identifier: MIT */
/* h1_char.h - what each byte may be in a head of HTTP/1: one table. */
#ifndef PROTO_H1_CHAR_H
#define PROTO_H1_CHAR_H

#include "base/types.h"
#include <stdbool.h>

enum {
	H1_CHAR_TOKEN = 1,      /* tchar of RFC 9110 5.6.2 */
	/* pchar, "/" and "?" of RFC 3986, and [ ] { } | ^ ` which browsers send unescaped; neither "#" nor \ nor quotes nor <> */
	H1_CHAR_TARGET = 2,
	H1_CHAR_NAME = 4,       /* of a host: unreserved and "%" of RFC 3986, not the delimiters that no name has */
	H1_CHAR_HEX = 8,
	H1_CHAR_DIGIT = 16,
};

extern const uint8_t h1_char_class[256];

static inline bool
h1_char_is(char c, unsigned classes)
{
	return (h1_char_class[(uint8_t)c] & classes) != 0;
}

static inline bool
h1_char_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of a field value: visible ones, space, tab and everything from 0x80 up. */
static inline bool
h1_char_value(char c)
{
	return ((uint8_t)c >= 0x20 && c != 0x7f) || c == '\t';
}

#endif
