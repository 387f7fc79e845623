/* SPDX-License-Identifier: MIT */
/* test_jsonl.c - values out of one line of JSON. (test_history.c cuts lines at every byte.) */
#include "proto/jsonl.h"

#include "unit.h"

static struct jsonl
on(const char *text)
{
	struct jsonl j;

	jsonl_init(&j, text, strlen(text));
	return j;
}

static void
test_values(void **state)
{
	struct jsonl j = on(" { \"a\" : -12 , \"b\":[1.5e3,\"x\\n\\u20ac\\/\",null],\"c\":{} } ");
	char name[8], text[16];
	int64_t i = 0;
	double v = 0;

	(void)state;
	assert_true(jsonl_enter(&j, '{'));
	assert_true(jsonl_member(&j, name, sizeof(name)));
	assert_string_equal(name, "a");
	assert_int_equal(jsonl_peek(&j), JSONL_NUMBER);
	assert_true(jsonl_int(&j, &i));
	assert_int_equal(i, -12);
	assert_true(jsonl_member(&j, name, sizeof(name)));
	assert_true(jsonl_enter(&j, '['));
	assert_true(jsonl_item(&j));
	assert_true(jsonl_number(&j, &v));
	assert_true(v > 1499.9 && v < 1500.1);
	assert_true(jsonl_item(&j));
	assert_true(jsonl_text(&j, text, sizeof(text)));
	assert_string_equal(text, "x\n\xe2\x82\xac/");
	assert_true(jsonl_item(&j));
	assert_true(jsonl_null(&j));
	assert_false(jsonl_item(&j));
	assert_true(jsonl_member(&j, name, sizeof(name)));
	assert_true(jsonl_skip(&j));
	assert_false(jsonl_member(&j, name, sizeof(name)));
	assert_true(jsonl_end(&j));
}

static void
test_limits(void **state)
{
	struct jsonl j = on("9223372036854775807");
	char text[4] = "old", deep[200];
	int64_t i = 5;

	(void)state;
	assert_true(jsonl_int(&j, &i) && i == INT64_MAX);
	j = on("-9223372036854775809");
	assert_false(jsonl_int(&j, &i));
	assert_true(i == INT64_MAX);            /* untouched */
	j = on("\"four\"");
	assert_false(jsonl_text(&j, text, sizeof(text)));
	j = on("\"thr\"");
	assert_true(jsonl_text(&j, text, sizeof(text)));
	memset(deep, '[', sizeof(deep));
	jsonl_init(&j, deep, sizeof(deep));
	assert_false(jsonl_skip(&j));
	assert_string_equal(j.error, "nested too deeply");
	/* The first error sticks. */
	assert_false(jsonl_null(&j));
	assert_string_equal(j.error, "nested too deeply");
}

static void
test_skip(void **state)
{
	static const char *const good[] = { "1", "-0.5E+3", "\"a\\\"b\"", "true", "false", "null", "[]", "{}", "[1,[2,{\"a\":[]}],3]",
		"{\"a\":{\"b\":{\"c\":[{}]}},\"d\":0}" };
	static const char *const bad[] = { "", "01", "1.", "-", ".5", "+1", "1e", "tru", "nul", "nullx", "\"", "\"\\\"", "[", "[1", "[1,", "[,1]",
		"[1 2]", "{", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1]]", "}", "[}" };

	(void)state;
	for (size_t k = 0; k < FL_ARRAY_LEN(good); k++) {
		struct jsonl j = on(good[k]);

		if (!jsonl_skip(&j) || !jsonl_end(&j))
			fail_msg("%s: %s", good[k], j.error);
	}
	for (size_t k = 0; k < FL_ARRAY_LEN(bad); k++) {
		struct jsonl j = on(bad[k]);

		if (jsonl_skip(&j) && jsonl_end(&j))
			fail_msg("%s was taken", bad[k]);
		assert_non_null(j.error);
		assert_true(j.at <= j.n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_values), cmocka_unit_test(test_limits), cmocka_unit_test(test_skip) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
