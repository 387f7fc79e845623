/* SPDX-License-Identifier: MIT */
/*
 * test_txn_oracle.c - the audit of transactions against brute force on many small histories.
 *
 * Histories come from a small simulated database, right or careless, and are damaged or not. FAULTLINE_LONG sets how many of each model.
 */
#include "txn_oracle.h"

#include "base/rng.h"

#include <stdio.h>

#define N_SMALL 5
#define ROUNDS 1400

struct draw {
	uint64_t key, n;
};

static uint32_t
draw(struct draw *d, uint32_t below)
{
	return (uint32_t)rng_below(rng_draw(d->key, d->n++, 0), below);
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
plan(struct small *h, struct draw *d, enum txn_model model, int n_max)
{
	int value = 1;

	memset(h, 0, sizeof(*h));
	h->model = model;
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
	bool regs = h->model == TXN_RW_REGISTER, serial = oracle_serial(h, PLAIN);

	fill(&hist, h);
	assert_int_equal(txn_check(&hist, &options, &o), 0);
	expect(h, &o, TXN_SER, serial, round);
	expect(h, &o, TXN_SESSION_SER, oracle_serial(h, SESSION), round);
	expect(h, &o, TXN_STRICT, oracle_serial(h, REAL), round);
	expect(h, &o, TXN_SI, oracle_snapshot(h, PLAIN), round);
	expect(h, &o, TXN_SESSION_SI, oracle_snapshot(h, SESSION), round);
	expect(h, &o, TXN_STRONG_SI, oracle_snapshot(h, REAL), round);
	if (regs || !has_anomaly(&o, "internal"))
		expect(h, &o, TXN_RR, serial, round);
	if (!regs) {
		if (h->model == TXN_SET_ADD || oracle_odd_values(h) || !oracle_incompatible(h))
			expect(h, &o, TXN_RU, oracle_list_ru(h), round);
		expect(h, &o, TXN_RC, oracle_list_rc(h), round);
	}
	if (h->model == TXN_SET_ADD) {
		expect(h, &o, TXN_PSI, oracle_set(h, AX_CC, false), round);
		expect(h, &o, TXN_RA, oracle_set(h, AX_RA, false), round);
		expect(h, &o, TXN_CC, oracle_set(h, AX_CC, true), round);
	} else {
		expect(h, &o, TXN_PSI, oracle_commits(h, psi_fn, 0, false), round);
		expect(h, &o, TXN_RA, oracle_commits(h, obeys, AX_RA, regs), round);
		expect(h, &o, TXN_CC, oracle_commits(h, obeys, AX_CC, true), round);
	}
	if (regs)
		expect(h, &o, TXN_RC, oracle_commits(h, obeys, AX_RC, true), round);
	names_agree(h, &o, round);
	txn_check_fini(&o);
	txn_hist_fini(&hist);
}

static uint64_t
rounds(void)
{
	const char *wanted = getenv("FAULTLINE_LONG");

	return wanted == NULL ? ROUNDS : strtoull(wanted, NULL, 10);
}

static uint64_t
seed(void)
{
	const char *wanted = getenv("FAULTLINE_SEED");

	return wanted == NULL ? 4 : strtoull(wanted, NULL, 10);
}

static void
against_brute_force(enum txn_model model)
{
	unknowns = verdicts = 0;
	for (uint64_t round = 0; round < rounds(); round++) {
		struct draw d = { .key = rng_key(seed() * 8 + (uint64_t)model, round) };
		struct small h;

		plan(&h, &d, model, N_SMALL);
		simulate(&h, &d, (int)draw(&d, CARES));
		for (uint32_t i = draw(&d, 3); i > 0; i--)
			mutate(&h, &d);
		sort_by_invocation(&h);
		compare(&h, round);
	}
	assert_true(unknowns * 200 < verdicts);
	print_message("%u of %u unknown\n", unknowns, verdicts);
}

static void
lists(void **state)
{
	(void)state;
	against_brute_force(TXN_LIST_APPEND);
}

static void
registers(void **state)
{
	(void)state;
	against_brute_force(TXN_RW_REGISTER);
}

static void
sets(void **state)
{
	(void)state;
	against_brute_force(TXN_SET_ADD);
}

/* More transactions, registers written blindly: the order of versions has to be searched for. */
static void
serial_orders(void **state)
{
	struct txn_options options = { .memory_bytes_max = (size_t)1 << 24 };

	(void)state;
	for (uint64_t round = 0; round < rounds(); round++) {
		struct draw d = { .key = rng_key(seed() * 8 + 7, round) };
		struct txn_hist hist;
		struct txn_outcome_of o;
		struct small h;

		do
			plan(&h, &d, TXN_RW_REGISTER, N_MAX);
		while (h.n <= N_SMALL);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists), cmocka_unit_test(registers), cmocka_unit_test(sets),
		cmocka_unit_test(serial_orders) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
