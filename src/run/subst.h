/* SPDX-License-Identifier: MIT */
/*
 * subst.h - what is filled into texts of an experiment when it runs.
 *
 *      {port:NAME}     a free TCP port, the same wherever NAME stands
 *      {line:NAME}     the address the line NAME listens on, as host:port
 *      {dir}           a fresh directory inside the run directory, for files of the processes
 *      {run}           the run directory: what is put there stays
 *      {here}          the directory of the experiment's file
 *      {faultline}     this program
 *      {{              a {
 *
 * A { that no lower-case letter follows stands for itself, so that JSON in an argument needs no care. Pure.
 */
#ifndef RUN_SUBST_H
#define RUN_SUBST_H

#include "base/arena.h"

enum subst_kind { SUBST_END, SUBST_TEXT, SUBST_PORT, SUBST_LINE, SUBST_DIR, SUBST_RUN, SUBST_HERE, SUBST_PROGRAM, SUBST_BAD };

struct subst_token {
	enum subst_kind kind;
	const char *text;               /* SUBST_TEXT: n bytes; SUBST_BAD: the word in braces, n bytes of it */
	size_t n;
	char name[64];                  /* of the port or the line */
};
/* The next token at *p, which moves on. SUBST_BAD: an unknown word, or a brace that is not closed, or a name that is none. */
enum subst_kind subst_next(const char **p, struct subst_token *ret);

/* The words that may stand in braces, NULL-terminated. */
const char *const *subst_words(void);

struct subst_values {
	const char *const *port_names, *const *line_names;      /* NULL-terminated */
	const uint16_t *ports;                                  /* by port name */
	const char *const *lines;                               /* by line name: "host:port" */
	const char *dir, *run, *here, *program;
};
/* The text with everything filled in, in mem; NULL when that is full. Asserts that all names are known. */
const char *subst_expand(struct arena *mem, const char *text, const struct subst_values *v);

#endif
