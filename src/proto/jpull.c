/* SPDX-License-Identifier: MIT */
/* jpull.c - pulls values out of JSON where it lies. */
#include "proto/jpull.h"

#include "base/assert.h"
#include "proto/utf8.h"

#include <string.h>

void
jpull_init(struct jpull *j, const char *text, size_t n)
{
	j->start = j->at = text;
	j->end = text + n;
	j->error = NULL;
	j->fresh = true;
	j->scratch_used = 0;
}

bool
jpull_fail(struct jpull *j, const char *error)
{
	if (j->error == NULL)
		j->error = error;
	return false;
}

static inline char
look(struct jpull *j)
{
	while (j->at < j->end) {
		char c = *j->at;

		if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
			return c;
		j->at++;
	}
	return 0;
}

char
jpull_peek(struct jpull *j)
{
	return j->error != NULL ? 0 : look(j);
}

bool
jpull_open(struct jpull *j, char open)
{
	if (j->error != NULL)
		return false;
	if (look(j) != open)
		return jpull_fail(j, open == '{' ? "expected an object" : "expected a list");
	j->at++;
	j->fresh = true;
	return true;
}

/* Step over the comma, or leave at the end. */
static inline bool
more(struct jpull *j, char close)
{
	if (j->error != NULL)
		return false;
	char c = look(j);

	if (c == close) {
		j->at++;
		j->fresh = false;
		return false;
	}
	if (!j->fresh) {
		if (c != ',')
			return jpull_fail(j, close == '}' ? "expected a comma or }" : "expected a comma or ]");
		j->at++;
		look(j);
	}
	j->fresh = false;
	return true;
}

bool
jpull_item(struct jpull *j)
{
	return more(j, ']');
}

bool
jpull_key(struct jpull *j, struct span_text *ret)
{
	if (!more(j, '}'))
		return false;
	if (look(j) != '"')
		return jpull_fail(j, "expected a member's name in quotes");
	if (!jpull_text(j, ret))
		return false;
	if (look(j) != ':')
		return jpull_fail(j, "expected a colon");
	j->at++;
	return true;
}

/* ---- text ---- */

static int
hex4(const char *p)
{
	int v = 0;

	for (int k = 0; k < 4; k++) {
		int c = p[k], low = c | 32;

		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v * 16 + (low - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* The character that \u at p stands for, with its second half; U+FFFD for half a one, -1 for none. */
static int
unicode(const char **p, const char *end)
{
	int c = end - *p >= 4 ? hex4(*p) : -1, low;

	if (c < 0)
		return -1;
	*p += 4;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	low = c <= 0xdbff && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return 0xfffd;
	*p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* Decode [p, end) into scratch. */
static bool
decode(struct jpull *j, const char *p, const char *end, struct span_text *ret)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t start = j->scratch_used;

	while (p < end && j->scratch_used + 4 <= JPULL_SCRATCH) {
		if (*p != '\\') {
			j->scratch[j->scratch_used++] = *p++;
			continue;
		}
		p++;
		const char *known = p < end ? memchr(from, *p, sizeof(from) - 1) : NULL;

		if (known != NULL) {
			j->scratch[j->scratch_used++] = to[known - from];
			p++;
			continue;
		}
		int c = p < end && *p == 'u' ? (p++, unicode(&p, end)) : -1;
		if (c < 0)
			return jpull_fail(j, "expected a character behind the backslash");
		j->scratch_used += (uint32_t)utf8_put(j->scratch + j->scratch_used, c);
	}
	*ret = (struct span_text){ j->scratch + start, j->scratch_used - start };
	return true;
}

/* The quote that ends a text that begins at p; NULL: there is none. *ret_escaped: there are backslashes in it. */
static inline const char *
text_end(const char *p, const char *end, bool *ret_escaped)
{
	*ret_escaped = false;
	for (; p < end; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\') {
			*ret_escaped = true;
			p++;
		}
	}
	return NULL;
}

bool
jpull_text(struct jpull *j, struct span_text *ret)
{
	bool escaped;

	if (j->error != NULL)
		return false;
	if (look(j) != '"')
		return jpull_fail(j, "expected a text in quotes");
	const char *p = j->at + 1, *q = text_end(p, j->end, &escaped);

	if (q == NULL) {
		j->at = j->end;
		return jpull_fail(j, "expected the end of the text");
	}
	j->at = q + 1;
	if (escaped)
		return decode(j, p, q, ret);
	*ret = (struct span_text){ p, (uint32_t)(q - p) };
	return true;
}

/* ---- other values ---- */

static bool
is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static int64_t
whole(const char *p, size_t n)
{
	bool minus = n > 0 && p[0] == '-';
	double d = 0, scale = 1;
	uint64_t v = 0;
	size_t i = minus;
	int exponent = 0, sign = 1;

	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		d = d * 10 + (p[i] - '0');
		v = v * 10 + (uint64_t)(p[i] - '0');
	}
	if (i == n && d < 9.2e18)
		return minus ? -(int64_t)v : (int64_t)v;
	/* Times as 1.795e18: as exact as the sender was. */
	if (i < n && p[i] == '.')
		for (i++; i < n && p[i] >= '0' && p[i] <= '9'; i++)
			d += (p[i] - '0') * (scale /= 10);
	if (i < n && (p[i] | 32) == 'e') {
		i++;
		if (i < n && (p[i] == '-' || p[i] == '+'))
			sign = p[i++] == '-' ? -1 : 1;
		for (; i < n && p[i] >= '0' && p[i] <= '9' && exponent < 400; i++)
			exponent = exponent * 10 + (p[i] - '0');
	}
	for (; exponent > 0; exponent--)
		d = sign > 0 ? d * 10 : d / 10;
	d = minus ? -d : d;
	return d >= 9.2e18 ? INT64_MAX : d <= -9.2e18 ? INT64_MIN : (int64_t)d;
}

int64_t
jpull_number(const struct span_value *v)
{
	return v->p == NULL ? v->number : v->n > 0 && v->n < 40 && is_number_char(v->p[0]) ? whole(v->p, v->n) : 0;
}

static bool
word(struct jpull *j, const char *w, size_t n)
{
	if ((size_t)(j->end - j->at) < n || memcmp(j->at, w, n) != 0)
		return jpull_fail(j, "expected a value");
	j->at += n;
	return true;
}

/* A value that is neither text nor object nor array. */
static bool
scalar(struct jpull *j, char c, struct span_value *ret)
{
	const char *p = j->at;

	if (c == 't' || c == 'f') {
		*ret = (struct span_value){ .number = c == 't' };
		return word(j, c == 't' ? "true" : "false", c == 't' ? 4 : 5);
	}
	if (c != '-' && (c < '0' || c > '9'))
		return jpull_fail(j, "expected a value");
	while (j->at < j->end && is_number_char(*j->at))
		j->at++;
	if (j->at - p > 40)
		return jpull_fail(j, "expected a number of at most 40 digits");
	*ret = (struct span_value){ .number = whole(p, (size_t)(j->at - p)) };
	return true;
}

bool
jpull_value(struct jpull *j, struct span_value *ret)
{
	char c = jpull_peek(j);
	struct span_text t;

	if (c == '"') {
		if (!jpull_text(j, &t))
			return false;
		*ret = (struct span_value){ .p = t.p, .n = t.n };
		return true;
	}
	if (c == '{' || c == '[' || c == 'n') {
		jpull_skip(j);
		return false;
	}
	return j->error == NULL && scalar(j, c, ret);
}

/* ---- stepping over ---- */

/* One value that is no object or array. */
static bool
skip_scalar(struct jpull *j, char c)
{
	struct span_value ignored;
	bool escaped;

	if (c == '"') {
		const char *q = text_end(j->at + 1, j->end, &escaped);

		j->at = q != NULL ? q + 1 : j->end;
		return q != NULL || jpull_fail(j, "expected the end of the text");
	}
	return c == 'n' ? word(j, "null", 4) : scalar(j, c, &ignored);
}

/* A member's name and its colon. */
static bool
skip_name(struct jpull *j)
{
	if (look(j) != '"')
		return jpull_fail(j, "expected a member's name in quotes");
	if (!skip_scalar(j, '"'))
		return false;
	if (look(j) != ':')
		return jpull_fail(j, "expected a colon");
	j->at++;
	return true;
}

/* Behind a value: leave what ends here, step over the comma. false: error. */
static bool
skip_on(struct jpull *j, uint32_t *depth)
{
	while (*depth > 0) {
		bool object = (j->nested[(*depth - 1) / 64] >> ((*depth - 1) % 64) & 1) != 0;
		char c = look(j);

		if (c == (object ? '}' : ']')) {
			j->at++;
			--*depth;
			continue;
		}
		if (c != ',')
			return jpull_fail(j, object ? "expected a comma or }" : "expected a comma or ]");
		j->at++;
		return !object || skip_name(j);
	}
	return true;
}

static bool
skip_into(struct jpull *j, char c, uint32_t *depth)
{
	uint64_t bit = UINT64_C(1) << (*depth % 64);

	if (*depth == JPULL_DEPTH_MAX)
		return jpull_fail(j, "nested too deeply");
	j->nested[*depth / 64] = c == '{' ? j->nested[*depth / 64] | bit : j->nested[*depth / 64] & ~bit;
	++*depth;
	j->at++;
	if (look(j) == (c == '{' ? '}' : ']')) {
		j->at++;
		--*depth;
		return skip_on(j, depth);
	}
	return c != '{' || skip_name(j);
}

void
jpull_skip(struct jpull *j)
{
	uint32_t depth = 0;
	bool good = j->error == NULL;

	do {
		char c = good ? look(j) : 0;

		if (c == '{' || c == '[')
			good = skip_into(j, c, &depth);
		else
			good = good && skip_scalar(j, c) && skip_on(j, &depth);
		if (good && depth > 0 && (look(j) == 0))
			good = jpull_fail(j, "expected more");
	} while (good && depth > 0);
	j->fresh = false;
	fl_assert(j->at <= j->end);                                       /* (1) */
}

bool
jpull_end(struct jpull *j)
{
	return jpull_peek(j) == 0;
}
