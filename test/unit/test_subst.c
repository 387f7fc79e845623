/* SPDX-License-Identifier: MIT */
/* test_subst.c - what is filled into texts of an experiment. */
#include "unit.h"

#include "run/subst.h"

static const char *const ports[] = { "a", "redis", NULL };
static const char *const lines[] = { "front", NULL };
static const uint16_t numbers[] = { 10001, 10002 };
static const char *const addresses[] = { "127.0.0.1:33" };
static const struct subst_values values = {
	.port_names = ports, .line_names = lines, .ports = numbers, .lines = addresses, .dir = "/run/data", .here = "/src",
};

static void
expands_to(const char *text, const char *expected)
{
	struct arena mem;
	const char *got;

	arena_init(&mem, 1u << 20);
	got = subst_expand(&mem, text, &values);
	assert_non_null(got);
	assert_string_equal(got, expected);
	arena_fini(&mem);
}

static void
test_words(void **state)
{
	(void)state;
	expands_to("", "");
	expands_to("plain", "plain");
	expands_to("{port:redis}", "10002");
	expands_to("--port={port:a},{port:redis}.", "--port=10001,10002.");
	expands_to("{line:front}/x", "127.0.0.1:33/x");
	expands_to("{dir}{here}", "/run/data/src");
}

static void
test_braces_that_are_none(void **state)
{
	(void)state;
	expands_to("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}}");
	expands_to("{{dir}", "{dir}");
	expands_to("{{{{", "{{");
	expands_to("{", "{");
	expands_to("}{ }", "}{ }");
	expands_to("{A}", "{A}");
}

static enum subst_kind
first(const char *text)
{
	struct subst_token t;

	return subst_next(&text, &t);
}

static void
test_what_is_wrong(void **state)
{
	static const char *const bad[] = { "{prot:a}", "{port}", "{port:}", "{dir:x}", "{dir", "{port:a{", "{x}", "{here ",
		"{port:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}" };
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(first(bad[i]), SUBST_BAD);
	assert_int_equal(first("{port:a}"), SUBST_PORT);
}

static void
test_every_text_ends(void **state)
{
	struct dice d = { .seed = 5 };
	(void)state;

	for (int round = 0; round < 20000; round++) {
		static const char letters[] = "{}{}:portlinedirhere A";
		char text[24];
		const char *p = text;
		struct subst_token t;
		int tokens = 0;
		uint32_t n = dice_roll(&d, sizeof(text));
		for (uint32_t i = 0; i < n; i++)
			text[i] = letters[dice_roll(&d, sizeof(letters) - 1)];
		text[n] = '\0';
		while (subst_next(&p, &t) != SUBST_END) {
			assert_true(++tokens <= (int)n);
			assert_true(p > text && p <= text + n);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_braces_that_are_none),
		cmocka_unit_test(test_what_is_wrong),
		cmocka_unit_test(test_every_text_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
