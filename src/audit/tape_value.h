/* SPDX-License-Identifier: MIT */
/* tape_value.h - comparing, hashing and writing the values of a tape. */
#ifndef AUDIT_TAPE_VALUE_H
#define AUDIT_TAPE_VALUE_H

#include "audit/tape.h"
#include "proto/jsonw.h"

/* The same value, wherever it stands. Maps: the same pairs in the same order, which is why readers sort them. */
bool tape_value_same(const struct tape *t, struct tape_value a, struct tape_value b);
/* The same values have the same hash. */
uint64_t tape_value_hash(const struct tape *t, struct tape_value v);
/*
 * Sort n entries of `width` values each by their first one: pairs of a map (2), items of a set (1). In which order those were written
 * says nothing. Numbers come in their order, texts as they read, others by hash.
 */
void tape_value_sort(const struct tape *t, struct tape_value *items, size_t n, size_t width);
/* As JSON; nil is null, and a key of a map that is no text becomes one. */
void tape_value_json(const struct tape *t, struct tape_value v, struct jsonw *w);
/* As people read it: nil, 17, "text", [1 2 3]; at most about columns_max bytes. */
void tape_value_put(const struct tape *t, struct tape_value v, size_t columns_max, struct buf *out);

/* The same, but a text stands there as it is, as names do. */
void tape_value_put_plain(const struct tape *t, struct tape_value v, size_t columns_max, struct buf *out);

#endif
