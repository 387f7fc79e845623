/* SPDX-License-Identifier: MIT */
/*
 * yaml.c - builds the tree of doc.h from libfyaml's events.
 *
 * Aliases point at the node they name; since a node can be named only after it is finished there are no cycles. A node's
 * weight counts aliases each time, so a walk over the tree is bounded by DOC_NODES_MAX whatever the text does.
 *
 * Invariants
 *  (1) depth <= DOC_DEPTH_MAX; open[0..depth) are the collections being read.
 *  (2) build->failed is set once a complaint was made; nothing more is read then.
 */
#include "base/assert.h"
#include "proto/utf8.h"
#include "proto/yaml.h"
#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define ANCHORS_MAX 1000
#define MERGE_MAX 1000

/* A finished node waiting in its collection; in a map, keys and values alternate. */
struct child {
	struct child *next;
	const struct doc_node *node;
};

struct anchor {
	struct anchor *next;
	const char *name;
	const struct doc_node *node;
};

struct level {
	struct doc_node *node;
	const char *anchor;
	struct child *first, *last;
	uint32_t count;
};

struct build {
	struct doc *doc;
	struct doc_diag *diag;
	struct level open[DOC_DEPTH_MAX];
	unsigned depth;
	unsigned documents;
	struct anchor *anchors;
	unsigned anchor_count;
	int failed;             /* 0 or -errno */
};

static void
build_fail(struct build *b, int err, const struct doc_node *n, const char *text)
{
	if (b->failed == 0)
		doc_complain(b->diag, n, "%s", text);
	b->failed = err;
}

static void *
build_alloc(struct build *b, size_t n)
{
	void *p = arena_alloc(&b->doc->mem, n);

	if (p == NULL)
		build_fail(b, -E2BIG, NULL, "the text needs more memory than allowed");
	return p;
}

static struct doc_node *
build_node(struct build *b, enum doc_kind kind, struct fy_token *token)
{
	const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
	struct doc_node *n = build_alloc(b, sizeof(*n));

	if (n == NULL)
		return NULL;
	*n = (struct doc_node){ .kind = kind, .weight = 1, .text = "" };
	if (mark != NULL) {
		n->line = (uint32_t)mark->line + 1;
		n->column = (uint32_t)mark->column + 1;
	}
	return n;
}

static const char *
build_text(struct build *b, struct fy_token *token)
{
	size_t len = 0;
	const char *s = token != NULL ? fy_token_get_text(token, &len) : NULL;
	char *copy;

	if (s == NULL)
		return NULL;
	copy = arena_strndup(&b->doc->mem, s, len);
	if (copy == NULL)
		build_fail(b, -E2BIG, NULL, "the text needs more memory than allowed");
	return copy;
}

/* Remember a finished node under its anchor's name. A later anchor of the same name hides an earlier one. */
static void
build_anchor(struct build *b, const char *name, const struct doc_node *n)
{
	struct anchor *a;

	if (name == NULL)
		return;
	if (++b->anchor_count > ANCHORS_MAX) {
		build_fail(b, -E2BIG, n, "found more than 1000 anchors");
		return;
	}
	a = build_alloc(b, sizeof(*a));
	if (a == NULL)
		return;
	*a = (struct anchor){ .next = b->anchors, .name = name, .node = n };
	b->anchors = a;
}

/* A finished node goes into the collection being read, or is the root. */
static void
build_add(struct build *b, const struct doc_node *n)
{
	struct level *l;
	struct child *c;

	if (b->depth == 0) {
		b->doc->root = n;
		return;
	}
	l = &b->open[b->depth - 1];
	if (l->node->kind == DOC_MAP && l->count % 2 == 0 && n->kind != DOC_SCALAR) {
		build_fail(b, -EINVAL, n->line != 0 ? n : l->node, "found a key that is not text, expected text");
		return;
	}
	l->node->weight += n->weight;
	if (l->node->weight > DOC_NODES_MAX) {
		build_fail(b, -E2BIG, l->node, "found more values than allowed (400000, each use of an alias counted)");
		return;
	}
	c = build_alloc(b, sizeof(*c));
	if (c == NULL)
		return;
	*c = (struct child){ .node = n };
	if (l->last != NULL)
		l->last->next = c;
	else
		l->first = c;
	l->last = c;
	l->count++;
}

/* Only the tags of YAML's own types may stand; !!str makes a value text. */
static bool
build_tag(struct build *b, struct fy_token *tag, struct doc_node *n)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	size_t len = 0;
	const char *s = tag != NULL ? fy_token_get_text(tag, &len) : NULL;

	if (s == NULL)
		return true;
	if (len > sizeof(prefix) - 1 && memcmp(s, prefix, sizeof(prefix) - 1) == 0) {
		if (len == sizeof(prefix) + 2 && memcmp(s + sizeof(prefix) - 1, "str", 3) == 0)
			n->plain = false;
		return true;
	}
	build_fail(b, -EINVAL, n, "found a tag, expected a plain value: tags such as !name are not used here");
	return false;
}

static bool
is_null_word(const char *s)
{
	return s[0] == '\0' || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 || strcmp(s, "NULL") == 0;
}

static void
on_scalar(struct build *b, const struct fy_event_scalar_data *e)
{
	struct doc_node *n = build_node(b, DOC_SCALAR, e->value);
	const char *text = build_text(b, e->value);
	bool key = b->depth > 0 && b->open[b->depth - 1].node->kind == DOC_MAP && b->open[b->depth - 1].count % 2 == 0;

	if (b->failed != 0)
		return;
	if (n->line == 0 && b->depth > 0 && b->open[b->depth - 1].last != NULL) {
		/* An empty value has no place of its own: it is where its key is. */
		n->line = b->open[b->depth - 1].last->node->line;
		n->column = b->open[b->depth - 1].last->node->column;
	}
	n->text = text != NULL ? text : "";
	if (e->value != NULL && strlen(n->text) != fy_token_get_text_length(e->value)) {
		build_fail(b, -EINVAL, n, "found a NUL character, expected none");
		return;
	}
	n->plain = e->value == NULL || fy_token_scalar_style(e->value) == FYSS_PLAIN;
	if (!build_tag(b, e->tag, n))
		return;
	if (n->plain && !key && is_null_word(n->text))
		n->kind = DOC_NULL;
	build_anchor(b, build_text(b, e->anchor), n);
	build_add(b, n);
}

static void
on_alias(struct build *b, const struct fy_event_alias_data *e)
{
	struct doc_node *at = build_node(b, DOC_NULL, e->anchor);
	const char *name = build_text(b, e->anchor);

	if (b->failed != 0 || name == NULL)
		return;
	for (struct anchor *a = b->anchors; a != NULL; a = a->next) {
		if (strcmp(a->name, name) == 0) {
			build_add(b, a->node);
			return;
		}
	}
	build_fail(b, -EINVAL, at, "found an alias, expected its anchor (&name) before it");
}

static void
on_start(struct build *b, enum doc_kind kind, struct fy_token *start, struct fy_token *anchor, struct fy_token *tag)
{
	struct doc_node *n = build_node(b, kind, start);
	const char *name = build_text(b, anchor);

	if (b->failed != 0 || !build_tag(b, tag, n))
		return;
	if (b->depth == DOC_DEPTH_MAX) {
		build_fail(b, -E2BIG, n, "found lists and maps nested more than 40 deep");
		return;
	}
	b->open[b->depth++] = (struct level){ .node = n, .anchor = name };
}

static int
compare_keys(const void *a, const void *b)
{
	return strcmp((*(const struct doc_pair *const *)a)->key->text, (*(const struct doc_pair *const *)b)->key->text);
}

/* Invariant (2) of doc.h, in O(n log n). */
static void
check_distinct(struct build *b, const struct doc_node *n)
{
	const struct doc_pair **order = build_alloc(b, (n->count + 1) * sizeof(const struct doc_pair *));

	if (order == NULL)
		return;
	for (uint32_t i = 0; i < n->count; i++)
		order[i] = &n->pairs[i];
	qsort(order, n->count, sizeof(const struct doc_pair *), compare_keys);
	for (uint32_t i = 1; i < n->count; i++) {
		if (strcmp(order[i - 1]->key->text, order[i]->key->text) != 0)
			continue;
		if (b->failed == 0)
			doc_complain(b->diag, order[i]->key, "found the key \"%.60s\" twice, expected it once",
			    order[i]->key->text);
		b->failed = -EINVAL;
		return;
	}
}

/* `<<: *defaults`: the pairs of another map, where this one does not say otherwise. */
static void
merge_map(struct build *b, struct doc_node *n, const struct doc_node *from, uint32_t room)
{
	if (from->kind != DOC_MAP) {
		build_fail(b, -EINVAL, from, "found no map, expected one behind <<");
		return;
	}
	for (uint32_t i = 0; i < from->count; i++) {
		if (doc_get(n, from->pairs[i].key->text) != NULL)
			continue;
		fl_assert(n->count < room);
		n->pairs[n->count++] = from->pairs[i];
	}
}

static bool
is_merge_key(const struct doc_node *key)
{
	return key->plain && strcmp(key->text, "<<") == 0;
}

/* Resolve the merge key, if there is one: it is taken out, and what it names put behind the map's own pairs. */
static void
merge_keys(struct build *b, struct doc_node *n)
{
	const struct doc_node *from = NULL;
	const struct doc_node *const *maps;
	struct doc_pair *own = n->pairs;
	uint32_t own_count = n->count, room = n->count, map_count;

	for (uint32_t i = 0; i < own_count; i++) {
		if (is_merge_key(own[i].key))
			from = own[i].value;
	}
	if (from == NULL)
		return;
	maps = from->kind == DOC_LIST ? from->items : &from;
	map_count = from->kind == DOC_LIST ? from->count : 1;
	for (uint32_t i = 0; i < map_count && room <= MERGE_MAX; i++)
		room += maps[i]->kind == DOC_MAP ? maps[i]->count : 0;
	if (room > MERGE_MAX) {
		build_fail(b, -E2BIG, n, "found << in a map of more than 1000 keys");
		return;
	}
	n->pairs = build_alloc(b, (room + 1) * sizeof(*own));
	if (n->pairs == NULL)
		return;
	n->count = 0;
	for (uint32_t i = 0; i < own_count; i++) {
		if (!is_merge_key(own[i].key))
			n->pairs[n->count++] = own[i];
	}
	for (uint32_t i = 0; i < map_count; i++)
		merge_map(b, n, maps[i], room);
}

static void
on_end(struct build *b)
{
	struct level *l = &b->open[--b->depth];
	struct doc_node *n = l->node;
	uint32_t i = 0;

	n->count = n->kind == DOC_MAP ? l->count / 2 : l->count;
	if (n->kind == DOC_MAP)
		n->pairs = build_alloc(b, (n->count + 1) * sizeof(*n->pairs));
	else
		n->items = build_alloc(b, (n->count + 1) * sizeof(*n->items));
	if (b->failed != 0)
		return;
	for (struct child *c = l->first; c != NULL; c = c->next, i++) {
		if (n->kind == DOC_LIST)
			n->items[i] = c->node;
		else if (i % 2 == 0)
			n->pairs[i / 2].key = c->node;
		else
			n->pairs[i / 2].value = c->node;
	}
	if (n->kind == DOC_MAP) {
		check_distinct(b, n);
		merge_keys(b, n);
	}
	build_anchor(b, l->anchor, n);
	if (b->failed == 0)
		build_add(b, n);
}

static void
on_event(struct build *b, struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START:
		if (++b->documents > 1)
			build_fail(b, -EINVAL, NULL, "found a second document behind ---, expected one");
		break;
	case FYET_SCALAR:
		on_scalar(b, &e->scalar);
		break;
	case FYET_ALIAS:
		on_alias(b, &e->alias);
		break;
	case FYET_SEQUENCE_START:
		on_start(b, DOC_LIST, e->sequence_start.sequence_start, e->sequence_start.anchor, e->sequence_start.tag);
		break;
	case FYET_MAPPING_START:
		on_start(b, DOC_MAP, e->mapping_start.mapping_start, e->mapping_start.anchor, e->mapping_start.tag);
		break;
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		on_end(b);
		break;
	default:
		break;
	}
}

/* What the parser itself disliked. */
static void
complain_syntax(struct build *b, struct fy_diag *fd)
{
	void *iter = NULL;
	struct fy_diag_error *e = fy_diag_errors_iterate(fd, &iter);
	struct doc_node at = { .kind = DOC_NULL };

	if (e != NULL && e->line > 0) {
		at.line = (uint32_t)e->line;
		at.column = e->column > 0 ? (uint32_t)e->column : 1;
	}
	doc_complain(b->diag, &at, "found %s, expected YAML or JSON", e != NULL && e->msg != NULL ? e->msg : "an error");
	b->failed = -EINVAL;
}

static void
build_run(struct build *b, const char *text, size_t n)
{
	struct fy_diag_cfg dcfg;
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION | FYPCF_JSON_NONE };
	struct fy_diag *fd;
	struct fy_parser *fp = NULL;
	struct fy_event *e;

	fy_diag_cfg_default(&dcfg);
	dcfg.fp = NULL;
	fd = fy_diag_create(&dcfg);
	if (fd != NULL) {
		fy_diag_set_collect_errors(fd, true);
		cfg.diag = fd;
		fp = fy_parser_create(&cfg);
	}
	if (fp == NULL || fy_parser_set_string(fp, text, n) != 0) {
		build_fail(b, -ENOMEM, NULL, "out of memory");
	} else {
		while (b->failed == 0 && (e = fy_parser_parse(fp)) != NULL) {
			on_event(b, e);
			fy_parser_event_free(fp, e);
		}
		if (b->failed == 0 && fy_parser_get_stream_error(fp))
			complain_syntax(b, fd);
	}
	fy_parser_destroy(fp);
	fy_diag_destroy(fd);
}

/* Is the text UTF-8 without control characters? Complains where it is not. */
static bool
check_utf8(struct doc_diag *d, const char *text, size_t n)
{
	struct doc_node at = { .kind = DOC_NULL, .line = 1, .column = 1 };
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_len(p + i, n - i);
		if (len == 0 || (p[i] < 0x20 && p[i] != '\t' && p[i] != '\n' && p[i] != '\r') || p[i] == 0x7f) {
			doc_complain(d, &at, "found byte 0x%02x, expected text in UTF-8", p[i]);
			return false;
		}
		at.column++;
		if (p[i] == '\n') {
			at.line++;
			at.column = 1;
		}
	}
	return true;
}

static const struct doc_node empty_root = { .kind = DOC_NULL, .weight = 1, .line = 1, .column = 1, .text = "" };

int
yaml_parse(const char *text, size_t n, struct doc_diag *d, struct doc **ret_doc)
{
	struct build b = { .diag = d };

	if (n > DOC_BYTES_MAX) {
		doc_complain(d, NULL, "found %zu bytes, expected at most %u", n, DOC_BYTES_MAX);
		return -E2BIG;
	}
	if (!check_utf8(d, text, n))
		return -EINVAL;
	b.doc = calloc(1, sizeof(*b.doc));
	if (b.doc == NULL)
		return -ENOMEM;
	arena_init(&b.doc->mem, (size_t)1 << 28);
	b.doc->root = &empty_root;
	build_run(&b, text, n);
	if (b.failed != 0) {
		doc_free(b.doc);
		return b.failed;
	}
	b.doc->name = d->name != NULL ? arena_strdup(&b.doc->mem, d->name) : NULL;
	*ret_doc = b.doc;
	return 0;
}
