/* SPDX-License-Identifier: MIT */
/* test_compare.c - the decisions of two runs, matched. */
#include "unit.h"

#include "run/compare.h"
#include "run/events.h"

#include <errno.h>

static struct compare_result
compare(const char *a, const char *b)
{
	struct compare_result r;
	char error[COMPARE_ERROR_MAX];
	int rc = compare_events(a, strlen(a), b, strlen(b), &r, error);

	if (rc != 0)
		print_error("%s\n", error);
	assert_int_equal(rc, 0);
	return r;
}

#define EV(what, conn, key, dir, offset, value) \
	"{\"t\":1,\"what\":\"" what "\",\"line\":\"l\",\"conn\":" conn ",\"key\":\"" key "\",\"dir\":\"" dir \
	"\",\"fault\":\"f\",\"offset\":" offset ",\"value\":" value "}\n"
#define OPEN(conn, key) "{\"t\":1,\"what\":\"open\",\"line\":\"l\",\"conn\":" conn ",\"key\":\"" key "\"}\n"

static void
test_equal(void **state)
{
	/* another order, another ordinal, another time: the same decisions */
	const char a[] = EV("delay", "1", "aa", "s2c", "0", "5") EV("delay", "1", "aa", "s2c", "9", "6") EV("cut", "2", "bb", "c2s", "4", "4");
	const char b[] = EV("cut", "7", "bb", "c2s", "4", "4") EV("delay", "9", "aa", "s2c", "9", "6") EV("delay", "9", "aa", "s2c", "0", "5");
	struct compare_result r = compare(a, b);
	struct buf out;
	(void)state;

	assert_int_equal(r.equal, 3);
	assert_int_equal(r.different + r.only_first + r.only_second, 0);
	assert_int_equal(r.fault_count, 1);
	assert_string_equal(r.faults[0].fault, "f");
	buf_init(&out, 10000);
	assert_int_equal(compare_say(&r, &out), 0);
	assert_non_null(strstr(buf_str(&out), "3 equal, 0 different, 0 only then, 0 only now"));
	assert_non_null(strstr(buf_str(&out), "every decision was the same"));
	buf_clear(&out);
	assert_int_equal(compare_json(&r, &out), 0);
	assert_string_equal(buf_str(&out), "{\"equal\":3,\"different\":0,\"only_then\":0,\"only_now\":0,\"other_connections\":0,"
	    "\"faults\":[{\"line\":\"l\",\"fault\":\"f\",\"equal\":3,\"different\":0,\"only_then\":0,\"only_now\":0}],\"examples\":[]}");
	buf_fini(&out);
}

static void
test_different_value(void **state)
{
	struct compare_result r = compare(EV("delay", "1", "aa", "s2c", "0", "5"), EV("delay", "1", "aa", "s2c", "0", "6"));
	struct buf out;
	(void)state;

	assert_int_equal(r.equal, 0);
	assert_int_equal(r.different, 1);
	assert_int_equal(r.example_count, 1);
	assert_string_equal(r.examples[0], "l/1/aa/s2c/f/delay/0#0: 5, then 6");
	buf_init(&out, 10000);
	compare_say(&r, &out);
	assert_non_null(strstr(buf_str(&out), "this should not be"));
	buf_fini(&out);
}

static void
test_every_part_of_the_place_counts(void **state)
{
	const char a[] = EV("delay", "1", "aa", "s2c", "0", "5");
	static const char *const others[] = {
		EV("cut", "1", "aa", "s2c", "0", "5"), EV("delay", "1", "ab", "s2c", "0", "5"), EV("delay", "1", "aa", "c2s", "0", "5"),
		EV("delay", "1", "aa", "s2c", "1", "5"),
		"{\"what\":\"delay\",\"line\":\"m\",\"conn\":1,\"key\":\"aa\",\"dir\":\"s2c\",\"fault\":\"f\",\"offset\":0,\"value\":5}\n",
		"{\"what\":\"delay\",\"line\":\"l\",\"conn\":1,\"key\":\"aa\",\"dir\":\"s2c\",\"fault\":\"g\",\"offset\":0,\"value\":5}\n",
		"{\"what\":\"delay\",\"line\":\"l\",\"life\":2,\"conn\":1,\"key\":\"aa\",\"dir\":\"s2c\",\"fault\":\"f\",\"offset\":0,\"value\":5}\n",
	};
	(void)state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct compare_result r = compare(a, others[i]);
		assert_int_equal(r.equal + r.different, 0);
		assert_int_equal(r.only_first, 1);
		assert_int_equal(r.only_second, 1);
	}
}

static void
test_why_they_differ(void **state)
{
	const char a[] = OPEN("1", "aa") EV("delay", "1", "aa", "s2c", "0", "5") EV("delay", "2", "bb", "s2c", "0", "5");
	const char b[] = OPEN("1", "aa") EV("delay", "1", "aa", "s2c", "7", "5") EV("delay", "3", "cc", "s2c", "0", "5");
	struct compare_result r = compare(a, b);
	struct buf out;
	(void)state;

	assert_int_equal(r.only_first, 2);
	assert_int_equal(r.only_second, 2);
	assert_int_equal(r.no_conn_first, 1);
	assert_int_equal(r.no_conn_second, 1);
	buf_init(&out, 10000);
	compare_say(&r, &out);
	assert_non_null(strstr(buf_str(&out), "1 then and 1 now were on connections that the other run did not have"));
	assert_non_null(strstr(buf_str(&out), "2 were about bytes"));
	buf_fini(&out);
}

static void
test_effects_of_the_moment_do_not_count(void **state)
{
	struct compare_result r = compare(
	    EV("hold", "1", "aa", "s2c", "0", "5") EV("close", "1", "aa", "s2c", "0", "5") EV("applies", "1", "aa", "s2c", "17", "5"),
	    EV("hold", "1", "aa", "s2c", "0", "6") EV("reset", "1", "aa", "s2c", "0", "5") EV("applies", "1", "aa", "s2c", "99", "5"));
	(void)state;

	/* that a fault applies is a decision; when it came to the connection is not */
	assert_int_equal(r.equal, 1);
	assert_int_equal(r.different + r.only_first + r.only_second, 0);
}

static void
test_the_same_place_again(void **state)
{
	const char twice[] = EV("applies", "1", "aa", "s2c", "0", "5") EV("applies", "1", "aa", "s2c", "0", "5");
	struct compare_result r = compare(twice, EV("applies", "1", "aa", "s2c", "0", "5"));
	(void)state;

	assert_int_equal(r.equal, 1);
	assert_int_equal(r.only_first, 1);
	assert_int_equal(r.only_second, 0);
}

static void
test_bad_texts(void **state)
{
	struct compare_result r;
	char error[COMPARE_ERROR_MAX];
	static const char *const bad[] = { "nonsense\n", "[1]\n", "{}\n", "{\"what\":5}\n", "{\"what\":\"delay\",\"offset\":\"x\"}\n" };
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(compare_events("", 0, bad[i], strlen(bad[i]), &r, error), -EINVAL);
		assert_non_null(strstr(error, "line 1: found "));
	}
	/* the last line of a run that was killed is cut */
	assert_int_equal(compare_events("{\"wha", 5, "", 0, &r, error), 0);
	assert_int_equal(r.equal, 0);
}

static void
test_events_are_json(void **state)
{
	struct proxy_event ev = { .at = 1500, .conn_ordinal = 3, .conn_key = 0xabc, .fault_id = 1, .offset = 9, .value = -4, .what = "delay",
		.line = "a\"b", .fault_name = "f\n", .dir = FL_S2C };
	struct buf out;
	(void)state;

	buf_init(&out, 10000);
	assert_int_equal(events_proxy(&out, 500, &ev, 1), 0);
	assert_string_equal(buf_str(&out), "{\"t\":1000,\"what\":\"delay\",\"line\":\"a\\\"b\",\"conn\":3,\"key\":\"0000000000000abc\","
	    "\"dir\":\"s2c\",\"fault\":\"f\\n\",\"offset\":9,\"value\":-4}\n");
	buf_clear(&out);
	ev.fault_id = 0;
	ev.what = "close";
	ev.value = LINE_CLOSE_FINISHED;
	assert_int_equal(events_proxy(&out, 500, &ev, 2), 0);
	assert_string_equal(buf_str(&out),
	    "{\"t\":1000,\"what\":\"close\",\"line\":\"a\\\"b\",\"conn\":3,\"key\":\"0000000000000abc\",\"life\":2,\"reason\":\"finished\"}\n");
	buf_clear(&out);
	assert_int_equal(events_note(&out, -5, "mark", "text", "a\x01\xff\xc3\xa4", NULL), 0);
	assert_string_equal(buf_str(&out), "{\"t\":-5,\"what\":\"mark\",\"text\":\"a\\u0001\\ufffd\xc3\xa4\"}\n");
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_different_value),
		cmocka_unit_test(test_every_part_of_the_place_counts),
		cmocka_unit_test(test_why_they_differ),
		cmocka_unit_test(test_effects_of_the_moment_do_not_count),
		cmocka_unit_test(test_the_same_place_again),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_events_are_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
