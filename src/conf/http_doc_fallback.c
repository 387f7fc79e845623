/* SPDX-License-Identifier: MIT */
/*
 * http_doc_fallback.c - what is answered when a call cannot be.
 *
 *      fallback: {status: 200, headers: {content-type: application/json}, body: '{"items":[]}'}
 *      fallback: {file: empty-cart.json, status: 200}
 *      fallback: {stale: {max_bytes: 16MB, max_stale: 5m}}
 *      fallback: {upstreams: [10.0.1.1:8080]}
 *
 * A stale copy is tried first, then the other upstreams, then the fixed answer; each as far as it is asked for.
 */
#include "conf/http_doc_fallback.h"
#include "io/file.h"
#include "conf/http_field.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_BYTES_MAX (1u << 20)
#define DAY ((double)(86400 * FL_SEC))

static const char *const condition_words[] = { "failed", "timeout", "refused", NULL };      /* in the order of FL_FALLBACK_... */

const struct http_field http_doc_fallback_fields[] = {
	{ "max", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_fallback, o.max), 1, 1000000, NULL },
	{ "rehearse", HTTP_FIELD_SHARE, HTTP_FIELD_AT(struct http_ask_fallback, o.rehearse), 0, 1, NULL },
	{ "enforce", HTTP_FIELD_ENFORCE, HTTP_FIELD_AT(struct http_ask_fallback, o.enforce), 0, 1, NULL },
	HTTP_FIELD_END
};
static const struct http_field status_fields[] = {
	{ "status", HTTP_FIELD_NUMBER, HTTP_FIELD_AT(struct http_ask_fallback, status), 200, 599, NULL },
	HTTP_FIELD_END
};
const struct http_field http_doc_fallback_stale[] = {
	{ "max_bytes", HTTP_FIELD_BYTES, HTTP_FIELD_AT(struct http_ask_fallback, stale.bytes_max), 65536, (double)(INT64_C(1) << 36), NULL },
	{ "max_entry", HTTP_FIELD_BYTES, HTTP_FIELD_AT(struct http_ask_fallback, stale.entry_max), 1024, 1 << 30, NULL },
	{ "max_stale", HTTP_FIELD_NS, HTTP_FIELD_AT(struct http_ask_fallback, stale.age_max), FL_MS, 30 * DAY, NULL },
	HTTP_FIELD_END
};

void
http_doc_fallback_init(struct http_ask_fallback *f)
{
	*f = (struct http_ask_fallback){ .status = 200, .body = "" };
	fl_fallback_opts_init(&f->o);
	fl_stale_opts_init(&f->stale);
}

/* ---- the fixed answer ---- */

static bool
is_token(const char *s)
{
	for (const char *p = s; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && strchr("!#$%&'*+-.^_`|~", *p) == NULL)
			return false;
	}
	return *s != '\0';
}

/* Fields that say how long the body is are ours to write. */
static bool
is_framing(const char *name)
{
	static const char *const names[] = { "content-length", "transfer-encoding", "connection", "upgrade", "trailer" };

	for (size_t i = 0; i < FL_ARRAY_LEN(names); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
read_headers(const struct doc_node *n, struct arena *mem, struct doc_diag *d, struct http_ask_fallback *f)
{
	if (!doc_expect(d, n, DOC_MAP, "a map of headers such as {content-type: text/plain}"))
		return true;
	if (n->count > FL_ARRAY_LEN(f->headers)) {
		doc_complain(d, n, "found %u headers, expected at most %zu", n->count, FL_ARRAY_LEN(f->headers));
		return true;
	}
	f->header_count = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		const char *name = n->pairs[i].key->text, *value = "";
		struct http_ask_header *h = &f->headers[f->header_count];

		if (!doc_text(d, n->pairs[i].value, NULL, &value))
			continue;
		if (!is_token(name) || is_framing(name) || value[strcspn(value, "\r\n")] != '\0') {
			doc_complain(d, n->pairs[i].key, "found the header \"%.60s\", expected a name of letters and digits that says nothing of "
			    "the body's length, and a value on one line", name);
			continue;
		}
		h->name = arena_strdup(mem, name);
		h->value = arena_strdup(mem, value);
		if (h->name == NULL || h->value == NULL)
			return false;
		f->header_count++;
	}
	return true;
}

static bool
read_file(const struct doc_node *n, struct arena *mem, const char *beside, struct doc_diag *d, struct http_ask_fallback *f)
{
	const char *slash = beside != NULL && n->text[0] != '/' ? strrchr(beside, '/') : NULL;
	char path[4096];
	struct buf b;
	char *copy = NULL;
	int rc;

	if (!doc_expect(d, n, DOC_SCALAR, "the path of a file"))
		return true;
	if (beside == NULL) {
		doc_complain(d, n, "found a file, expected body: only the configuration file may name files");
		return true;
	}
	snprintf(path, sizeof(path), "%.*s%s", slash != NULL ? (int)(slash - beside + 1) : 0, beside, n->text);
	buf_init(&b, BODY_BYTES_MAX);
	rc = file_read_regular(path, &b);
	if (rc != 0) {
		doc_complain(d, n, "%.200s: %s", path, rc == -EFBIG ? "larger than 1 MB" : strerror(-rc));
	} else {
		copy = arena_strndup(mem, buf_data(&b), buf_len(&b));
		f->body = copy != NULL ? copy : "";
		f->body_bytes = copy != NULL ? buf_len(&b) : 0;
	}
	buf_fini(&b);
	return rc != 0 || copy != NULL;
}

static bool
read_static(const struct doc_node *n, struct arena *mem, const char *beside, struct doc_diag *d, struct http_ask_fallback *f)
{
	const struct doc_node *status = doc_get(n, "status"), *body = doc_get(n, "body"), *headers = doc_get(n, "headers"),
	    *file = doc_get(n, "file");
	const char *text = "";

	if (status == NULL && body == NULL && headers == NULL && file == NULL)
		return true;
	f->is_static = true;
	if (status != NULL)
		http_field_value(status, &status_fields[0], d, f);
	if (body != NULL && file != NULL)
		doc_complain(d, body, "found body beside file, expected one of them");
	if (body != NULL && doc_text(d, body, NULL, &text)) {
		f->body = arena_strdup(mem, text);
		f->body_bytes = strlen(text);
		if (f->body == NULL)
			return false;
	}
	if (headers != NULL && !read_headers(headers, mem, d, f))
		return false;
	return file == NULL || read_file(file, mem, beside, d, f);
}

/* ---- all of it ---- */

static void
read_conditions(const struct doc_node *n, struct doc_diag *d, struct http_ask_fallback *f)
{
	if (!doc_expect(d, n, DOC_LIST, "a list such as [failed, timeout, refused]"))
		return;
	f->o.on = 0;
	for (uint32_t i = 0; i < n->count; i++) {
		int c = doc_choice(d, n->items[i], condition_words);

		if (c >= 0)
			f->o.on |= 1u << c;
	}
	if (n->count == 0)
		doc_complain(d, n, "found an empty list, expected at least one of failed, timeout, refused");
}

static void
read_stale(const struct doc_node *n, struct doc_diag *d, struct http_ask_fallback *f)
{
	bool on = true;

	if (doc_is_bool(n, &on)) {
		f->is_stale = on;
	} else if (doc_expect(d, n, DOC_MAP, "a map such as {max_bytes: 16MB, max_stale: 5m}, true or false")) {
		f->is_stale = true;
		http_field_read(n, http_doc_fallback_stale, NULL, d, f);
		if (f->stale.entry_max > f->stale.bytes_max / 4)
			doc_complain(d, n, "found max_entry over a quarter of max_bytes, expected at most that");
	}
}

bool
http_doc_fallback_read(const struct doc_node *n, struct arena *mem, const char *beside, struct doc_diag *d, struct http_ask_fallback *f,
    const struct doc_node **ret_upstreams)
{
	static const char *const extra[] = { "status", "body", "headers", "file", "stale", "upstream", "upstreams", "on", NULL };
	const struct doc_node *v;
	bool on;

	f->at = (struct http_ask_mark){ n->line, n->column };
	f->own = true;
	if (doc_is_bool(n, &on) && !on) {
		f->on = false;
		return true;
	}
	if (!doc_expect(d, n, DOC_MAP, "a map such as {status: 200, body: \"\"}, or false"))
		return true;
	/* Another kind of answer replaces the one it was laid over. */
	f->is_static = f->is_stale = false;
	f->upstreams = 0;
	f->on = true;
	http_field_read(n, http_doc_fallback_fields, extra, d, f);
	if ((v = doc_get(n, "on")) != NULL && v->kind != DOC_NULL)
		read_conditions(v, d, f);
	if ((v = doc_get(n, "stale")) != NULL && v->kind != DOC_NULL)
		read_stale(v, d, f);
	if (!read_static(n, mem, beside, d, f))
		return false;
	if (doc_get(n, "upstreams") != NULL || doc_get(n, "upstream") != NULL)
		*ret_upstreams = n;
	else if (!f->is_static && !f->is_stale)
		doc_complain(d, n, "found a fallback to nothing, expected status, body, file, stale or upstreams");
	return true;
}

void
http_doc_fallback_json(struct jsonw *w, const struct http_ask_fallback *f)
{
	jsonw_key(w, "fallback");
	if (!f->on) {
		jsonw_bool(w, false);
		return;
	}
	jsonw_object(w);
	if (f->is_stale) {
		jsonw_key(w, "stale");
		jsonw_object(w);
		http_field_json(w, http_doc_fallback_stale, f);
		jsonw_end(w);
	}
	if (f->is_static) {
		http_field_json(w, status_fields, f);
		jsonw_num(w, "body_bytes", (int64_t)f->body_bytes);
		jsonw_key(w, "headers");
		jsonw_object(w);
		for (uint32_t i = 0; i < f->header_count; i++)
			jsonw_str(w, f->headers[i].name, f->headers[i].value);
		jsonw_end(w);
	}
	jsonw_key(w, "on");
	jsonw_array(w);
	for (unsigned i = 0; condition_words[i] != NULL; i++) {
		if ((f->o.on & 1u << i) != 0)
			jsonw_string(w, condition_words[i]);
	}
	jsonw_end(w);
	http_field_json(w, http_doc_fallback_fields, f);
	jsonw_end(w);
}
