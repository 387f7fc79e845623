/* SPDX-License-Identifier: MIT */
/*
 * txn_oracle.h - what levels a small history of transactions has, by brute force.
 *
 * Written from the definitions, sharing no code with the audit: serializability by trying all serial orders, snapshot isolation by
 * trying all orders of starts and commits, the others by trying all orders of commits or of versions.
 */
#ifndef TEST_TXN_ORACLE_H
#define TEST_TXN_ORACLE_H

#include "audit/txn_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_MAX 8
#define MOPS_MAX 4
#define KEYS_MAX 3
#define LIST_MAX 24

/* A micro-operation of a small history: what it wrote, or what it saw. */
struct small_mop {
	bool write;
	int key, value;                         /* of a write; of a read of a register, 0: nil */
	int list[LIST_MAX], count;              /* of a read of a list or a set */
};
struct small_txn {
	struct small_mop mops[MOPS_MAX];
	int count, process, invoke, complete;
	enum txn_outcome outcome;
};
struct small {
	enum txn_model model;
	struct small_txn txns[N_MAX];
	int n, keys, processes;
};

/* The state of all keys: of a register the last item counts. */
struct state {
	int list[KEYS_MAX][LIST_MAX], count[KEYS_MAX];
};

static inline void
state_write(struct state *s, int key, int value)
{
	assert_true(s->count[key] < LIST_MAX);
	s->list[key][s->count[key]++] = value;
}

static inline bool
has(const int *list, int count, int value)
{
	for (int i = 0; i < count; i++)
		if (list[i] == value)
			return true;
	return false;
}

/* Would a read of this state show what m saw? */
static inline bool
state_shows(enum txn_model model, const struct state *s, const struct small_mop *m)
{
	int count = s->count[m->key];
	const int *list = s->list[m->key];

	if (model == TXN_RW_REGISTER)
		return m->value == (count == 0 ? 0 : list[count - 1]);
	if (m->count != count)
		return false;
	for (int i = 0; i < count; i++)
		if (model == TXN_SET_ADD ? !has(m->list, m->count, list[i]) : m->list[i] != list[i])
			return false;
	return true;
}

/* Run t on a state. false: it would have seen something else. */
static inline bool
run(const struct small *h, int t, struct state *s)
{
	for (int i = 0; i < h->txns[t].count; i++) {
		const struct small_mop *m = &h->txns[t].mops[i];

		if (m->write)
			state_write(s, m->key, m->value);
		else if (h->txns[t].outcome == TXN_OK && !state_shows(h->model, s, m))
			return false;
	}
	return true;
}

enum { PLAIN, SESSION, REAL };

/* Must a come before b? */
static inline bool
precedes(const struct small *h, int a, int b, int order)
{
	const struct small_txn *x = &h->txns[a], *y = &h->txns[b];

	if (a == b || x->outcome != TXN_OK)
		return false;
	if (order >= SESSION && x->process == y->process && x->invoke < y->invoke)
		return true;
	return order == REAL && x->complete < y->invoke;
}

static inline bool
serial_from(const struct small *h, unsigned done, const struct state *s, int order)
{
	bool all = true;

	for (int t = 0; t < h->n; t++)
		all &= h->txns[t].outcome != TXN_OK || (done >> t & 1) != 0;
	if (all)
		return true;
	for (int t = 0; t < h->n; t++) {
		struct state next = *s;
		bool ready = (done >> t & 1) == 0 && h->txns[t].outcome != TXN_FAIL;

		for (int p = 0; p < h->n && ready; p++)
			ready = !precedes(h, p, t, order) || (done >> p & 1) != 0;
		if (ready && run(h, t, &next) && serial_from(h, done | 1u << t, &next, order))
			return true;
	}
	return false;
}

static inline bool
oracle_serial(const struct small *h, int order)
{
	struct state s;

	memset(&s, 0, sizeof(s));
	return serial_from(h, 0, &s, order);
}

/* Snapshot isolation: starts and commits one after the other. stamp: how often a key was committed, at the start of each. */
struct snap {
	unsigned started, committed;
	struct state now;
	int version[KEYS_MAX];
	int seen[N_MAX][KEYS_MAX];
};

static inline bool
commit(const struct small *h, int t, struct snap *s)
{
	bool wrote[KEYS_MAX] = { false };

	for (int i = 0; i < h->txns[t].count; i++) {
		const struct small_mop *m = &h->txns[t].mops[i];

		if (!m->write)
			continue;
		if (h->model != TXN_SET_ADD && s->version[m->key] != s->seen[t][m->key])
			return false;
		wrote[m->key] = true;
		state_write(&s->now, m->key, m->value);
	}
	for (int k = 0; k < KEYS_MAX; k++)
		s->version[k] += wrote[k];
	s->committed |= 1u << t;
	return true;
}

static inline bool
snapshot_from(const struct small *h, const struct snap *s, int order)
{
	bool all = true;

	for (int t = 0; t < h->n; t++)
		all &= h->txns[t].outcome != TXN_OK || (s->committed >> t & 1) != 0;
	if (all)
		return true;
	for (int t = 0; t < h->n; t++) {
		struct snap next = *s;
		bool ready = (s->committed >> t & 1) == 0 && h->txns[t].outcome != TXN_FAIL;

		if ((s->started >> t & 1) != 0) {
			if (ready && commit(h, t, &next) && snapshot_from(h, &next, order))
				return true;
			continue;
		}
		for (int p = 0; p < h->n && ready; p++)
			ready = !precedes(h, p, t, order) || (s->committed >> p & 1) != 0;
		struct state copy = s->now;

		if (!ready || !run(h, t, &copy))
			continue;
		next.started |= 1u << t;
		memcpy(next.seen[t], s->version, sizeof(s->version));
		if (snapshot_from(h, &next, order))
			return true;
	}
	return false;
}

static inline bool
oracle_snapshot(const struct small *h, int order)
{
	struct snap s;

	memset(&s, 0, sizeof(s));
	return snapshot_from(h, &s, order);
}

/*
 * Orders of commits. A read is resolved against one: which transaction's state of the key it saw. Those that count committed, or
 * are of unknown outcome and were seen.
 */
struct commits {
	const struct small *h;
	int order[N_MAX], n;            /* transactions in order of commit */
	int place[N_MAX];               /* -1: does not count */
};
#define NOBODY (-1)
#define NOT_SO (-2)

static inline bool
writes_key(const struct small *h, int t, int key)
{
	for (int i = 0; i < h->txns[t].count; i++)
		if (h->txns[t].mops[i].write && h->txns[t].mops[i].key == key)
			return true;
	return false;
}

/* Of a list: the one in which the appends of all stand in the order of their commits begins with what was read, its own included. */
static inline int
resolve_list(const struct commits *c, int t, int i)
{
	const struct small *h = c->h;
	const struct small_mop *m = &h->txns[t].mops[i];
	struct state s;
	int before = NOBODY, own = 0;

	for (int j = 0; j < i; j++)
		own += h->txns[t].mops[j].write && h->txns[t].mops[j].key == m->key;
	memset(&s, 0, sizeof(s));
	if (own == 0 && state_shows(h->model, &s, m))
		return NOBODY;
	for (int p = 0; p < c->n; p++) {
		int w = c->order[p], mine = 0;

		for (int j = 0; j < h->txns[w].count; j++) {
			if (!h->txns[w].mops[j].write || h->txns[w].mops[j].key != m->key)
				continue;
			state_write(&s, m->key, h->txns[w].mops[j].value);
			mine++;
			if (w == t && own > 0 && mine == own && state_shows(h->model, &s, m))
				return before;
		}
		if (mine > 0 && w != t)
			before = w;
		if (mine > 0 && w != t && own == 0 && state_shows(h->model, &s, m))
			return w;
	}
	return NOT_SO;
}

/*
 * Whose state of its key did read i of t show? NOBODY: the initial one; t: its own; NOT_SO: no state in this order, or one that
 * contradicts what t wrote itself.
 */
static inline int
resolve(const struct commits *c, int t, int i)
{
	const struct small *h = c->h;
	const struct small_mop *m = &h->txns[t].mops[i];
	struct state s;
	int found = NOT_SO, own = 0, own_list[MOPS_MAX];

	if (h->model == TXN_LIST_APPEND)
		return resolve_list(c, t, i);
	for (int j = 0; j < i; j++)
		if (h->txns[t].mops[j].write && h->txns[t].mops[j].key == m->key)
			own_list[own++] = h->txns[t].mops[j].value;
	if (h->model == TXN_RW_REGISTER && own > 0)
		return m->value == own_list[own - 1] ? t : NOT_SO;
	memset(&s, 0, sizeof(s));
	for (int p = -1; p < c->n; p++) {
		int w = p < 0 ? NOBODY : c->order[p];

		if (w == t)
			continue;       /* what it appended is judged as its own */
		if (w != NOBODY && !writes_key(h, w, m->key))
			continue;
		for (int j = 0; w != NOBODY && j < h->txns[w].count; j++)
			if (h->txns[w].mops[j].write && h->txns[w].mops[j].key == m->key)
				state_write(&s, m->key, h->txns[w].mops[j].value);
		struct state with = s;

		for (int j = 0; j < own; j++)
			state_write(&with, m->key, own_list[j]);
		if (found == NOT_SO && state_shows(h->model, &with, m))
			found = w;
	}
	return found;
}

enum { AX_RC, AX_RA, AX_CC };

/* (sessions and reads)+ */
static inline void
happens_before(const struct commits *c, bool sessions, bool hb[N_MAX][N_MAX])
{
	const struct small *h = c->h;

	memset(hb, 0, N_MAX * N_MAX * sizeof(bool));
	for (int a = 0; a < h->n; a++)
		for (int b = 0; b < h->n; b++)
			hb[a][b] = sessions && c->place[a] >= 0 && c->place[b] >= 0 && precedes(h, a, b, SESSION);
	for (int a = 0; a < h->n; a++) {
		for (int i = 0; i < h->txns[a].count && c->place[a] >= 0 && h->txns[a].outcome == TXN_OK; i++) {
			int w = h->txns[a].mops[i].write ? NOBODY : resolve(c, a, i);

			if (w >= 0 && w != a)
				hb[w][a] = true;
		}
	}
	for (int k = 0; k < h->n; k++)
		for (int a = 0; a < h->n; a++)
			for (int b = 0; b < h->n; b++)
				hb[a][b] = hb[a][b] || (hb[a][k] && hb[k][b]);
}

/* Was v visible to read i of t at this level? */
static inline bool
visible(const struct commits *c, int v, int t, int i, int axiom, bool sessions, bool hb[N_MAX][N_MAX])
{
	const struct small_txn *x = &c->h->txns[t];

	if (axiom == AX_CC)
		return hb[v][t];
	if (axiom == AX_RA && sessions && precedes(c->h, v, t, SESSION))
		return true;
	for (int j = 0; j < (axiom == AX_RC ? i : x->count); j++)
		if (!x->mops[j].write && resolve(c, t, j) == v)
			return true;
	return false;
}

/* Does this order of commits obey a level's axiom? (Biswas and Enea, OOPSLA 2019.) */
static inline bool
obeys(const struct commits *c, int axiom, bool sessions)
{
	const struct small *h = c->h;
	bool hb[N_MAX][N_MAX];

	happens_before(c, sessions || axiom == AX_CC, hb);
	for (int t = 0; t < h->n; t++) {
		int seen[KEYS_MAX];

		for (int k = 0; k < KEYS_MAX; k++)
			seen[k] = NOT_SO;
		for (int p = 0; p < h->n; p++)
			if (c->place[t] >= 0 && c->place[p] >= 0 && hb[p][t] && c->place[p] > c->place[t])
				return false;
		for (int i = 0; i < h->txns[t].count && c->place[t] >= 0 && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];
			int w = m->write ? t : resolve(c, t, i);

			if (w == NOT_SO)
				return false;
			if (w == t)
				continue;
			if (axiom != AX_RC && seen[m->key] != NOT_SO && seen[m->key] != w)
				return false;   /* two reads of a key differ */
			seen[m->key] = w;
			for (int v = 0; v < h->n; v++)
				if (v != w && v != t && c->place[v] >= 0 && writes_key(h, v, m->key) &&
				    visible(c, v, t, i, axiom, sessions, hb) && (w == NOBODY || c->place[v] > c->place[w]))
					return false;
		}
	}
	return true;
}

/* Adya's parallel snapshot isolation in terms of an order of versions: no cycle of ww and wr with at most one rw. */
static inline bool
obeys_psi(const struct commits *c)
{
	const struct small *h = c->h;
	bool dep[N_MAX][N_MAX] = { { false } }, anti[N_MAX][N_MAX] = { { false } };

	for (int t = 0; t < h->n; t++) {
		int seen[KEYS_MAX];

		for (int k = 0; k < KEYS_MAX; k++)
			seen[k] = NOT_SO;
		for (int v = 0; v < h->n; v++)
			for (int k = 0; k < h->keys; k++)
				if (t != v && c->place[t] >= 0 && c->place[v] > c->place[t] && writes_key(h, t, k) && writes_key(h, v, k))
					dep[t][v] = true;
		for (int i = 0; i < h->txns[t].count && c->place[t] >= 0 && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];
			int w = m->write ? t : resolve(c, t, i);

			if (w == NOT_SO || (w != t && seen[m->key] != NOT_SO && seen[m->key] != w))
				return false;
			if (w == t)
				continue;
			seen[m->key] = w;
			if (w != NOBODY)
				dep[w][t] = true;
			for (int v = 0; v < h->n; v++)
				if (v != t && c->place[v] >= 0 && writes_key(h, v, m->key) && (w == NOBODY || c->place[v] > c->place[w]))
					anti[t][v] = true;
		}
	}
	for (int k = 0; k < h->n; k++)
		for (int a = 0; a < h->n; a++)
			for (int b = 0; b < h->n; b++)
				dep[a][b] = dep[a][b] || (dep[a][k] && dep[k][b]);
	for (int a = 0; a < h->n; a++)
		for (int b = 0; b < h->n; b++)
			if (dep[a][a] || (anti[a][b] && dep[b][a]))
				return false;
	return true;
}

typedef bool commits_fn(const struct commits *c, int axiom, bool sessions);

static inline bool
psi_fn(const struct commits *c, int axiom, bool sessions)
{
	(void)axiom;
	(void)sessions;
	return obeys_psi(c);
}

static inline bool
some_order(struct commits *c, unsigned left, commits_fn *fn, int axiom, bool sessions)
{
	if (left == 0)
		return fn(c, axiom, sessions);
	for (int t = 0; t < c->h->n; t++) {
		if ((left >> t & 1) == 0)
			continue;
		c->place[t] = c->n;
		c->order[c->n++] = t;
		if (some_order(c, left & ~(1u << t), fn, axiom, sessions))
			return true;
		c->n--;
		c->place[t] = -1;
	}
	return false;
}

/* Did a committed transaction see a write of t? */
static inline bool
was_seen(const struct small *h, int t)
{
	for (int r = 0; r < h->n; r++) {
		for (int i = 0; i < h->txns[r].count && h->txns[r].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[r].mops[i];

			for (int j = 0; j < h->txns[t].count && !m->write; j++) {
				const struct small_mop *w = &h->txns[t].mops[j];

				if (w->write && w->key == m->key &&
				    (h->model == TXN_RW_REGISTER ? m->value == w->value : has(m->list, m->count, w->value)))
					return true;
			}
		}
	}
	return false;
}

static inline bool
oracle_commits(const struct small *h, commits_fn *fn, int axiom, bool sessions)
{
	struct commits c = { .h = h };
	unsigned left = 0;

	for (int t = 0; t < h->n; t++) {
		c.place[t] = -1;
		if (h->txns[t].outcome == TXN_OK || (h->txns[t].outcome == TXN_INFO && was_seen(h, t)))
			left |= 1u << t;
	}
	return some_order(&c, left, fn, axiom, sessions);
}

/*
 * The weakest levels of lists, Adya's as Elle reads him: which writes precede which is what the longest read of a key shows; what it
 * does not show came later.
 */
static inline const struct small_mop *
longest_read(const struct small *h, int key)
{
	const struct small_mop *found = NULL;

	for (int t = 0; t < h->n; t++)
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];

			if (!m->write && m->key == key && (found == NULL || m->count > found->count))
				found = m;
		}
	return found;
}

/* Who wrote this? -1: nobody. */
static inline int
writer_of(const struct small *h, int key, int value)
{
	for (int t = 0; t < h->n; t++)
		for (int i = 0; i < h->txns[t].count; i++)
			if (h->txns[t].mops[i].write && h->txns[t].mops[i].key == key && h->txns[t].mops[i].value == value)
				return t;
	return -1;
}

static inline bool
counts(const struct small *h, int t)
{
	return h->txns[t].outcome == TXN_OK || (h->txns[t].outcome == TXN_INFO && was_seen(h, t));
}

/* Does a read of a list or a set show what nobody wrote, or something twice? */
static inline bool
oracle_odd_values(const struct small *h)
{
	for (int t = 0; t < h->n; t++)
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];

			for (int j = 0; j < m->count && !m->write; j++)
				if (writer_of(h, m->key, m->list[j]) < 0 || has(m->list, j, m->list[j]))
					return true;
		}
	return false;
}

/* Two reads of a list that no order of appends explains, with what their readers had appended before left as it is. */
static inline bool
oracle_incompatible(const struct small *h)
{
	for (int t = 0; t < h->n; t++)
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];
			const struct small_mop *l = m->write ? NULL : longest_read(h, m->key);

			for (int j = 0; !m->write && j < m->count; j++)
				if (m->list[j] != l->list[j])
					return true;
		}
	return false;
}

/* Appends of one transaction stand in the longest read in another order than it did them, or one that it lacks before one it has. */
static inline bool
oracle_own_order_wrong(const struct small *h)
{
	for (int t = 0; t < h->n; t++) {
		for (int i = 0; i < h->txns[t].count && counts(h, t); i++) {
			const struct small_mop *a = &h->txns[t].mops[i];
			const struct small_mop *l = a->write ? longest_read(h, a->key) : NULL;

			for (int j = i + 1; l != NULL && j < h->txns[t].count; j++) {
				const struct small_mop *b = &h->txns[t].mops[j];
				int at_a = -1, at_b = -1;

				for (int x = 0; x < l->count; x++) {
					at_a = l->list[x] == a->value ? x : at_a;
					at_b = b->write && b->key == a->key && l->list[x] == b->value ? x : at_b;
				}
				if (at_b >= 0 && (at_a < 0 || at_a > at_b))
					return true;
			}
		}
	}
	return false;
}

/* ww of lists. */
static inline void
list_order(const struct small *h, bool before[N_MAX][N_MAX])
{
	for (int k = 0; k < h->keys; k++) {
		const struct small_mop *l = longest_read(h, k);
		int last = -1;

		for (int i = 0; l != NULL && i < l->count; i++) {
			int w = writer_of(h, k, l->list[i]);

			if (w < 0 || !counts(h, w))
				continue;
			if (last >= 0 && last != w)
				before[last][w] = true;
			last = w;
		}
		for (int w = 0; w < h->n && last >= 0; w++)
			for (int i = 0; i < h->txns[w].count && counts(h, w) && w != last; i++) {
				const struct small_mop *m = &h->txns[w].mops[i];

				if (m->write && m->key == k && !has(l->list, l->count, m->value))
					before[last][w] = true;
			}
	}
}

/* Can all that counts be put in one order? */
static inline bool
has_order(const struct small *h, bool before[N_MAX][N_MAX], unsigned done)
{
	bool all = true, found = false;

	for (int t = 0; t < h->n && !found; t++) {
		bool ready = (done >> t & 1) == 0;

		all &= !ready;
		for (int p = 0; p < h->n && ready; p++)
			ready = !before[p][t] || (done >> p & 1) != 0;
		if (ready)              /* what may come first may as well come now */
			return has_order(h, before, done | 1u << t);
	}
	return all;
}

static inline bool
oracle_list_ru(const struct small *h)
{
	bool before[N_MAX][N_MAX] = { { false } };

	if (oracle_odd_values(h))
		return false;
	if (h->model == TXN_LIST_APPEND)
		list_order(h, before);
	return has_order(h, before, 0);
}

/* A read of what failed, of what its writer replaced (at its end), or of what the reader wrote only later. */
static inline bool
reads_uncommitted(const struct small *h, int t, int i)
{
	const struct small_mop *m = &h->txns[t].mops[i];

	for (int j = 0; j < m->count; j++) {
		int w = writer_of(h, m->key, m->list[j]);

		if (h->txns[w].outcome == TXN_FAIL)
			return true;
		for (int x = i + 1; x < h->txns[t].count && w == t; x++)
			if (h->txns[t].mops[x].write && h->txns[t].mops[x].key == m->key && h->txns[t].mops[x].value == m->list[j])
				return true;
	}
	if (h->model == TXN_SET_ADD || m->count == 0)
		return false;
	int w = writer_of(h, m->key, m->list[m->count - 1]), last = 0;

	for (int x = 0; x < h->txns[w].count; x++)
		if (h->txns[w].mops[x].write && h->txns[w].mops[x].key == m->key)
			last = h->txns[w].mops[x].value;
	return w != t && last != m->list[m->count - 1];
}

/* Read committed of lists and sets. */
static inline bool
oracle_list_rc(const struct small *h)
{
	bool before[N_MAX][N_MAX] = { { false } };

	if (oracle_odd_values(h))
		return false;
	if (h->model == TXN_LIST_APPEND && (oracle_incompatible(h) || oracle_own_order_wrong(h)))
		return false;
	if (h->model == TXN_LIST_APPEND)
		list_order(h, before);
	for (int t = 0; t < h->n; t++) {
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];
			int left = m->count;

			if (m->write)
				continue;
			if (reads_uncommitted(h, t, i))
				return false;
			if (h->model == TXN_LIST_APPEND)        /* the state it saw is that of the last one before its own appends */
				while (left > 0 && writer_of(h, m->key, m->list[left - 1]) == t)
					left--;
			for (int j = h->model == TXN_LIST_APPEND && left > 0 ? left - 1 : 0; j < left; j++)
				if (writer_of(h, m->key, m->list[j]) != t)
					before[writer_of(h, m->key, m->list[j])][t] = true;
		}
	}
	return has_order(h, before, 0);
}

/*
 * Sets: each element is an object of its own. Read atomic: who shows one thing that a transaction added shows all it added to what was
 * read; causal: all that happened before; parallel snapshot isolation: all that it read from, directly or not.
 */
static inline bool
oracle_set(const struct small *h, int axiom, bool sessions)
{
	bool hb[N_MAX][N_MAX] = { { false } }, direct[N_MAX][N_MAX] = { { false } };

	if (!oracle_list_rc(h))
		return false;
	for (int t = 0; t < h->n; t++)
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];

			for (int j = 0; j < m->count && !m->write; j++)
				direct[writer_of(h, m->key, m->list[j])][t] = true;
		}
	for (int a = 0; a < h->n; a++)
		for (int b = 0; b < h->n; b++)
			hb[a][b] = a != b && (direct[a][b] || (sessions && precedes(h, a, b, SESSION) && counts(h, b)));
	for (int k = 0; k < h->n; k++)
		for (int a = 0; a < h->n; a++)
			for (int b = 0; b < h->n; b++)
				hb[a][b] = hb[a][b] || (hb[a][k] && hb[k][b]);
	for (int t = 0; t < h->n; t++) {
		if (hb[t][t])
			return false;
		for (int i = 0; i < h->txns[t].count && h->txns[t].outcome == TXN_OK; i++) {
			const struct small_mop *m = &h->txns[t].mops[i];

			for (int w = 0; w < h->n && !m->write; w++)
				for (int j = 0; j < h->txns[w].count; j++) {
					const struct small_mop *x = &h->txns[w].mops[j];

					if (!x->write || x->key != m->key || has(m->list, m->count, x->value))
						continue;
					if (w == t ? j < i : (axiom == AX_RA ? direct[w][t] : hb[w][t]))
						return false;
				}
			for (int j = 0; j < i && !m->write; j++) {      /* two reads of a key differ in what others added */
				const struct small_mop *x = &h->txns[t].mops[j];

				for (int e = 0; e < m->count && !x->write && x->key == m->key; e++)
					if (writer_of(h, m->key, m->list[e]) != t && !has(x->list, x->count, m->list[e]))
						return false;
				for (int e = 0; e < x->count && !x->write && x->key == m->key; e++)
					if (!has(m->list, m->count, x->list[e]))
						return false;
			}
		}
	}
	return true;
}

#endif
