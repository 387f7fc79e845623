/* SPDX-License-Identifier: MIT */
/*
 * cuts.h - minimal cut sets: the smallest sets of nodes whose failure together takes a function down
 *
 * While the function is up, it is so because of a set of nodes each of which has what it needs within the set: a support. A cut must hit every
 * support. So the search takes the support that is there, tries each of its nodes as the next failure, and looks for the support
 * that is left (the hitting-set tree of Reiter 1987, with each set visited once); a cut of one node is in every support, so for the
 * last node only what two different supports have in common is tried. Sizes are searched in order, and what contains a smaller cut is not
 * minimal and left out.
 */
#ifndef GRAPH_CUTS_H
#define GRAPH_CUTS_H

#include "graph/needs.h"

#define CUTS_SIZE_MAX 3

struct cuts_options {
	uint32_t size_max;              /* 1 .. CUTS_SIZE_MAX */
	uint32_t sets_max;              /* stop when so many are found */
	uint64_t tries_max;             /* stop after so many failures were tried */
	const uint64_t *never;          /* NULL, or a bitmap of nodes that do not fail */
};
struct cut {
	uint32_t nodes[CUTS_SIZE_MAX];  /* ascending */
	uint32_t size;
};
struct cuts {
	const struct cut *sets;         /* by size, then by nodes */
	uint32_t count;
	uint32_t size_complete;         /* all sets up to this size are there */
	uint64_t tries;
};

/*
 * cuts_find - those that take any of the entries down.
 * keep         where the answer lies; scratch: for the work. Bounded by them and by the options.
 * returns 0, -EINVAL (options out of range, an entry that is no node), -ENOMEM
 */
int cuts_find(const struct needs *n, const uint32_t *entries, uint32_t entry_count, const struct cuts_options *o, struct arena *keep,
    struct arena *scratch, struct cuts *ret);

#endif
