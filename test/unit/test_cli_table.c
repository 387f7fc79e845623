/* SPDX-License-Identifier: MIT */
/* test_cli_table.c - rows for people and for scripts; nothing in a cell steers the terminal. */
#include "control/cli_table.h"
#include "unit.h"

static void
test_plain(void **state)
{
	static const char *const header[] = { "NAME", ">COUNT", "END" };
	struct cli_table t;
	struct buf out;

	(void)state;
	cli_table_init(&t, header, 3);
	cli_table_cell(&t, CLI_BOLD, "%s", "a");
	cli_table_cell(&t, CLI_PLAIN, "%d", 7);
	cli_table_cell(&t, CLI_RED, "%s", "");
	cli_table_cell(&t, CLI_PLAIN, "second");
	cli_table_cell(&t, CLI_PLAIN, "%d", 1000000);
	cli_table_cell(&t, CLI_GREEN, "x");
	cli_table_cell(&t, CLI_PLAIN, "of a row that is not complete");
	buf_init(&out, 10000);
	cli_table_render(&t, false, &out);
	assert_string_equal(buf_str(&out), "a\t7\t\nsecond\t1000000\tx\n");
	buf_clear(&out);
	cli_table_render(&t, true, &out);
	assert_string_equal(buf_str(&out),
	    "\x1b[1mNAME\x1b[0m      \x1b[1mCOUNT\x1b[0m  \x1b[1mEND\x1b[0m\n"
	    "\x1b[1ma\x1b[0m             7  \x1b[31m\x1b[0m\n"
	    "second  1000000  \x1b[32mx\x1b[0m\n");
	buf_fini(&out);
	cli_table_fini(&t);
}

static void
test_clean(void **state)
{
	static const struct { const char *in, *out; } cases[] = {
		{ "plain", "plain" }, { "", "" }, { "tab\there", "tab?here" }, { "\x1b[31mred\x07", "?[31mred?" },
		{ "a\nb\rc\x7f", "a?b?c?" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, { "\xc2\x9b" "31m", "??31m" }, { "\xff\xfe", "??" },
		{ "cut \xe2\x82", "cut ??" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct buf out;

		buf_init(&out, 1000);
		cli_table_clean(&out, cases[i].in);
		assert_string_equal(buf_str(&out), cases[i].out);
		buf_fini(&out);
	}
}

/* Width is counted in characters: two bytes of one letter take one column. */
static void
test_widths(void **state)
{
	static const char *const header[] = { "A", "B" };
	struct cli_table t;
	struct buf out;

	(void)state;
	cli_table_init(&t, header, 2);
	cli_table_cell(&t, CLI_PLAIN, "\xc3\xbc\xc3\xbc");
	cli_table_cell(&t, CLI_PLAIN, "1");
	cli_table_cell(&t, CLI_PLAIN, "uu");
	cli_table_cell(&t, CLI_PLAIN, "2");
	buf_init(&out, 1000);
	cli_table_render(&t, true, &out);
	assert_non_null(strstr(buf_str(&out), "\n\xc3\xbc\xc3\xbc  1\nuu  2\n"));
	buf_fini(&out);
	cli_table_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
