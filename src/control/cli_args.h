/* SPDX-License-Identifier: MIT */
/*
 * cli_args.h - command lines of ours: a group of verbs ("line": list, create, ...), each with options that may stand anywhere.
 *
 * "--name value", "--name=value", "-n value", "-nvalue"; "--" ends the options; "-2h" is no option. What is unknown is refused with the nearest word.
 */
#ifndef CONTROL_CLI_ARGS_H
#define CONTROL_CLI_ARGS_H

#include "base/types.h"
#include <stdbool.h>

/* Exit codes of the program, as far as clients of the daemon need them. */
enum cli_exit { CLI_OK = 0, CLI_FINDING = 1, CLI_USAGE = 2, CLI_UNKNOWN = 4 };

#define CLI_GIVEN_MAX 256
#define CLI_WORDS_MAX 256

struct cli_opt {
	char letter;                    /* 0: none */
	const char *name;               /* NULL ends a table */
	const char *value;              /* what stands for its value in the help; NULL: a flag */
	const char *help;
};

struct cli_given {
	const struct cli_opt *opt;
	const char *value;              /* NULL for a flag */
};

/* A command line, taken apart. Strings are argv's. */
struct cli_args {
	const char *command;            /* "line create", for messages */
	unsigned given_count, word_count;
	struct cli_given given[CLI_GIVEN_MAX];
	const char *words[CLI_WORDS_MAX];
};

typedef int cli_verb_fn(const struct cli_args *a);

struct cli_verb {
	const char *name;
	const char *const *aliases;     /* NULL-terminated; NULL: none */
	const char *words;              /* its positional arguments, for the help: "NAME..." */
	unsigned words_min, words_max;
	const char *help;               /* one line */
	const struct cli_opt *opts;     /* its own; NULL: none */
	const char *examples;           /* whole lines, or NULL */
	cli_verb_fn *run;
};

struct cli_group {
	const char *name;               /* "line"; also of a command without verbs */
	const char *help;               /* one line */
	const char *more;               /* a paragraph for the help, whole lines; or NULL */
	const struct cli_verb *verbs;   /* ended by a NULL name. A command without verbs has one, named "". */
	bool local;                     /* asks no daemon: --url and --token are accepted, but not spoken of */
};

/* The options every client has: --url, --token, --json, --help. */
extern const struct cli_opt cli_args_common[];

/*
 * cli_args_run - find the verb of argv[1] (argv[0] is the group's own name), take the rest apart, run it.
 * returns   the exit code. Mistakes are told on stderr, help asked for stands on stdout.
 */
int cli_args_run(const struct cli_group *g, int argc, char **argv);

/*
 * cli_args_parse - take argv[first..] apart.
 * returns   0; 1 help was asked for; -EINVAL after a message on stderr
 */
int cli_args_parse(const struct cli_opt *own, const char *command, int first, int argc, char **argv, struct cli_args *ret_args);

/* The last value given for an option, NULL when it was not given. */
const char *cli_args_value(const struct cli_args *a, const char *name);
bool cli_args_has(const struct cli_args *a, const char *name);

/* "faultline line create: TEXT" on stderr. returns CLI_USAGE, or -EINVAL from the second. */
int cli_args_wrong(const struct cli_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cli_args_refuse(const struct cli_args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
