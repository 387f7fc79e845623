/* SPDX-License-Identifier: MIT */
/*
 * import_docs.c - the documents of a file one by one, so that one bad document costs itself only and a large list no large tree.
 *
 * YAML is cut at its document markers, which stand at the first column and nowhere else do (YAML 1.2, 9.1.2), and a list of kubectl
 * at the dashes of its items; JSON by its brackets, strings heeded. diag.line_base says where in the file the piece begins.
 */
#include "base/assert.h"
#include "graph/import_say.h"
#include "proto/json.h"
#include "proto/yaml.h"
#include <string.h>

#define COMPLAINTS_MAX 20

/* Definitions of types nest deeper than what we read and hold no services. */
static const char definition[] = "kind: CustomResourceDefinition";

static uint32_t
count_lines(const char *from, const char *to)
{
	uint32_t n = 0;

	for (const char *p = from; p < to && (p = memchr(p, '\n', (size_t)(to - p))) != NULL; p++)
		n++;
	return n;
}

static void
give_tree(struct import *im, struct doc *doc, import_doc_fn *fn)
{
	const struct doc_node *root = doc->root, *items = root->kind == DOC_LIST ? root : NULL;
	const char *kind = import_word(root, "kind");

	if (strlen(kind) >= 4 && strcmp(kind + strlen(kind) - 4, "List") == 0)
		items = doc_get(root, "items");
	if (items != NULL && items->kind == DOC_LIST) {
		for (uint32_t i = 0; i < items->count; i++)
			fn(im, items->items[i]);
	} else if (root->kind != DOC_NULL) {
		fn(im, root);
	}
	doc_free(doc);
}

/* The first {{ of a line that is no comment and no text in quotes: nothing that YAML knows. */
static bool
find_template(const char *text, const char *end, struct doc_node *ret_at)
{
	const char *line, *p = text, *at;
	uint32_t number = 0;
	size_t len, n;

	while (import_next_line(&p, end, &line, &len)) {
		number++;
		at = memmem(line, len, "{{", 2);
		n = at != NULL ? (size_t)(at - line) : 0;
		if (at == NULL || memchr(line, '#', n) != NULL || memchr(line, '"', n) != NULL || memchr(line, '\'', n) != NULL)
			continue;
		ret_at->line = number;
		ret_at->column = (uint32_t)n + 1;
		return true;
	}
	return false;
}

/* What cannot be read because it is a template still is said to be one, and not what a parser stumbles over first. */
static int
parse_yaml(struct import *im, const char *text, size_t n, struct doc **ret_doc)
{
	struct doc_node at = { .kind = DOC_NULL };
	struct doc_diag d;
	int rc;

	doc_diag_init(&d, im->diag.name);
	d.line_base = im->diag.line_base;
	rc = yaml_parse(text, n, &d, ret_doc);
	if (rc != 0 && find_template(text, text + n, &at)) {
		doc_complain(&im->diag, &at, "found a template that is not rendered, expected YAML: render it first, as with helm template");
	} else if (d.count > 0) {
		buf_printf(&im->diag.text, "%s%s", im->diag.count > 0 && im->diag.count < COMPLAINTS_MAX ? "\n" : "",
		    im->diag.count < COMPLAINTS_MAX ? buf_str(&d.text) : "");
		im->diag.count += d.count;
	}
	doc_diag_fini(&d);
	return rc;
}

static void
give_yaml(struct import *im, const char *text, size_t n, import_doc_fn *fn)
{
	struct doc *doc;

	if (memmem(text, n, definition, sizeof(definition) - 1) != NULL) {
		const char *line, *p = text;
		size_t len;

		while (import_next_line(&p, text + n, &line, &len)) {
			if (len == sizeof(definition) - 1 && memcmp(line, definition, len) == 0)
				return;
		}
	}
	if (parse_yaml(im, text, n, &doc) == 0)
		give_tree(im, doc, fn);
	else
		import_drop(im);
}

/* Where the list of a document "items:\n- ..." begins, NULL: it has none. */
static const char *
find_items(const char *text, const char *end)
{
	const char *line, *p = text;
	size_t len;

	while (import_next_line(&p, end, &line, &len)) {
		if (len == 6 && memcmp(line, "items:", 6) == 0 && p < end - 1 && p[0] == '-' && p[1] == ' ')
			return p;
	}
	return NULL;
}

/* Each item from its dash to the next dash, or to the next key, at the first column: a list of one. */
static void
give_yaml_items(struct import *im, const char *from, const char *end, uint32_t base, import_doc_fn *fn)
{
	while (from < end && from[0] == '-') {
		const char *line = from, *p = from;
		size_t len;

		import_next_line(&p, end, &line, &len);
		while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '#'))
			import_next_line(&p, end, &line, &len);
		im->diag.line_base = base;
		give_yaml(im, from, (size_t)(p - from), fn);
		base += count_lines(from, p);
		from = p;
	}
}

static void
give_yaml_piece(struct import *im, const char *text, const char *end, uint32_t base, import_doc_fn *fn)
{
	const char *items = end - text > 64 * 1024 ? find_items(text, end) : NULL;

	if (items != NULL) {
		give_yaml_items(im, items, end, base + count_lines(text, items), fn);
	} else if (end > text) {
		im->diag.line_base = base;
		give_yaml(im, text, (size_t)(end - text), fn);
	}
	im->diag.line_base = 0;
}

static bool
is_marker(const char *line, size_t len, char c)
{
	return len >= 3 && line[0] == c && line[1] == c && line[2] == c && (len == 3 || line[3] == ' ' || line[3] == '\t');
}

static void
each_yaml(struct import *im, const char *text, const char *end, import_doc_fn *fn)
{
	const char *p = text, *from = text, *line;
	uint32_t lines = 0, from_line = 0;
	size_t len;

	while (im->failed == 0 && import_next_line(&p, end, &line, &len)) {
		if ((is_marker(line, len, '-') || is_marker(line, len, '.')) && line > from) {
			give_yaml_piece(im, from, line, from_line, fn);
			from = line;
			from_line = lines;
		}
		if (is_marker(line, len, '.') || (is_marker(line, len, '-') && len == 3)) {
			from = p;
			from_line = lines + 1;
		}
		lines++;
	}
	if (im->failed == 0)
		give_yaml_piece(im, from, end, from_line, fn);
}

/* The end of the JSON value at p, or end: brackets are counted, strings skipped. */
static const char *
json_end(const char *p, const char *end)
{
	unsigned depth = 0;
	bool quoted = false;

	for (; p < end; p++) {
		if (quoted) {
			if (*p == '\\')
				p++;
			else if (*p == '"')
				quoted = false;
		} else if (*p == '"') {
			quoted = true;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth <= 1)
				return p + 1;
			depth--;
		} else if (depth == 0 && (*p == '\n' || *p == ',')) {
			return p;
		}
	}
	return end;
}

static const char *
skip(const char *p, const char *end, const char *set)
{
	while (p < end && strchr(set, *p) != NULL && *p != '\0')
		p++;
	return p;
}

static void
give_json(struct import *im, const char *p, const char *end, import_doc_fn *fn)
{
	char error[JSON_ERROR_MAX];
	struct doc_node at = { .kind = DOC_NULL, .line = 1, .column = 1 };
	struct doc *doc;

	if (json_parse(p, (size_t)(end - p), error, &doc) == 0) {
		give_tree(im, doc, fn);
		return;
	}
	doc_complain(&im->diag, &at, "found %s, expected JSON", error);
	import_drop(im);
}

/* The array of "items" right below the object at p, NULL: it has none. */
static const char *
json_items(const char *p, const char *end)
{
	for (p = skip(p + 1, end, " \t\r\n"); p < end && *p == '"'; p = skip(p, end, " \t\r\n,")) {
		const char *key = p, *value;

		for (p++; p < end && *p != '"'; p++)
			p += *p == '\\';
		value = p < end ? skip(p + 1, end, " \t\r\n:") : end;
		if (value >= end)
			return NULL;
		if (p - key == 6 && memcmp(key, "\"items", 6) == 0 && *value == '[')
			return value;
		p = json_end(value, end);
		if (*value != '{' && *value != '[' && p < end && *p == '}')
			return NULL;
	}
	return NULL;
}

/* What stands between values: space, commas, YAML's markers. */
static const char *
between(const char *p, const char *end)
{
	for (;;) {
		p = skip(p, end, " \t\r\n,");
		if (end - p < 3 || memcmp(p, "---", 3) != 0)
			return p;
		p += 3;
	}
}

/* Values one behind the other, with or without commas. split: an array and the items of a list are taken apart, once. */
static void
each_json(struct import *im, const char *p, const char *end, uint32_t base, bool split, import_doc_fn *fn)
{
	const char *from = p;

	for (p = between(p, end); p < end && im->failed == 0; p = between(p, end)) {
		const char *stop = json_end(p, end), *items = NULL;

		base += count_lines(from, p);
		from = p;
		if (stop == p)
			stop++;
		if (split)
			items = *p == '[' ? p : *p == '{' ? json_items(p, stop) : NULL;
		im->diag.line_base = base;
		if (items != NULL)
			each_json(im, items + 1, json_end(items, stop) - 1, base + count_lines(p, items), false, fn);
		else
			give_json(im, p, stop, fn);
		p = stop;
	}
	im->diag.line_base = 0;
}

void
import_docs(struct import *im, import_doc_fn *fn)
{
	const char *p = im->file->text, *end = p + im->file->n, *first = skip(p, end, " \t\r\n");

	if (first < end && (*first == '[' || *first == '{') && !(end - first > 1 && first[1] == '{'))
		each_json(im, p, end, 0, true, fn);
	else
		each_yaml(im, p, end, fn);
}

void
import_json(struct import *im, import_doc_fn *fn)
{
	give_json(im, im->file->text, im->file->text + im->file->n, fn);
}
