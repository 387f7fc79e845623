/* SPDX-License-Identifier: MIT */
/*
 * jsonl.h - pull values out of one line of JSON (RFC 8259), in the order they stand, without building a tree.
 *
 *      if (jsonl_enter(&j, '{'))
 *              while (jsonl_member(&j, name, sizeof(name)))
 *                      ... one of jsonl_int, jsonl_text, jsonl_enter, jsonl_skip ...
 *      if (!jsonl_end(&j)) complain about j.error at j.at
 *
 * Nothing is allocated. The first error sticks: every later call fails and changes nothing.
 *
 * Invariants
 *  (1) at <= n; nothing behind text + n is read.
 *  (2) Texts that come out are valid UTF-8 without NUL bytes.
 *  (3) An error whose `at` is n means that the line ends too early: it may have been cut off.
 */
#ifndef PROTO_JSONL_H
#define PROTO_JSONL_H

#include "base/types.h"
#include <stdbool.h>

#define JSONL_DEPTH_MAX 32

struct jsonl {
	const char *text;
	size_t n, at;
	const char *error;              /* a constant: "expected a comma or }"; NULL: none */
	unsigned depth;
	bool first[JSONL_DEPTH_MAX];    /* nothing was read yet at this depth */
	char close[JSONL_DEPTH_MAX];
};

enum jsonl_kind { JSONL_NONE, JSONL_OBJECT, JSONL_ARRAY, JSONL_TEXT, JSONL_NUMBER, JSONL_TRUE, JSONL_FALSE, JSONL_NULL };

void jsonl_init(struct jsonl *j, const char *text, size_t n);
/* What the next value is, by its first byte; JSONL_NONE: not a value, or an error is set. */
enum jsonl_kind jsonl_peek(struct jsonl *j);
/* Into an object or array; open is '{' or '['. */
bool jsonl_enter(struct jsonl *j, char open);
/* The next member's name of the object we are in; false at its end (we have left it then) or on an error. */
bool jsonl_member(struct jsonl *j, char *name, size_t name_bytes);
/* Is there another item in the array we are in? false at its end (we have left it then) or on an error. */
bool jsonl_item(struct jsonl *j);
/* Values. false: error, ret untouched. A text that does not fit with its NUL is an error. */
bool jsonl_text(struct jsonl *j, char *ret, size_t ret_bytes);
bool jsonl_int(struct jsonl *j, int64_t *ret);          /* no fraction or exponent, fits */
bool jsonl_number(struct jsonl *j, double *ret);
bool jsonl_null(struct jsonl *j);
/* Any value, with everything in it. */
bool jsonl_skip(struct jsonl *j);
/* The line's value was read as a whole and nothing but spaces follows. */
bool jsonl_end(struct jsonl *j);
/* Set an error of the reader's at the present place (unless there is one). Returns false. */
bool jsonl_fail(struct jsonl *j, const char *error);

#endif
