/* SPDX-License-Identifier: MIT */
/* span_held.c - spans that wait for their relatives. */
#include "graph/span_held.h"

#include "base/assert.h"
#include "base/region.h"
#include "graph/span_intern.h"

#include <errno.h>
#include <string.h>

#define AHEAD 12u               /* records between warming the cache and using it */
#define RECS_MIN 1024u
#define RECS_MAX (1u << 28)

static size_t
index_bytes(const struct span_held *h)
{
	return ((size_t)h->index_mask + 1) * sizeof(h->half[0].index[0]);
}

/* What max records in a half take, in both. */
static size_t
bytes_for(uint32_t max, uint32_t *ret_mask)
{
	uint32_t mask = RECS_MIN - 1;

	while (mask < max + max / 2)
		mask = mask * 2 + 1;
	*ret_mask = mask;
	return 2 * (max * sizeof(struct span_rec) + max / 4 * sizeof(struct span_link) + ((size_t)mask + 1) * sizeof(uint64_t));
}

int
span_held_init(struct span_held *h, size_t bytes, uint64_t seed)
{
	uint32_t max = RECS_MIN, mask;
	int rc = 0;

	*h = (struct span_held){ .seed = seed | 1 };
	while (max < RECS_MAX && bytes_for(max + max / 8, &mask) <= bytes)
		max += max / 8;
	h->max = max;
	h->link_max = max / 4;
	bytes_for(max, &h->index_mask);
	for (unsigned i = 0; i < 2; i++) {
		struct span_half *f = &h->half[i];

		f->recs = region_reserve(max * sizeof(f->recs[0]));
		f->links = region_reserve(h->link_max * sizeof(f->links[0]));
		f->index = region_reserve(index_bytes(h));
		if (f->recs == NULL || f->links == NULL || f->index == NULL)
			rc = -ENOMEM;
	}
	return rc;
}

void
span_held_fini(struct span_held *h)
{
	for (unsigned i = 0; i < 2; i++) {
		struct span_half *f = &h->half[i];

		region_release(f->recs, h->max * sizeof(f->recs[0]));
		region_release(f->links, h->link_max * sizeof(f->links[0]));
		region_release(f->index, index_bytes(h));
	}
	*h = (struct span_held){ .max = 0 };
}

struct span_rec *
span_held_add(struct span_held *h)
{
	struct span_half *f = span_held_young(h);

	if (f->count == h->max)
		return NULL;
	return memset(&f->recs[f->count++], 0, sizeof(struct span_rec));
}

uint32_t
span_held_links(struct span_held *h, struct span_rec *r, const struct span_link *links, uint32_t n)
{
	struct span_half *f = span_held_young(h);

	fl_assert(n <= SPAN_LINKS_MAX && r == &f->recs[f->count - 1]);
	n = FL_MIN(n, h->link_max - f->link_count);
	r->link_at = f->link_count;
	r->link_count = (uint8_t)n;
	memcpy(f->links + f->link_count, links, n * sizeof(links[0]));
	f->link_count += n;
	return n;
}

void
span_held_undo(struct span_held *h, uint32_t count, uint32_t link_count)
{
	struct span_half *f = span_held_young(h);

	fl_assert(f->indexed <= count && count <= f->count && link_count <= f->link_count);
	f->count = count;
	f->link_count = link_count;
}

/* ---- the index ---- */

static inline uint64_t
hash_of(const struct span_held *h, uint64_t trace_lo, uint64_t id)
{
	return span_intern_mix(trace_lo ^ h->seed, id ^ UINT64_C(0x9e3779b97f4a7c15));
}

static inline bool
same_span(const struct span_rec *r, uint64_t trace_hi, uint64_t trace_lo, uint64_t id)
{
	return r->id == id && r->trace_lo == trace_lo && (r->trace_hi == trace_hi || r->trace_hi == 0 || trace_hi == 0);      /* (3) */
}

/* The next record of that key in a half, from place *at on (set it to the hash first). NULL: no more; *at is the empty place then. */
static inline struct span_rec *
probe(const struct span_held *h, const struct span_half *f, uint64_t hash, uint32_t *at, uint64_t trace_hi, uint64_t trace_lo, uint64_t id)
{
	uint64_t slot;

	for (; (slot = f->index[*at & h->index_mask]) != 0; ++*at) {
		if ((slot ^ hash) >> 32 != 0)
			continue;
		struct span_rec *r = &f->recs[(uint32_t)slot - 1];

		if (same_span(r, trace_hi, trace_lo, id)) {
			++*at;
			return r;
		}
	}
	return NULL;
}

/* What of the same id is in a half already: the same again, or the other side. Leaves *at at the empty place. */
static bool
meets_itself(const struct span_held *h, const struct span_half *f, struct span_rec *r, uint64_t hash, uint32_t *at)
{
	struct span_rec *o;

	while ((o = probe(h, f, hash, at, r->trace_hi, r->trace_lo, r->id)) != NULL) {
		bool same_side = ((o->bits ^ r->bits) & SPAN_SERVERISH) == 0;

		if (same_side && o->service == r->service) {
			/* It came anew: what is known of it from before is known of this one. */
			if ((r->bits & SPAN_LEFT) != 0 && (o->bits & (SPAN_LEFT | SPAN_COUNTED)) == 0) {
				o->bits |= r->bits & (SPAN_LEFT | SPAN_COUNTED);
				o->told = r->told;
			}
			return true;
		}
		if (!same_side) {
			o->bits |= SPAN_TWIN;
			r->bits |= SPAN_TWIN;
		}
	}
	return false;
}

uint32_t
span_held_index(struct span_held *h)
{
	struct span_half *young = span_held_young(h), *old = span_held_old(h);
	uint32_t duplicates = 0;

	for (; young->indexed < young->count; young->indexed++) {
		struct span_rec *r = &young->recs[young->indexed];
		uint64_t hash = hash_of(h, r->trace_lo, r->id);
		uint32_t at = (uint32_t)hash, other = at;

		if (young->indexed + AHEAD < young->count) {
			const struct span_rec *later = r + AHEAD;
			uint32_t place = (uint32_t)hash_of(h, later->trace_lo, later->id) & h->index_mask;

			__builtin_prefetch(&young->index[place], 1);
			__builtin_prefetch(&old->index[place]);
		}
		if (meets_itself(h, young, r, hash, &at) || (old->count > 0 && meets_itself(h, old, r, hash, &other))) {
			r->bits |= SPAN_DEAD;
			duplicates++;
			continue;
		}
		young->index[at & h->index_mask] = (hash >> 32 << 32) | (young->indexed + 1);
	}
	return duplicates;
}

void
span_held_change(struct span_held *h)
{
	struct span_half *old = span_held_old(h);

	if (old->indexed > h->max / 64)
		memset(old->index, 0, index_bytes(h));
	else
		for (uint32_t i = 0; i < old->indexed; i++) {
			/* All go, so the order in which places are emptied does not matter. */
			uint32_t at = (uint32_t)hash_of(h, old->recs[i].trace_lo, old->recs[i].id);

			while (old->index[at & h->index_mask] != 0)
				old->index[at++ & h->index_mask] = 0;
		}
	old->count = old->indexed = old->related = old->waited = old->link_count = 0;
	h->young ^= 1;
	h->changes++;
}

/* ---- finding ---- */

/* Which of two candidates is the better parent of r? A span that says it is local is of r's service. */
static inline bool
better_parent(const struct span_rec *a, const struct span_rec *b, const struct span_rec *r)
{
	if ((a->service == r->service) != (b->service == r->service))
		return a->service == r->service;
	return (a->bits & SPAN_SERVERISH) > (b->bits & SPAN_SERVERISH);
}

struct span_rec *
span_held_parent(const struct span_held *h, const struct span_rec *r)
{
	uint64_t hash = hash_of(h, r->trace_lo, r->parent);
	struct span_rec *best = NULL, *o;

	for (unsigned i = 0; i < 2; i++) {
		const struct span_half *f = &h->half[h->young ^ i];

		if (f->indexed == 0)
			continue;
		for (uint32_t at = (uint32_t)hash; (o = probe(h, f, hash, &at, r->trace_hi, r->trace_lo, r->parent)) != NULL;)
			if (o != r && (best == NULL || better_parent(o, best, r)))
				best = o;
		if (best != NULL && (best->bits & SPAN_TWIN) == 0)
			break;
	}
	return best;
}

struct span_rec *
span_held_twin(const struct span_held *h, const struct span_rec *r)
{
	uint64_t hash = hash_of(h, r->trace_lo, r->id);
	struct span_rec *o;

	for (unsigned i = 0; i < 2; i++) {
		const struct span_half *f = &h->half[h->young ^ i];

		for (uint32_t at = (uint32_t)hash; (o = probe(h, f, hash, &at, r->trace_hi, r->trace_lo, r->id)) != NULL;)
			if (((o->bits ^ r->bits) & SPAN_SERVERISH) != 0)
				return o;
	}
	return NULL;
}

struct span_rec *
span_held_linked(const struct span_held *h, const struct span_link *l)
{
	uint64_t hash = hash_of(h, l->trace_lo, l->id);
	struct span_rec *best = NULL, *o;

	for (unsigned i = 0; i < 2; i++) {
		const struct span_half *f = &h->half[h->young ^ i];

		for (uint32_t at = (uint32_t)hash; (o = probe(h, f, hash, &at, l->trace_hi, l->trace_lo, l->id)) != NULL;)
			if (best == NULL || (o->bits & SPAN_CLIENTISH) > (best->bits & SPAN_CLIENTISH))
				best = o;
	}
	return best;
}

void
span_held_warm_index(const struct span_held *h, const struct span_rec *r)
{
	uint32_t place = (uint32_t)hash_of(h, r->trace_lo, r->parent) & h->index_mask;

	__builtin_prefetch(&h->half[0].index[place]);
	__builtin_prefetch(&h->half[1].index[place]);
}

void
span_held_warm_record(const struct span_held *h, const struct span_rec *r)
{
	uint32_t place = (uint32_t)hash_of(h, r->trace_lo, r->parent) & h->index_mask;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t slot = h->half[i].index[place];

		if (slot != 0)
			__builtin_prefetch(&h->half[i].recs[(uint32_t)slot - 1]);
	}
}
