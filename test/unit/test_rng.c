/* SPDX-License-Identifier: MIT */
/* test_rng.c - Philox against its authors' answers (Random123, kat_vectors), and the shapes drawn from it. */
#include "unit.h"

#include <math.h>

static void
known_answers(void **state)
{
	static const struct {
		uint32_t counter[4], key[2], out[4];
	} rows[] = {
		{ { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
		  { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
		  { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		const uint32_t *c = rows[i].counter, *k = rows[i].key, *out = rows[i].out;
		struct rng128 r = rng_block(k[0] | (uint64_t)k[1] << 32, c[0] | (uint64_t)c[1] << 32,
		                            c[2] | (uint64_t)c[3] << 32);

		assert_int_equal(r.lo, out[0] | (uint64_t)out[1] << 32);
		assert_int_equal(r.hi, out[2] | (uint64_t)out[3] << 32);
		assert_int_equal(rng_draw(k[0] | (uint64_t)k[1] << 32, c[0] | (uint64_t)c[1] << 32,
		                          c[2] | (uint64_t)c[3] << 32), r.lo);
	}
}

static void
keys_nest_in_order(void **state)
{
	(void)state;
	assert_int_not_equal(rng_key(rng_key(7, 1), 2), rng_key(rng_key(7, 2), 1));
	assert_int_not_equal(rng_key(7, 1), rng_key(8, 1));
	assert_int_equal(rng_key(7, 1), rng_key(7, 1));
	assert_int_not_equal(rng_key(7, 1), rng_draw(7, 1, 0));
}

static void
ranges(void **state)
{
	(void)state;
	assert_true(rng_unit(0) == 0.0);
	assert_true(rng_unit(UINT64_MAX) < 1.0);
	assert_true(rng_unit(UINT64_C(1) << 63) == 0.5);
	assert_int_equal(rng_below(0, 10), 0);
	assert_int_equal(rng_below(UINT64_MAX, 10), 9);
	assert_int_equal(rng_below(UINT64_MAX, 1), 0);
	assert_int_equal(rng_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
	assert_true(isfinite(rng_normal((struct rng128){ UINT64_MAX, 0 })));
	assert_true(isfinite(rng_normal((struct rng128){ 0, 0 })));
}

/* chi-squared over 16 equal cells, 15 degrees of freedom: 99.9 % lie under 37.7. The draws are fixed, so is the verdict. */
static void
units_are_even(void **state)
{
	enum { CELLS = 16, DRAWS = 160000 };
	int cells[CELLS] = { 0 };
	double chi2 = 0;

	(void)state;
	for (uint64_t i = 0; i < DRAWS; i++)
		cells[(int)(rng_unit(rng_draw(42, i, 9)) * CELLS)]++;
	for (int i = 0; i < CELLS; i++) {
		double off = cells[i] - DRAWS / CELLS;

		chi2 += off * off / (DRAWS / CELLS);
	}
	assert_true(chi2 < 37.7);
}

static void
normal_has_its_moments(void **state)
{
	enum { DRAWS = 200000 };
	double sum = 0, squares = 0, within = 0;

	(void)state;
	for (uint64_t i = 0; i < DRAWS; i++) {
		double x = rng_normal(rng_block(5, i, 0));

		sum += x;
		squares += x * x;
		within += fabs(x) < 1;
	}
	assert_true(fabs(sum / DRAWS) < 0.01);
	assert_true(fabs(squares / DRAWS - 1) < 0.02);
	assert_true(fabs(within / DRAWS - 0.6827) < 0.005);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_answers),
		cmocka_unit_test(keys_nest_in_order),
		cmocka_unit_test(ranges),
		cmocka_unit_test(units_are_even),
		cmocka_unit_test(normal_has_its_moments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
