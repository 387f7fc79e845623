/* SPDX-License-Identifier: MIT */
/* txn_reg.c - histories of reads and writes of registers. */
#include "audit/txn_reg.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

/* What the transaction at hand did with a key. */
struct local {
	uint32_t txn;                   /* these are of this transaction + 1 */
	uint32_t last;                  /* its last micro-operation there; TXN_NONE */
	uint32_t read;                  /* the version its first read showed, if it had not written; TXN_NONE */
	uint32_t written;               /* the version of its last write; TXN_NONE */
	bool wrote;
};
struct reg {
	struct txn_core *c;
	const struct txn_hist *h;
	struct local *local;
	uint8_t *seen;                  /* by transaction */
	uint32_t *updater;              /* by version: a transaction that read it and replaced it, + 1 */
};

/* Keys begin as nil; when no read is nil, then as 0, but for those to which somebody writes a 0. */
static void
find_initial(struct reg *r)
{
	bool zero = false;

	for (uint32_t i = 0; i < r->h->mop_count; i++) {
		const struct txn_mop *m = &r->h->mops[i];

		if (m->f == TXN_R && m->value == TXN_NIL)
			return;
		zero |= m->f == TXN_R && m->value == 0;
	}
	if (zero)
		r->c->initial = 0;
}

static uint32_t
version_read(const struct reg *r, const struct txn_mop *m)
{
	uint32_t v = txn_core_find(r->c, m->key, m->value);

	if (m->value != r->c->initial)
		return v;
	return v == TXN_NONE || (v >= r->h->key_count && r->h->txns[r->c->versions[v].txn].outcome == TXN_FAIL) ? m->key : v;
}

static struct local *
local_of(struct reg *r, uint32_t t, uint32_t key)
{
	struct local *p = &r->local[key];

	if (p->txn != t + 1)
		*p = (struct local){ .txn = t + 1, .last = TXN_NONE, .read = TXN_NONE, .written = TXN_NONE };
	return p;
}

/* What a read shows of others. false: it shows nothing that may count as a read of a version. */
static bool
look_at_version(struct reg *r, uint32_t t, uint32_t mop, uint32_t v)
{
	struct txn_core *c = r->c;
	struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = TXN_NONE, .key = r->h->mops[mop].key,
		.value = r->h->mops[mop].value };

	if (v == TXN_NONE) {
		txn_core_odd(c, TXN_ODD_GARBAGE, &o);
		return false;
	}
	const struct txn_version *ver = &c->versions[v];

	if (ver->txn == TXN_NONE)
		return true;
	o.other = ver->txn;
	o.other_mop = ver->mop;
	if (ver->txn == t) {
		if (ver->mop > mop)
			txn_core_odd(c, TXN_ODD_FUTURE_READ, &o);
		return false;
	}
	if (r->h->txns[ver->txn].outcome == TXN_FAIL)
		txn_core_odd(c, TXN_ODD_G1A, &o);
	if ((ver->flags & TXN_VER_INTERMEDIATE) != 0)
		txn_core_odd(c, TXN_ODD_G1B, &o);
	return true;
}

static void
add_read(struct reg *r, uint32_t t, uint32_t mop, struct local *p)
{
	struct txn_core *c = r->c;
	const struct txn_mop *m = &r->h->mops[mop];
	uint32_t v = version_read(r, m);

	if (p->last != TXN_NONE && r->h->mops[p->last].value != m->value) {
		struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = p->last, .key = m->key, .value = m->value };

		txn_core_odd(c, TXN_ODD_INTERNAL, &o);
		txn_core_odd(c, p->wrote ? TXN_ODD_OWN_WRITE : TXN_ODD_UNREPEATED, &o);
	}
	if (look_at_version(r, t, mop, v)) {
		c->reads[c->read_count++] = (struct txn_read){ v, mop };
		if (p->last == TXN_NONE)
			p->read = v;
	}
	p->last = mop;
}

/* t read a version and replaces it by version v. */
static void
update(struct reg *r, uint32_t t, uint32_t mop, uint32_t from, uint32_t v)
{
	struct txn_core *c = r->c;
	uint32_t first = r->updater[from];

	c->forked[c->versions[v].key] |= first != 0;
	if (first != 0)
		txn_core_odd(c, TXN_ODD_LOST_UPDATE, &(struct txn_oddity){ .txn = t, .other = first - 1, .mop = mop,
			.other_mop = TXN_NONE, .key = c->versions[v].key, .value = c->versions[from].value });
	else if (c->versions[from].next == TXN_NONE)
		c->versions[from].next = v;
	r->updater[from] = t + 1;
}

static void
add_write(struct reg *r, uint32_t t, uint32_t mop, struct local *p)
{
	struct txn_core *c = r->c;
	const struct txn_mop *m = &r->h->mops[mop];
	uint32_t v = txn_core_find(c, m->key, m->value);
	bool own = c->versions[v].txn == t && c->versions[v].mop == mop && c->versions[v].node != TXN_NONE;

	if (own && p->written != TXN_NONE && p->written != v)
		c->versions[p->written].next = v;
	else if (own && p->written == TXN_NONE && p->read != TXN_NONE && (c->versions[p->read].flags & TXN_VER_AMBIGUOUS) == 0)
		update(r, t, mop, p->read, v);
	if (own)
		p->written = v;
	p->wrote = true;
	p->last = mop;
}

/* Break circles of versions that follow each other. pos marks what is reached from the head of a chain. */
static void
break_circles(struct reg *r)
{
	struct txn_core *c = r->c;
	uint32_t *before = r->updater;          /* no longer needed: by version, is there one before it? */

	memset(before, 0, c->version_count * sizeof(*before));
	for (uint32_t v = 0; v < c->version_count; v++)
		if (c->versions[v].next != TXN_NONE)
			before[c->versions[v].next]++;
	for (uint32_t v = 0; v < c->version_count; v++)
		for (uint32_t x = v; before[v] == 0 && x != TXN_NONE && c->versions[x].pos == 0; x = c->versions[x].next)
			c->versions[x].pos = 1;
	for (uint32_t v = 0; v < c->version_count; v++) {
		struct txn_version *ver = &c->versions[v];

		if (ver->pos != 0 || ver->txn == TXN_NONE)
			continue;
		txn_core_odd(c, TXN_ODD_CYCLIC, &(struct txn_oddity){ .txn = ver->txn, .other = c->versions[ver->next].txn, .mop = ver->mop,
			.other_mop = c->versions[ver->next].mop, .key = ver->key, .value = ver->value });
		for (uint32_t x = v; c->versions[x].pos == 0; x = c->versions[x].next)
			c->versions[x].pos = 1;
		ver->next = TXN_NONE;
	}
	for (uint32_t v = 0; v < c->version_count; v++)
		c->versions[v].pos = 0;
}

static int
set_up(struct reg *r)
{
	const struct txn_hist *h = r->h;
	struct txn_core *c = r->c;
	uint32_t reads = 0;

	r->local = txn_core_array(c->mem, h->key_count, sizeof(r->local[0]));
	r->seen = txn_core_array(c->mem, h->count, 1);
	r->updater = txn_core_array(c->mem, c->version_count, sizeof(r->updater[0]));
	if (c->mem->overflowed)
		return -ENOBUFS;
	find_initial(r);
	for (uint32_t t = 0; t < h->count; t++) {
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			if (h->mops[i].f != TXN_R)
				continue;
			uint32_t v = version_read(r, &h->mops[i]);

			reads++;
			if (v != TXN_NONE && c->versions[v].txn != TXN_NONE)
				r->seen[c->versions[v].txn] = 1;
		}
	}
	c->reads = txn_core_array(c->mem, reads, sizeof(c->reads[0]));
	return c->reads == NULL ? -ENOBUFS : txn_core_nodes(c, r->seen);
}

int
txn_reg_fill(struct txn_core *c)
{
	struct reg r = { .c = c, .h = c->h };
	const struct txn_hist *h = c->h;

	fl_assert(h->model == TXN_RW_REGISTER);
	if (set_up(&r) != 0)
		return -ENOBUFS;
	c->read_first = txn_core_array(c->mem, (size_t)c->n + 1, sizeof(uint32_t));
	if (c->read_first == NULL)
		return -ENOBUFS;
	for (uint32_t node = 0; node < c->n; node++) {
		uint32_t t = c->txn_of[node];

		c->read_first[node] = c->read_count;
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count; i++) {
			struct local *p = local_of(&r, t, h->mops[i].key);

			if (h->mops[i].f == TXN_R)
				add_read(&r, t, i, p);
			else
				add_write(&r, t, i, p);
		}
	}
	c->read_first[c->n] = c->read_count;
	break_circles(&r);
	return txn_core_finish(c);
}
