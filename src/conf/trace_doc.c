/* SPDX-License-Identifier: MIT */
/* trace_doc.c - see trace_doc.h. */
#include "conf/trace_doc.h"

#include <stdio.h>
#include <string.h>

#define ID_EXPECTED "content, stream, {field: NAME} or {word: N}"
#define ID_EXPECTED_HTTP "content, stream, path, {header: NAME}, {field: NAME} or {word: N}"

static const char *const kind_words[TRACE_ID_KINDS] = {
	[TRACE_ID_CONTENT] = "content", [TRACE_ID_STREAM] = "stream", [TRACE_ID_FIELD] = "field", [TRACE_ID_WORD] = "word",
	[TRACE_ID_HEADER] = "header", [TRACE_ID_PATH] = "path",
};

static const struct doc_node *
said(const struct doc_node *map, const char *key)
{
	const struct doc_node *n = doc_get(map, key);

	return n != NULL && n->kind != DOC_NULL ? n : NULL;
}

static void
read_name(const struct doc_node *map, const char *key, size_t room, struct doc_diag *d, char *ret)
{
	const struct doc_node *n = said(map, key);
	const char *text;

	if (n == NULL || !doc_text(d, n, "a name", &text))
		return;
	if (text[0] == '\0' || strlen(text) >= room)
		doc_complain(d, n, "found a name of %zu bytes, expected 1 to %zu", strlen(text), room - 1);
	else
		memcpy(ret, text, strlen(text) + 1);
}

static void
read_id_map(const struct doc_node *n, bool http, struct doc_diag *d, struct trace_id_conf *ret)
{
	int64_t word = 0;

	if (n->count != 1) {
		doc_unexpected(d, n, http ? ID_EXPECTED_HTTP : ID_EXPECTED);
	} else if (said(n, "word") != NULL) {
		if (doc_int(d, said(n, "word"), 1, 200, &word)) {
			ret->kind = TRACE_ID_WORD;
			ret->word = (uint8_t)word;
		}
	} else if (said(n, "field") != NULL) {
		ret->kind = TRACE_ID_FIELD;
		read_name(n, "field", sizeof(ret->field), d, ret->field);
	} else if (http && said(n, "header") != NULL) {
		ret->kind = TRACE_ID_HEADER;
		read_name(n, "header", sizeof(ret->field), d, ret->field);
		for (char *c = ret->field; *c != '\0'; c++)
			*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	} else {
		doc_unexpected(d, n, http ? ID_EXPECTED_HTTP : ID_EXPECTED);
	}
}

static void
read_id(const struct doc_node *n, bool http, bool group, struct doc_diag *d, struct trace_id_conf *ret)
{
	static const unsigned plain[] = { TRACE_ID_CONTENT, TRACE_ID_STREAM, TRACE_ID_PATH };

	*ret = (struct trace_id_conf){ .group = group };
	if (n->kind == DOC_MAP) {
		read_id_map(n, http, d, ret);
		return;
	}
	for (unsigned i = 0; n->kind == DOC_SCALAR && i < FL_ARRAY_LEN(plain) - !http; i++)
		if (strcmp(n->text, kind_words[plain[i]]) == 0)
			ret->kind = (uint8_t)plain[i];
	if (ret->kind == TRACE_ID_NONE)
		doc_unexpected(d, n, http ? ID_EXPECTED_HTTP : ID_EXPECTED);
}

static void
read_frames(const struct doc_node *map, struct doc_diag *d, struct trace_doc *t)
{
	const struct doc_node *frames = said(map, "frames"), *answers = said(map, "answers");
	int i = frames == NULL ? 0 : doc_choice(d, frames, trace_frame_words), k = answers == NULL ? i : doc_choice(d, answers, trace_frame_words);

	t->frame[0].framing = (uint8_t)FL_MAX(i, 0);
	t->frame[1].framing = (uint8_t)FL_MAX(k, 0);
}

static void
read_map(const struct doc_node *n, bool http, struct doc_diag *d, struct trace_doc *t)
{
	static const char *const tcp_keys[] = { "frames", "answers", "id", "key", "from", "to", NULL };
	static const char *const http_keys[] = { "context", "id", "key", "from", "to", NULL };
	const struct doc_node *id = said(n, "id"), *key = said(n, "key");

	t->on = true;
	doc_keys(d, n, http ? http_keys : tcp_keys);
	if (http && said(n, "context") != NULL)
		doc_bool(d, said(n, "context"), &t->context);
	if (!http)
		read_frames(n, d, t);
	if (id != NULL && key != NULL)
		doc_complain(d, key, "found both id and key, expected one: id names one message, key a group of them");
	if (id != NULL || key != NULL)
		read_id(id != NULL ? id : key, http, id == NULL, d, &t->frame[0].id);
	t->frame[1].id = t->frame[0].id;
	read_name(n, "from", sizeof(t->from), d, t->from);
	read_name(n, "to", sizeof(t->to), d, t->to);
}

void
trace_doc_read(const struct doc_node *n, bool http, struct doc_diag *d, struct trace_doc *ret)
{
	int i;

	*ret = (struct trace_doc){ .context = true };
	if (n == NULL || n->kind == DOC_NULL)
		return;
	if (n->kind == DOC_MAP) {
		read_map(n, http, d, ret);
	} else if (http) {
		doc_bool(d, n, &ret->context);
	} else if (n->kind != DOC_SCALAR) {
		doc_unexpected(d, n, "how messages are framed, such as trace: lines, or a map with frames");
	} else if (!doc_is_bool(n, &ret->on) && (i = doc_choice(d, n, trace_frame_words)) >= 0) {
		ret->on = true;
		ret->frame[0].framing = ret->frame[1].framing = (uint8_t)i;
	}
}

static void
put_id(struct jsonw *w, const struct trace_id_conf *id)
{
	if (id->kind == TRACE_ID_NONE)
		return;
	jsonw_key(w, id->group ? "key" : "id");
	if (id->kind != TRACE_ID_FIELD && id->kind != TRACE_ID_HEADER && id->kind != TRACE_ID_WORD) {
		jsonw_string(w, kind_words[id->kind]);
		return;
	}
	jsonw_object(w);
	if (id->kind == TRACE_ID_WORD)
		jsonw_num(w, "word", id->word);
	else
		jsonw_str(w, kind_words[id->kind], id->field);
	jsonw_end(w);
}

void
trace_doc_json(struct jsonw *w, const struct trace_doc *t, bool http)
{
	if (!t->on) {
		jsonw_bool(w, http && t->context);
		return;
	}
	jsonw_object(w);
	if (http)
		jsonw_flag(w, "context", t->context);
	else
		jsonw_str(w, "frames", trace_frame_words[t->frame[0].framing]);
	if (!http && t->frame[1].framing != t->frame[0].framing)
		jsonw_str(w, "answers", trace_frame_words[t->frame[1].framing]);
	put_id(w, &t->frame[0].id);
	if (t->from[0] != '\0')
		jsonw_str(w, "from", t->from);
	if (t->to[0] != '\0')
		jsonw_str(w, "to", t->to);
	jsonw_end(w);
}

struct trace_conf *
trace_doc_conf(const struct trace_doc *t)
{
	struct trace_conf *c = t->on ? trace_conf_new() : NULL;

	if (c == NULL)
		return NULL;
	memcpy(c->frame, t->frame, sizeof(c->frame));
	memcpy(c->from, t->from, sizeof(c->from));
	memcpy(c->to, t->to, sizeof(c->to));
	return c;
}
