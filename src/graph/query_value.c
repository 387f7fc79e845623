/* SPDX-License-Identifier: MIT */
/* query_value.c - what a text is, and how two of them compare. */
#include "base/units.h"
#include "graph/moment.h"
#include "graph/query_tree.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct query_value
query_value_of(const char *text)
{
	struct query_value v = { .type = QUERY_TEXT };
	int64_t n;
	char *end;

	if (!isdigit((unsigned char)text[0]) && text[0] != '-' && text[0] != '.')
		return v;
	v.number = strtod(text, &end);
	if (*end == '\0' && isfinite(v.number))
		v.type = QUERY_NUMBER;
	else if (*end == '%' && end[1] == '\0') {
		v.type = QUERY_NUMBER;
		v.number /= 100;
	} else if (units_parse_duration(text, &n) == 0) {
		v.type = QUERY_DURATION;
		v.number = (double)n;
	} else if (moment_parse(text, &n) == 0) {
		v.type = QUERY_TIME;
		v.number = (double)n;
	} else if (units_parse_bytes(text, &n) == 0) {
		v.type = QUERY_NUMBER;
		v.number = (double)n;
	}
	return v;
}

static bool
holds(enum query_op op, double difference)
{
	switch (op) {
	case QUERY_EQ:
		return difference == 0;
	case QUERY_NE:
		return difference != 0;
	case QUERY_LT:
		return difference < 0;
	case QUERY_LE:
		return difference <= 0;
	case QUERY_GT:
		return difference > 0;
	case QUERY_GE:
		return difference >= 0;
	default:
		return false;
	}
}

bool
query_like(const char *text, const char *pattern)
{
	const char *star = NULL, *back = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			back = text;
		} else if (*pattern == '?' || *pattern == *text) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star + 1;
			text = ++back;
		} else {
			return false;
		}
	}
	return pattern[strspn(pattern, "*")] == '\0';
}

bool
query_compare(enum query_op op, const char *text, const char *wanted, int64_t now)
{
	struct query_value a, b;

	if (op == QUERY_LIKE)
		return query_like(text, wanted);
	a = query_value_of(text);
	b = query_value_of(wanted);
	if (a.type == QUERY_TIME && b.type == QUERY_DURATION)
		return holds(op, (double)now - a.number - b.number);
	/* "0" and "5" may stand for seconds where the other side is a duration. */
	if (a.type == QUERY_DURATION && b.type == QUERY_NUMBER)
		b.number *= 1e9;
	else if (a.type == QUERY_NUMBER && b.type == QUERY_DURATION)
		a.number *= 1e9;
	else if (a.type != b.type || a.type == QUERY_TEXT) {
		int order = strcmp(text, wanted);

		return op == QUERY_EQ || op == QUERY_NE || a.type == b.type ? holds(op, order) : false;
	}
	return holds(op, a.number - b.number);
}
