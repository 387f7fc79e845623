/* SPDX-License-Identifier: MIT */
/* claim.c - reading and judging claims. */
#include "run/claim.h"

#include "base/text.h"
#include "base/types.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE_MAX 200

/* The text from s to end without the spaces around it. false: too long. */
static bool
trim(const char *s, const char *end, char *ret)
{
	while (s < end && *s == ' ')
		s++;
	while (end > s && end[-1] == ' ')
		end--;
	if ((size_t)(end - s) >= SIDE_MAX)
		return false;
	memcpy(ret, s, (size_t)(end - s));
	ret[end - s] = '\0';
	return true;
}

static int
index_of(const char *name, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static int
unknown_word(const char *what, const char *word, const char *const *known, char *error)
{
	const char *near = text_nearest(word, known);

	snprintf(error, CLAIM_ERROR_MAX, "found the %s \"%.60s\", but there is none of that name%s%s%s", what, word,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
	return -EINVAL;
}

/* "2 * bare.goodput", "bare.goodput"; a value is left alone in text, with variant -1. */
static int
parse_side(char *text, const char *const *variants, struct claim_side *ret, char *error)
{
	char *star = strchr(text, '*'), *dot, *end;
	char name[SIDE_MAX];
	int m;

	*ret = (struct claim_side){ .variant = -1, .factor = 1 };
	if (star != NULL) {
		ret->factor = strtod(text, &end);
		end += strspn(end, " ");
		if (end != star || end == text || !(ret->factor >= 0) || isinf(ret->factor)) {
			snprintf(error, CLAIM_ERROR_MAX, "found \"%.60s\", expected a number before the *", text);
			return -EINVAL;
		}
		star += 1 + strspn(star + 1, " ");
		memmove(text, star, strlen(star) + 1);
	}
	if (star == NULL && ((text[0] >= '0' && text[0] <= '9') || text[0] == '.'))
		return 0;
	dot = strrchr(text, '.');
	if (dot == NULL || dot == text) {
		snprintf(error, CLAIM_ERROR_MAX, "found \"%.60s\", expected VARIANT.NUMBER, as in protected.goodput", text);
		return -EINVAL;
	}
	memcpy(name, text, (size_t)(dot - text));
	name[dot - text] = '\0';
	ret->variant = index_of(name, variants);
	m = index_of(dot + 1, metric_names());
	if (ret->variant < 0)
		return unknown_word("variant", name, variants, error);
	if (m < 0)
		return unknown_word("number", dot + 1, metric_names(), error);
	ret->metric = (enum metric)m;
	return 0;
}

/* A value that stands for itself has the unit of the other side. */
static int
parse_value(const char *text, const struct claim_side *other, struct claim_side *ret, char *error)
{
	const enum metric_unit unit = metric_info(other->metric)->unit;

	ret->metric = other->metric;
	if (metric_parse(unit, text, &ret->value))
		return 0;
	snprintf(error, CLAIM_ERROR_MAX, "found \"%.60s\", expected %s", text, metric_expected(unit));
	return -EINVAL;
}

static int
parse_sides(char *left, char *right, const char *const *variants, struct claim *ret, char *error)
{
	int rc = parse_side(left, variants, &ret->left, error);

	if (rc == 0)
		rc = parse_side(right, variants, &ret->right, error);
	if (rc < 0)
		return rc;
	if (ret->left.variant < 0 && ret->right.variant < 0) {
		snprintf(error, CLAIM_ERROR_MAX, "found two values, expected VARIANT.NUMBER on one side at least");
		return -EINVAL;
	}
	if (ret->left.variant < 0)
		return parse_value(left, &ret->right, &ret->left, error);
	if (ret->right.variant < 0)
		return parse_value(right, &ret->left, &ret->right, error);
	if (metric_info(ret->left.metric)->unit != metric_info(ret->right.metric)->unit) {
		snprintf(error, CLAIM_ERROR_MAX, "found %s compared with %s, expected two numbers of one kind",
		    metric_info(ret->left.metric)->name, metric_info(ret->right.metric)->name);
		return -EINVAL;
	}
	return 0;
}

int
claim_parse(const char *text, const char *const *variants, struct claim *ret, char *error)
{
	const char *op = strpbrk(text, "<>");
	char left[SIDE_MAX], right[SIDE_MAX];
	struct claim c = { .text = text };
	bool equal = op != NULL && op[1] == '=';
	int rc;

	if (op == NULL || strpbrk(op + 1, "<>") != NULL || !trim(text, op, left) || !trim(op + 1 + equal, text + strlen(text), right)) {
		snprintf(error, CLAIM_ERROR_MAX, "found \"%.60s\", expected a comparison such as protected.goodput >= 2 * bare.goodput", text);
		return -EINVAL;
	}
	c.op = *op == '>' ? (equal ? CLAIM_GE : CLAIM_GT) : equal ? CLAIM_LE : CLAIM_LT;
	rc = parse_sides(left, right, variants, &c, error);
	if (rc == 0)
		*ret = c;
	return rc;
}

static double
value_of(const struct claim_side *s, const struct metric_set *const *sets)
{
	if (s->variant < 0)
		return s->value;
	return sets[s->variant] == NULL ? NAN : s->factor * sets[s->variant]->of[s->metric];
}

void
claim_judge(const struct claim *c, const struct metric_set *const *sets, struct claim_outcome *ret)
{
	const enum metric_unit unit = metric_info(c->left.metric)->unit;
	const double a = value_of(&c->left, sets), b = value_of(&c->right, sets);
	char left[64], right[64];

	*ret = (struct claim_outcome){ .known = !isnan(a) && !isnan(b) };
	if (ret->known)
		ret->held = c->op == CLAIM_GE ? a >= b : c->op == CLAIM_LE ? a <= b : c->op == CLAIM_GT ? a > b : a < b;
	/* A factor may make a share of more than 100 %. */
	metric_say(unit, a, left, sizeof(left));
	metric_say(unit, b, right, sizeof(right));
	snprintf(ret->got, sizeof(ret->got), "%s against %s", left, right);
}
