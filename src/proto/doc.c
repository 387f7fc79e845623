/* SPDX-License-Identifier: MIT */
/* doc.c - the tree and the questions asked of it; yaml.c builds it from text. */
#include "proto/doc.h"
#include "base/text.h"
#include "base/units.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPLAINTS_MAX 20

void
doc_diag_init(struct doc_diag *d, const char *name)
{
	*d = (struct doc_diag){ .name = name };
	buf_init(&d->text, 64 * 1024);
}

void
doc_diag_fini(struct doc_diag *d)
{
	buf_fini(&d->text);
}

void
doc_complain(struct doc_diag *d, const struct doc_node *n, const char *fmt, ...)
{
	va_list ap;

	if (++d->count > COMPLAINTS_MAX)
		return;
	if (d->text.end > d->text.start)
		buf_putc(&d->text, '\n');
	if (d->name != NULL && n != NULL && n->line != 0)
		buf_printf(&d->text, "%s:%u:%u: ", d->name, n->line + d->line_base, n->column);
	else if (d->name != NULL)
		buf_printf(&d->text, "%s: ", d->name);
	va_start(ap, fmt);
	buf_vprintf(&d->text, fmt, ap);
	va_end(ap);
}

char *
doc_describe(const struct doc_node *n, char *buf, size_t buf_bytes)
{
	double f;
	bool b;

	switch (n->kind) {
	case DOC_NULL:
		snprintf(buf, buf_bytes, "nothing");
		break;
	case DOC_LIST:
		snprintf(buf, buf_bytes, "a list");
		break;
	case DOC_MAP:
		snprintf(buf, buf_bytes, "a map");
		break;
	case DOC_SCALAR:
		if (doc_is_float(n, &f))
			snprintf(buf, buf_bytes, "the number %.40s", n->text);
		else if (doc_is_bool(n, &b))
			snprintf(buf, buf_bytes, "%s", n->text);
		else
			snprintf(buf, buf_bytes, "\"%.60s\"", n->text);
		break;
	}
	return buf;
}

void
doc_unexpected(struct doc_diag *d, const struct doc_node *n, const char *expected)
{
	char what[128];

	doc_complain(d, n, "found %s, expected %s", doc_describe(n, what, sizeof(what)), expected);
}

const struct doc_node *
doc_get(const struct doc_node *map, const char *key)
{
	if (map == NULL || map->kind != DOC_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->count; i++) {
		if (strcmp(map->pairs[i].key->text, key) == 0)
			return map->pairs[i].value;
	}
	return NULL;
}

bool
doc_expect(struct doc_diag *d, const struct doc_node *n, enum doc_kind kind, const char *expected)
{
	if (n->kind == kind)
		return true;
	doc_unexpected(d, n, expected);
	return false;
}

/* "found "x", expected one of a, b, c (did you mean "b"?)". */
static void
complain_choice(struct doc_diag *d, const struct doc_node *n, const char *what, const char *const *words)
{
	const char *near = text_nearest(n->text, words);
	struct buf list;

	buf_init(&list, 4096);
	for (size_t i = 0; words[i] != NULL; i++)
		buf_printf(&list, "%s%s", i != 0 ? ", " : "", words[i]);
	doc_complain(d, n, "found %s\"%.60s\", expected one of %s%s%s%s", what, n->text, buf_str(&list),
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
	buf_fini(&list);
}

static int
word_index(const char *s, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], s) == 0)
			return i;
	}
	return -1;
}

void
doc_keys(struct doc_diag *d, const struct doc_node *map, const char *const *known)
{
	if (map->kind != DOC_MAP)
		return;
	for (uint32_t i = 0; i < map->count; i++) {
		if (word_index(map->pairs[i].key->text, known) < 0)
			complain_choice(d, map->pairs[i].key, "the key ", known);
	}
}

int
doc_choice(struct doc_diag *d, const struct doc_node *n, const char *const *choices)
{
	int i;

	if (!doc_expect(d, n, DOC_SCALAR, "a word"))
		return -1;
	i = word_index(n->text, choices);
	if (i < 0)
		complain_choice(d, n, "", choices);
	return i;
}

bool
doc_text(struct doc_diag *d, const struct doc_node *n, const char *expected, const char **ret)
{
	if (!doc_expect(d, n, DOC_SCALAR, expected != NULL ? expected : "text"))
		return false;
	*ret = n->text;
	return true;
}

bool
doc_int(struct doc_diag *d, const struct doc_node *n, int64_t min, int64_t max, int64_t *ret)
{
	char expected[96];
	int64_t v;

	if (doc_is_int(n, &v) && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	if (max == INT64_MAX && min == INT64_MIN)
		snprintf(expected, sizeof(expected), "a whole number");
	else if (max == INT64_MAX)
		snprintf(expected, sizeof(expected), "a whole number from %lld", (long long)min);
	else
		snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)min, (long long)max);
	doc_unexpected(d, n, expected);
	return false;
}

bool
doc_float(struct doc_diag *d, const struct doc_node *n, double min, double max, double *ret)
{
	char expected[96];
	double v;

	if (doc_is_float(n, &v) && v >= min && v <= max) {
		*ret = v;
		return true;
	}
	snprintf(expected, sizeof(expected), "a number from %g to %g", min, max);
	doc_unexpected(d, n, expected);
	return false;
}

bool
doc_bool(struct doc_diag *d, const struct doc_node *n, bool *ret)
{
	if (doc_is_bool(n, ret))
		return true;
	doc_unexpected(d, n, "true or false");
	return false;
}

bool
doc_duration(struct doc_diag *d, const struct doc_node *n, fl_ns *ret)
{
	fl_ns v;

	if (n->kind == DOC_SCALAR && units_parse_duration(n->text, &v) == 0 && v >= 0) {
		*ret = v;
		return true;
	}
	doc_unexpected(d, n, "a duration such as 250ms, 5s or 1m30s");
	return false;
}

bool
doc_bytes(struct doc_diag *d, const struct doc_node *n, int64_t *ret)
{
	int64_t v;

	if (n->kind == DOC_SCALAR && units_parse_bytes(n->text, &v) == 0) {
		*ret = v;
		return true;
	}
	doc_unexpected(d, n, "a size such as 4096, 64KB or 1.5MB");
	return false;
}

bool
doc_is_int(const struct doc_node *n, int64_t *ret)
{
	const char *s = n->text;
	long long v;
	char *end;

	if (n->kind != DOC_SCALAR || !n->plain)
		return false;
	if (*s == '-' || *s == '+')
		s++;
	if (s[strspn(s, "0123456789")] != '\0' || *s == '\0')
		return false;
	errno = 0;
	v = strtoll(n->text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*ret = v;
	return true;
}

bool
doc_is_float(const struct doc_node *n, double *ret)
{
	char *end;
	double v;

	if (n->kind != DOC_SCALAR || !n->plain || n->text[strspn(n->text, "0123456789+-.eE")] != '\0' || n->text[0] == '\0')
		return false;
	v = strtod(n->text, &end);
	if (*end != '\0' || !isfinite(v))
		return false;
	*ret = v;
	return true;
}

bool
doc_is_bool(const struct doc_node *n, bool *ret)
{
	if (n->kind != DOC_SCALAR || !n->plain)
		return false;
	if (strcmp(n->text, "true") == 0 || strcmp(n->text, "True") == 0 || strcmp(n->text, "TRUE") == 0)
		*ret = true;
	else if (strcmp(n->text, "false") == 0 || strcmp(n->text, "False") == 0 || strcmp(n->text, "FALSE") == 0)
		*ret = false;
	else
		return false;
	return true;
}

void
doc_free(struct doc *doc)
{
	if (doc == NULL)
		return;
	arena_fini(&doc->mem);
	free(doc);
}
