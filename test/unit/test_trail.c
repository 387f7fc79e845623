/* SPDX-License-Identifier: MIT */
/* test_trail.c - the tree of steps against plain copies of every path, with tidying at random moments. */
#include "audit/trail.h"

#include "unit.h"
#include <errno.h>

#define HEADS 8
#define STEPS_MAX 4000

struct path {
	uint32_t steps[STEPS_MAX], count, node;
};

static void
tidy(struct trail *t, struct path *heads)
{
	if (!trail_tidy_begin(t))
		return;
	for (int i = 0; i < HEADS; i++)
		trail_keep(t, heads[i].node);
	trail_tidy_end(t);
	for (int i = 0; i < HEADS; i++)
		heads[i].node = trail_moved(t, heads[i].node);
	trail_tidy_done(t);
}

static void
compare(struct trail *t, const struct path *p, uint32_t node)
{
	uint32_t *steps, count;

	assert_int_equal(trail_path(t, node, &steps, &count), 0);
	assert_int_equal(count, p->count);
	assert_memory_equal(steps, p->steps, count * sizeof(steps[0]));
	free(steps);
}

static void
test_paths(void **state)
{
	struct path *heads = calloc(HEADS, sizeof(heads[0]));
	struct dice d = { 3, 0 };

	(void)state;
	assert_non_null(heads);
	for (int round = 0; round < 400; round++) {
		/* From all paths alike to all different: how often one is replaced by a copy of another. */
		uint32_t copies = dice_roll(&d, 4), length = dice_roll(&d, 1500);
		struct trail t;

		trail_init(&t, 1u << 24);
		memset(heads, 0, HEADS * sizeof(heads[0]));
		for (uint32_t i = 0; i < length; i++) {
			struct path *p = &heads[dice_roll(&d, HEADS)];

			if (dice_roll(&d, 4) < copies)
				*p = heads[dice_roll(&d, HEADS)];
			p->steps[p->count++] = i;
			p->node = trail_add(&t, p->node, i);
			if (dice_roll(&d, 50) == 0)
				tidy(&t, heads);
		}
		uint32_t pick = dice_roll(&d, HEADS), longest = 0;
		if (dice_roll(&d, 2) == 0) {
			compare(&t, &heads[pick], heads[pick].node);
		} else {
			tidy(&t, heads);
			for (uint32_t i = 0; i < HEADS; i++)
				longest = heads[i].count > heads[longest].count ? i : longest;
			uint32_t *steps, count;
			assert_int_equal(trail_path(&t, UINT32_MAX, &steps, &count), 0);
			assert_int_equal(count, heads[longest].count);
			free(steps);
		}
		trail_fini(&t);
	}
	free(heads);
}

/* One long path costs little more than its length when it is tidied. */
static void
test_small(void **state)
{
	struct trail t;
	uint32_t node = 0, *steps, count;

	(void)state;
	trail_init(&t, 2u << 20);
	for (uint32_t i = 0; i < 100000; i++) {
		node = trail_add(&t, node, i);
		if (!trail_wants_tidy(&t))
			continue;
		assert_true(trail_tidy_begin(&t));
		trail_keep(&t, node);
		trail_tidy_end(&t);
		node = trail_moved(&t, node);
		trail_tidy_done(&t);
	}
	assert_in_range(t.cap, 1, 20000);
	assert_int_equal(trail_path(&t, node, &steps, &count), 0);
	assert_int_equal(count, 100000);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(steps[i], i);
	free(steps);
	trail_fini(&t);
}

static void
test_lost(void **state)
{
	struct trail t;
	uint32_t node = 0, *steps = NULL, count;

	(void)state;
	trail_init(&t, 10000);
	for (uint32_t i = 0; i < 10000; i++)
		node = trail_add(&t, node, i);
	assert_true(t.lost);
	assert_false(trail_wants_tidy(&t));
	assert_int_equal(trail_path(&t, node, &steps, &count), -ENOENT);
	assert_null(steps);
	trail_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_paths), cmocka_unit_test(test_small), cmocka_unit_test(test_lost) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
