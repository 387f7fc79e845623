/* SPDX-License-Identifier: MIT */
/* test_map.c - the map against an array of values by key number. */
#include "unit.h"

#include "base/map.h"

enum { KEYS = 500, STEPS = 40000 };

/* Keys of many lengths, with NULs inside. */
static size_t
make_key(char *key, uint32_t number)
{
	size_t n = (size_t)snprintf(key, 64, "%u", number * 2654435761u);

	key[n] = '\0';
	memset(key + n + 1, (int)(number % 7), number % 40);
	return n + 1 + number % 40;
}

static void
check_all(const struct map *m, void *const *model)
{
	uint32_t count = 0;
	char key[128];

	for (uint32_t i = 0; i < KEYS; i++) {
		size_t n = make_key(key, i);

		assert_ptr_equal(map_getn(m, key, n), model[i]);
		count += model[i] != NULL;
	}
	assert_int_equal(m->count, count);
	for (uint32_t i = 0; i < m->count; i++)
		assert_ptr_equal(map_getn(m, m->entries[i].key, m->entries[i].key_len), m->entries[i].value);
}

static void
agrees_with_model(void **state)
{
	static char values[STEPS];
	void *model[KEYS] = { 0 };
	struct dice d = { .seed = 4 };
	struct map m;
	char key[128];

	(void)state;
	map_init(&m, 1, 2);
	for (int step = 0; step < STEPS; step++) {
		uint32_t i = dice_roll(&d, KEYS);
		size_t n = make_key(key, i);

		if (dice_roll(&d, 100) < (step / 4000 % 2 ? 35u : 65u)) {
			void *old = &d;

			assert_int_equal(map_putn(&m, key, n, &values[step], &old), 0);
			assert_ptr_equal(old, model[i]);
			model[i] = &values[step];
		} else {
			assert_ptr_equal(map_deln(&m, key, n), model[i]);
			model[i] = NULL;
		}
		if (step % 100 == 0)
			check_all(&m, model);
	}
	check_all(&m, model);
	map_fini(&m);
	assert_null(map_getn(&m, key, 1));
	map_fini(&m);
}

static void
order_is_of_insertion(void **state)
{
	struct map m;
	char key[16];
	int value = 0;

	(void)state;
	map_init(&m, 0, 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(map_put(&m, key, &value, NULL), 0);
	}
	assert_int_equal(map_put(&m, "k500", &m, NULL), 0);     /* replacing moves nothing */
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_string_equal(m.entries[i].key, key);
	}
	assert_ptr_equal(m.entries[500].value, &m);
	map_fini(&m);
}

static void
sorted_by_bytes(void **state)
{
	static const char *const in[] = { "b", "a", "", "ab", "B", "\xff", "abc" };
	static const char *const want[] = { "", "B", "a", "ab", "abc", "b", "\xff" };
	struct map m;

	(void)state;
	map_init(&m, 0, 0);
	assert_null(map_sorted(&m));
	for (size_t i = 0; i < FL_ARRAY_LEN(in); i++)
		assert_int_equal(map_put(&m, in[i], &m, NULL), 0);
	struct map_entry **all = map_sorted(&m);

	assert_non_null(all);
	for (size_t i = 0; i < FL_ARRAY_LEN(want); i++)
		assert_string_equal(all[i]->key, want[i]);
	free(all);
	map_fini(&m);
}

static void
keys_are_copied_and_bytes(void **state)
{
	struct map m;
	char key[] = "a\0b";
	int one, two;

	(void)state;
	map_init(&m, 0, 0);
	assert_null(map_get(&m, "a"));
	assert_null(map_del(&m, "a"));
	assert_int_equal(map_putn(&m, key, 3, &one, NULL), 0);
	key[2] = 'c';
	assert_int_equal(map_putn(&m, key, 3, &two, NULL), 0);
	assert_ptr_equal(map_getn(&m, "a\0b", 3), &one);
	assert_ptr_equal(map_getn(&m, "a\0c", 3), &two);
	assert_null(map_get(&m, "a"));
	assert_int_equal(map_putn(&m, NULL, 0, &one, NULL), 0);
	assert_ptr_equal(map_get(&m, ""), &one);
	assert_ptr_equal(map_del(&m, ""), &one);
	assert_null(map_get(&m, ""));
	map_fini(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_model),
		cmocka_unit_test(order_is_of_insertion),
		cmocka_unit_test(sorted_by_bytes),
		cmocka_unit_test(keys_are_copied_and_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
