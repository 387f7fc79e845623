/* SPDX-License-Identifier: MIT */
/* test_region.c - reserved is not taken: memory appears when touched and goes when discarded. */
#include "unit.h"

#include "base/region.h"

#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 256 };

static size_t
resident_pages(char *p)
{
	unsigned char pages[PAGES];
	size_t n = 0;

	assert_int_equal(mincore(p, PAGES * PAGE, pages), 0);
	for (int i = 0; i < PAGES; i++)
		n += pages[i] & 1;
	return n;
}

static void
touched_is_taken(void **state)
{
	char *p = region_reserve(PAGES * PAGE);

	(void)state;
	assert_non_null(p);
	assert_int_equal(resident_pages(p), 0);
	p[5 * PAGE] = 1;
	p[6 * PAGE] = 2;
	assert_int_equal(resident_pages(p), 2);
	region_discard(p + 5 * PAGE, PAGE);
	assert_int_equal(resident_pages(p), 1);
	assert_int_equal(p[5 * PAGE], 0);
	assert_int_equal(p[6 * PAGE], 2);
	region_release(p, PAGES * PAGE);
}

static void
too_much_is_refused(void **state)
{
	(void)state;
	assert_null(region_reserve(SIZE_MAX / 2));
	region_release(NULL, 4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(touched_is_taken),
		cmocka_unit_test(too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
