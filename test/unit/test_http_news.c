/* SPDX-License-Identifier: MIT */
/* test_http_news.c - changes of state told by many threads: none twice, none lost uncounted, in order. */
#include "conf/http_news.h"
#include "unit.h"

#include <pthread.h>

#define THREADS 4
#define EACH 2000

static struct http_news *news;

static int
start(void **state)
{
	(void)state;
	return http_news_new(&news);
}

static int
stop(void **state)
{
	(void)state;
	http_news_free(news);
	return 0;
}

static void
test_one(void **state)
{
	struct fl_event e = { .who = FL_WHO_BREAKER, .name = "cart", .from = "closed", .to = "open", .why = "9 of 10 failed", .at = 7 };
	struct fl_listener l = http_news_listener(news);
	struct http_news_item item;
	uint64_t lost = 9;

	(void)state;
	assert_false(http_news_take(news, &item, &lost));
	assert_int_equal(lost, 0);
	l.event(l.ud, &e);
	assert_true(http_news_take(news, &item, NULL));
	assert_int_equal(item.who, FL_WHO_BREAKER);
	assert_int_equal(item.at, 7);
	assert_string_equal(item.name, "cart");
	assert_string_equal(item.from, "closed");
	assert_string_equal(item.to, "open");
	assert_string_equal(item.why, "9 of 10 failed");
	assert_false(http_news_take(news, &item, NULL));
}

static void
test_full(void **state)
{
	struct fl_event e = { .who = FL_WHO_OUTLIER };
	struct http_news_item item;
	uint64_t lost = 0, count = 0;

	(void)state;
	for (unsigned i = 0; i < HTTP_NEWS_RING + 3; i++) {
		e.at = i;
		http_news_tell(news, &e);
	}
	while (http_news_take(news, &item, &lost))
		assert_int_equal(item.at, count++);
	assert_int_equal(count, HTTP_NEWS_RING);
	assert_int_equal(lost, 3);
	http_news_tell(news, &e);
	assert_true(http_news_take(news, &item, &lost));
	assert_int_equal(item.n, HTTP_NEWS_RING + 3);
}

static void *
tell(void *ud)
{
	struct fl_event e = { .who = FL_WHO_BREAKER, .name = ud };

	for (unsigned i = 0; i < EACH; i++) {
		e.at = i;
		http_news_tell(news, &e);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	static char names[THREADS][2] = { "0", "1", "2", "3" };
	fl_ns last[THREADS] = { -1, -1, -1, -1 };
	pthread_t threads[THREADS];
	struct http_news_item item;
	uint64_t lost = 0, count = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, tell, names[i]), 0);
	while (count + lost < (uint64_t)THREADS * EACH) {
		int who;

		if (!http_news_take(news, &item, &lost))
			continue;
		who = item.name[0] - '0';
		assert_true(item.at > last[who]);
		last[who] = item.at;
		count++;
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_false(http_news_take(news, &item, &lost));
	assert_int_equal(count + lost, THREADS * EACH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one, start, stop),
		cmocka_unit_test_setup_teardown(test_full, start, stop),
		cmocka_unit_test_setup_teardown(test_threads, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
