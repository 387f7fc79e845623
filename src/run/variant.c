/* SPDX-License-Identifier: MIT */
/* variant.c - reading an experiment with its variants. */
#include "run/variant.h"

#include "io/file.h"
#include "proto/graft.h"
#include "proto/yaml.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEM_BYTES_MAX (16u << 20)
#define NAME_BYTES_MAX 40

void
variant_free(struct variant_set *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->count; i++)
		experiment_free(s->variants[i].x);
	arena_fini(&s->mem);
	free(s);
}

int
variant_find(const struct variant_set *s, const char *name)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (s->variants[i].name != NULL && strcmp(s->variants[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* Complaints that are not told yet (2). */
static void
tell_new(struct doc_diag *d, struct doc_diag *more)
{
	char *next = (char *)(uintptr_t)buf_str(&more->text), *line;

	while ((line = strsep(&next, "\n")) != NULL) {
		if (*line == '\0' || strstr(buf_str(&d->text), line) != NULL)
			continue;
		if (buf_len(&d->text) > 0 && buf_str(&d->text)[buf_len(&d->text) - 1] != '\n')
			buf_putc(&d->text, '\n');
		buf_puts(&d->text, line);
		d->count++;
	}
}

/* A name that can stand in a path and before a dot. */
static bool
is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return n > 0 && n <= NAME_BYTES_MAX && s[n] == '\0' && s[0] != '-' && strcmp(s, "logs") != 0 && strcmp(s, "data") != 0;
}

static int
read_one(struct variant_set *s, const struct doc_node *base, const struct doc_node *over, const char *name, struct doc_diag *d)
{
	static const char *const fixed[] = { "name", "seed", "variants", "compare" };
	const struct doc_node *root = base;
	struct doc_diag own;
	int rc = 0;

	doc_diag_init(&own, d->name);
	for (size_t i = 0; over != NULL && i < FL_ARRAY_LEN(fixed); i++)
		if (doc_get(over, fixed[i]) != NULL)
			doc_complain(&own, doc_get(over, fixed[i]), "found %s in a variant, expected it for all of them", fixed[i]);
	if (over != NULL)
		root = graft_merge(&s->mem, base, over);
	if (root == NULL)
		rc = -ENOMEM;
	else if (experiment_read(root, &own, &s->variants[s->count].x) == 0)
		s->variants[s->count++].name = name;
	else if (own.count == 0)
		rc = -ENOMEM;
	tell_new(d, &own);
	doc_diag_fini(&own);
	return rc;
}

static void
read_names(struct variant_set *s, const struct doc_node *n, struct doc_diag *d)
{
	for (uint32_t i = 0; i < n->count; i++) {
		const char *name = n->pairs[i].key->text;
		if (!is_name(name))
			doc_complain(d, n->pairs[i].key, "found the variant \"%.60s\", expected a name of 1 to %d letters, digits, _ and -", name,
			    NAME_BYTES_MAX);
		s->names[i] = arena_strdup(&s->mem, name);
	}
}

static int
read_variants(struct variant_set *s, const struct doc_node *base, const struct doc_node *n, struct doc_diag *d)
{
	int rc = 0;

	if (!doc_expect(d, n, DOC_MAP, "a map from names to what each changes, as in {bare: {}, protected: {lines: ...}}"))
		return -EINVAL;
	if (n->count == 0 || n->count > VARIANT_MAX) {
		doc_complain(d, n, "found %u variants, expected 1 to %d", n->count, VARIANT_MAX);
		return -EINVAL;
	}
	read_names(s, n, d);
	for (uint32_t i = 0; rc == 0 && i < n->count; i++) {
		const struct doc_node *over = n->pairs[i].value;
		if (over->kind == DOC_NULL || doc_expect(d, over, DOC_MAP, "what the variant changes: a map"))
			rc = read_one(s, base, over->kind == DOC_NULL ? NULL : over, s->names[i], d);
	}
	return rc;
}

static void
read_claims(struct variant_set *s, const struct doc_node *n, struct doc_diag *d)
{
	char error[CLAIM_ERROR_MAX];
	const char *text;

	if (n == NULL || !doc_expect(d, n, DOC_LIST, "a list of comparisons such as protected.goodput >= 2 * bare.goodput"))
		return;
	if (n->count > VARIANT_CLAIMS_MAX) {
		doc_complain(d, n, "found %u comparisons, expected at most %d", n->count, VARIANT_CLAIMS_MAX);
		return;
	}
	if (s->names[0] == NULL) {
		doc_complain(d, n, "found comparisons, but no variants to compare");
		return;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		if (!doc_text(d, n->items[i], "a comparison such as protected.goodput >= 2 * bare.goodput", &text))
			continue;
		text = arena_strdup(&s->mem, text);
		if (text == NULL)
			return;
		if (claim_parse(text, s->names, &s->claims[s->claim_count], error) == 0)
			s->claim_count++;
		else
			doc_complain(d, n->items[i], "%s", error);
	}
}

/* Results that must be the same with faults and without ask for two runs: calm, which has none, and faulted. */
static int
read_calm(struct variant_set *s, const struct doc_node *base, struct doc_diag *d)
{
	static const struct doc_node nothing = { .kind = DOC_NULL }, key = { .kind = DOC_SCALAR, .text = "faults" };
	struct doc_pair pair = { .key = &key, .value = &nothing };
	const struct doc_node over = { .kind = DOC_MAP, .count = 1, .pairs = &pair };
	int rc = read_one(s, base, &over, "calm", d);

	if (rc == 0 && s->count == 2) {
		struct experiment *faulted = s->variants[0].x;

		s->variants[0] = s->variants[1];
		s->variants[1] = (struct variant){ .name = "faulted", .x = faulted };
		s->names[0] = "calm";
		s->names[1] = "faulted";
	}
	return rc;
}

static int
read_set(struct variant_set *s, const struct doc_node *root, struct doc_diag *d)
{
	static const char *const ours[] = { "variants", "compare", NULL };
	const struct doc_node *variants = doc_get(root, "variants"), *base = root;
	int rc;

	if (root->kind == DOC_MAP)
		base = graft_without(&s->mem, root, ours);
	if (base == NULL)
		return -ENOMEM;
	rc = variants == NULL ? read_one(s, base, NULL, NULL, d) : read_variants(s, base, variants, d);
	if (rc == 0 && variants == NULL && s->count == 1 && s->variants[0].x->same != EXPERIMENT_SAME_NOT)
		rc = read_calm(s, base, d);
	if (rc == 0)
		read_claims(s, doc_get(root, "compare"), d);
	return rc;
}

int
variant_read(const struct doc_node *root, struct doc_diag *d, struct variant_set **ret_set)
{
	struct variant_set *s = calloc(1, sizeof(*s));
	unsigned before = d->count;
	int rc;

	if (s == NULL)
		return -ENOMEM;
	arena_init(&s->mem, MEM_BYTES_MAX);
	rc = read_set(s, root, d);
	if (rc == 0 && s->mem.overflowed)
		rc = -ENOMEM;
	if (rc == 0 && d->count != before)
		rc = -EINVAL;
	if (rc < 0) {
		variant_free(s);
		return rc;
	}
	*ret_set = s;
	return 0;
}

int
variant_parse(const char *text, size_t text_bytes, struct doc_diag *d, struct variant_set **ret_set)
{
	struct doc *doc = NULL;
	int rc = yaml_parse(text, text_bytes, d, &doc);

	if (rc == 0)
		rc = variant_read(doc->root, d, ret_set);
	doc_free(doc);
	return rc == -E2BIG ? -EINVAL : rc;
}

int
variant_from_file(const char *path, struct doc_diag *d, struct buf *text, struct variant_set **ret_set)
{
	int rc = file_read(path, text);

	if (rc < 0) {
		doc_complain(d, NULL, "cannot be read: %s", strerror(-rc));
		return -EINVAL;
	}
	return variant_parse(buf_str(text), buf_len(text), d, ret_set);
}
