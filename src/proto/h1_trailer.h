/* SPDX-License-Identifier: MIT */
/*
 * h1_trailer.h - which fields may not be in a trailer (RFC 9110 6.5.1): those that frame, route, authorise, or say how to read
 * the message. Names are known by a hash that is made byte by byte, since a name may come in pieces and nothing is kept.
 */
#ifndef PROTO_H1_TRAILER_H
#define PROTO_H1_TRAILER_H

#include "base/types.h"
#include <stdbool.h>

/* FNV-1a of the lower-case name. */
#define H1_TRAILER_HASH_INIT UINT32_C(2166136261)

static inline uint32_t
h1_trailer_hash(uint32_t hash, char c)
{
	uint32_t byte = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);

	return (hash ^ byte) * UINT32_C(16777619);
}

bool h1_trailer_forbidden(uint32_t hash);
/* The i-th name that is forbidden, NULL past the last: for tests. */
const char *h1_trailer_name(unsigned i);

#endif
