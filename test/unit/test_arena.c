/* SPDX-License-Identifier: MIT */
/* test_arena.c - allocations stay whole and apart, the cap holds, snapshots bring back exactly what was. */
#include "unit.h"

#include "base/arena.h"
#include "base/poison.h"

enum { CAP = 200000, PIECES = 2000, DEPTH = 12 };

struct piece {
	unsigned char *p;
	size_t n;
	unsigned char fill;
};

static void
check_pieces(const struct piece *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < pieces[i].n; k++)
			assert_int_equal(pieces[i].p[k], pieces[i].fill);
}

static bool
alloc_piece(struct arena *a, struct piece *piece, struct dice *d)
{
	size_t n = dice_roll(d, dice_roll(d, 20) == 0 ? 20000 : 200);

	*piece = (struct piece){ .p = arena_alloc(a, n), .n = n, .fill = (unsigned char)dice_roll(d, 256) };
	if (piece->p == NULL) {
		assert_true(a->overflowed);
		assert_true(a->used_bytes + n + 16 > CAP);
		return false;
	}
	assert_int_equal((uintptr_t)piece->p % 16, 0);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(piece->p[k], 0);
	memset(piece->p, piece->fill, n);
	return true;
}

static void
agrees_with_model(void **state)
{
	static struct piece pieces[PIECES];
	struct { struct arena_mark mark; size_t count, used_bytes; } stack[DEPTH];
	struct dice d = { .seed = 6 };
	struct arena a;
	size_t count = 0, depth = 0, overflows = 0;

	(void)state;
	arena_init(&a, CAP);
	for (int step = 0; step < 20000; step++) {
		uint32_t what = dice_roll(&d, 100);

		if (what < 94 && count < PIECES) {
			if (alloc_piece(&a, &pieces[count], &d))
				count++;
			else
				overflows++;
		} else if (what < 97 && depth < DEPTH) {
			stack[depth].mark = arena_snapshot(&a);
			stack[depth].count = count;
			stack[depth++].used_bytes = a.used_bytes;
		} else if (depth > 0) {
			depth = dice_roll(&d, (uint32_t)depth);
			check_pieces(pieces, count);
			arena_reset(&a, stack[depth].mark);
			count = stack[depth].count;
			assert_int_equal(a.used_bytes, stack[depth].used_bytes);
			assert_false(a.overflowed);
		}
		assert_true(a.used_bytes <= CAP);
	}
	assert_true(overflows > 0);
	check_pieces(pieces, count);
	arena_fini(&a);
	arena_fini(&a);
}

static void
cap_is_exact_and_sticky(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 64);
	assert_non_null(arena_alloc(&a, 48));
	assert_non_null(arena_alloc(&a, 0));
	assert_int_equal(a.used_bytes, 64);
	assert_false(a.overflowed);
	assert_null(arena_alloc(&a, 0));
	assert_true(a.overflowed);
	arena_fini(&a);
	arena_init(&a, 64);
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_null(arena_alloc(&a, SIZE_MAX - 15));
	assert_null(arena_strndup(&a, "x", SIZE_MAX));
	assert_non_null(arena_alloc(&a, 1));
	assert_true(a.overflowed);      /* (2): still */
	arena_fini(&a);
#ifndef POISON_ON                       /* the sanitizer stops at a request as large as this */
	arena_init(&a, SIZE_MAX);
	assert_null(arena_alloc(&a, SIZE_MAX - 64));    /* no such memory, though the cap allows it */
	assert_true(a.overflowed);
	arena_fini(&a);
#endif
}

static void
strings(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 4096);
	assert_string_equal(arena_strdup(&a, "word"), "word");
	assert_string_equal(arena_strndup(&a, "word", 2), "wo");
	assert_string_equal(arena_strndup(&a, NULL, 0), "");
	assert_memory_equal(arena_strndup(&a, "a\0b", 3), "a\0b", 4);
	assert_string_equal(arena_printf(&a, "%s-%d", "line", 12), "line-12");
	assert_null(arena_printf(&a, "%5000d", 1));
	assert_true(a.overflowed);
	arena_fini(&a);
}

static void
reset_twice(void *subject)
{
	struct arena *a = subject;
	struct arena_mark early = arena_snapshot(a);

	assert_non_null(arena_alloc(a, 100000));
	struct arena_mark late = arena_snapshot(a);

	arena_reset(a, early);
	arena_reset(a, late);
}

static void
stale_mark_is_a_bug(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, CAP);
	assert_true(unit_aborts(reset_twice, &a));
	arena_fini(&a);
}

#ifdef POISON_ON
static void
overrun_is_seen(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, CAP);
	char *p = arena_alloc(&a, 10);

	assert_non_null(arena_alloc(&a, 10));
	assert_false(poison_has(p + 9));
	assert_true(poison_has(p + 10));
	arena_fini(&a);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(cap_is_exact_and_sticky),
		cmocka_unit_test(strings),
		cmocka_unit_test(stale_mark_is_a_bug),
#ifdef POISON_ON
		cmocka_unit_test(overrun_is_seen),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
