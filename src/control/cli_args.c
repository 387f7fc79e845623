/* SPDX-License-Identifier: MIT */
/* cli_args.c - verbs and options of our own commands. */
#include "control/cli_args.h"
#include "base/assert.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64

#define LOCAL_FROM 2            /* from here on they make sense without a daemon as well */

const struct cli_opt cli_args_common[] = {
	{ 0, "url", "URL", "the daemon; default $FAULTLINE_URL, else http://127.0.0.1:8474" },
	{ 0, "token", "TOKEN", "sent as bearer token; default $FAULTLINE_TOKEN" },
	{ 0, "json", NULL, "print one JSON document" },
	{ 'h', "help", NULL, "this help" },
	{ 0, NULL, NULL, NULL },
};

static void
complain(const struct cli_args *a, const char *fmt, va_list ap)
{
	fprintf(stderr, "faultline %s: ", a->command);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
cli_args_wrong(const struct cli_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(a, fmt, ap);
	va_end(ap);
	return CLI_USAGE;
}

int
cli_args_refuse(const struct cli_args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(a, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const char *
cli_args_value(const struct cli_args *a, const char *name)
{
	for (unsigned i = a->given_count; i > 0; i--)
		if (strcmp(a->given[i - 1].opt->name, name) == 0)
			return a->given[i - 1].value;
	return NULL;
}

bool
cli_args_has(const struct cli_args *a, const char *name)
{
	for (unsigned i = 0; i < a->given_count; i++)
		if (strcmp(a->given[i].opt->name, name) == 0)
			return true;
	return false;
}

/* The option of a name (its first n bytes) or, with name NULL, of a letter. */
static const struct cli_opt *
find_opt(const struct cli_opt *own, const char *name, size_t n, char letter)
{
	const struct cli_opt *tables[] = { own, cli_args_common };

	for (size_t t = 0; t < FL_ARRAY_LEN(tables); t++)
		for (const struct cli_opt *o = tables[t]; o != NULL && o->name != NULL; o++) {
			if (name == NULL ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0)
				return o;
		}
	return NULL;
}

static int
unknown_opt(const struct cli_args *a, const struct cli_opt *own, const char *text)
{
	const struct cli_opt *tables[] = { own, cli_args_common };
	const char *names[NAMES_MAX + 1], *near;
	size_t n = strcspn(text, "="), count = 0;
	char word[64];

	for (size_t t = 0; t < FL_ARRAY_LEN(tables); t++)
		for (const struct cli_opt *o = tables[t]; o != NULL && o->name != NULL && count < NAMES_MAX; o++)
			names[count++] = o->name;
	names[count] = NULL;
	snprintf(word, sizeof(word), "%.*s", (int)FL_MIN(n, sizeof(word) - 1), text);
	near = text_nearest(word + strspn(word, "-"), names);
	if (near != NULL)
		return cli_args_refuse(a, "unknown option %s; did you mean --%s?", word, near);
	return cli_args_refuse(a, "unknown option %s; see faultline %s --help", word, a->command);
}

static int
add_given(struct cli_args *a, const struct cli_opt *o, const char *value)
{
	if (a->given_count == CLI_GIVEN_MAX)
		return cli_args_refuse(a, "more than %d options", CLI_GIVEN_MAX);
	a->given[a->given_count++] = (struct cli_given){ .opt = o, .value = value };
	return 0;
}

/* argv[*i] starts with a dash; a value in the next argument is taken along. */
static int
take_opt(struct cli_args *a, const struct cli_opt *own, int *i, int argc, char **argv)
{
	const char *s = argv[*i], *value = NULL;
	bool is_long = s[1] == '-';
	const struct cli_opt *o;

	if (is_long) {
		size_t n = strcspn(s + 2, "=");

		o = find_opt(own, s + 2, n, 0);
		value = s[2 + n] == '=' ? s + 3 + n : NULL;
	} else {
		o = find_opt(own, NULL, 0, s[1]);
		value = s[2] != '\0' ? s + 2 + (s[2] == '=') : NULL;
	}
	if (o == NULL)
		return unknown_opt(a, own, s);
	if (o->value == NULL && value != NULL)
		return cli_args_refuse(a, is_long ? "--%s takes no value" : "unknown option behind -%.1s; a dash for each letter",
		    is_long ? o->name : s + 1);
	if (o->value != NULL && value == NULL) {
		if (*i + 1 >= argc)
			return cli_args_refuse(a, "--%s needs a value: %s", o->name, o->value);
		value = argv[++*i];
	}
	return add_given(a, o, value);
}

int
cli_args_parse(const struct cli_opt *own, const char *command, int first, int argc, char **argv, struct cli_args *ret_args)
{
	struct cli_args *a = ret_args;
	bool words_only = false;

	*a = (struct cli_args){ .command = command };
	for (int i = first; i < argc; i++) {
		const char *s = argv[i];
		int r = 0;

		if (!words_only && strcmp(s, "--") == 0) {
			words_only = true;
		} else if (!words_only && s[0] == '-' && s[1] != '\0' && !isdigit((unsigned char)s[1])) {
			r = take_opt(a, own, &i, argc, argv);
		} else if (a->word_count == CLI_WORDS_MAX) {
			r = cli_args_refuse(a, "more than %d arguments", CLI_WORDS_MAX);
		} else {
			a->words[a->word_count++] = s;
		}
		if (r < 0)
			return r;
	}
	return cli_args_has(a, "help") ? 1 : 0;
}

static void
print_opts(const struct cli_opt *opts)
{
	for (const struct cli_opt *o = opts; o != NULL && o->name != NULL; o++) {
		char text[80];
		char letter[8] = "    ";

		if (o->letter != 0)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		snprintf(text, sizeof(text), "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
		    o->value != NULL ? o->value : "");
		if (strlen(text) > 28)
			printf("  %s\n  %-28s  %s\n", text, "", o->help);
		else
			printf("  %-28s  %s\n", text, o->help);
	}
}

static void
print_verb_help(const struct cli_group *g, const struct cli_verb *v, const char *command)
{
	printf("faultline %s - %s\n\nusage: faultline %s [options]%s%s\n", command, v->help, command,
	    v->words[0] != '\0' ? " " : "", v->words);
	if (v->name[0] == '\0' && g->more != NULL)
		printf("\n%s", g->more);
	if (v->opts != NULL) {
		printf("\noptions:\n");
		print_opts(v->opts);
	}
	printf("\noptions of every command:\n");
	print_opts(cli_args_common + (g->local ? LOCAL_FROM : 0));
	if (v->examples != NULL)
		printf("\nexamples:\n%s", v->examples);
}

static void
print_group_help(const struct cli_group *g)
{
	printf("faultline %s - %s\n\nusage: faultline %s COMMAND [options] [arguments]\n\ncommands:\n", g->name, g->help,
	    g->name);
	for (const struct cli_verb *v = g->verbs; v->name != NULL; v++) {
		char text[64];

		snprintf(text, sizeof(text), "%s %s", v->name, v->words);
		printf("  %-24s  %s\n", text, v->help);
	}
	if (g->more != NULL)
		printf("\n%s", g->more);
	printf("\noptions of every command:\n");
	print_opts(cli_args_common + (g->local ? LOCAL_FROM : 0));
	printf("\n`faultline %s COMMAND --help` says more.\n", g->name);
}

static const struct cli_verb *
find_verb(const struct cli_group *g, const char *word)
{
	for (const struct cli_verb *v = g->verbs; v->name != NULL; v++) {
		if (strcmp(v->name, word) == 0)
			return v;
		for (const char *const *alias = v->aliases; alias != NULL && *alias != NULL; alias++)
			if (strcmp(*alias, word) == 0)
				return v;
	}
	return NULL;
}

static int
unknown_verb(const struct cli_group *g, const char *word)
{
	const char *names[NAMES_MAX + 1], *near;
	size_t count = 0;

	for (const struct cli_verb *v = g->verbs; v->name != NULL && count < NAMES_MAX; v++)
		names[count++] = v->name;
	names[count] = NULL;
	near = text_nearest(word, names);
	if (near != NULL)
		fprintf(stderr, "faultline %s: unknown command %s; did you mean %s?\n", g->name, word, near);
	else
		fprintf(stderr, "faultline %s: unknown command %s; see faultline %s --help\n", g->name, word, g->name);
	return CLI_USAGE;
}

static int
run_verb(const struct cli_group *g, const struct cli_verb *v, int first, int argc, char **argv)
{
	struct cli_args args;
	char command[128];
	int r;

	snprintf(command, sizeof(command), "%s%s%s", g->name, v->name[0] != '\0' ? " " : "", v->name);
	r = cli_args_parse(v->opts, command, first, argc, argv, &args);
	if (r < 0)
		return CLI_USAGE;
	if (r > 0) {
		print_verb_help(g, v, command);
		return CLI_OK;
	}
	if (args.word_count < v->words_min)
		return cli_args_wrong(&args, "expected %s", v->words);
	if (args.word_count > v->words_max)
		return cli_args_wrong(&args, "%s is one argument too many; expected %s", args.words[v->words_max],
		    v->words_max > 0 ? v->words : "none");
	return v->run(&args);
}

/*
 * Options may stand before the verb: move the verb to argv[1]. Only the common ones are known there.
 * returns   false when there is none
 */
static bool
verb_first(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1] == '-' && argv[i][2] != '\0') {
		const struct cli_opt *o = find_opt(NULL, argv[i] + 2, strcspn(argv[i] + 2, "="), 0);

		i += 1 + (o != NULL && o->value != NULL && strchr(argv[i], '=') == NULL);
	}
	if (i >= argc || argv[i][0] == '-')
		return false;
	for (char *verb = argv[i]; i > 1; i--) {
		argv[i] = argv[i - 1];
		argv[i - 1] = verb;
	}
	return true;
}

int
cli_args_run(const struct cli_group *g, int argc, char **argv)
{
	const struct cli_verb *v;
	bool help = false;

	fl_assert(g->verbs[0].name != NULL);
	if (g->verbs[0].name[0] == '\0')
		return run_verb(g, &g->verbs[0], 1, argc, argv);
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		help = help || (i == 1 && strcmp(argv[i], "help") == 0) || strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0;
	if (help && strcmp(argv[1], "help") == 0) {
		argv[1] = argv[0];
		argv++, argc--;
	}
	if (!verb_first(argc, argv)) {
		if (help) {
			print_group_help(g);
			return CLI_OK;
		}
		fprintf(stderr, "faultline %s: expected a command; see faultline %s --help\n", g->name, g->name);
		return CLI_USAGE;
	}
	v = find_verb(g, argv[1]);
	if (v == NULL)
		return unknown_verb(g, argv[1]);
	if (help) {
		char *ask[] = { argv[0], (char[]){ "--help" } };

		return run_verb(g, v, 1, 2, ask);
	}
	return run_verb(g, v, 2, argc, argv);
}
