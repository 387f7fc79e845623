/* SPDX-License-Identifier: MIT */
/*
 * http_doc_routes.c - which calls a route is for.
 *
 *      match: {method: [GET, HEAD], path_prefix: /cart, host: shop.test, header: {x-canary: "1"}}
 */
#include "conf/http_doc_routes.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const path_keys[] = { "path", "path_prefix", "path_glob" };
static const enum http_match_kind path_kinds[] = { HTTP_MATCH_EXACT, HTTP_MATCH_PREFIX, HTTP_MATCH_GLOB };

static bool
is_token(const char *s)
{
	for (const char *p = s; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL)
			return false;
	}
	return *s != '\0';
}

static bool
is_name(const char *s)
{
	return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

static void
take_method(const struct doc_node *n, struct doc_diag *d, char into[16])
{
	const char *text;

	if (!doc_text(d, n, "a method such as GET", &text))
		return;
	if (!is_token(text) || strlen(text) > 15) {
		doc_unexpected(d, n, "a method such as GET");
		return;
	}
	for (size_t i = 0; i <= strlen(text); i++)
		into[i] = (char)toupper((unsigned char)text[i]);
}

static void
read_methods(const struct doc_node *n, struct doc_diag *d, struct http_ask_route *r)
{
	if (n->kind == DOC_SCALAR) {
		take_method(n, d, r->methods[0]);
		return;
	}
	if (!doc_expect(d, n, DOC_LIST, "a method such as GET, or a list of them"))
		return;
	if (n->count == 0 || n->count > FL_ARRAY_LEN(r->methods)) {
		doc_complain(d, n, "found %u methods, expected 1 to %zu", n->count, FL_ARRAY_LEN(r->methods));
		return;
	}
	for (uint32_t i = 0; i < n->count; i++)
		take_method(n->items[i], d, r->methods[i]);
}

/* A text of a request's head: no spaces, no control characters. */
static bool
take_text(const struct doc_node *n, const char *expected, struct doc_diag *d, char *into, size_t bytes)
{
	const char *text;

	if (!doc_text(d, n, expected, &text))
		return false;
	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f) {
			doc_unexpected(d, n, expected);
			return false;
		}
	}
	if (text[0] == '\0' || strlen(text) >= bytes) {
		doc_complain(d, n, "found a text of %zu bytes, expected 1 to %zu", strlen(text), bytes - 1);
		return false;
	}
	memcpy(into, text, strlen(text) + 1);
	return true;
}

static void
read_path(const struct doc_node *match, struct doc_diag *d, struct http_ask_route *r)
{
	for (size_t i = 0; i < FL_ARRAY_LEN(path_keys); i++) {
		const struct doc_node *n = doc_get(match, path_keys[i]);

		if (n == NULL || n->kind == DOC_NULL)
			continue;
		if (r->path_kind != HTTP_MATCH_ANY)
			doc_complain(d, n, "found a second condition on the path, expected one of path, path_prefix, path_glob");
		r->path_kind = path_kinds[i];
		if (take_text(n, "a path such as /cart", d, r->path, sizeof(r->path)) && r->path[0] != '/' && r->path[0] != '*')
			doc_unexpected(d, n, "a path that begins with /");
	}
}

static void
read_header(const struct doc_node *n, struct doc_diag *d, struct http_ask_route *r)
{
	const struct doc_node *value;

	if (!doc_expect(d, n, DOC_MAP, "a map of one header such as {x-canary: \"1\"}"))
		return;
	if (n->count != 1) {
		doc_complain(d, n, "found %u headers, expected one", n->count);
		return;
	}
	value = n->pairs[0].value;
	if (take_text(n->pairs[0].key, "the name of a header", d, r->header, sizeof(r->header)) && !is_token(r->header))
		doc_unexpected(d, n->pairs[0].key, "the name of a header");
	if (value->kind == DOC_NULL)
		return;         /* that it is there is enough */
	if (value->kind != DOC_SCALAR || strlen(value->text) >= sizeof(r->header_value) || value->text[strcspn(value->text, "\r\n")] != '\0')
		doc_complain(d, value, "found no such value, expected a text on one line of at most %zu bytes", sizeof(r->header_value) - 1);
	else
		memcpy(r->header_value, value->text, strlen(value->text) + 1);
}

void
http_doc_routes_match(const struct doc_node *match, struct doc_diag *d, struct http_ask_route *r)
{
	static const char *const known[] = { "method", "path", "path_prefix", "path_glob", "host", "header", NULL };
	const struct doc_node *n;

	if (match == NULL || match->kind == DOC_NULL)
		return;
	if (!doc_expect(d, match, DOC_MAP, "a map such as {method: GET, path_prefix: /cart}"))
		return;
	doc_keys(d, match, known);
	if ((n = doc_get(match, "method")) != NULL && n->kind != DOC_NULL)
		read_methods(n, d, r);
	read_path(match, d, r);
	if ((n = doc_get(match, "host")) != NULL && n->kind != DOC_NULL)
		take_text(n, "a host such as shop.test", d, r->host, sizeof(r->host));
	if ((n = doc_get(match, "header")) != NULL && n->kind != DOC_NULL)
		read_header(n, d, r);
}

bool
http_doc_routes_any(const struct http_ask_route *r)
{
	return r->methods[0][0] == '\0' && r->path_kind == HTTP_MATCH_ANY && r->host[0] == '\0' && r->header[0] == '\0';
}

void
http_doc_routes_name(const struct doc_node *route, uint32_t i, struct doc_diag *d, struct http_ask_route *routes)
{
	const struct doc_node *n = doc_get(route, "name");
	struct http_ask_route *r = &routes[i];
	const char *text;

	if (n == NULL || n->kind == DOC_NULL) {
		doc_complain(d, route, "found a route without name, expected one such as name: checkout");
		return;
	}
	if (!doc_text(d, n, "a name", &text))
		return;
	if (!is_name(text) || strlen(text) >= sizeof(r->name)) {
		doc_complain(d, n, "found the name \"%.80s\", expected 1 to %zu letters, digits, _ . -", text, sizeof(r->name) - 1);
		return;
	}
	for (uint32_t k = 0; k < i; k++) {
		if (strcmp(routes[k].name, text) == 0) {
			doc_complain(d, n, "found a second route called \"%s\", expected names that differ", text);
			return;
		}
	}
	memcpy(r->name, text, strlen(text) + 1);
}

void
http_doc_routes_json(struct jsonw *w, const struct http_ask_route *r)
{
	jsonw_object(w);
	if (r->methods[0][0] != '\0') {
		jsonw_key(w, "method");
		jsonw_array(w);
		for (size_t i = 0; i < FL_ARRAY_LEN(r->methods) && r->methods[i][0] != '\0'; i++)
			jsonw_string(w, r->methods[i]);
		jsonw_end(w);
	}
	if (r->path_kind != HTTP_MATCH_ANY)
		jsonw_str(w, path_keys[r->path_kind - HTTP_MATCH_EXACT], r->path);
	if (r->host[0] != '\0')
		jsonw_str(w, "host", r->host);
	if (r->header[0] != '\0') {
		jsonw_key(w, "header");
		jsonw_object(w);
		jsonw_str(w, r->header, r->header_value);
		jsonw_end(w);
	}
	jsonw_end(w);
}
