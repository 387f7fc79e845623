/* SPDX-License-Identifier: MIT */
/* test_chain_delay.c - latency, bandwidth, slow_close. */
#include "chain_rig.h"

#include <pthread.h>

#define BUDGET (64u << 20)
#define BOUND (1u << 20)

static void
test_latency_is_exact_and_adds_up(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	rig_add(r, FAULT_LATENCY, 30, 0, 0);
	rig_put(r, 10);
	rig_pass(r, 5 * FL_MS);
	rig_put(r, 10);
	rig_put_eof(r);
	rig_pass(r, FL_SEC);
	rig_assert_out(r, 20);
	assert_int_equal(r->send_count, 2);
	assert_int_equal(r->sends[0].at, r->since + 130 * FL_MS);
	assert_int_equal(r->sends[1].at, r->since + 135 * FL_MS);
	assert_true(r->c.eof_out);
	rig_free(r);
}

/* A timer that fires late does not delay the next stage further. */
static void
test_latency_lateness_does_not_add_up(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	rig_put(r, 10);
	r->now += 150 * FL_MS;
	rig_turn(r);
	assert_int_equal(r->wake, r->since + 200 * FL_MS);
	rig_free(r);
}

static void
test_latency_negative_is_none(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, -100, -50, 0);
	rig_put(r, 10);
	rig_assert_out(r, 10);
	rig_free(r);
}

static void
test_latency_update_retimes(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_add(r, FAULT_LATENCY, 1000, 0, 0);
	rig_put(r, 10);
	rig_pass(r, 50 * FL_MS);
	rig_put(r, 10);
	rig_change(r, id, LATENCY_LATENCY, 60);
	rig_turn(r);
	rig_assert_out(r, 0);
	rig_pass(r, 10 * FL_MS);
	rig_assert_out(r, 10);
	rig_change(r, id, LATENCY_LATENCY, 20);
	rig_pass(r, 10 * FL_MS);
	rig_assert_out(r, 20);
	rig_change(r, id, LATENCY_LATENCY, 3153600000000);      /* 100 years, twice: no overflow */
	rig_add(r, FAULT_LATENCY, 3153600000000, 0, 0);
	rig_add(r, FAULT_LATENCY, 3153600000000, 0, 0);
	rig_put(r, 10);
	rig_until(r, FL_NEVER / 2);
	rig_until(r, FL_NEVER - 1);
	rig_assert_out(r, 20);
	rig_free(r);
}

static void
test_latency_is_bounded(void **state)
{
	struct rig *r = rig_new(BUDGET, 100000);

	(void)state;
	rig_add(r, FAULT_LATENCY, 1000, 0, 0);
	while (chain_wants(&r->c, &r->env))
		rig_put(r, 30000);
	assert_int_equal(r->c.held_bytes, 120000);
	rig_pass(r, FL_SEC);
	assert_true(chain_wants(&r->c, &r->env));
	rig_free(r);
}

/* However the bytes were read, a bulk transfer is cut and delayed alike, by events too. */
static void
test_jitter_resynchronises(void **state)
{
	static const size_t chunks[][4] = { { 200000, 0 }, { 1000, 99000, 100000, 0 } };
	struct rig *r[2];

	(void)state;
	for (int v = 0; v < 2; v++) {
		r[v] = rig_new(BUDGET, BOUND);
		rig_add(r[v], FAULT_LATENCY, 100, 50, 0);
		for (int i = 0; chunks[v][i] != 0; i++) {
			rig_put(r[v], chunks[v][i]);
			rig_pass(r[v], FL_US);
		}
		rig_pass(r[v], FL_SEC);
		rig_assert_out(r[v], 200000);
	}
	assert_int_equal(rig_count(r[0], "delay"), 7);
	assert_int_equal(rig_count(r[1], "delay"), 7 + 2);
	for (size_t i = 0, j = 0; i < 7; i++, j++) {
		const struct rig_event *a = rig_event(r[0], "delay", i), *b;

		assert_int_equal(a->offset, i * 32768);
		while ((b = rig_event(r[1], "delay", j))->offset != a->offset)
			j++;
		assert_int_equal(a->value, b->value);
	}
	rig_free(r[0]);
	rig_free(r[1]);
}

static void
test_jitter_keeps_order(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, 10, 10, 0);
	for (int i = 0; i < 1000; i++) {
		rig_put(r, 20);
		rig_pass(r, FL_MS);
	}
	rig_pass(r, 20 * FL_MS);
	rig_assert_out(r, 20000);
	rig_free(r);
}

/* Send all the time for `time`; returns bytes that came out. */
static size_t
saturate(struct rig *r, fl_ns time, size_t chunk)
{
	fl_ns end = r->now + time;

	for (;;) {
		while (chain_wants(&r->c, &r->env))
			rig_put(r, chunk);
		rig_turn(r);
		if (chain_wants(&r->c, &r->env))
			continue;
		if (r->wake > end)
			break;
		r->now = r->wake;
		rig_turn(r);
	}
	r->now = end;
	return r->out_len;
}

/* The most bytes sent within any window of that length. */
static size_t
busiest(const struct rig *r, fl_ns window)
{
	size_t max = 0, bytes = 0;

	for (size_t i = 0, first = 0; i < r->send_count; i++) {
		bytes += r->sends[i].len;
		while (r->sends[i].at - r->sends[first].at >= window)
			bytes -= r->sends[first++].len;
		max = FL_MAX(max, bytes);
	}
	return max;
}

static void
test_bandwidth_is_exact_and_smooth(void **state)
{
	static const struct {
		int64_t rate;
		size_t chunk;
		fl_ns time;
	} cases[] = {
		{ 1, 1000, 10 * FL_SEC },
		{ 7, 100000, 10 * FL_SEC },
		{ 100, 1460, 10 * FL_SEC },
		{ 100, 262144, 10 * FL_SEC },
		{ 3333, 1, 100 * FL_MS },
		{ 10000, 65536, 10 * FL_SEC },
		{ 100000, 262144, 1 * FL_SEC },
		{ 1000000, 262144, 200 * FL_MS },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct rig *r = rig_new(BUDGET, BOUND);
		double expected = (double)cases[i].rate * 1000 * (double)cases[i].time / 1e9, per_10ms = (double)cases[i].rate * 10;
		double got;

		r->env.on_event = NULL;
		rig_add(r, FAULT_BANDWIDTH, cases[i].rate, 0, 0);
		got = (double)saturate(r, cases[i].time, cases[i].chunk);
		if (got < expected * 0.995 - 64 || got > expected * 1.005)
			fail_msg("rate %d KB/s: %.0f bytes, expected %.0f", (int)cases[i].rate, got, expected);
		assert_true((double)busiest(r, 10 * FL_MS) <= FL_MAX(2 * per_10ms, 65536));
		rig_assert_out(r, r->out_len);
		rig_free(r);
	}
}

/* Timers that are late by several ms cost no bandwidth, and are caught up in bursts of no more than 10 ms worth. */
static void
test_bandwidth_catches_up(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	fl_ns end = r->now + 10 * FL_SEC, late = 0;

	(void)state;
	rig_add(r, FAULT_BANDWIDTH, 1000, 0, 0);
	for (uint64_t i = 0; r->now < end; i++) {
		while (chain_wants(&r->c, &r->env))
			rig_put(r, 10000);
		late = (fl_ns)rng_below(rng_draw(5, i, 0), 8 * FL_MS);
		r->now = r->wake + late;
		rig_turn(r);
	}
	assert_in_range(r->out_len, 9950000, 10050000);
	assert_true(busiest(r, FL_MS) <= 10000 + 5000);
	/* After a stop of a second it goes on at its rate. */
	r->now += FL_SEC;
	r->send_count = 0;
	rig_turn(r);
	assert_true(busiest(r, FL_MS) <= 10000 + 5000);
	rig_free(r);
}

/* A sender who was held back and takes 2 ms to notice that it may go on loses nothing; one who then rests gains nothing. */
static void
test_bandwidth_forgives_a_short_gap(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	fl_ns end = r->now + 10 * FL_SEC;

	(void)state;
	rig_add(r, FAULT_BANDWIDTH, 10000, 0, 0);
	while (r->now < end) {
		while (chain_wants(&r->c, &r->env))
			rig_put(r, 50000);
		while (r->c.held_bytes > 0)
			rig_until(r, r->wake);
		rig_pass(r, 2 * FL_MS);
	}
	assert_in_range(r->out_len, 99000000, 101000000);
	rig_pass(r, FL_SEC);
	rig_put(r, 50000);
	r->send_count = 0;
	rig_pass(r, 5 * FL_MS - 1);
	assert_int_equal(r->send_count, 0);
	rig_pass(r, 1);
	assert_int_equal(r->sends[0].len, 50000);
	rig_pass(r, 5 * FL_MS);
	rig_put(r, 50000);              /* idle by itself: no credit */
	rig_pass(r, 5 * FL_MS - 1);
	assert_int_equal(r->send_count, 1);
	rig_free(r);
}

static void
test_bandwidth_sends_after_the_time(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_BANDWIDTH, 10, 0, 0);
	rig_put(r, 50);
	assert_int_equal(r->wake, r->now + 5 * FL_MS);
	rig_pass(r, 5 * FL_MS);
	rig_assert_out(r, 50);
	rig_pass(r, FL_SEC);
	rig_put(r, 50);
	rig_pass(r, 5 * FL_MS - 1);
	rig_assert_out(r, 50);
	rig_pass(r, 1);
	rig_assert_out(r, 100);
	rig_free(r);
}

static void
test_bandwidth_zero_holds(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id;

	(void)state;
	id = rig_add(r, FAULT_BANDWIDTH, 0, 0, 0);
	rig_put(r, 1000);
	rig_put_eof(r);
	rig_pass(r, 3600 * FL_SEC);
	rig_assert_out(r, 0);
	assert_int_equal(r->wake, FL_NEVER);
	rig_change(r, id, BANDWIDTH_RATE, 1);
	rig_pass(r, 500 * FL_MS);
	assert_in_range(r->out_len, 430, 500);
	assert_false(r->c.eof_out);
	rig_change(r, id, BANDWIDTH_RATE, 0);
	rig_pass(r, 10 * FL_SEC);
	assert_in_range(r->out_len, 430, 500);
	rig_change(r, id, BANDWIDTH_RATE, 1000);
	rig_pass(r, 1 * FL_MS);
	rig_assert_out(r, 1000);
	assert_true(r->c.eof_out);
	rig_free(r);
}

/* A piece in hand is re-timed in proportion: updates that come faster than it passes do not hold it for ever. */
static void
test_bandwidth_update_retimes(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_BANDWIDTH, 1, 0, 0);

	(void)state;
	rig_put(r, 64);
	rig_pass(r, 32 * FL_MS);
	rig_change(r, id, BANDWIDTH_RATE, 2);
	rig_turn(r);
	assert_int_equal(r->wake, r->now + 16 * FL_MS);
	for (int i = 0; i < 16; i++) {
		rig_change(r, id, BANDWIDTH_RATE, 2);
		rig_pass(r, FL_MS);
	}
	rig_assert_out(r, 64);
	rig_free(r);
}

static void
test_bandwidth_holds_little(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_BANDWIDTH, 10, 0, 0);

	(void)state;
	while (chain_wants(&r->c, &r->env))
		rig_put(r, 1000);
	assert_in_range(r->c.held_bytes, 60000, 66000);
	rig_change(r, id, BANDWIDTH_RATE, 10000);
	assert_true(chain_wants(&r->c, &r->env));
	while (chain_wants(&r->c, &r->env))
		rig_put(r, 1000);
	assert_in_range(r->c.held_bytes, 180000, 201000);
	rig_free(r);
}

static void
test_bandwidth_shared(void **state)
{
	struct rig *r[4];
	struct spec_shared *shared = spec_shared_new();
	size_t total = 0, least = SIZE_MAX, most = 0;
	fl_ns now, end;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct fault_spec *f;

		r[i] = rig_new(BUDGET, BOUND);
		f = rig_want(r[i], FAULT_BANDWIDTH, 1000, 1, 0);
		f->shared = shared;
		assert_int_equal(rig_apply(r[i]), 0);
	}
	for (now = r[0]->now, end = now + 10 * FL_SEC; now < end;) {
		fl_ns next = FL_NEVER;

		for (int i = 0; i < 4; i++) {
			r[i]->now = now;
			while (chain_wants(&r[i]->c, &r[i]->env))
				rig_put(r[i], 10000);
			rig_turn(r[i]);
			next = FL_MIN(next, r[i]->wake);
		}
		now = next;
	}
	for (int i = 0; i < 4; i++) {
		total += r[i]->out_len;
		least = FL_MIN(least, r[i]->out_len);
		most = FL_MAX(most, r[i]->out_len);
		assert_true(busiest(r[i], 10 * FL_MS) <= 10000);
	}
	assert_in_range(total, 9950000, 10050000);
	assert_true(most - least < 10000);
	/* Raised a thousandfold, what was promised at the old rate does not count. */
	for (int i = 0; i < 4; i++) {
		r[i]->now = now;
		r[i]->specs[0].values[0].i = 1000000;
		r[i]->specs[0].version++;
		assert_int_equal(rig_apply(r[i]), 0);
	}
	assert_true(atomic_load(&shared->free_at_ns) <= now + 10 * FL_US);
	for (int i = 0; i < 4; i++)
		rig_free(r[i]);
	spec_shared_unref(shared);
}

#define THREADS 4
#define THREAD_BYTES 1000000

static void *
send_shared(void *arg)
{
	struct rig *r = arg;

	while (r->out_len < THREAD_BYTES) {
		if (chain_wants(&r->c, &r->env) && r->in < THREAD_BYTES)
			rig_put(r, 10000);
		else
			r->now = r->wake;
		rig_turn(r);
	}
	return NULL;
}

/* Workers promise time on one clock, and no time is promised twice. */
static void
test_bandwidth_shared_by_threads(void **state)
{
	struct rig *r[THREADS];
	struct spec_shared *shared = spec_shared_new();
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		r[i] = rig_new(BUDGET, BOUND);
		rig_want(r[i], FAULT_BANDWIDTH, 1000, 1, 0)->shared = shared;
		assert_int_equal(rig_apply(r[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_shared, r[i]), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&shared->free_at_ns), r[0]->since + THREADS * THREAD_BYTES * FL_US);
	for (int i = 0; i < THREADS; i++)
		rig_free(r[i]);
	spec_shared_unref(shared);
}

static void
test_slow_close_holds_the_end(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_SLOW_CLOSE, 1000, 0, 0);

	(void)state;
	rig_put(r, 100);
	rig_assert_out(r, 100);
	rig_put_eof(r);
	assert_int_equal(rig_event(r, "hold", 0)->offset, 100);
	rig_pass(r, 999 * FL_MS);
	assert_false(r->c.eof_out);
	rig_change(r, id, SLOW_CLOSE_DELAY, 2000);
	rig_pass(r, 1000 * FL_MS);
	assert_false(r->c.eof_out);
	rig_pass(r, FL_MS);
	assert_true(r->c.eof_out);
	assert_int_equal(rig_count(r, "hold"), 1);
	assert_int_equal(rig_hits(r, 0), 1);
	rig_free(r);
}

static void
test_slow_close_removed(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t id = rig_add(r, FAULT_SLOW_CLOSE, 1000, 0, 0);

	(void)state;
	rig_put_eof(r);
	rig_remove(r, id);
	assert_true(r->c.eof_out);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_latency_is_exact_and_adds_up),
		cmocka_unit_test(test_latency_lateness_does_not_add_up),
		cmocka_unit_test(test_latency_negative_is_none),
		cmocka_unit_test(test_latency_update_retimes),
		cmocka_unit_test(test_latency_is_bounded),
		cmocka_unit_test(test_jitter_resynchronises),
		cmocka_unit_test(test_jitter_keeps_order),
		cmocka_unit_test(test_bandwidth_is_exact_and_smooth),
		cmocka_unit_test(test_bandwidth_catches_up),
		cmocka_unit_test(test_bandwidth_forgives_a_short_gap),
		cmocka_unit_test(test_bandwidth_sends_after_the_time),
		cmocka_unit_test(test_bandwidth_zero_holds),
		cmocka_unit_test(test_bandwidth_update_retimes),
		cmocka_unit_test(test_bandwidth_holds_little),
		cmocka_unit_test(test_bandwidth_shared),
		cmocka_unit_test(test_bandwidth_shared_by_threads),
		cmocka_unit_test(test_slow_close_holds_the_end),
		cmocka_unit_test(test_slow_close_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
