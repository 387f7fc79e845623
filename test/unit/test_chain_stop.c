/* SPDX-License-Identifier: MIT */
/* test_chain_stop.c - timeout, reset_peer, limit_data, limit_time, stall, half_open. */
#include "chain_rig.h"

#define BUDGET (64u << 20)
#define BOUND (1u << 20)

static void
test_timeout_counts_from_the_last_chunk(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_TIMEOUT, 100, 0, 0);

	(void)state;
	for (int i = 0; i < 5; i++) {
		rig_pass(r, 99 * FL_MS);
		rig_put(r, 1000);
	}
	assert_int_equal(r->c.held_bytes, 0);
	assert_int_equal(rig_hits(r, 0), 5);
	assert_true(chain_wants(&r->c, &r->env));
	rig_put_eof(r);
	rig_pass(r, 99 * FL_MS);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_pass(r, FL_MS);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	assert_int_equal(r->c.verdict_by->id, id);
	assert_int_equal(r->out_len, 0);
	assert_false(r->c.eof_out);
	assert_int_equal(rig_count(r, "close"), 1);
	rig_free(r);
}

static void
test_timeout_zero_stays_until_removed(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_TIMEOUT, 0, 0, 0);

	(void)state;
	rig_put(r, 1000);
	rig_put_eof(r);
	rig_pass(r, 3600 * FL_SEC);
	assert_int_equal(r->wake, FL_NEVER);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	assert_null(r->c.verdict_by);
	rig_free(r);
}

static void
test_timeout_that_missed_or_slept_does_not_close(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want(r, FAULT_TIMEOUT, 10, 0, 0);
	uint64_t id;

	(void)state;
	f->toxicity = 0;
	id = f->id;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 10);
	rig_remove(r, id);
	f = rig_want(r, FAULT_TIMEOUT, 10, 0, 0);
	f->scope.window_from = FL_SEC;
	id = f->id;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 10);
	rig_pass(r, 500 * FL_MS);
	rig_remove(r, id);
	rig_assert_out(r, 20);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_free(r);
}

/* With a duty cycle the timer starts afresh each time. */
static void
test_timeout_duty(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want(r, FAULT_TIMEOUT, 100, 0, 0);

	(void)state;
	f->scope.duty_period = FL_SEC;
	f->scope.duty_on = 90 * FL_MS;
	assert_int_equal(rig_apply(r), 0);
	rig_pass(r, 10 * FL_SEC + 50 * FL_MS);
	rig_put(r, 10);
	assert_int_equal(r->out_len, 0);
	rig_pass(r, 50 * FL_MS);
	rig_put(r, 10);
	assert_int_equal(r->out_len, 10);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_free(r);
}

static void
test_reset_peer(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_RESET_PEER, 100, 0, 0);

	(void)state;
	rig_pass(r, FL_SEC);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_put(r, 10);
	rig_pass(r, 50 * FL_MS);
	rig_put(r, 10);
	rig_pass(r, 50 * FL_MS - 1);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	assert_int_equal(r->out_len, 0);
	rig_pass(r, 1);
	assert_int_equal(r->c.verdict, CHAIN_RESET);
	assert_int_equal(r->c.verdict_by->id, id);
	assert_int_equal(rig_count(r, "reset"), 1);
	assert_int_equal(rig_hits(r, 0), 1);
	rig_free(r);
}

static void
test_reset_peer_at_the_end_and_when_removed(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_RESET_PEER, 0, 0, 0);

	(void)state;
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	id = rig_add(r, FAULT_RESET_PEER, 1000, 0, 0);
	rig_put_eof(r);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_RESET);
	rig_free(r);
}

static void
test_limit_data_exact(void **state)
{
	static const int64_t limits[] = { 0, 1, 999, 1000, 1001, 65520, 70000, 200000 };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(limits); i++) {
		struct rig *r = rig_new(BUDGET, BOUND);
		uint64_t id = rig_add(r, FAULT_LIMIT_DATA, limits[i], 0, 0);

		rig_pass(r, FL_SEC);
		assert_int_equal(r->c.verdict, CHAIN_OPEN);
		for (int k = 0; k < 100 && r->c.verdict == CHAIN_OPEN; k++)
			rig_put(r, k == 3 ? 200000 : 333);
		rig_assert_out(r, (size_t)limits[i]);
		assert_int_equal(r->c.verdict, CHAIN_CLOSE);
		assert_int_equal(r->c.verdict_by->id, id);
		assert_int_equal(r->wake, FL_NEVER);
		assert_int_equal(rig_event(r, "limit", 0)->offset, limits[i]);
		rig_free(r);
	}
}

/* The close comes after the last byte left the chain, however long that takes, and updates do not forget the count. */
static void
test_limit_data_waits_for_what_is_below(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_LIMIT_DATA, 600, 0, 0);

	(void)state;
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	r->closed_window = true;
	rig_put(r, 500);
	rig_change(r, id, LIMIT_DATA_BYTES, 550);
	rig_put(r, 500);
	assert_false(chain_wants(&r->c, &r->env));
	rig_pass(r, FL_SEC);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	r->closed_window = false;
	rig_turn(r);
	rig_assert_out(r, 550);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	rig_free(r);
}

static void
test_limit_data_end_of_stream_passes(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_LIMIT_DATA, 100, 0, 0);

	(void)state;
	rig_put(r, 90);
	rig_change(r, id, LIMIT_DATA_BYTES, 50);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_put_eof(r);
	assert_true(r->c.eof_out);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_free(r);
}

static void
test_limit_time(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	rig_pass(r, 300 * FL_MS);
	id = rig_add(r, FAULT_LIMIT_TIME, 500, 0, 0);
	rig_pass(r, 100 * FL_MS);
	rig_put(r, 100);
	rig_pass(r, 100 * FL_MS - 1);
	rig_assert_out(r, 100);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_pass(r, 1);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	assert_int_equal(r->c.verdict_by->id, id);
	rig_free(r);
}

static void
test_stall(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct chain_report rep;

	(void)state;
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	rig_add(r, FAULT_STALL, 150, 1000, 0);
	rig_put(r, 100);
	rig_pass(r, 20 * FL_MS);
	assert_true(chain_wants(&r->c, &r->env));
	rig_put(r, 100);
	rig_pass(r, 10 * FL_MS);
	rig_assert_out(r, 150);
	assert_false(chain_wants(&r->c, &r->env));
	assert_int_equal(rig_event(r, "stall", 0)->offset, 150);
	rig_put(r, 100);
	rig_put_eof(r);
	rig_pass(r, 1000 * FL_MS - 1);
	rig_assert_out(r, 150);
	rig_pass(r, 1);
	rig_assert_out(r, 300);
	assert_true(r->c.eof_out);
	assert_true(chain_report(&r->c, 1, r->now, &rep));
	assert_int_equal(rep.hits, 1);
	rig_free(r);
}

/* When a stall ends that holds nothing itself, what waits above it goes on. */
static void
test_stall_ends_for_those_above(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f;

	(void)state;
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	rig_add(r, FAULT_STALL, 100, 1000, 0);
	rig_put(r, 100);
	rig_pass(r, 10 * FL_MS);
	rig_put(r, 100);
	rig_put_eof(r);
	rig_pass(r, 999 * FL_MS);
	rig_assert_out(r, 100);
	rig_pass(r, FL_MS);
	rig_assert_out(r, 200);
	assert_true(r->c.eof_out);
	rig_free(r);

	r = rig_new(BUDGET, BOUND);
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	f = rig_want(r, FAULT_STALL, 0, 0, 0);
	f->scope.window_to = FL_SEC;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 100);
	rig_pass(r, FL_SEC - 1);
	rig_assert_out(r, 0);
	rig_pass(r, 1);
	rig_assert_out(r, 100);
	rig_free(r);
}

static void
test_stall_for_ever(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_STALL, 0, 0, 0);

	(void)state;
	assert_false(chain_wants(&r->c, &r->env));
	rig_put(r, 100);
	rig_pass(r, 3600 * FL_SEC);
	assert_int_equal(r->wake, FL_NEVER);
	rig_assert_out(r, 0);
	rig_change(r, id, STALL_AFTER, 60);
	rig_turn(r);
	rig_assert_out(r, 60);
	assert_false(chain_wants(&r->c, &r->env));
	rig_remove(r, id);
	rig_turn(r);
	rig_assert_out(r, 100);
	assert_true(chain_wants(&r->c, &r->env));
	rig_free(r);
}

/* An update of its duration counts from when the stall began. */
static void
test_stall_updated(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_STALL, 0, 1000, 0);

	(void)state;
	rig_put(r, 100);
	rig_pass(r, 500 * FL_MS);
	rig_change(r, id, STALL_DURATION, 800);
	rig_pass(r, 300 * FL_MS - 1);
	rig_assert_out(r, 0);
	rig_pass(r, 1);
	rig_assert_out(r, 100);
	rig_change(r, id, STALL_DURATION, 900);         /* it is over */
	rig_put(r, 100);
	rig_assert_out(r, 200);
	rig_free(r);
}

static void
test_half_open_in_a_window(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want(r, FAULT_HALF_OPEN, 100, 0, 0);

	(void)state;
	f->scope.window_from = FL_SEC;
	f->scope.window_to = 2 * FL_SEC;
	assert_int_equal(rig_apply(r), 0);
	rig_pass(r, 1100 * FL_MS - 1);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_pass(r, 1);
	assert_int_equal(r->c.verdict, CHAIN_HALF_OPEN);
	rig_pass(r, 899 * FL_MS);
	assert_int_equal(r->c.verdict, CHAIN_HALF_OPEN);
	rig_pass(r, FL_MS);
	assert_int_equal(r->c.verdict, CHAIN_RESET);
	rig_free(r);
}

static void
test_half_open(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_add(r, FAULT_HALF_OPEN, 100, 0, 0);
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_pass(r, FL_SEC);
	id = rig_add(r, FAULT_HALF_OPEN, 100, 0, 0);
	rig_put(r, 10);
	rig_pass(r, 99 * FL_MS);
	rig_assert_out(r, 10);
	assert_int_equal(r->c.verdict, CHAIN_OPEN);
	rig_pass(r, FL_MS);
	assert_int_equal(r->c.verdict, CHAIN_HALF_OPEN);
	assert_int_equal(r->c.verdict_by->id, id);
	assert_int_equal(rig_hits(r, 0), 1);
	assert_false(chain_wants(&r->c, &r->env));
	rig_put(r, 10);
	rig_put_eof(r);
	rig_pass(r, FL_SEC);
	rig_assert_out(r, 10);
	assert_false(r->c.eof_out);
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_RESET);
	rig_free(r);
}

static void
test_verdict_survives_new_sets(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_LIMIT_TIME, 0, 0, 0);

	(void)state;
	rig_turn(r);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	rig_add(r, FAULT_NOOP, 0, 0, 0);
	assert_ptr_equal(r->c.verdict_by, &r->set->specs[0]);
	rig_remove(r, id);
	assert_int_equal(r->c.verdict, CHAIN_CLOSE);
	assert_null(r->c.verdict_by);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timeout_counts_from_the_last_chunk),
		cmocka_unit_test(test_timeout_zero_stays_until_removed),
		cmocka_unit_test(test_timeout_that_missed_or_slept_does_not_close),
		cmocka_unit_test(test_timeout_duty),
		cmocka_unit_test(test_reset_peer),
		cmocka_unit_test(test_reset_peer_at_the_end_and_when_removed),
		cmocka_unit_test(test_limit_data_exact),
		cmocka_unit_test(test_limit_data_waits_for_what_is_below),
		cmocka_unit_test(test_limit_data_end_of_stream_passes),
		cmocka_unit_test(test_limit_time),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_stall_ends_for_those_above),
		cmocka_unit_test(test_stall_for_ever),
		cmocka_unit_test(test_stall_updated),
		cmocka_unit_test(test_half_open_in_a_window),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_verdict_survives_new_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
