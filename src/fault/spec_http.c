/* SPDX-License-Identifier: MIT */
/*
 * spec_http.c - what is special about faults on HTTP messages: conditions on requests, and what their attributes may be.
 *
 * Invariants
 *  (1) A refused condition changes nothing.
 *  (2) Conditions are kept as text that is read anew for each request; what is kept is valid.
 */
#include "fault/spec.h"
#include "proto/h1_char.h"
#include "proto/h1_write.h"
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int refuse(char *error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
refuse(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, SPEC_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char *const keys[] = { "method", "path", "host", "header", "experiment", "key", NULL };
enum key { KEY_METHOD, KEY_PATH, KEY_HOST, KEY_HEADER, KEY_EXPERIMENT, KEY_KEY };

static int
find_key(const char *key)
{
	for (int i = 0; keys[i] != NULL; i++)
		if (strcmp(keys[i], key) == 0)
			return i;
	return -ENOENT;
}

const char *const *
spec_http_keys(void)
{
	return keys;
}

/* One method of the list. Those that everybody writes in capitals are not meant in small letters. */
static int
check_method(const char *m, size_t n, char *error)
{
	char capitals[32];

	if (!h1_is_token(m, n) || n >= sizeof(capitals))
		return refuse(error, "method: found \"%.*s\", expected methods such as GET or GET,HEAD", (int)FL_MIN(n, 40), m);
	for (size_t i = 0; i < n; i++)
		capitals[i] = (char)toupper((unsigned char)m[i]);
	if (h1_method_of(m, n) == H1_METHOD_OTHER && h1_method_of(capitals, n) != H1_METHOD_OTHER)
		return refuse(error, "method: found \"%.*s\", did you mean \"%.*s\"?", (int)n, m, (int)n, capitals);
	return 0;
}

static int
set_method(struct spec_http *h, const char *text, char *error)
{
	char list[sizeof(h->methods)];
	size_t at = 0, n = 0, text_len = strlen(text);
	struct h1_text m;

	while (h1_list_next(text, text_len, &at, &m)) {
		int r = check_method(text + m.at, m.len, error);

		if (r != 0)
			return r;
		if (n + m.len + 2 > sizeof(list))
			return refuse(error, "method: the list is longer than %zu bytes", sizeof(list) - 1);
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%.*s", n > 0 ? "," : "", (int)m.len, text + m.at);
	}
	if (n == 0)
		return refuse(error, "method: found nothing, expected methods such as GET or GET,HEAD");
	memcpy(h->methods, list, n + 1);
	return 0;
}

static int
set_path(struct spec_http *h, const char *text, char *error)
{
	size_t n = strlen(text);

	if (text[0] != '/' && text[0] != '*')
		return refuse(error, "path: found \"%.40s\", expected a pattern such as /api/** or /cart/*/items", text);
	if (n >= sizeof(h->path))
		return refuse(error, "path: found a pattern of %zu bytes, expected at most %zu", n, sizeof(h->path) - 1);
	for (size_t i = 0; i < n; i++) {
		if (!h1_char_is(text[i], H1_CHAR_TARGET))
			return refuse(error, "path: no request has such a byte in its path as stands at place %zu", i + 1);
	}
	memcpy(h->path, text, n + 1);
	return 0;
}

static int
set_host(struct spec_http *h, const char *text, char *error)
{
	size_t n = strlen(text);
	bool good = n > 0 && n < sizeof(h->host);

	for (size_t i = 0; good && i < n; i++)
		good = h1_char_is(text[i], H1_CHAR_NAME) || strchr("*?:[]", text[i]) != NULL;
	if (!good)
		return refuse(error, "host: found \"%.60s\", expected a host or a pattern such as *.example.com", text);
	memcpy(h->host, text, n + 1);
	return 0;
}

static int
set_header(struct spec_http *h, const char *text, char *error)
{
	const char *colon = strchr(text, ':'), *value = colon != NULL ? colon + 1 + strspn(colon + 1, " \t") : "";
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text), value_len = strlen(value);

	if (!h1_is_token(text, n) || n >= sizeof(h->header))
		return refuse(error, "header: found \"%.60s\", expected a name, or \"name: value\"", text);
	if (!h1_is_value(value, value_len) || value_len >= sizeof(h->header_value))
		return refuse(error, "header: the value of %.40s is none that a header can have, or longer than %zu bytes", text,
		    sizeof(h->header_value) - 1);
	snprintf(h->header, sizeof(h->header), "%.*s", (int)n, text);
	h->has_header_value = colon != NULL;
	memcpy(h->header_value, value, value_len + 1);
	return 0;
}

static int
set_experiment(struct spec_http *h, const char *text, char *error)
{
	size_t n = strlen(text);

	if (!h1_is_token(text, n) || n >= sizeof(h->experiment))
		return refuse(error, "experiment: found \"%.40s\", expected a name of at most %zu letters, digits, - . or _", text,
		    sizeof(h->experiment) - 1);
	memcpy(h->experiment, text, n + 1);
	return 0;
}

static int
set_key(struct spec_http *h, const char *text, char *error)
{
	if (strcmp(text, "trace") != 0 && strcmp(text, "request") != 0)
		return refuse(error, "key: found \"%.40s\", expected request or trace", text);
	h->by_trace = text[0] == 't';
	return 0;
}

/* No condition under this key any more. */
static void
clear(struct spec_http *h, enum key key)
{
	char *const texts[] = { h->methods, h->path, h->host, h->header, h->experiment };

	if (key == KEY_KEY)
		h->by_trace = false;
	else
		texts[key][0] = '\0';
	if (key == KEY_HEADER) {
		h->has_header_value = false;
		h->header_value[0] = '\0';
	}
}

int
spec_set_http(struct spec_scope *s, const char *key, const char *text, char *error)
{
	int k = find_key(key);

	if (k >= 0 && text[0] == '\0') {
		clear(&s->http, (enum key)k);
		return 0;
	}
	switch (k) {
	case KEY_METHOD:
		return set_method(&s->http, text, error);
	case KEY_PATH:
		return set_path(&s->http, text, error);
	case KEY_HOST:
		return set_host(&s->http, text, error);
	case KEY_HEADER:
		return set_header(&s->http, text, error);
	case KEY_EXPERIMENT:
		return set_experiment(&s->http, text, error);
	case KEY_KEY:
		return set_key(&s->http, text, error);
	default:
		refuse(error, "scope: there is no condition \"%.40s\"", key);
		return -ENOENT;
	}
}

static const char *
some(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

const char *
spec_http_text(const struct spec_scope *s, const char *key, char *buf)
{
	const struct spec_http *h = &s->http;

	switch (find_key(key)) {
	case KEY_METHOD:
		return some(h->methods);
	case KEY_PATH:
		return some(h->path);
	case KEY_HOST:
		return some(h->host);
	case KEY_HEADER:
		if (!h->has_header_value)
			return some(h->header);
		snprintf(buf, SPEC_HTTP_TEXT_MAX, "%s: %s", h->header, h->header_value);
		return buf;
	case KEY_EXPERIMENT:
		return some(h->experiment);
	case KEY_KEY:
		return h->by_trace ? "trace" : NULL;
	default:
		return NULL;
	}
}

bool
spec_http_any(const struct spec_scope *s)
{
	const struct spec_http *h = &s->http;

	return h->methods[0] != '\0' || h->path[0] != '\0' || h->host[0] != '\0' || h->header[0] != '\0' || h->experiment[0] != '\0' || h->by_trace;
}

const char *
spec_text(const struct fault_spec *f, size_t attr)
{
	return kind_info(f->kind)->attrs[attr].def > 0 ? f->label : f->text;
}

static int
check_abort(const struct fault_spec *f, char *error)
{
	int64_t status = f->values[HTTP_ABORT_STATUS].i;

	if ((status == 204 || status == 304) && f->text[0] != '\0')
		return refuse(error, "body: an answer with status %lld has none", (long long)status);
	if (!h1_is_value(f->label, strlen(f->label)))
		return refuse(error, "content_type: found \"%.40s\", expected one such as text/plain", f->label);
	return 0;
}

static int
check_header(const struct fault_spec *f, char *error)
{
	size_t n = strlen(f->label);
	enum h1_id id = h1_id_of(f->label, n);

	if (!h1_is_token(f->label, n))
		return refuse(error, "name: found \"%.40s\", expected the name of a header", f->label);
	if (id == H1_ID_CONTENT_LENGTH)
		return refuse(error, "name: Content-Length is changed by http_length");
	if (!h1_edit_allowed(id))
		return refuse(error, "name: %.40s belongs to the connection or routes the request and cannot be changed by a fault", f->label);
	if (!h1_is_value(f->text, strlen(f->text)))
		return refuse(error, "value: no header can have this value (control bytes, or white space at its ends)");
	return 0;
}

static int
check_length(const struct fault_spec *f, char *error)
{
	bool delta = f->values[HTTP_LENGTH_DELTA].i != 0, value = f->values[HTTP_LENGTH_VALUE].i >= 0;

	if (delta == value)
		return refuse(error, "http_length: expected one of delta and value");
	return 0;
}

int
spec_http_check(const struct fault_spec *f, char *error)
{
	const struct kind_info *info = kind_info(f->kind);

	if (info->place != KIND_HTTP && spec_http_any(&f->scope))
		return refuse(error, "scope: %s acts on connections; conditions on requests are for the kinds that begin with http_", info->name);
	switch (f->kind) {
	case FAULT_HTTP_ABORT:
		return check_abort(f, error);
	case FAULT_HTTP_HEADER:
		return check_header(f, error);
	case FAULT_HTTP_BODY:
		if (h1_is_value(f->label, strlen(f->label)))
			return 0;
		return refuse(error, "content_type: found \"%.40s\", expected one such as text/plain", f->label);
	case FAULT_HTTP_LENGTH:
		return check_length(f, error);
	default:
		return 0;
	}
}
