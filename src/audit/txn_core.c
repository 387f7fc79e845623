/* SPDX-License-Identifier: MIT */
/* txn_core.c - versions, nodes and their indexes. Invariants: txn_core.h. */
#include "audit/txn_core.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

void *
txn_core_array(struct arena *mem, size_t count, size_t size)
{
	if (count > SIZE_MAX / size) {
		mem->overflowed = true;
		return NULL;
	}
	return arena_alloc(mem, count * size);
}

static uint32_t
hash(uint32_t key, int32_t value)
{
	uint64_t x = ((uint64_t)key << 32 | (uint32_t)value) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 32;
	return (uint32_t)((x * UINT64_C(0xd6e8feb86659fd93)) >> 32);
}

/* The place of (key, value) in the table, or the free one where it would go. */
static uint32_t
find_place(const struct txn_core *c, uint32_t key, int32_t value)
{
	uint32_t p = hash(key, value) & c->table_mask;

	while (c->table[p] != 0 && (c->versions[c->table[p] - 1].key != key || c->versions[c->table[p] - 1].value != value))
		p = (p + 1) & c->table_mask;
	return p;
}

uint32_t
txn_core_find(const struct txn_core *c, uint32_t key, int32_t value)
{
	return c->table[find_place(c, key, value)] - 1;                   /* 0 - 1 is TXN_NONE */
}

void
txn_core_odd(struct txn_core *c, enum txn_odd kind, const struct txn_oddity *o)
{
	if (c->odd_count[kind] < TXN_ODD_KEPT)
		c->odd[kind][c->odd_count[kind]] = *o;
	c->odd_count[kind]++;
}

/* One more write of a value that is known: of the same transaction, of one that failed, or nobody can say whose is read. */
static void
write_again(struct txn_core *c, struct txn_version *v, uint32_t t, uint32_t mop)
{
	const struct txn *txns = c->h->txns;

	if (v->txn == t) {
		v->mop = mop;
		return;
	}
	if (v->txn != TXN_NONE && txns[t].outcome == TXN_FAIL)
		return;
	if (v->txn != TXN_NONE && txns[v->txn].outcome == TXN_FAIL && (v->flags & TXN_VER_AMBIGUOUS) == 0) {
		v->txn = t;
		v->mop = mop;
		return;
	}
	if (txns[t].outcome == TXN_FAIL)
		return;                 /* of the initial value */
	v->flags |= TXN_VER_AMBIGUOUS;
	c->ambiguous = true;
}

static void
add_write(struct txn_core *c, uint32_t t, uint32_t mop)
{
	const struct txn_mop *m = &c->h->mops[mop];
	uint32_t p = find_place(c, m->key, m->value);

	if (c->table[p] != 0) {
		write_again(c, &c->versions[c->table[p] - 1], t, mop);
		return;
	}
	if (m->f == TXN_ADD) {          /* absent comes first */
		uint32_t absent = c->version_count++;

		c->versions[absent] = (struct txn_version){ m->key, m->value, TXN_NONE, TXN_NONE, TXN_NONE, absent + 1, 0, TXN_VER_ABSENT };
	}
	c->versions[c->version_count] = (struct txn_version){ m->key, m->value, t, TXN_NONE, mop, TXN_NONE, 0, 0 };
	c->table[p] = ++c->version_count;
}

/* Mark writes that the same transaction replaces later: last[key] is its last one so far. */
static int
mark_intermediate(struct txn_core *c)
{
	const struct txn_hist *h = c->h;
	uint32_t *last = txn_core_array(c->mem, h->key_count, sizeof(*last));

	if (last == NULL)
		return -ENOBUFS;
	memset(last, 0xff, h->key_count * sizeof(*last));
	for (uint32_t t = 0; t < h->count; t++) {
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count; i++) {
			if (!txn_is_write(&h->mops[i]))
				continue;
			uint32_t v = txn_core_find(c, h->mops[i].key, h->mops[i].value);
			uint32_t before = last[h->mops[i].key];

			if (before != TXN_NONE && before != v && c->versions[before].txn == t)
				c->versions[before].flags |= TXN_VER_INTERMEDIATE;
			if (c->versions[v].txn == t) {
				c->versions[v].flags &= ~(uint32_t)TXN_VER_INTERMEDIATE;
				last[h->mops[i].key] = v;
			}
		}
	}
	return 0;
}

int
txn_core_init(struct txn_core *c, const struct txn_hist *h, struct arena *mem)
{
	size_t writes = 0, size = 16;

	*c = (struct txn_core){ .h = h, .mem = mem, .initial = TXN_NIL };
	for (uint32_t i = 0; i < h->mop_count; i++)
		writes += txn_is_write(&h->mops[i]);
	size_t versions = h->key_count + (h->model == TXN_SET_ADD ? 2 * writes : writes);

	while (size < 2 * (h->key_count + writes))
		size *= 2;
	if (versions >= UINT32_MAX / 4)
		return -ENOBUFS;
	c->versions = txn_core_array(mem, versions, sizeof(c->versions[0]));
	c->table = txn_core_array(mem, size, sizeof(c->table[0]));
	c->forked = txn_core_array(mem, h->key_count, 1);
	if (c->versions == NULL || c->table == NULL || c->forked == NULL)
		return -ENOBUFS;
	c->table_mask = (uint32_t)(size - 1);
	for (uint32_t k = 0; k < h->key_count; k++) {
		c->versions[k] = (struct txn_version){ k, TXN_NIL, TXN_NONE, TXN_NONE, TXN_NONE, TXN_NONE, 0, 0 };
		c->table[find_place(c, k, TXN_NIL)] = k + 1;
	}
	c->version_count = h->key_count;
	for (uint32_t t = 0; t < h->count; t++)
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count; i++)
			if (txn_is_write(&h->mops[i]))
				add_write(c, t, i);
	return h->model == TXN_SET_ADD ? 0 : mark_intermediate(c);
}

int
txn_core_nodes(struct txn_core *c, const uint8_t *seen)
{
	const struct txn_hist *h = c->h;

	c->txn_of = txn_core_array(c->mem, h->count, sizeof(c->txn_of[0]));
	c->node_of = txn_core_array(c->mem, h->count, sizeof(c->node_of[0]));
	if (c->txn_of == NULL || c->node_of == NULL)
		return -ENOBUFS;
	for (uint32_t t = 0; t < h->count; t++) {
		c->node_of[t] = TXN_NONE;
		if (h->txns[t].outcome == TXN_FAIL || (h->txns[t].outcome == TXN_INFO && !seen[t]))
			continue;
		c->node_of[t] = c->n;
		c->txn_of[c->n++] = t;
	}
	for (uint32_t v = 0; v < c->version_count; v++) {
		struct txn_version *ver = &c->versions[v];

		if (ver->txn != TXN_NONE && (ver->flags & TXN_VER_AMBIGUOUS) == 0)
			ver->node = c->node_of[ver->txn];                 /* (1) */
	}
	return 0;
}

uint32_t
txn_core_live(const struct txn_core *c, uint32_t v)
{
	while (v != TXN_NONE && c->versions[v].node == TXN_NONE)
		v = c->versions[v].next;
	return v;
}

static int
index_readers(struct txn_core *c)
{
	c->reader_first = txn_core_array(c->mem, (size_t)c->version_count + 2, sizeof(uint32_t));
	c->readers = txn_core_array(c->mem, c->read_count, sizeof(uint32_t));
	if (c->reader_first == NULL || c->readers == NULL)
		return -ENOBUFS;
	uint32_t *at = c->reader_first + 1;     /* shifted by one: after filling, at[v] is where v's readers end */

	for (uint32_t i = 0; i < c->read_count; i++)
		at[c->reads[i].version + 1]++;
	for (uint32_t v = 0; v < c->version_count; v++)
		at[v + 1] += at[v];
	for (uint32_t node = 0; node < c->n; node++)
		for (uint32_t i = c->read_first[node]; i < c->read_first[node + 1]; i++)
			c->readers[at[c->reads[i].version]++] = node;
	return 0;
}

static int
index_writes(struct txn_core *c)
{
	c->write_first = txn_core_array(c->mem, (size_t)c->n + 1, sizeof(uint32_t));
	c->writes = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	if (c->write_first == NULL || c->writes == NULL)
		return -ENOBUFS;
	const struct txn_hist *h = c->h;
	uint32_t count = 0;

	for (uint32_t node = 0; node < c->n; node++) {
		const struct txn *t = &h->txns[c->txn_of[node]];

		c->write_first[node] = count;
		for (uint32_t i = t->first; i < t->first + t->count; i++) {
			if (!txn_is_write(&h->mops[i]))
				continue;
			uint32_t v = txn_core_find(c, h->mops[i].key, h->mops[i].value);

			if (c->versions[v].node == node && c->versions[v].mop == i)
				c->writes[count++] = v;
		}
	}
	c->write_first[c->n] = count;
	return 0;
}

/* The chains of each key: the tail of its root, and the heads of the others. */
static int
index_chains(struct txn_core *c)
{
	uint32_t keys = c->h->key_count;

	c->root_tail = txn_core_array(c->mem, keys, sizeof(uint32_t));
	c->head_first = txn_core_array(c->mem, (size_t)keys + 2, sizeof(uint32_t));
	c->heads = txn_core_array(c->mem, c->version_count, sizeof(uint32_t));
	if (c->root_tail == NULL || c->head_first == NULL || c->heads == NULL)
		return -ENOBUFS;
	for (uint32_t v = 0; v < c->version_count; v++)
		if (c->versions[v].next != TXN_NONE)
			c->versions[c->versions[v].next].flags |= TXN_VER_CHAINED;
	for (uint32_t k = 0; k < keys; k++) {
		uint32_t v = k;

		for (; c->versions[v].next != TXN_NONE; v = c->versions[v].next)
			;
		c->root_tail[k] = v;
	}
	uint32_t *at = c->head_first + 1;

	for (int pass = 0; pass < 2; pass++) {
		for (uint32_t v = keys; v < c->version_count; v++) {
			const struct txn_version *ver = &c->versions[v];

			if ((ver->flags & (TXN_VER_CHAINED | TXN_VER_ABSENT)) != 0 || txn_core_live(c, v) == TXN_NONE)
				continue;
			if (pass == 0)
				at[ver->key + 1]++;
			else
				c->heads[at[ver->key]++] = v;
		}
		for (uint32_t k = 0; k < keys && pass == 0; k++)
			at[k + 1] += at[k];
	}
	return 0;
}

int
txn_core_finish(struct txn_core *c)
{
	fl_assert(c->read_first != NULL && c->txn_of != NULL);
	if (index_readers(c) != 0 || index_writes(c) != 0 || index_chains(c) != 0)
		return -ENOBUFS;
	return 0;
}
