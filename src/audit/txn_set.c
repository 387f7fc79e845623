/* SPDX-License-Identifier: MIT */
/* txn_set.c - histories of adds to and reads of sets. */
#include "audit/txn_set.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

struct set {
	struct txn_core *c;
	const struct txn_hist *h;
	uint8_t *seen;                  /* by transaction */
	uint32_t *met;                  /* by version: the last read that showed it, + 1 */
	uint32_t *met_before;           /* the same, without the read at hand */
	uint32_t *own;                  /* by version: the transaction that added it and is at hand, + 1 */
	uint32_t *last_txn, *last_read; /* by key: of the last read, the transaction + 1 and the micro-operation */
	uint32_t *elem_first, *elems;   /* by key: versions in which an element is present */
};

static int
set_up(struct set *s)
{
	struct txn_core *c = s->c;
	const struct txn_hist *h = s->h;
	size_t reads = 0;

	s->seen = txn_core_array(c->mem, h->count, 1);
	s->met = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	s->met_before = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	s->own = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	s->last_txn = txn_core_array(c->mem, h->key_count, sizeof(uint32_t));
	s->last_read = txn_core_array(c->mem, h->key_count, sizeof(uint32_t));
	s->elem_first = txn_core_array(c->mem, (size_t)h->key_count + 2, sizeof(uint32_t));
	s->elems = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	if (c->mem->overflowed)
		return -ENOBUFS;
	uint32_t *at = s->elem_first + 1;

	for (uint32_t v = h->key_count; v < c->version_count; v++)
		if ((c->versions[v].flags & TXN_VER_ABSENT) == 0)
			at[c->versions[v].key + 1]++;
	for (uint32_t k = 0; k < h->key_count; k++)
		at[k + 1] += at[k];
	for (uint32_t v = h->key_count; v < c->version_count; v++)
		if ((c->versions[v].flags & TXN_VER_ABSENT) == 0)
			s->elems[at[c->versions[v].key]++] = v;
	for (uint32_t t = 0; t < h->count; t++) {
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct txn_mop *m = &h->mops[i];

			for (uint32_t e = 0; m->f == TXN_L && e < m->count; e++) {
				uint32_t v = txn_core_find(c, m->key, txn_elems(h, m)[e]);

				if (v != TXN_NONE && c->versions[v].txn != TXN_NONE)
					s->seen[c->versions[v].txn] = 1;
			}
			if (m->f == TXN_L)
				reads += s->elem_first[m->key + 1] - s->elem_first[m->key];
		}
	}
	if (reads >= UINT32_MAX)
		return -ENOBUFS;
	c->reads = txn_core_array(c->mem, reads, sizeof(c->reads[0]));
	return c->reads == NULL ? -ENOBUFS : txn_core_nodes(c, s->seen);
}

/* The elements that a read shows: is each of them an element, once, and of one who may be seen? */
static void
look_at_elements(struct set *s, uint32_t t, uint32_t mop)
{
	struct txn_core *c = s->c;
	const struct txn_mop *m = &s->h->mops[mop];

	for (uint32_t e = 0; e < m->count; e++) {
		uint32_t v = txn_core_find(c, m->key, txn_elems(s->h, m)[e]);
		struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = TXN_NONE, .key = m->key,
			.value = txn_elems(s->h, m)[e] };

		if (v == TXN_NONE || c->versions[v].txn == TXN_NONE) {
			txn_core_odd(c, TXN_ODD_GARBAGE, &o);
			continue;
		}
		if (s->met[v] == mop + 1)
			txn_core_odd(c, TXN_ODD_DUPLICATE, &o);
		s->met[v] = mop + 1;
		o.other = c->versions[v].txn;
		o.other_mop = c->versions[v].mop;
		if (o.other == t && o.other_mop > mop)
			txn_core_odd(c, TXN_ODD_FUTURE_READ, &o);
		else if (s->h->txns[o.other].outcome == TXN_FAIL)
			txn_core_odd(c, TXN_ODD_G1A, &o);
	}
}

static void
add_read(struct set *s, uint32_t t, uint32_t mop)
{
	struct txn_core *c = s->c;
	const struct txn_mop *m = &s->h->mops[mop];
	bool again = s->last_txn[m->key] == t + 1, odd = false;

	look_at_elements(s, t, mop);
	for (uint32_t i = s->elem_first[m->key]; i < s->elem_first[m->key + 1]; i++) {
		uint32_t v = s->elems[i];
		bool here = s->met[v] == mop + 1;
		struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = s->last_read[m->key], .key = m->key,
			.value = c->versions[v].value };

		if (s->own[v] == t + 1) {
			if (here)
				continue;
			o.other_mop = c->versions[v].mop;
			txn_core_odd(c, TXN_ODD_INTERNAL, &o);
			txn_core_odd(c, TXN_ODD_OWN_WRITE, &o);
			continue;
		}
		if (c->versions[v].txn == t)
			continue;
		if (again && !odd && (s->met_before[v] == s->last_read[m->key] + 1) != here) {
			txn_core_odd(c, TXN_ODD_INTERNAL, &o);
			txn_core_odd(c, TXN_ODD_UNREPEATED, &o);
			odd = true;
		}
		s->met_before[v] = s->met[v];
		if ((c->versions[v].flags & TXN_VER_AMBIGUOUS) == 0)
			c->reads[c->read_count++] = (struct txn_read){ here ? v : v - 1, mop };
	}
	s->last_txn[m->key] = t + 1;
	s->last_read[m->key] = mop;
}

int
txn_set_fill(struct txn_core *c)
{
	struct set s = { .c = c, .h = c->h };
	const struct txn_hist *h = c->h;

	fl_assert(h->model == TXN_SET_ADD);
	if (set_up(&s) != 0)
		return -ENOBUFS;
	c->read_first = txn_core_array(c->mem, (size_t)c->n + 1, sizeof(uint32_t));
	if (c->read_first == NULL)
		return -ENOBUFS;
	for (uint32_t node = 0; node < c->n; node++) {
		uint32_t t = c->txn_of[node];

		c->read_first[node] = c->read_count;
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count; i++) {
			if (h->mops[i].f == TXN_L)
				add_read(&s, t, i);
			else
				s.own[txn_core_find(c, h->mops[i].key, h->mops[i].value)] = t + 1;
		}
	}
	c->read_first[c->n] = c->read_count;
	return txn_core_finish(c);
}
