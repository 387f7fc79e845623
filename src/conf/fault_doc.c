/* SPDX-License-Identifier: MIT */
/* fault_doc.c - a fault as it stands in a file, to a struct fault_spec. */
#include "conf/fault_doc.h"
#include "base/text.h"
#include "base/units.h"
#include "io/file.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES_BYTES_MAX (16u << 20)
#define SAMPLES_MAX 1000000u
#define EXTRA_MAX 32

/* What a bare number in an attribute counts, so that "100ms" or "10KB" can stand for it. */
enum unit { UNIT_NONE, UNIT_MS, UNIT_US, UNIT_S, UNIT_BYTES, UNIT_KB, UNIT_RATE };

static enum unit
http_unit(enum fault_kind kind, int i)
{
	switch (kind) {
	case FAULT_HTTP_DELAY:
		return i == HTTP_DELAY_PACE ? UNIT_RATE : i == HTTP_DELAY_DELAY || i == HTTP_DELAY_JITTER ? UNIT_MS : UNIT_NONE;
	case FAULT_HTTP_ABORT:
		return i == HTTP_ABORT_RETRY_AFTER ? UNIT_S : UNIT_NONE;
	case FAULT_HTTP_RESET:
		return i == HTTP_RESET_BYTES ? UNIT_BYTES : UNIT_NONE;
	case FAULT_HTTP_TRUNCATE:
		return i == HTTP_TRUNCATE_BYTES ? UNIT_BYTES : UNIT_NONE;
	case FAULT_HTTP_CORRUPT:
		return i == HTTP_CORRUPT_OFFSET || i == HTTP_CORRUPT_LENGTH ? UNIT_BYTES : UNIT_NONE;
	case FAULT_HTTP_BODY:
		return i == HTTP_BODY_BYTES ? UNIT_BYTES : UNIT_NONE;
	case FAULT_HTTP_SLOW:
		return i == HTTP_SLOW_PACE ? UNIT_RATE : i == HTTP_SLOW_PIECE ? UNIT_BYTES : UNIT_NONE;
	case FAULT_HTTP_LENGTH:
		return UNIT_BYTES;
	default:
		return UNIT_NONE;
	}
}

static enum unit
attr_unit(enum fault_kind kind, int i)
{
	switch (kind) {
	case FAULT_LATENCY:
		return i == LATENCY_LATENCY || i == LATENCY_JITTER ? UNIT_MS : UNIT_NONE;
	case FAULT_BANDWIDTH:
		return i == BANDWIDTH_RATE ? UNIT_KB : UNIT_NONE;
	case FAULT_SLICER:
		return i == SLICER_DELAY ? UNIT_US : UNIT_BYTES;
	case FAULT_SLOW_CLOSE:
	case FAULT_TIMEOUT:
	case FAULT_RESET_PEER:
	case FAULT_LIMIT_TIME:
	case FAULT_HALF_OPEN:
	case FAULT_CONNECT_DELAY:
		return UNIT_MS;
	case FAULT_LIMIT_DATA:
		return UNIT_BYTES;
	case FAULT_STALL:
		return i == STALL_DURATION ? UNIT_MS : UNIT_BYTES;
	case FAULT_CORRUPT:
		return i == CORRUPT_OFFSET || i == CORRUPT_LENGTH ? UNIT_BYTES : UNIT_NONE;
	case FAULT_DUPLICATE_CHUNK:
		return i == DUPLICATE_SIZE ? UNIT_BYTES : UNIT_NONE;
	case FAULT_DROP_CHUNK:
		return i == DROP_SIZE ? UNIT_BYTES : UNIT_NONE;
	default:
		return http_unit(kind, i);
	}
}

/* "100ms" in units of unit_ns; -EINVAL not a duration, -ERANGE not a whole number of them. */
static int
whole_duration(const char *s, fl_ns unit_ns, int64_t *ret)
{
	fl_ns ns;

	if (units_parse_duration(s, &ns) != 0)
		return -EINVAL;
	if (ns % unit_ns != 0)
		return -ERANGE;
	*ret = ns / unit_ns;
	return 0;
}

/* "10KB", and "10KB/s" where it is a rate. */
static int
whole_bytes(const char *s, int64_t unit_bytes, bool rate, int64_t *ret)
{
	char text[64];
	size_t n = strlen(s);
	int64_t bytes;

	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n + 1);
	if (rate && n > 2 && (strcmp(text + n - 2, "/s") == 0 || strcmp(text + n - 2, "/S") == 0))
		text[n - 2] = '\0';
	if (units_parse_bytes(text, &bytes) != 0)
		return -EINVAL;
	if (bytes % unit_bytes != 0)
		return -ERANGE;
	*ret = bytes / unit_bytes;
	return 0;
}

/* A text with a unit becomes the number it stands for. 0: v was changed; 1: not such a text; -EINVAL after a complaint. */
static int
convert_unit(const struct doc_node *n, enum unit unit, struct doc_diag *d, struct spec_value *v)
{
	int rc = -EINVAL;

	if (unit == UNIT_NONE || v->type != VALUE_TEXT)
		return 1;
	if (unit == UNIT_MS)
		rc = whole_duration(n->text, FL_MS, &v->i);
	else if (unit == UNIT_US)
		rc = whole_duration(n->text, FL_US, &v->i);
	else if (unit == UNIT_S)
		rc = whole_duration(n->text, FL_SEC, &v->i);
	else
		rc = whole_bytes(n->text, unit == UNIT_KB ? 1000 : 1, unit == UNIT_KB || unit == UNIT_RATE, &v->i);
	if (rc == 0) {
		v->type = VALUE_INT;
		return 0;
	}
	if (rc == -EINVAL)
		return 1;
	doc_unexpected(d, n, unit == UNIT_MS ? "whole milliseconds" : unit == UNIT_US ? "whole microseconds" :
	    unit == UNIT_S ? "whole seconds" : unit == UNIT_KB ? "a whole number of KB per second" : "whole bytes");
	return -EINVAL;
}

static struct spec_value
value_of(const struct doc_node *n)
{
	struct spec_value v = { .type = VALUE_OTHER };

	if (n->kind == DOC_NULL)
		v.type = VALUE_NULL;
	else if (doc_is_int(n, &v.i))
		v.type = VALUE_INT;
	else if (doc_is_float(n, &v.f))
		v.type = VALUE_FLOAT;
	else if (doc_is_bool(n, &v.b))
		v.type = VALUE_BOOL;
	else if (n->kind == DOC_SCALAR)
		v.type = VALUE_TEXT;
	v.text = n->text;
	return v;
}

/* A relative path in a file starts at the file's directory. */
static void
path_beside(const char *file, const char *path, char *out, size_t out_bytes)
{
	const char *slash = file != NULL && path[0] != '/' ? strrchr(file, '/') : NULL;

	if (slash != NULL)
		snprintf(out, out_bytes, "%.*s%s", (int)(slash - file + 1), file, path);
	else
		snprintf(out, out_bytes, "%s", path);
}

static void
read_samples(const struct doc_node *n, struct doc_diag *d, struct fault_spec *f)
{
	char path[4096], error[SPEC_ERROR_MAX];
	struct spec_samples *s;

	if (!doc_expect(d, n, DOC_SCALAR, "the path of a file of latencies"))
		return;
	path_beside(d->name, n->text, path, sizeof(path));
	if (fault_doc_samples(path, error, &s) != 0) {
		doc_complain(d, n, "%s", error);
		return;
	}
	spec_samples_unref(f->samples);
	f->samples = s;
}

static void
complain_attr(const struct doc_node *key, const struct kind_info *info, struct doc_diag *d)
{
	const char *names[KIND_ATTRS_MAX + 1] = { NULL };
	const char *near;
	char list[512] = "";
	size_t used = 0;

	for (size_t i = 0; i < info->attr_count; i++) {
		names[i] = info->attrs[i].name;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.64s", i > 0 ? ", " : "", names[i]);
	}
	near = text_nearest(key->text, names);
	doc_complain(d, key, "found the attribute \"%.60s\", but %s has %s%s%s%s%s", key->text, info->name,
	    info->attr_count != 0 ? "only: " : "none", list, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

static void
read_attr(const struct doc_pair *p, struct doc_diag *d, struct fault_spec *f)
{
	const struct kind_info *info = kind_info(f->kind);
	struct spec_value v = value_of(p->value);
	char error[SPEC_ERROR_MAX];
	int i = spec_attr_index(f->kind, p->key->text);

	if (i < 0) {
		complain_attr(p->key, info, d);
		return;
	}
	if (info->attrs[i].type == ATTR_FILE) {
		read_samples(p->value, d, f);
		return;
	}
	if (convert_unit(p->value, attr_unit(f->kind, i), d, &v) == -EINVAL)
		return;
	if (spec_set_attr(f, p->key->text, &v, error) != 0)
		doc_complain(d, p->value, "%s", error);
}

int
fault_doc_time(const struct doc_node *n, bool bare_ms, struct doc_diag *d, fl_ns *ret_ns)
{
	double ms;

	if (!bare_ms || !doc_is_float(n, &ms))
		return doc_duration(d, n, ret_ns) ? 0 : -EINVAL;
	if (ms < 0 || ms > 1e12) {
		doc_unexpected(d, n, "milliseconds, 0 or more");
		return -EINVAL;
	}
	*ret_ns = (fl_ns)(ms * (double)FL_MS);
	return 0;
}

static void
read_count(const struct doc_node *scope, const char *key, struct doc_diag *d, uint64_t *ret)
{
	const struct doc_node *n = doc_get(scope, key);
	int64_t v;

	if (n != NULL && n->kind != DOC_NULL && doc_int(d, n, 0, INT64_MAX, &v))
		*ret = (uint64_t)v;
}

/* A map of two times, such as {from: 1s, to: 5s}. */
static void
read_pair(const struct doc_node *scope, const char *key, const char *const *names, bool bare_ms, struct doc_diag *d, fl_ns *ret[2])
{
	const struct doc_node *n = doc_get(scope, key), *part;

	if (n == NULL || n->kind == DOC_NULL || !doc_expect(d, n, DOC_MAP, "a map of times"))
		return;
	doc_keys(d, n, names);
	for (int i = 0; i < 2; i++) {
		part = doc_get(n, names[i]);
		if (part != NULL && part->kind != DOC_NULL)
			fault_doc_time(part, bare_ms, d, ret[i]);
	}
}

/* A condition on requests: a text, or a list of them (methods). */
static void
read_http(const struct doc_node *n, const char *key, struct doc_diag *d, struct spec_scope *s)
{
	const struct doc_node *items = n->kind == DOC_LIST && strcmp(key, "method") == 0 ? n : NULL;
	char error[SPEC_ERROR_MAX], list[256] = "";
	const char *text = list;
	size_t used = 0;

	for (uint32_t i = 0; items != NULL && i < items->count; i++) {
		if (!doc_text(d, items->items[i], "a method such as GET", &text))
			return;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%.100s", i > 0 ? "," : "", text);
		text = list;
		if (used >= sizeof(list)) {
			doc_complain(d, n, "method: the list is too long");
			return;
		}
	}
	if (items == NULL && !doc_text(d, n, "a text", &text))
		return;
	if (spec_set_http(s, key, text, error) != 0)
		doc_complain(d, n, "%s", error);
}

int
fault_doc_scope(const struct doc_node *n, bool bare_ms, struct doc_diag *d, struct spec_scope *ret_scope)
{
	static const char *const known[] = { "client", "every", "first", "window", "duty", "method", "path", "host", "header",
		"experiment", "key", NULL };
	static const char *const window[] = { "from", "to", NULL }, *const duty[] = { "period", "on", NULL };
	const struct doc_node *client = doc_get(n, "client");
	struct spec_scope s = { .has_client = false };
	unsigned before = d->count;
	char error[SPEC_ERROR_MAX];
	const char *text;

	if (n->kind == DOC_NULL) {
		*ret_scope = s;
		return 0;
	}
	if (!doc_expect(d, n, DOC_MAP, "a map such as {client: 10.0.0.0/8, every: 3}"))
		return -EINVAL;
	doc_keys(d, n, known);
	if (client != NULL && client->kind != DOC_NULL && doc_text(d, client, "an address or a subnet", &text) &&
	    spec_set_client(&s, text, error) != 0)
		doc_complain(d, client, "%s", error);
	for (const char *const *key = spec_http_keys(); *key != NULL; key++) {
		const struct doc_node *v = doc_get(n, *key);

		if (v != NULL && v->kind != DOC_NULL)
			read_http(v, *key, d, &s);
	}
	read_count(n, "every", d, &s.every);
	read_count(n, "first", d, &s.first);
	read_pair(n, "window", window, bare_ms, d, (fl_ns *[]){ &s.window_from, &s.window_to });
	read_pair(n, "duty", duty, bare_ms, d, (fl_ns *[]){ &s.duty_period, &s.duty_on });
	if (d->count != before)
		return -EINVAL;
	*ret_scope = s;
	return 0;
}

/* The keys of a fault and those of the caller are known. */
static void
check_keys(const struct doc_node *n, const char *const *extra, struct doc_diag *d)
{
	const char *known[EXTRA_MAX + 8] = { "type", "name", "stream", "toxicity", "attributes", "scope", "ttl", NULL };

	for (size_t i = 0; extra != NULL && extra[i] != NULL && i < EXTRA_MAX; i++) {
		known[7 + i] = extra[i];
		known[8 + i] = NULL;
	}
	doc_keys(d, n, known);
}

static void
read_name(const struct doc_node *n, struct doc_diag *d, struct fault_spec *f)
{
	const struct doc_node *name = doc_get(n, "name");
	const char *text;

	if (name == NULL || name->kind == DOC_NULL) {
		snprintf(f->name, sizeof(f->name), "%s_%s", kind_info(f->kind)->name, f->stream_text);
		return;
	}
	if (!doc_text(d, name, "a name", &text))
		return;
	if (text[0] == '\0' || strlen(text) >= sizeof(f->name))
		doc_complain(d, name, "found a name of %zu bytes, expected 1 to %zu", strlen(text), sizeof(f->name) - 1);
	else
		memcpy(f->name, text, strlen(text) + 1);
}

static void
read_attributes(const struct doc_node *n, struct doc_diag *d, struct fault_spec *f)
{
	const struct doc_node *attrs = doc_get(n, "attributes");

	if (attrs == NULL || attrs->kind == DOC_NULL || !doc_expect(d, attrs, DOC_MAP, "a map of attributes"))
		return;
	for (uint32_t i = 0; i < attrs->count; i++)
		read_attr(&attrs->pairs[i], d, f);
}

static void
read_common(const struct doc_node *n, struct doc_diag *d, struct fault_spec *f)
{
	static const char *const streams[] = { "upstream", "downstream", NULL };
	const struct doc_node *v = doc_get(n, "stream");
	double share;
	int i;

	if (v != NULL && v->kind != DOC_NULL && (i = doc_choice(d, v, streams)) >= 0) {
		f->dir = i == 0 ? FL_C2S : FL_S2C;
		snprintf(f->stream_text, sizeof(f->stream_text), "%s", streams[i]);
	}
	v = doc_get(n, "toxicity");
	if (v != NULL && v->kind != DOC_NULL && doc_float(d, v, 0, 1, &share))
		f->toxicity = (float)share;
	v = doc_get(n, "scope");
	if (v != NULL)
		fault_doc_scope(v, false, d, &f->scope);
	v = doc_get(n, "ttl");
	if (v != NULL && v->kind != DOC_NULL)
		fault_doc_time(v, false, d, &f->ttl_ns);
}

int
fault_doc_read(const struct doc_node *n, const char *const *extra, struct doc_diag *d, struct fault_spec *ret_spec)
{
	const struct doc_node *type;
	struct fault_spec f;
	unsigned before = d->count;
	char error[SPEC_ERROR_MAX];
	int kind;

	if (!doc_expect(d, n, DOC_MAP, "a fault: a map with type and attributes"))
		return -EINVAL;
	check_keys(n, extra, d);
	type = doc_get(n, "type");
	if (type == NULL) {
		doc_complain(d, n, "found a fault without type, expected one such as type: latency");
		return -EINVAL;
	}
	kind = doc_choice(d, type, kind_names());
	if (kind < 0)
		return -EINVAL;
	spec_init(&f, kind_find(type->text));
	read_common(n, d, &f);
	read_name(n, d, &f);
	read_attributes(n, d, &f);
	if (d->count == before && spec_check(&f, error) != 0)
		doc_complain(d, n, "%s", error);
	if (d->count != before) {
		fault_doc_fini(&f);
		return -EINVAL;
	}
	*ret_spec = f;
	return 0;
}

void
fault_doc_fini(struct fault_spec *f)
{
	spec_samples_unref(f->samples);
	spec_shared_unref(f->shared);
	f->samples = NULL;
	f->shared = NULL;
}

/* One line of a samples file: milliseconds or a duration. 0, 1 nothing on it, -EINVAL. */
static int
parse_sample(char *line, fl_ns *ret)
{
	char *end;
	double ms;

	line[strcspn(line, "#\r")] = '\0';
	line += strspn(line, " \t");
	for (end = line + strlen(line); end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
		end[-1] = '\0';
	if (*line == '\0')
		return 1;
	ms = strtod(line, &end);
	if (*end == '\0' && end != line && isfinite(ms)) {
		if (ms < 0 || ms > 1e9)
			return -EINVAL;
		*ret = (fl_ns)(ms * (double)FL_MS);
		return 0;
	}
	return units_parse_duration(line, ret) == 0 && *ret >= 0 ? 0 : -EINVAL;
}

static int
parse_samples(const char *path, char *text, char *error, struct spec_samples **ret_samples)
{
	fl_ns *values = NULL;
	uint32_t count = 0, cap = 0;
	unsigned line_no = 0;
	char *next = text, *line;
	int rc = 0;

	while (rc >= 0 && (line = strsep(&next, "\n")) != NULL) {
		line_no++;
		if (count == cap) {
			fl_ns *bigger = cap < SAMPLES_MAX ? realloc(values, (cap * 2 + 64) * sizeof(*values)) : NULL;

			if (bigger == NULL) {
				rc = -ENOMEM;
				break;
			}
			values = bigger;
			cap = cap * 2 + 64;
		}
		rc = parse_sample(line, &values[count]);
		count += rc == 0;
	}
	if (rc == -EINVAL)
		snprintf(error, SPEC_ERROR_MAX, "%.100s:%u: expected a latency such as 12.5 (milliseconds) or 800us", path, line_no);
	else if (rc == -ENOMEM)
		snprintf(error, SPEC_ERROR_MAX, "%.100s: too many latencies", path);
	else if (count == 0)
		snprintf(error, SPEC_ERROR_MAX, "%.100s: no latencies in the file", path);
	if (rc >= 0 && count == 0)
		rc = -EINVAL;
	if (rc >= 0) {
		*ret_samples = spec_samples_new(path, values, count);
		rc = *ret_samples != NULL ? 0 : -ENOMEM;
		if (rc != 0)
			snprintf(error, SPEC_ERROR_MAX, "out of memory");
	}
	free(values);
	return rc;
}

int
fault_doc_samples(const char *path, char *error, struct spec_samples **ret_samples)
{
	struct buf b;
	int rc;

	if (strlen(path) >= sizeof((*ret_samples)->path)) {
		snprintf(error, SPEC_ERROR_MAX, "the path of the file is longer than 255 bytes");
		return -ENAMETOOLONG;
	}
	buf_init(&b, SAMPLES_BYTES_MAX);
	rc = file_read_regular(path, &b);
	if (rc != 0)
		snprintf(error, SPEC_ERROR_MAX, "%.150s: %s", path, strerror(-rc));
	else
		rc = parse_samples(path, (char *)(uintptr_t)buf_str(&b), error, ret_samples);
	buf_fini(&b);
	return rc;
}
