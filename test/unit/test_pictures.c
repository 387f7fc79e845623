/* SPDX-License-Identifier: MIT */
/* test_pictures.c - the pictures in doc/pictures are those that the policies and audits of today draw: else `make pictures`, and look at them. */
#include "../pictures/pictures.h"

#include "unit.h"

static void
same(unsigned i)
{
	char path[256];
	struct buf now, before;
	snprintf(path, sizeof(path), "doc/pictures/%s", pictures_name(i));
	FILE *f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s is not there: make pictures", path);
	buf_init(&now, 8u << 20);
	buf_init(&before, 8u << 20);
	pictures_draw(i, &now);
	for (;;) {
		char *p = buf_reserve(&before, 4096);
		assert_non_null(p);
		size_t n = fread(p, 1, 4096, f);
		buf_claim(&before, n);
		if (n == 0)
			break;
	}
	fclose(f);
	assert_true(buf_len(&now) > 900 && strstr(buf_str(&now), "nothing to draw") == NULL);
	if (buf_len(&now) != buf_len(&before) || memcmp(buf_data(&now), buf_data(&before), buf_len(&now)) != 0)
		fail_msg("%s shows what was: make pictures, and look at them", path);
	buf_fini(&now);
	buf_fini(&before);
}

static void
test_as_in_doc(void **state)
{
	unsigned n = 0;
	(void)state;
	for (; pictures_name(n) != NULL; n++)
		same(n);
	assert_int_equal(n, 16 + 24 + 21);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_in_doc),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
