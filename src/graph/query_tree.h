/* SPDX-License-Identifier: MIT */
/* query_tree.h - what query_parse.c makes and query_run.c walks. */
#ifndef GRAPH_QUERY_TREE_H
#define GRAPH_QUERY_TREE_H

#include "graph/query.h"

enum query_op { QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_THERE, QUERY_EQ, QUERY_NE, QUERY_LT, QUERY_LE, QUERY_GT, QUERY_GE, QUERY_LIKE };
struct query_node {
	enum query_op op;
	const struct query_node *left, *right;          /* AND, OR; left alone of NOT */
	const char *key, *value;
	size_t key_at, value_at;                        /* places in the text */
};
struct query {
	bool lines;
	const char *from;               /* NULL: everywhere */
	size_t from_at;
	bool upstream, hard_only, soft_only;
	uint32_t depth;
	const struct query_node *where; /* NULL: everything */
};

/* What a value is, when it is compared. */
enum query_type { QUERY_TEXT, QUERY_NUMBER, QUERY_DURATION, QUERY_TIME };
struct query_value {
	enum query_type type;
	double number;                  /* ns of a duration, ns since 1970 of a time */
};
struct query_value query_value_of(const char *text);
/* How `text` compares with the value that was asked for. */
bool query_compare(enum query_op op, const char *text, const char *wanted, int64_t now);
/* Pattern with * and ?. */
bool query_like(const char *text, const char *pattern);

#endif
