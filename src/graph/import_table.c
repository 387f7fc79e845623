/* SPDX-License-Identifier: MIT */
/* import_table.c - see import_table.h. A row with two ends is a line, any other a node whose further columns are facts. */
#include "graph/import_table.h"
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 64
#define FIELD_BYTES_MAX 4096

struct csv {
	const char *p, *end;
	char sep;
	uint32_t line;
};

/* The next field (RFC 4180). false at the end of the row, which is consumed; ret_bad: a quote without its pair, or a field too long. */
static bool
csv_field(struct csv *c, bool *first, struct buf *out, bool *ret_bad)
{
	bool quoted = false;

	buf_clear(out);
	if (!*first) {
		if (c->p >= c->end || *c->p != c->sep) {
			while (c->p < c->end && *c->p != '\n')
				c->p++;
			c->p += c->p < c->end;
			c->line++;
			return false;
		}
		c->p++;
	}
	*first = false;
	if (c->p < c->end && *c->p == '"') {
		quoted = true;
		c->p++;
	}
	while (c->p < c->end) {
		if (quoted && *c->p == '"') {
			if (c->p + 1 < c->end && c->p[1] == '"') {
				c->p++;
			} else {
				c->p++;
				quoted = false;
				break;
			}
		} else if (!quoted && (*c->p == c->sep || *c->p == '\n' || *c->p == '\r')) {
			break;
		}
		c->line += *c->p == '\n';
		buf_putc(out, *c->p++);
	}
	*ret_bad = *ret_bad || quoted || out->overflowed || memchr(buf_data(out), '\0', buf_len(out)) != NULL;
	return true;
}

static const char *
trimmed(struct import *im, struct buf *b)
{
	const char *s = buf_str(b);
	size_t n = strlen(s);

	while (n > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		n--;
	return import_keepn(im, s, n);
}

struct header {
	const char *names[COLUMNS_MAX];
	enum import_field fields[COLUMNS_MAX];
	unsigned count;
	bool lines;                     /* it has two ends */
};

static bool
read_header(struct import *im, struct csv *c, struct header *h)
{
	bool first = true, bad = false, from = false, to = false;
	struct buf b;

	buf_init(&b, FIELD_BYTES_MAX);
	while (csv_field(c, &first, &b, &bad)) {
		if (h->count == COLUMNS_MAX)
			bad = true;
		if (bad)
			continue;
		h->names[h->count] = trimmed(im, &b);
		if (h->names[h->count] == NULL)
			break;
		h->fields[h->count] = import_field(h->names[h->count]);
		from = from || h->fields[h->count] == IMPORT_FIELD_FROM;
		to = to || h->fields[h->count] == IMPORT_FIELD_TO;
		h->count++;
	}
	buf_fini(&b);
	h->lines = from && to;
	return !bad && im->failed == 0;
}

static void
tell_node(struct import *im, const struct header *h, const char *const *values, struct sight *s, struct import_at at)
{
	import_tell(im, s, at);
	if (s->address != NULL && s->address[0] != '\0') {
		struct sight i = import_sight(SIGHT_INSTANCE, s->source);

		i.name = s->name;
		i.space = s->space;
		i.address = s->address;
		import_tell(im, &i, at);
	}
	for (unsigned i = 0; i < h->count; i++) {
		if (h->fields[i] == IMPORT_FIELD_OTHER)
			import_fact(im, s->source, s->name, s->space, h->names[i], values[i], at);
	}
}

/* One row: false when it cannot be what the header says. */
static bool
tell_row(struct import *im, const struct header *h, const char *const *values, uint32_t line)
{
	struct sight s = import_sight(h->lines ? SIGHT_LINE : SIGHT_NODE, "csv");
	const char *name = NULL;

	for (unsigned i = 0; i < h->count; i++) {
		enum import_field f = h->fields[i];

		if (h->lines && f == IMPORT_FIELD_KIND)
			f = IMPORT_FIELD_PROTOCOL;
		if (!import_field_set(&s, f, values[i])) {
			struct doc_node at = { .line = line, .column = 1 };

			doc_complain(&im->diag, &at, "found \"%.60s\" as %s, expected another value", values[i], h->names[i]);
			return false;
		}
	}
	name = s.name;
	if (h->lines ? s.from == NULL || s.from[0] == '\0' || s.to == NULL || s.to[0] == '\0' : name == NULL || name[0] == '\0')
		return false;
	if (h->lines) {
		s.name = NULL;
		s.from_space = s.to_space = s.space;
		import_tell(im, &s, import_line(im, line));
	} else {
		tell_node(im, h, values, &s, import_line(im, line));
	}
	return true;
}

static void
read_rows(struct import *im, struct csv *c, const struct header *h)
{
	const char *values[COLUMNS_MAX];
	struct buf b;

	buf_init(&b, FIELD_BYTES_MAX);
	while (c->p < c->end && im->failed == 0) {
		struct arena_mark mark = arena_snapshot(&im->mem);
		uint32_t line = c->line, told = im->diag.count;
		bool first = true, bad = false;
		unsigned n = 0;

		for (unsigned i = 0; i < COLUMNS_MAX; i++)
			values[i] = "";
		while (csv_field(c, &first, &b, &bad)) {
			const char *v = n < h->count && !bad ? trimmed(im, &b) : "";

			if (v == NULL)
				break;
			if (n < h->count)
				values[n] = v;
			bad = bad || (n >= h->count && buf_len(&b) > 0);
			n++;
		}
		if ((n == 1 && values[0][0] == '\0') || values[0][0] == '#')
			continue;
		if (im->failed == 0 && (bad || !tell_row(im, h, values, line))) {
			struct doc_node at = { .line = line, .column = 1 };

			import_drop(im);
			if (im->diag.count == told)
				doc_complain(&im->diag, &at, "found a row that does not fit the header");
		}
		arena_reset(&im->mem, mark);
	}
	buf_fini(&b);
}

void
import_csv_add(struct import *im)
{
	struct csv c = { .p = im->file->text, .end = im->file->text + im->file->n, .sep = ',', .line = 1 };
	const char *line, *p = c.p;
	struct header h = { .count = 0 };
	size_t len;

	if (c.end - c.p >= 3 && memcmp(c.p, "\xef\xbb\xbf", 3) == 0)
		c.p = p = p + 3;
	if (import_next_line(&p, c.end, &line, &len))
		c.sep = memchr(line, ',', len) != NULL ? ',' : memchr(line, ';', len) != NULL ? ';' : memchr(line, '\t', len) != NULL ? '\t' : ',';
	if (read_header(im, &c, &h))
		read_rows(im, &c, &h);
	else
		doc_complain(&im->diag, NULL, "found no header of columns, expected one such as from,to,protocol or name,kind,owner");
}

/* JSON */

static const char *
text_of(const struct doc_node *n)
{
	return n->kind == DOC_SCALAR ? n->text : "";
}

/* The name behind an id, where lines speak of nodes by their ids. */
static const char *
by_id(const struct map *ids, const char *id)
{
	const char *name = map_get(ids, id);

	return name != NULL ? name : id;
}

static void
json_facts(struct import *im, const struct sight *of, const struct doc_node *facts, struct import_at at)
{
	for (uint32_t i = 0; facts != NULL && facts->kind == DOC_MAP && i < facts->count; i++) {
		struct sight s = import_sight(SIGHT_FACT, of->source);
		const struct doc_node *v = facts->pairs[i].value;

		s.name = of->name;
		s.space = of->space;
		s.from = of->from;
		s.to = of->to;
		s.from_space = of->from_space;
		s.to_space = of->to_space;
		s.key = facts->pairs[i].key->text;
		s.value = v->kind == DOC_MAP ? import_word(v, "value") : text_of(v);
		if (s.value[0] != '\0')
			import_tell(im, &s, at);
	}
}

static void
json_node(struct import *im, const struct doc_node *n, struct map *ids)
{
	struct sight s = import_sight(SIGHT_NODE, "json");
	const struct doc_node *data = doc_get(n, "data"), *instances = doc_get(n, "instances");
	const char *id;

	if (data != NULL && data->kind == DOC_MAP)
		n = data;
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++)
		(void)import_field_set(&s, import_field(n->pairs[i].key->text), text_of(n->pairs[i].value));
	id = import_word(n, "id");
	s.from = s.to = s.protocol = NULL;
	if (s.name == NULL || s.name[0] == '\0')
		s.name = import_word(n, "label")[0] != '\0' ? import_word(n, "label") : id;
	if (n->kind == DOC_SCALAR)
		s.name = n->text;
	if (s.name[0] == '\0') {
		import_drop(im);
		return;
	}
	if (id[0] != '\0' && map_put(ids, id, import_keep(im, s.name), NULL) != 0)
		return;
	import_tell(im, &s, import_here(im, n));
	for (uint32_t i = 0; instances != NULL && instances->kind == DOC_LIST && i < instances->count; i++) {
		struct sight x = import_sight(SIGHT_INSTANCE, "json");
		const struct doc_node *a = instances->items[i];

		x.name = s.name;
		x.space = s.space;
		x.address = a->kind == DOC_MAP ? import_word(a, "address") : text_of(a);
		if (x.address[0] != '\0')
			import_tell(im, &x, import_here(im, a));
	}
	json_facts(im, &s, doc_get(n, "facts"), import_here(im, n));
}

static void
json_line(struct import *im, const struct doc_node *n, const struct map *ids)
{
	struct sight s = import_sight(SIGHT_LINE, "json");
	const struct doc_node *data = doc_get(n, "data"), *sources = doc_get(n, "sources");
	bool good = true;

	if (data != NULL && data->kind == DOC_MAP)
		n = data;
	for (uint32_t i = 0; n->kind == DOC_MAP && i < n->count; i++) {
		enum import_field f = import_field(n->pairs[i].key->text);

		if (f == IMPORT_FIELD_KIND)
			f = IMPORT_FIELD_PROTOCOL;
		good = import_field_set(&s, f, text_of(n->pairs[i].value)) && good;
	}
	if (!good || s.from == NULL || s.to == NULL || s.from[0] == '\0' || s.to[0] == '\0') {
		import_drop(im);
		return;
	}
	s.from = by_id(ids, s.from);
	s.to = by_id(ids, s.to);
	s.from_space = import_word(n, "from_namespace");
	s.to_space = import_word(n, "to_namespace");
	s.name = NULL;
	s.through = strcmp(import_word(n, "through"), "true") == 0;
	if (sources != NULL && sources->kind == DOC_LIST && sources->count == 1 && sources->items[0]->kind == DOC_SCALAR)
		s.source = sources->items[0]->text;
	import_tell(im, &s, import_here(im, n));
	json_facts(im, &s, doc_get(n, "facts"), import_here(im, n));
}

static const struct doc_node *
list_of(const struct doc_node *root, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		const struct doc_node *n = doc_get(root, *keys);

		if (n != NULL && n->kind == DOC_LIST)
			return n;
	}
	return NULL;
}

static void
json_graph(struct import *im, const struct doc_node *root)
{
	static const char *const node_keys[] = { "services", "nodes", NULL }, *const line_keys[] = { "lines", "edges", "links", "data",
	    "dependencies", NULL };
	const struct doc_node *nodes = list_of(root, node_keys), *lines = list_of(root, line_keys);
	struct map ids;

	map_init(&ids, 5, (uint64_t)im->opts.now);
	for (uint32_t i = 0; nodes != NULL && i < nodes->count && im->failed == 0; i++)
		json_node(im, nodes->items[i], &ids);
	for (uint32_t i = 0; lines != NULL && i < lines->count && im->failed == 0; i++)
		json_line(im, lines->items[i], &ids);
	if (nodes == NULL && lines == NULL && root->kind == DOC_MAP)
		json_line(im, root, &ids);
	map_fini(&ids);
}

void
import_graph_json_add(struct import *im)
{
	import_docs(im, json_graph);
}
