/* SPDX-License-Identifier: MIT */
/* line_body.c - what a request's body says of a line or a toxic. */
#include "control/line_body.h"
#include "control/line_json.h"
#include "proxy/trace_conf.h"
#include "conf/fault_doc.h"
#include "conf/http_doc.h"
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Reading one object: the first mistake is kept, reading goes on. */
struct decode {
	const char *go_type;
	struct lines_error *e;
	bool failed;
};

const char *
line_body_kind(const struct doc_node *n)
{
	bool b;

	if (n->kind == DOC_LIST)
		return "array";
	if (n->kind == DOC_MAP)
		return "object";
	if (!n->plain)
		return "string";
	return doc_is_bool(n, &b) ? "bool" : "number";
}

static void bad(struct decode *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
bad(struct decode *d, const char *fmt, ...)
{
	char text[sizeof(d->e->text) - 32];
	va_list ap;

	if (d->failed)
		return;
	d->failed = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lines_refuse(d->e, EINVAL, 400, "bad request body: %s", text);
}

static void
bad_type(struct decode *d, const struct doc_node *v, const char *field, const char *type)
{
	bad(d, "json: cannot unmarshal %s into Go struct field %s.%s of type %s", line_body_kind(v), d->go_type, field, type);
}

static void
take_string(struct decode *d, const struct doc_node *v, const char *field, const char **ret)
{
	if (v->kind == DOC_SCALAR && !v->plain)
		*ret = v->text;
	else
		bad_type(d, v, field, "string");
}

static void
take_bool(struct decode *d, const struct doc_node *v, const char *field, bool *ret)
{
	if (!doc_is_bool(v, ret))
		bad_type(d, v, field, "bool");
}

static void
take_toxicity(struct decode *d, const struct doc_node *v, float *ret)
{
	double f;

	if (v->kind != DOC_SCALAR || !v->plain || strcmp(line_body_kind(v), "number") != 0)
		bad_type(d, v, "toxicity", "float32");
	else if (!doc_is_float(v, &f) || fabs(f) > (double)FLT_MAX)
		bad(d, "json: cannot unmarshal number %.40s into Go struct field %s.toxicity of type float32", v->text, d->go_type);
	else
		*ret = (float)f;
}

/* A time: milliseconds or a text. */
static void
take_time(struct decode *d, const struct doc_node *v, const char *field, fl_ns *ret)
{
	struct doc_diag diag;

	doc_diag_init(&diag, NULL);
	if (fault_doc_time(v, true, &diag, ret) != 0)
		bad(d, "%s: %s", field, buf_str(&diag.text));
	doc_diag_fini(&diag);
}

/* ---- attributes ---- */

static struct spec_value
value_of(const struct doc_node *n)
{
	struct spec_value v = { .type = VALUE_OTHER, .text = n->text };

	if (n->kind == DOC_NULL)
		v.type = VALUE_NULL;
	else if (doc_is_int(n, &v.i))
		v.type = VALUE_INT;
	else if (doc_is_float(n, &v.f))
		v.type = VALUE_FLOAT;
	else if (doc_is_bool(n, &v.b))
		v.type = VALUE_BOOL;
	else if (n->kind == DOC_SCALAR && !n->plain)
		v.type = VALUE_TEXT;
	return v;
}

static void
take_samples(struct decode *d, const struct doc_node *v, struct fault_spec *f)
{
	char error[SPEC_ERROR_MAX];
	struct spec_samples *s;

	if (v->kind == DOC_NULL)
		return;
	if (v->kind != DOC_SCALAR || v->plain)
		bad(d, "samples: expected the path of a file of latencies");
	else if (fault_doc_samples(v->text, error, &s) != 0)
		bad(d, "samples: %s", error);
	else if (d->failed)
		spec_samples_unref(s);
	else
		f->samples = s;
}

static void
take_attribute(struct decode *d, const struct doc_pair *p, struct fault_spec *f)
{
	const struct kind_info *info = kind_info(f->kind);
	struct spec_value v = value_of(p->value);
	int i = spec_attr_index(f->kind, p->key->text);
	char error[SPEC_ERROR_MAX];
	int rc;

	if (i < 0)
		return;
	if (info->attrs[i].type == ATTR_FILE) {
		take_samples(d, p->value, f);
		return;
	}
	rc = spec_set_attr(f, p->key->text, &v, error);
	if (rc == -EINVAL && info->go_type[0] != '\0' && info->attrs[i].type == ATTR_INT) {
		bool number = strcmp(line_body_kind(p->value), "number") == 0;

		bad(d, "json: cannot unmarshal %s%s%.40s into Go struct field %s.attributes.%s of type int64", line_body_kind(p->value),
		    number ? " " : "", number ? p->value->text : "", info->go_type, info->attrs[i].name);
	} else if (rc != 0) {
		bad(d, "%s", error);
	}
}

/* Does one of the pairs have this name? Go goes through them in order; so do the takers below. */
static bool
is_field(const struct doc_pair *p, const char *name)
{
	return p->value->kind != DOC_NULL && strcasecmp(p->key->text, name) == 0;
}

/* attributes, scope and ttl: what a new toxic and an update have in common. */
static void
take_effect(struct decode *d, const struct doc_node *n, struct fault_spec *f, bool *ret_lease)
{
	char error[SPEC_ERROR_MAX];
	struct doc_diag diag;

	for (uint32_t i = 0; i < n->count; i++) {
		const struct doc_pair *p = &n->pairs[i];

		if (is_field(p, "attributes") && p->value->kind == DOC_MAP) {
			for (uint32_t k = 0; k < p->value->count; k++)
				take_attribute(d, &p->value->pairs[k], f);
		} else if (is_field(p, "scope")) {
			doc_diag_init(&diag, NULL);
			if (fault_doc_scope(p->value, true, &diag, &f->scope) != 0)
				bad(d, "scope: %s", buf_str(&diag.text));
			doc_diag_fini(&diag);
		} else if (is_field(p, "ttl")) {
			take_time(d, p->value, "ttl", &f->ttl_ns);
			*ret_lease = true;
		}
	}
	if (!d->failed && spec_check(f, error) != 0)
		bad(d, "%s", error);
}

/* ---- toxics ---- */

struct wrapper {
	const char *name, *type, *stream;
	float toxicity;
};

static bool
decode_wrapper(const struct doc_node *n, struct wrapper *w, struct lines_error *e)
{
	struct decode d = { .go_type = "ToxicWrapper", .e = e };

	if (n->kind == DOC_NULL)
		return true;
	if (n->kind != DOC_MAP) {
		bad(&d, "json: cannot unmarshal %s into Go value of type toxics.ToxicWrapper", line_body_kind(n));
		return false;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		const struct doc_pair *p = &n->pairs[i];

		if (is_field(p, "name"))
			take_string(&d, p->value, "name", &w->name);
		else if (is_field(p, "type"))
			take_string(&d, p->value, "type", &w->type);
		else if (is_field(p, "stream"))
			take_string(&d, p->value, "stream", &w->stream);
		else if (is_field(p, "toxicity"))
			take_toxicity(&d, p->value, &w->toxicity);
		else if (is_field(p, "attributes") && p->value->kind != DOC_MAP)
			bad_type(&d, p->value, "attributes", "toxics.NoopToxic");
	}
	return !d.failed;
}

static int
apply_wrapper(const struct wrapper *w, const struct lines_line *l, struct fault_spec *f, struct lines_error *e)
{
	bool up = strcasecmp(w->stream, "upstream") == 0;
	enum fault_kind kind = kind_find(w->type);

	if (!up && strcasecmp(w->stream, "downstream") != 0)
		return lines_refuse(e, EINVAL, 400, "stream was invalid, can be either upstream or downstream");
	if (kind == FAULT_KIND_COUNT)
		return lines_refuse(e, EINVAL, 400, "invalid toxic type");
	spec_init(f, kind);
	f->dir = up ? FL_C2S : FL_S2C;
	f->toxicity = w->toxicity;
	snprintf(f->stream_text, sizeof(f->stream_text), "%s", w->stream);
	if (strlen(w->name) >= sizeof(f->name))
		return lines_refuse(e, EINVAL, 400, "the name is longer than %zu bytes", sizeof(f->name) - 1);
	if (w->name[0] != '\0')
		snprintf(f->name, sizeof(f->name), "%s", w->name);
	else
		snprintf(f->name, sizeof(f->name), "%s_%s", w->type, w->stream);
	if (l != NULL && lines_toxic_find(l, f->name) != NULL)
		return lines_refuse(e, EEXIST, 409, "toxic already exists");
	return 0;
}

int
line_body_toxic(const struct doc_node *n, const struct lines_line *l, struct fault_spec *ret_spec, struct lines_error *e)
{
	struct wrapper w = { .name = "", .type = "", .stream = "downstream", .toxicity = 1 };
	struct decode d = { .e = e };
	struct fault_spec f;
	bool lease;
	int rc;

	if (!decode_wrapper(n, &w, e))
		return -EINVAL;
	rc = apply_wrapper(&w, l, &f, e);
	if (rc != 0)
		return rc;
	take_effect(&d, n, &f, &lease);
	if (d.failed) {
		spec_samples_unref(f.samples);
		return -EINVAL;
	}
	*ret_spec = f;
	return 0;
}

int
line_body_toxic_update(const struct doc_node *n, struct fault_spec *spec, bool *ret_lease, struct lines_error *e)
{
	struct decode d = { .go_type = "", .e = e };
	struct fault_spec f = *spec;

	*ret_lease = false;
	if (n->kind == DOC_NULL)
		return 0;
	if (n->kind != DOC_MAP) {
		bad(&d, "json: cannot unmarshal %s into Go value of type struct { Attributes interface {} \"json:\\\"attributes\\\"\"; "
		    "Toxicity float32 \"json:\\\"toxicity\\\"\" }", line_body_kind(n));
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		const struct doc_pair *p = &n->pairs[i];

		if (is_field(p, "toxicity"))
			take_toxicity(&d, p->value, &f.toxicity);
		else if (is_field(p, "attributes") && p->value->kind != DOC_MAP)
			bad(&d, "json: cannot unmarshal %s into Go struct field .attributes of type toxics.%s", line_body_kind(p->value),
			    kind_info(f.kind)->go_type);
	}
	take_effect(&d, n, &f, ret_lease);
	if (d.failed) {
		if (f.samples != spec->samples)
			spec_samples_unref(f.samples);
		return -EINVAL;
	}
	*spec = f;
	return 0;
}

/* ---- lines ---- */

static void
take_toxics(struct decode *d, const struct doc_node *v, struct lines_ask *ask)
{
	if (v->kind != DOC_LIST) {
		bad_type(d, v, "toxics", "[]toxics.Toxic");
		return;
	}
	line_body_free(ask);
	if (v->count > LINES_TOXICS_MAX) {
		bad(d, "a line can have %d toxics at most", LINES_TOXICS_MAX);
		return;
	}
	ask->has_toxics = true;
	ask->toxics = calloc(v->count + 1, sizeof(*ask->toxics));
	if (ask->toxics == NULL) {
		bad(d, "out of memory");
		return;
	}
	for (uint32_t i = 0; i < v->count && !d->failed; i++) {
		if (line_body_toxic(v->items[i], NULL, &ask->toxics[i], d->e) != 0) {
			d->failed = true;
			return;
		}
		ask->toxic_count = i + 1;
		for (uint32_t k = 0; k < i && !d->failed; k++) {
			if (strcmp(ask->toxics[k].name, ask->toxics[i].name) == 0) {
				d->failed = true;
				lines_refuse(d->e, EEXIST, 409, "toxic already exists");
			}
		}
	}
}

static void
take_key(struct decode *d, const struct doc_node *v, struct lines_ask *ask)
{
	const char *text = "";

	take_string(d, v, "key", &text);
	if (strcmp(text, "ordinal") == 0)
		ask->key = LINE_KEY_ORDINAL;
	else if (strcmp(text, "client") == 0)
		ask->key = LINE_KEY_CLIENT;
	else
		bad(d, "key: found \"%.60s\", expected ordinal or client", text);
	ask->has_key = true;
}

static void
take_connect_timeout(struct decode *d, const struct doc_node *v, struct lines_ask *ask)
{
	take_time(d, v, "connect_timeout", &ask->connect_timeout);
	if (ask->connect_timeout <= 0 || ask->connect_timeout > 86400 * FL_SEC)
		bad(d, "connect_timeout: expected more than 0 and at most a day");
	ask->has_connect_timeout = true;
}

static void
take_line_field(struct decode *d, const struct doc_pair *p, struct lines_ask *ask)
{
	if (is_field(p, "name")) {
		take_string(d, p->value, "name", &ask->name);
	} else if (is_field(p, "listen")) {
		take_string(d, p->value, "listen", &ask->listen);
	} else if (is_field(p, "upstream")) {
		take_string(d, p->value, "upstream", &ask->upstream);
	} else if (is_field(p, "enabled")) {
		take_bool(d, p->value, "enabled", &ask->enabled);
	} else if (is_field(p, "half_close")) {
		take_bool(d, p->value, "half_close", &ask->half_close);
		ask->has_half_close = true;
	} else if (is_field(p, "key")) {
		take_key(d, p->value, ask);
	} else if (is_field(p, "connect_timeout")) {
		take_connect_timeout(d, p->value, ask);
	} else if (is_field(p, "toxics")) {
		take_toxics(d, p->value, ask);
	}
}

int
line_body_line(const struct doc_node *n, const char *go_type, const char *go_full, struct lines_ask *ask, struct lines_error *e)
{
	struct decode d = { .go_type = go_type, .e = e };

	if (n->kind == DOC_NULL)
		return 0;
	if (n->kind != DOC_MAP) {
		bad(&d, "json: cannot unmarshal %s into Go value of type %s", line_body_kind(n), go_full);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < n->count; i++)
		take_line_field(&d, &n->pairs[i], ask);
	return d.failed ? -EINVAL : 0;
}

void
line_body_free(struct lines_ask *ask)
{
	for (uint32_t i = 0; i < ask->toxic_count; i++)
		spec_samples_unref(ask->toxics[i].samples);
	free(ask->toxics);
	ask->toxics = NULL;
	ask->toxic_count = 0;
	http_doc_free(ask->http);
	ask->http = NULL;
	free(ask->source);
	ask->source = NULL;
	line_wire_unref(ask->wire);
	ask->wire = NULL;
	trace_conf_unref(ask->trace);
	ask->trace = NULL;
	free(ask->wire_warning);
	ask->wire_warning = NULL;
}

void
line_body_init(struct lines_ask *ask)
{
	*ask = (struct lines_ask){ .name = "", .listen = "", .upstream = "", .enabled = true, .connect_timeout = LINE_JSON_CONNECT_TIMEOUT };
}

static const char list_type[] = "[]struct { toxiproxy.Proxy; Enabled *bool \"json:\\\"enabled\\\"\" }";

static int
read_list(const struct doc_node *n, struct lines_ask *asks, struct lines_error *e)
{
	for (uint32_t i = 0; i < n->count; i++) {
		line_body_init(&asks[i]);
		if (line_body_line(n->items[i], "", list_type + 2, &asks[i], e) != 0)
			return -EINVAL;
	}
	for (uint32_t i = 0; i < n->count; i++) {
		if (asks[i].name[0] == '\0')
			return lines_refuse(e, EINVAL, 400, "missing required field: name at proxy %u", i + 1);
		if (asks[i].upstream[0] == '\0')
			return lines_refuse(e, EINVAL, 400, "missing required field: upstream at proxy %u", i + 1);
	}
	return 0;
}

int
line_body_list(const struct doc_node *n, struct lines_ask **ret_asks, uint32_t *ret_count, struct lines_error *e)
{
	uint32_t count = n->kind == DOC_LIST ? n->count : 0;
	struct lines_ask *asks;
	int rc = 0;

	if (n->kind != DOC_LIST && n->kind != DOC_NULL)
		return lines_refuse(e, EINVAL, 400, "bad request body: json: cannot unmarshal %s into Go value of type %s",
		    line_body_kind(n), list_type);
	asks = calloc(count + 1, sizeof(*asks));
	if (asks == NULL)
		return lines_refuse(e, ENOMEM, 503, "out of memory");
	if (count > 0)
		rc = read_list(n, asks, e);
	if (rc != 0) {
		line_body_list_free(asks, count);
		return rc;
	}
	*ret_asks = asks;
	*ret_count = count;
	return 0;
}

void
line_body_list_free(struct lines_ask *asks, uint32_t count)
{
	for (uint32_t i = 0; asks != NULL && i < count; i++)
		line_body_free(&asks[i]);
	free(asks);
}
