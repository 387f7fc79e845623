/* SPDX-License-Identifier: MIT */
/*
 * functions.h - business functions: which services are their entries, and how they fare
 *
 * A service with the fact "function" (a list) is an entry of each function named there. A function is as bad as the worst of its entries.
 */
#ifndef GRAPH_FUNCTIONS_H
#define GRAPH_FUNCTIONS_H

#include "graph/impact.h"

struct functions {
	uint32_t count;
	const char *const *names;       /* sorted */
	const uint32_t *entry_at, *entries;     /* count + 1; nodes: those of f are entries[entry_at[f]] .. entries[entry_at[f + 1] - 1] */
	const uint32_t *of_at, *of;     /* by node: its functions, in the same way */
};

/* Those of an estate, in keep. returns 0 or -ENOMEM. */
int functions_of_estate(const struct estate *e, struct arena *keep, struct arena *scratch, struct functions *ret);
/* The function of this name; ESTATE_NONE. */
uint32_t functions_find(const struct functions *f, const char *name);
/* The worst state of its entries. */
enum impact_state functions_state(const struct functions *f, const struct impact *im, uint32_t function);

/*
 * functions_where - the nodes that are hit when whatever has this value of a fact fails ("zone", "a"): those of which every word of the fact is
 * this one go down, since they are nowhere else.
 * ret_all      room for node_count; those go down. returns how many.
 * ret_some     NULL, or room for node_count: those that lose a part of themselves only; *ret_some_count how many
 */
uint32_t functions_where(const struct estate *e, const char *key, const char *value, uint32_t *ret_all, uint32_t *ret_some,
    uint32_t *ret_some_count);

#endif
