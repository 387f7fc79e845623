/* SPDX-License-Identifier: MIT */
/*
 * trail.h - how each configuration came to be: a tree of steps, in which paths from the root are orders of operations.
 *
 * The steps that all living paths share are moved to a flat list, so a long history costs little more than its length.
 *
 * Invariants
 *  (1) A node's parent has a smaller number than it; node 0 is the root.
 *  (2) order followed by the path from the root to a node is that node's whole path.
 *  (3) When bytes_max is spent the trail is lost, which is noticed by trail_path() and by nobody else.
 */
#ifndef AUDIT_TRAIL_H
#define AUDIT_TRAIL_H

#include "base/types.h"
#include <stdbool.h>

struct trail_node {
	uint32_t parent, step;
};
struct trail {
	struct trail_node *nodes;
	uint32_t *order;
	uint32_t *moved;                /* while tidying: 1 for what lives, then the new number + 1 */
	uint32_t count, cap, order_count, order_cap;
	uint32_t tidy_at;               /* number of nodes at which tidying pays */
	size_t bytes_max;
	bool lost;
};

void trail_init(struct trail *t, size_t bytes_max);
void trail_fini(struct trail *t);
/* The node of `step` taken after node `parent`. */
uint32_t trail_add(struct trail *t, uint32_t parent, uint32_t step);

/* Tidying, when trail_wants_tidy(): begin, keep every node that is still needed, end; then nodes are renumbered by moved. */
static inline bool trail_wants_tidy(const struct trail *t) { return !t->lost && t->count >= t->tidy_at; }
bool trail_tidy_begin(struct trail *t);         /* false: no memory, try again later */
void trail_keep(struct trail *t, uint32_t node);
void trail_tidy_end(struct trail *t);
uint32_t trail_moved(const struct trail *t, uint32_t node);
void trail_tidy_done(struct trail *t);

/*
 * trail_path - the steps up to a node; the node with the longest path when node is UINT32_MAX. free() *ret_steps.
 * returns    0, or -ENOENT: lost, or no memory
 */
int trail_path(struct trail *t, uint32_t node, uint32_t **ret_steps, uint32_t *ret_count);

#endif
