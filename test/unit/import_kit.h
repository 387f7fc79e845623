/* SPDX-License-Identifier: MIT */
/*
 * import_kit.h - for the tests of importers: what was told, as lines of text, sorted and each once.
 *
 *      "cart -> redis-cart"            a line (namespaces before a slash)
 *      "cart: owner=shop"              a fact
 */
#ifndef TEST_IMPORT_KIT_H
#define TEST_IMPORT_KIT_H

#include "graph/import.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define KIT_MAX 4096

struct kit {
	struct import im;
	char *told[KIT_MAX];
	unsigned count;
	const char *only;               /* kinds of sightings kept: L line, F fact, A alias, I instance, R rule, G group, N node, C cover */
	bool detail;                    /* lines with protocol, count, errors */
};

static inline const char *
kit_text(const char *s)
{
	return s != NULL ? s : "";
}

static inline int
kit_take(void *arg, const struct sight *s)
{
	static const char letters[] = "NLGFIARC";
	struct kit *k = arg;
	char text[2048], from[600], to[600], name[600];

	if (strchr(k->only, letters[s->what]) == NULL)
		return 0;
	assert_non_null(s->source);
	assert_true(s->first != 0 && s->last >= s->first);
	snprintf(from, sizeof(from), "%s%s%s", kit_text(s->from_space), kit_text(s->from_space)[0] != '\0' ? "/" : "", kit_text(s->from));
	snprintf(to, sizeof(to), "%s%s%s", kit_text(s->to_space), kit_text(s->to_space)[0] != '\0' ? "/" : "", kit_text(s->to));
	snprintf(name, sizeof(name), "%s%s%s", kit_text(s->space), kit_text(s->space)[0] != '\0' ? "/" : "", kit_text(s->name));
	switch (s->what) {
	case SIGHT_NODE:
		snprintf(text, sizeof(text), "%s (%d) %s", name, (int)s->kind, kit_text(s->app));
		break;
	case SIGHT_LINE:
		if (k->detail)
			snprintf(text, sizeof(text), "%s -> %s %s %u/%u", from, to, kit_text(s->protocol), (unsigned)s->count, (unsigned)s->errors);
		else
			snprintf(text, sizeof(text), "%s -> %s", from, to);
		break;
	case SIGHT_GROUP:
		snprintf(text, sizeof(text), "%s needs %u of", from, s->k);
		for (unsigned i = 0; i < s->member_count; i++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s", s->members[i]);
		break;
	case SIGHT_FACT:
		snprintf(text, sizeof(text), "%s%s%s%s: %s=%s", name, from, s->from != NULL ? " -> " : "", s->from != NULL ? to : "", s->key,
		    s->value);
		break;
	case SIGHT_INSTANCE:
		snprintf(text, sizeof(text), "%s at %s", name, s->address);
		break;
	case SIGHT_ALIAS:
		snprintf(text, sizeof(text), "%s is %s", name, to);
		break;
	case SIGHT_RULE:
		snprintf(text, sizeof(text), "%s %s -> %s", s->value, from, to);
		break;
	case SIGHT_COVER:
		snprintf(text, sizeof(text), "looked at %s", name);
		break;
	}
	for (unsigned i = 0; i < k->count; i++) {
		if (strcmp(k->told[i], text) == 0)
			return 0;
	}
	assert_true(k->count < KIT_MAX);
	k->told[k->count++] = strdup(text);
	return 0;
}

static inline void
kit_start(struct kit *k, const char *only)
{
	struct import_opts opts = { .take = kit_take, .arg = k, .now = INT64_C(1795212777000000000) };

	memset(k, 0, sizeof(*k));
	k->only = only;
	import_init(&k->im, &opts);
}

/* A text in memory of exactly its size, so that a read beyond it is seen. */
static inline int
kit_add(struct kit *k, const char *name, const char *text, enum import_format *ret)
{
	size_t n = strlen(text);
	char *copy = malloc(n + (n == 0));
	struct import_file f = { .name = name, .text = copy, .n = n };
	int r;

	memcpy(copy, text, n);
	r = import_add(&k->im, &f, ret);
	free(copy);
	return r;
}

static inline void
kit_good(struct kit *k, const char *name, const char *text, enum import_format want)
{
	enum import_format f;
	int r = kit_add(k, name, text, &f);

	if (r != 0)
		print_error("%s: %d %s\n", name, r, buf_str(&k->im.diag.text));
	assert_string_equal(import_format_name(f), import_format_name(want));
	assert_int_equal(r, 0);
}

static inline char *
kit_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	long n;
	char *text;

	if (f == NULL)
		print_error("no %s: run this where the source is\n", path);
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	n = ftell(f);
	rewind(f);
	text = calloc(1, (size_t)n + 1);
	assert_int_equal(fread(text, 1, (size_t)n, f), n);
	fclose(f);
	return text;
}

static inline void
kit_file(struct kit *k, const char *path, enum import_format want)
{
	char *text = kit_read(path);

	kit_good(k, path, text, want);
	free(text);
}

static inline int
kit_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Finish, and compare all that was told with the list, which ends with NULL and is in any order. */
static inline void
kit_told(struct kit *k, const char *const *want)
{
	const char *sorted[KIT_MAX];
	unsigned n = 0;
	bool same;

	assert_int_equal(import_finish(&k->im), 0);
	for (; want[n] != NULL; n++)
		sorted[n] = want[n];
	qsort(sorted, n, sizeof(sorted[0]), kit_compare);
	qsort(k->told, k->count, sizeof(k->told[0]), kit_compare);
	same = n == k->count;
	for (unsigned i = 0; i < n && same; i++)
		same = strcmp(sorted[i], k->told[i]) == 0;
	if (!same) {
		for (unsigned i = 0; i < n; i++)
			if (bsearch(&sorted[i], k->told, k->count, sizeof(char *), kit_compare) == NULL)
				print_error("missing: %s\n", sorted[i]);
		for (unsigned i = 0; i < k->count; i++)
			if (bsearch(&k->told[i], sorted, n, sizeof(char *), kit_compare) == NULL)
				print_error("too much: %s\n", k->told[i]);
	}
	assert_true(same);
}

static inline void
kit_stop(struct kit *k)
{
	for (unsigned i = 0; i < k->count; i++)
		free(k->told[i]);
	import_fini(&k->im);
}

#define KIT_TOLD(k, ...) kit_told((k), (const char *const[]){ __VA_ARGS__, NULL })

#endif
