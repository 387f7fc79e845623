/* SPDX-License-Identifier: MIT */
/* utf8.h - is it UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF)? */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include "base/types.h"

/* Length of the sequence at p, of n > 0 bytes; 0 when it is none. */
size_t utf8_len(const unsigned char *p, size_t n);
/* Write character c (<= 0x10ffff) at out, up to 4 bytes; returns how many. */
size_t utf8_put(char *out, int c);

#endif
