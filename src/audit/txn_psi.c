/* SPDX-License-Identifier: MIT */
/* txn_psi.c - parallel snapshot isolation: one order of versions is tried. */
#include "audit/txn_psi.h"

#include "audit/txn_cycle.h"
#include "audit/txn_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct head {
	uint32_t rank, version;
};

static int
by_rank(const void *a, const void *b)
{
	const struct head *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* The same core with one chain per key. */
static int
link_chains(const struct txn_core *c, const uint32_t *rank, struct arena *mem, struct txn_core *ret)
{
	struct head *heads = txn_core_array(mem, c->head_first[c->h->key_count], sizeof(*heads));

	*ret = *c;
	ret->mem = mem;
	ret->versions = txn_core_array(mem, c->version_count, sizeof(ret->versions[0]));
	if (heads == NULL || ret->versions == NULL)
		return -ENOBUFS;
	memcpy(ret->versions, c->versions, c->version_count * sizeof(ret->versions[0]));
	for (uint32_t k = 0; k < c->h->key_count; k++) {
		uint32_t count = c->head_first[k + 1] - c->head_first[k], tail = c->root_tail[k];

		for (uint32_t i = 0; i < count; i++) {
			uint32_t v = c->heads[c->head_first[k] + i];

			heads[i] = (struct head){ rank[c->versions[txn_core_live(c, v)].node], v };
		}
		if (count > 1)
			qsort(heads, count, sizeof(heads[0]), by_rank);
		for (uint32_t i = 0; i < count; i++) {
			ret->versions[tail].next = heads[i].version;
			for (tail = heads[i].version; c->versions[tail].next != TXN_NONE; tail = c->versions[tail].next)
				;
		}
	}
	return txn_core_finish(ret);
}

/* Is there no cycle of ww and wr, and none with one rw? */
static int
is_free(const struct txn_core *c, uint64_t *steps, struct arena *mem, bool *ret_free)
{
	struct txn_view all = { .mask = TXN_DEPENDENCIES }, ordered = { .mask = TXN_WW | TXN_WR };
	struct txn_hunt hunt = { .mask = TXN_DEPENDENCIES, .rw_min = 1, .rw_max = 1 };
	struct txn_graph g;
	struct txn_scc scc;
	struct txn_cycle cycle;

	*ret_free = false;
	if (txn_graph_build(c, mem, &g) != 0 || txn_graph_scc(&g, &ordered, mem, &scc) != 0)
		return -ENOBUFS;
	if (scc.count > 0)
		return 0;
	if (txn_graph_scc(&g, &all, mem, &scc) != 0)
		return -ENOBUFS;
	for (uint32_t i = 0; i < scc.count; i++) {
		int rc = txn_cycle_find(c, &g, &hunt, scc.component, scc.members + scc.first[i], scc.first[i + 1] - scc.first[i], steps, mem,
		    &cycle);

		if (rc != TXN_HUNT_NONE)
			return rc < 0 ? rc : 0;
	}
	*ret_free = true;
	return 0;
}

int
txn_psi_try(const struct txn_core *c, const struct txn_graph *g, uint64_t *steps, struct arena *mem, bool *ret_holds)
{
	struct txn_view known = { .mask = TXN_WW | TXN_WR };
	struct txn_chains none = { .count = 0 };
	struct arena work;
	struct txn_core linked;
	bool fits;

	arena_init(&work, mem->cap_bytes - mem->used_bytes);
	uint32_t *rank = txn_core_array(&work, (size_t)g->n + g->hubs, sizeof(uint32_t)), *priority;
	enum txn_order_by by[2];

	txn_order_best(c, by);
	int rc = rank == NULL ? -ENOBUFS : txn_order_priority(c, g, &known, by[0], &work, &priority);

	if (rc == 0)
		rc = txn_order_try(c, g, &known, &none, priority, false, &work, rank, &fits);

	*ret_holds = false;
	if (rc == 0 && fits)
		rc = link_chains(c, rank, &work, &linked);
	if (rc == 0 && fits)
		rc = is_free(&linked, steps, &work, ret_holds);
	arena_fini(&work);
	return rc;
}
