/* SPDX-License-Identifier: MIT */
/*
 * test_txn_oracle.c - the audit of transactions against brute force on many small histories.
 *
 * The oracle is written from the definitions and shares no code with the audit: serializability by trying all serial orders,
 * snapshot isolation by trying all orders of starts and commits, the others by trying all orders of commits or of versions.
 * Histories come from a small simulated database, right or careless, and are damaged or not. FAULTLINE_ROUNDS sets how many.
 */
#include "audit/txn_check.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_MAX 8
#define N_SMALL 5
#define MOPS_MAX 4
#define KEYS_MAX 3
#define LIST_MAX 24
#define ROUNDS 4000

struct draw {
	uint64_t key, n;
};

static uint32_t
draw(struct draw *d, uint32_t below)
{
	return (uint32_t)rng_below(rng_draw(d->key, d->n++, 0), below);
}

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

static void
state_write(struct state *s, int key, int value)
{
	assert_true(s->count[key] < LIST_MAX);
	s->list[key][s->count[key]++] = value;
}

static bool
has(const int *list, int count, int value)
{
	for (int i = 0; i < count; i++)
		if (list[i] == value)
			return true;
	return false;
}

/* Would a read of this state show what m saw? */
static bool
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
static bool
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
static bool
precedes(const struct small *h, int a, int b, int order)
{
	const struct small_txn *x = &h->txns[a], *y = &h->txns[b];

	if (a == b || x->outcome != TXN_OK)
		return false;
	if (order >= SESSION && x->process == y->process && x->invoke < y->invoke)
		return true;
	return order == REAL && x->complete < y->invoke;
}

static bool
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

static bool
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

static bool
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

static bool
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

static bool
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

static bool
writes_key(const struct small *h, int t, int key)
{
	for (int i = 0; i < h->txns[t].count; i++)
		if (h->txns[t].mops[i].write && h->txns[t].mops[i].key == key)
			return true;
	return false;
}

/* Of a list: the one in which the appends of all stand in the order of their commits begins with what was read, its own included. */
static int
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
static int
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
static void
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
static bool
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
static bool
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
static bool
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

static bool
psi_fn(const struct commits *c, int axiom, bool sessions)
{
	(void)axiom;
	(void)sessions;
	return obeys_psi(c);
}

static bool
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
static bool
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

static bool
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

/* A small history as the audit takes it. */
static void
fill(struct txn_hist *out, const struct small *h)
{
	txn_hist_init(out, h->model, (size_t)1 << 24);
	for (int t = 0; t < h->n; t++) {
		const struct small_txn *x = &h->txns[t];
		struct txn_head head = { .process = x->process, .invoke_pos = (uint32_t)x->invoke, .complete_pos = x->outcome == TXN_INFO ?
			TXN_POS_NEVER : (uint32_t)x->complete, .line = (uint32_t)t + 1, .outcome = x->outcome };

		assert_int_equal(txn_hist_add(out, &head), 0);
		for (int i = 0; i < x->count; i++) {
			const struct small_mop *m = &x->mops[i];
			uint32_t key;

			assert_int_equal(txn_hist_key(out, m->key, &key), 0);
			if (m->write) {
				assert_int_equal(txn_hist_mop(out, h->model == TXN_LIST_APPEND ? TXN_APPEND : h->model == TXN_SET_ADD ? TXN_ADD :
				    TXN_W, key, m->value), 0);
				continue;
			}
			if (x->outcome != TXN_OK)
				continue;
			if (h->model == TXN_RW_REGISTER) {
				assert_int_equal(txn_hist_mop(out, TXN_R, key, m->value == 0 ? TXN_NIL : m->value), 0);
				continue;
			}
			assert_int_equal(txn_hist_mop(out, TXN_L, key, 0), 0);
			int32_t *e = m->count == 0 ? NULL : txn_hist_elems(out, (uint32_t)m->count);

			for (int j = 0; j < m->count; j++)
				e[j] = m->list[j];
		}
	}
}

/*
 * The simulated database: transactions of a few processes interleave. What a read shows depends on how careful it is: the latest
 * state (serial when transactions do not overlap), a snapshot at the start, whatever is there, aborted and half-done writes too.
 */
enum { CARE_SERIAL, CARE_SNAPSHOT, CARE_COMMITTED, CARE_NONE, CARES };

static void
see_state(const struct small *h, const struct state *s, struct small_mop *m)
{
	m->count = 0;
	m->value = 0;
	if (h->model == TXN_RW_REGISTER) {
		if (s->count[m->key] > 0)
			m->value = s->list[m->key][s->count[m->key] - 1];
		return;
	}
	memcpy(m->list, s->list[m->key], sizeof(m->list));
	m->count = s->count[m->key];
}

static void
plan(struct small *h, struct draw *d, int n_max)
{
	int value = 1;

	memset(h, 0, sizeof(*h));
	h->model = (enum txn_model)draw(d, 3);
	h->n = 2 + (int)draw(d, (uint32_t)n_max - 1);
	h->keys = 1 + (int)draw(d, KEYS_MAX);
	h->processes = 1 + (int)draw(d, 4);
	uint32_t rmw = draw(d, 3);

	for (int t = 0; t < h->n; t++) {
		struct small_txn *x = &h->txns[t];

		x->process = (int)draw(d, (uint32_t)h->processes);
		x->count = 1 + (int)draw(d, MOPS_MAX);
		x->outcome = draw(d, 8) > 0 ? TXN_OK : draw(d, 2) > 0 ? TXN_INFO : TXN_FAIL;
		for (int i = 0; i < x->count; i++) {
			x->mops[i].write = draw(d, 2) > 0;
			x->mops[i].key = (int)draw(d, (uint32_t)h->keys);
			if (rmw == 0 && i > 0 && !x->mops[i - 1].write) {
				x->mops[i].write = true;
				x->mops[i].key = x->mops[i - 1].key;
			}
			if (x->mops[i].write)
				x->mops[i].value = value++;
		}
	}
}

/* Run the plan: at each step a transaction begins, does its next micro-operation, or ends. */
static void
simulate(struct small *h, struct draw *d, int care)
{
	struct state now, snapshot[N_MAX], own[N_MAX];
	int at[N_MAX], running = 0, left = h->n, pos = 1;
	bool lost[N_MAX];

	memset(&now, 0, sizeof(now));
	memset(own, 0, sizeof(own));
	for (int t = 0; t < h->n; t++)
		at[t] = -1;
	for (int t = 0; t < h->n; t++)
		lost[t] = draw(d, 2) > 0;       /* one of unknown outcome that did nothing */
	while (left > 0) {
		int t = (int)draw(d, (uint32_t)h->n);
		struct small_txn *x = &h->txns[t];

		if (at[t] > x->count)
			continue;
		if (at[t] < 0) {
			bool busy = care == CARE_SERIAL && running > 0;

			for (int o = 0; o < h->n; o++)
				busy |= at[o] >= 0 && at[o] <= h->txns[o].count && h->txns[o].process == x->process;
			for (int o = 0; o < h->n; o++)
				busy |= at[o] > h->txns[o].count && h->txns[o].outcome == TXN_INFO && h->txns[o].process == x->process;
			if (busy && left > 1 && draw(d, 50) > 0)
				continue;
			if (busy)
				x->process = h->processes++;
			x->invoke = pos++;
			snapshot[t] = now;
			at[t] = 0;
			running++;
			continue;
		}
		if (at[t] < x->count) {
			struct small_mop *m = &x->mops[at[t]++];
			struct state seen = care == CARE_SNAPSHOT ? snapshot[t] : now;

			if (m->write) {
				state_write(&own[t], m->key, m->value);
				if (care == CARE_NONE)
					state_write(&now, m->key, m->value);
				continue;
			}
			for (int j = 0; j < own[t].count[m->key] && care != CARE_NONE; j++)
				state_write(&seen, m->key, own[t].list[m->key][j]);
			see_state(h, &seen, m);
			continue;
		}
		for (int k = 0; k < h->keys && care != CARE_NONE; k++)
			for (int j = 0; j < own[t].count[k] && x->outcome != TXN_FAIL && !(x->outcome == TXN_INFO && lost[t]); j++)
				state_write(&now, k, own[t].list[k][j]);
		x->complete = pos++;
		at[t]++;
		running--;
		left--;
	}
}

/* Damage a read. */
static void
mutate(struct small *h, struct draw *d)
{
	struct small_txn *x = &h->txns[draw(d, (uint32_t)h->n)];
	struct small_mop *m = &x->mops[draw(d, (uint32_t)x->count)];

	if (m->write)
		return;
	if (h->model == TXN_RW_REGISTER) {
		m->value = (int)draw(d, 9);
	} else if (m->count > 0 && draw(d, 3) > 0) {
		m->count--;
	} else if (m->count > 1 && draw(d, 2) > 0) {
		int i = (int)draw(d, (uint32_t)m->count), j = (int)draw(d, (uint32_t)m->count), v = m->list[i];

		m->list[i] = m->list[j];
		m->list[j] = v;
	} else if (m->count < LIST_MAX) {
		m->list[m->count++] = 1 + (int)draw(d, 8);
	}
}

static void
sort_by_invocation(struct small *h)
{
	for (int i = 0; i < h->n; i++)
		for (int j = i + 1; j < h->n; j++)
			if (h->txns[j].invoke < h->txns[i].invoke) {
				struct small_txn t = h->txns[i];

				h->txns[i] = h->txns[j];
				h->txns[j] = t;
			}
}

static void
print_small(const struct small *h)
{
	for (int t = 0; t < h->n; t++) {
		const struct small_txn *x = &h->txns[t];

		fprintf(stderr, "  T%d p%d [%d,%d] %s:", t + 1, x->process, x->invoke, x->complete, txn_outcome_name(x->outcome));
		for (int i = 0; i < x->count; i++) {
			fprintf(stderr, " %s%c %d", i > 0 ? "," : "", x->mops[i].write ? 'w' : 'r', x->mops[i].key);
			if (x->mops[i].write || h->model == TXN_RW_REGISTER) {
				fprintf(stderr, " %d", x->mops[i].value);
				continue;
			}
			fprintf(stderr, " [");
			for (int j = 0; j < x->mops[i].count; j++)
				fprintf(stderr, " %d", x->mops[i].list[j]);
			fprintf(stderr, " ]");
		}
		fprintf(stderr, "\n");
	}
}

static unsigned unknowns, verdicts;

static void
expect(const struct small *h, const struct txn_outcome_of *o, enum txn_level level, bool holds, uint64_t round)
{
	enum txn_holds want = holds ? TXN_HOLDS : TXN_BROKEN;

	verdicts++;
	unknowns += o->status[level] == TXN_UNKNOWN;
	if (o->status[level] == want || (o->status[level] == TXN_UNKNOWN && level == TXN_PSI))
		return;
	fprintf(stderr, "round %llu, %s: %s is %d, should be %d\n", (unsigned long long)round, txn_model_name(h->model), txn_level_name(level),
	    (int)o->status[level], (int)want);
	print_small(h);
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		fprintf(stderr, "  %s: %s\n", o->anomalies[i].type, o->anomalies[i].say);
	fail();
}

static bool
has_anomaly(const struct txn_outcome_of *o, const char *type)
{
	for (uint32_t i = 0; i < o->anomaly_count; i++)
		if (strcmp(o->anomalies[i].type, type) == 0)
			return true;
	return false;
}

/* A named anomaly breaks what the literature says it does. */
static void
names_agree(const struct small *h, const struct txn_outcome_of *o, uint64_t round)
{
	static const struct {
		const char *type;
		enum txn_level broken;
		bool lists;                     /* not of registers, whose weak levels are defined otherwise */
	} names[] = {
		{ "G0", TXN_RU, true }, { "G0", TXN_SI, false }, { "G0", TXN_RR, false }, { "G1c", TXN_RC, true }, { "G1c", TXN_SI, false },
		{ "G1c", TXN_RR, false }, { "G1a", TXN_RC, false }, { "G1b", TXN_RC, false }, { "G-single", TXN_SI, false },
		{ "G-single", TXN_PSI, false }, { "G-nonadjacent", TXN_SI, false }, { "long-fork", TXN_SI, false }, { "G2-item", TXN_SER, false },
		{ "G2-item", TXN_RR, false }, { "write-skew", TXN_SER, false }, { "G2", TXN_SER, false }, { "G-SI", TXN_SI, false },
		{ "G0-process", TXN_SESSION_SI, false }, { "G1c-process", TXN_SESSION_SI, false }, { "G-single-process", TXN_SESSION_SI, false },
		{ "G-nonadjacent-process", TXN_SESSION_SI, false }, { "G-SI-process", TXN_SESSION_SI, false },
		{ "G2-item-process", TXN_SESSION_SER, false }, { "G2-process", TXN_SESSION_SER, false }, { "G0-realtime", TXN_STRONG_SI, false },
		{ "G1c-realtime", TXN_STRONG_SI, false }, { "G-single-realtime", TXN_STRONG_SI, false },
		{ "G-nonadjacent-realtime", TXN_STRONG_SI, false }, { "G-SI-realtime", TXN_STRONG_SI, false },
		{ "G2-item-realtime", TXN_STRICT, false }, { "G2-realtime", TXN_STRICT, false }, { "lost-update", TXN_PSI, false },
		{ "lost-update", TXN_RR, false }, { "fractured-read", TXN_RA, false }, { "causality-violation", TXN_CC, false },
		{ "non-monotonic-read", TXN_RC, false }, { "internal", TXN_RA, false }, { "garbage-read", TXN_RU, false },
	};

	for (uint32_t i = 0; i < o->anomaly_count; i++) {
		const struct txn_anomaly *a = &o->anomalies[i];

		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			if (strcmp(names[j].type, a->type) != 0 || (names[j].lists && h->model == TXN_RW_REGISTER) ||
			    o->status[names[j].broken] == TXN_BROKEN)
				continue;
			fprintf(stderr, "round %llu, %s: %s, but %s is not broken\n  %s\n", (unsigned long long)round, txn_model_name(h->model),
			    a->type, txn_level_name(names[j].broken), a->say);
			print_small(h);
			fail();
		}
	}
}

static void
compare(const struct small *h, uint64_t round)
{
	struct txn_hist hist;
	struct txn_outcome_of o;
	struct txn_options options = { .memory_bytes_max = (size_t)1 << 24 };
	bool registers = h->model == TXN_RW_REGISTER, serial = oracle_serial(h, PLAIN);

	fill(&hist, h);
	assert_int_equal(txn_check(&hist, &options, &o), 0);
	expect(h, &o, TXN_SER, serial, round);
	expect(h, &o, TXN_SESSION_SER, oracle_serial(h, SESSION), round);
	expect(h, &o, TXN_STRICT, oracle_serial(h, REAL), round);
	expect(h, &o, TXN_SI, oracle_snapshot(h, PLAIN), round);
	expect(h, &o, TXN_SESSION_SI, oracle_snapshot(h, SESSION), round);
	expect(h, &o, TXN_STRONG_SI, oracle_snapshot(h, REAL), round);
	if (registers || !has_anomaly(&o, "internal"))
		expect(h, &o, TXN_RR, serial, round);
	if (h->model != TXN_SET_ADD) {
		expect(h, &o, TXN_PSI, oracle_commits(h, psi_fn, 0, false), round);
		expect(h, &o, TXN_RA, oracle_commits(h, obeys, AX_RA, registers), round);
		expect(h, &o, TXN_CC, oracle_commits(h, obeys, AX_CC, true), round);
	}
	if (registers)
		expect(h, &o, TXN_RC, oracle_commits(h, obeys, AX_RC, true), round);
	names_agree(h, &o, round);
	txn_check_fini(&o);
	txn_hist_fini(&hist);
}

static void
against_brute_force(void **state)
{
	const char *wanted = getenv("FAULTLINE_ROUNDS"), *seed = getenv("FAULTLINE_SEED");
	uint64_t rounds = wanted == NULL ? ROUNDS : strtoull(wanted, NULL, 10);

	(void)state;
	for (uint64_t round = 0; round < rounds; round++) {
		struct draw d = { .key = rng_key(seed == NULL ? 4 : strtoull(seed, NULL, 10), round) };
		struct small h;

		plan(&h, &d, N_SMALL);
		simulate(&h, &d, (int)draw(&d, CARES));
		for (uint32_t i = draw(&d, 3); i > 0; i--)
			mutate(&h, &d);
		sort_by_invocation(&h);
		compare(&h, round);
	}
	assert_true(unknowns * 200 < verdicts);
	print_message("%u of %u unknown\n", unknowns, verdicts);
}

/* More transactions, registers written blindly: the order of versions has to be searched for. */
static void
serial_orders(void **state)
{
	const char *wanted = getenv("FAULTLINE_ROUNDS"), *seed = getenv("FAULTLINE_SEED");
	uint64_t rounds = wanted == NULL ? ROUNDS : strtoull(wanted, NULL, 10);
	struct txn_options options = { .memory_bytes_max = (size_t)1 << 24 };

	(void)state;
	for (uint64_t round = 0; round < rounds; round++) {
		struct draw d = { .key = rng_key(seed == NULL ? 5 : 1000 + strtoull(seed, NULL, 10), round) };
		struct txn_hist hist;
		struct txn_outcome_of o;
		struct small h;

		do
			plan(&h, &d, N_MAX);
		while (h.model != TXN_RW_REGISTER || h.n <= N_SMALL);
		simulate(&h, &d, draw(&d, 2) == 0 ? CARE_SERIAL : CARE_SNAPSHOT);
		for (uint32_t i = draw(&d, 2); i > 0; i--)
			mutate(&h, &d);
		for (int t = 0; t < h.n && draw(&d, 2) > 0; t++)
			h.txns[t].process = 100 + t;    /* no sessions */
		sort_by_invocation(&h);
		fill(&hist, &h);
		assert_int_equal(txn_check(&hist, &options, &o), 0);
		expect(&h, &o, TXN_SER, oracle_serial(&h, PLAIN), round);
		expect(&h, &o, TXN_SESSION_SER, oracle_serial(&h, SESSION), round);
		expect(&h, &o, TXN_STRICT, oracle_serial(&h, REAL), round);
		names_agree(&h, &o, round);
		txn_check_fini(&o);
		txn_hist_fini(&hist);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(against_brute_force), cmocka_unit_test(serial_orders) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
