/* SPDX-License-Identifier: MIT */
/* hash.h - SipHash-2-4 (Aumasson, Bernstein 2012): keyed, stable across machines and versions. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/types.h"

uint64_t hash_bytes(uint64_t key0, uint64_t key1, const void *p, size_t n);
/* The same under two keys at once, for little more than under one: { key0[0], key1[0] } and { key0[1], key1[1] }. */
void hash_twice(const uint64_t key0[2], const uint64_t key1[2], const void *p, size_t n, uint64_t ret[2]);
/* The stable hash of a name, used to key decisions: hash_bytes under a fixed key of ours. */
uint64_t hash_name(const char *s);

#endif
