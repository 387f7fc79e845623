/* SPDX-License-Identifier: MIT */
/*
 * states.h - the states a model can be in, interned: each is a row of numbers, and equal rows have one number.
 *
 * Invariants
 *  (1) Memory never exceeds bytes_max; when it would, states_put() fails.
 *  (2) Rows stand in one array; a pointer to one is good until the next states_put().
 */
#ifndef AUDIT_STATES_H
#define AUDIT_STATES_H

#include "base/types.h"
#include <stdbool.h>

#define STATES_NONE UINT32_MAX

struct states_row {
	uint64_t at;
	uint32_t count, hash;
};
struct states {
	int64_t *words;
	struct states_row *rows;
	uint32_t *index;                /* hash -> row + 1 */
	size_t word_count, word_cap, row_cap, index_cap;
	uint32_t count;
	size_t bytes, bytes_max;
};

void states_init(struct states *s, size_t bytes_max);
void states_fini(struct states *s);
/* The number of a row; it must not lie in the array itself. 0 or -ENOBUFS. */
int states_put(struct states *s, const int64_t *words, uint32_t n, uint32_t *ret);
static inline const int64_t *
states_row(const struct states *s, uint32_t state, uint32_t *ret_count)
{
	*ret_count = s->rows[state].count;
	return s->words + s->rows[state].at;
}
/* Forget all rows but those whose mark is not 0; the marks become their new numbers + 1. */
void states_keep(struct states *s, uint32_t *marks);

#endif
