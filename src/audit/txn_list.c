/* SPDX-License-Identifier: MIT */
/*
 * txn_list.c - histories of appends to and reads of lists.
 *
 * Invariants
 *  (1) chain[at[k] + i] is the version of key k whose list is the first i + 1 elements of its longest read; where that element is
 *      nobody's, or there for the second time, the version before it.
 */
#include "audit/txn_list.h"

#include "base/assert.h"

#include <errno.h>
#include <string.h>

/* What the longest read of a key shows. */
struct longest {
	uint32_t mop, txn;              /* TXN_NONE: the key was never read */
	uint32_t count;
	uint32_t at;                    /* (1) */
	uint32_t garbage, twice, failed;/* lists longer than this hold such an element; UINT32_MAX: there is none */
	uint32_t failed_version;
};
/* What the transaction at hand did with a key. */
struct local {
	uint32_t txn;                   /* these are of this transaction + 1 */
	uint32_t read;                  /* its last read; TXN_NONE */
	uint32_t append;                /* its last append since; TXN_NONE */
	uint32_t seen;                  /* the longest list it read */
	bool wrote, read_first;
	uint32_t version;               /* that its first read showed */
	uint32_t unread;                /* its last append nobody read; TXN_NONE */
	uint32_t own;                   /* its last append; TXN_NONE */
};
struct list {
	struct txn_core *c;
	const struct txn_hist *h;
	struct longest *longest;
	struct local *local;
	uint32_t *chain;
	uint32_t *before;               /* by micro-operation: the append of the same transaction to the same key before this one */
	uint8_t *odd;                   /* by micro-operation: this read is no prefix of the longest */
	uint8_t *seen;                  /* by transaction */
	uint32_t *updater;              /* by version: a transaction that read it and replaced it, + 1 */
	uint32_t *met;                  /* by version: the last odd read that showed it, + 1 */
};

static int
set_up(struct list *l)
{
	const struct txn_hist *h = l->h;
	struct arena *mem = l->c->mem;
	size_t chain = 0;

	l->longest = txn_core_array(mem, h->key_count, sizeof(l->longest[0]));
	l->local = txn_core_array(mem, h->key_count, sizeof(l->local[0]));
	l->before = txn_core_array(mem, h->mop_count, sizeof(l->before[0]));
	l->odd = txn_core_array(mem, h->mop_count, 1);
	l->seen = txn_core_array(mem, h->count, 1);
	l->updater = txn_core_array(mem, l->c->version_count, sizeof(l->updater[0]));
	l->met = txn_core_array(mem, l->c->version_count, sizeof(l->met[0]));
	if (mem->overflowed)
		return -ENOBUFS;
	for (uint32_t k = 0; k < h->key_count; k++)
		l->longest[k] = (struct longest){ .mop = TXN_NONE, .txn = TXN_NONE, .garbage = UINT32_MAX, .twice = UINT32_MAX,
			.failed = UINT32_MAX, .failed_version = TXN_NONE };
	for (uint32_t t = 0; t < h->count; t++) {
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct txn_mop *m = &h->mops[i];
			struct longest *s = &l->longest[m->key];

			if (m->f != TXN_L || (s->mop != TXN_NONE && m->count <= s->count))
				continue;
			s->mop = i;
			s->txn = t;
			s->count = m->count;
		}
	}
	for (uint32_t k = 0; k < h->key_count; k++) {
		l->longest[k].at = (uint32_t)chain;
		chain += l->longest[k].count;
	}
	l->chain = txn_core_array(mem, chain, sizeof(l->chain[0]));
	return l->chain == NULL ? -ENOBUFS : 0;
}

/* A committed append on top of one that failed. */
static void
find_dirty(struct list *l, uint32_t k, uint32_t first_failed)
{
	struct txn_core *c = l->c;

	for (uint32_t v = c->versions[first_failed].next; v != TXN_NONE; v = c->versions[v].next) {
		const struct txn_version *ver = &c->versions[v];

		if (ver->txn == TXN_NONE || l->h->txns[ver->txn].outcome != TXN_OK)
			continue;
		txn_core_odd(c, TXN_ODD_DIRTY_UPDATE, &(struct txn_oddity){ .txn = ver->txn, .other = c->versions[first_failed].txn,
			.mop = ver->mop, .other_mop = c->versions[first_failed].mop, .key = k, .value = ver->value });
		return;
	}
}

/* The order of appends to a key, from its longest read. */
static void
make_chain(struct list *l, uint32_t k)
{
	struct txn_core *c = l->c;
	struct longest *s = &l->longest[k];
	const int32_t *e = s->count == 0 ? NULL : txn_elems(l->h, &l->h->mops[s->mop]);
	uint32_t before = k;

	for (uint32_t i = 0; i < s->count; i++) {
		uint32_t v = txn_core_find(c, k, e[i]);

		if (v == TXN_NONE || v == k) {
			s->garbage = FL_MIN(s->garbage, i);
		} else if (c->versions[v].pos != 0) {
			if ((c->versions[v].flags & TXN_VER_AMBIGUOUS) == 0)
				s->twice = FL_MIN(s->twice, i);
		} else {
			c->versions[v].pos = i + 1;
			c->versions[before].next = v;
			before = v;
			l->seen[c->versions[v].txn] = 1;
			if (l->h->txns[c->versions[v].txn].outcome == TXN_FAIL && s->failed == UINT32_MAX) {
				s->failed = i;
				s->failed_version = v;
			}
		}
		l->chain[s->at + i] = before;                             /* (1) */
	}
	if (s->failed_version != TXN_NONE)
		find_dirty(l, k, s->failed_version);
}

/* A read that does not fit the longest one: what its elements say. */
static void
look_at_odd_read(struct list *l, uint32_t t, uint32_t mop)
{
	struct txn_core *c = l->c;
	const struct txn_mop *m = &l->h->mops[mop];
	const struct longest *s = &l->longest[m->key];
	struct txn_oddity o = { .txn = t, .other = s->txn, .mop = mop, .other_mop = s->mop, .key = m->key, .value = TXN_NIL };

	l->odd[mop] = 1;
	txn_core_odd(c, TXN_ODD_INCOMPATIBLE, &o);
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t v = txn_core_find(c, m->key, txn_elems(l->h, m)[i]);
		const struct txn_version *ver = v == TXN_NONE ? NULL : &c->versions[v];

		o = (struct txn_oddity){ .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = TXN_NONE, .key = m->key,
			.value = txn_elems(l->h, m)[i] };
		if (ver == NULL || ver->txn == TXN_NONE) {
			txn_core_odd(c, TXN_ODD_GARBAGE, &o);
			return;
		}
		l->seen[ver->txn] = 1;
		if (l->met[v] == mop + 1 && (ver->flags & TXN_VER_AMBIGUOUS) == 0)
			txn_core_odd(c, TXN_ODD_DUPLICATE, &o);
		l->met[v] = mop + 1;
		o.other = ver->txn;
		o.other_mop = ver->mop;
		if (l->h->txns[ver->txn].outcome == TXN_FAIL)
			txn_core_odd(c, TXN_ODD_G1A, &o);
		if (ver->txn == t && ver->mop > mop)
			txn_core_odd(c, TXN_ODD_FUTURE_READ, &o);
	}
}

static bool
is_prefix(const struct list *l, const struct txn_mop *m)
{
	const struct longest *s = &l->longest[m->key];

	return m->count == 0 || memcmp(txn_elems(l->h, m), txn_elems(l->h, &l->h->mops[s->mop]), m->count * sizeof(int32_t)) == 0;
}

static struct local *
local_of(struct list *l, uint32_t t, uint32_t key)
{
	struct local *p = &l->local[key];

	if (p->txn != t + 1)
		*p = (struct local){ .txn = t + 1, .read = TXN_NONE, .append = TXN_NONE, .version = TXN_NONE, .unread = TXN_NONE,
			.own = TXN_NONE };
	return p;
}

/* Does a read end in what the transaction appended since its last read, behind what that read showed? */
static bool
agrees(const struct list *l, const struct local *p, const struct txn_mop *m)
{
	const int32_t *e = m->count == 0 ? NULL : txn_elems(l->h, m);
	uint32_t left = m->count;

	for (uint32_t a = p->append; a != TXN_NONE; a = l->before[a], left--)
		if (left == 0 || e[left - 1] != l->h->mops[a].value)
			return false;
	if (p->read == TXN_NONE)
		return true;
	const struct txn_mop *r = &l->h->mops[p->read];

	return r->count == left && (left == 0 || memcmp(txn_elems(l->h, r), e, left * sizeof(int32_t)) == 0);
}

/* What is wrong with a read that is a prefix of the longest one: what it shows of others. */
static void
look_at_read(struct list *l, uint32_t t, uint32_t mop, uint32_t version)
{
	struct txn_core *c = l->c;
	const struct txn_mop *m = &l->h->mops[mop];
	const struct longest *s = &l->longest[m->key];
	struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = TXN_NONE, .key = m->key };

	if (m->count > s->garbage) {
		o.value = txn_elems(l->h, m)[s->garbage];
		txn_core_odd(c, TXN_ODD_GARBAGE, &o);
	}
	if (m->count > s->twice) {
		o.value = txn_elems(l->h, m)[s->twice];
		txn_core_odd(c, TXN_ODD_DUPLICATE, &o);
	}
	if (m->count > s->failed) {
		o.other = c->versions[s->failed_version].txn;
		o.other_mop = c->versions[s->failed_version].mop;
		o.value = c->versions[s->failed_version].value;
		txn_core_odd(c, TXN_ODD_G1A, &o);
	}
	if ((c->versions[version].flags & TXN_VER_INTERMEDIATE) != 0 && c->versions[version].txn != t) {
		o.other = c->versions[version].txn;
		o.other_mop = c->versions[version].mop;
		o.value = c->versions[version].value;
		txn_core_odd(c, TXN_ODD_G1B, &o);
	}
}

static void
add_read(struct list *l, uint32_t t, uint32_t mop, struct local *p)
{
	struct txn_core *c = l->c;
	const struct txn_mop *m = &l->h->mops[mop];
	struct txn_oddity o = { .txn = t, .other = TXN_NONE, .mop = mop, .other_mop = p->read, .key = m->key, .value = TXN_NIL };

	if (!agrees(l, p, m)) {
		if (p->append != TXN_NONE)
			o.other_mop = p->append;
		txn_core_odd(c, TXN_ODD_INTERNAL, &o);
		txn_core_odd(c, p->append == TXN_NONE ? TXN_ODD_UNREPEATED : TXN_ODD_OWN_WRITE, &o);
	}
	if (l->odd[mop] == 0) {
		uint32_t v = m->count == 0 ? m->key : l->chain[l->longest[m->key].at + m->count - 1];

		look_at_read(l, t, mop, v);
		p->seen = FL_MAX(p->seen, m->count);
		if (!p->wrote && !p->read_first)
			p->version = v;
		/* what it appended itself stands on what it saw of others */
		for (uint32_t i = m->count; i > 0 && c->versions[v].txn == t; i--)
			v = i == 1 ? m->key : l->chain[l->longest[m->key].at + i - 2];
		if (c->versions[v].txn != t)
			c->reads[c->read_count++] = (struct txn_read){ v, mop };
	}
	p->read_first = true;
	p->read = mop;
	p->append = TXN_NONE;
}

static void
add_append(struct list *l, uint32_t t, uint32_t mop, struct local *p)
{
	struct txn_core *c = l->c;
	const struct txn_mop *m = &l->h->mops[mop];
	uint32_t v = txn_core_find(c, m->key, m->value);
	struct txn_version *ver = &c->versions[v];

	l->before[mop] = p->append;
	p->append = mop;
	if (ver->pos != 0 && ver->pos <= p->seen && ver->txn == t)
		txn_core_odd(c, TXN_ODD_FUTURE_READ, &(struct txn_oddity){ .txn = t, .other = TXN_NONE, .mop = p->read, .other_mop = mop,
			.key = m->key, .value = m->value });
	if (!p->wrote && p->version != TXN_NONE && l->h->txns[t].outcome == TXN_OK) {
		uint32_t first = l->updater[p->version];

		l->updater[p->version] = t + 1;
		if (first != 0)
			txn_core_odd(c, TXN_ODD_LOST_UPDATE, &(struct txn_oddity){ .txn = t, .other = first - 1, .mop = mop,
				.other_mop = TXN_NONE, .key = m->key, .value = c->versions[p->version].value });
	}
	p->wrote = true;
	if (ver->txn != t || ver->mop != mop || (ver->flags & TXN_VER_AMBIGUOUS) != 0)
		return;
	if (p->own != TXN_NONE && ver->pos != 0 && (c->versions[p->own].pos == 0 || c->versions[p->own].pos > ver->pos))
		txn_core_odd(c, TXN_ODD_INCOMPATIBLE, &(struct txn_oddity){ .txn = l->longest[m->key].txn, .other = t,
			.mop = l->longest[m->key].mop, .other_mop = c->versions[p->own].mop, .key = m->key, .value = m->value });
	p->own = v;
	if (ver->pos == 0) {
		if (p->unread != TXN_NONE)
			c->versions[p->unread].next = v;
		p->unread = v;
	}
}

/* Node by node: its reads, and what is wrong within it. */
static int
walk_nodes(struct list *l)
{
	struct txn_core *c = l->c;
	const struct txn_hist *h = l->h;
	uint32_t reads = 0;

	for (uint32_t i = 0; i < h->mop_count; i++)
		reads += h->mops[i].f == TXN_L;
	c->reads = txn_core_array(c->mem, reads, sizeof(c->reads[0]));
	c->read_first = txn_core_array(c->mem, (size_t)c->n + 1, sizeof(uint32_t));
	if (c->reads == NULL || c->read_first == NULL)
		return -ENOBUFS;
	for (uint32_t node = 0; node < c->n; node++) {
		uint32_t t = c->txn_of[node];

		c->read_first[node] = c->read_count;
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count; i++) {
			struct local *p = local_of(l, t, h->mops[i].key);

			if (h->mops[i].f == TXN_L)
				add_read(l, t, i, p);
			else
				add_append(l, t, i, p);
		}
	}
	c->read_first[c->n] = c->read_count;
	return 0;
}

int
txn_list_fill(struct txn_core *c)
{
	struct list l = { .c = c, .h = c->h };
	const struct txn_hist *h = c->h;

	fl_assert(h->model == TXN_LIST_APPEND);
	if (set_up(&l) != 0)
		return -ENOBUFS;
	for (uint32_t k = 0; k < h->key_count; k++)
		make_chain(&l, k);
	for (uint32_t t = 0; t < h->count; t++)
		for (uint32_t i = h->txns[t].first; i < h->txns[t].first + h->txns[t].count && h->txns[t].outcome == TXN_OK; i++)
			if (h->mops[i].f == TXN_L && !is_prefix(&l, &h->mops[i]))
				look_at_odd_read(&l, t, i);
	if (txn_core_nodes(c, l.seen) != 0 || walk_nodes(&l) != 0)
		return -ENOBUFS;
	return txn_core_finish(c);
}
