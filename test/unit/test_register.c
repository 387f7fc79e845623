/* SPDX-License-Identifier: MIT */
/* test_register.c - the register checker against a naive one on many small histories, by hand on known cases, and on long ones. */
#include "audit/linear.h"
#include "audit/register.h"
#include "audit/zones.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MEMORY ((size_t)1 << 30)
#define SMALL_ROUNDS 100000

/* Random numbers of one round: nothing but (seed, round, draw). */
struct draw {
	uint64_t key, n;
};

static uint32_t
draw(struct draw *d, uint32_t below)
{
	return (uint32_t)rng_below(rng_draw(d->key, d->n++, 0), below);
}

/*
 * The naive checker: try every order, remembering only (set of operations done, value). Written from the definition, shares no
 * code with the real one. At most 20 operations.
 */
struct naive {
	const struct history_op *ops;
	uint32_t n;
	struct history_value values[64];
	uint32_t value_count;
	uint8_t *been;
};

static uint32_t
naive_value(struct naive *c, struct history_value v)
{
	for (uint32_t i = 0; i < c->value_count; i++)
		if (history_same(c->values[i], v))
			return i;
	c->values[c->value_count] = v;
	return c->value_count++;
}

static bool
naive_required(const struct history_op *op)
{
	return op->outcome == HISTORY_OK || op->mismatch;
}

static bool
naive_search(struct naive *c, uint32_t done, struct history_value value)
{
	uint32_t first_ret = UINT32_MAX;
	bool all = true;
	size_t place = (size_t)done * 64 + naive_value(c, value);

	if (c->been[place / 8] >> (place % 8) & 1)
		return false;
	c->been[place / 8] |= (uint8_t)(1u << (place % 8));
	for (uint32_t i = 0; i < c->n; i++) {
		if ((done >> i & 1) == 0 && naive_required(&c->ops[i])) {
			all = false;
			first_ret = FL_MIN(first_ret, c->ops[i].complete_pos);
		}
	}
	if (all)
		return true;
	for (uint32_t i = 0; i < c->n; i++) {
		const struct history_op *op = &c->ops[i];
		struct history_value next = value;

		if ((done >> i & 1) || op->invoke_pos > first_ret || (op->outcome == HISTORY_FAIL && !op->mismatch))
			continue;
		if (op->f == HISTORY_READ && (op->outcome != HISTORY_OK || !history_same(op->value, value)))
			continue;
		if (op->f == HISTORY_CAS && history_same(op->expect, value) == op->mismatch)
			continue;
		if (op->f != HISTORY_READ && !op->mismatch)
			next = op->value;
		if (naive_search(c, done | 1u << i, next))
			return true;
	}
	return false;
}

static bool
naive_legal(const struct history_op *ops, uint32_t n)
{
	struct naive c = { .ops = ops, .n = n };

	assert_true(n <= 20);
	c.been = calloc((size_t)64 << n, 1);
	assert_non_null(c.been);
	bool legal = naive_search(&c, 0, history_nil());

	free(c.been);
	return legal;
}

/* Is this order of all required (and some other) operations a legal one? */
static void
check_order(const struct history *h, const uint32_t *order, uint32_t n)
{
	struct history_value value = history_nil();
	uint32_t latest_inv = 0, required = 0, seen = 0;
	uint8_t *used = calloc(h->count + 1, 1);

	for (uint32_t i = 0; i < h->count; i++)
		required += naive_required(&h->ops[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct history_op *op = &h->ops[order[i]];

		assert_int_equal(used[op->index], 0);
		used[op->index] = 1;
		/* Nothing that stands before it was invoked after it had returned. */
		if (naive_required(op)) {
			assert_true(latest_inv <= op->complete_pos);
			seen++;
		}
		latest_inv = FL_MAX(latest_inv, op->invoke_pos);
		if (op->f == HISTORY_READ)
			assert_true(history_same(op->value, value));
		if (op->f == HISTORY_CAS)
			assert_true(history_same(op->expect, value) != op->mismatch);
		if (op->f != HISTORY_READ && !op->mismatch)
			value = op->value;
	}
	assert_int_equal(seen, required);
	free(used);
}

/* ---- random histories ---- */

struct plan {
	uint32_t processes, ops, values;        /* values 0: every write its own */
	uint32_t info_percent, fail_percent, cas_percent, read_percent, mutate_percent;
	bool mismatch;                          /* refused cas are told as such */
	bool wild;                              /* answers made up instead of simulated */
};

struct simulated {
	uint32_t op;
	bool open, done, later;                 /* later: may still take effect after it was given up */
	struct history_value seen;
	bool refused;
};

static void
take_effect(struct history *h, struct simulated *p, struct history_value *value)
{
	struct history_op *op = &h->ops[p->op];

	p->done = true;
	p->seen = *value;
	if (op->f == HISTORY_CAS && !history_same(*value, op->expect)) {
		p->refused = true;
		return;
	}
	if (op->f != HISTORY_READ)
		*value = op->value;
}

static struct history_value
some_value(struct draw *d, const struct plan *plan, int64_t *fresh, bool writes)
{
	if (plan->values == 0 && writes)
		return history_int(++*fresh);
	if (plan->values == 0)
		return *fresh == 0 ? history_nil() : history_int(FL_MAX(1, *fresh - (int64_t)draw(d, 4)));
	uint32_t v = draw(d, plan->values + 1);
	return v == 0 ? history_nil() : history_int(v);
}

static void
start_op(struct history *h, struct draw *d, const struct plan *plan, struct simulated *p, int64_t process, int64_t *fresh)
{
	uint32_t kind = draw(d, 100);
	struct history_call call = { .process = process, .key = "k", .at = (fl_ns)h->pos * FL_MS };

	call.f = kind < plan->read_percent ? HISTORY_READ : kind < plan->read_percent + plan->cas_percent ? HISTORY_CAS : HISTORY_WRITE;
	call.value = some_value(d, plan, fresh, true);
	call.expect = some_value(d, plan, fresh, false);
	*p = (struct simulated){ .open = true };
	assert_int_equal(history_invoke(h, &call, &p->op), 0);
}

static void
end_op(struct history *h, struct draw *d, const struct plan *plan, struct simulated *p, struct history_value *value, int64_t *fresh)
{
	struct history_op *op = &h->ops[p->op];
	struct history_answer answer = { .outcome = HISTORY_OK, .at = (fl_ns)h->pos * FL_MS };

	p->open = false;
	if (draw(d, 100) < plan->info_percent) {
		answer.outcome = HISTORY_INFO;
		p->later = !p->done && draw(d, 2) == 0;
	} else if (!p->done && draw(d, 100) < plan->fail_percent) {
		answer.outcome = HISTORY_FAIL;
		answer.error = "refused";
	} else {
		if (!p->done)
			take_effect(h, p, value);
		answer.value = p->seen;
		if (p->refused) {
			answer.outcome = HISTORY_FAIL;
			answer.mismatch = plan->mismatch;
		}
	}
	if (plan->wild && op->f == HISTORY_READ)
		answer.value = some_value(d, plan, fresh, false);
	if (plan->wild && op->f == HISTORY_CAS && answer.outcome == HISTORY_FAIL && draw(d, 2) == 0)
		answer.outcome = HISTORY_OK;
	assert_int_equal(history_complete(h, p->op, &answer), 0);
}

/* Spoil one answer. */
static void
mutate(struct history *h, struct draw *d, const struct plan *plan, int64_t *fresh)
{
	struct history_op *op = &h->ops[draw(d, h->count)];

	if (op->f == HISTORY_READ && op->outcome == HISTORY_OK)
		op->value = some_value(d, plan, fresh, false);
	else if (op->f == HISTORY_WRITE && op->outcome == HISTORY_OK)
		op->outcome = draw(d, 2) == 0 ? HISTORY_FAIL : HISTORY_INFO;
	else if (op->f == HISTORY_CAS && op->complete_pos != HISTORY_POS_NEVER) {
		op->outcome = op->outcome == HISTORY_OK ? HISTORY_FAIL : HISTORY_OK;
		op->mismatch = op->outcome == HISTORY_FAIL && plan->mismatch;
	}
}

static void
simulate(struct history *h, struct draw *d, const struct plan *plan)
{
	struct simulated p[32] = { 0 };
	struct history_value value = history_nil();
	int64_t fresh = 0;
	uint32_t started = 0, open = 0;

	while (started < plan->ops || open > 0) {
		uint32_t i = draw(d, plan->processes);

		if (!p[i].open && p[i].later && draw(d, 3) == 0) {
			p[i].later = false;
			take_effect(h, &p[i], &value);
		} else if (!p[i].open && started < plan->ops) {
			start_op(h, d, plan, &p[i], i, &fresh);
			started++;
			open++;
		} else if (p[i].open && !p[i].done && draw(d, 2) == 0) {
			take_effect(h, &p[i], &value);
		} else if (p[i].open) {
			if (started == plan->ops && draw(d, 40) == 0) {
				p[i].open = false;      /* never heard of again */
			} else {
				end_op(h, d, plan, &p[i], &value, &fresh);
			}
			open--;
		}
	}
	for (; h->count > 0 && draw(d, 100) < plan->mutate_percent;)
		mutate(h, d, plan, &fresh);
}

static struct plan
draw_plan(struct draw *d)
{
	return (struct plan){
		.processes = 1 + draw(d, 7), .ops = 1 + draw(d, 13), .values = draw(d, 2) == 0 ? 0 : 1 + draw(d, 3),
		.info_percent = draw(d, 3) == 0 ? 25 : 0, .fail_percent = draw(d, 3) == 0 ? 15 : 0,
		.cas_percent = draw(d, 2) == 0 ? 30 : 0, .read_percent = 30 + draw(d, 30), .mutate_percent = draw(d, 2) == 0 ? 60 : 0,
		.mismatch = draw(d, 2) == 0, .wild = draw(d, 6) == 0,
	};
}

/* ---- comparing ---- */

static uint32_t *
all_of(const struct history *h)
{
	uint32_t *list = malloc((h->count + 1) * sizeof(list[0]));

	assert_non_null(list);
	for (uint32_t i = 0; i < h->count; i++)
		list[i] = i;
	return list;
}

static void
print_history(const struct history *h)
{
	for (uint32_t i = 0; i < h->count; i++) {
		const struct history_op *op = &h->ops[i];

		fprintf(stderr, "  %u p%lld %s %lld<-%lld [%u %d] %s%s\n", i, (long long)op->process, history_f_name(op->f), (long long)op->value.i,
			(long long)op->expect.i, op->invoke_pos, (int)op->complete_pos, history_outcome_name(op->outcome),
			op->mismatch ? " mismatch" : "");
	}
}

static void
compare_engines(const struct history *h, bool legal)
{
	uint32_t *list = all_of(h);
	struct keyhist k;
	struct zones_result z;
	struct linear_result l;
	struct linear_budget budget = { UINT64_MAX, MEMORY };

	assert_int_equal(keyhist_build(h, list, h->count, &k), 0);
	assert_int_equal(zones_check(&k, &z), 0);
	linear_check(&k, &budget, true, &l);
	if (l.answer != (legal ? LINEAR_LEGAL : LINEAR_ILLEGAL) || (z.answer != ZONES_UNSURE && z.answer != (legal ? ZONES_LEGAL : ZONES_ILLEGAL))) {
		fprintf(stderr, "naive says %s, linear %d, zones %d\n", legal ? "legal" : "illegal", l.answer, z.answer);
		print_history(h);
		fail();
	}
	if (legal)
		check_order(h, l.order, l.order_count);
	linear_fini(&l);
	keyhist_fini(&k);
	free(list);
}

/* The evidence must contradict itself by the naive checker too, and show its culprit. */
static void
check_evidence(const struct history *h, const struct verdict_outcome *o)
{
	assert_int_equal(o->evidence_count, 1);
	const struct verdict_evidence *e = &o->evidence[0];

	assert_true(e->minimal);
	assert_true(e->culprit < e->op_count);
	assert_true(strlen(e->say) > 10);
	if (naive_legal(e->ops, e->op_count)) {
		fprintf(stderr, "evidence of %u operations is no contradiction\n", e->op_count);
		print_history(h);
		fail();
	}
}

static void
test_small(void **state)
{
	uint32_t illegal = 0, by_zones = 0;

	(void)state;
	for (uint64_t round = 0; round < SMALL_ROUNDS; round++) {
		struct draw d = { rng_key(1, round), 0 };
		struct plan plan = draw_plan(&d);
		struct verdict_outcome o;
		struct history h;

		history_init(&h, MEMORY);
		simulate(&h, &d, &plan);
		bool legal = naive_legal(h.ops, h.count);
		if (!legal)
			illegal++;
		by_zones += plan.values == 0;
		assert_true(legal || plan.mutate_percent > 0 || plan.wild);
		compare_engines(&h, legal);
		assert_int_equal(register_check(&h, NULL, &o), 0);
		assert_int_equal(o.verdict, legal ? VERDICT_VALID : VERDICT_INVALID);
		if (!legal)
			check_evidence(&h, &o);
		verdict_fini(&o);
		history_fini(&h);
	}
	/* The comparison means something only when both kinds are plenty. */
	assert_in_range(illegal, SMALL_ROUNDS / 10, SMALL_ROUNDS * 9 / 10);
	assert_in_range(by_zones, SMALL_ROUNDS / 4, SMALL_ROUNDS * 3 / 4);
}

/* ---- by hand ---- */

/* "w1 3 17 0-10 ok": function, process, values, times in ms, outcome; a read says what it returned. Values: N is nil. */
static struct history_value
value_of(const char *s)
{
	return *s == 'N' ? history_nil() : history_int(strtol(s, NULL, 10));
}

struct row {
	char f;
	int process;
	const char *value, *expect;
	int from, to;
	const char *outcome;            /* ok fail info refused never */
};

static void
build(struct history *h, const char *key, const struct row *rows, size_t n)
{
	uint32_t index[16];

	for (int t = 0; t <= 1000; t++) {
		for (size_t i = 0; i < n; i++) {
			const struct row *r = &rows[i];

			if (r->to == t && strcmp(r->outcome, "never") != 0) {
				struct history_answer a = { .value = value_of(r->value), .at = t * FL_MS,
					.outcome = *r->outcome == 'o' ? HISTORY_OK : *r->outcome == 'i' ? HISTORY_INFO : HISTORY_FAIL,
					.mismatch = *r->outcome == 'r' };
				assert_int_equal(history_complete(h, index[i], &a), 0);
			}
		}
		for (size_t i = 0; i < n; i++) {
			const struct row *r = &rows[i];
			struct history_call c = { .process = r->process, .key = key, .at = t * FL_MS, .value = value_of(r->value),
				.f = r->f == 'r' ? HISTORY_READ : r->f == 'w' ? HISTORY_WRITE : HISTORY_CAS };

			if (r->f == 'c')
				c.expect = value_of(r->expect);
			if (r->from == t)
				assert_int_equal(history_invoke(h, &c, &index[i]), 0);
		}
	}
}

static void
expect(const struct row *rows, size_t n, enum verdict verdict, uint32_t ops, const char *words)
{
	struct history h;
	struct verdict_outcome o;

	history_init(&h, MEMORY);
	build(&h, "k5", rows, n);
	compare_engines(&h, verdict == VERDICT_VALID);
	assert_int_equal(register_check(&h, NULL, &o), 0);
	assert_int_equal(o.verdict, verdict);
	if (verdict == VERDICT_INVALID) {
		assert_int_equal(o.evidence[0].op_count, ops);
		assert_true(o.evidence[0].minimal);
		if (strstr(o.evidence[0].say, words) == NULL)
			fail_msg("\"%s\" is not in: %s", words, o.evidence[0].say);
	}
	verdict_fini(&o);
	history_fini(&h);
}
#define EXPECT(verdict, ops, words, ...) \
	expect((struct row[]){ __VA_ARGS__ }, sizeof((struct row[]){ __VA_ARGS__ }) / sizeof(struct row), verdict, ops, words)

static void
test_hand_invalid(void **state)
{
	(void)state;
	/* An acknowledged write is lost. */
	EXPECT(VERDICT_INVALID, 2, "client 3 wrote 17 to k5 (acknowledged at 0.010 s); nobody overwrote it; client 1 read "
	    "nil at 0.040 s: the acknowledged write was lost",
	       { 'w', 2, "9", NULL, 0, 5, "ok" }, { 'r', 1, "9", NULL, 1, 6, "ok" }, { 'w', 3, "17", NULL, 7, 10, "ok" },
	       { 'r', 2, "17", NULL, 12, 20, "ok" }, { 'r', 1, "N", NULL, 30, 40, "ok" }, { 'r', 4, "N", NULL, 41, 45, "ok" });
	/* The value before it comes back. */
	EXPECT(VERDICT_INVALID, 3, "the old value again",
	       { 'w', 1, "1", NULL, 0, 5, "ok" }, { 'w', 2, "2", NULL, 6, 9, "ok" }, { 'r', 3, "2", NULL, 10, 12, "ok" },
	       { 'r', 3, "1", NULL, 20, 22, "ok" });
	/* Two reads see a change the wrong way round. */
	EXPECT(VERDICT_INVALID, 4, "afterwards client 4 read 1",
	       { 'w', 1, "1", NULL, 0, 5, "ok" }, { 'w', 2, "2", NULL, 6, 90, "ok" }, { 'r', 3, "2", NULL, 10, 12, "ok" },
	       { 'r', 4, "1", NULL, 20, 22, "ok" });
	/* Out of thin air, too early, and from a write that failed. */
	EXPECT(VERDICT_INVALID, 1, "nobody ever wrote", { 'r', 1, "5", NULL, 0, 5, "ok" });
	EXPECT(VERDICT_INVALID, 1, "began to write that only at 0.010 s", { 'r', 1, "5", NULL, 0, 5, "ok" }, { 'w', 2, "5", NULL, 10, 12, "ok" });
	EXPECT(VERDICT_INVALID, 1, "had failed", { 'w', 2, "5", NULL, 0, 5, "fail" }, { 'r', 1, "5", NULL, 6, 8, "ok" });
	/* Both of two cas find the only 5. */
	EXPECT(VERDICT_INVALID, 3, "both found the same value",
	       { 'w', 1, "5", NULL, 0, 5, "ok" }, { 'c', 2, "6", "5", 10, 20, "ok" }, { 'c', 3, "7", "5", 11, 21, "ok" });
	/* A cas finds what had been overwritten. */
	EXPECT(VERDICT_INVALID, 3, "client 3 could change k5 from 5 to 7",
	       { 'w', 1, "5", NULL, 0, 5, "ok" }, { 'w', 2, "6", NULL, 6, 7, "ok" }, { 'c', 3, "7", "5", 11, 21, "ok" });
	/* A cas is refused though the value was there. */
	EXPECT(VERDICT_INVALID, 2, "5 stood in k5 all that time",
	       { 'w', 1, "5", NULL, 0, 5, "ok" }, { 'c', 3, "7", "5", 11, 21, "refused" });
	/* An unknown write happens at most once. */
	EXPECT(VERDICT_INVALID, 4, "",
	       { 'w', 1, "5", NULL, 0, 2, "info" }, { 'w', 2, "6", NULL, 10, 12, "ok" }, { 'r', 3, "5", NULL, 13, 14, "ok" },
	       { 'r', 3, "6", NULL, 15, 16, "ok" });
}

static void
test_hand_valid(void **state)
{
	(void)state;
	/* Reads around a write may see either. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "1", NULL, 0, 10, "ok" }, { 'r', 2, "N", NULL, 1, 9, "ok" }, { 'r', 3, "1", NULL, 1, 9, "ok" });
	/* Unknown writes: seen late, seen by nobody, never completed. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "5", NULL, 0, 2, "info" }, { 'w', 2, "6", NULL, 10, 12, "ok" }, { 'r', 3, "6", NULL, 13, 14, "ok" },
	       { 'r', 3, "5", NULL, 15, 16, "ok" });
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "5", NULL, 0, 2, "info" }, { 'r', 3, "N", NULL, 15, 16, "ok" });
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "5", NULL, 0, 0, "never" }, { 'r', 3, "5", NULL, 15, 16, "ok" });
	/* An unknown cas explains a value, an unknown read nothing. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "5", NULL, 0, 2, "ok" }, { 'c', 2, "6", "5", 3, 4, "info" }, { 'r', 4, "5", NULL, 5, 6, "ok" },
	       { 'r', 3, "6", NULL, 15, 16, "ok" }, { 'r', 2, "99", NULL, 20, 21, "info" });
	/* The same value written twice. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "1", NULL, 0, 2, "ok" }, { 'w', 2, "2", NULL, 3, 4, "ok" }, { 'w', 3, "1", NULL, 5, 6, "ok" },
	       { 'r', 4, "1", NULL, 7, 8, "ok" });
	/* A chain of cas, a refused one between. */
	EXPECT(VERDICT_VALID, 0, "", { 'c', 1, "1", "N", 0, 2, "ok" }, { 'c', 2, "2", "1", 1, 4, "ok" }, { 'c', 3, "9", "1", 5, 6, "refused" },
	       { 'r', 4, "2", NULL, 7, 8, "ok" });
	/* An unknown write of the value that is there already makes room for another write before it. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "1", NULL, 2, 11, "ok" }, { 'w', 2, "N", NULL, 5, 7, "info" }, { 'c', 3, "2", "N", 6, 10, "ok" },
	       { 'r', 4, "N", NULL, 8, 9, "ok" }, { 'r', 5, "2", NULL, 14, 15, "ok" }, { 'w', 6, "N", NULL, 16, 18, "ok" },
	       { 'r', 7, "N", NULL, 20, 25, "ok" });
	/* nil written on purpose. */
	EXPECT(VERDICT_VALID, 0, "", { 'w', 1, "1", NULL, 0, 2, "ok" }, { 'w', 2, "N", NULL, 3, 4, "ok" }, { 'r', 4, "N", NULL, 7, 8, "ok" });
}

/* More than 64 operations open at once, values repeated so that the search has to do it. */
static void
test_wide(void **state)
{
	(void)state;
	for (int spoil = 0; spoil < 2; spoil++) {
		struct history h;
		struct verdict_outcome o;
		uint32_t index[200];

		history_init(&h, MEMORY);
		for (int i = 0; i < 200; i++) {
			struct history_call c = { .process = i, .key = "k", .f = i % 4 == 3 ? HISTORY_READ : HISTORY_WRITE,
				.value = history_int(i % 4 == 0 ? 1 : i) };
			assert_int_equal(history_invoke(&h, &c, &index[i]), 0);
		}
		for (int i = 0; i < 200; i++) {
			struct history_answer a = { .outcome = HISTORY_OK, .value = history_int(i % 4 != 3 ? 0 : spoil && i == 199 ? 3 : i - 1) };

			assert_int_equal(history_complete(&h, index[i], &a), 0);
		}
		assert_int_equal(register_check(&h, NULL, &o), 0);
		assert_int_equal(o.verdict, spoil ? VERDICT_INVALID : VERDICT_VALID);
		verdict_fini(&o);
		history_fini(&h);
	}
}

/* ---- long ones, and the budget ---- */

static void
long_history(struct history *h, uint64_t seed, struct plan plan)
{
	struct draw d = { rng_key(2, seed), 0 };

	plan.fail_percent = 1;
	plan.read_percent = 50;
	history_init(h, MEMORY);
	simulate(h, &d, &plan);
}

/* Both engines agree, and the order found is one. */
static void
check_long(const struct history *h)
{
	struct verdict_outcome o;

	compare_engines(h, true);
	assert_int_equal(register_check(h, NULL, &o), 0);
	assert_int_equal(o.verdict, VERDICT_VALID);
	verdict_fini(&o);
}

/* A read near the end returns what cannot be there any more. */
static void
check_spoilt(struct history *h, int64_t impossible)
{
	struct verdict_outcome o;
	uint32_t at = h->count * 49 / 50;

	while (h->ops[at].f != HISTORY_READ || h->ops[at].outcome != HISTORY_OK)
		at++;
	h->ops[at].value = history_int(impossible);
	assert_int_equal(register_check(h, NULL, &o), 0);
	assert_int_equal(o.verdict, VERDICT_INVALID);
	assert_int_equal(o.evidence_count, 1);
	assert_true(o.evidence[0].op_count <= 3);
	assert_true(o.evidence[0].minimal);
	assert_int_equal(o.evidence[0].ops[o.evidence[0].culprit].index, at);
	assert_true(o.evidence[0].prefix_total > h->count / 2);
	assert_int_equal(o.evidence[0].prefix_count, VERDICT_PREFIX_MAX);
	verdict_fini(&o);
}

static void
test_long(void **state)
{
	static const struct plan plans[] = {
		{ .processes = 12, .ops = 50000, .values = 0, .info_percent = 1, .cas_percent = 25 },
		{ .processes = 12, .ops = 50000, .values = 0, .info_percent = 1, .cas_percent = 25, .mismatch = true },
		{ .processes = 30, .ops = 50000, .values = 0, .info_percent = 3 },
		{ .processes = 10, .ops = 50000, .values = 5, .cas_percent = 25, .mismatch = true },
		{ .processes = 30, .ops = 20000, .values = 5, .cas_percent = 25 },
		{ .processes = 10, .ops = 1000, .values = 5, .info_percent = 1, .cas_percent = 25, .mismatch = true },
	};

	(void)state;
	for (uint32_t i = 0; i < FL_ARRAY_LEN(plans); i++) {
		struct history h;

		long_history(&h, i, plans[i]);
		check_long(&h);
		/* A value that nobody wrote; where every value is written once, the third, long gone. */
		check_spoilt(&h, plans[i].values == 0 ? 3 : 77);
		history_fini(&h);
	}
}

/* In a register of few values an old one comes back: the contradiction is small all the same. */
static void
test_long_stale(void **state)
{
	struct history h;
	struct verdict_outcome o;

	(void)state;
	long_history(&h, 1, (struct plan){ .processes = 5, .ops = 20000, .values = 40 });
	for (uint32_t i = h.count / 2; i < h.count; i++) {
		struct history_op *op = &h.ops[i];

		if (op->f != HISTORY_READ || op->outcome != HISTORY_OK)
			continue;
		op->value = history_int(op->value.i % 40 + 1);
		break;
	}
	assert_int_equal(register_check(&h, NULL, &o), 0);
	assert_int_equal(o.verdict, VERDICT_INVALID);
	assert_true(o.evidence[0].minimal);
	assert_true(o.evidence[0].op_count <= 8);
	verdict_fini(&o);
	history_fini(&h);
}

static void
test_budget(void **state)
{
	struct history h;
	struct verdict_outcome o;

	(void)state;
	long_history(&h, 9, (struct plan){ .processes = 20, .ops = 3000, .values = 3, .cas_percent = 25, .mismatch = true });
	assert_int_equal(register_check(&h, &(struct register_options){ .configs_max = 500 }, &o), 0);
	assert_int_equal(o.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(o.reason, "budget of configurations was spent at operation"));
	verdict_fini(&o);
	assert_int_equal(register_check(&h, &(struct register_options){ .memory_bytes_max = 4096 }, &o), 0);
	assert_int_equal(o.verdict, VERDICT_UNKNOWN);
	assert_non_null(strstr(o.reason, "memory"));
	verdict_fini(&o);
	history_fini(&h);
}

/* Without a budget for small evidence the verdict stands, with the culprit alone. */
static void
test_budget_evidence(void **state)
{
	struct history h;
	struct verdict_outcome o;

	(void)state;
	history_init(&h, MEMORY);
	build(&h, "k", (struct row[]){ { 'w', 1, "1", NULL, 0, 5, "ok" }, { 'r', 2, "N", NULL, 6, 7, "ok" } }, 2);
	assert_int_equal(register_check(&h, &(struct register_options){ .minimise_configs_max = 1 }, &o), 0);
	assert_int_equal(o.verdict, VERDICT_INVALID);
	assert_int_equal(o.evidence_count, 1);
	assert_false(o.evidence[0].minimal);
	verdict_fini(&o);
	history_fini(&h);
}

static void
test_keys(void **state)
{
	struct history h;
	struct verdict_outcome o;

	(void)state;
	history_init(&h, MEMORY);
	for (int i = 0; i < 40; i++) {
		char key[16];
		const struct row bad[] = { { 'w', 1, "1", NULL, 0, 5, "ok" }, { 'r', 2, i % 2 == 0 ? "1" : "N", NULL, 6, 7, "ok" } };

		snprintf(key, sizeof(key), "k%d", i);
		build(&h, key, bad, 2);
	}
	assert_int_equal(register_check(&h, NULL, &o), 0);
	assert_int_equal(o.verdict, VERDICT_INVALID);
	assert_int_equal(o.keys, 40);
	assert_int_equal(o.keys_invalid, 20);
	assert_int_equal(o.evidence_count, VERDICT_EVIDENCE_MAX);
	assert_string_equal(o.evidence[0].key, "k1");
	verdict_fini(&o);
	history_fini(&h);

	history_init(&h, MEMORY);
	assert_int_equal(register_check(&h, NULL, &o), 0);
	assert_int_equal(o.verdict, VERDICT_VALID);
	verdict_fini(&o);
	verdict_fini(NULL);
	history_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small), cmocka_unit_test(test_hand_invalid), cmocka_unit_test(test_hand_valid),
		cmocka_unit_test(test_wide), cmocka_unit_test(test_long), cmocka_unit_test(test_long_stale), cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_evidence), cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
