/* SPDX-License-Identifier: MIT */
/* test_http_keep.c - live objects over changes: what is the same is taken over, what is not asked for goes, failures change nothing. */
#include "conf/http_keep.h"
#include "unit.h"

#include <pthread.h>

static struct http_keep *keep;
static int freed[16];

static void
free_object(void *object)
{
	(*(int *)object)++;
}

static int
start(void **state)
{
	(void)state;
	memset(freed, 0, sizeof(freed));
	return http_keep_new(&keep);
}

static int
stop(void **state)
{
	(void)state;
	http_keep_free(keep);
	return 0;
}

/* Put object n at a place. */
static void
put(const char *place, uint64_t digest, int n)
{
	struct http_kept *o = NULL;

	assert_int_equal(http_kept_new(&freed[n], free_object, &o), 0);
	assert_int_equal(http_keep_use(keep, place, digest, o), 0);
	http_kept_unref(o);
}

/* Use what stands there when it is the same. */
static void
reuse(const char *place, uint64_t digest, int expected)
{
	bool same = false;
	struct http_kept *o = http_keep_find(keep, place, digest, &same);

	assert_non_null(o);
	assert_true(same);
	assert_ptr_equal(http_kept_object(o), &freed[expected]);
	assert_int_equal(http_keep_use(keep, place, digest, o), 0);
}

static void
test_life(void **state)
{
	bool same = true;

	(void)state;
	http_keep_begin(keep, "a");
	assert_null(http_keep_find(keep, "x", 1, &same));
	put("x", 1, 0);
	put("y", 1, 1);
	http_keep_end(keep, true);
	assert_ptr_equal(http_keep_object(keep, "a", "x"), &freed[0]);
	assert_null(http_keep_object(keep, "a", "z"));
	assert_null(http_keep_object(keep, "b", "x"));

	/* x stays, y is another, z is new. */
	http_keep_begin(keep, "a");
	reuse("x", 1, 0);
	assert_non_null(http_keep_find(keep, "y", 2, &same));
	assert_false(same);
	put("y", 2, 2);
	put("z", 1, 3);
	assert_int_equal(freed[1], 0);
	http_keep_end(keep, true);
	assert_int_equal(freed[0] + freed[2] + freed[3], 0);
	assert_int_equal(freed[1], 1);

	/* Only z is asked for. */
	http_keep_begin(keep, "a");
	reuse("z", 1, 3);
	http_keep_end(keep, true);
	assert_int_equal(freed[0], 1);
	assert_int_equal(freed[2], 1);
	http_keep_forget(keep, "a");
	http_keep_forget(keep, "never");
	assert_int_equal(freed[3], 1);
}

static void
test_failure(void **state)
{
	(void)state;
	http_keep_begin(keep, "a");
	put("x", 1, 0);
	http_keep_end(keep, true);
	http_keep_begin(keep, "a");
	put("x", 2, 1);
	put("y", 2, 2);
	http_keep_end(keep, false);
	assert_int_equal(freed[0], 0);
	assert_int_equal(freed[1] + freed[2], 2);
	assert_ptr_equal(http_keep_object(keep, "a", "x"), &freed[0]);
	assert_null(http_keep_object(keep, "a", "y"));
}

/* Within a session a place is one object. */
static void
test_shared(void **state)
{
	(void)state;
	http_keep_begin(keep, "a");
	put("x", 1, 0);
	reuse("x", 1, 0);
	http_keep_end(keep, true);
	assert_int_equal(freed[0], 0);
}

static void
count(void *ud, const char *place, void *object)
{
	assert_int_equal(strlen(place), 1);
	assert_non_null(object);
	(*(int *)ud)++;
}

static void
test_each(void **state)
{
	int n = 0;

	(void)state;
	http_keep_each(keep, "a", count, &n);
	assert_int_equal(n, 0);
	http_keep_begin(keep, "a");
	put("x", 1, 0);
	put("y", 1, 1);
	http_keep_end(keep, true);
	http_keep_each(keep, "a", count, &n);
	assert_int_equal(n, 2);
}

static void *
drop(void *ud)
{
	http_kept_unref(ud);
	return NULL;
}

/* A configuration that still uses an object keeps it; the last to let go, in whatever thread, frees it. */
static void
test_references(void **state)
{
	struct http_kept *o = NULL;
	pthread_t threads[2];

	(void)state;
	assert_int_equal(http_kept_new(&freed[0], free_object, &o), 0);
	http_keep_begin(keep, "a");
	assert_int_equal(http_keep_use(keep, "x", 1, o), 0);
	http_keep_end(keep, true);
	http_kept_ref(o);
	http_keep_forget(keep, "a");
	assert_int_equal(freed[0], 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, drop, o), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(freed[0], 1);
	http_kept_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, start, stop),
		cmocka_unit_test_setup_teardown(test_failure, start, stop),
		cmocka_unit_test_setup_teardown(test_shared, start, stop),
		cmocka_unit_test_setup_teardown(test_each, start, stop),
		cmocka_unit_test_setup_teardown(test_references, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
