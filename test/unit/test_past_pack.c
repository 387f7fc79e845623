/* SPDX-License-Identifier: MIT */
/* test_past_pack.c - what is packed comes out again; what was damaged is refused. */
#include "unit.h"

#include "base/types.h"
#include "store/past_pack.h"

#include <errno.h>

enum { PIECES_MAX = 40000 };

struct seen {
	const struct past_piece *expect;
	size_t at, n, days;
	bool want;
};

static bool
want_head(void *arg, const struct past_day *d)
{
	struct seen *s = arg;

	assert_true(d->pieces > 0 && d->claim > 0);
	s->days++;
	return s->want;
}

static void
check_piece(void *arg, int64_t claim, uint32_t first, uint32_t last)
{
	struct seen *s = arg;

	assert_true(s->at < s->n);
	assert_int_equal(claim, s->expect[s->at].claim);
	assert_int_equal(first, s->expect[s->at].first);
	assert_int_equal(last, s->expect[s->at].last);
	s->at++;
}

/* A day of `claims` claims with up to `most` pieces each. */
static size_t
draw_day(struct dice *d, struct past_piece *p, uint32_t claims, uint32_t most)
{
	int64_t id = 0;
	size_t n = 0;

	for (uint32_t c = 0; c < claims; c++) {
		uint32_t at = dice_roll(d, 200), pieces = 1 + dice_roll(d, most);

		id += 1 + dice_roll(d, dice_roll(d, 9) == 0 ? 1000000 : 3);
		for (uint32_t i = 0; i < pieces && at < PAST_DAY_MINUTES && n < PIECES_MAX; i++) {
			uint32_t length = dice_roll(d, 150), last = FL_MIN(at + length, PAST_DAY_MINUTES);

			p[n++] = (struct past_piece){ id, at, last, dice_roll(d, 100), dice_roll(d, 4) == 0 ? 3 : 0 };
			at = last + 1 + dice_roll(d, 150);
		}
	}
	return n;
}

static void
comes_out_again(void **state)
{
	static struct past_piece p[PIECES_MAX];
	struct dice d = { .seed = 7 };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 24);
	for (int turn = 0; turn < 200; turn++) {
		struct seen s = { .expect = p, .n = draw_day(&d, p, 1 + dice_roll(&d, 300), 1 + dice_roll(&d, 20)), .want = true };

		buf_clear(&out);
		assert_int_equal(past_pack(p, s.n, &out), 0);
		assert_int_equal(past_unpack(buf_data(&out), buf_len(&out), want_head, check_piece, &s), 0);
		assert_int_equal(s.at, s.n);
	}
	buf_fini(&out);
}

static bool
want_every_third(void *arg, const struct past_day *day)
{
	struct seen *s = arg;

	while (s->at < s->n && s->expect[s->at].claim < day->claim)
		s->at++;
	assert_int_equal(s->expect[s->at].claim, day->claim);
	return day->claim % 3 == 0;
}

static void
some_claims_only(void **state)
{
	static struct past_piece p[PIECES_MAX];
	struct dice d = { .seed = 8 };
	struct seen s = { .expect = p, .n = draw_day(&d, p, 500, 10) };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 24);
	assert_int_equal(past_pack(p, s.n, &out), 0);
	assert_int_equal(past_unpack(buf_data(&out), buf_len(&out), want_every_third, check_piece, &s), 0);
	buf_fini(&out);
}

static void
touching_is_joined(void **state)
{
	const struct past_piece p[] = { { 1, 10, 20, 5, 0 }, { 1, 20, 30, 7, 1 }, { 1, 25, 28, 1, 0 }, { 1, 31, 31, 1, 0 },
		{ 9, 0, 1440, 1000000, 0 } };
	const struct past_piece expect[] = { { 1, 10, 30, 0, 0 }, { 1, 31, 31, 0, 0 }, { 9, 0, 1440, 0, 0 } };
	struct seen s = { .expect = expect, .n = 3, .want = true };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(past_pack(p, 5, &out), 0);
	assert_int_equal(past_unpack(buf_data(&out), buf_len(&out), want_head, check_piece, &s), 0);
	assert_int_equal(s.at, 3);
	assert_int_equal(s.days, 2);
	buf_fini(&out);
}

static bool
look_at_amounts(void *arg, const struct past_day *d)
{
	uint64_t real = *(const uint64_t *)arg;

	assert_true(d->count <= real && real - d->count <= real / 8);
	assert_true(d->errors <= real / 3 && real / 3 - d->errors <= real / 24 + 1);
	return false;
}

static void
amounts_are_near(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	for (uint64_t v = 1; v < UINT64_C(1) << 61; v += v / 7 + 1) {
		const struct past_piece p = { 5, 1, 2, v, v / 3 };

		buf_clear(&out);
		assert_int_equal(past_pack(&p, 1, &out), 0);
		assert_int_equal(past_unpack(buf_data(&out), buf_len(&out), look_at_amounts, NULL, &v), 0);
	}
	buf_fini(&out);
}

static void
disorder_is_refused(void **state)
{
	const struct past_piece back[] = { { 2, 1, 2, 1, 0 }, { 1, 1, 2, 1, 0 } }, early[] = { { 1, 9, 10, 1, 0 }, { 1, 1, 2, 1, 0 } };
	const struct past_piece long_day = { 1, 0, 1441, 1, 0 }, turned = { 1, 9, 3, 1, 0 }, zero = { 0, 0, 3, 1, 0 };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(past_pack(back, 2, &out), -EINVAL);
	assert_int_equal(past_pack(early, 2, &out), -EINVAL);
	assert_int_equal(past_pack(&long_day, 1, &out), -EINVAL);
	assert_int_equal(past_pack(&turned, 1, &out), -EINVAL);
	assert_int_equal(past_pack(&zero, 1, &out), -EINVAL);
	assert_int_equal(buf_len(&out), 0);
	buf_fini(&out);
}

static void
nothing_of(void *arg, int64_t claim, uint32_t first, uint32_t last)
{
	(void)arg;
	assert_true(claim > 0 && first <= last && last <= PAST_DAY_MINUTES);
}

/* Cut or with bits turned: told or refused, never past the end (the sanitizers look). */
static void
damage_is_survived(void **state)
{
	static struct past_piece p[PIECES_MAX];
	struct dice d = { .seed = 9 };
	size_t n = draw_day(&d, p, 60, 12), refused = 0;
	struct seen s = { .want = true };
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 24);
	assert_int_equal(past_pack(p, n, &out), 0);
	for (int turn = 0; turn < 3000; turn++) {
		size_t bytes = turn % 2 == 0 ? dice_roll(&d, (uint32_t)buf_len(&out)) : buf_len(&out);
		char *copy = malloc(bytes + 1);

		assert_non_null(copy);
		memcpy(copy, buf_data(&out), bytes);
		if (turn % 2 == 1)
			copy[dice_roll(&d, (uint32_t)bytes)] ^= (char)(1 << dice_roll(&d, 8));
		refused += past_unpack(copy, bytes, want_head, nothing_of, &s) == -EBADMSG;
		free(copy);
	}
	assert_true(refused > 1500);
	buf_fini(&out);
}

/* The promise of the head comment: ten episodes a day in three bytes each at most. */
static void
is_small(void **state)
{
	static struct past_piece p[PIECES_MAX];
	struct dice d = { .seed = 10 };
	struct buf out;
	size_t n = 0;

	(void)state;
	for (int64_t c = 1; c <= 1000; c++) {
		uint32_t at = dice_roll(&d, 100);

		for (int i = 0; i < 10; i++) {
			p[n++] = (struct past_piece){ c, at, at + dice_roll(&d, 70), 9, 0 };
			at = p[n - 1].last + 1 + dice_roll(&d, 66);
		}
	}
	buf_init(&out, 1 << 24);
	assert_int_equal(past_pack(p, n, &out), 0);
	assert_true(buf_len(&out) <= 3 * n);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_out_again),
		cmocka_unit_test(some_claims_only),
		cmocka_unit_test(touching_is_joined),
		cmocka_unit_test(amounts_are_near),
		cmocka_unit_test(disorder_is_refused),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
