/* SPDX-License-Identifier: MIT */
/*
 * scc.h - which nodes reach each other in a circle: strongly connected components (Tarjan 1972), without recursion
 */
#ifndef GRAPH_SCC_H
#define GRAPH_SCC_H

#include "base/arena.h"

/*
 * scc_find - components of the graph whose rows are to[at[v]] .. to[at[v + 1] - 1].
 * ret_component  n numbers. A component has a higher number than all that its nodes point to.
 * ret_count      how many there are
 * returns 0 or -ENOMEM (of scratch). O(n + m).
 */
int scc_find(struct arena *scratch, uint32_t n, const uint32_t *at, const uint32_t *to, uint32_t *ret_component, uint32_t *ret_count);

#endif
