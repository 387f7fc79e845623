/* SPDX-License-Identifier: MIT */
/* test_chain.c - the chain itself: bytes through no faults and through changing ones, bounds, memory, order, windows. */
#include "chain_rig.h"

#define BUDGET (32u << 20)
#define BOUND (1u << 20)

static void
test_idle_owns_nothing(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	assert_true(chain_idle(&r->c));
	assert_true(chain_wants(&r->c, &r->env));
	rig_put(r, 300000);
	rig_assert_out(r, 300000);
	assert_true(chain_idle(&r->c));
	assert_int_equal(slab_used(r->mem), 0);
	assert_int_equal(chain_put(&r->c, &r->env, NULL, 0, r->now), 0);
	rig_put_eof(r);
	assert_true(r->c.eof_in && r->c.eof_out);
	assert_int_equal(slab_used(r->mem), 0);
	assert_false(chain_wants(&r->c, &r->env));
	rig_free(r);
}

static void
test_queue_is_bounded_and_compact(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	const uint8_t *p;

	(void)state;
	r->closed_window = true;
	while (chain_wants(&r->c, &r->env))
		rig_put(r, 100);
	assert_in_range(r->c.held_bytes, BOUND / 2, BOUND + 100);
	assert_in_range(slab_used(r->mem), r->c.held_bytes, r->c.held_bytes * 2);
	rig_put_eof(r);
	assert_false(r->c.eof_out);
	assert_true(chain_peek(&r->c, &p) > 100);
	rig_take(r, p, 1);
	assert_int_equal(r->c.held_bytes, r->in - 1);
	r->closed_window = false;
	rig_turn(r);
	rig_assert_out(r, r->in);
	assert_true(r->c.eof_out);
	rig_free(r);
}

/* Memory for one byte arriving at a time through a fault that holds it is bounded too. */
static void
test_small_chunks_are_bounded(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, 1000, 0, 0);
	while (chain_wants(&r->c, &r->env)) {
		rig_put(r, 1);
		r->now++;
	}
	assert_in_range(slab_used(r->mem), r->in, 2 * BOUND);
	assert_in_range(r->in, 10000, BOUND);
	rig_pass(r, FL_SEC);
	rig_assert_out(r, r->in);
	assert_true(chain_wants(&r->c, &r->env));
	rig_free(r);
}

static void
test_put_without_memory_changes_nothing(void **state)
{
	struct rig *r = rig_new(BUDGET, 64u << 20);
	uint8_t *p = calloc(1, 200000);
	struct chain before;
	size_t used;

	(void)state;
	r->closed_window = true;
	while (slab_used(r->mem) + (2 << 20) < slab_budget(r->mem))
		rig_put(r, 200000);
	rig_put(r, 50);
	for (size_t n = 200000; n > 0; n /= 2)
		while (chain_put(&r->c, &r->env, p, n, r->now) == 0)
			r->in += n;
	before = r->c;
	used = slab_used(r->mem);
	assert_int_equal(chain_put(&r->c, &r->env, p, 200000, r->now), -ENOMEM);
	assert_memory_equal(&before, &r->c, sizeof(before));
	assert_int_equal(slab_used(r->mem), used);
	free(p);
	rig_free(r);
}

static void
test_set_without_memory_changes_nothing(void **state)
{
	struct rig *r = rig_new(1u << 20, 64u << 20);
	struct chain before;
	void *blocks[20000];
	size_t n = 0;

	(void)state;
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	rig_put(r, 1000);
	while (n < 20000 && (blocks[n] = slab_alloc(r->mem, 256)) != NULL)
		n++;
	assert_true(n < 20000);
	slab_give(r->mem, blocks[--n], 256);
	rig_want(r, FAULT_SLICER, 10, 0, 0);
	rig_want(r, FAULT_BANDWIDTH, 10, 0, 0);
	r->specs[0].values[0].i = 77;
	r->specs[0].version++;
	before = r->c;
	assert_int_equal(rig_apply(r), -ENOMEM);
	assert_memory_equal(&before, &r->c, sizeof(before));
	rig_pass(r, 10 * FL_MS);
	rig_assert_out(r, 1000);
	while (n > 0)
		slab_give(r->mem, blocks[--n], 256);
	rig_free(r);
}

/* A split that finds no memory is tried again; nothing is lost meanwhile. */
static void
test_run_without_memory_waits(void **state)
{
	struct rig *r = rig_new(1u << 20, 64u << 20);
	void *blocks[20000];
	size_t n = 0;

	(void)state;
	rig_add(r, FAULT_SLICER, 10, 0, 0);
	while (n < 20000 && (blocks[n] = slab_alloc(r->mem, 64)) != NULL)
		n++;
	for (int i = 0; i < 2; i++)
		slab_give(r->mem, blocks[--n], 64);
	assert_int_equal(chain_put(&r->c, &r->env, (const uint8_t *)"0123456789abcdefghij", 20, r->now), 0);
	rig_turn(r);
	assert_int_equal(r->out_len, 0);
	assert_int_equal(r->wake, r->now + FL_MS);
	while (n > 0)
		slab_give(r->mem, blocks[--n], 64);
	rig_pass(r, FL_MS);
	assert_int_equal(r->out_len, 20);
	assert_memory_equal(r->out, "0123456789abcdefghij", 20);
	rig_free(r);
}

static void
test_faults_of_the_other_stream_and_of_connections_are_not_installed(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_want(r, FAULT_LATENCY, 10, 0, 0)->dir = FL_C2S;
	rig_want(r, FAULT_CONNECT_DELAY, 10, 0, 0);
	rig_want(r, FAULT_LATENCY, 10, 0, 0)->toxicity = 0;
	assert_int_equal(rig_apply(r), 0);
	assert_true(chain_idle(&r->c));
	assert_int_equal(r->event_count, 0);
	rig_free(r);
}

static void
test_applies_tells_the_draw(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want(r, FAULT_NOOP, 0, 0, 0);
	double draw = decide_toxicity_draw(f, &r->conn);

	(void)state;
	f->toxicity = (float)draw + 0.01f;
	assert_int_equal(rig_apply(r), 0);
	assert_int_equal(r->event_count, 1);
	assert_string_equal(r->events[0].what, "applies");
	assert_int_equal(r->events[0].value, (int64_t)(draw * 1e9));
	f->toxicity = (float)draw - 0.01f;
	f->version++;
	assert_int_equal(rig_apply(r), 0);
	assert_true(chain_idle(&r->c));
	rig_free(r);
}

static void
test_backpressure_inside(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t band;

	(void)state;
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	band = rig_add(r, FAULT_BANDWIDTH, 0, 0, 0);
	rig_add(r, FAULT_SLICER, 1000, 0, 0);
	while (chain_wants(&r->c, &r->env)) {
		rig_put(r, 10000);
		rig_pass(r, FL_MS);
	}
	assert_in_range(r->c.held_bytes, BOUND - 100000, BOUND + 10000);
	struct chain_report rep;
	assert_true(chain_report(&r->c, 1, r->now, &rep));
	assert_in_range(rep.held_bytes, 60000, 80000);
	rig_pass(r, FL_SEC);
	assert_int_equal(r->out_len, 0);
	rig_change(r, band, BANDWIDTH_RATE, 1000000);
	rig_pass(r, FL_SEC);
	rig_assert_out(r, r->in);
	assert_false(chain_report(&r->c, 3, r->now, &rep));
	rig_free(r);
}

/* What passed all faults waits at the end, up to the bound; only then do faults hold it. */
static void
test_backpressure_from_the_receiver(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct chain_report rep;

	(void)state;
	r->closed_window = true;
	rig_add(r, FAULT_LATENCY, 10, 0, 0);
	rig_add(r, FAULT_NOOP, 0, 0, 0);
	for (int i = 0; i < 10; i++) {
		rig_put(r, 100000);
		rig_pass(r, FL_MS);
	}
	rig_put_eof(r);
	rig_pass(r, 10 * FL_MS);
	assert_true(chain_report(&r->c, 0, r->now, &rep) && rep.held_bytes == 0);
	assert_true(chain_report(&r->c, 1, r->now, &rep) && rep.held_bytes == 0);
	assert_int_equal(r->c.out.bytes, 1000000);
	assert_int_equal(rep.in_bytes, 1000000);
	r->closed_window = false;
	rig_turn(r);
	rig_assert_out(r, 1000000);
	assert_true(r->c.eof_out);
	rig_free(r);
}

/* Pieces of one block that passed at different times are sent together when the receiver was slow. */
static void
test_pieces_are_joined_again(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	const uint8_t *p;

	(void)state;
	r->closed_window = true;
	rig_add(r, FAULT_BANDWIDTH, 1000, 0, 0);
	rig_put(r, 50000);
	rig_pass(r, 20 * FL_MS);
	assert_int_equal(chain_peek(&r->c, &p), 20000);
	rig_take(r, p, 1000);
	rig_pass(r, 20 * FL_MS);
	assert_int_equal(chain_peek(&r->c, &p), 39000);
	rig_take(r, p, 39000);
	rig_assert_out(r, 40000);
	rig_free(r);
}

static void
test_removal_flushes_in_order(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	uint64_t a, b, c;

	(void)state;
	a = rig_add(r, FAULT_LATENCY, 1000, 0, 0);
	b = rig_add(r, FAULT_BANDWIDTH, 0, 0, 0);
	c = rig_add(r, FAULT_LATENCY, 500, 0, 0);
	rig_put(r, 1000);
	rig_pass(r, 1000 * FL_MS);
	rig_put(r, 1000);
	rig_remove(r, b);
	rig_pass(r, 100 * FL_MS);
	rig_assert_out(r, 0);
	rig_remove(r, a);
	rig_turn(r);
	rig_assert_out(r, 0);
	rig_remove(r, c);
	rig_turn(r);
	rig_assert_out(r, 2000);
	assert_true(chain_idle(&r->c));
	rig_free(r);
}

static void
test_stages_may_change_places(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec tmp;

	(void)state;
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	rig_add(r, FAULT_LATENCY, 200, 0, 0);
	rig_put(r, 1000);
	rig_pass(r, 100 * FL_MS);
	rig_put(r, 1000);
	tmp = r->specs[0];
	r->specs[0] = r->specs[1];
	r->specs[1] = tmp;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 1000);
	rig_pass(r, 300 * FL_MS);
	rig_assert_out(r, 3000);
	rig_free(r);
}

static void
test_window_and_duty(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);
	struct fault_spec *f = rig_want(r, FAULT_LATENCY, 100, 0, 0);
	struct chain_report rep;

	(void)state;
	f->scope.window_from = 1 * FL_SEC;
	f->scope.window_to = 4 * FL_SEC;
	f->scope.duty_period = FL_SEC;
	f->scope.duty_on = 500 * FL_MS;
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 10);
	rig_assert_out(r, 10);
	assert_true(chain_report(&r->c, 0, r->now, &rep));
	assert_false(rep.active);
	rig_pass(r, FL_SEC);
	rig_put(r, 10);
	rig_assert_out(r, 10);
	rig_pass(r, 450 * FL_MS);
	rig_assert_out(r, 20);
	rig_put(r, 10);
	rig_pass(r, 49 * FL_MS);
	rig_assert_out(r, 20);
	rig_pass(r, 1 * FL_MS);         /* the duty ends: what is held goes */
	rig_assert_out(r, 30);
	rig_put(r, 10);
	rig_assert_out(r, 40);
	rig_until(r, r->since + 4 * FL_SEC);
	assert_int_equal(r->wake, FL_NEVER);
	rig_put(r, 10);
	rig_assert_out(r, 50);
	rig_free(r);
}

static void
test_eof_is_last(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	rig_add(r, FAULT_LATENCY, 100, 0, 0);
	rig_add(r, FAULT_BANDWIDTH, 1, 0, 0);
	rig_put(r, 100);
	rig_put_eof(r);
	assert_true(r->c.eof_in);
	assert_false(chain_wants(&r->c, &r->env));
	rig_pass(r, 199 * FL_MS);
	assert_false(r->c.eof_out);
	rig_pass(r, 1 * FL_MS);
	assert_true(r->c.eof_out);
	rig_assert_out(r, 100);
	rig_free(r);
}

static void
test_events_cost_nothing_when_nobody_listens(void **state)
{
	struct rig *r = rig_new(BUDGET, BOUND);

	(void)state;
	r->env.on_event = NULL;
	rig_want_rate(r, FAULT_CORRUPT, 1, 8);
	rig_want_rate(r, FAULT_DUPLICATE_CHUNK, 0.5, 10);
	rig_want(r, FAULT_LATENCY, 10, 5, 0);
	assert_int_equal(rig_apply(r), 0);
	rig_put(r, 10000);
	rig_pass(r, FL_SEC);
	assert_true(r->out_len > 10000);
	assert_int_equal(r->event_count, 0);
	rig_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_owns_nothing),
		cmocka_unit_test(test_queue_is_bounded_and_compact),
		cmocka_unit_test(test_small_chunks_are_bounded),
		cmocka_unit_test(test_put_without_memory_changes_nothing),
		cmocka_unit_test(test_set_without_memory_changes_nothing),
		cmocka_unit_test(test_run_without_memory_waits),
		cmocka_unit_test(test_faults_of_the_other_stream_and_of_connections_are_not_installed),
		cmocka_unit_test(test_applies_tells_the_draw),
		cmocka_unit_test(test_backpressure_inside),
		cmocka_unit_test(test_backpressure_from_the_receiver),
		cmocka_unit_test(test_pieces_are_joined_again),
		cmocka_unit_test(test_removal_flushes_in_order),
		cmocka_unit_test(test_stages_may_change_places),
		cmocka_unit_test(test_window_and_duty),
		cmocka_unit_test(test_eof_is_last),
		cmocka_unit_test(test_events_cost_nothing_when_nobody_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
