/* SPDX-License-Identifier: MIT */
/* match_order.c - keys and what has arrived of each, in an open table that doubles. */
#include "audit/match_order.h"

#include "base/assert.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 1024u

void
match_order_init(struct match_order *o, size_t memory_bytes_max)
{
	*o = (struct match_order){ .memory_bytes_max = memory_bytes_max };
}

void
match_order_fini(struct match_order *o)
{
	free(o->keys);
	*o = (struct match_order){ .keys = NULL };
}

/* Keys come from files: mixed so that neither runs of numbers nor multiples of a power of two meet. (The finaliser of MurmurHash3.) */
static uint32_t
mix(uint64_t id, uint32_t sink)
{
	uint64_t h = id + (uint64_t)sink * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return (uint32_t)(h ^ h >> 33);
}

static struct match_order_key *
find(struct match_order_key *keys, uint32_t cap, uint64_t id, uint32_t sink)
{
	uint32_t at = mix(id, sink) & (cap - 1);

	while (keys[at].slice != 0 && (keys[at].id != id || keys[at].sink != sink))
		at = (at + 1) & (cap - 1);
	return &keys[at];
}

/* Twice the room; the old table stands until the new one is filled, and counts for the bound. */
static int
grow(struct match_order *o)
{
	uint32_t cap = o->cap == 0 ? CAP_FIRST : o->cap * 2;
	struct match_order_key *keys;

	if (cap == 0 || ((size_t)cap + o->cap) * sizeof(*keys) > o->memory_bytes_max)
		return -ENOMEM;
	keys = calloc(cap, sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < o->cap; i++)
		if (o->keys[i].slice != 0)
			*find(keys, cap, o->keys[i].id, o->keys[i].sink) = o->keys[i];
	free(o->keys);
	o->keys = keys;
	o->cap = cap;
	return 0;
}

static void
next_slice(struct match_order_key *k, uint32_t slice)
{
	fl_assert(slice > k->slice);                                                                            /* (1) */
	if (k->first < k->above) {
		k->above = k->first;
		k->above_n = k->first_n;
	}
	k->slice = slice;
	k->highest = 0;
	k->first = UINT64_MAX;
}

int
match_order_arrived(struct match_order *o, uint32_t slice, uint32_t sink, uint64_t id, uint64_t n, uint64_t place, uint64_t *ret_other)
{
	struct match_order_key *k;
	int behind = 0;

	if (o->count >= o->cap / 4 * 3 && grow(o) != 0)
		return -ENOMEM;
	k = find(o->keys, o->cap, id, sink);
	if (k->slice == 0) {
		*k = (struct match_order_key){ .id = id, .sink = sink, .slice = slice, .first = UINT64_MAX, .above = UINT64_MAX };
		o->count++;
	} else if (k->slice != slice) {
		next_slice(k, slice);
	}
	if (n < k->highest || k->above < place) {
		*ret_other = n < k->highest ? k->highest : k->above_n;
		behind = 1;
	}
	k->highest = FL_MAX(k->highest, n);
	if (place < k->first) {
		k->first = place;
		k->first_n = n;
	}
	return behind;
}
