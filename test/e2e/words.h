/* SPDX-License-Identifier: MIT */
/*
 * words.h - the text of a script as commands made of words.
 *
 * A command ends at a newline or ';'. A word is bare, "quoted" or a {block}, which may span lines and contain quotes and
 * blocks. Escapes in quotes are \n \r \t \\ \" \xNN; those of other signs, as \[, stay, for regular expressions.
 * '#' at the start of a word comments out the rest of the line.
 */
#ifndef E2E_WORDS_H
#define E2E_WORDS_H

#include <stdbool.h>

#define WORDS_MAX 32

struct word {
	char *text;             /* without quotes or outer braces */
	bool block;
	int line;               /* where it starts */
};

struct command {
	struct word word[WORDS_MAX];
	int count;
	int line;
};

/* A reader: text is not copied and must outlive it. line: of the first character. */
struct words {
	const char *at;
	int line;
};

/* The next command, or false at the end. A mistake in the text ends the test. */
bool words_next(struct words *w, struct command *ret);
/* Does word i exist and equal text? */
bool words_is(const struct command *c, int i, const char *text);
/* Word i, or the test ends: "what is missing". */
const char *words_need(const struct command *c, int i, const char *what);
/* Word i as a whole number >= 0, or the test ends. */
long long words_number(const struct command *c, int i, const char *what);

#endif
