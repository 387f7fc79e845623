/* SPDX-License-Identifier: MIT */
/* jsonl.c - see jsonl.h. */
#include "proto/jsonl.h"

#include "proto/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64

void
jsonl_init(struct jsonl *j, const char *text, size_t n)
{
	*j = (struct jsonl){ .text = text, .n = n };
}

bool
jsonl_fail(struct jsonl *j, const char *error)
{
	if (j->error == NULL)
		j->error = error;
	return false;
}

/* The next byte that is no space, -1 at the end. */
static int
look(struct jsonl *j)
{
	while (j->at < j->n && (j->text[j->at] == ' ' || j->text[j->at] == '\t' || j->text[j->at] == '\r' ||
	    j->text[j->at] == '\n'))
		j->at++;
	return j->at < j->n ? (unsigned char)j->text[j->at] : -1;
}

static bool
expect(struct jsonl *j, char c, const char *error)
{
	if (j->error != NULL)
		return false;
	if (look(j) != c)
		return jsonl_fail(j, error);
	j->at++;
	return true;
}

enum jsonl_kind
jsonl_peek(struct jsonl *j)
{
	if (j->error != NULL)
		return JSONL_NONE;
	switch (look(j)) {
	case '{': return JSONL_OBJECT;
	case '[': return JSONL_ARRAY;
	case '"': return JSONL_TEXT;
	case 't': return JSONL_TRUE;
	case 'f': return JSONL_FALSE;
	case 'n': return JSONL_NULL;
	case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return JSONL_NUMBER;
	default: return JSONL_NONE;
	}
}

bool
jsonl_enter(struct jsonl *j, char open)
{
	if (j->error == NULL && j->depth == JSONL_DEPTH_MAX)
		return jsonl_fail(j, "nested too deeply");
	if (!expect(j, open, open == '{' ? "expected an object" : "expected a list"))
		return false;
	j->first[j->depth] = true;
	j->close[j->depth++] = open == '{' ? '}' : ']';
	return true;
}

/* At the end of what we are in: leave it. Else step over the comma. */
static bool
more(struct jsonl *j)
{
	if (j->error != NULL || j->depth == 0)
		return false;
	char close = j->close[j->depth - 1];

	if (look(j) == close) {
		j->at++;
		j->depth--;
		return false;
	}
	if (!j->first[j->depth - 1] && !expect(j, ',', close == '}' ? "expected a comma or }" : "expected a comma or ]"))
		return false;
	j->first[j->depth - 1] = false;
	return true;
}

bool
jsonl_member(struct jsonl *j, char *name, size_t name_bytes)
{
	if (!more(j))
		return false;
	if (jsonl_peek(j) != JSONL_TEXT)
		return jsonl_fail(j, "expected a member's name in quotes");
	return jsonl_text(j, name, name_bytes) && expect(j, ':', "expected a colon");
}

bool
jsonl_item(struct jsonl *j)
{
	return more(j);
}

static int
hex4(struct jsonl *j)
{
	int v = 0;

	for (int k = 0; k < 4; k++, j->at++) {
		int c = j->at < j->n ? j->text[j->at] : -1;

		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* What stands behind \u; -1: not a character. */
static int32_t
unicode(struct jsonl *j)
{
	int32_t c = hex4(j);

	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (j->n - j->at < 2)
		j->at = j->n;           /* (3) */
	if (c > 0xdbff || j->at == j->n || memcmp(j->text + j->at, "\\u", 2) != 0)
		return -1;
	j->at += 2;
	int32_t low = hex4(j);
	return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* One character behind a backslash, as UTF-8 into p (4 bytes). 0: error. */
static size_t
escape(struct jsonl *j, char *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (j->at >= j->n) {
		jsonl_fail(j, "expected the end of the text");
		return 0;
	}
	char c = j->text[j->at++];
	const char *known = c != '\0' ? strchr(from, c) : NULL;

	if (known != NULL) {
		p[0] = to[known - from];
		return 1;
	}
	int32_t u = c == 'u' ? unicode(j) : -1;
	if (u <= 0) {
		jsonl_fail(j, u == 0 ? "a text must not hold a NUL" : "expected a character behind the backslash");
		return 0;
	}
	return utf8_put(p, u);
}

bool
jsonl_text(struct jsonl *j, char *ret, size_t ret_bytes)
{
	size_t used = 0, start = j->at;

	if (!expect(j, '"', "expected a text in quotes"))
		return false;
	for (;;) {
		char piece[4];
		size_t n;

		if (j->at >= j->n)
			return jsonl_fail(j, "expected the end of the text");
		unsigned char c = (unsigned char)j->text[j->at];
		if (c == '"')
			break;
		if (c == '\\') {
			j->at++;
			n = escape(j, piece);
		} else {
			n = c < 0x20 ? 0 : utf8_len((const unsigned char *)j->text + j->at, j->n - j->at);
			memcpy(piece, j->text + j->at, n);
			j->at += n;
		}
		if (n == 0 && c >= 0xc2 && j->n - j->at < 4)
			j->at = j->n;   /* (3) */
		if (n == 0)
			return jsonl_fail(j, "expected UTF-8 text without control characters");
		if (used + n >= ret_bytes) {
			j->at = start;
			return jsonl_fail(j, "the text is too long");
		}
		memcpy(ret + used, piece, n);
		used += n;
	}
	j->at++;
	ret[used] = '\0';
	return true;
}

static size_t
digits(const char *p, size_t n)
{
	size_t k = 0;

	while (k < n && p[k] >= '0' && p[k] <= '9')
		k++;
	return k;
}

/* The length of p's longest beginning that is a number or the beginning of one. ret_done: it is a number. */
static size_t
number_len(const char *p, size_t n, bool *ret_done, bool *ret_whole)
{
	size_t k = n > 0 && p[0] == '-', d = digits(p + k, n - k);

	*ret_whole = true;
	*ret_done = d > 0 && !(d > 1 && p[k] == '0');
	k += d;
	if (*ret_done && k < n && p[k] == '.') {
		*ret_whole = false;
		d = digits(p + k + 1, n - k - 1);
		*ret_done = d > 0;
		k += 1 + d;
	}
	if (*ret_done && k < n && (p[k] | 32) == 'e') {
		*ret_whole = false;
		k++;
		k += k < n && (p[k] == '+' || p[k] == '-');
		d = digits(p + k, n - k);
		*ret_done = d > 0;
		k += d;
	}
	return k;
}

/* Length of the number at the present place by JSON's grammar, 0 when it is none; its text goes to ret. */
static size_t
number(struct jsonl *j, char ret[NUMBER_MAX], bool *ret_whole)
{
	bool done;

	look(j);
	const char *p = j->text + j->at;
	size_t n = number_len(p, j->n - j->at, &done, ret_whole);

	if (!done && n == j->n - j->at)
		j->at = j->n;           /* (3) */
	if (!done || n >= NUMBER_MAX)
		return 0;
	memcpy(ret, p, n);
	ret[n] = '\0';
	return n;
}

bool
jsonl_int(struct jsonl *j, int64_t *ret)
{
	char text[NUMBER_MAX];
	bool whole;

	if (j->error != NULL)
		return false;
	size_t n = number(j, text, &whole);
	if (n == 0 || !whole)
		return jsonl_fail(j, "expected a whole number");
	errno = 0;
	intmax_t v = strtoimax(text, NULL, 10);
	if (errno == ERANGE)
		return jsonl_fail(j, "the number does not fit 64 bits");
	j->at += n;
	*ret = v;
	return true;
}

bool
jsonl_number(struct jsonl *j, double *ret)
{
	char text[NUMBER_MAX];
	bool whole;

	if (j->error != NULL)
		return false;
	size_t n = number(j, text, &whole);
	if (n == 0)
		return jsonl_fail(j, "expected a number");
	j->at += n;
	*ret = strtod(text, NULL);
	return true;
}

static bool
word(struct jsonl *j, const char *w)
{
	size_t n = strlen(w), left = j->n - j->at, same = 0;

	while (same < n && same < left && j->text[j->at + same] == w[same])
		same++;
	if (same < n) {
		j->at += same < left ? 0 : same;        /* (3) */
		return jsonl_fail(j, "expected true, false or null");
	}
	j->at += n;
	return true;
}

bool
jsonl_null(struct jsonl *j)
{
	if (j->error != NULL)
		return false;
	look(j);
	return word(j, "null");
}

/* Step over a text of any length; it is checked as little as skipping needs. */
static bool
skip_text(struct jsonl *j)
{
	for (j->at++; j->at < j->n; j->at++) {
		if (j->text[j->at] == '"') {
			j->at++;
			return true;
		}
		if (j->text[j->at] == '\\' && ++j->at >= j->n)
			break;
	}
	return jsonl_fail(j, "expected the end of the text");
}

static bool
skip_scalar(struct jsonl *j)
{
	double ignored;

	switch (jsonl_peek(j)) {
	case JSONL_TEXT: return skip_text(j);
	case JSONL_NUMBER: return jsonl_number(j, &ignored);
	case JSONL_TRUE: return word(j, "true");
	case JSONL_FALSE: return word(j, "false");
	case JSONL_NULL: return word(j, "null");
	default: return jsonl_fail(j, "expected a value");
	}
}

bool
jsonl_skip(struct jsonl *j)
{
	unsigned floor = j->depth;

	do {
		enum jsonl_kind kind = jsonl_peek(j);

		if (kind == JSONL_OBJECT || kind == JSONL_ARRAY) {
			if (!jsonl_enter(j, kind == JSONL_OBJECT ? '{' : '['))
				return false;
		} else if (!skip_scalar(j)) {
			return false;
		}
		/* Close what ends here; in an object step over the next name, so that a value comes next. */
		while (j->depth > floor && !more(j))
			if (j->error != NULL)
				return false;
		if (j->depth > floor && j->close[j->depth - 1] == '}') {
			if (look(j) != '"')
				return jsonl_fail(j, "expected a member's name in quotes");
			if (!skip_text(j) || !expect(j, ':', "expected a colon"))
				return false;
		}
	} while (j->depth > floor);
	return true;
}

bool
jsonl_end(struct jsonl *j)
{
	if (j->error != NULL)
		return false;
	if (look(j) >= 0)
		return jsonl_fail(j, "expected the end of the line");
	return true;
}
