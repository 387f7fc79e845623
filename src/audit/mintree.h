/* SPDX-License-Identifier: MIT */
/* mintree.h - trees over a row of numbers: the least of a range, and numbers added to whole ranges. */
#ifndef AUDIT_MINTREE_H
#define AUDIT_MINTREE_H

#include "base/types.h"
#include <stdbool.h>

#define MINTREE_NONE UINT32_MAX

/* The least of a range, by place. */
struct mintree {
	int64_t *keys;
	uint32_t *best;                 /* of each inner node and leaf: the place of the least below it */
	uint32_t count, size;
};
/* count numbers, to be set in keys; then mintree_build(). 0 or -ENOMEM. */
int mintree_init(struct mintree *t, uint32_t count);
void mintree_build(struct mintree *t);
void mintree_fini(struct mintree *t);
void mintree_set(struct mintree *t, uint32_t place, int64_t key);
/* The place of the least in [from, to), the first of equals in no certain way; MINTREE_NONE: the range is empty. */
uint32_t mintree_least(const struct mintree *t, uint32_t from, uint32_t to);

/* Counts of cells, to whole ranges of which something is added. */
struct mintree_cover {
	int32_t *least, *added;
	uint32_t count, size;
};
int mintree_cover_init(struct mintree_cover *c, uint32_t count);        /* all 0. 0 or -ENOMEM */
void mintree_cover_fini(struct mintree_cover *c);
void mintree_cover_add(struct mintree_cover *c, uint32_t from, uint32_t to, int32_t delta);     /* to [from, to) */
/* A cell of [from, to) that is 0, if none can be below; MINTREE_NONE. */
uint32_t mintree_cover_zero(const struct mintree_cover *c, uint32_t from, uint32_t to);

#endif
