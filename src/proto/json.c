/* SPDX-License-Identifier: MIT */
/* json.c - a recursive descent over the text; depth is bounded by DOC_DEPTH_MAX. */
#include "proto/json.h"
#include "base/assert.h"
#include "proto/utf8.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct child {
	struct child *next;
	const struct doc_node *key, *value;
};

struct reader {
	const char *text;
	size_t at, n;
	size_t line_start;
	uint32_t line;
	unsigned depth;
	uint32_t nodes;
	struct arena *mem;
	char *error;
	int failed;
};

static const struct doc_node *read_value(struct reader *r);

static void *
fail(struct reader *r, int err, const char *text)
{
	if (r->failed == 0) {
		snprintf(r->error, JSON_ERROR_MAX, "%s", text);
		r->failed = err;
	}
	return NULL;
}

/* The next byte as Go quotes it: 'x', '\'', '"', '\n', '\x00', and bytes above 0x7f as the character of that number. */
static void
quote(unsigned char c, char *out, size_t out_bytes)
{
	static const char names[] = "abtnvfr";

	if (c == '\'')
		snprintf(out, out_bytes, "'\\''");
	else if (c == '\\')
		snprintf(out, out_bytes, "'\\\\'");
	else if (c >= 7 && c <= 13)
		snprintf(out, out_bytes, "'\\%c'", names[c - 7]);
	else if (c < 0x20 || c == 0x7f)
		snprintf(out, out_bytes, "'\\x%02x'", c);
	else if (c < 0x80)
		snprintf(out, out_bytes, "'%c'", c);
	else if (c < 0xa0 || c == 0xad)
		snprintf(out, out_bytes, "'\\u%04x'", c);
	else
		snprintf(out, out_bytes, "'%c%c'", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

/* The byte at hand may not stand here; or the text ends here. */
static void *
unexpected(struct reader *r, const char *context)
{
	char text[JSON_ERROR_MAX], quoted[16];

	if (r->at >= r->n)
		return fail(r, -EINVAL, "unexpected EOF");
	quote((unsigned char)r->text[r->at], quoted, sizeof(quoted));
	snprintf(text, sizeof(text), "invalid character %s %s", quoted, context);
	return fail(r, -EINVAL, text);
}

static int
peek(const struct reader *r)
{
	return r->at < r->n ? (unsigned char)r->text[r->at] : -1;
}

static void
skip_space(struct reader *r)
{
	for (; r->at < r->n; r->at++) {
		char c = r->text[r->at];

		if (c == '\n') {
			r->line++;
			r->line_start = r->at + 1;
		} else if (c != ' ' && c != '\t' && c != '\r') {
			return;
		}
	}
}

static void *
take(struct reader *r, size_t n)
{
	void *p = arena_alloc(r->mem, n);

	if (p == NULL)
		fail(r, -E2BIG, "the value needs more memory than allowed");
	return p;
}

static struct doc_node *
new_node(struct reader *r, enum doc_kind kind)
{
	struct doc_node *n;

	if (++r->nodes > DOC_NODES_MAX)
		return fail(r, -E2BIG, "too many values");
	n = take(r, sizeof(*n));
	if (n == NULL)
		return NULL;
	*n = (struct doc_node){ .kind = kind, .weight = 1, .text = "", .line = r->line };
	n->column = (uint32_t)(r->at - r->line_start) + 1;
	return n;
}

static int
hex4(struct reader *r)
{
	int v = 0;

	for (int i = 0; i < 4; i++, r->at++) {
		int c = peek(r);
		int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;

		if (d < 0) {
			unexpected(r, "in \\u hexadecimal character escape");
			return -1;
		}
		v = v * 16 + d;
	}
	return v;
}

/* Behind "\u": one character, a pair of surrogates counting as one. */
static int
read_unicode(struct reader *r)
{
	int hi = hex4(r), lo;
	size_t back = r->at;

	if (hi == 0)
		fail(r, -EINVAL, "U+0000 in a string");
	if (hi < 0xd800 || hi > 0xdfff)
		return hi;
	if (hi > 0xdbff || r->at + 1 >= r->n || r->text[r->at] != '\\' || r->text[r->at + 1] != 'u')
		return 0xfffd;
	r->at += 2;
	lo = hex4(r);
	if (lo >= 0xdc00 && lo <= 0xdfff)
		return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
	if (r->failed == 0)
		r->at = back;
	return 0xfffd;
}

static int
read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	int c = peek(r);
	const char *p = c > 0 ? strchr(from, c) : NULL;

	if (c == 'u') {
		r->at++;
		return read_unicode(r);
	}
	if (p == NULL) {
		unexpected(r, "in string escape code");
		return -1;
	}
	r->at++;
	return to[p - from];
}

/* Where the string that begins at `at` ends, at most: room for its decoded bytes (a bad byte grows to three). */
static size_t
string_room(const struct reader *r)
{
	size_t room = 1;

	for (size_t i = r->at; i < r->n && r->text[i] != '"'; i++) {
		room += (unsigned char)r->text[i] < 0x80 ? 1 : 3;
		if (r->text[i] == '\\') {
			i++;
			room += 3;
		}
	}
	return room;
}

/* Behind the opening quote. */
static const char *
read_string(struct reader *r)
{
	char *out = take(r, string_room(r)), *o = out;

	while (r->failed == 0 && peek(r) != '"') {
		int c = peek(r);
		size_t len;

		if (c < 0x20)
			return unexpected(r, "in string literal");
		if (c == '\\') {
			r->at++;
			c = read_escape(r);
			if (r->failed == 0)
				o += utf8_put(o, c);
			continue;
		}
		len = utf8_len((const unsigned char *)r->text + r->at, r->n - r->at);
		if (len == 0) {
			o += utf8_put(o, 0xfffd);
			len = 1;
		} else {
			memcpy(o, r->text + r->at, len);
			o += len;
		}
		r->at += len;
	}
	if (r->failed != 0)
		return NULL;
	*o = '\0';
	r->at++;
	return out;
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void
digits(struct reader *r, const char *context)
{
	if (!is_digit(peek(r)))
		unexpected(r, context);
	while (is_digit(peek(r)))
		r->at++;
}

static const struct doc_node *
read_number(struct reader *r)
{
	struct doc_node *n = new_node(r, DOC_SCALAR);
	size_t start = r->at;

	if (peek(r) == '-')
		r->at++;
	if (peek(r) == '0')
		r->at++;
	else
		digits(r, "in numeric literal");
	if (r->failed == 0 && peek(r) == '.') {
		r->at++;
		digits(r, "after decimal point in numeric literal");
	}
	if (r->failed == 0 && (peek(r) == 'e' || peek(r) == 'E')) {
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		digits(r, "in exponent of numeric literal");
	}
	if (r->failed != 0)
		return NULL;
	n->plain = true;
	n->text = arena_strndup(r->mem, r->text + start, r->at - start);
	return n->text != NULL ? n : fail(r, -E2BIG, "the value needs more memory than allowed");
}

static const struct doc_node *
read_literal(struct reader *r, const char *word, enum doc_kind kind)
{
	struct doc_node *n = new_node(r, kind);
	char context[64];

	for (const char *p = word; *p != '\0'; p++, r->at++) {
		if (peek(r) == *p)
			continue;
		snprintf(context, sizeof(context), "in literal %s (expecting '%c')", word, *p);
		return unexpected(r, context);
	}
	if (n == NULL)
		return NULL;
	n->plain = true;
	n->text = kind == DOC_SCALAR ? word : "";
	return n;
}

static const struct doc_node *
read_text(struct reader *r)
{
	struct doc_node *n = new_node(r, DOC_SCALAR);

	r->at++;
	if (n == NULL)
		return NULL;
	n->text = read_string(r);
	return r->failed == 0 ? n : NULL;
}

/* One member of an object, up to behind its value. */
static void
read_member(struct reader *r, struct child *c)
{
	if (peek(r) != '"') {
		unexpected(r, "looking for beginning of object key string");
		return;
	}
	c->key = read_text(r);
	if (r->failed != 0)
		return;
	skip_space(r);
	if (peek(r) != ':') {
		unexpected(r, "after object key");
		return;
	}
	r->at++;
	skip_space(r);
	c->value = read_value(r);
}

static const struct doc_node *
finish(struct reader *r, struct doc_node *n, const struct child *c)
{
	if (n->kind == DOC_MAP)
		n->pairs = take(r, (n->count + 1) * sizeof(*n->pairs));
	else
		n->items = take(r, (n->count + 1) * sizeof(*n->items));
	if (r->failed != 0)
		return NULL;
	for (uint32_t i = 0; c != NULL; c = c->next, i++) {
		n->weight += c->value->weight;
		if (n->kind == DOC_MAP)
			n->pairs[i] = (struct doc_pair){ c->key, c->value };
		else
			n->items[i] = c->value;
	}
	return n;
}

/* An object or an array, from its bracket on. */
static const struct doc_node *
read_collection(struct reader *r, enum doc_kind kind)
{
	const int close = kind == DOC_MAP ? '}' : ']';
	struct doc_node *n = new_node(r, kind);
	struct child *first = NULL, **link = &first;

	r->at++;
	skip_space(r);
	if (n != NULL && peek(r) == close) {
		r->at++;
		return finish(r, n, NULL);
	}
	while (r->failed == 0) {
		struct child *c = take(r, sizeof(*c));

		if (c == NULL)
			break;
		if (kind == DOC_MAP)
			read_member(r, c);
		else
			c->value = read_value(r);
		if (r->failed != 0)
			break;
		*link = c;
		link = &c->next;
		n->count++;
		skip_space(r);
		if (peek(r) == close) {
			r->at++;
			return finish(r, n, first);
		}
		if (peek(r) != ',')
			return unexpected(r, kind == DOC_MAP ? "after object key:value pair" : "after array element");
		r->at++;
		skip_space(r);
	}
	return NULL;
}

static const struct doc_node *
read_value(struct reader *r)
{
	const struct doc_node *n = NULL;

	if (++r->depth > DOC_DEPTH_MAX)
		return fail(r, -E2BIG, "exceeded max depth");
	switch (peek(r)) {
	case '{':
		n = read_collection(r, DOC_MAP);
		break;
	case '[':
		n = read_collection(r, DOC_LIST);
		break;
	case '"':
		n = read_text(r);
		break;
	case 't':
		n = read_literal(r, "true", DOC_SCALAR);
		break;
	case 'f':
		n = read_literal(r, "false", DOC_SCALAR);
		break;
	case 'n':
		n = read_literal(r, "null", DOC_NULL);
		break;
	default:
		if (peek(r) == '-' || is_digit(peek(r)))
			n = read_number(r);
		else
			unexpected(r, "looking for beginning of value");
	}
	r->depth--;
	return r->failed == 0 ? n : NULL;
}

int
json_parse(const char *text, size_t n, char *error, struct doc **ret_doc)
{
	struct reader r = { .text = text, .n = n, .line = 1, .error = error };
	struct doc *doc = calloc(1, sizeof(*doc));

	if (doc == NULL)
		return -ENOMEM;
	arena_init(&doc->mem, (size_t)1 << 28);
	r.mem = &doc->mem;
	skip_space(&r);
	if (r.at == n)
		fail(&r, -EINVAL, "EOF");
	else
		doc->root = read_value(&r);
	if (r.failed != 0) {
		doc_free(doc);
		return r.failed;
	}
	fl_assert(doc->root != NULL);
	*ret_doc = doc;
	return 0;
}
