/* SPDX-License-Identifier: MIT */
/*
 * doc.h - what a file says, as a tree of nodes that remember where they stood. yaml_parse() makes one from YAML (and so JSON).
 *
 * A tree is bounded: bytes, depth and nodes, aliases counted as often as they are used. A reader walks it with the
 * doc_* getters, which complain into a struct doc_diag and go on, so that one pass over a file finds
 * all of its mistakes:
 *
 *      experiment.yaml:12:5: found the word "delay", expected one of: type, name, ...; did you mean "...?"
 *
 * Invariants
 *  (1) The tree is immutable and acyclic; an aliased node may be reached by several ways.
 *  (2) Keys of a map are scalars and differ.
 *  (3) Text is valid UTF-8 without NUL bytes.
 */
#ifndef PROTO_DOC_H
#define PROTO_DOC_H

#include "base/arena.h"
#include "base/buf.h"
#include <stdbool.h>

#define DOC_BYTES_MAX (16u << 20)
#define DOC_DEPTH_MAX 40
#define DOC_NODES_MAX 400000u

enum doc_kind { DOC_NULL, DOC_SCALAR, DOC_LIST, DOC_MAP };

struct doc_node;
struct doc_pair {
	const struct doc_node *key, *value;
};
struct doc_node {
	enum doc_kind kind;
	bool plain;                     /* scalar without quotes: may be meant as number or boolean */
	uint32_t line, column;          /* from 1; 0: not from a file */
	uint32_t count;                 /* of items or pairs */
	uint32_t weight;                /* nodes in here, aliases counted each time */
	const char *text;               /* scalar, NUL-terminated; "" otherwise */
	union {
		const struct doc_node **items;
		struct doc_pair *pairs;
	};
};

struct doc {
	struct arena mem;
	char *name;
	const struct doc_node *root;    /* DOC_NULL for an empty text */
};

/* Complaints about one text, in the order found. */
struct doc_diag {
	const char *name;               /* of the file, NULL: leave the place out */
	struct buf text;                /* lines "file:line:column: found X, expected Y" */
	unsigned count;
	uint32_t line_base;             /* lines of the file before the text that the nodes are of */
};

void doc_diag_init(struct doc_diag *d, const char *name);
void doc_diag_fini(struct doc_diag *d);
/* Add a line about node n (NULL: about the file). Past 20 lines they are only counted. */
void doc_complain(struct doc_diag *d, const struct doc_node *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "found X, expected `expected`", X being what n is. */
void doc_unexpected(struct doc_diag *d, const struct doc_node *n, const char *expected);
/* What n is, for messages: `the number 12`, `the text "abc"`, `a list`, `nothing`. Returns buf. */
char *doc_describe(const struct doc_node *n, char *buf, size_t buf_bytes);

void doc_free(struct doc *doc);         /* NULL is fine */

/* The value of a key, NULL when there is none (or map is not a map). O(pairs). */
const struct doc_node *doc_get(const struct doc_node *map, const char *key);
/* Complain unless n is of that kind; `expected` says what it should be. */
bool doc_expect(struct doc_diag *d, const struct doc_node *n, enum doc_kind kind, const char *expected);
/* Complain about each key that is not in the NULL-terminated list, with the nearest word. */
void doc_keys(struct doc_diag *d, const struct doc_node *map, const char *const *known);
/* Likewise for a word that should be one of a list. returns its index, or -1 after a complaint. */
int doc_choice(struct doc_diag *d, const struct doc_node *n, const char *const *choices);

/*
 * Scalars. `expected` is the end of the complaint ("a duration such as 250ms"), NULL for a usual one. true: *ret is set;
 * false: complained, *ret is untouched. A missing optional value is the caller's matter: n is never NULL here.
 */
bool doc_text(struct doc_diag *d, const struct doc_node *n, const char *expected, const char **ret);
bool doc_int(struct doc_diag *d, const struct doc_node *n, int64_t min, int64_t max, int64_t *ret);
bool doc_float(struct doc_diag *d, const struct doc_node *n, double min, double max, double *ret);
bool doc_bool(struct doc_diag *d, const struct doc_node *n, bool *ret);
bool doc_duration(struct doc_diag *d, const struct doc_node *n, fl_ns *ret);    /* "250ms"; 0 may stand bare; >= 0 */
bool doc_bytes(struct doc_diag *d, const struct doc_node *n, int64_t *ret);     /* "64KB" or a bare number */

/* The same questions without complaints, for readers that decide by form. Plain scalars only. */
bool doc_is_int(const struct doc_node *n, int64_t *ret);
bool doc_is_float(const struct doc_node *n, double *ret);       /* integers too; not inf or nan */
bool doc_is_bool(const struct doc_node *n, bool *ret);          /* true, false */

#endif
