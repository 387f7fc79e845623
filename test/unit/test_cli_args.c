/* SPDX-License-Identifier: MIT */
/* test_cli_args.c - verbs and options: anywhere, in every spelling, and what is said of mistakes. */
#include "control/cli_args.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>

#define MAX_WORDS 16

/* What the last verb that ran was given, as text: "list|--name=x|--flag|word". */
static char seen[512];
static char printed[16384], complained[4096];

static int
note(const char *verb, const struct cli_args *a)
{
	size_t n = (size_t)snprintf(seen, sizeof(seen), "%s", verb);

	for (unsigned i = 0; i < a->given_count; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "|--%s%s%s", a->given[i].opt->name,
		    a->given[i].value != NULL ? "=" : "", a->given[i].value != NULL ? a->given[i].value : "");
	for (unsigned i = 0; i < a->word_count; i++)
		n += (size_t)snprintf(seen + n, sizeof(seen) - n, "|%s", a->words[i]);
	return 42;
}

static int
run_list(const struct cli_args *a)
{
	return note("list", a);
}

static int
run_create(const struct cli_args *a)
{
	return note("create", a);
}

static const struct cli_opt create_opts[] = {
	{ 'l', "listen", "ADDRESS", "where" }, { 'a', "attribute", "K=V", "many" }, { 0, "disabled", NULL, "a flag" },
	{ 0, NULL, NULL, NULL },
};
static const char *const list_names[] = { "ls", NULL };
static const struct cli_verb verbs[] = {
	{ "list", list_names, "", 0, 0, "all of them", NULL, NULL, run_list },
	{ "create", NULL, "NAME", 1, 2, "a new one", create_opts, "  an example\n", run_create },
	{ .name = NULL },
};
static const struct cli_group group = { .name = "line", .help = "lines", .verbs = verbs, .more = "More of it.\n" };
static const struct cli_verb lone[] = {
	{ "", NULL, "", 0, 0, "alone", create_opts, NULL, run_list },
	{ .name = NULL },
};
static const struct cli_group single = { .name = "status", .help = "alone", .verbs = lone, .local = true };

/* Read what was written to fd since it was pointed at a new file, and point it back. */
static void
take_back(int fd, int saved, FILE *file, char *out, size_t bytes)
{
	fflush(NULL);
	dup2(saved, fd);
	close(saved);
	rewind(file);
	out[fread(out, 1, bytes - 1, file)] = '\0';
	fclose(file);
}

/* Run a command line of words with spaces between; "\1" stands for an empty word. returns the exit code. */
static int
run(const struct cli_group *g, const char *line)
{
	char copy[512], *argv[MAX_WORDS], *next = copy, *word, name[] = "name";
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 1, r, saved_out, saved_err;

	assert_true(out != NULL && err != NULL);
	snprintf(copy, sizeof(copy), "%s", line);
	argv[0] = name;
	while ((word = strsep(&next, " ")) != NULL)
		if (word[0] != '\0' && argc < MAX_WORDS)
			argv[argc++] = word;
	seen[0] = '\0';
	fflush(NULL);
	saved_out = dup(1);
	saved_err = dup(2);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	r = cli_args_run(g, argc, argv);
	take_back(1, saved_out, out, printed, sizeof(printed));
	take_back(2, saved_err, err, complained, sizeof(complained));
	return r;
}

static void
test_spellings(void **state)
{
	static const struct { const char *line, *seen; } cases[] = {
		{ "list", "list" },
		{ "ls --json", "list|--json" },
		{ "create x", "create|x" },
		{ "create --listen :1 x", "create|--listen=:1|x" },
		{ "create x --listen=:1", "create|--listen=:1|x" },
		{ "create x -l :1", "create|--listen=:1|x" },
		{ "create x -l:1 --disabled y", "create|--listen=:1|--disabled|x|y" },
		{ "create -l=:1 x", "create|--listen=:1|x" },
		{ "create -a a=1 x -a b=2 --attribute=c=3", "create|--attribute=a=1|--attribute=b=2|--attribute=c=3|x" },
		{ "create --listen -x y", "create|--listen=-x|y" },
		{ "create -- --listen -x", "create|--listen|-x" },
		{ "create - x", "create|-|x" },
		{ "create x --listen=", "create|--listen=|x" },
		{ "--json list", "list|--json" },
		{ "--url http://h:1 create x --json", "create|--url=http://h:1|--json|x" },
		{ "--url=http://h:1 create x", "create|--url=http://h:1|x" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		assert_int_equal(run(&group, cases[i].line), 42);
		assert_string_equal(seen, cases[i].seen);
		assert_string_equal(complained, "");
	}
	assert_int_equal(run(&single, "--disabled --json"), 42);
	assert_string_equal(seen, "list|--disabled|--json");
}

static void
test_mistakes(void **state)
{
	static const struct { const char *line, *said; } cases[] = {
		{ "", "expected a command" },
		{ "--json", "expected a command" },
		{ "crate x", "did you mean create?" },
		{ "zzzzzz", "faultline line --help" },
		{ "create", "expected NAME" },
		{ "create a b c", "c is one argument too many" },
		{ "list x", "expected none" },
		{ "create x --lisen :1", "did you mean --listen?" },
		{ "create x --lisen=:1", "unknown option --lisen;" },
		{ "create x -q", "unknown option -q" },
		{ "create x --listen", "--listen needs a value: ADDRESS" },
		{ "create x --disabled=yes", "--disabled takes no value" },
		{ "list --listen :1", "unknown option --listen" },
	};

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(cases); i++) {
		assert_int_equal(run(&group, cases[i].line), CLI_USAGE);
		assert_non_null(strstr(complained, cases[i].said));
		assert_memory_equal(complained, "faultline line", 14);
		assert_string_equal(printed, "");
		assert_string_equal(seen, "");
	}
	assert_int_equal(run(&single, "word"), CLI_USAGE);
}

static void
test_help(void **state)
{
	static const char *const groups[] = { "help", "--help", "-h", "--json --help" };
	static const char *const creates[] = { "create --help", "create -h x", "help create", "--help create",
	    "create x --listen :1 --help" };

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(groups); i++) {
		assert_int_equal(run(&group, groups[i]), CLI_OK);
		assert_non_null(strstr(printed, "create NAME"));
		assert_non_null(strstr(printed, "More of it."));
		assert_non_null(strstr(printed, "--token TOKEN"));
	}
	for (size_t i = 0; i < FL_ARRAY_LEN(creates); i++) {
		assert_int_equal(run(&group, creates[i]), CLI_OK);
		assert_non_null(strstr(printed, "usage: faultline line create [options] NAME\n"));
		assert_non_null(strstr(printed, "-l, --listen ADDRESS"));
		assert_non_null(strstr(printed, "an example"));
		assert_string_equal(seen, "");
	}
	assert_int_equal(run(&single, "--help"), CLI_OK);
	assert_null(strstr(printed, "--token"));
	assert_non_null(strstr(printed, "--json"));
	assert_int_equal(run(&group, "help nonsense"), CLI_USAGE);
}

static void
test_values(void **state)
{
	char *argv[] = { (char[]){ "x" }, (char[]){ "-l" }, (char[]){ "one" }, (char[]){ "--listen=two" }, (char[]){ "w" } };
	static struct cli_args a;

	(void)state;
	assert_int_equal(cli_args_parse(create_opts, "x", 1, 5, argv, &a), 0);
	assert_string_equal(cli_args_value(&a, "listen"), "two");
	assert_true(cli_args_has(&a, "listen"));
	assert_null(cli_args_value(&a, "attribute"));
	assert_false(cli_args_has(&a, "json"));
	assert_int_equal(a.word_count, 1);
}

static void
test_bounds(void **state)
{
	static char word[] = "w", flag[] = "--json";
	static char *words[CLI_WORDS_MAX + 2], *flags[CLI_GIVEN_MAX + 2];
	static struct cli_args a;
	int null = open("/dev/null", O_WRONLY), saved = dup(2);

	(void)state;
	for (size_t i = 0; i < FL_ARRAY_LEN(words); i++)
		words[i] = word;
	for (size_t i = 0; i < FL_ARRAY_LEN(flags); i++)
		flags[i] = flag;
	fflush(stderr);
	dup2(null, 2);
	int at_most = cli_args_parse(NULL, "x", 1, CLI_WORDS_MAX + 1, words, &a);
	int too_many = cli_args_parse(NULL, "x", 1, CLI_WORDS_MAX + 2, words, &a);
	int flags_most = cli_args_parse(NULL, "x", 1, CLI_GIVEN_MAX + 1, flags, &a);
	int flags_many = cli_args_parse(NULL, "x", 1, CLI_GIVEN_MAX + 2, flags, &a);
	dup2(saved, 2);
	close(saved);
	close(null);
	assert_int_equal(at_most, 0);
	assert_int_equal(too_many, -EINVAL);
	assert_int_equal(flags_most, 0);
	assert_int_equal(flags_many, -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
