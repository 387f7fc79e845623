/* SPDX-License-Identifier: MIT */
/* test_cli_toxiproxy.c - the command line of toxiproxy-cli. */
#include "control/cli_toxiproxy.h"
#include "base/types.h"
#include "unit.h"

#include <math.h>

#define MAX_WORDS 32

/* Take words with spaces between apart ("^" stands for an empty word); argv stays valid until the next call. */
static void
parse(struct cli_toxiproxy *t, const char *line)
{
	static char copy[1024], name[] = "toxiproxy-cli", *argv[MAX_WORDS];
	char *next = copy, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	argv[0] = name;
	while ((word = strsep(&next, " ")) != NULL) {
		if (strcmp(word, "^") == 0)
			word[0] = '\0';
		else if (word[0] == '\0')
			continue;
		if (argc < MAX_WORDS)
			argv[argc++] = word;
	}
	cli_toxiproxy_parse(t, argc, argv);
}

static void
test_commands(void **state)
{
	static const struct { const char *line; enum cli_toxiproxy_verb verb; const char *word; } cases[] = {
		{ "list", CLI_TOXIPROXY_LIST, "" }, { "l", CLI_TOXIPROXY_LIST, "" }, { "li", CLI_TOXIPROXY_LIST, "" },
		{ "ls", CLI_TOXIPROXY_LIST, "" },
		{ "inspect p", CLI_TOXIPROXY_INSPECT, "p" }, { "i p", CLI_TOXIPROXY_INSPECT, "p" },
		{ "ins p q", CLI_TOXIPROXY_INSPECT, "p" },
		{ "create -l a -u b p", CLI_TOXIPROXY_CREATE, "p" }, { "c p -l a", CLI_TOXIPROXY_CREATE, "p" },
		{ "new", CLI_TOXIPROXY_CREATE, "" },
		{ "toggle p", CLI_TOXIPROXY_TOGGLE, "p" }, { "tog p", CLI_TOXIPROXY_TOGGLE, "p" },
		{ "delete p", CLI_TOXIPROXY_DELETE, "p" }, { "d p", CLI_TOXIPROXY_DELETE, "p" },
		{ "toxic add p", CLI_TOXIPROXY_TOXIC_ADD, "p" }, { "t a p", CLI_TOXIPROXY_TOXIC_ADD, "p" },
		{ "toxic update p", CLI_TOXIPROXY_TOXIC_UPDATE, "p" }, { "t u p", CLI_TOXIPROXY_TOXIC_UPDATE, "p" },
		{ "toxic remove p", CLI_TOXIPROXY_TOXIC_REMOVE, "p" }, { "t r p", CLI_TOXIPROXY_TOXIC_REMOVE, "p" },
		{ "t delete p", CLI_TOXIPROXY_TOXIC_REMOVE, "p" }, { "t d p", CLI_TOXIPROXY_TOXIC_REMOVE, "p" },
		{ "inspect -- -p", CLI_TOXIPROXY_INSPECT, "-p" }, { "inspect -", CLI_TOXIPROXY_INSPECT, "-" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct cli_toxiproxy t;

		parse(&t, cases[i].line);
		assert_int_equal(t.verb, cases[i].verb);
		assert_string_equal(t.word, cases[i].word);
		assert_null(t.host);
		cli_toxiproxy_fini(&t);
	}
}

static void
test_flags(void **state)
{
	static const struct { const char *line, *flag, *value; } cases[] = {
		{ "create -l a -u b p", "listen", "a" }, { "create --listen=a p", "listen", "a" },
		{ "create -listen a p", "listen", "a" },
		{ "create --l=a=b p", "listen", "a=b" }, { "create -l --x p", "listen", "--x" },
		{ "create -l a -l b p", "listen", "b" },
		{ "create p -l a", "listen", "" }, { "create -l= p", "listen", "" }, { "create -l ^ p", "listen", "" },
		{ "t a -u p", "upstream", "true" }, { "t a --upstream=F p", "upstream", "false" },
		{ "t a -d=1 p", "downstream", "true" },
		{ "t a --tox 0.5 p", "toxicity", "0.5" }, { "t u -tox=0.5 p", "toxicity", "0.5" },
		{ "t r --toxicName n p", "toxicName", "n" },
	};
	struct cli_toxiproxy t;

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		parse(&t, cases[i].line);
		assert_int_not_equal(t.verb, CLI_TOXIPROXY_NONE);
		assert_string_equal(t.word, "p");
		assert_string_equal(cli_toxiproxy_value(&t, cases[i].flag), cases[i].value);
		assert_int_equal(cli_toxiproxy_flag(&t, cases[i].flag), strcmp(cases[i].value, "true") == 0);
		cli_toxiproxy_fini(&t);
	}
	parse(&t, "-h http://a:1 --host=b list");
	assert_string_equal(t.host, "b");
	cli_toxiproxy_fini(&t);
	parse(&t, "t a -a x=1 --attribute y=2 p");
	assert_int_equal(t.given_count, 2);
	assert_true(cli_toxiproxy_is(&t.given[1], "attribute"));
	assert_string_equal(t.given[1].value, "y=2");
	cli_toxiproxy_fini(&t);
}

static void
test_mistakes(void **state)
{
	static const struct { const char *line; int exit; const char *out, *err; } cases[] = {
		{ "--zzz", 1, "Incorrect Usage: flag provided but not defined: -zzz\n\nNAME:\n   toxiproxy-cli - ", "" },
		{ "list --host x", 1, "Incorrect Usage: flag provided but not defined: -host\n\nNAME:\n   toxiproxy-cli list - ",
		  "" },
		{ "create -l", 1, "Incorrect Usage: flag needs an argument: -l\n\n", "" },
		{ "t a -u=maybe p", 1, "Incorrect Usage: invalid boolean value \"maybe\" for -u: parse error\n\n", "" },
		{ "---x", 1, "Incorrect Usage: bad flag syntax: ---x\n\n", "" },
		{ "-=x", 1, "Incorrect Usage: bad flag syntax: -=x\n\n", "" },
		{ "nonsense", 3, "", "No help topic for 'nonsense'\n" },
		{ "toxic nonsense", 3, "", "No help topic for 'nonsense'\n" },
		{ "help nonsense", 3, "", "No help topic for 'nonsense'\n" },
		{ "list help x", 3, "", "No help topic for 'x'\n" },
		{ "List", 3, "", "No help topic for 'List'\n" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct cli_toxiproxy t;

		parse(&t, cases[i].line);
		assert_int_equal(t.verb, CLI_TOXIPROXY_NONE);
		assert_int_equal(t.exit, cases[i].exit);
		assert_memory_equal(buf_str(&t.out), cases[i].out, strlen(cases[i].out));
		assert_int_equal(buf_len(&t.out) == 0, cases[i].out[0] == '\0');
		assert_string_equal(buf_str(&t.err), cases[i].err);
		cli_toxiproxy_fini(&t);
	}
}

static void
test_help(void **state)
{
	static const struct { const char *line, *first; bool list; } cases[] = {
		{ "", "NAME:\n   toxiproxy-cli - Simulate", true }, { "^", "NAME:\n   toxiproxy-cli - Simulate", true },
		{ "help", "NAME:\n   toxiproxy-cli - Simulate", true }, { "h", "NAME:\n   toxiproxy-cli - Simulate", true },
		{ "--help", "NAME:\n   toxiproxy-cli - Simulate", true },
		{ "--help list", "NAME:\n   toxiproxy-cli list - ", false },
		{ "list --help", "NAME:\n   toxiproxy-cli list - ", false },
		{ "help list", "NAME:\n   toxiproxy-cli list - ", false },
		{ "inspect h", "NAME:\n   toxiproxy-cli inspect - ", false },
		{ "toxic", "NAME:\n   toxiproxy-cli toxic - ", true },
		{ "toxic help add", "NAME:\n   toxiproxy-cli toxic add - ", false },
		{ "t a help", "NAME:\n   toxiproxy-cli toxic add - ", false },
		{ "--version", "toxiproxy-cli version 2.12.0\n", false }, { "-v list", "toxiproxy-cli version 2.12.0\n", false },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		struct cli_toxiproxy t;

		parse(&t, cases[i].line);
		assert_int_equal(t.verb, CLI_TOXIPROXY_NONE);
		assert_int_equal(t.exit, 0);
		assert_memory_equal(buf_str(&t.out), cases[i].first, strlen(cases[i].first));
		assert_int_equal(strstr(buf_str(&t.out), "COMMANDS:") != NULL, cases[i].list);
		assert_int_equal(buf_len(&t.err), 0);
		cli_toxiproxy_fini(&t);
	}
}

/* With a mistake, help lists the command "help" too. The page is the original's to the byte. */
static void
test_help_page(void **state)
{
	static const char page[] =
	    "NAME:\n   toxiproxy-cli create - create a new proxy\n"
	    "                            usage: 'toxiproxy-cli create --listen <addr> --upstream <addr> <proxyName>'\n\n\n"
	    "USAGE:\n   toxiproxy-cli create [command options]\n\n"
	    "COMMANDS:\n   help, h  Shows a list of commands or help for one command\n\n"
	    "OPTIONS:\n"
	    "   --listen value, -l value    proxy will listen on this address\n"
	    "   --upstream value, -u value  proxy will forward to this address\n"
	    "   --help                      show help (default: false)\n";
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	cli_toxiproxy_help(CLI_TOXIPROXY_CREATE, &out);
	assert_string_equal(buf_str(&out), page);
	buf_fini(&out);
}

static void
test_numbers(void **state)
{
	static const struct { const char *text; bool is; double value; } cases[] = {
		{ "1000", true, 1000 }, { "-5", true, -5 }, { "+5", true, 5 }, { ".5", true, 0.5 }, { "5.", true, 5 },
		{ "1e3", true, 1000 },
		{ "0x1p4", true, 16 }, { "1_000", true, 1000 }, { "inf", true, INFINITY }, { "-Infinity", true, -INFINITY },
		{ "1e-400", true, 0 },
		{ "", false, 0 }, { "-", false, 0 }, { " 1", false, 0 }, { "1 ", false, 0 }, { "1e", false, 0 },
		{ "0x10", false, 0 },
		{ "1e400", false, 0 }, { "100ms", false, 0 }, { "nan(1)", false, 0 }, { "_1", false, 0 }, { "1__0", false, 0 },
		{ "x", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		double v = 77;

		assert_int_equal(cli_toxiproxy_number(cases[i].text, &v), cases[i].is);
		assert_true(v == (cases[i].is ? cases[i].value : 77));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_page),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
