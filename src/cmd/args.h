/* SPDX-License-Identifier: MIT */
/*
 * args.h - flags of a command line: one dash or two, "--name value" or "--name=value", anywhere before "--".
 */
#ifndef CMD_ARGS_H
#define CMD_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#define ARGS_LIST_MAX 64
#define ARGS_WORDS_MAX 64

struct args_list {
	unsigned count;
	const char *items[ARGS_LIST_MAX];
};

enum args_type { ARGS_FLAG, ARGS_TEXT, ARGS_LIST };

struct args_flag {
	const char *names;              /* "config c": any of these */
	enum args_type type;
	union {
		bool *flag;             /* true when given; "=false" makes it false */
		const char **text;
		struct args_list *list; /* given several times */
	};
};

struct args {
	unsigned count;                 /* words that are no flags */
	const char *words[ARGS_WORDS_MAX];
	char error[256];
};

/* Read argv[1..]. flags ends with names NULL. 0, or -EINVAL with ret->error set. */
int args_parse(const struct args_flag *flags, int argc, char **argv, struct args *ret);

#endif
