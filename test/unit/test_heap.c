/* SPDX-License-Identifier: MIT */
/* test_heap.c - timers against a plain array searched from end to end. */
#include "unit.h"

#include "base/heap.h"

enum { NODES = 200 };

/* The model: what is armed, when, and in which order it was armed. */
struct model {
	struct heap h;
	struct heap_node nodes[NODES];
	fl_ns at[NODES];
	uint64_t seq[NODES], next_seq;
};

static int
model_first(const struct model *m)
{
	int first = -1;

	for (int i = 0; i < NODES; i++) {
		if (m->at[i] == FL_NEVER)
			continue;
		if (first < 0 || m->at[i] < m->at[first] || (m->at[i] == m->at[first] && m->seq[i] < m->seq[first]))
			first = i;
	}
	return first;
}

static void
model_set(struct model *m, uint32_t i, fl_ns at)
{
	heap_set(&m->h, &m->nodes[i], at);
	m->at[i] = at;
	m->seq[i] = m->next_seq++;
}

static void
model_check(const struct model *m)
{
	int first = model_first(m);
	uint32_t armed = 0;

	for (int i = 0; i < NODES; i++) {
		assert_int_equal(heap_armed(&m->nodes[i]), m->at[i] != FL_NEVER);
		armed += m->at[i] != FL_NEVER;
	}
	assert_int_equal(m->h.count, armed);
	assert_int_equal(heap_next(&m->h), first < 0 ? FL_NEVER : m->at[first]);
}

static void
model_pop(struct model *m, fl_ns now)
{
	int first = model_first(m);
	struct heap_node *n = heap_pop(&m->h, now);

	if (first < 0 || m->at[first] > now) {
		assert_null(n);
		return;
	}
	assert_ptr_equal(n, &m->nodes[first]);
	assert_int_equal(n->at, m->at[first]);
	m->at[first] = FL_NEVER;
}

static void
agrees_with_model(void **state)
{
	static struct model m;
	struct dice d = { .seed = 1 };

	(void)state;
	assert_int_equal(heap_init(&m.h, NODES), 0);
	for (int i = 0; i < NODES; i++)
		m.at[i] = FL_NEVER;
	for (int step = 0; step < 20000; step++) {
		uint32_t i = dice_roll(&d, NODES), what = dice_roll(&d, 10);

		if (what < 6) {
			model_set(&m, i, (fl_ns)dice_roll(&d, 50) - 10);
		} else if (what < 7) {
			heap_del(&m.h, &m.nodes[i]);
			m.at[i] = FL_NEVER;
		} else if (what < 8) {
			model_set(&m, i, FL_NEVER);
		} else {
			model_pop(&m, (fl_ns)dice_roll(&d, 50) - 10);
		}
		model_check(&m);
	}
	while (model_first(&m) >= 0)
		model_pop(&m, FL_NEVER);
	model_check(&m);
	heap_fini(&m.h);
}

static void
equal_deadlines_fire_in_order(void **state)
{
	struct heap h;
	struct heap_node n[50] = { 0 };

	(void)state;
	assert_int_equal(heap_init(&h, 50), 0);
	for (int i = 0; i < 50; i++)
		heap_set(&h, &n[i], 7);
	heap_set(&h, &n[3], 7);         /* re-armed: now the last */
	for (int i = 0; i < 49; i++)
		assert_ptr_equal(heap_pop(&h, 7), &n[i < 3 ? i : i + 1]);
	assert_ptr_equal(heap_pop(&h, 7), &n[3]);
	assert_null(heap_pop(&h, 7));
	heap_fini(&h);
}

static void
overfill(void *subject)
{
	struct heap_node one_more = { 0 };

	heap_set(subject, &one_more, 1);
}

static void
full_is_a_bug(void **state)
{
	struct heap h;
	struct heap_node n = { 0 };

	(void)state;
	assert_int_equal(heap_init(&h, 1), 0);
	heap_set(&h, &n, 1);
	assert_true(unit_aborts(overfill, &h));
	heap_fini(&h);
}

static void
large_reserve_costs_nothing(void **state)
{
	struct heap h;
	struct heap_node n = { 0 };

	(void)state;
	assert_int_equal(heap_init(&h, 100 * 1000 * 1000), 0);
	heap_set(&h, &n, 1);
	assert_ptr_equal(heap_pop(&h, 1), &n);
	heap_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(equal_deadlines_fire_in_order),
		cmocka_unit_test(full_is_a_bug),
		cmocka_unit_test(large_reserve_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
