/* SPDX-License-Identifier: MIT */
/* test_text.c - distance of words, suggestions, escapes. */
#include "unit.h"

#include "base/text.h"

#include <errno.h>

static void
distances(void **state)
{
	static const struct { const char *a, *b; unsigned distance; } rows[] = {
		{ "", "", 0 }, { "", "abc", 3 }, { "abc", "", 3 }, { "abc", "ABC", 0 }, { "latency", "latencey", 1 },
		{ "latency", "latecny", 1 }, { "ca", "abc", 3 },        /* 2 if a swap could be edited again: this is OSA */
		{ "kitten", "sitting", 3 }, { "timeout", "tiemout", 1 }, { "ab", "ba", 1 }, { "slicer", "slow_close", 7 },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		assert_int_equal(text_distance(rows[i].a, rows[i].b), rows[i].distance);
		assert_int_equal(text_distance(rows[i].b, rows[i].a), rows[i].distance);
	}
}

static void
long_words_are_cut(void **state)
{
	char a[201], b[201];

	(void)state;
	memset(a, 'a', 200);
	memset(b, 'b', 200);
	a[200] = b[200] = '\0';
	assert_int_equal(text_distance(a, b), 63);
	memset(b, 'a', 63);
	assert_int_equal(text_distance(a, b), 0);
}

static void
suggestions(void **state)
{
	static const char *const words[] = { "latency", "bandwidth", "timeout", "reset_peer", "slicer", "up", NULL };
	static const char *const twins[] = { "ab", "cb", NULL };
	static const char *const none[] = { NULL };

	(void)state;
	assert_string_equal(text_nearest("latancy", words), "latency");
	assert_string_equal(text_nearest("Bandwith", words), "bandwidth");
	assert_string_equal(text_nearest("timeuot", words), "timeout");
	assert_string_equal(text_nearest("reset-peer", words), "reset_peer");
	assert_null(text_nearest("jitter", words));
	assert_string_equal(text_nearest("slizerz", words), "slicer");          /* 2 of 7 letters */
	assert_string_equal(text_nearest("latinczy", words), "latency");        /* 3 of 8 */
	assert_null(text_nearest("lotinczz", words));                           /* 4 of 8 */
	assert_string_equal(text_nearest("uq", words), "up");
	assert_string_equal(text_nearest("zb", twins), "ab");                   /* as near: the first */
	assert_null(text_nearest("x", words));
	assert_null(text_nearest("", words));
	assert_null(text_nearest("latency", none));
}

static void
html(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(text_html(&b, "a<b> & \"c\" 'd'\0e", 16), 0);
	assert_int_equal(buf_len(&b), strlen("a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;") + 2);
	assert_string_equal(buf_str(&b), "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
	buf_clear(&b);
	assert_int_equal(text_html(&b, "", 0), 0);
	assert_int_equal(text_html(&b, "plain", 5), 0);
	assert_string_equal(buf_str(&b), "plain");
	buf_fini(&b);
	buf_init(&b, 8);
	assert_int_equal(text_html(&b, "<<<", 3), -ENOBUFS);
	assert_true(b.overflowed);
	buf_fini(&b);
}

static void
decimals(void **state)
{
	static const uint64_t rows[] = { 0, 9, 10, 99, 100, 255, 12345678901234567890u, UINT64_MAX };
	char text[TEXT_DECIMAL_MAX], want[32];

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(rows); i++) {
		snprintf(want, sizeof(want), "%llu", (unsigned long long)rows[i]);
		assert_int_equal(text_decimal(text, rows[i]), strlen(want));
		assert_string_equal(text, want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances),
		cmocka_unit_test(long_words_are_cut),
		cmocka_unit_test(suggestions),
		cmocka_unit_test(html),
		cmocka_unit_test(decimals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
