/* SPDX-License-Identifier: MIT */
/* jsonw.c - writes JSON as Go does. */
#include "proto/jsonw.h"
#include "base/assert.h"
#include "proto/utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
jsonw_init(struct jsonw *w, struct buf *out)
{
	memset(w, 0, sizeof(*w));
	w->out = out;
}

/* What must stand before the next value or key. */
static void
separate(struct jsonw *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	if (w->depth == 0)
		return;
	if (w->has_items[w->depth - 1])
		buf_putc(w->out, ',');
	w->has_items[w->depth - 1] = true;
}

static void
open_level(struct jsonw *w, bool object)
{
	separate(w);
	fl_assert(w->depth < JSONW_DEPTH_MAX);
	w->has_items[w->depth] = false;
	w->in_object[w->depth++] = object;
	buf_putc(w->out, object ? '{' : '[');
}

void
jsonw_object(struct jsonw *w)
{
	open_level(w, true);
}

void
jsonw_array(struct jsonw *w)
{
	open_level(w, false);
}

void
jsonw_end(struct jsonw *w)
{
	fl_assert(w->depth > 0 && !w->after_key);
	buf_putc(w->out, w->in_object[--w->depth] ? '}' : ']');
}

static void
put_ascii(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		buf_putc(b, '\\');
		buf_putc(b, (char)c);
		break;
	case '\n':
		buf_append(b, "\\n", 2);
		break;
	case '\r':
		buf_append(b, "\\r", 2);
		break;
	case '\t':
		buf_append(b, "\\t", 2);
		break;
	case '\b':
		buf_append(b, "\\b", 2);
		break;
	case '\f':
		buf_append(b, "\\f", 2);
		break;
	default:
		if (c < 0x20 || c == '<' || c == '>' || c == '&')
			buf_printf(b, "\\u%04x", c);
		else
			buf_putc(b, (char)c);
	}
}

static void
put_string(struct buf *b, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	buf_putc(b, '"');
	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_len(p + i, n - i);
		if (len == 1) {
			put_ascii(b, p[i]);
		} else if (len == 0) {
			buf_append(b, "\\ufffd", 6);
			len = 1;
		} else if (len == 3 && p[i] == 0xe2 && p[i + 1] == 0x80 && (p[i + 2] == 0xa8 || p[i + 2] == 0xa9)) {
			buf_printf(b, "\\u20%02x", p[i + 2] - 0x80);
		} else {
			buf_append(b, p + i, len);
		}
	}
	buf_putc(b, '"');
}

void
jsonw_key(struct jsonw *w, const char *key)
{
	fl_assert(w->depth > 0 && w->in_object[w->depth - 1] && !w->after_key);
	separate(w);
	put_string(w->out, key, strlen(key));
	buf_putc(w->out, ':');
	w->after_key = true;
}

void
jsonw_stringn(struct jsonw *w, const char *s, size_t n)
{
	separate(w);
	put_string(w->out, s, n);
}

void
jsonw_string(struct jsonw *w, const char *s)
{
	jsonw_stringn(w, s, strlen(s));
}

void
jsonw_printf(struct jsonw *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	jsonw_string(w, text);
}

void
jsonw_int(struct jsonw *w, int64_t v)
{
	separate(w);
	buf_printf(w->out, "%" PRId64, v);
}

void
jsonw_uint(struct jsonw *w, uint64_t v)
{
	separate(w);
	buf_printf(w->out, "%" PRIu64, v);
}

/* The fewest digits that read back as v: "d.ddde[+-]xx". */
static void
shortest(char *text, size_t text_bytes, double v, bool single)
{
	int max = single ? 8 : 16;

	for (int digits = 0; digits <= max; digits++) {
		snprintf(text, text_bytes, "%.*e", digits, v);
		if (single ? strtof(text, NULL) == (float)v : strtod(text, NULL) == v)
			return;
	}
}

/* Digits and exponent laid out without exponent: "0.00012", "1200", "1.2". */
static void
lay_out(char *out, const char *digits, int count, int exponent)
{
	char *o = out;

	if (exponent < 0) {
		*o++ = '0';
		*o++ = '.';
		for (int i = -1; i > exponent; i--)
			*o++ = '0';
		memcpy(o, digits, (size_t)count);
		o += count;
	} else {
		for (int i = 0; i < count || i <= exponent; i++) {
			if (i == exponent + 1)
				*o++ = '.';
			*o++ = i < count ? digits[i] : '0';
		}
	}
	*o = '\0';
}

/* v > 0 as its fewest digits, without zeros at their end, and the exponent of the first. returns how many digits. */
static int
decompose(double v, bool single, char digits[20], int *ret_exponent)
{
	char text[40];
	const char *e;
	int count = 0;

	shortest(text, sizeof(text), v, single);
	e = strchr(text, 'e');
	*ret_exponent = (int)strtol(e + 1, NULL, 10);
	for (const char *p = text; p < e; p++) {
		if (*p != '.')
			digits[count++] = *p;
	}
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

/* exponent_digits: at least so many. */
static char *
format(char *buf, double v, bool single, bool with_exponent, int exponent_digits)
{
	char digits[20], *out = buf;
	int exponent, count = decompose(fabs(v), single, digits, &exponent);

	if (v < 0)
		*out++ = '-';
	if (with_exponent)
		snprintf(out, 31, "%c%s%.*se%c%.*d", digits[0], count > 1 ? "." : "", count - 1, digits + 1, exponent < 0 ? '-' : '+',
		    exponent_digits, abs(exponent));
	else
		lay_out(out, digits, count, exponent);
	return buf;
}

static char *
format_zero(char *buf, double v)
{
	snprintf(buf, 32, "%s", signbit(v) ? "-0" : "0");
	return buf;
}

char *
jsonw_format_float(char *buf, double v, bool single)
{
	double magnitude = fabs(v);

	if (v == 0)
		return format_zero(buf, v);
	return format(buf, v, single, single ? ((float)magnitude < 1e-6F || (float)magnitude >= 1e21F) : (magnitude < 1e-6 || magnitude >= 1e21), 1);
}

char *
jsonw_format_g(char *buf, double v)
{
	char digits[20];
	int exponent;

	if (v == 0)
		return format_zero(buf, v);
	decompose(fabs(v), false, digits, &exponent);
	return format(buf, v, false, exponent < -4 || exponent >= 6, 2);
}

static void
put_float(struct jsonw *w, double v, bool single)
{
	char text[48];

	separate(w);
	buf_puts(w->out, isfinite(v) ? jsonw_format_float(text, v, single) : "null");
}

void
jsonw_float(struct jsonw *w, double v)
{
	put_float(w, v, false);
}

void
jsonw_float32(struct jsonw *w, float v)
{
	put_float(w, (double)v, true);
}

void
jsonw_bool(struct jsonw *w, bool v)
{
	separate(w);
	buf_puts(w->out, v ? "true" : "false");
}

void
jsonw_null(struct jsonw *w)
{
	separate(w);
	buf_puts(w->out, "null");
}

void
jsonw_raw(struct jsonw *w, const char *json, size_t n)
{
	separate(w);
	buf_append(w->out, json, n);
}

void
jsonw_str(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_string(w, s);
}

void
jsonw_num(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_int(w, v);
}

void
jsonw_flag(struct jsonw *w, const char *key, bool v)
{
	jsonw_key(w, key);
	jsonw_bool(w, v);
}
