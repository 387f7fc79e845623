/* SPDX-License-Identifier: MIT */
/* tape_edn.c - see tape_edn.h. Tags are dropped, keywords and symbols are texts, sets and lists are lists. */
#include "audit/tape_edn.h"

static bool value(struct tape_lex *l, struct tape_value *ret);

static void
new_line(struct tape_lex *l, const char *p)
{
	l->line++;
	l->line_start = p + 1;
	l->lead_bytes = 0;
}

/* A comment, or a form behind #_ which is dropped. *ret_more: it was one. */
static bool
space_slow(struct tape_lex *l, bool *ret_more)
{
	struct tape_value ignored;

	*ret_more = false;
	if (*l->p == ';') {
		const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));

		l->p = nl != NULL ? nl : l->end;
		*ret_more = true;
	} else if (l->end - l->p < 2) {
		return tape_lex_ended(l);
	} else if (l->p[1] == '_') {
		if (l->depth == TAPE_LEX_DEPTH_MAX)
			return tape_lex_fail(l, "too many forms within each other");
		l->p += 2;
		l->depth++;
		bool ok = tape_edn_space(l) && value(l, &ignored);

		l->depth--;
		*ret_more = true;
		return ok;
	}
	return true;
}

static inline bool
space(struct tape_lex *l)
{
	for (;;) {
		const char *p = l->p;
		bool more;

		for (; p < l->end && (*p == ' ' || *p == ',' || (*p >= '\t' && *p <= '\r')); p++)
			if (*p == '\n')
				new_line(l, p);
		l->p = p;
		if (p == l->end || (*p != ';' && *p != '#'))
			return true;
		if (!space_slow(l, &more))
			return false;
		if (!more)
			return true;
	}
}

bool
tape_edn_space(struct tape_lex *l)
{
	return space(l);
}

/* Bytes that end a token. */
static const bool ends[256] = {
	[0 ... ' '] = true, [','] = true, ['('] = true, [')'] = true, ['['] = true, [']'] = true, ['{'] = true, ['}'] = true, ['"'] = true,
	[';'] = true, ['@'] = true, ['^'] = true, ['`'] = true, ['~'] = true,
};

static inline const char *
token_end(const char *p, const char *end)
{
	while (p < end && !ends[(unsigned char)*p])
		p++;
	return p;
}

static bool
octal(struct tape_lex *l)
{
	int c = 0;

	for (int i = 0; i < 3 && l->p < l->end && *l->p >= '0' && *l->p <= '7'; i++)
		c = c * 8 + (*l->p++ - '0');
	return buf_putc(&l->scratch, (char)(c & 0xff)) == 0 || tape_lex_full(l);
}

static bool
escape(struct tape_lex *l)
{
	static const char from[] = "\"\\/'bfnrt", to[] = "\"\\/'\b\f\n\r\t";

	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p == 'u') {
		l->p++;
		return tape_lex_unicode(l);
	}
	if (*l->p >= '0' && *l->p <= '7')
		return octal(l);
	const char *which = *l->p == '\0' ? NULL : strchr(from, *l->p);

	if (which == NULL)
		return tape_lex_fail(l, "there is no such escape");
	l->p++;
	return buf_putc(&l->scratch, to[which - from]) == 0 || tape_lex_full(l);
}

/* A text; l->p is at its quote. Lines may end in it. */
static bool
text(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = ++l->p;

	while (l->p < l->end && *l->p != '"' && *l->p != '\\' && *l->p != '\n')
		l->p++;
	if (l->p < l->end && *l->p == '"') {
		l->p++;
		return tape_lex_text(l, from, (size_t)(l->p - 1 - from), ret);
	}
	buf_clear(&l->scratch);
	if (buf_append(&l->scratch, from, (size_t)(l->p - from)) != 0)
		return tape_lex_full(l);
	while (l->p < l->end && *l->p != '"') {
		if (*l->p == '\\') {
			l->p++;
			if (!escape(l))
				return false;
			continue;
		}
		if (*l->p == '\n')
			new_line(l, l->p);
		if (buf_putc(&l->scratch, *l->p++) != 0)
			return tape_lex_full(l);
	}
	if (l->p == l->end)
		return tape_lex_ended(l);
	l->p++;
	return tape_lex_text(l, buf_data(&l->scratch), buf_len(&l->scratch), ret);
}

/* Items up to close. */
static bool
items(struct tape_lex *l, char close, enum tape_lex_form form, struct tape_value *ret)
{
	size_t base = l->stack_count;
	struct tape_value item;

	if (l->depth == TAPE_LEX_DEPTH_MAX)
		return tape_lex_fail(l, "too many lists and maps within each other");
	l->depth++;
	for (;;) {
		if (!space(l))
			return false;
		if (l->p == l->end)
			return tape_lex_ended(l);
		if (*l->p == close)
			break;
		if (!value(l, &item) || !tape_lex_push(l, item))
			return false;
	}
	if (form == TAPE_FORM_MAP && (l->stack_count - base) % 2 != 0)
		return tape_lex_fail(l, "a key of this map has no value");
	l->p++;
	l->depth--;
	return tape_lex_close(l, base, form, ret);
}

/* ##NaN, ##Inf, ##-Inf */
static bool
strange_number(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p, *stop = token_end(l->p + 2, l->end);

	if (stop == l->end)
		return tape_lex_ended(l);
	l->p = stop;
	return tape_lex_text(l, from, (size_t)(stop - from), ret);
}

/* What begins with #: a set, a tag before a value, a strange number. */
static bool
dispatch(struct tape_lex *l, struct tape_value *ret)
{
	if (l->end - l->p < 2)
		return tape_lex_ended(l);
	if (l->p[1] == '{') {
		l->p += 2;
		return items(l, '}', TAPE_FORM_SET, ret);
	}
	if (l->p[1] == '#')
		return strange_number(l, ret);
	/* A pattern: a text. */
	if (l->p[1] == '"') {
		l->p++;
		return text(l, ret);
	}
	const char *stop = token_end(l->p + 1, l->end);

	if (stop == l->end)
		return tape_lex_ended(l);
	if (stop == l->p + 1)
		return tape_lex_fail(l, "expected a tag or a set behind #");
	if (l->depth == TAPE_LEX_DEPTH_MAX)
		return tape_lex_fail(l, "too many forms within each other");
	l->p = stop;
	l->depth++;
	bool ok = space(l) && value(l, ret);

	l->depth--;
	return ok;
}

/* 0x12, as objects print where they are. A long one stays what it is called. */
static bool
hexadecimal(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p, *stop = token_end(from, l->end);
	int64_t n = 0;

	if (stop == l->end)
		return tape_lex_ended(l);
	for (l->p = from + 2; l->p < stop; l->p++) {
		int c = *l->p | 0x20, digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (digit < 0)
			return tape_lex_fail(l, "this is no number");
		n = stop - from > 17 ? 0 : n * 16 + digit;
	}
	*ret = tape_int(n);
	return stop - from <= 17 || tape_lex_text(l, from, (size_t)(stop - from), ret);
}

static bool
number(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p;

	if (l->end - from > 3 && from[0] == '0' && (from[1] | 0x20) == 'x')
		return hexadecimal(l, ret);

	if (!tape_lex_number(l, ret))
		return false;
	if (l->p < l->end && ends[(unsigned char)*l->p])
		return true;
	const char *stop = token_end(l->p, l->end);

	if (stop == l->end)
		return tape_lex_ended(l);
	/* 5N is 5, 1.50M and 1/3 stay what they are called. */
	bool big = stop == l->p + 1 && *l->p == 'N', decimal = stop == l->p + 1 && *l->p == 'M', ratio = *l->p == '/' && ret->type == TAPE_INT;

	if (!big && !decimal && !ratio)
		return tape_lex_fail(l, "this is no number");
	l->p = stop;
	return (big && ret->type == TAPE_INT) || tape_lex_text(l, from, (size_t)(stop - from), ret);
}

static bool
character(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p, *stop;

	if (l->end - l->p < 3)
		return tape_lex_ended(l);
	stop = token_end(l->p + 2, l->end);
	if (stop == l->end)
		return tape_lex_ended(l);
	l->p = stop;
	return tape_lex_text(l, from + 1, (size_t)(stop - from - 1), ret);
}

/* nil, true, false; else a symbol. */
static bool
symbol(struct tape_lex *l, struct tape_value *ret)
{
	const char *from = l->p, *stop = token_end(from, l->end);
	size_t n = (size_t)(stop - from);

	if (n == 0)
		return tape_lex_fail(l, "expected a value");
	if (stop == l->end)
		return tape_lex_ended(l);
	l->p = stop;
	if (n == 3 && memcmp(from, "nil", 3) == 0)
		*ret = tape_nil();
	else if (n == 4 && memcmp(from, "true", 4) == 0)
		*ret = tape_bool(true);
	else if (n == 5 && memcmp(from, "false", 5) == 0)
		*ret = tape_bool(false);
	else
		return tape_lex_text(l, from, n, ret);
	return true;
}

static bool
keyword(struct tape_lex *l, const char **ret, size_t *ret_bytes)
{
	const char *stop = token_end(l->p + 1, l->end);

	if (stop == l->end)
		return tape_lex_ended(l);
	if (stop == l->p + 1)
		return tape_lex_fail(l, "expected a keyword behind :");
	*ret = l->p + 1;
	*ret_bytes = (size_t)(stop - l->p - 1);
	l->p = stop;
	return true;
}

static bool
value(struct tape_lex *l, struct tape_value *ret)
{
	const char *p;
	size_t n;

	if (l->p == l->end)
		return tape_lex_ended(l);
	switch (*l->p) {
	case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		return number(l, ret);
	case '-': case '+':
		return l->end - l->p >= 2 && l->p[1] >= '0' && l->p[1] <= '9' ? number(l, ret) : symbol(l, ret);
	case ':':
		return keyword(l, &p, &n) && tape_lex_text(l, p, n, ret);
	case '"':
		return text(l, ret);
	case '[':
		l->p++;
		return items(l, ']', TAPE_FORM_LIST, ret);
	case '(':
		l->p++;
		return items(l, ')', TAPE_FORM_LIST, ret);
	case '{':
		l->p++;
		return items(l, '}', TAPE_FORM_MAP, ret);
	case '#':
		return dispatch(l, ret);
	case '\\':
		return character(l, ret);
	default:
		return symbol(l, ret);
	}
}

bool
tape_edn_value(struct tape_lex *l, struct tape_value *ret)
{
	return value(l, ret);
}

static bool
process(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place from = tape_lex_place(l);
	struct tape_value v;

	if (!value(l, &v))
		return false;
	if (v.type == TAPE_INT) {
		ev->process = v.i;
		ev->nemesis = v.i < 0;
		return true;
	}
	if (v.type == TAPE_TEXT)
		return tape_lex_process(l, tape_chars(l->tape, (uint32_t)v.text), tape_chars_bytes(l->tape, (uint32_t)v.text), ev);
	return tape_lex_fail_at(l, from, "expected a process number or a name");
}

static bool
type(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place from = tape_lex_place(l);
	const char *p;
	size_t n;

	if (l->p == l->end)
		return tape_lex_ended(l);
	if (*l->p == ':') {
		if (!keyword(l, &p, &n))
			return false;
		ev->type = tape_lex_type(p, n);
	} else {
		struct tape_value v;

		if (!value(l, &v))
			return false;
		ev->type = v.type != TAPE_TEXT ? TAPE_TYPE_OTHER :
			tape_lex_type(tape_chars(l->tape, (uint32_t)v.text), tape_chars_bytes(l->tape, (uint32_t)v.text));
	}
	if (ev->type != TAPE_TYPE_OTHER)
		return true;
	return tape_lex_fail_at(l, from, "the type is none of :invoke, :ok, :fail and :info");
}

static bool
error(struct tape_lex *l, struct tape_event *ev)
{
	const char *from = l->p;
	struct tape_value v;

	if (!value(l, &v))
		return false;
	if (v.type == TAPE_NIL)
		ev->saw &= ~(unsigned)TAPE_SAW_ERROR;
	else if (v.type == TAPE_TEXT)
		ev->error = (uint32_t)v.text;
	else
		return tape_lex_error(l, from, (size_t)(l->p - from), &ev->error);
	return true;
}

static bool
time_of(struct tape_lex *l, struct tape_event *ev)
{
	struct tape_lex_place from = tape_lex_place(l);
	struct tape_value v;

	if (!value(l, &v))
		return false;
	if (v.type == TAPE_NIL)
		ev->saw &= ~(unsigned)TAPE_SAW_TIME;
	const char *wrong = tape_lex_time(v, &ev->time);

	return wrong == NULL || tape_lex_fail_at(l, from, wrong);
}

/* The key of a pair of the event's map: which member it is. */
static bool
member_name(struct tape_lex *l, enum tape_lex_member *ret)
{
	struct tape_value v;
	const char *p;
	size_t n;

	if (*l->p == ':') {
		if (!keyword(l, &p, &n))
			return false;
		*ret = tape_lex_member(p, n);
		return true;
	}
	if (!value(l, &v))
		return false;
	*ret = v.type != TAPE_TEXT ? TAPE_MEMBER_OTHER :
		tape_lex_member(tape_chars(l->tape, (uint32_t)v.text), tape_chars_bytes(l->tape, (uint32_t)v.text));
	return true;
}

/* A value nobody asks for: what it held is given back. */
static bool
passed_over(struct tape_lex *l)
{
	size_t items_before = l->tape->item_count, ints_before = l->tape->int_count;
	struct tape_value ignored;
	bool ok = value(l, &ignored);

	l->tape->item_count = items_before;
	l->tape->int_count = ints_before;
	return ok;
}

static bool
member(struct tape_lex *l, struct tape_event *ev)
{
	enum tape_lex_member which;
	struct tape_lex_place at = tape_lex_place(l);

	if (!member_name(l, &which) || !space(l))
		return false;
	if (which == TAPE_MEMBER_OTHER)
		return passed_over(l);
	if (ev->saw & (1u << which)) {
		return tape_lex_fail_at(l, at, "a member stands twice");
	}
	ev->saw |= 1u << which;
	switch (which) {
	case TAPE_MEMBER_PROCESS: return process(l, ev);
	case TAPE_MEMBER_TYPE: return type(l, ev);
	case TAPE_MEMBER_F: return value(l, &ev->f);
	case TAPE_MEMBER_KEY: return value(l, &ev->key);
	case TAPE_MEMBER_VALUE: return value(l, &ev->value);
	case TAPE_MEMBER_TIME: return time_of(l, ev);
	default: return error(l, ev);
	}
}

bool
tape_edn_event(struct tape_lex *l, struct tape_event *ret)
{
	*ret = (struct tape_event){ .error = TAPE_NONE };
	if (*l->p == '#') {
		l->p = token_end(l->p + 1, l->end);
		if (!space(l))
			return false;
		if (l->p == l->end)
			return tape_lex_ended(l);
		if (*l->p != '{')
			return tape_lex_fail(l, "expected the map of an event");
	}
	l->p++;
	for (;;) {
		if (!space(l))
			return false;
		if (l->p == l->end)
			return tape_lex_ended(l);
		if (*l->p == '}')
			break;
		if (!member(l, ret))
			return false;
	}
	l->p++;
	return true;
}
