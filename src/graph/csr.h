/* SPDX-License-Identifier: MIT */
/* csr.h - rows of numbers in one array (compressed sparse rows): sorting into them, numbering nodes so that rows lie together. */
#ifndef GRAPH_CSR_H
#define GRAPH_CSR_H

#include "base/arena.h"

/* n numbers, zeroed; NULL as arena_alloc. */
static inline uint32_t *
csr_numbers(struct arena *a, size_t n)
{
	return arena_alloc(a, n * sizeof(uint32_t));
}

/*
 * csr_order - stable counting sort: items into out, by key[item] < keys.
 * in           n items; NULL: 0 .. n - 1
 * starts       NULL, or keys + 1 numbers: row k of out is starts[k] .. starts[k + 1] - 1
 * returns 0 or -ENOMEM (of scratch). O(n + keys).
 */
int csr_order(struct arena *scratch, const uint32_t *in, uint32_t n, const uint32_t *key, uint32_t keys, uint32_t *out, uint32_t *starts);

/*
 * csr_number - number nodes by a breadth-first search along the edges from `to` to `from`, that begins at the node with most of them, then
 * at the most wanted of the rest, and so on.
 *
 * What one failure reaches then lies together in memory, level after level, and a search from a hub reads forward instead of jumping
 * about (for a million nodes that is a factor of three to six). Among equals the lower old number comes first.
 *
 * ret_id       n numbers: the new number by old one
 * returns 0 or -ENOMEM (of scratch). O(n + m).
 */
int csr_number(struct arena *scratch, uint32_t n, uint32_t m, const uint32_t *from, const uint32_t *to, uint32_t *ret_id);

#endif
