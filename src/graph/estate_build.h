/* SPDX-License-Identifier: MIT */
/*
 * estate_build.h - what a builder of an estate holds: shared by estate_build.c, which fills it, and estate_index.c, which orders it
 *
 * 1. Text is interned: equal text has equal numbers, and text 0 is "".
 * 2. A row begins with its key of three numbers, and no two rows of a set have the same key.
 */
#ifndef GRAPH_ESTATE_BUILD_H
#define GRAPH_ESTATE_BUILD_H

#include "graph/estate.h"

struct build_text {
	const char *s;
	uint32_t len;
	uint64_t hash;
};
/* Rows of one size in one array, found by key. */
struct build_set {
	char *rows;
	size_t row_bytes;
	uint32_t count, cap;
	uint32_t *slots;                /* row number + 1, by hash */
	uint32_t slot_count;            /* a power of two */
};

struct build_node {
	uint32_t key[3];                /* name, space, 0 */
	uint32_t app;
	uint8_t kind, kind_rank, app_rank;
	bool through;
	int64_t first, last;
};
struct build_line {
	uint32_t key[3];                /* from, to, 0 */
};
struct build_evidence {
	uint32_t key[3];                /* line, source, protocol */
	uint32_t where;
	uint8_t strength, phase, mode;
	int64_t first, last;
	uint64_t count, errors, latency;
};
struct build_fact {
	uint32_t key[3];                /* 2 * node or 2 * line + 1, key, source */
	uint32_t value, where;
	int64_t first, last;
	uint64_t count;
};
struct build_instance {
	uint32_t key[3];                /* node, address, source */
	uint32_t where;
	int64_t first, last;
	uint64_t count;
};
struct build_group {
	uint32_t key[3];                /* the text of all it says, 0, 0 */
	uint32_t node, k, source, where;
	uint32_t member_first, member_count;
	int64_t first, last;
	uint64_t count;
	uint8_t strength, phase, mode;
};

struct estate_builder {
	struct arena *arena;
	uint64_t seed;
	struct build_text *texts;
	uint32_t text_count, text_cap;
	uint32_t *text_slots;
	uint32_t text_slot_count;
	struct build_set nodes, lines, evidence, facts, instances, groups;
	uint32_t *members;              /* of groups: builder's nodes */
	uint32_t member_count, member_cap;
};

static inline void *
estate_row(const struct build_set *s, uint32_t i)
{
	return s->rows + (size_t)i * s->row_bytes;
}

#endif
