/* SPDX-License-Identifier: MIT */
/* test_load_ask.c - what the nth request is: its kind by weight, its head, which headers it carries, how its attempts differ. */
#include "unit.h"

#include "run/load_ask.h"
#include <errno.h>

static struct experiment_http conf;
static struct load_asks asks;
static struct arena mem;

static int
setup(void **state)
{
	(void)state;
	arena_init(&mem, 1u << 20);
	conf = (struct experiment_http){ .request_count = 2, .backoff = 100 * FL_MS, .backoff_factor = 2, .backoff_max = FL_SEC };
	conf.requests[0] = (struct experiment_request){ .method = "GET", .path = "/a", .weight = 9 };
	conf.requests[1] = (struct experiment_request){ .method = "POST", .path = "/b?x={{1}", .weight = 1, .body_bytes = 7 };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_fini(&mem);
	return 0;
}

static void
ready(uint64_t seed)
{
	struct subst_values v = { .dir = "/d" };

	assert_int_equal(load_ask_init(&asks, &conf, seed, "h:1", &v, &mem), 0);
}

/* The head of an attempt, in a static buffer. */
static const char *
head(uint64_t n, uint32_t kind, uint32_t attempt)
{
	static char text[8192];
	struct buf b;

	buf_init(&b, sizeof(text) - 1);
	load_ask_put_head(&asks, n, kind, attempt, &b);
	assert_false(b.overflowed);
	snprintf(text, sizeof(text), "%s", buf_str(&b));
	buf_fini(&b);
	return text;
}

static void
test_heads(void **state)
{
	(void)state;
	ready(1);
	assert_string_equal(head(0, 0, 1), "GET /a HTTP/1.1\r\nHost: h:1\r\nUser-Agent: faultline\r\n\r\n");
	assert_string_equal(head(0, 1, 1), "POST /b?x={1} HTTP/1.1\r\nHost: h:1\r\nUser-Agent: faultline\r\nContent-Length: 7\r\n\r\n");
	assert_true(asks.kinds[0].idempotent && !asks.kinds[1].idempotent);
	conf.header_count = 2;
	conf.headers[0] = (struct experiment_header){ "HOST", "other", 1 };
	conf.headers[1] = (struct experiment_header){ "X-Dir", "{dir}", 1 };
	ready(1);
	assert_string_equal(head(0, 0, 1), "GET /a HTTP/1.1\r\nUser-Agent: faultline\r\nHOST: other\r\nX-Dir: /d\r\n\r\n");
}

static void
test_weights_and_shares(void **state)
{
	uint32_t second = 0, tagged = 0;

	(void)state;
	conf.header_count = 1;
	conf.headers[0] = (struct experiment_header){ "x-faultline", "e", 0.25 };
	ready(1);
	for (uint64_t n = 0; n < 10000; n++) {
		second += load_ask_choose(&asks, n);
		bool with = strstr(head(n, 0, 1), "x-faultline: e\r\n") != NULL;
		tagged += with;
		/* All attempts of a request carry it, or none. */
		assert_int_equal(strstr(head(n, 0, 2), "x-faultline: e\r\n") != NULL, with);
	}
	assert_in_range(second, 900, 1100);
	assert_in_range(tagged, 2350, 2650);
}

static void
test_traces_and_keys(void **state)
{
	char first[512], again[512];

	(void)state;
	conf.traceparent = conf.idempotency_key = true;
	ready(1);
	snprintf(first, sizeof(first), "%s", head(5, 0, 1));
	snprintf(again, sizeof(again), "%s", head(5, 0, 2));
	const char *t1 = strstr(first, "traceparent: 00-"), *t2 = strstr(again, "traceparent: 00-");
	assert_non_null(t1);
	assert_non_null(t2);
	assert_memory_equal(t1, t2, 16 + 32);           /* one trace */
	assert_memory_not_equal(t1 + 49, t2 + 49, 16);  /* two spans */
	assert_memory_equal(t1 + 65, "-01\r\n", 5);
	assert_string_equal(strstr(first, "Idempotency-Key: "), strstr(again, "Idempotency-Key: "));
	assert_string_not_equal(strstr(first, "Idempotency-Key: "), strstr(head(6, 0, 1), "Idempotency-Key: "));
	ready(2);
	assert_string_not_equal(first, head(5, 0, 1));
	ready(1);
	assert_string_equal(first, head(5, 0, 1));
}

static void
test_backoff(void **state)
{
	(void)state;
	ready(1);
	assert_int_equal(load_ask_backoff(&asks, 0, 1), 100 * FL_MS);
	assert_int_equal(load_ask_backoff(&asks, 0, 3), 400 * FL_MS);
	assert_int_equal(load_ask_backoff(&asks, 0, 9), FL_SEC);
	conf.backoff_jitter = true;
	ready(1);
	for (uint64_t n = 0; n < 100; n++)
		assert_in_range(load_ask_backoff(&asks, n, 2), 0, 200 * FL_MS);
	assert_int_not_equal(load_ask_backoff(&asks, 1, 2), load_ask_backoff(&asks, 2, 2));
}

static void
test_what_is_filled_in_cannot_end_a_head(void **state)
{
	struct subst_values v = { .dir = "/d\r\nX: y" };

	(void)state;
	conf.header_count = 1;
	conf.headers[0] = (struct experiment_header){ "X-Dir", "{dir}", 1 };
	assert_int_equal(load_ask_init(&asks, &conf, 1, "h:1", &v, &mem), -EINVAL);
	conf.header_count = 0;
	conf.requests[0].path = "{dir}";
	assert_int_equal(load_ask_init(&asks, &conf, 1, "h:1", &v, &mem), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_heads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_weights_and_shares, setup, teardown),
		cmocka_unit_test_setup_teardown(test_traces_and_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backoff, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_filled_in_cannot_end_a_head, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
