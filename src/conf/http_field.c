/* SPDX-License-Identifier: MIT */
/* http_field.c - the keys of a map as a table. */
#include "conf/http_field.h"
#include "base/assert.h"
#include "base/hash.h"
#include "base/units.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- members of any width ---- */

static void
put_int(const struct http_field *f, void *base, int64_t v)
{
	char *at = (char *)base + f->offset;

	switch (f->width) {
	case 1:
		*(uint8_t *)at = (uint8_t)v;
		break;
	case 2:
		memcpy(at, &(uint16_t){ (uint16_t)v }, 2);
		break;
	case 4:
		memcpy(at, &(uint32_t){ (uint32_t)v }, 4);
		break;
	default:
		fl_assert(f->width == 8);
		memcpy(at, &v, 8);
	}
}

static int64_t
get_int(const struct http_field *f, const void *base)
{
	const char *at = (const char *)base + f->offset;
	uint16_t h;
	uint32_t w;
	int64_t v;

	switch (f->width) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&h, at, 2);
		return h;
	case 4:
		memcpy(&w, at, 4);
		return w;
	default:
		fl_assert(f->width == 8);
		memcpy(&v, at, 8);
		return v;
	}
}

static void
put_float(const struct http_field *f, void *base, double v)
{
	char *at = (char *)base + f->offset;

	if (f->width == sizeof(float))
		memcpy(at, &(float){ (float)v }, sizeof(float));
	else
		memcpy(at, &v, sizeof(v));
}

static double
get_float(const struct http_field *f, const void *base)
{
	const char *at = (const char *)base + f->offset;
	float single;
	double v;

	if (f->width == sizeof(float)) {
		memcpy(&single, at, sizeof(single));
		return (double)single;
	}
	memcpy(&v, at, sizeof(v));
	return v;
}

/* ---- reading ---- */

char *
http_field_duration(char *buf, fl_ns ns)
{
	static const struct { fl_ns unit; const char *word; } units[] = {
		{ 3600 * FL_SEC, "h" }, { 60 * FL_SEC, "m" }, { FL_SEC, "s" }, { FL_MS, "ms" }, { FL_US, "us" }, { 1, "ns" },
	};
	size_t i = 0;

	if (ns == 0)
		return memcpy(buf, "0", 2);
	while (ns % units[i].unit != 0)
		i++;
	snprintf(buf, 32, "%" PRId64 "%s", ns / units[i].unit, units[i].word);
	return buf;
}

static bool
read_ns(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	char text[160], low[32], high[32];
	fl_ns v;

	if (!doc_duration(d, n, &v))
		return false;
	if ((double)v < f->min || (double)v > f->max) {
		snprintf(text, sizeof(text), "a duration from %s to %s", http_field_duration(low, (fl_ns)f->min),
		    http_field_duration(high, (fl_ns)f->max));
		doc_unexpected(d, n, text);
		return false;
	}
	put_int(f, base, v);
	return true;
}

static bool
read_number(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	int64_t v;

	if (!doc_int(d, n, (int64_t)f->min, f->max >= 0x1p63 ? INT64_MAX : (int64_t)f->max, &v))
		return false;
	put_int(f, base, v);
	return true;
}

static bool
read_bytes(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	char text[96];
	int64_t v;

	if (!doc_bytes(d, n, &v))
		return false;
	if ((double)v < f->min || (double)v > f->max) {
		snprintf(text, sizeof(text), "%.0f to %.0f bytes", f->min, f->max);
		doc_unexpected(d, n, text);
		return false;
	}
	put_int(f, base, v);
	return true;
}

/* "30%" to 0.3; NAN: not such a text. */
static double
percent(const char *text)
{
	char *end;
	double v;

	if (text[0] == '\0' || text[strspn(text, "0123456789.% ")] != '\0')
		return (double)NAN;
	v = strtod(text, &end);
	end += strspn(end, " ");
	return end != text && strcmp(end, "%") == 0 ? v / 100 : (double)NAN;
}

static double
share_within(const struct doc_node *n, double min, double max, struct doc_diag *d)
{
	char text[96];
	double v = (double)NAN;

	if (n->kind == DOC_SCALAR && !doc_is_float(n, &v))
		v = percent(n->text);
	if (!isnan(v) && v >= min && v <= max)
		return v;
	if (min == 0 && max == 1)
		snprintf(text, sizeof(text), "a share such as 30%% or 0.3");
	else
		snprintf(text, sizeof(text), "a share from %g%% to %g%%", min * 100, max * 100);
	doc_unexpected(d, n, text);
	return -1;
}

double
http_field_share(const struct doc_node *n, struct doc_diag *d)
{
	return share_within(n, 0, 1, d);
}

static bool
read_share(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	double v = share_within(n, f->min, f->max, d);

	if (v < 0)
		return false;
	if (f->type == HTTP_FIELD_SHARE)
		put_float(f, base, v);
	else
		put_int(f, base, (int64_t)lround(v * 65536));
	return true;
}

static bool
read_enforce(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	double v = (double)NAN;

	if (n->kind == DOC_SCALAR && strcmp(n->text, "observe") == 0)
		v = 0;
	else if (n->kind == DOC_SCALAR && strcmp(n->text, "enforce") == 0)
		v = 1;
	else if (n->kind == DOC_SCALAR)
		v = percent(n->text);
	if (!isnan(v) && v >= 0 && v <= 1) {
		put_float(f, base, v);
		return true;
	}
	doc_unexpected(d, n, "observe, enforce, or the share of calls it is enforced for, such as 30%");
	return false;
}

/* "100/s", "5/m", "0.5" (a second). NAN: neither. */
static double
rate_of(const struct doc_node *n)
{
	static const struct { const char *word; double seconds; } units[] = {
		{ "/s", 1 }, { "/sec", 1 }, { "/second", 1 }, { "/m", 60 }, { "/min", 60 }, { "/minute", 60 }, { "/h", 3600 }, { "/hour", 3600 },
	};
	char *end;
	double v;

	if (n->kind != DOC_SCALAR || doc_is_float(n, &v))
		return n->kind == DOC_SCALAR ? v : (double)NAN;
	if (n->text[0] < '0' || n->text[0] > '9')
		return (double)NAN;
	v = strtod(n->text, &end);
	end += strspn(end, " ");
	for (size_t i = 0; i < FL_ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].word) == 0)
			return v / units[i].seconds;
	}
	return (double)NAN;
}

static bool
read_rate(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	double v = rate_of(n);
	char text[120];

	if (!isnan(v) && v >= f->min && v <= f->max) {
		put_float(f, base, v);
		return true;
	}
	snprintf(text, sizeof(text), "a rate such as 100/s or 5/m, from %g to %g a second", f->min, f->max);
	doc_unexpected(d, n, text);
	return false;
}

static bool
read_text(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	const char *s;

	if (!doc_text(d, n, NULL, &s))
		return false;
	if (strlen(s) >= f->width) {
		doc_complain(d, n, "found a text of %zu bytes, expected at most %u", strlen(s), f->width - 1);
		return false;
	}
	memcpy((char *)base + f->offset, s, strlen(s) + 1);
	return true;
}

static bool
read_float(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	double v;

	if (!doc_float(d, n, f->min, f->max, &v))
		return false;
	put_float(f, base, v);
	return true;
}

static bool
read_bool(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	bool v;

	if (!doc_bool(d, n, &v))
		return false;
	put_int(f, base, v);
	return true;
}

static bool
read_choice(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	int i = doc_choice(d, n, f->words);

	if (i < 0)
		return false;
	put_int(f, base, i);
	return true;
}

bool
http_field_value(const struct doc_node *n, const struct http_field *f, struct doc_diag *d, void *base)
{
	switch (f->type) {
	case HTTP_FIELD_NS:
		return read_ns(n, f, d, base);
	case HTTP_FIELD_NUMBER:
		return read_number(n, f, d, base);
	case HTTP_FIELD_FLOAT:
		return read_float(n, f, d, base);
	case HTTP_FIELD_SHARE:
	case HTTP_FIELD_SHARE16:
		return read_share(n, f, d, base);
	case HTTP_FIELD_ENFORCE:
		return read_enforce(n, f, d, base);
	case HTTP_FIELD_BYTES:
		return read_bytes(n, f, d, base);
	case HTTP_FIELD_RATE:
		return read_rate(n, f, d, base);
	case HTTP_FIELD_BOOL:
		return read_bool(n, f, d, base);
	case HTTP_FIELD_CHOICE:
		return read_choice(n, f, d, base);
	case HTTP_FIELD_TEXT:
		return read_text(n, f, d, base);
	}
	return false;
}

bool
http_field_read(const struct doc_node *map, const struct http_field *fields, const char *const *extra, struct doc_diag *d, void *base)
{
	const char *known[HTTP_FIELDS_MAX + 1] = { NULL };
	unsigned before = d->count, count = 0;

	for (const struct http_field *f = fields; f->key != NULL; f++)
		known[count++] = f->key;
	for (size_t i = 0; extra != NULL && extra[i] != NULL; i++)
		known[count++] = extra[i];
	fl_assert(count <= HTTP_FIELDS_MAX);
	doc_keys(d, map, known);
	for (const struct http_field *f = fields; f->key != NULL; f++) {
		const struct doc_node *n = doc_get(map, f->key);

		if (n != NULL && n->kind != DOC_NULL)
			http_field_value(n, f, d, base);
	}
	return d->count == before;
}

/* ---- writing ---- */

static void
put_share(struct jsonw *w, double v)
{
	char text[40];

	/* Shares that were meant as percent come back as such: 1/65536 is 0.0015 %. */
	jsonw_printf(w, "%s%%", jsonw_format_g(text, round(v * 1e6) / 1e4));
}

static void
put_value(struct jsonw *w, const struct http_field *f, const void *base)
{
	char text[40];

	switch (f->type) {
	case HTTP_FIELD_NS:
		jsonw_string(w, http_field_duration(text, get_int(f, base)));
		break;
	case HTTP_FIELD_NUMBER:
	case HTTP_FIELD_BYTES:
		jsonw_int(w, get_int(f, base));
		break;
	case HTTP_FIELD_FLOAT:
	case HTTP_FIELD_RATE:
		if (f->width == sizeof(float))
			jsonw_float32(w, (float)get_float(f, base));
		else
			jsonw_float(w, get_float(f, base));
		break;
	case HTTP_FIELD_SHARE:
		put_share(w, get_float(f, base));
		break;
	case HTTP_FIELD_ENFORCE:
		if (get_float(f, base) <= 0 || get_float(f, base) >= 1)
			jsonw_string(w, get_float(f, base) <= 0 ? "observe" : "enforce");
		else
			put_share(w, get_float(f, base));
		break;
	case HTTP_FIELD_SHARE16:
		put_share(w, (double)get_int(f, base) / 65536);
		break;
	case HTTP_FIELD_BOOL:
		jsonw_bool(w, get_int(f, base) != 0);
		break;
	case HTTP_FIELD_CHOICE:
		jsonw_string(w, f->words[get_int(f, base)]);
		break;
	case HTTP_FIELD_TEXT:
		jsonw_string(w, (const char *)base + f->offset);
		break;
	}
}

void
http_field_json(struct jsonw *w, const struct http_field *fields, const void *base)
{
	for (const struct http_field *f = fields; f->key != NULL; f++) {
		jsonw_key(w, f->key);
		put_value(w, f, base);
	}
}

static bool
is_listed(const char *key, const char *const *keys)
{
	for (size_t i = 0; keys != NULL && keys[i] != NULL; i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

uint64_t
http_field_digest(const struct http_field *fields, const void *base, const char *const *without)
{
	struct jsonw w;
	struct buf b;
	uint64_t digest;

	buf_init(&b, 65536);
	jsonw_init(&w, &b);
	jsonw_array(&w);
	for (const struct http_field *f = fields; f->key != NULL; f++) {
		if (!is_listed(f->key, without))
			put_value(&w, f, base);
	}
	jsonw_end(&w);
	digest = hash_bytes(0, 0, buf_data(&b), buf_len(&b));
	buf_fini(&b);
	return digest;
}

bool
http_field_same(const struct http_field *fields, const void *a, const void *b)
{
	for (const struct http_field *f = fields; f->key != NULL; f++) {
		if (memcmp((const char *)a + f->offset, (const char *)b + f->offset, f->width) != 0)
			return false;
	}
	return true;
}
