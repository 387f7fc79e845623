/* SPDX-License-Identifier: MIT */
/* test_slab.c - blocks keep their bytes, never overlap, never pass the budget; freed spans serve other classes. */
#include "unit.h"

#include "base/poison.h"
#include "base/slab.h"

#include <errno.h>
#include <sys/mman.h>

enum { BLOCKS = 600, STEPS = 60000 };

struct block {
	unsigned char *p;
	size_t n;
	unsigned char fill;
};

/* Small ones often, large ones seldom, edges of classes always. */
static size_t
draw_size(struct dice *d)
{
	size_t class_bytes = (size_t)64 << dice_roll(d, dice_roll(d, 13) + 1);

	switch (dice_roll(d, 4)) {
	case 0: return class_bytes;
	case 1: return class_bytes - 1;
	case 2: return class_bytes / 2 + 1;
	default: return dice_roll(d, (uint32_t)class_bytes + 1);
	}
}

static void
check_fill(const struct block *b)
{
	for (size_t i = 0; i < b->n; i += 61)
		assert_int_equal(b->p[i], b->fill);
	if (b->n > 0)
		assert_int_equal(b->p[b->n - 1], b->fill);
}

static void
agrees_with_model(void **state)
{
	static struct block blocks[BLOCKS];
	struct dice d = { .seed = 3 };
	struct slab *s;
	size_t count = 0, used = 0, refused = 0;

	(void)state;
	assert_int_equal(slab_new(6 << 20, &s), 0);
	assert_int_equal(slab_budget(s), 6 << 20);
	for (int step = 0; step < STEPS; step++) {
		if (count < BLOCKS && dice_roll(&d, 100) < (step / 5000 % 2 ? 45u : 55u)) {
			struct block *b = &blocks[count];

			*b = (struct block){ .n = draw_size(&d), .fill = (unsigned char)dice_roll(&d, 256) };
			b->p = slab_alloc(s, b->n);
			if (b->p == NULL) {
				refused++;
				continue;
			}
			memset(b->p, b->fill, b->n);
			used += slab_size(b->n);
			count++;
		} else if (count > 0) {
			struct block *b = &blocks[dice_roll(&d, (uint32_t)count)];

			check_fill(b);
			slab_give(s, b->p, b->n);
			used -= slab_size(b->n);
			*b = blocks[--count];
		}
		assert_int_equal(slab_used(s), used);
		assert_true(used <= slab_budget(s));
	}
	assert_true(refused > 0);       /* the budget was reached, or this test proves little */
	while (count-- > 0) {
		check_fill(&blocks[count]);
		slab_give(s, blocks[count].p, blocks[count].n);
	}
	assert_int_equal(slab_used(s), 0);
	slab_free_all(s);
}

/* Fill with one class, give all back, fill with another: the whole budget each time. */
static void
no_class_starves_another(void **state)
{
	enum { BUDGET = 2 << 20 };
	static void *blocks[BUDGET / 64 + 1];          /* and the refusal */
	struct slab *s;

	(void)state;
	assert_int_equal(slab_new(BUDGET, &s), 0);
	for (size_t n = 64; n <= SLAB_BLOCK_MAX; n *= 2) {
		size_t count = 0;

		while ((blocks[count] = slab_alloc(s, n)) != NULL)
			count++;
		assert_int_equal(count, BUDGET / n);
		assert_int_equal(slab_used(s), BUDGET);
		for (size_t i = 0; i < count; i++)
			slab_give(s, blocks[(i * 7 + 3) % count], n);   /* 7 and a power of two: each once */
		assert_int_equal(slab_used(s), 0);
	}
	slab_free_all(s);
}

static void
sizes(void **state)
{
	struct slab *s;

	(void)state;
	assert_int_equal(slab_size(0), 64);
	assert_int_equal(slab_size(1), 64);
	assert_int_equal(slab_size(64), 64);
	assert_int_equal(slab_size(65), 128);
	assert_int_equal(slab_size(4096), 4096);
	assert_int_equal(slab_size(4097), 8192);
	assert_int_equal(slab_size(SLAB_BLOCK_MAX), SLAB_BLOCK_MAX);
	assert_int_equal(slab_new(1, &s), 0);
	assert_int_equal(slab_budget(s), SLAB_BLOCK_MAX);
	slab_free_all(s);
	assert_int_equal(slab_new(0, &s), 0);
	assert_int_equal(slab_budget(s), SLAB_BLOCK_MAX);
	slab_free_all(s);
	slab_free_all(NULL);
	assert_int_equal(slab_new(SIZE_MAX, &s), -ENOMEM);
}

static void
spared_pages_go_back(void **state)
{
	enum { SPANS = 64 };
	struct slab *s;
	char *blocks[SPANS];
	size_t resident = 0;

	(void)state;
	assert_int_equal(slab_new(SPANS * (size_t)SLAB_BLOCK_MAX, &s), 0);
	for (int i = 0; i < SPANS; i++) {
		blocks[i] = slab_alloc(s, SLAB_BLOCK_MAX);
		assert_non_null(blocks[i]);
		memset(blocks[i], 1, SLAB_BLOCK_MAX);
	}
	for (int i = 0; i < SPANS; i++)
		slab_give(s, blocks[i], SLAB_BLOCK_MAX);
	for (int i = 0; i < SPANS; i++) {
		unsigned char pages[SLAB_BLOCK_MAX / 4096];

		assert_int_equal(mincore(blocks[i], SLAB_BLOCK_MAX, pages), 0);
		for (size_t k = 0; k < sizeof(pages); k++)
			resident += (pages[k] & 1) * 4096u;
	}
	assert_true(resident <= 16 * (size_t)SLAB_BLOCK_MAX);
	for (int i = 0; i < SPANS; i++) {               /* all are to be had again, each once */
		blocks[i] = slab_alloc(s, SLAB_BLOCK_MAX);
		assert_non_null(blocks[i]);
		memset(blocks[i], i, SLAB_BLOCK_MAX);
	}
	for (int i = 0; i < SPANS; i++)
		assert_int_equal(blocks[i][i], i);
	slab_free_all(s);
}

struct misuse {
	struct slab *s;
	char *p;
	size_t n;
};

static void
give(void *subject)
{
	struct misuse *m = subject;

	slab_give(m->s, m->p, m->n);
}

static void
take_too_much(void *subject)
{
	slab_alloc(subject, SLAB_BLOCK_MAX + 1);
}

static void
misuse_is_a_bug(void **state)
{
	struct slab *s;
	char elsewhere[64];

	(void)state;
	assert_int_equal(slab_new(1 << 20, &s), 0);
	char *p = slab_alloc(s, 100);

	assert_true(unit_aborts(give, &(struct misuse){ s, p, 200 }));
	assert_true(unit_aborts(give, &(struct misuse){ s, p + 64, 100 }));
	assert_true(unit_aborts(give, &(struct misuse){ s, elsewhere, 64 }));
	assert_true(unit_aborts(take_too_much, s));
	assert_false(unit_aborts(give, &(struct misuse){ s, p, 128 }));
	slab_free_all(s);
}

#ifdef POISON_ON
static void
poison_follows_the_request(void **state)
{
	struct slab *s;

	(void)state;
	assert_int_equal(slab_new(1 << 20, &s), 0);
	char *p = slab_alloc(s, 100);

	assert_false(poison_has(p + 99));
	assert_true(poison_has(p + 100));
	slab_give(s, p, 100);
	assert_true(poison_has(p));
	slab_free_all(s);
	assert_false(poison_has(p));
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(no_class_starves_another),
		cmocka_unit_test(sizes),
		cmocka_unit_test(spared_pages_go_back),
		cmocka_unit_test(misuse_is_a_bug),
#ifdef POISON_ON
		cmocka_unit_test(poison_follows_the_request),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
