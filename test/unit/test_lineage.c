/* SPDX-License-Identifier: MIT */
/* test_lineage.c - which message came of which: by context, by ids, by nesting; what was lost, changed, copied on the way; what is missing. */
#include "trace_rig.h"

#include "audit/trace_compare.h"

/* ---- HTTP ---- */

static void
test_context(void **state)
{
	struct rig r;
	char name[LINEAGE_NAME_MAX];

	(void)state;
	rig_init(&r);
	rig_half(&r, TRACE_REQUEST, "front", 1, 1, 0xa, 0, 0);
	rig_half(&r, TRACE_REQUEST, "back", 4, 9, 0xb, 0xa, 0);
	rig_fault(&r, "slow", "delay", "back", 4, 1, 9, 0);
	rig_half(&r, TRACE_ANSWER, "back", 4, 9, 0xb, 0xa, 503);
	rig_half(&r, TRACE_REQUEST, "back", 5, 1, 0xc, 0xa, 0);
	rig_half(&r, TRACE_ANSWER, "back", 5, 1, 0xc, 0xa, 200);
	rig_half(&r, TRACE_ANSWER, "front", 1, 1, 0xa, 0, 200);
	rig_build(&r);
	assert_int_equal(r.lineage.count, 3);
	assert_int_equal(r.lineage.root_count, 1);
	rig_came_of(&r, rig_call(&r, "back", 4, 9, 0), rig_call(&r, "front", 1, 1, 0), LINEAGE_CONTEXT);
	assert_int_equal(rig_call(&r, "back", 4, 9, 0)->hits, 1);
	assert_true(lineage_bad(rig_call(&r, "back", 4, 9, 0)) && !lineage_bad(rig_call(&r, "back", 5, 1, 0)));
	assert_int_equal(rig_call(&r, "back", 5, 1, 0)->doubles, 1);
	assert_int_equal(rig_call(&r, "back", 5, 1, 0)->ordinal, 2);
	lineage_name(&r.lineage, lineage_find(&r.lineage, rig_text("back"), 5, 1, 0), name, sizeof(name));
	assert_string_equal(name, "front/1/1 > back.2");
	rig_fini(&r);
}

/* A service with spans of its own: what it does lies within what it was asked. */
static void
test_nested(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_half(&r, TRACE_REQUEST, "front", 1, 1, 0xa, 0, 0);
	rig_half(&r, TRACE_REQUEST, "mid", 1, 1, 0xb, 0xa, 0);
	rig_half(&r, TRACE_REQUEST, "back", 1, 1, 0xc, 0x77, 0);
	rig_half(&r, TRACE_ANSWER, "back", 1, 1, 0xc, 0x77, 200);
	rig_half(&r, TRACE_ANSWER, "mid", 1, 1, 0xb, 0xa, 200);
	rig_half(&r, TRACE_ANSWER, "front", 1, 1, 0xa, 0, 200);
	rig_build(&r);
	rig_came_of(&r, rig_call(&r, "back", 1, 1, 0), rig_call(&r, "mid", 1, 1, 0), LINEAGE_NESTED);
	rig_fini(&r);
}

/* Spans that are each other's ancestors: no circle, no endless walk. */
static void
test_circle(void **state)
{
	struct rig r;
	uint32_t order[8];

	(void)state;
	rig_init(&r);
	for (unsigned i = 0; i < 4; i++)
		rig_half(&r, TRACE_REQUEST, "a", 1, i + 1, 0x10 + i, 0x10 + (i + 1) % 4, 0);
	rig_build(&r);
	assert_int_equal(r.lineage.circles, 1);
	assert_int_equal(r.lineage.root_count, 1);
	assert_int_equal(lineage_tree(&r.lineage, r.lineage.roots[0], order, 8), 4);
	rig_fini(&r);
}

/* ---- frames ---- */

static void
test_fates(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	for (unsigned i = 1; i <= 8; i++)
		rig_message(&r, TRACE_IN, "orders", 1, 0, i, "", 100 + i);
	rig_fault(&r, "hole", "drop", "orders", 1, 0, 0, 15);
	rig_fault(&r, "rot", "flip", "orders", 1, 0, 0, 40);
	rig_fault(&r, "off", "applies", "orders", 1, 0, 0, 0);
	static const uint64_t out[] = { 101, 103, 103, 104, 999, 106 };        /* 2 lost, 3 twice, 5 changed, 7 and 8 not out */

	for (unsigned i = 0; i < FL_ARRAY_LEN(out); i++)
		rig_message(&r, TRACE_OUT, "orders", 1, 0, i + 1, "", out[i]);
	rig_build(&r);
	static const enum lineage_fate fates[] = { LINEAGE_WHOLE, LINEAGE_LOST, LINEAGE_WHOLE, LINEAGE_WHOLE, LINEAGE_CHANGED, LINEAGE_WHOLE,
		LINEAGE_PENDING, LINEAGE_PENDING };

	for (unsigned i = 0; i < FL_ARRAY_LEN(fates); i++) {
		assert_int_equal(rig_call(&r, "orders", 1, i + 1, 0)->fate, fates[i]);
		assert_int_equal(rig_call(&r, "orders", 1, i + 1, 0)->copies, i == 2 ? 1 : 0);
		assert_int_equal(rig_call(&r, "orders", 1, i + 1, 0)->hits, i == 1 || i == 4 ? 1 : 0);
	}
	assert_int_equal(r.lineage.apply_count, 1);
	assert_int_equal(r.lineage.pieces, 0);
	rig_fini(&r);
}

/* The end of the connection turns what waits into what is lost; a stream of nothing but damage is pieces. */
static void
test_closed(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	rig_message(&r, TRACE_IN, "orders", 1, 0, 1, "", 1);
	rig_message(&r, TRACE_IN, "orders", 2, 0, 1, "", 1);
	rig_message(&r, TRACE_OUT, "orders", 3, 0, 1, "", 1);
	rig_message(&r, TRACE_IN, "orders", 3, 0, 1, "", 7);
	rig_message(&r, TRACE_OUT, "orders", 3, 0, 2, "", 2);
	rig_note(&r, TRACE_NOTE_CLOSE, "orders", 1, "server_reset");
	rig_build(&r);
	assert_int_equal(rig_call(&r, "orders", 1, 1, 0)->fate, LINEAGE_LOST);
	assert_int_equal(rig_call(&r, "orders", 2, 1, 0)->fate, LINEAGE_PENDING);
	assert_int_equal(rig_call(&r, "orders", 3, 1, 0)->fate, LINEAGE_CHANGED);
	assert_int_equal(r.lineage.pieces, 1);
	assert_true(trace_text_is(lineage_close(&r.lineage, rig_call(&r, "orders", 1, 1, 0))->text, "server_reset"));
	assert_null(lineage_close(&r.lineage, rig_call(&r, "orders", 2, 1, 0)));
	rig_fini(&r);
}

/*
 * Any stream through any of: left out, changed, twice. What is told is what was done, when no two contents are the same.
 */
static void
test_random_streams(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct dice d = { .seed = round };
		struct rig r;
		uint8_t did[40];
		uint64_t out = 0;

		rig_init(&r);
		for (unsigned i = 0; i < FL_ARRAY_LEN(did); i++) {
			rig_message(&r, TRACE_IN, "x", 1, 0, i + 1, "", 1000 + i);
			did[i] = (uint8_t)(i % 2 == 0 ? 0 : dice_roll(&d, 4));          /* every other one is whole: which is which is clear */
			if (did[i] != 1)
				rig_message(&r, TRACE_OUT, "x", 1, 0, ++out, "", did[i] == 2 ? 5000 + i : 1000 + i);
			if (did[i] == 3)
				rig_message(&r, TRACE_OUT, "x", 1, 0, ++out, "", 1000 + i);
		}
		rig_message(&r, TRACE_IN, "x", 1, 0, FL_ARRAY_LEN(did) + 1, "", 9);
		rig_message(&r, TRACE_OUT, "x", 1, 0, ++out, "", 9);
		rig_build(&r);
		for (unsigned i = 0; i < FL_ARRAY_LEN(did); i++) {
			const struct lineage_call *c = rig_call(&r, "x", 1, i + 1, 0);

			assert_int_equal(c->fate, did[i] == 1 ? LINEAGE_LOST : did[i] == 2 ? LINEAGE_CHANGED : LINEAGE_WHOLE);
			assert_int_equal(c->copies, did[i] == 3);
		}
		rig_fini(&r);
	}
}

/* ---- ids ---- */

static void
lines_of_chain(struct rig *r)
{
	rig_line(r, "orders", "shop", "billing");
	rig_line(r, "ledger", "billing", "archive");
}

static void
test_ids(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	lines_of_chain(&r);
	rig_through(&r, "orders", 1, 1, "o-1", 1);
	rig_through(&r, "orders", 1, 2, "o-2", 2);
	rig_through(&r, "ledger", 1, 1, "o-2", 3);
	rig_through(&r, "ledger", 1, 2, "o-1", 4);
	rig_through(&r, "ledger", 1, 3, "o-1", 4);
	rig_message(&r, TRACE_IN, "ledger", 1, 1, 1, "o-1", 5);
	rig_build(&r);
	rig_came_of(&r, rig_call(&r, "ledger", 1, 1, 0), rig_call(&r, "orders", 1, 2, 0), LINEAGE_ID);
	rig_came_of(&r, rig_call(&r, "ledger", 1, 2, 0), rig_call(&r, "orders", 1, 1, 0), LINEAGE_ID);
	rig_came_of(&r, rig_call(&r, "ledger", 1, 3, 0), rig_call(&r, "orders", 1, 1, 0), LINEAGE_ID);
	assert_int_equal(rig_call(&r, "ledger", 1, 3, 0)->doubles, 1);
	rig_came_of(&r, rig_call(&r, "ledger", 1, 1, 1), rig_call(&r, "ledger", 1, 3, 0), LINEAGE_ID);
	assert_true(trace_text_is(lineage_from(&r.lineage, rig_call(&r, "ledger", 1, 1, 1)->parent), "billing"));
	rig_fini(&r);
}

/* What did not arrive has no part in what comes after; nor has what goes to another service. */
static void
test_ids_that_are_no_cause(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	lines_of_chain(&r);
	rig_line(&r, "mail", "shop", "postman");
	rig_message(&r, TRACE_IN, "orders", 1, 0, 1, "o-1", 1);         /* lost */
	rig_through(&r, "mail", 1, 1, "o-1", 1);
	rig_through(&r, "ledger", 1, 1, "o-1", 1);
	r.now += FL_SEC;
	rig_through(&r, "orders", 1, 2, "o-1", 1);                      /* too late */
	rig_build(&r);
	assert_int_equal(rig_call(&r, "ledger", 1, 1, 0)->parent, LINEAGE_NONE);
	rig_fini(&r);
}

/* Two workers: one notes what it has sent after the other has noted what came of it. */
static void
test_ids_of_two_clocks(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r);
	lines_of_chain(&r);
	rig_message(&r, TRACE_IN, "orders", 1, 0, 1, "o-1", 1);
	rig_through(&r, "ledger", 1, 1, "o-1", 1);
	rig_message(&r, TRACE_OUT, "orders", 1, 0, 1, "o-1", 1);
	r.now += FL_SEC;
	rig_through(&r, "ledger", 1, 2, "o-2", 1);
	r.now += FL_SEC;
	rig_through(&r, "orders", 1, 2, "o-2", 1);
	rig_build(&r);
	rig_came_of(&r, rig_call(&r, "ledger", 1, 1, 0), rig_call(&r, "orders", 1, 1, 0), LINEAGE_ID);
	assert_int_equal(rig_call(&r, "orders", 1, 1, 0)->parent, LINEAGE_NONE);
	assert_int_equal(rig_call(&r, "ledger", 1, 2, 0)->parent, LINEAGE_NONE);
	rig_fini(&r);
}

/* A key: what went into the same result since the last. */
static void
test_joins(void **state)
{
	struct rig r;
	const struct lineage_call *c;

	(void)state;
	rig_init(&r);
	lines_of_chain(&r);
	for (unsigned i = 1; i <= 3; i++)
		rig_through(&r, "orders", 1, i, "alice", i);
	rig_through(&r, "ledger", 1, 1, "alice", 100);
	rig_through(&r, "orders", 1, 4, "bob", 4);
	rig_through(&r, "orders", 1, 5, "alice", 5);
	rig_through(&r, "ledger", 1, 2, "alice", 101);
	rig_build(&r);
	c = rig_call(&r, "ledger", 1, 1, 0);
	rig_came_of(&r, c, rig_call(&r, "orders", 1, 3, 0), LINEAGE_ID);
	assert_int_equal(c->joins, 2);
	assert_ptr_equal(&r.lineage.calls[r.lineage.joins[c->join]], rig_call(&r, "orders", 1, 2, 0));
	c = rig_call(&r, "ledger", 1, 2, 0);
	rig_came_of(&r, c, rig_call(&r, "orders", 1, 5, 0), LINEAGE_ID);
	assert_int_equal(c->joins, 0);
	rig_fini(&r);
}

/* Nine of ten bring something about: the tenth is missed. Below that there is no rule. */
static void
test_missing(void **state)
{
	const struct lineage_flow *flow[4];

	(void)state;
	for (unsigned missing = 0; missing <= 6; missing += 3) {
		struct rig r;
		char id[16];

		rig_init(&r);
		lines_of_chain(&r);
		for (unsigned i = 1; i <= 13; i++) {
			snprintf(id, sizeof(id), "o-%u", i);
			rig_through(&r, "orders", 1, i, id, i);
			if (i > missing)
				rig_through(&r, "ledger", 1, i, id, i);
		}
		rig_build(&r);
		for (unsigned i = 1; i <= 13; i++) {
			uint32_t n = lineage_missing(&r.lineage, lineage_find(&r.lineage, rig_text("orders"), 1, i, 0), flow, 4);

			assert_int_equal(n, missing == 3 && i <= missing ? 1 : 0);
			if (n == 1)
				assert_true(flow[0]->with == 10 && flow[0]->calls == 13);
		}
		rig_fini(&r);
	}
}

static void
test_find(void **state)
{
	struct rig r;
	uint32_t n, i;
	char name[LINEAGE_NAME_MAX];

	(void)state;
	rig_init(&r);
	rig_through(&r, "orders", (2ull << TRACE_LIFE_SHIFT) | 5, 1, "o-1", 1);
	rig_through(&r, "orders", 1, 1, "o-2", 2);
	rig_message(&r, TRACE_IN, "orders", 1, 0, 2, "o-2", 2);
	rig_message(&r, TRACE_OUT, "orders", 1, 0, 2, "o-2", 3);
	rig_build(&r);
	i = lineage_find_id(&r.lineage, rig_text("o-2"), &n);
	assert_true(n == 2 && lineage_bad(&r.lineage.calls[i]));
	assert_int_equal(lineage_find_id(&r.lineage, rig_text("o-3"), &n), LINEAGE_NONE);
	i = lineage_find_id(&r.lineage, rig_text("o-1"), &n);
	assert_string_equal(lineage_flow_name(&r.lineage, i, name, sizeof(name)), "orders/3.5/1");
	assert_string_equal(lineage_flow_name(&r.lineage, i, name, 9), "orders/3");
	rig_fini(&r);
}

/* ---- two runs ---- */

/* n orders, each with a result; what: 0 nothing, 1 a result changed, 2 a result missing, 3 an order lost, 4 one more. */
static void
run_of(struct rig *r, unsigned n, unsigned which, unsigned what)
{
	char id[16];

	rig_init(r);
	lines_of_chain(r);
	for (unsigned i = 1; i <= n; i++) {
		const bool here = i == which;

		snprintf(id, sizeof(id), "o-%u", i);
		rig_message(r, TRACE_IN, "orders", 1, 0, i, id, i);
		if (here && what == 3)
			continue;
		rig_message(r, TRACE_OUT, "orders", 1, 0, i, id, i);
		if (!here || what != 2)
			rig_through(r, "ledger", 1, i, id, here && what == 1 ? 999 : i);
		if (here && what == 4)
			rig_through(r, "ledger", 1, i + 500, id, i);
	}
	rig_build(r);
}

static void
test_compare(void **state)
{
	static const enum trace_compare_what expected[] = { [1] = TRACE_COMPARE_REQUEST, [2] = TRACE_COMPARE_MISSING, [3] = TRACE_COMPARE_STATUS,
		[4] = TRACE_COMPARE_EXTRA };
	struct rig good, bad;
	struct trace_compare c;
	char name[LINEAGE_NAME_MAX];

	(void)state;
	for (unsigned what = 0; what <= 4; what++) {
		run_of(&good, 20, 0, 0);
		run_of(&bad, 20, 13, what);
		assert_int_equal(trace_compare(&good.lineage, &bad.lineage, &good.mem, &c), 0);
		assert_int_equal(c.count, what == 0 ? 0 : 1);
		assert_int_equal(c.same, what == 0 ? 20 : 19);
		if (what > 0) {
			const struct trace_compare_diff *d = &c.diffs[0];

			assert_int_equal(d->what, expected[what]);
			lineage_name(d->a != LINEAGE_NONE ? &good.lineage : &bad.lineage, d->a != LINEAGE_NONE ? d->a : d->b, name, sizeof(name));
			assert_string_equal(name, what == 3 ? "orders/1/13" : what == 4 ? "orders/1/13 > ledger.2" : "orders/1/13 > ledger.1");
		}
		rig_fini(&good);
		rig_fini(&bad);
	}
}

/* Runs of other lengths: what only one has is said. */
static void
test_compare_lengths(void **state)
{
	struct rig a, b;
	struct trace_compare c;

	(void)state;
	run_of(&a, 12, 0, 0);
	run_of(&b, 10, 0, 0);
	assert_int_equal(trace_compare(&a.lineage, &b.lineage, &a.mem, &c), 0);
	assert_true(c.count == 2 && c.same == 10 && c.diffs[0].what == TRACE_COMPARE_MISSING);
	assert_int_equal(trace_compare(&b.lineage, &a.lineage, &a.mem, &c), 0);
	assert_true(c.count == 2 && c.same == 10 && c.diffs[0].what == TRACE_COMPARE_EXTRA);
	rig_fini(&a);
	rig_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_context), cmocka_unit_test(test_nested), cmocka_unit_test(test_circle), cmocka_unit_test(test_fates),
		cmocka_unit_test(test_closed), cmocka_unit_test(test_random_streams), cmocka_unit_test(test_ids),
		    cmocka_unit_test(test_ids_of_two_clocks),
		cmocka_unit_test(test_ids_that_are_no_cause), cmocka_unit_test(test_joins), cmocka_unit_test(test_missing),
		    cmocka_unit_test(test_find),
		cmocka_unit_test(test_compare), cmocka_unit_test(test_compare_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
