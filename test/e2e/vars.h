/* SPDX-License-Identifier: MIT */
/*
 * vars.h - the variables of a script and the barriers its threads meet at. Safe from every thread.
 *
 *  (1) A variable that holds an elapsed time can only be bounded from below: a machine under load is late, never early.
 */
#ifndef E2E_VARS_H
#define E2E_VARS_H

#include "words.h"
#include <stdint.h>

void vars_set(const char *name, const char *value);
void vars_set_number(const char *name, long long value);
/* A value a time was measured into; in milliseconds. */
void vars_set_elapsed(const char *name, double ms);
/* The text with each ${name} replaced; an unknown name ends the test. */
char *vars_expand(const char *text);
/* Expand every word of a command that is not a block. */
void vars_expand_words(struct command *c);

/* expect A OP B, OP one of == != >= > <= < ~ (matches the regular expression). */
void vars_expect(const struct command *c);

int64_t vars_now_ns(void);
/* Remember now under a name; milliseconds since. */
void vars_mark(const char *name);
double vars_since_mark(const char *name);

/* barrier NAME COUNT */
void vars_barrier(const struct command *c);
/* sync NAME: wait until COUNT threads do; then all go on, and it can be used again. */
void vars_sync(const char *name);

/* Does the text match the extended regular expression? A bad expression ends the test. */
bool vars_matches(const char *text, const char *regex);

#endif
