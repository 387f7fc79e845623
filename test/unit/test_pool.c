/* SPDX-License-Identifier: MIT */
/* test_pool.c - objects by handle against a table of what is out and every handle there ever was. */
#include "unit.h"

#include "base/poison.h"
#include "base/pool.h"

enum { OBJECTS = 64, STEPS = 20000 };

struct out {
	unsigned char *object;
	uint64_t handle;
	unsigned char fill;
};

static void
take_one(struct pool *p, struct out *o, unsigned char fill, size_t bytes)
{
	o->object = pool_take(p, &o->handle);
	assert_non_null(o->object);
	for (size_t i = 0; i < bytes; i++)
		assert_int_equal(o->object[i], 0);
	memset(o->object, fill, bytes);
	o->fill = fill;
	assert_int_not_equal(o->handle, 0);
	assert_int_equal(pool_handle(p, o->object), o->handle);
	assert_ptr_equal(pool_get(p, o->handle), o->object);
}

static void
model_run(size_t bytes, uint64_t seed)
{
	struct pool p;
	struct out outs[OBJECTS];
	static uint64_t dead[STEPS];
	uint32_t count = 0, dead_count = 0;
	struct dice d = { .seed = seed };

	assert_int_equal(pool_init(&p, bytes, OBJECTS), 0);
	for (int step = 0; step < STEPS; step++) {
		if (dice_roll(&d, 100) < 52) {
			if (count == OBJECTS)
				assert_null(pool_take(&p, NULL));
			else
				take_one(&p, &outs[count++], (unsigned char)(1 + dice_roll(&d, 255)), bytes);
		} else if (count > 0) {
			struct out *o = &outs[dice_roll(&d, count)];

			for (size_t i = 0; i < bytes; i++)
				assert_int_equal(o->object[i], o->fill);
			pool_give(&p, o->object);
			dead[dead_count++] = o->handle;
			assert_null(pool_get(&p, o->handle));
			*o = outs[--count];
		}
		assert_int_equal(p.count, count);
		if (dead_count > 0)
			assert_null(pool_get(&p, dead[dice_roll(&d, dead_count)]));
		if (count > 0) {
			struct out *o = &outs[dice_roll(&d, count)];

			assert_ptr_equal(pool_get(&p, o->handle), o->object);
		}
	}
	pool_fini(&p);
}

static void
agrees_with_model(void **state)
{
	static const size_t sizes[] = { 1, 7, 8, 24, 100, 4096, 5000 };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(sizes); i++)
		model_run(sizes[i], i);
}

static void
wild_handles_are_nobody(void **state)
{
	struct pool p;
	uint64_t h;

	(void)state;
	assert_int_equal(pool_init(&p, 16, 4), 0);
	assert_null(pool_get(&p, 0));
	assert_null(pool_get(&p, 1));
	assert_non_null(pool_take(&p, &h));
	assert_null(pool_get(&p, 0));
	assert_null(pool_get(&p, h + 1));
	assert_null(pool_get(&p, h + (UINT64_C(1) << 32)));
	assert_null(pool_get(&p, UINT64_MAX));
	pool_fini(&p);
	pool_fini(&p);          /* fine on what is finished */
}

static void
slots_can_be_walked(void **state)
{
	struct pool p;
	struct out outs[3];

	(void)state;
	assert_int_equal(pool_init(&p, 16, 8), 0);
	for (unsigned char i = 0; i < 3; i++)
		take_one(&p, &outs[i], i, 16);
	pool_give(&p, outs[1].object);
	assert_ptr_equal(pool_at(&p, 0), outs[0].object);
	assert_null(pool_at(&p, 1));
	assert_ptr_equal(pool_at(&p, 2), outs[2].object);
	pool_fini(&p);
}

static void
last_given_is_next_taken(void **state)
{
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, 16, 8), 0);
	void *a = pool_take(&p, NULL), *b = pool_take(&p, NULL);

	pool_give(&p, a);
	pool_give(&p, b);
	assert_ptr_equal(pool_take(&p, NULL), b);
	assert_ptr_equal(pool_take(&p, NULL), a);
	pool_fini(&p);
}

struct misuse {
	struct pool *p;
	void *object;
};

static void
give(void *subject)
{
	struct misuse *m = subject;

	pool_give(m->p, m->object);
}

static void
misuse_is_a_bug(void **state)
{
	struct pool p;
	long elsewhere;

	(void)state;
	assert_int_equal(pool_init(&p, 24, 8), 0);
	char *a = pool_take(&p, NULL), *b = pool_take(&p, NULL);

	pool_give(&p, b);
	assert_true(unit_aborts(give, &(struct misuse){ &p, b }));            /* twice */
	assert_true(unit_aborts(give, &(struct misuse){ &p, a + 8 }));        /* not its start */
	assert_true(unit_aborts(give, &(struct misuse){ &p, &elsewhere }));
	assert_true(unit_aborts(give, &(struct misuse){ &p, a + 6 * p.slot_bytes }));   /* never taken */
	assert_false(unit_aborts(give, &(struct misuse){ &p, a }));
	pool_fini(&p);
}

static void
costs_eight_bytes_a_slot(void **state)
{
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, 40, 1000), 0);
	assert_int_equal(p.slot_bytes, 48);
	pool_fini(&p);
	assert_int_equal(pool_init(&p, 500, UINT32_C(1) << 24), 0);     /* 8 GB of address space, no memory */
	assert_non_null(pool_take(&p, NULL));
	pool_fini(&p);
}

#ifdef POISON_ON
static void
freed_objects_are_poisoned(void **state)
{
	struct pool p;

	(void)state;
	assert_int_equal(pool_init(&p, 12, 8), 0);
	char *a = pool_take(&p, NULL);

	assert_false(poison_has(a + 11));
	assert_true(poison_has(a + 12));
	pool_give(&p, a);
	assert_true(poison_has(a));
	pool_fini(&p);
	assert_false(poison_has(a));
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(wild_handles_are_nobody),
		cmocka_unit_test(slots_can_be_walked),
		cmocka_unit_test(last_given_is_next_taken),
		cmocka_unit_test(misuse_is_a_bug),
		cmocka_unit_test(costs_eight_bytes_a_slot),
#ifdef POISON_ON
		cmocka_unit_test(freed_objects_are_poisoned),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
