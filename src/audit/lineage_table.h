/* SPDX-License-Identifier: MIT */
/* lineage_table.h - numbers by 64 bit key, in an arena; two different things share a key once in 2^64. For lineage_*.c alone. */
#ifndef AUDIT_LINEAGE_TABLE_H
#define AUDIT_LINEAGE_TABLE_H

#include "audit/trace_block.h"
#include "base/arena.h"
#include <errno.h>

struct lineage_slot {
	uint64_t key;
	uint32_t value;
	bool used;
};
struct lineage_table {
	struct lineage_slot *slots;
	size_t mask;
};

/* Room for n keys. 0 or -ENOMEM. */
static inline int
lineage_table_init(struct lineage_table *t, size_t n, struct arena *mem)
{
	size_t room = 16;

	while (room < 2 * n)
		room *= 2;
	t->mask = room - 1;
	t->slots = arena_alloc(mem, room * sizeof(*t->slots));
	return t->slots == NULL ? -ENOMEM : 0;
}

/* The place of key, which is new when !used. There is always room: at most n keys come. */
static inline struct lineage_slot *
lineage_table_at(const struct lineage_table *t, uint64_t key)
{
	size_t i = (size_t)key & t->mask;

	while (t->slots[i].used && t->slots[i].key != key)
		i = (i + 1) & t->mask;
	t->slots[i].key = key;
	return &t->slots[i];
}

static inline uint64_t
lineage_table_join(uint64_t a, uint64_t b)
{
	return trace_key_span(a * 0x9e3779b97f4a7c15u + b);
}

#endif
