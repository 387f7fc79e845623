/* SPDX-License-Identifier: MIT */
/* tape_lex.c - see tape_lex.h. */
#include "audit/tape_lex.h"

#include "audit/tape_value.h"
#include "proto/utf8.h"

#include <math.h>
#include <stdlib.h>

#define ERROR_BYTES_MAX 200
#define SCRATCH_BYTES_MAX ((size_t)1 << 30)
#define NUMBER_BYTES_MAX 4096

void
tape_lex_init(struct tape_lex *l, struct tape *t)
{
	*l = (struct tape_lex){ .tape = t, .line = 1 };
	buf_init(&l->scratch, SCRATCH_BYTES_MAX);
}

void
tape_lex_fini(struct tape_lex *l)
{
	free(l->stack);
	l->stack = NULL;
	buf_fini(&l->scratch);
}

bool
tape_lex_push_slow(struct tape_lex *l, struct tape_value v)
{
	if (l->stack_count == l->stack_cap) {
		size_t cap = l->stack_cap == 0 ? 256 : 2 * l->stack_cap;
		struct tape_value *more = cap * sizeof(*more) > l->tape->bytes_max ? NULL : realloc(l->stack, cap * sizeof(*more));

		if (more == NULL)
			return tape_lex_full(l);
		l->stack = more;
		l->stack_cap = cap;
	}
	l->stack[l->stack_count++] = v;
	return true;
}

bool
tape_lex_close(struct tape_lex *l, size_t base, enum tape_lex_form form, struct tape_value *ret)
{
	size_t n = l->stack_count - base;
	struct tape_value *items = n == 0 ? NULL : l->stack + base;

	if (form != TAPE_FORM_LIST)
		tape_value_sort(l->tape, items, form == TAPE_FORM_MAP ? n / 2 : n, form == TAPE_FORM_MAP ? 2 : 1);
	int rc = form == TAPE_FORM_MAP ? tape_map(l->tape, items, n / 2, ret) : tape_list(l->tape, items, n, ret);

	l->stack_count = base;
	return rc == 0 || tape_lex_full(l);
}

bool
tape_lex_text(struct tape_lex *l, const char *p, size_t n, struct tape_value *ret)
{
	uint32_t text;

	if (tape_intern(l->tape, p, n, &text) != 0)
		return tape_lex_full(l);
	*ret = tape_text(text);
	return true;
}

/* A number with a fraction or an exponent, or with too many digits. */
static bool
long_number(struct tape_lex *l, const char *from, bool whole, struct tape_value *ret)
{
	char text[NUMBER_BYTES_MAX];
	size_t n = (size_t)(l->p - from);

	if (whole || n >= sizeof(text))
		return tape_lex_text(l, from, n, ret);
	memcpy(text, from, n);
	text[n] = '\0';
	double d = strtod(text, NULL);

	if (!isfinite(d))
		return tape_lex_text(l, from, n, ret);
	*ret = tape_double(d);
	return true;
}

static inline const char *
digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* The part behind the whole digits; p is behind it afterwards. false: it is no number. */
static bool
fraction(struct tape_lex *l)
{
	for (int part = 0; part < 2; part++) {
		if (l->p < l->end && (part == 0 ? *l->p == '.' : (*l->p | 0x20) == 'e')) {
			l->p++;
			if (part == 1 && l->p < l->end && (*l->p == '+' || *l->p == '-'))
				l->p++;
			const char *from = l->p;

			l->p = digits(l->p, l->end);
			if (l->p == from)
				return l->p == l->end ? tape_lex_ended(l) : tape_lex_fail(l, "expected a digit");
		}
	}
	return true;
}

bool
tape_lex_number(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p, *p = from;
	bool minus = p < l->end && *p == '-';
	uint64_t u = 0;

	p += minus || (p < l->end && *p == '+');
	const char *first = p;

	for (; p < l->end && *p >= '0' && *p <= '9'; p++)
		u = u * 10 + (uint64_t)(*p - '0');
	l->p = p;
	if (p == first)
		return p == l->end ? tape_lex_ended(l) : tape_lex_fail(l, "expected a digit");
	if (p < l->end && (*p == '.' || *p == 'e' || *p == 'E'))
		return fraction(l) && long_number(l, from, false, ret);
	if (p - first > 18) {
		bool fits = p - first == 19 && u <= (uint64_t)INT64_MAX;

		if (!fits)
			return long_number(l, from, true, ret);
	}
	*ret = tape_int(minus ? -(int64_t)u : (int64_t)u);
	return true;
}

int
tape_lex_hex4(struct tape_lex *l)
{
	int v = 0;

	for (int i = 0; i < 4; i++, l->p++) {
		if (l->p == l->end) {
			(void)tape_lex_ended(l);
			return -1;
		}
		int c = (unsigned char)*l->p, low = c | 0x20;
		int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;

		if (digit < 0) {
			(void)tape_lex_fail(l, "expected four hexadecimal digits");
			return -1;
		}
		v = v << 4 | digit;
	}
	return v;
}

bool
tape_lex_unicode(struct tape_lex *l)
{
	char out[4];
	int c = tape_lex_hex4(l);

	if (c < 0)
		return false;
	if (c >= 0xd800 && c < 0xdc00 && l->end - l->p >= 2 && l->p[0] == '\\' && l->p[1] == 'u') {
		const char *before = l->p;

		l->p += 2;
		int low = tape_lex_hex4(l);

		if (low < 0)
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		else
			l->p = before;
	}
	return buf_append(&l->scratch, out, utf8_put(out, c)) == 0 || tape_lex_full(l);
}

const char *
tape_lex_time(struct tape_value v, fl_ns *ret)
{
	double d = v.type == TAPE_INT ? (double)v.i : v.d;

	if (v.type == TAPE_NIL)
		return NULL;
	if (v.type != TAPE_INT && v.type != TAPE_DOUBLE)
		return v.type == TAPE_TEXT ? "the time is out of range" : "expected a time in nanoseconds";
	if (!(d > -9e18 && d < 9e18))
		return "the time is out of range";
	*ret = v.type == TAPE_INT ? v.i : (fl_ns)d;
	return NULL;
}

bool
tape_lex_error(struct tape_lex *l, const char *p, size_t n, uint32_t *ret)
{
	return tape_intern(l->tape, p, FL_MIN(n, (size_t)ERROR_BYTES_MAX), ret) == 0 || tape_lex_full(l);
}

bool
tape_lex_process(struct tape_lex *l, const char *name, size_t n, struct tape_event *ev)
{
	int64_t number = 0;
	uint32_t text;
	size_t digits = 0;

	if (n >= 7 && memcmp(name, "nemesis", 7) == 0) {
		ev->nemesis = true;
		return true;
	}
	for (; digits < n && n <= 9 && name[digits] >= '0' && name[digits] <= '9'; digits++)
		number = number * 10 + (name[digits] - '0');
	if (n > 0 && digits == n) {
		ev->process = number;
		return true;
	}
	if (tape_intern(l->tape, name, n, &text) != 0)
		return tape_lex_full(l);
	ev->process = (int64_t)TAPE_LEX_NAMED + text;
	ev->named = true;
	return true;
}
